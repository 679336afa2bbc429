/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of locks/lock.h when a clerk's process is stopped or killed,
 * for every strategy that keeps somebody out: while it holds the lock, while
 * it waits for it, and at any instruction of an acquire or a release.  Who
 * stops between a check and what it is a check for lets two in.
 */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "locks/lock_impl.h"
#include "locks/tsan.h"
#include "tests/unit/actors.h"

/* Over the steps of an acquire or release; a process is slow under TSan. */
#define KILLS (TSAN_ON ? 3 : 60)
#define STEPS_MAX 1000000 /* it has fewer instructions */
#define APART 2           /* cmp, jne, mov: two stops are in between */

/* Does the supervisor hand back what a dead clerk held? */
static bool
is_handed_back(const struct play *play)
{
	return play->strategy.impl->force_release != lock_force_release_nothing;
}

/* The waiter sleeps past its deadline while the lock becomes free. */
static void
test_late_grant_is_given_back(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;
	int64_t deadline_ns;

	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	deadline_ns = actors_in(SHORTLY);
	actor_tell_acquire(waiter, SLOT, deadline_ns);
	actor_await_asleep(waiter);
	actor_stop(waiter);
	actor_release(&stage->actors[0]);
	clock_sleep_until(deadline_ns + NS_PER_MS);
	kill(waiter->tid, SIGCONT);
	actors_assert_timed_out(actor_answer(waiter), deadline_ns);
	assert_true(actors_can_enter(stage, 0, SLOT));
	actors_leave(stage);
	actors_assert_admitted(stage);
}

static void
test_stopped_holder_keeps_it(void **state)
{
	struct stage *stage = *state;
	struct actor *holder, *waiter;
	int64_t deadline_ns;

	actors_fill(stage);
	holder = &stage->actors[0];
	waiter = actor_up(stage, actors_admitted(stage->play));
	actor_stop(holder);
	deadline_ns = actors_in(SHORTLY);
	actors_assert_timed_out(
	    actor_acquire(waiter, SLOT, deadline_ns), deadline_ns);
	assert_false(actors_can_enter(stage, ACTORS - 1, SLOT));
	kill(holder->tid, SIGCONT);
	actor_release(holder);
	assert_int_equal(
	    actor_acquire(waiter, SLOT, actors_in(SERVED)).result, LOCK_HELD);
	assert_false(actors_can_enter(stage, 0, SLOT));
}

/* It may be the head of a line. */
static void
test_stopped_waiter_holds_nobody_up(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter, *other;
	int64_t from_ns;

	if (lock_facts(stage->play->strategy).fair)
		actors_skip("who comes later waits for who came before");
	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	other = actor_up(stage, actors_admitted(stage->play) + 1);
	actor_tell_acquire(waiter, SLOT, actors_in(HUNG));
	actor_await_asleep(waiter);
	actor_stop(waiter);
	actor_release(&stage->actors[0]);
	from_ns = clock_now_ns();
	assert_int_equal(
	    actor_acquire(other, SLOT, actors_in(HUNG)).result, LOCK_HELD);
	assert_in_range(clock_now_ns() - from_ns, 0, HUNG / 2);
	actor_release(other);
	kill(waiter->tid, SIGCONT);
	assert_int_equal(actor_answer(waiter).result, LOCK_HELD);
}

/* There is still a line, and the dead are not in it. */
static void
test_killed_waiter_leaves_a_line(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;

	if (!stage->play->strategy.impl->overtakes)
		actors_skip("it has an order of its own, or none");
	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	actor_tell_acquire(waiter, SLOT, actors_in(SERVED));
	actor_await_asleep(waiter);
	actor_kill(waiter);
	actors_assert_in_line(stage);
}

static void
test_killed_holder_is_succeeded(void **state)
{
	struct stage *stage = *state;
	const bool told = lock_facts(stage->play->strategy).tells_death;
	struct actor *waiter;
	unsigned handed_back;

	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	actor_tell_acquire(waiter, SLOT, actors_in(SERVED));
	actor_await_asleep(waiter);
	handed_back = actor_kill(&stage->actors[0]);
	if (told) /* also by the kernel */
		assert_in_range(handed_back, 0, is_handed_back(stage->play));
	else
		assert_int_equal(handed_back, is_handed_back(stage->play));
	assert_int_equal(
	    actor_answer(waiter).result, told ? LOCK_INHERITED : LOCK_HELD);

	/* Its successor finds it as full as before, and told only once. */
	assert_int_equal(locks_force_release(stage->locks, 0), 0);
	assert_false(actors_can_enter(stage, 0, SLOT));
	actor_release(waiter);
	assert_int_equal(
	    actor_acquire(&stage->actors[0], SLOT, 0).result, LOCK_HELD);
	actors_leave(stage);
	actors_assert_admitted(stage);
}

/* Whichever clerk of the dead worker it was. */
static void
test_killed_last_clerk_is_succeeded(void **state)
{
	struct stage *stage = *state;

	stage->clerk = ACTORS - 1;
	test_killed_holder_is_succeeded(state);
}

/* Killed after its deadline, or after its release: nothing is handed back. */
static void
test_killed_idle_leaves_nothing(void **state)
{
	struct stage *stage = *state;
	struct actor *late;
	int64_t deadline_ns;

	actors_fill(stage);
	late = actor_up(stage, actors_admitted(stage->play));
	deadline_ns = actors_in(SHORTLY);
	actors_assert_timed_out(
	    actor_acquire(late, SLOT, deadline_ns), deadline_ns);
	assert_int_equal(actor_kill(late), 0);
	actors_leave(stage);
	assert_int_equal(actor_kill(&stage->actors[0]), 0);
	actors_assert_admitted(stage);
}

/* One waiter is killed; another, who hears of it first, must not profit. */
static void
test_killed_waiter_changes_nothing(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter, *other;
	int64_t deadline_ns;

	actors_fill(stage);
	waiter = actor_up(stage, actors_admitted(stage->play));
	other = actor_up(stage, actors_admitted(stage->play) + 1);
	deadline_ns = actors_in(2 * SHORTLY);
	actor_tell_acquire(waiter, SLOT, actors_in(HUNG));
	actor_tell_acquire(other, SLOT, deadline_ns);
	actor_await_asleep(waiter);
	actor_await_asleep(other);
	assert_int_equal(actor_kill(waiter), 0);
	actors_assert_timed_out(actor_answer(other), deadline_ns);

	assert_false(
	    actors_can_enter(stage, actors_admitted(stage->play), SLOT));
	actor_release(&stage->actors[0]);
	assert_true(
	    actors_can_enter(stage, actors_admitted(stage->play), SLOT));
	assert_false(actors_can_enter(stage, 0, SLOT));
}

/* Nobody was waiting when it died: the permit must not be there twice. */
static void
test_killed_waiter_adds_no_permit(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;
	unsigned i;

	actors_fill(stage);
	for (i = 0; i < 3; i++) {
		waiter = actor_up(stage, actors_admitted(stage->play));
		actor_tell_acquire(waiter, SLOT, actors_in(HUNG));
		actor_await_asleep(waiter);
		actor_kill(waiter);
	}
	actors_leave(stage);
	actors_assert_admitted(stage);
}

/*
 * Let a traced actor do its deed for `steps` instructions, or to its end.
 * Returns how many it did; 0 where processes cannot be traced.
 */
static unsigned
step(const struct actor *actor, unsigned steps)
{
	unsigned done = 0;
	int status = 0;

	waitpid(actor->tid, &status, WUNTRACED);
	while (done < steps &&
	       ptrace(PTRACE_SINGLESTEP, actor->tid, NULL, NULL) == 0) {
		waitpid(actor->tid, &status, 0);
		done++;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			break;
	}
	return done;
}

/* Kill actor 0 after `steps` of what it does; returns how many it did. */
typedef unsigned kill_in_fn(struct stage *stage, unsigned steps);

/* In an acquire that succeeds. */
static unsigned
kill_in_acquire(struct stage *stage, unsigned steps)
{
	struct actor *victim = actor_up(stage, 0);

	actor_tell(victim,
	    (struct order){.deed = ACQUIRE, .slot = SLOT, .stepped = true});
	steps = step(victim, steps);
	assert_in_range(actor_kill(victim), 0, 1);
	return steps;
}

/* In a release that somebody waits for. */
static unsigned
kill_in_release(struct stage *stage, unsigned steps)
{
	struct actor *victim, *waiter;
	unsigned i;

	actors_fill(stage);
	victim = &stage->actors[0];
	waiter = actor_up(stage, actors_admitted(stage->play));
	actor_tell_acquire(waiter, SLOT, actors_in(SERVED));
	actor_await_asleep(waiter);
	actor_tell(victim, (struct order){.deed = RELEASE, .stepped = true});
	steps = step(victim, steps);
	assert_in_range(actor_kill(victim), 0, 1);
	assert_in_range(actor_answer(waiter).result, LOCK_HELD, LOCK_INHERITED);
	actor_release(waiter);
	for (i = 1; i < actors_admitted(stage->play); i++)
		actor_release(&stage->actors[i]);
	return steps;
}

/* How many there are: it is killed at the end. */
static unsigned
count_steps(struct stage *stage, kill_in_fn *kill_in)
{
	const unsigned steps = kill_in(stage, STEPS_MAX);

	if (steps == 0 || steps == STEPS_MAX)
		actors_skip("a process cannot be stepped here");
	return steps;
}

static void
kill_again_and_again(struct stage *stage, kill_in_fn *kill_in)
{
	const unsigned steps = count_steps(stage, kill_in);
	unsigned i;

	for (i = 0; i < KILLS; i++) {
		kill_in(stage, 1 + steps * i / KILLS);
		actors_assert_admitted(stage);
	}
}

static void
test_killed_at_any_step_of_acquire(void **state)
{
	kill_again_and_again(*state, kill_in_acquire);
}

static void
test_killed_at_any_step_of_release(void **state)
{
	kill_again_and_again(*state, kill_in_release);
}

/*
 * The one that was stopped in between goes on, and stops once more at its
 * end, if that was not where it was.
 */
static struct answer
go_on(const struct actor *actor)
{
	struct pollfd answered = {.fd = actor->ours, .events = POLLIN};

	ptrace(PTRACE_DETACH, actor->tid, NULL, NULL);
	do
		kill(actor->tid, SIGCONT);
	while (poll(&answered, 1, 1) == 0);
	return actor_answer(actor);
}

/*
 * Actor 0 is stopped after `steps` of an acquire, and one more than there is
 * room for tries to enter.  Then it goes on: not both may get in.  False: it
 * had come to its end.
 */
static bool
meet_in_acquire(struct stage *stage, unsigned steps)
{
	const unsigned last = actors_admitted(stage->play);
	struct actor *slow = actor_up(stage, 0);
	bool between, both, in;
	unsigned i;

	for (i = 1; i < last; i++)
		assert_true(actors_can_enter(stage, i, SLOT));
	actor_up(stage, last);
	actor_tell(slow,
	    (struct order){.deed = ACQUIRE, .slot = SLOT, .stepped = true});
	between = step(slow, steps) == steps;
	in = actors_can_enter(stage, last, SLOT);
	both = go_on(slow).result <= LOCK_INHERITED;
	if (both)
		actor_release(slow);
	if (both && in)
		fail_msg("two got in: one stopped at step %u of its acquire, "
			 "and another meanwhile",
		    steps);
	for (i = 1; i < last + in; i++)
		actor_release(&stage->actors[i]);
	return between;
}

static void
test_met_at_any_step_of_acquire(void **state)
{
	const unsigned steps = count_steps(*state, kill_in_acquire);
	const unsigned every = TSAN_ON ? steps / 3 + 1 : APART + steps / 800;
	unsigned i;

	for (i = 1; i < steps && meet_in_acquire(*state, i); i += every)
		;
	actors_assert_admitted(*state);
}

static const struct check checks[] = {
    {"a late grant is given back", test_late_grant_is_given_back, true, true},
    {"a stopped holder keeps it", test_stopped_holder_keeps_it, true, true},
    {"a stopped waiter holds nobody up", test_stopped_waiter_holds_nobody_up,
	true, true},
    {"a killed waiter leaves a line", test_killed_waiter_leaves_a_line, true,
	true},
    {"a killed holder is succeeded", test_killed_holder_is_succeeded, true,
	true},
    {"a killed last clerk is succeeded", test_killed_last_clerk_is_succeeded,
	true, true},
    {"killed while idle it leaves nothing", test_killed_idle_leaves_nothing,
	true, true},
    {"a killed waiter changes nothing", test_killed_waiter_changes_nothing,
	true, true},
    {"a killed waiter adds no permit", test_killed_waiter_adds_no_permit, true,
	true},
    {"killed at any step of acquire", test_killed_at_any_step_of_acquire, true,
	true},
    {"killed at any step of release", test_killed_at_any_step_of_release, true,
	true},
    {"met at any step of acquire", test_met_at_any_step_of_acquire, true, true},
};

int
main(void)
{
	return actors_run(checks, sizeof(checks) / sizeof(checks[0]));
}
