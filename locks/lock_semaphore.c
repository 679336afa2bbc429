/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * semaphore: a POSIX semaphore in shared memory, with N permits.
 *
 * Excludes:     threads and processes with one permit.  With three it lets
 *               three clerks in, which is right for three lanes and wrong for
 *               one counter.
 * Holder dies:  a semaphore has no owner, so a dead holder's permit is gone;
 *               worse, from outside nobody can tell whether a clerk that was
 *               killed while waiting or posting had it.  So the semaphore
 *               does the *waiting* and a name tag for each permit does the
 *               *excluding*:
 *
 *                 acquire   wait; then claim a free tag by compare-and-swap;
 *                           none is free: the permit was spurious, swallow it
 *                           and wait on
 *                 release   clear the tag, then post
 *                 a death   the supervisor clears the dead clerk's tags, and
 *                           posts once if it was not idle
 *
 *               Posting too often is safe: a spurious permit finds no tag.
 *               Posting too seldom would stall, and cannot happen: every tag
 *               that is cleared is followed by a post, the dead's by the
 *               supervisor's.
 * Fails:        between the death and the supervisor's turn (milliseconds)
 *               nobody gets in.
 *
 * Invariants, for each semaphore:
 *   1. a clerk is inside exactly while a tag bears its name;
 *   2. free tags <= permits in the semaphore + permits taken and not yet
 *      turned into a tag or swallowed + posts that are still to come.
 */
#include "locks/lock_impl.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "locks/clock.h"
#include "locks/owner.h"
#include "locks/shared.h"
#include "locks/tsan.h"

/* Both are kept in 32 bits: where a clerk is, and its name. */
static_assert((uint64_t)LOCK_SLOTS * LOCK_PERMITS_MAX < UINT32_MAX, "at");
static_assert((uint64_t)CLERK_NAMES < UINT32_MAX, "tag");

/* One for each slot and number of permits: a change of N needs no reset. */
struct gate {
	sem_t sem;
	_Atomic uint32_t tag[LOCK_PERMITS_MAX]; /* a clerk's name, 0: free */
};

struct semaphore_shared {
	struct gate gate[LOCK_SLOTS][LOCK_PERMITS_MAX];
	/* Where each clerk waits or is inside: 1 + gate's number, 0: idle.
	 * Written by the clerk, read by the supervisor when it is dead. */
	_Atomic uint32_t at[LOCK_WORKERS_MAX][LOCK_CLERKS_MAX];
};

struct semaphore_own {
	struct semaphore_shared *shared;
	_Atomic uint32_t *at;
	uint32_t name;
};

static int
semaphore_prepare(const struct lock_config *config, void **shared)
{
	struct semaphore_shared *s;
	unsigned slot, permits;

	(void)config;
	s = shared_new(sizeof(*s));
	if (s == NULL)
		return -1;
	for (slot = 0; slot < LOCK_SLOTS; slot++)
		for (permits = 1; permits <= LOCK_PERMITS_MAX; permits++)
			if (sem_init(&s->gate[slot][permits - 1].sem, 1,
				permits) != 0) {
				shared_free(s, sizeof(*s));
				return -1;
			}
	*shared = s;
	return 0;
}

static void
semaphore_destroy(void *shared)
{
	shared_free(shared, sizeof(struct semaphore_shared));
}

static int
semaphore_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct semaphore_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->shared = shared;
	o->at = &o->shared->at[worker][clerk];
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

/* One permit from the semaphore.  0, or -1 with errno set. */
static int
take_permit(sem_t *sem, int64_t deadline_ns)
{
	struct timespec ts;
	int rc;

	do {
		if (deadline_ns == 0) {
			rc = sem_trywait(sem);
		} else if (TSAN_ON) { /* it does not know sem_clockwait */
			ts = clock_timespec(deadline_ns - clock_now_ns() +
					    clock_read_ns(CLOCK_REALTIME));
			rc = sem_timedwait(sem, &ts);
		} else {
			ts = clock_timespec(deadline_ns);
			rc = sem_clockwait(sem, CLOCK_MONOTONIC, &ts);
		}
	} while (rc != 0 && errno == EINTR);
	return rc;
}

/* Put `to` in a tag that now bears `from`.  False: there is none. */
static bool
change_tag(struct gate *gate, unsigned permits, uint32_t from, uint32_t to)
{
	unsigned i;

	for (i = 0; i < permits; i++) {
		uint32_t expected = from;

		if (atomic_compare_exchange_strong(
			&gate->tag[i], &expected, to))
			return true;
	}
	return false;
}

static enum lock_result
semaphore_acquire(
    void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct semaphore_own *o = own;
	struct gate *gate = &o->shared->gate[slot][permits - 1];

	atomic_store(o->at, 1 + slot * LOCK_PERMITS_MAX + permits - 1);
	while (take_permit(&gate->sem, deadline_ns) == 0)
		if (change_tag(gate, permits, 0, o->name))
			return LOCK_HELD;
	atomic_store(o->at, 0);
	return errno == EAGAIN || errno == ETIMEDOUT ? LOCK_TIMED_OUT
						     : LOCK_FAILED;
}

static void
semaphore_release(void *own, unsigned slot, unsigned permits)
{
	struct semaphore_own *o = own;
	struct gate *gate = &o->shared->gate[slot][permits - 1];
	bool held;

	held = change_tag(gate, permits, o->name, 0);
	assert(held);
	(void)held;
	sem_post(&gate->sem);
	atomic_store(o->at, 0);
}

static unsigned
semaphore_force_release(void *shared, unsigned worker)
{
	struct semaphore_shared *s = shared;
	unsigned clerk, held = 0;

	for (clerk = 0; clerk < LOCK_CLERKS_MAX; clerk++) {
		const uint32_t at = atomic_load(&s->at[worker][clerk]);
		unsigned permits;
		struct gate *gate;

		if (at == 0)
			continue;
		permits = 1 + (at - 1) % LOCK_PERMITS_MAX;
		gate = &s->gate[(at - 1) / LOCK_PERMITS_MAX][permits - 1];
		held += change_tag(gate, permits, clerk_name(worker, clerk), 0);
		sem_post(&gate->sem); /* of one that waited, it is spurious */
		atomic_store(&s->at[worker][clerk], 0);
	}
	return held;
}

const struct lock_impl lock_semaphore = {
    .name = "semaphore",
    .summary = "a POSIX semaphore in shared memory; semaphore:3 admits "
	       "three",
    .when_killed = "the supervisor hands its permit back",
    .permits_max = LOCK_PERMITS_MAX,
    .permits_shown = 3,
    .overtakes = true,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true},
    .prepare = semaphore_prepare,
    .attach = semaphore_attach,
    .acquire = semaphore_acquire,
    .release = semaphore_release,
    .detach = free,
    .force_release = semaphore_force_release,
    .destroy = semaphore_destroy,
};
