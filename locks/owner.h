/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owner words: a clerk's name in shared memory says whose something is, so
 * that the supervisor can find what the dead had.  0 is nobody's name.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/lock.h"

#define CLERK_NAMES (LOCK_WORKERS_MAX * LOCK_CLERKS_MAX) /* 1 to this */

/* No other clerk has it; the one that takes a dead one's place has. */
static inline uint32_t
clerk_name(unsigned worker, unsigned clerk)
{
	return 1 + worker * LOCK_CLERKS_MAX + clerk;
}

/* Is it the name of a clerk of `worker`? */
static inline bool
clerk_is_of(uint32_t name, unsigned worker)
{
	return name > worker * LOCK_CLERKS_MAX &&
	       name <= (worker + 1) * LOCK_CLERKS_MAX;
}

#endif
