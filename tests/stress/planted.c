/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks with a mistake each, as people make them, that all claim to exclude:
 * what the stress test must find in one run.  turnstile-planted and
 * stress-planted are linked with these tables in place of the real ones.  All
 * but the first are the real mutex, or the real semaphore, used wrongly.
 */
#include <sys/mman.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "locks/clock.h"
#include "locks/lock_impl.h"
#include "storage/store_impl.h"

#define FORGETS 10 /* one release in so many */

extern const struct lock_impl lock_none, lock_mutex, lock_mutex_private,
    lock_semaphore;

/* A clerk's handle to a real lock, and who it is. */
struct planted_own {
	void *real;
	unsigned worker, clerk;
};

/* What is held at this moment, and by which handle; own NULL: nothing. */
static _Thread_local struct {
	struct planted_own *own;
	unsigned slot;
} before_write, during_write;

/* ------------------------------------------------- the real one, beneath -- */

static int
attach_to(const struct lock_impl *real, void *shared, unsigned worker,
    unsigned clerk, void **own)
{
	struct planted_own *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return -1;
	o->worker = worker;
	o->clerk = clerk;
	*own = o;
	return real->attach(shared, worker, clerk, &o->real);
}

static int
mutex_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	return attach_to(&lock_mutex, shared, worker, clerk, own);
}

static void
mutex_detach(void *made)
{
	struct planted_own *o = made;

	lock_mutex.detach(o->real);
	free(o);
}

static enum lock_result
mutex_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	const struct planted_own *o = own;

	return lock_mutex.acquire(o->real, slot, permits, deadline_ns);
}

static void
mutex_release(void *own, unsigned slot, unsigned permits)
{
	const struct planted_own *o = own;

	lock_mutex.release(o->real, slot, permits);
}

/* ------------------------------------------- check a flag, then set it -- */

static int
flags_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = mmap(NULL, LOCK_SLOTS * sizeof(_Atomic int),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return *shared == MAP_FAILED ? -1 : 0;
}

static enum lock_result
spin_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	_Atomic int *flags = own;

	(void)permits;
	while (atomic_load(&flags[slot]) != 0)
		if (deadline_ns == 0 || clock_now_ns() >= deadline_ns)
			return LOCK_TIMED_OUT;
	atomic_store(&flags[slot], 1);
	return LOCK_HELD;
}

static void
spin_release(void *own, unsigned slot, unsigned permits)
{
	_Atomic int *flags = own;

	(void)permits;
	atomic_store(&flags[slot], 0);
}

/* ------------------------------------------------- a missing unlock -- */

static void
forget_release(void *own, unsigned slot, unsigned permits)
{
	static _Thread_local unsigned releases;

	if (releases++ % FORGETS != FORGETS - 1)
		mutex_release(own, slot, permits);
}

/* ------------------------------------------- one who never comes out -- */

/* A loop that waits for what does not happen. */
static void
stay_release(void *own, unsigned slot, unsigned permits)
{
	static _Thread_local unsigned releases;

	for (releases++; releases > FORGETS / 2; releases++)
		clock_sleep_until(clock_now_ns() + NS_PER_SEC);
	mutex_release(own, slot, permits);
}

/* ---------------------------------------------- taken after the read -- */

static enum lock_result
late_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)permits;
	(void)deadline_ns;
	before_write.own = own;
	before_write.slot = slot;
	return LOCK_HELD;
}

static void
late_release(void *own, unsigned slot, unsigned permits)
{
	before_write.own = NULL;
	if (during_write.own != NULL)
		mutex_release(own, slot, permits);
	during_write.own = NULL;
}

/* ------------------------------------------ released before the write -- */

static enum lock_result
early_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	const enum lock_result result =
	    mutex_acquire(own, slot, permits, deadline_ns);

	if (result <= LOCK_INHERITED) {
		during_write.own = own;
		during_write.slot = slot;
	}
	return result;
}

static void
early_release(void *own, unsigned slot, unsigned permits)
{
	if (during_write.own != NULL)
		mutex_release(own, slot, permits);
	during_write.own = NULL;
}

/* ---------------------------------------------- a lock of the wrong sale -- */

static unsigned
own_slot(const struct planted_own *o, unsigned slot)
{
	return (slot + o->clerk) % LOCK_SLOTS;
}

static enum lock_result
astray_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	return mutex_acquire(own, own_slot(own, slot), permits, deadline_ns);
}

static void
astray_release(void *own, unsigned slot, unsigned permits)
{
	mutex_release(own, own_slot(own, slot), permits);
}

/* --------------------------------------- a try whose failure is ignored -- */

static _Thread_local bool got_it;

static enum lock_result
ignore_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)deadline_ns;
	got_it = mutex_acquire(own, slot, permits, 0) <= LOCK_INHERITED;
	return LOCK_HELD;
}

static void
ignore_release(void *own, unsigned slot, unsigned permits)
{
	if (got_it)
		mutex_release(own, slot, permits);
}

/* ----------------------------------------- a semaphore that begins at 2 -- */

static enum lock_result
two_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)permits;
	return lock_semaphore.acquire(own, slot, 2, deadline_ns);
}

static void
two_release(void *own, unsigned slot, unsigned permits)
{
	(void)permits;
	lock_semaphore.release(own, slot, 2);
}

/* ------------------------------------------------------------- the tables --
 */

#define CLAIMS                                                                 \
	{                                                                      \
		.holds = true, .excludes_threads = true,                       \
		.excludes_processes = true                                     \
	}

static struct lock_impl locks[9];
static const struct {
	const char *name;
	const struct lock_impl *like;
	lock_prepare_fn *prepare; /* NULL: as that one does */
	lock_attach_fn *attach;
	lock_free_fn *detach;
	lock_acquire_fn *acquire;
	lock_release_fn *release;
} plants[] = {
    {"spin-broken", &lock_none, flags_prepare, lock_attach_shared, NULL,
	spin_acquire, spin_release},
    {"no-unlock", &lock_mutex, NULL, mutex_attach, mutex_detach, mutex_acquire,
	forget_release},
    {"no-return", &lock_mutex, NULL, mutex_attach, mutex_detach, mutex_acquire,
	stay_release},
    {"after-read", &lock_mutex, NULL, mutex_attach, mutex_detach, late_acquire,
	late_release},
    {"before-write", &lock_mutex, NULL, mutex_attach, mutex_detach,
	early_acquire, early_release},
    {"each-worker", &lock_mutex_private, NULL, NULL, NULL, NULL, NULL},
    {"wrong-sale", &lock_mutex, NULL, mutex_attach, mutex_detach,
	astray_acquire, astray_release},
    {"try-ignored", &lock_mutex, NULL, mutex_attach, mutex_detach,
	ignore_acquire, ignore_release},
    {"two-permits", &lock_semaphore, NULL, NULL, NULL, two_acquire,
	two_release},
};

#define PLANTS (sizeof(plants) / sizeof(plants[0]))
_Static_assert(PLANTS == sizeof(locks) / sizeof(locks[0]), "a row for each");

const struct lock_impl *const lock_rows[] = {&lock_none, &lock_mutex, &locks[0],
    &locks[1], &locks[2], &locks[3], &locks[4], &locks[5], &locks[6], &locks[7],
    &locks[8]};
const size_t lock_rows_count = sizeof(lock_rows) / sizeof(lock_rows[0]);

extern const struct store_impl store_json, store_sqlite;
static const struct store_impl *const real[] = {&store_json, &store_sqlite};
static struct store_impl stores[2];
const struct store_impl *const store_rows[] = {&stores[0], &stores[1]};
const size_t store_rows_count = 2;

/* Where a write begins, those who lock late do, and the early unlock. */
static enum store_result
planted_begin(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	if (before_write.own != NULL && during_write.own == NULL &&
	    mutex_acquire(before_write.own, before_write.slot, 1,
		deadline_ns) <= LOCK_INHERITED) {
		during_write = before_write;
	} else if (before_write.own == NULL && during_write.own != NULL) {
		mutex_release(during_write.own, during_write.slot, 1);
		during_write.own = NULL;
	}
	return real[user->store->impl - stores]->begin(
	    user, state, deadline_ns, now);
}

/* Before main(). */
__attribute__((constructor)) static void
plant(void)
{
	size_t i;

	for (i = 0; i < PLANTS; i++) {
		locks[i] = *plants[i].like;
		locks[i].name = plants[i].name;
		locks[i].permits_max = 1;
		locks[i].permits_shown = 0;
		locks[i].facts = (struct lock_facts)CLAIMS;
		if (plants[i].prepare != NULL)
			locks[i].prepare = plants[i].prepare;
		if (plants[i].attach != NULL)
			locks[i].attach = plants[i].attach;
		if (plants[i].detach != NULL)
			locks[i].detach = plants[i].detach;
		if (plants[i].acquire != NULL)
			locks[i].acquire = plants[i].acquire;
		if (plants[i].release != NULL)
			locks[i].release = plants[i].release;
	}
	for (i = 0; i < 2; i++) {
		stores[i] = *real[i];
		stores[i].begin = planted_begin;
	}
}
