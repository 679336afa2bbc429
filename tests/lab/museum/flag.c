/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flag: is it free?  Then it is mine.
 *
 * Excludes:     nobody.  Two who look before either has set it both find it
 *               free: the same mistake as with the counter, one step earlier.
 * Holder dies:  the flag stays set, and nobody gets in any more.
 * Cure:         test and set in one step (atomic_exchange, O_EXCL, SETNX).
 */
#include "tests/lab/museum/museum.h"

#include <stdlib.h>

static enum lock_result
flag_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct visitor *v = own;

	(void)permits;
	(void)deadline_ns;
	if (atomic_load(&v->words->word[slot][0]) != 0)
		return LOCK_TIMED_OUT;
	museum_letter();
	atomic_store(&v->words->word[slot][0], v->name);
	return LOCK_HELD;
}

static void
flag_release(void *own, unsigned slot, unsigned permits)
{
	struct visitor *v = own;

	(void)permits;
	atomic_store(&v->words->word[slot][0], 0);
}

const struct exhibit flag_exhibit = {
    .impl = {.name = "flag",
	.summary = "a flag that is tested, and then set",
	.when_killed = "the flag stays set",
	.permits_max = 1,
	.facts = {.holds = true,
	    .excludes_threads = true,
	    .excludes_processes = true},
	.prepare = museum_prepare,
	.attach = museum_attach,
	.acquire = flag_acquire,
	.release = flag_release,
	.detach = free,
	.force_release = lock_force_release_nothing,
	.destroy = museum_destroy},
    .says = "but I look whether it is locked first",
    .why = "both look before either has set it",
    .cure = "test and set in one step: atomic_exchange(), O_EXCL",
};
