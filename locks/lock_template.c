/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template: one line that says what it is.
 *
 * Copy this file to write a lock of your own; README.md walks you through it.
 * All around the lock is there: a word in shared memory for each sale, and a
 * name for each clerk.  The lock is not: acquire lets everybody in, while the
 * facts at the bottom claim that it excludes.  So the tests find it wrong,
 * until you have written it.
 *
 * Excludes:     whom?
 * Holder dies:  what becomes of the lock?
 * Fails:        when?
 */
#include "locks/lock_impl.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "locks/owner.h"
#include "locks/shared.h"

#define WORDS_SIZE (LOCK_SLOTS * sizeof(_Atomic uint32_t))

/* One clerk's. */
struct template_own {
	_Atomic uint32_t *words; /* one for each sale's slot; all processes */
	uint32_t name;           /* this clerk's: no other has it; never 0 */
};

/* Supervisor, before it forks: memory that all workers see, filled with 0. */
static int
template_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = shared_new(WORDS_SIZE);
	return *shared == NULL ? -1 : 0;
}

static void
template_destroy(void *shared)
{
	shared_free(shared, WORDS_SIZE);
}

/* Each clerk, after the fork. */
static int
template_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct template_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->words = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

/*
 * A clerk wants to come in.  Write here: wait until nobody is inside, but not
 * beyond `deadline_ns` (then LOCK_TIMED_OUT; if it is 0, at once).
 */
static enum lock_result
template_acquire(
    void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct template_own *o = own;

	(void)permits;     /* 1, unless permits_max below is more */
	(void)deadline_ns; /* locks/clock.h tells the time, and sleeps */
	(void)o->words[slot];
	return LOCK_HELD;
}

/* It goes out.  Write here: let the next one in. */
static void
template_release(void *own, unsigned slot, unsigned permits)
{
	struct template_own *o = own;

	(void)permits;
	(void)o->words[slot];
}

/*
 * Supervisor: all clerks of `worker` are dead.  Write here: give back what
 * they held, in every slot, and return how many that were.
 */
static unsigned
template_force_release(void *shared, unsigned worker)
{
	(void)shared;
	(void)worker;
	return 0;
}

const struct lock_impl lock_template = {
    .name = "template",
    .summary = "say in one line what it is",
    .when_killed = "say what becomes of a dead holder's lock",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true},
    .prepare = template_prepare,
    .attach = template_attach,
    .acquire = template_acquire,
    .release = template_release,
    .detach = free,
    .force_release = template_force_release,
    .destroy = template_destroy,
};
