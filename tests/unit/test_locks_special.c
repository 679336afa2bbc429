/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only one strategy promises; what all do is in test_locks.c and
 * test_locks_crashes.c.
 */
#include <signal.h>
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

/* ---------------------------------------------------------------- ticket -- */

/* More than there are stubs, and no multiple of them. */
#define MANY_TICKETS 300
#define SOON (NS_PER_MS / 4)

/* Actor 0 is inside; these come, one behind the other. */
static void
queue_up(struct stage *stage, const unsigned *order, unsigned count)
{
	unsigned i;

	actors_fill(stage);
	for (i = 0; i < count; i++) {
		actor_tell_acquire(
		    actor_up(stage, order[i]), SLOT, actors_in(SERVED));
		actor_await_asleep(&stage->actors[order[i]]);
	}
}

/* The one that is inside leaves; the next to get in is that one. */
static void
served_next(struct stage *stage, unsigned leaves, unsigned enters)
{
	actor_release(&stage->actors[leaves]);
	assert_int_equal(
	    actor_answer(&stage->actors[enters]).result, LOCK_HELD);
}

static void
test_ticket_first_come_first_served(void **state)
{
	static const unsigned orders[][4] = {
	    {1, 2, 3, 4}, {4, 3, 2, 1}, {2, 4, 1, 3}, {3, 1, 4, 2}};
	struct stage *stage = *state;
	unsigned i, k, inside;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		queue_up(stage, orders[i], 4);
		for (inside = k = 0; k < 4; inside = orders[i][k++])
			served_next(stage, inside, orders[i][k]);
		actor_release(&stage->actors[inside]);
	}
}

/* One who waits is killed, one gives up; nobody waits behind an empty place. */
static void
test_ticket_empty_places(void **state)
{
	static const unsigned order[] = {1, 2};
	struct stage *stage = *state;
	int64_t deadline_ns;

	queue_up(stage, order, 2);
	deadline_ns = actors_in(SHORTLY);
	actors_assert_timed_out(
	    actor_acquire(actor_up(stage, 3), SLOT, deadline_ns), deadline_ns);
	actor_tell_acquire(actor_up(stage, 4), SLOT, actors_in(SERVED));
	actor_await_asleep(&stage->actors[4]);
	assert_int_equal(actor_kill(&stage->actors[1]), 0);
	served_next(stage, 0, 2);
	assert_int_equal(actor_kill(&stage->actors[2]), 1);
	assert_int_equal(actor_answer(&stage->actors[4]).result, LOCK_HELD);
	actor_release(&stage->actors[4]);
	actors_assert_admitted(stage);
}

/*
 * A try leaves no ticket, or there would be no stub for the waiter.  When it
 * is free, and the waiter, whose turn it is, is stopped, a try gets nothing:
 * the price of an order.
 */
static void
test_ticket_try(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;
	unsigned i;

	actors_fill(stage);
	for (i = 0; i < MANY_TICKETS; i++)
		assert_false(actors_can_enter(stage, 1, SLOT));
	waiter = actor_up(stage, 2);
	actor_tell_acquire(waiter, SLOT, actors_in(SERVED));
	actor_await_asleep(waiter);
	actor_stop(waiter);
	actor_release(&stage->actors[0]);
	assert_false(actors_can_enter(stage, 1, SLOT));
	kill(waiter->tid, SIGCONT);
	assert_int_equal(actor_answer(waiter).result, LOCK_HELD);
	actor_release(waiter);
	assert_true(actors_can_enter(stage, 1, SLOT));
}

/* So many give up that no stub is left; who comes then waits, and gets in. */
static void
test_ticket_stubs_run_out(void **state)
{
	struct stage *stage = *state;
	struct actor *patient;
	unsigned i;

	actors_fill(stage);
	for (i = 0; i < MANY_TICKETS; i++)
		assert_int_equal(
		    actor_acquire(actor_up(stage, 1), SLOT, actors_in(SOON))
			.result,
		    LOCK_TIMED_OUT);
	patient = actor_up(stage, 2);
	actor_tell_acquire(patient, SLOT, actors_in(SERVED));
	actor_await_asleep(patient);
	served_next(stage, 0, 2);
	actor_release(patient);
	for (i = 0; i < MANY_TICKETS; i++) {
		assert_true(actors_can_enter(stage, i % 3, SLOT));
		actor_release(&stage->actors[i % 3]);
	}
}

/* ------------------------------------------------------------------ run -- */

static struct play spin = {.name = "spin", .processes = true};
static struct play ticket = {.name = "ticket", .processes = true};

#define TEST(check, play)                                                      \
	cmocka_unit_test_prestate_setup_teardown(                              \
	    check, actors_set_up, actors_tear_down, &(play))

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_spin_naps, spin),
	    TEST(test_spin_orphan, spin),
	    TEST(test_ticket_first_come_first_served, ticket),
	    TEST(test_ticket_empty_places, ticket),
	    TEST(test_ticket_try, ticket),
	    TEST(test_ticket_stubs_run_out, ticket),
	};

	assert_true(lock_parse("spin", &spin.strategy));
	assert_true(lock_parse("ticket", &ticket.strategy));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
