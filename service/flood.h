/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kind of event that comes by the thousand when it comes: on a full disk
 * every order fails.  Of each second the first ones are said, the others are
 * counted, so that the log does not fill the disk that has no space.
 *
 * In memory of all who say it, and atomic.  At the turn of a second some may
 * be said too many; none is lost.
 */
#ifndef FLOOD_H
#define FLOOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FLOOD_SAID 10 /* of each second */

/* Zeroed: nothing came yet. */
struct flood {
	_Atomic int64_t second;
	_Atomic uint64_t said, unsaid;
};

/* One more came; may it be said?  Else it is counted. */
bool flood_says(struct flood *flood, int64_t now_ns);

/*
 * How many were counted since this was asked last, if their second is over,
 * for the caller to say; INT64_MAX: whether it is or not.
 */
uint64_t flood_rest(struct flood *flood, int64_t now_ns);

#endif
