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

/* ---------------------------------------------------------------- rwlock -- */

static enum lock_result
take(struct lock_user *user, const char *name, int64_t deadline_ns,
    struct lock_hold *hold)
{
	struct lock_strategy strategy;

	*hold = (struct lock_hold){.user = NULL};
	assert_true(lock_parse(name, &strategy));
	return lock_acquire(user, strategy, SLOT, deadline_ns, hold);
}

/* The test's own clerks, beside the actors. */
static void
attach(struct stage *stage, struct lock_user *users[], unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		users[i] = locks_attach(stage->locks, 0, i);
		assert_non_null(users[i]);
	}
}

static void
detach(struct lock_user *users[], unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		locks_detach(users[i]);
}

static void
test_rwlock_shares(void **state)
{
	struct lock_user *users[4];
	struct lock_hold holds[4];
	unsigned i;

	attach(*state, users, 4);
	for (i = 0; i < 3; i++)
		assert_int_equal(
		    take(users[i], "rwlock:3", 0, &holds[i]), LOCK_HELD);
	assert_int_equal(
	    take(users[3], "rwlock:3", 0, &holds[3]), LOCK_TIMED_OUT);
	for (i = 0; i < 3; i++) {
		assert_int_equal(
		    take(users[3], "rwlock", 0, &holds[3]), LOCK_TIMED_OUT);
		lock_release(&holds[i]);
	}
	assert_int_equal(take(users[3], "rwlock", 0, &holds[3]), LOCK_HELD);
	assert_int_equal(
	    take(users[0], "rwlock:3", 0, &holds[0]), LOCK_TIMED_OUT);
	lock_release(&holds[3]);
	assert_int_equal(take(users[0], "rwlock:3", 0, &holds[0]), LOCK_HELD);
	lock_release(&holds[0]);
	detach(users, 4);
}

/* The first of two has a share, and an actor waits in the door for it. */
static struct actor *
wait_in_the_door(
    struct stage *stage, struct lock_user *users[2], struct lock_hold *share)
{
	struct actor *alone = actor_up(stage, 1);

	attach(stage, users, 2);
	assert_int_equal(take(users[0], "rwlock:3", 0, share), LOCK_HELD);
	actor_tell_acquire(alone, SLOT, actors_in(SERVED));
	actor_await_asleep(alone);
	return alone;
}

/*
 * Who wants it alone waits in the door for one share; meanwhile no other is
 * given out, so that it gets in when that one is back.
 */
static void
test_rwlock_is_not_starved(void **state)
{
	struct lock_user *users[2];
	struct lock_hold holds[2];
	struct actor *alone = wait_in_the_door(*state, users, &holds[0]);

	assert_int_equal(
	    take(users[1], "rwlock:3", 0, &holds[1]), LOCK_TIMED_OUT);
	lock_release(&holds[0]);
	assert_int_equal(actor_answer(alone).result, LOCK_HELD);
	actor_release(alone);
	detach(users, 2);
}

/* Whoever dies in the door, waiting for a share, leaves it open. */
static void
test_rwlock_dies_in_the_door(void **state)
{
	struct stage *stage = *state;
	struct lock_user *users[2];
	struct lock_hold holds[2];
	struct actor *alone = wait_in_the_door(stage, users, &holds[0]);

	assert_int_equal(actor_kill(alone), 0);
	assert_in_range(take(users[1], "rwlock:3", 0, &holds[1]), LOCK_HELD,
	    LOCK_INHERITED);
	lock_release(&holds[0]);
	lock_release(&holds[1]);
	assert_true(actors_can_enter(stage, 2, SLOT));
	detach(users, 2);
}

/* What is the actor's is a share, now. */
static void
test_rwlock_share_of_the_dead(void **state)
{
	struct stage *stage = *state;
	struct lock_user *user;
	struct lock_hold hold;

	assert_true(actors_can_enter(stage, 1, SLOT));
	attach(stage, &user, 1);
	assert_int_equal(take(user, "rwlock", 0, &hold), LOCK_TIMED_OUT);
	assert_int_equal(locks_force_release(stage->locks, 2), 0);
	assert_int_equal(take(user, "rwlock", 0, &hold), LOCK_TIMED_OUT);
	assert_int_equal(actor_kill(&stage->actors[1]), 1);
	assert_int_equal(take(user, "rwlock", 0, &hold), LOCK_HELD);
	lock_release(&hold);
	detach(&user, 1);
}

/* ------------------------------------------------------------------ run -- */

static struct play spin = {.name = "spin", .processes = true};
static struct play ticket = {.name = "ticket", .processes = true};
static struct play rwlock = {.name = "rwlock", .processes = true};
static struct play shared = {.name = "rwlock:3", .processes = true};

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
	    TEST(test_rwlock_shares, rwlock),
	    TEST(test_rwlock_is_not_starved, rwlock),
	    TEST(test_rwlock_dies_in_the_door, rwlock),
	    TEST(test_rwlock_share_of_the_dead, shared),
	};

	assert_true(lock_parse("spin", &spin.strategy));
	assert_true(lock_parse("ticket", &ticket.strategy));
	assert_true(lock_parse("rwlock", &rwlock.strategy));
	assert_true(lock_parse("rwlock:3", &shared.strategy));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
