/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only one strategy promises; what all do is in test_locks.c and
 * test_locks_crashes.c.
 */
#include <time.h>

#include "locks/lock_impl.h"
#include "locks/nap.h"
#include "tests/unit/actors.h"

#define LONG (10 * SHORTLY)

static int64_t
processor_ns(const struct actor *actor)
{
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(actor->tid, &clock), 0);
	return clock_read_ns(clock);
}

/* ------------------------------------------------------------------ spin -- */

/* Its holder may sleep through a delay: who waits leaves it the processor. */
static void
test_spin_naps(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;
	struct answer answer;
	int64_t from_ns;

	actors_fill(stage);
	waiter = actor_up(stage, 1);
	from_ns = processor_ns(waiter);
	answer = actor_acquire(waiter, SLOT, actors_in(LONG));
	assert_int_equal(answer.result, LOCK_TIMED_OUT);
	assert_in_range(processor_ns(waiter) - from_ns, 0, LONG / 10);
	assert_in_range(answer.sleeps, 1, 2 * LONG / NAP_MOST_NS);
}

/* Its word is marked for whoever comes next, and for nobody else's death. */
static void
test_spin_orphan(void **state)
{
	struct stage *stage = *state;

	assert_true(actors_can_enter(stage, 1, SLOT));
	assert_int_equal(locks_force_release(stage->locks, 0), 0);
	assert_int_equal(locks_force_release(stage->locks, 2), 0);
	assert_false(actors_can_enter(stage, 0, SLOT));
	assert_int_equal(actor_kill(&stage->actors[1]), 1);
	assert_int_equal(locks_force_release(stage->locks, 1), 0);
	assert_int_equal(
	    actor_acquire(&stage->actors[0], SLOT, 0).result, LOCK_INHERITED);
	assert_false(actors_can_enter(stage, 2, SLOT));
	actor_release(&stage->actors[0]);
	assert_int_equal(
	    actor_acquire(actor_up(stage, 2), SLOT, 0).result, LOCK_HELD);
}

/* ------------------------------------------------------------------ run -- */

static struct play spin = {.name = "spin", .processes = true};

#define TEST(check, play)                                                      \
	cmocka_unit_test_prestate_setup_teardown(                              \
	    check, actors_set_up, actors_tear_down, &(play))

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_spin_naps, spin),
	    TEST(test_spin_orphan, spin),
	};

	assert_true(lock_parse("spin", &spin.strategy));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
