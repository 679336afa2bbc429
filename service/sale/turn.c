/* SPDX-License-Identifier: BSD-2-Clause */
/* A turn that did not work out is tried again, until the order is late. */
#include "service/sale/turn.h"

#include <stdlib.h>

#include "locks/clock.h"

#define BACK_OFF_FIRST_NS (100 * NS_PER_US)
#define BACK_OFF_DOUBLED 6 /* times, at most */
#define BACK_OFF_MOST_NS (5 * NS_PER_MS)

enum turn
turn_after(enum store_result result)
{
	switch (result) {
	case STORE_OK:
	case STORE_FULL:
	case STORE_FAILED:
	case STORE_UNKNOWN:
		return TURN_DONE;
	case STORE_CONFLICT:
	case STORE_DUPLICATE: /* the other write sold to one of the keys */
		return TURN_CONFLICT;
	case STORE_MOVED:
	case STORE_GONE: /* and perhaps there is a new sale of the name */
		return TURN_MOVED;
	case STORE_BUSY:
		return TURN_BUSY;
	}
	abort(); /* every result is in the switch */
}

enum outcome
turn_why_late(enum turn turn)
{
	switch (turn) {
	case TURN_DONE:
		return OUTCOME_QUEUE_TIMEOUT;
	case TURN_CONFLICT:
		return OUTCOME_CONFLICTS;
	case TURN_MOVED:
		return OUTCOME_MOVED;
	case TURN_TIMED_OUT:
		return OUTCOME_LOCK_TIMEOUT;
	case TURN_BUSY:
		return OUTCOME_STORE_BUSY;
	}
	abort(); /* every turn is in the switch */
}

/* A random part of a time that doubles, so that rivals do not meet again. */
void
turn_back_off(const struct sell_env *env, unsigned attempts)
{
	int64_t most_ns = BACK_OFF_MOST_NS;

	if (attempts < BACK_OFF_DOUBLED)
		most_ns = BACK_OFF_FIRST_NS << attempts;
	env->pause_ns(
	    env->arg, (int64_t)(env->random(env->arg) % (uint64_t)most_ns));
}
