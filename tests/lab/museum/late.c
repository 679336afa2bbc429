/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * late: the write is locked.
 *
 * Excludes:     two writes at the same time, which did no harm.  What was
 *               decided was read before the lock was taken.
 * Holder dies:  the lock stays taken.
 * Cure:         take the lock before the read that is decided on.
 */
#include "tests/lab/museum/museum.h"

#include <stdlib.h>

static bool
take(_Atomic uint32_t *word, uint32_t name)
{
	uint32_t nobody = 0;

	return atomic_compare_exchange_strong(word, &nobody, name);
}

static void
late_before(void *own, unsigned slot, enum step step)
{
	struct visitor *v = own;

	if (step != STEP_WRITE)
		return;
	while (!take(&v->words->word[slot][0], v->name))
		museum_blocked();
}

static void
late_release(void *own, unsigned slot, unsigned permits)
{
	struct visitor *v = own;

	(void)permits;
	if (atomic_load(&v->words->word[slot][0]) == v->name)
		atomic_store(&v->words->word[slot][0], 0);
}

const struct exhibit late_exhibit = {
    .impl = {.name = "late",
	.summary = "a lock round the write only",
	.when_killed = "the lock stays taken",
	.permits_max = 1,
	.facts = {.excludes_threads = true, .excludes_processes = true},
	.prepare = museum_prepare,
	.attach = museum_attach,
	.acquire = lock_acquire_nothing,
	.release = late_release,
	.detach = free,
	.force_release = lock_force_release_nothing,
	.destroy = museum_destroy},
    .says = "but I did lock the write",
    .why = "the check is outside: what is written was decided before",
    .cure = "take the lock before the read that is decided on",
    .before = late_before,
};
