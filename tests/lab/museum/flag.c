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

/* So many looks, and then it is set. */
static enum lock_result
look_and_set(struct visitor *v, unsigned slot, unsigned looks)
{
	for (; looks > 0; looks--) {
		if (atomic_load(&v->words->word[slot][0]) != 0)
			return LOCK_TIMED_OUT;
		museum_letter("sees that the flag is not set");
	}
	atomic_store(&v->words->word[slot][0], v->name);
	return LOCK_HELD;
}

static enum lock_result
once_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)permits;
	(void)deadline_ns;
	return look_and_set(own, slot, 1);
}

static enum lock_result
twice_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)permits;
	(void)deadline_ns;
	return look_and_set(own, slot, 2);
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
	.facts = {MUSEUM_CLAIMS},
	.acquire = once_acquire,
	.release = flag_release,
	MUSEUM_SHARED},
    .says = "but I look whether it is locked first",
    .why = "both look before either has set it",
    .cure = "test and set in one step: atomic_exchange(), O_EXCL",
    .met_in = "https://github.com/cameronmaske/celery-once/issues/7",
};

/* And with a second look, as one does who has had it happen. */
const struct exhibit flag_twice = {
    .impl = {.name = "twice",
	.summary = "a flag that is tested twice, and then set",
	.when_killed = "the flag stays set",
	.facts = {MUSEUM_CLAIMS},
	.acquire = twice_acquire,
	.release = flag_release,
	MUSEUM_SHARED},
    .says = "but I look again, to be sure",
    .why = "however often both look: the last look is not the set",
    .cure = "test and set in one step: atomic_exchange(), O_EXCL",
};
