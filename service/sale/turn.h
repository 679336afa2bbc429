/* SPDX-License-Identifier: BSD-2-Clause */
/* A turn at a sale: who gives it, how it ended, and what follows from that. */
#ifndef TURN_H
#define TURN_H

#include <assert.h>

#include "service/sale/desk.h"

static_assert((int)LOCK_TURN_HERE == (int)STORE_TURN_NONE &&
		  (int)LOCK_TURN_ROW == (int)STORE_TURN_ROW &&
		  (int)LOCK_TURN_ADVISORY == (int)STORE_TURN_ADVISORY &&
		  (int)LOCK_TURN_ATOMIC == (int)STORE_TURN_ATOMIC,
    "what a strategy asks of a store has the store's number");

/* The turn that a strategy asks of a store. */
enum store_turn turn_of(struct lock_strategy strategy);

/* Can a sale in a store of that kind have the strategy? */
bool turn_fits(struct lock_strategy strategy, const char *kind);

/* How far must a strategy reach, for a store of that kind? */
enum lock_reach turn_reach(const char *kind);

enum turn {
	TURN_DONE = 0,  /* whoever has an outcome may be answered */
	TURN_CONFLICT,  /* another clerk's write came first: again */
	TURN_MOVED,     /* the sale's settings were changed: again */
	TURN_TIMED_OUT, /* the lock did not come in time */
	TURN_BUSY,      /* the store's latch did not come in time */
};

/*
 * What whoever opens or changes a sale should know: its lock reaches fewer than
 * sell from a store of that kind.  False: nothing.
 */
#define TURN_WARNING_SIZE 160
bool turn_warn(
    const char *lock, const char *kind, char warning[TURN_WARNING_SIZE]);

/* How a turn ends whose write had this result. */
enum turn turn_after(enum store_result result);

/* What an order is told whose deadline came after such a turn. */
enum outcome turn_why_late(enum turn turn);

#endif
