/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the exercises ask of a lock beyond the contract tests: that it excludes
 * in a crowd that never stops, and that it is fair.
 *
 *     ONLY='yours,*crowd*'    as in actors.h
 */
#include <sys/wait.h>

#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/actors.h"

#define CROWD_NS (600 * NS_PER_MS)
#define KEPT_OUT 1000 /* somebody did not get in, in time */
#define ROUNDS 6
#define WAITERS (ACTORS - 1)

/* --------------------------------------------------------------- crowded -- */

/*
 * Who is inside is counted, in memory that all see: two at once are a fact,
 * whatever came of it.  Now and then who is inside gives way to the others.
 */
static void
go_in_and_out(const struct stage *stage, struct lock_user *user, unsigned nth)
{
	struct room *room = stage->room;
	struct lock_hold hold = {.user = NULL};
	int inside;

	if (lock_acquire(user, stage->play->strategy, SLOT, actors_in(HUNG),
		&hold) > LOCK_INHERITED) {
		atomic_store(&room->most, KEPT_OUT);
		return;
	}
	inside = 1 + atomic_fetch_add_explicit(
			 &room->inside, 1, memory_order_relaxed);
	if (inside > atomic_load_explicit(&room->most, memory_order_relaxed))
		atomic_store_explicit(
		    &room->most, inside, memory_order_relaxed);
	if (nth % 8 == 0)
		sched_yield();
	atomic_fetch_add_explicit(&room->counter, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&room->inside, 1, memory_order_relaxed);
	lock_release(&hold);
}

struct visitor {
	const struct stage *stage;
	unsigned number;
	int64_t until_ns;
	pthread_t thread;
	pid_t pid;
};

static void *
visit_often(void *arg)
{
	const struct visitor *visitor = arg;
	const bool processes = visitor->stage->play->processes;
	struct lock_user *user;
	unsigned nth = 0;

	user = locks_attach(visitor->stage->locks,
	    processes ? visitor->number : 0, processes ? 0 : visitor->number);
	while (user != NULL && atomic_load(&visitor->stage->room->most) < 2 &&
	       clock_now_ns() < visitor->until_ns)
		go_in_and_out(visitor->stage, user, nth++);
	locks_detach(user);
	return NULL;
}

static void
start(struct visitor *visitor)
{
	if (!visitor->stage->play->processes) {
		assert_int_equal(pthread_create(&visitor->thread, NULL,
				     visit_often, visitor),
		    0);
		return;
	}
	visitor->pid = fork();
	assert_true(visitor->pid >= 0);
	if (visitor->pid == 0) {
		visit_often(visitor);
		_exit(0);
	}
}

static void
test_crowd(void **state)
{
	struct stage *stage = *state;
	struct visitor visitors[ACTORS];
	unsigned i;

	for (i = 0; i < ACTORS; i++) {
		visitors[i] = (struct visitor){.stage = stage,
		    .number = i,
		    .until_ns = actors_in(CROWD_NS)};
		start(&visitors[i]);
	}
	for (i = 0; i < ACTORS; i++)
		if (stage->play->processes)
			waitpid(visitors[i].pid, NULL, 0);
		else
			pthread_join(visitors[i].thread, NULL);
	assert_int_not_equal(atomic_load(&stage->room->most), KEPT_OUT);
	assert_true(atomic_load(&stage->room->counter) > ACTORS);
	assert_int_equal(atomic_load(&stage->room->most), 1);
}

/* ------------------------------------------------------------------ fair -- */

/* Who got in next: one of the actors that wait.  Nobody: none in time. */
static unsigned
who_is_next(const struct stage *stage, const bool waits[ACTORS])
{
	struct pollfd fds[ACTORS];
	unsigned i;

	for (i = 0; i < ACTORS; i++)
		fds[i] =
		    (struct pollfd){.fd = waits[i] ? stage->actors[i].ours : -1,
			.events = POLLIN};
	assert_true(poll(fds, ACTORS, (int)(HUNG / NS_PER_MS)) > 0);
	for (i = 0; (fds[i].revents & POLLIN) == 0; i++)
		;
	assert_int_equal(actor_answer(&stage->actors[i]).result, LOCK_HELD);
	return i;
}

/* Actor 0 is inside; the others come in this order, and get in in it. */
static void
play_round(struct stage *stage, const unsigned order[WAITERS])
{
	bool waits[ACTORS] = {false};
	unsigned i, inside = 0;

	assert_int_equal(
	    actor_acquire(actor_up(stage, 0), SLOT, actors_in(SERVED)).result,
	    LOCK_HELD);
	for (i = 0; i < WAITERS; i++) {
		actor_tell_acquire(
		    actor_up(stage, order[i]), SLOT, actors_in(HUNG));
		actor_await_asleep(&stage->actors[order[i]]);
		waits[order[i]] = true;
	}
	for (i = 0; i < WAITERS; i++) {
		actor_release(&stage->actors[inside]);
		inside = who_is_next(stage, waits);
		waits[inside] = false;
		assert_int_equal(inside, order[i]);
	}
	actor_release(&stage->actors[inside]);
}

static void
test_first_come_first_served(void **state)
{
	unsigned order[WAITERS] = {1, 2, 3, 4}, round, i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = WAITERS - 1; i > 0; i--) { /* shuffled, always alike */
			const unsigned k = (round * 7 + i * 5) % (i + 1);
			const unsigned swapped = order[i];

			order[i] = order[k];
			order[k] = swapped;
		}
		play_round(*state, order);
	}
}

static void
test_says_that_it_is_fair(void **state)
{
	const struct stage *stage = *state;

	assert_true(lock_facts(stage->play->strategy).fair);
}

static const struct check checks[] = {
    {"a crowd, never two inside", test_crowd, true, false},
    {"first come, first served", test_first_come_first_served, true, false},
    {"says that it is fair", test_says_that_it_is_fair, true, false},
};

int
main(void)
{
	return actors_run(checks, sizeof(checks) / sizeof(checks[0]));
}
