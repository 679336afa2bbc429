/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actors: clerks that are threads or forked processes and do over a socket
 * what they are told, so that every meeting, death and stop is arranged.  For
 * the contract tests of locks, which run over every strategy; what must come
 * of a check is read from the strategy's facts, so that a new lock inherits
 * all of it.
 *
 * The functions are for the test's own thread, and assert.
 */
#ifndef ACTORS_H
#define ACTORS_H

#include <sys/types.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "locks/clock.h"
#include "locks/lock.h"

#define ACTORS 5 /* more than semaphore:3 lets in, and one to spare */
#define SLOT (LOCK_SLOTS - 1)
#define OTHER_SLOT (SLOT - LOCK_SLOTS / 2) /* the same, were there stripes */

#define SHORTLY (50 * NS_PER_MS) /* a deadline that is meant to be missed */
#define SERVED (2 * NS_PER_SEC)  /* whoever can get in is in by then */
#define HUNG (4 * NS_PER_SEC)    /* ends a wait that should have ended */

enum deed {
	ACQUIRE,
	RELEASE,
	AGAIN, /* release, and acquire once more */
	PASS,  /* acquire, and release */
	VISIT, /* acquire, read, let others in, write, release */
};

struct order {
	enum deed deed;
	unsigned slot;
	int64_t deadline_ns;
	bool stepped; /* trace me, and stop before and after it */
};

struct answer {
	enum lock_result result;
	int64_t at_ns; /* when it was done; of PASS, when it had the lock */
	long sleeps;   /* how often acquire gave up the processor */
	pid_t tid;
};

/* One check of one strategy, between threads or between processes. */
struct play {
	char name[80];
	struct lock_strategy strategy;
	bool processes;
	CMUnitTestFunction test;
};

/*
 * Seen by all actors.  The atomics are guarded by nothing, and relaxed, so
 * that they order nothing that the lock should have ordered; `tally` is
 * guarded by the lock, and touched only where that excludes: it is what
 * ThreadSanitizer watches.
 */
struct room {
	atomic_int inside;
	atomic_int most; /* that were ever inside at once */
	atomic_int counter;
	int tally;
};

/* Worker `number` with one clerk, the stage's; or clerk `number` of worker 0.
 */
struct actor {
	struct stage *stage;
	unsigned number;
	bool up;
	int ours, theirs; /* the ends of its socket */
	pid_t tid;        /* of the thread, which is the process's pid */
	pthread_t thread;
};

/* Where a test plays: `*state` is one, from actors_set_up(). */
struct stage {
	const struct play *play;
	char dir[32];
	struct locks *locks;
	struct room *room;
	unsigned clerk; /* which one a process is, from 0 */
	struct actor actors[ACTORS];
};

/* A row in a program's table of checks. */
struct check {
	const char *name;
	CMUnitTestFunction test;
	bool waits;  /* where somebody is kept out */
	bool deaths; /* between processes only */
};

/*
 * Run at most 16 checks, each over every strategy, or those whose name fits
 * the pattern in the environment's ONLY: ONLY='mutex,*'.  Returns how many
 * failed; none that fits counts as one.  With FIRST in the environment it
 * ends at the first that fails: the others may hang on the same mistake, for
 * seconds each.
 */
int actors_run(const struct check *checks, size_t count);

/* Before and after a test; the initial state is a play, or NULL: no actors. */
int actors_set_up(void **state);
int actors_tear_down(void **state);

/* In a check: leave it undecided. */
void actors_skip(const char *why);

static inline int64_t
actors_in(int64_t ns)
{
	return clock_now_ns() + ns;
}

/* How many the strategy lets in at once. */
unsigned actors_admitted(const struct play *play);

/* Actor `number`, started if it is not up: also anew, after its death. */
struct actor *actor_up(struct stage *stage, unsigned number);

/* Returns when the actor has heard; actor_answer() tells what came of it. */
void actor_tell(const struct actor *actor, struct order order);
void actor_tell_acquire(
    const struct actor *actor, unsigned slot, int64_t deadline_ns);
struct answer actor_answer(const struct actor *actor);

/* Tell, and wait for the answer. */
struct answer actor_acquire(
    const struct actor *actor, unsigned slot, int64_t deadline_ns);
void actor_release(const struct actor *actor);

/* Told to acquire, it sleeps: it waits for the lock. */
void actor_await_asleep(const struct actor *actor);

/* It leaves by itself; false: with an error, as after a sanitizer's report. */
bool actor_dismiss(struct actor *actor);

/* For processes: SIGSTOP; and kill, reap, hand back: returns the permits. */
void actor_stop(const struct actor *actor);
unsigned actor_kill(struct actor *actor);

/* Could it enter now?  If so it has. */
bool actors_can_enter(struct stage *stage, unsigned number, unsigned slot);

/* As many actors as the lock lets in, from actor 0, enter SLOT, or leave it. */
void actors_fill(struct stage *stage);
void actors_leave(struct stage *stage);
void actors_assert_admitted(struct stage *stage); /* so many and no more */

/* Filled; who waits is served before actor 0, who leaves and comes back. */
void actors_assert_in_line(struct stage *stage);

void actors_assert_timed_out(struct answer answer, int64_t deadline_ns);

#endif
