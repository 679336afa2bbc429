/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of locks/lock.h, for every strategy, between threads and
 * between processes, as long as nobody dies: see test_locks_crashes.c.
 */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "locks/lock_impl.h"
#include "tests/unit/actors.h"

#define WAKE_SIGNAL (SIGRTMIN + 1) /* lock_flock.c's */

/*
 * First what holds for every strategy.
 */

/* Whatever lists it relies on this; run once for each, and for its variant. */
static void
test_row_is_complete(void **state)
{
	const struct stage *stage = *state;
	const struct lock_strategy strategy = stage->play->strategy;
	const struct lock_impl *row = strategy.impl;
	struct lock_strategy parsed;
	char name[LOCK_NAME_SIZE];

	assert_true(strlen(row->name) > 0);
	assert_int_equal(
	    strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
	    strlen(row->name));
	assert_in_range(row->permits_max, 1, LOCK_PERMITS_MAX);
	assert_true(strlen(row->name) + (row->permits_max > 1 ? 2 : 0) <
		    LOCK_NAME_SIZE);
	assert_true(
	    row->permits_shown == 0 ||
	    (row->permits_shown > 1 && row->permits_shown <= row->permits_max));
	assert_true(strlen(row->summary) > 0 && strlen(row->when_killed) > 0);
	assert_true(row->prepare != NULL && row->attach != NULL &&
		    row->acquire != NULL && row->release != NULL &&
		    row->detach != NULL && row->force_release != NULL &&
		    row->destroy != NULL);

	lock_print(strategy, name);
	assert_true(lock_parse(name, &parsed)); /* no other has its name */
	assert_ptr_equal(parsed.impl, row);
	assert_int_equal(parsed.permits, strategy.permits);
}

static void
assert_got_in(struct answer answer)
{
	if (answer.result == LOCK_TIMED_OUT)
		fail_msg("a clerk never got in, though others had left");
	assert_int_equal(answer.result, LOCK_HELD);
}

static void
assert_most_inside(const struct room *room, unsigned admitted)
{
	const int most = atomic_load(&room->most);

	if (most != (int)admitted)
		fail_msg("%d were inside at once; by its facts %u can be", most,
		    admitted);
}

static void
test_exclusion(void **state)
{
	struct stage *stage = *state;
	const unsigned admitted = actors_admitted(stage->play);
	struct room *room = stage->room;
	unsigned i;

	for (i = 0; i < ACTORS; i++)
		actor_up(stage, i);
	for (i = 0; i < ACTORS; i++)
		actor_tell(
		    &stage->actors[i], (struct order){.deed = VISIT,
					   .slot = SLOT,
					   .deadline_ns = actors_in(HUNG)});
	for (i = 0; i < ACTORS; i++)
		assert_got_in(actor_answer(&stage->actors[i]));

	assert_most_inside(room, admitted);
	if (admitted == 1 || lock_facts(stage->play->strategy).checks_write)
		assert_int_equal(atomic_load(&room->counter), ACTORS);
	else
		assert_in_range(
		    atomic_load(&room->counter), 1, ACTORS - admitted + 1);
	if (admitted == 1)
		assert_int_equal(room->tally, ACTORS);
}

static void
test_free_needs_no_deadline(void **state)
{
	struct stage *stage = *state;
	const int64_t past[] = {0, actors_in(-NS_PER_SEC), INT64_MIN};
	struct actor *actor = actor_up(stage, 0);
	size_t i;

	for (i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		assert_int_equal(
		    actor_acquire(actor, SLOT, past[i]).result, LOCK_HELD);
		actor_release(actor);
	}
}

/* The same clerk goes from one to the other and back. */
static void
test_slots_are_apart(void **state)
{
	struct stage *stage = *state;
	const unsigned clerk = actors_admitted(stage->play) % ACTORS;
	const bool waits = actors_admitted(stage->play) < ACTORS;

	if (waits) {
		actors_fill(stage);
		assert_false(actors_can_enter(stage, clerk, SLOT));
	}
	assert_true(actors_can_enter(stage, clerk, OTHER_SLOT));
	if (actors_admitted(stage->play) == 1)
		assert_false(actors_can_enter(stage, clerk + 1, OTHER_SLOT));
	actor_release(actor_up(stage, clerk));
	if (waits)
		assert_false(actors_can_enter(stage, clerk, SLOT));
}

/*
 * Then what holds for those that keep somebody out.
 */

static void
test_past_deadline_never_sleeps(void **state)
{
	struct stage *stage = *state;
	const int64_t past[] = {0, actors_in(-NS_PER_SEC), INT64_MIN};
	struct actor *actor;
	long fewest = LONG_MAX;
	unsigned i;

	actors_fill(stage);
	actor = actor_up(stage, actors_admitted(stage->play));
	for (i = 0; i < 12; i++) { /* of which one may be unlucky */
		const struct answer answer =
		    actor_acquire(actor, SLOT, past[i % 3]);

		assert_int_equal(answer.result, LOCK_TIMED_OUT);
		if (answer.sleeps < fewest)
			fewest = answer.sleeps;
	}
	assert_int_equal(fewest, 0);
}

static void
test_waits_until_its_deadline(void **state)
{
	struct stage *stage = *state;
	int64_t deadline_ns;
	struct actor *actor;

	actors_fill(stage);
	actor = actor_up(stage, actors_admitted(stage->play));
	deadline_ns = actors_in(SHORTLY);
	actors_assert_timed_out(
	    actor_acquire(actor, SLOT, deadline_ns), deadline_ns);
	actors_leave(stage);
	actors_assert_admitted(stage);
}

/* Strategies wait in signals' reach: a clerk must hear flock's. */
static void
test_signal_ends_no_wait(void **state)
{
	struct stage *stage = *state;
	int64_t deadline_ns;
	struct actor *waiter;

	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	deadline_ns = actors_in(2 * SHORTLY);
	actor_tell_acquire(waiter, SLOT, deadline_ns);
	actor_await_asleep(waiter);
	assert_int_equal(tgkill(stage->play->processes ? waiter->tid : getpid(),
			     waiter->tid, WAKE_SIGNAL),
	    0);
	actors_assert_timed_out(actor_answer(waiter), deadline_ns);
}

static void
test_release_wakes_a_waiter(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;

	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	actor_tell_acquire(waiter, SLOT, actors_in(SERVED));
	actor_await_asleep(waiter);
	actor_release(&stage->actors[0]);
	assert_int_equal(actor_answer(waiter).result, LOCK_HELD);
	assert_false(actors_can_enter(stage, 0, SLOT));
}

static void
test_nobody_overtakes(void **state)
{
	struct stage *stage = *state;

	if (!stage->play->strategy.impl->overtakes)
		actors_skip("it has an order of its own, or none");
	actors_fill(stage);
	actors_assert_in_line(stage);
}

static const struct check checks[] = {
    {"its row is complete", test_row_is_complete, false, false},
    {"excludes as its facts say", test_exclusion, false, false},
    {"free: needs no deadline", test_free_needs_no_deadline, false, false},
    {"slots are apart", test_slots_are_apart, false, false},
    {"held: a past deadline never sleeps", test_past_deadline_never_sleeps,
	true, false},
    {"held: waits until its deadline", test_waits_until_its_deadline, true,
	false},
    {"held: a signal ends no wait", test_signal_ends_no_wait, true, false},
    {"a release wakes a waiter", test_release_wakes_a_waiter, true, false},
    {"held: nobody overtakes a waiter", test_nobody_overtakes, true, false},
};

int
main(void)
{
	return actors_run(checks, sizeof(checks) / sizeof(checks[0]));
}
