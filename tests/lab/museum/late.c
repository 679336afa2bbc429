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

static void
late_before(void *own, unsigned slot, enum step step)
{
	struct visitor *v = own;

	if (step != STEP_WRITE)
		return;
	while (!museum_take(&v->words->word[slot][0], v))
		museum_blocked(
		    "the lock", atomic_load(&v->words->word[slot][0]));
}

const struct exhibit late_exhibit = {
    .impl = {.name = "late",
	.summary = "a lock round the write only",
	.when_killed = "the lock stays taken",
	.facts = {.excludes_threads = true, .excludes_processes = true},
	.acquire = lock_acquire_nothing,
	.release = museum_release,
	MUSEUM_SHARED},
    .says = "but I did lock the write",
    .why = "the check is outside: what is written was decided before",
    .cure = "take the lock before the read that is decided on",
    .met_in = "https://github.com/vendurehq/vendure/pull/4930",
    .before = late_before,
};
