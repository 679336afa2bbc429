/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * two: two locks, and everybody begins with his own.
 *
 * Excludes:     threads and processes, as long as somebody gets in.
 * Holder dies:  what it held stays taken.
 * Fails:        each of two has one lock and waits for the other's: a
 *               deadlock.  `two-ordered`, its cure, is the same with one order
 *               for all.
 *
 * Coffman, Elphick and Shoshani, "System Deadlocks", 1971: no circle, no
 * deadlock.
 */
#include "tests/lab/museum/museum.h"

/* The first that is free, or none; then the second, for which it waits. */
static enum lock_result
take_both(struct visitor *v, unsigned slot, unsigned first)
{
	_Atomic uint32_t *word = v->words->word[slot];

	if (!museum_take(&word[first], v))
		return LOCK_TIMED_OUT;
	museum_letter(first == 0 ? "takes lock 1" : "takes lock 2");
	while (!museum_take(&word[1 - first], v))
		museum_blocked(first == 0 ? "lock 2" : "lock 1",
		    atomic_load(&word[1 - first]));
	return LOCK_HELD;
}

static enum lock_result
two_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct visitor *v = own;

	(void)permits;
	(void)deadline_ns;
	return take_both(v, slot, v->name % 2);
}

static enum lock_result
ordered_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)permits;
	(void)deadline_ns;
	return take_both(own, slot, 0);
}

static void
two_release(void *own, unsigned slot, unsigned permits)
{
	struct visitor *v = own;

	(void)permits;
	atomic_store(&v->words->word[slot][1], 0);
	atomic_store(&v->words->word[slot][0], 0);
}

/* clang-format off */
#define TWO(its_name, its_summary, its_acquire) \
	.impl = {.name = (its_name), \
	    .summary = (its_summary), \
	    .when_killed = "what it held stays taken", \
	    .facts = {MUSEUM_CLAIMS}, \
	    .acquire = (its_acquire), \
	    .release = two_release, \
	    MUSEUM_SHARED}
/* clang-format on */

const struct exhibit two_exhibit = {
    TWO("two", "two locks, each buyer in an order of its own", two_acquire),
    .says = "but I lock both of them",
    .why = "each has one, and waits for the other's",
    .cure = "one order for all: two-ordered",
    .met_in = "https://github.com/team-telnyx/freeswitch/pull/542",
};

const struct exhibit two_ordered = {
    TWO("two-ordered", "two locks, in one order", ordered_acquire),
    .says = "everybody takes the first one first",
    .why = "it is right: the cure of two",
    .cure = "",
};
