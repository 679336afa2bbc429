/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex-private: a pthread mutex in each process's own memory.
 *
 * Excludes:     the clerks of one worker, and only those: after the fork
 *               every process has a copy of its own.
 * Holder dies:  with its whole process, and the mutex with it.
 * Fails:        as soon as two workers sell.  It is the second control: it
 *               shows why `mutex` lives in shared memory.
 */
#include "locks/lock_impl.h"

#include <pthread.h>
#include <stdlib.h>

#include "locks/robust.h"

/* calloc, not shared_new(): that is the whole mistake. */
static int
private_prepare(const struct lock_config *config, void **shared)
{
	pthread_mutex_t *mutexes;
	unsigned slot;

	(void)config;
	mutexes = calloc(LOCK_SLOTS, sizeof(*mutexes));
	if (mutexes == NULL)
		return -1;
	for (slot = 0; slot < LOCK_SLOTS; slot++)
		robust_init(&mutexes[slot]);
	*shared = mutexes;
	return 0;
}

static enum lock_result
private_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
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
private_release(void *own, unsigned slot, unsigned permits)
{
	pthread_mutex_t *mutexes = own;

	(void)permits;
	robust_unlock(&mutexes[slot]);
}

const struct lock_impl lock_mutex_private = {
    .name = "mutex-private",
    .summary = "a pthread mutex in each process's own memory",
    .when_killed = "its process dies with it",
    .permits_max = 1,
    .overtakes = true,
    .facts = {.holds = true,
	.excludes_threads = true,
	.wrong_on_purpose = true},
    .prepare = private_prepare,
    .attach = lock_attach_shared,
    .acquire = private_acquire,
    .release = private_release,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = free,
};
