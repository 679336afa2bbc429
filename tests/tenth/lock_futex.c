/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex: the holder's name in a word of shared memory, and futex(2) to sleep
 * until the word changes.  Not one of turnstile's strategies: the tenth that
 * somebody might add, which tests/tenth/tenth.bats links with everything.
 *
 * Excludes:     threads and processes: the word changes from 0 to a name by
 *               compare-and-swap only.
 * Holder dies:  its name stays; the supervisor clears it.
 * Fails:        between the death and the supervisor's turn nobody gets in.
 *
 * Whoever clears the word wakes everybody, not one: the one might be killed
 * before it takes the word, and the others would sleep on.  A clerk can also
 * be killed between clearing and waking, so the supervisor wakes every slot.
 */
#include "locks/lock_impl.h"

#include <sys/syscall.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/shared.h"

struct futex_own {
	_Atomic uint32_t *words; /* of each slot: a clerk's name, 0: free */
	uint32_t name;
};

static uint32_t
clerk_name(unsigned worker, unsigned clerk)
{
	return 1 + worker * LOCK_CLERKS_MAX + clerk;
}

static int
futex_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = shared_new(LOCK_SLOTS * sizeof(_Atomic uint32_t));
	return *shared == NULL ? -1 : 0;
}

static void
futex_destroy(void *shared)
{
	shared_free(shared, LOCK_SLOTS * sizeof(_Atomic uint32_t));
}

static int
futex_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct futex_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->words = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

/* Sleep while the word is `seen`; may return before it has changed. */
static void
sleep_on(_Atomic uint32_t *word, uint32_t seen, int64_t deadline_ns)
{
	const struct timespec ts = clock_timespec(deadline_ns);

	syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, &ts, NULL,
	    FUTEX_BITSET_MATCH_ANY);
}

static void
wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static enum lock_result
futex_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct futex_own *o = own;
	uint32_t seen = 0;

	(void)permits;
	while (
	    !atomic_compare_exchange_strong(&o->words[slot], &seen, o->name)) {
		if (deadline_ns == 0 || clock_now_ns() >= deadline_ns)
			return LOCK_TIMED_OUT;
		sleep_on(&o->words[slot], seen, deadline_ns);
		seen = 0;
	}
	return LOCK_HELD;
}

static void
futex_release(void *own, unsigned slot, unsigned permits)
{
	struct futex_own *o = own;

	(void)permits;
	atomic_store(&o->words[slot], 0);
	wake_all(&o->words[slot]);
}

static unsigned
futex_force_release(void *shared, unsigned worker)
{
	const uint32_t first = clerk_name(worker, 0);
	_Atomic uint32_t *words = shared;
	unsigned slot, cleared = 0;

	for (slot = 0; slot < LOCK_SLOTS; slot++) {
		uint32_t name = atomic_load(&words[slot]);

		if (name >= first && name < first + LOCK_CLERKS_MAX &&
		    atomic_compare_exchange_strong(&words[slot], &name, 0))
			cleared++;
		wake_all(&words[slot]);
	}
	return cleared;
}

const struct lock_impl lock_futex = {
    .name = "futex",
    .summary = "a name in shared memory, and futex(2) to wait for it",
    .when_killed = "the supervisor clears its name",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true},
    .prepare = futex_prepare,
    .attach = futex_attach,
    .acquire = futex_acquire,
    .release = futex_release,
    .detach = free,
    .force_release = futex_force_release,
    .destroy = futex_destroy,
};
