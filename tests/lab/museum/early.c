/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early: unlocked before the commit.
 *
 * Excludes:     two reads at the same time.  Whoever comes between the unlock
 *               and the commit reads what was, as nobody can see what will be.
 * Holder dies:  the lock stays taken.
 * Cure:         release the lock when the write is there for others to see:
 *               after the commit, not in the transaction's body.
 */
#include "tests/lab/museum/museum.h"

static enum lock_result
early_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct visitor *v = own;

	(void)permits;
	(void)deadline_ns;
	return museum_take(&v->words->word[slot][0], v) ? LOCK_HELD
							: LOCK_TIMED_OUT;
}

static void
early_before(void *own, unsigned slot, enum step step)
{
	if (step != STEP_WRITE)
		return;
	museum_release(own, slot, 1);
	museum_letter("lets go of the lock");
}

const struct exhibit early_exhibit = {
    .impl = {.name = "early",
	.summary = "a lock that is released before the commit",
	.when_killed = "the lock stays taken",
	.facts = {MUSEUM_CLAIMS},
	.acquire = early_acquire,
	.release = museum_release,
	MUSEUM_SHARED},
    .says = "but all of it stands between lock and unlock",
    .why = "the commit comes after the unlock",
    .cure = "unlock after the commit",
    .met_in = "https://github.com/spring-projects/spring-framework/"
	      "issues/23549",
    .before = early_before,
};
