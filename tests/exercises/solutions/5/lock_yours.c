/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * yours: the name of who is inside, in a word of shared memory.
 *
 * Excludes:     threads and processes: the word goes from 0 to a name by
 *               compare-and-swap, which only one of two can do.
 * Holder dies:  its name stays until the supervisor clears it.
 * Fails:        never wrongly; but who waits looks again every 50 us instead
 *               of being woken, and nobody knows who waited longest.
 */
#include "locks/lock_impl.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "locks/clock.h"
#include "locks/shared.h"

#define NAP_NS (50 * NS_PER_US)
#define WORDS_SIZE (LOCK_SLOTS * sizeof(_Atomic uint32_t))

/* One clerk's. */
struct yours_own {
	_Atomic uint32_t *words; /* one for each sale's slot; all processes */
	uint32_t name;           /* this clerk's: no other has it; never 0 */
};

static uint32_t
clerk_name(unsigned worker, unsigned clerk)
{
	return 1 + worker * LOCK_CLERKS_MAX + clerk;
}

/* Supervisor, before it forks: memory that all workers see, filled with 0. */
static int
yours_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = shared_new(WORDS_SIZE);
	return *shared == NULL ? -1 : 0;
}

static void
yours_destroy(void *shared)
{
	shared_free(shared, WORDS_SIZE);
}

/* Each clerk, after the fork. */
static int
yours_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct yours_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->words = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

static enum lock_result
yours_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct yours_own *o = own;
	uint32_t nobody = 0;

	(void)permits;
	while (!atomic_compare_exchange_strong(
	    &o->words[slot], &nobody, o->name)) {
		if (deadline_ns == 0 || clock_now_ns() >= deadline_ns)
			return LOCK_TIMED_OUT;
		clock_sleep_until(clock_now_ns() + NAP_NS);
		nobody = 0;
	}
	return LOCK_HELD;
}

static void
yours_release(void *own, unsigned slot, unsigned permits)
{
	struct yours_own *o = own;

	(void)permits;
	atomic_store(&o->words[slot], 0);
}

static unsigned
yours_force_release(void *shared, unsigned worker)
{
	const uint32_t first = clerk_name(worker, 0);
	_Atomic uint32_t *words = shared;
	unsigned slot, cleared = 0;

	for (slot = 0; slot < LOCK_SLOTS; slot++) {
		const uint32_t name = atomic_load(&words[slot]);

		if (name < first || name >= first + LOCK_CLERKS_MAX)
			continue;
		atomic_store(&words[slot], 0); /* the dead do not write */
		cleared++;
	}
	return cleared;
}

const struct lock_impl lock_yours = {
    .name = "yours",
    .summary = "the name of who is inside, in shared memory",
    .when_killed = "the supervisor clears its name",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true},
    .prepare = yours_prepare,
    .attach = yours_attach,
    .acquire = yours_acquire,
    .release = yours_release,
    .detach = free,
    .force_release = yours_force_release,
    .destroy = yours_destroy,
};
