/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwlock: shared by those who look, or of one alone who changes.
 *
 * Excludes:     threads and processes, as `rwlock`: a sale takes it alone,
 *               from the start, since it changes what it looks at.  As
 *               `rwlock:3` three share it.  They keep out who wants it alone,
 *               and not each other, which is wrong for a sale: it is there to
 *               be seen.
 * Holder dies:  alone: the next holder inherits it, as it does a mutex.  A
 *               share has a name on it, which the supervisor clears.
 * Fails:        between the death of one who shares it and the supervisor's
 *               turn (milliseconds) nobody has it alone.  Never wrongly.
 *
 * A pthread_rwlock_t between processes is not robust: who dies holding it
 * locks it for ever.  So this one is built of what is: the door, a robust
 * mutex, and a word with a name for each share.  Who shares it passes through
 * the door and leaves it; who wants it alone stays in the door until all
 * shares are given back.  Those who come later are behind it: they cannot
 * starve it.
 *
 * Who only looks, at a sale or its ledger, takes no lock here, under any
 * strategy: stores show each version whole, and what is concluded from it is
 * not written back.  And there is no way from a share to the whole lock: two
 * who wait for each other's share wait for ever (tests/lab/museum/upgrade.c).
 *
 * Courtois, Heymans and Parnas, "Concurrent Control with Readers and Writers",
 * 1971.
 */
#include "locks/lock_impl.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "locks/nap.h"
#include "locks/owner.h"
#include "locks/robust.h"
#include "locks/shared.h"

struct room {
	pthread_mutex_t door;
	_Atomic uint32_t share[LOCK_PERMITS_MAX]; /* a clerk's name, 0: free */
};

struct rwlock_own {
	struct room *rooms;
	uint32_t name;
};

static int
rwlock_prepare(const struct lock_config *config, void **shared)
{
	struct room *rooms = shared_new(LOCK_SLOTS * sizeof(*rooms));
	unsigned slot;

	(void)config;
	if (rooms == NULL)
		return -1;
	for (slot = 0; slot < LOCK_SLOTS; slot++)
		robust_init(&rooms[slot].door);
	*shared = rooms;
	return 0;
}

static void
rwlock_destroy(void *shared)
{
	shared_free(shared, LOCK_SLOTS * sizeof(struct room));
}

static int
rwlock_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct rwlock_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->rooms = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

/* Put `to` on the first of the shares that bears `from`.  False: none does. */
static bool
rename_share(struct room *room, unsigned shares, uint32_t from, uint32_t to)
{
	unsigned i;

	for (i = 0; i < shares; i++)
		if (atomic_load(&room->share[i]) == from) {
			atomic_store(&room->share[i], to);
			return true;
		}
	return false;
}

static bool
is_shared(struct room *room)
{
	unsigned i;

	for (i = 0; i < LOCK_PERMITS_MAX; i++)
		if (atomic_load(&room->share[i]) != 0)
			return true;
	return false;
}

/* In the door, so nobody else takes a share: alone, or with a share. */
static bool
can_enter(struct room *room, unsigned permits, uint32_t name)
{
	return permits == 1 ? !is_shared(room)
			    : rename_share(room, permits, 0, name);
}

static enum lock_result
rwlock_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct rwlock_own *o = own;
	struct room *room = &o->rooms[slot];
	enum lock_result result = robust_lock(&room->door, deadline_ns);
	int64_t nap_ns = NAP_FIRST_NS;

	if (result > LOCK_INHERITED)
		return result;
	if (result == LOCK_INHERITED)
		robust_repaired(&room->door);
	while (!can_enter(room, permits, o->name))
		if (!nap(&nap_ns, deadline_ns)) {
			robust_unlock(&room->door);
			return LOCK_TIMED_OUT;
		}
	if (permits > 1)
		robust_unlock(&room->door);
	return result;
}

static void
rwlock_release(void *own, unsigned slot, unsigned permits)
{
	struct rwlock_own *o = own;
	struct room *room = &o->rooms[slot];
	bool shared;

	if (permits == 1) {
		robust_unlock(&room->door);
		return;
	}
	shared = rename_share(room, permits, o->name, 0);
	assert(shared);
	(void)shared;
}

/* The door is the kernel's to hand on. */
static unsigned
rwlock_force_release(void *shared, unsigned worker)
{
	struct room *rooms = shared;
	unsigned slot, i, held = 0;

	for (slot = 0; slot < LOCK_SLOTS; slot++)
		for (i = 0; i < LOCK_PERMITS_MAX; i++)
			if (clerk_is_of(
				atomic_load(&rooms[slot].share[i]), worker)) {
				atomic_store(&rooms[slot].share[i], 0);
				held++;
			}
	return held;
}

const struct lock_impl lock_rwlock = {
    .name = "rwlock",
    .summary = "shared to look, alone to change; a sale has it alone",
    .when_killed = "the next holder inherits it",
    .permits_max = LOCK_PERMITS_MAX,
    .overtakes = true,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.tells_death = true},
    .prepare = rwlock_prepare,
    .attach = rwlock_attach,
    .acquire = rwlock_acquire,
    .release = rwlock_release,
    .detach = free,
    .force_release = rwlock_force_release,
    .destroy = rwlock_destroy,
};
