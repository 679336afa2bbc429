/* SPDX-License-Identifier: BSD-2-Clause */
/* A turn that did not work out is tried again, until the order is late. */
#include "service/sale/turn.h"

#include <stdio.h>

enum store_turn
turn_of(struct lock_strategy strategy)
{
	return (enum store_turn)lock_facts(strategy).turn;
}

bool
turn_fits(struct lock_strategy strategy, const char *kind)
{
	return store_gives(kind, turn_of(strategy));
}

enum lock_reach
turn_reach(const char *kind)
{
	return store_has_hosts(kind) ? LOCK_REACH_HOSTS : LOCK_REACH_HOST;
}

bool
turn_warn(const char *lock, const char *kind, char warning[TURN_WARNING_SIZE])
{
	struct lock_strategy strategy;

	if (!lock_parse(lock, &strategy) ||
	    lock_reach(strategy) != LOCK_REACH_HOST ||
	    lock_is_safe(strategy, turn_reach(kind)))
		return false;
	snprintf(warning, TURN_WARNING_SIZE,
	    "%s reaches one host: with several on this database the sale "
	    "oversells; optimistic, atomic, row and advisory reach all",
	    lock);
	return true;
}

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
