/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * yours: everybody takes a number, and the lowest number is inside.
 *
 * Excludes:     threads and processes: numbers are drawn behind a door, a
 *               robust mutex, so no two are alike, and who comes later has a
 *               higher one.
 * Holder dies:  the supervisor takes its number back; so does it with one who
 *               waited.
 * Fails:        never wrongly; but who waits looks again every 50 us instead
 *               of being woken.
 *
 * Who gives up takes its number back: nobody waits behind an empty chair.
 * That is what a counter "now serving" alone cannot do; lock_ticket.c, which
 * has one, has stubs as well.
 */
#include "locks/lock_impl.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "locks/clock.h"
#include "locks/robust.h"
#include "locks/shared.h"

#define NAP_NS (50 * NS_PER_US)
#define CHAIRS 64 /* who finds none free waits for a chair, out of turn */

/* One for each sale.  `name` is 0 where nobody sits; set last. */
struct row {
	pthread_mutex_t door; /* guards next, and who sits down */
	uint64_t next;
	struct {
		_Atomic uint64_t number;
		_Atomic uint32_t name;
	} chair[CHAIRS];
};

struct yours_own {
	struct row *rows;
	uint32_t name;
	unsigned chair; /* where it sits */
};

static uint32_t
clerk_name(unsigned worker, unsigned clerk)
{
	return 1 + worker * LOCK_CLERKS_MAX + clerk;
}

static int
yours_prepare(const struct lock_config *config, void **shared)
{
	struct row *rows = shared_new(LOCK_SLOTS * sizeof(*rows));
	unsigned slot;

	(void)config;
	if (rows == NULL)
		return -1;
	for (slot = 0; slot < LOCK_SLOTS; slot++)
		robust_init(&rows[slot].door);
	*shared = rows;
	return 0;
}

static void
yours_destroy(void *shared)
{
	shared_free(shared, LOCK_SLOTS * sizeof(struct row));
}

static int
yours_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct yours_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->rows = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

/* Take a number, and sit down.  Somebody who dies here leaves nothing. */
static enum lock_result
sit_down(struct yours_own *o, struct row *row, int64_t deadline_ns)
{
	const enum lock_result result = robust_lock(&row->door, deadline_ns);
	unsigned i;

	if (result > LOCK_INHERITED)
		return result;
	if (result == LOCK_INHERITED)
		robust_repaired(&row->door);
	for (i = 0; i < CHAIRS && atomic_load(&row->chair[i].name) != 0; i++)
		;
	if (i < CHAIRS) {
		o->chair = i;
		atomic_store(&row->chair[i].number, row->next++);
		atomic_store(&row->chair[i].name, o->name);
	}
	robust_unlock(&row->door);
	return i < CHAIRS ? LOCK_HELD : LOCK_TIMED_OUT;
}

static void
stand_up(const struct yours_own *o, struct row *row)
{
	atomic_store(&row->chair[o->chair].name, 0);
}

static bool
is_first(struct row *row, unsigned chair)
{
	const uint64_t mine = atomic_load(&row->chair[chair].number);
	unsigned i;

	for (i = 0; i < CHAIRS; i++)
		if (atomic_load(&row->chair[i].name) != 0 &&
		    atomic_load(&row->chair[i].number) < mine)
			return false;
	return true;
}

static enum lock_result
yours_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct yours_own *o = own;
	struct row *row = &o->rows[slot];
	enum lock_result result;

	(void)permits;
	while ((result = sit_down(o, row, deadline_ns)) == LOCK_TIMED_OUT &&
	       clock_now_ns() < deadline_ns)
		clock_sleep_until(clock_now_ns() + NAP_NS);
	if (result != LOCK_HELD)
		return result;
	while (!is_first(row, o->chair)) {
		if (deadline_ns == 0 || clock_now_ns() >= deadline_ns) {
			stand_up(o, row);
			return LOCK_TIMED_OUT;
		}
		clock_sleep_until(clock_now_ns() + NAP_NS);
	}
	return LOCK_HELD;
}

static void
yours_release(void *own, unsigned slot, unsigned permits)
{
	struct yours_own *o = own;

	(void)permits;
	stand_up(o, &o->rows[slot]);
}

static unsigned
yours_force_release(void *shared, unsigned worker)
{
	const uint32_t first = clerk_name(worker, 0);
	struct row *rows = shared;
	unsigned slot, i, taken = 0;

	/* Who sat first held it; that is looked for before anybody stands up.
	 */
	for (slot = 0; slot < LOCK_SLOTS; slot++) {
		bool gone[CHAIRS];

		for (i = 0; i < CHAIRS; i++) {
			const uint32_t name =
			    atomic_load(&rows[slot].chair[i].name);

			gone[i] =
			    name >= first && name < first + LOCK_CLERKS_MAX;
			taken += gone[i] && is_first(&rows[slot], i);
		}
		for (i = 0; i < CHAIRS; i++)
			if (gone[i])
				atomic_store(&rows[slot].chair[i].name, 0);
	}
	return taken;
}

const struct lock_impl lock_yours = {
    .name = "yours",
    .summary = "everybody takes a number, and the lowest is inside",
    .when_killed = "the supervisor takes its number back",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.fair = true},
    .prepare = yours_prepare,
    .attach = yours_attach,
    .acquire = yours_acquire,
    .release = yours_release,
    .detach = free,
    .force_release = yours_force_release,
    .destroy = yours_destroy,
};
