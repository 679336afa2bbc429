/* SPDX-License-Identifier: BSD-2-Clause */
/* How a turn at a sale ended, and what follows from that. */
#ifndef TURN_H
#define TURN_H

#include "service/sale/desk.h"

enum turn {
	TURN_DONE = 0,  /* whoever has an outcome may be answered */
	TURN_CONFLICT,  /* another clerk's write came first: again */
	TURN_MOVED,     /* the sale's settings were changed: again */
	TURN_TIMED_OUT, /* the lock did not come in time */
	TURN_BUSY,      /* the store's latch did not come in time */
};

/* How a turn ends whose write had this result. */
enum turn turn_after(enum store_result result);

/* What an order is told whose deadline came after such a turn. */
enum outcome turn_why_late(enum turn turn);

#endif
