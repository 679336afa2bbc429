/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spin: a word in shared memory; who finds it taken looks again, and again.
 *
 * Excludes:     threads and processes: the word changes from free to a
 *               clerk's name by compare-and-swap only.
 * Holder dies:  its name stays; the supervisor, who knows whose it was, makes
 *               the word an orphan's.  Who takes that is told: inherited.
 * Fails:        between the death and the supervisor's turn (milliseconds)
 *               nobody gets in.  And never wrongly, but it is slow: nobody
 *               wakes who waits.
 *
 * Test, then set: a look leaves the word in all caches, a compare-and-swap
 * takes it out of all others.  LOOKS in a row are the spinning, which is worth
 * it only while the holder is on another processor and quick.  A holder here
 * waits for a disk, or sleeps through a delay, so then it is naps that grow
 * (nap.h): without them a machine would be busy with looking.
 *
 * Anderson, "The Performance of Spin Lock Alternatives for Shared-Memory
 * Multiprocessors", 1990.
 */
#include "locks/lock_impl.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "locks/nap.h"
#include "locks/owner.h"
#include "locks/shared.h"

#define LOOKS 100 /* a few microseconds */
#define FREE 0
#define ORPHAN (CLERK_NAMES + 1)

#define WORDS_SIZE (LOCK_SLOTS * sizeof(_Atomic uint32_t))

struct spin_own {
	_Atomic uint32_t *words; /* of each slot: FREE, ORPHAN, or a name */
	uint32_t name;
};

static int
spin_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = shared_new(WORDS_SIZE);
	return *shared == NULL ? -1 : 0;
}

static void
spin_destroy(void *shared)
{
	shared_free(shared, WORDS_SIZE);
}

static int
spin_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct spin_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->words = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

/* Tell the processor that this is a loop which only looks. */
static void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Test, and set. */
static enum lock_result
look(_Atomic uint32_t *word, uint32_t name)
{
	uint32_t seen = atomic_load(word);

	if (seen != FREE && seen != ORPHAN)
		return LOCK_TIMED_OUT;
	if (!atomic_compare_exchange_strong(word, &seen, name))
		return LOCK_TIMED_OUT;
	return seen == ORPHAN ? LOCK_INHERITED : LOCK_HELD;
}

static enum lock_result
spin_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct spin_own *o = own;
	enum lock_result result = look(&o->words[slot], o->name);
	int64_t nap_ns = NAP_FIRST_NS;
	unsigned looks = 0;

	(void)permits;
	while (result == LOCK_TIMED_OUT && deadline_ns != 0) {
		if (looks++ < LOOKS)
			relax();
		else if (!nap(&nap_ns, deadline_ns))
			break;
		result = look(&o->words[slot], o->name);
	}
	return result;
}

static void
spin_release(void *own, unsigned slot, unsigned permits)
{
	struct spin_own *o = own;

	(void)permits;
	atomic_store(&o->words[slot], FREE);
}

static unsigned
spin_force_release(void *shared, unsigned worker)
{
	_Atomic uint32_t *words = shared;
	unsigned slot, held = 0;

	for (slot = 0; slot < LOCK_SLOTS; slot++)
		if (clerk_is_of(atomic_load(&words[slot]), worker)) {
			atomic_store(&words[slot], ORPHAN);
			held++;
		}
	return held;
}

const struct lock_impl lock_spin = {
    .name = "spin",
    .summary = "a word in shared memory, looked at again and again",
    .when_killed = "the supervisor marks it, and the next holder inherits it",
    .permits_max = 1,
    .overtakes = true,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.tells_death = true},
    .prepare = spin_prepare,
    .attach = spin_attach,
    .acquire = spin_acquire,
    .release = spin_release,
    .detach = free,
    .force_release = spin_force_release,
    .destroy = spin_destroy,
};
