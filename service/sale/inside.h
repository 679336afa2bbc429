/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is inside: between a lock's acquire and its release.  A strategy that
 * says it excludes everybody is held to it here, directly: whoever comes in
 * writes down a name, and finds it there when leaving.  If it is not, another
 * clerk has come in meanwhile, and that is a fact which no timing hides; a
 * seat that was sold twice may need more than that.
 *
 * The dead are no trouble: a clerk who was killed inside is written over by
 * the next one, and does not leave to complain.
 */
#ifndef INSIDE_H
#define INSIDE_H

#include <stdbool.h>

#include "service/sale/counting.h"

/*
 * In shared memory, zeroed: a name for each sale's slot and each strategy, as
 * a sale may change its strategy while somebody is inside under the old one.
 */
struct inside {
	_Atomic uint32_t name[LOCK_SLOTS][COUNTING_ROWS];
};

/* The name of a clerk, which no other thread of the service has. */
static inline uint32_t
inside_name(unsigned worker, unsigned clerk)
{
	return (uint32_t)worker << 16 | clerk;
}

/* After acquire, before anything is read. */
static inline void
inside_enter(struct inside *inside, unsigned slot, unsigned row, uint32_t name)
{
	atomic_store(&inside->name[slot][row], name);
}

/* Before release.  False: somebody else was let in meanwhile. */
static inline bool
inside_leave(struct inside *inside, unsigned slot, unsigned row, uint32_t name)
{
	return atomic_compare_exchange_strong(
	    &inside->name[slot][row], &name, 0);
}

#endif
