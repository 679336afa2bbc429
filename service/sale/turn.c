/* SPDX-License-Identifier: BSD-2-Clause */
/* A turn that did not work out is tried again, until the order is late. */
#include "service/sale/turn.h"

enum turn
turn_after(enum store_result result)
{
	static const enum turn turns[] = {
	    [STORE_CONFLICT] = TURN_CONFLICT,
	    [STORE_DUPLICATE] = TURN_CONFLICT, /* it sold to one of the keys */
	    [STORE_MOVED] = TURN_MOVED,
	    [STORE_GONE] = TURN_MOVED, /* perhaps there is a new one */
	    [STORE_BUSY] = TURN_BUSY,
	    [STORE_UNKNOWN] = TURN_DONE,
	};

	return turns[result];
}

enum outcome
turn_why_late(enum turn turn)
{
	static const enum outcome outcomes[] = {
	    [TURN_DONE] = OUTCOME_QUEUE_TIMEOUT,
	    [TURN_CONFLICT] = OUTCOME_CONFLICTS,
	    [TURN_MOVED] = OUTCOME_MOVED,
	    [TURN_TIMED_OUT] = OUTCOME_LOCK_TIMEOUT,
	    [TURN_BUSY] = OUTCOME_STORE_BUSY,
	};

	return outcomes[turn];
}
