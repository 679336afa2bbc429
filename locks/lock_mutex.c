/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex: a robust pthread mutex in memory that all workers share.
 *
 * Excludes:     threads and processes.
 * Holder dies:  the kernel marks the mutex; the next to lock it gets
 *               EOWNERDEAD, which is: held, and inherited from the dead.  The
 *               lock protects no data of its own (the store settles what was
 *               half written), so there is nothing to repair here.
 * Fails:        only if the memory is not shared (see mutex-private), or on
 *               another machine.  A holder that is stopped, not dead, keeps
 *               it: the others run into their deadlines.
 */
#include "locks/lock_impl.h"

#include <pthread.h>

#include "locks/robust.h"
#include "locks/shared.h"

#define MUTEXES_SIZE (LOCK_SLOTS * sizeof(pthread_mutex_t))

static int
mutex_prepare(const struct lock_config *config, void **shared)
{
	pthread_mutex_t *mutexes;
	unsigned slot;

	(void)config;
	mutexes = shared_new(MUTEXES_SIZE);
	if (mutexes == NULL)
		return -1;
	for (slot = 0; slot < LOCK_SLOTS; slot++)
		robust_init(&mutexes[slot]);
	*shared = mutexes;
	return 0;
}

static void
mutex_destroy(void *shared)
{
	shared_free(shared, MUTEXES_SIZE);
}

static enum lock_result
mutex_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	pthread_mutex_t *mutexes = own;
	enum lock_result result;

	(void)permits;
	result = robust_lock(&mutexes[slot], deadline_ns);
	if (result == LOCK_INHERITED)
		robust_repaired(&mutexes[slot]);
	return result;
}

static void
mutex_release(void *own, unsigned slot, unsigned permits)
{
	pthread_mutex_t *mutexes = own;

	(void)permits;
	robust_unlock(&mutexes[slot]);
}

const struct lock_impl lock_mutex = {
    .name = "mutex",
    .summary = "a robust pthread mutex in shared memory",
    .when_killed = "the next holder inherits it",
    .permits_max = 1,
    .overtakes = true,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.tells_death = true},
    .prepare = mutex_prepare,
    .attach = lock_attach_shared,
    .acquire = mutex_acquire,
    .release = mutex_release,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = mutex_destroy,
};
