/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of locks/lock.h, for every strategy, between threads and
 * between processes.  Actors, which are threads or forked processes, do over
 * a socket what they are told: so every meeting, death and stop is arranged.
 * What must come of it is read from the strategy's facts, so that a new lock
 * inherits all of this; test_facts() pins the facts themselves.
 */
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "locks/clock.h"
#include "locks/lock.h"
#include "locks/shared.h"
#include "locks/tsan.h"

#define ACTORS 5 /* more than semaphore:3 lets in, and one to spare */
#define SLOT (LOCK_SLOTS - 1)
#define OTHER_SLOT (SLOT - LOCK_SLOTS / 2) /* the same, were there stripes */

#define INTRUSION (20 * NS_PER_MS) /* long enough for an intruder to get in */
#define SHORTLY (50 * NS_PER_MS)   /* a deadline that is meant to be missed */
#define SERVED (2 * NS_PER_SEC)    /* whoever can get in is in by then */
#define HUNG (4 * NS_PER_SEC)      /* ends a wait that should have ended */

/* Over the steps of an acquire or release; a process is slow under TSan. */
#define KILLS (TSAN_ON ? 3 : 60)
#define STEPS_MAX 1000000    /* it has fewer instructions */
#define LEAK_ROUNDS 20       /* malloc's smallest piece is 32 bytes */
#define TOO_LATE SERVED      /* after a deadline, on a busy machine */
#define CLOCK_SLIP NS_PER_MS /* TSan's locks wait on the wall clock */

enum deed {
	ACQUIRE,
	RELEASE,
	VISIT, /* acquire, increment(), release; again while refused */
};

struct order {
	enum deed deed;
	unsigned slot;
	int64_t deadline_ns;
	bool stepped; /* stop before and after it, for step() */
};

struct answer {
	enum lock_result result;
	int64_t at_ns;
	long sleeps; /* how often acquire gave up the processor */
	pid_t tid;
};

/* One check of one strategy, between threads or between processes. */
struct play {
	char name[80];
	struct lock_strategy strategy;
	bool processes;
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

/* Worker `number` with one clerk; or clerk `number` of worker 0. */
struct actor {
	struct stage *stage;
	unsigned number;
	bool up;
	int ours, theirs; /* the ends of its socket */
	pid_t tid;        /* of the thread, which is the process's pid */
	pthread_t thread;
};

struct stage {
	const struct play *play;
	char dir[32];
	struct locks *locks;
	struct room *room;
	struct actor actors[ACTORS];
};

static int64_t
in(int64_t ns)
{
	return clock_now_ns() + ns;
}

/* How many the strategy lets in at once. */
static unsigned
crowd(const struct play *play)
{
	const struct lock_facts facts = lock_facts(play->strategy);

	if (play->processes ? facts.excludes_processes : facts.excludes_threads)
		return 1;
	return play->strategy.permits > 1 ? play->strategy.permits : ACTORS;
}

static bool
is_semaphore(const struct play *play)
{
	struct lock_strategy semaphore;

	return lock_parse("semaphore", &semaphore) &&
	       play->strategy.impl == semaphore.impl;
}

/*
 * What actors do.  Only the test's own thread may assert: cmocka's asserts
 * jump out of the function they are in.
 */

static void
enter(struct room *room)
{
	const int inside = 1 + atomic_fetch_add_explicit(
				   &room->inside, 1, memory_order_release);
	int most = atomic_load_explicit(&room->most, memory_order_relaxed);

	while (most < inside &&
	       !atomic_compare_exchange_weak_explicit(&room->most, &most,
		   inside, memory_order_relaxed, memory_order_relaxed))
		;
}

static void
await_most(struct room *room, unsigned most, int64_t until_ns)
{
	while (atomic_load_explicit(&room->most, memory_order_relaxed) <
		   (int)most &&
	       clock_now_ns() < until_ns)
		clock_sleep_until(in(NS_PER_MS / 4));
}

/*
 * Read the counter, let in whoever can get in, write what was read plus one:
 * whoever is inside together loses updates, for certain.  False: the write
 * was checked and refused.
 */
static bool
increment(struct stage *stage)
{
	const bool checked = lock_facts(stage->play->strategy).checks_write;
	const unsigned admitted = crowd(stage->play);
	struct room *room = stage->room;
	int read = atomic_load_explicit(&room->counter, memory_order_relaxed);
	const int next = read + 1;
	bool written = true;

	enter(room);
	await_most(room, admitted, in(HUNG));
	if (admitted < ACTORS)
		await_most(room, admitted + 1, in(INTRUSION));
	if (admitted == 1)
		room->tally++;
	if (checked)
		written = atomic_compare_exchange_strong_explicit(
		    &room->counter, &read, next, memory_order_relaxed,
		    memory_order_relaxed);
	else
		atomic_store_explicit(
		    &room->counter, next, memory_order_relaxed);
	atomic_fetch_sub_explicit(&room->inside, 1, memory_order_relaxed);
	return written;
}

static enum lock_result
visit(struct stage *stage, struct lock_user *user, const struct order *order)
{
	struct lock_hold hold = {.user = NULL};
	enum lock_result result;
	bool written;

	do {
		result = lock_acquire(user, stage->play->strategy, order->slot,
		    order->deadline_ns, &hold);
		if (result > LOCK_INHERITED)
			return result;
		written = increment(stage);
		lock_release(&hold);
	} while (!written);
	return result;
}

static long
sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static void
say(const struct actor *actor, enum lock_result result, long slept)
{
	const struct answer answer = {.result = result,
	    .at_ns = clock_now_ns(),
	    .sleeps = slept,
	    .tid = gettid()};

	send(actor->theirs, &answer, sizeof(answer), MSG_NOSIGNAL);
}

static void
obey(const struct actor *actor, struct lock_user *user,
    const struct order *order, struct lock_hold *hold)
{
	enum lock_result result = LOCK_HELD;
	long slept = sleeps();

	switch (order->deed) {
	case ACQUIRE:
		result = lock_acquire(user, actor->stage->play->strategy,
		    order->slot, order->deadline_ns, hold);
		break;
	case RELEASE:
		lock_release(hold);
		break;
	case VISIT:
		result = visit(actor->stage, user, order);
		break;
	}
	slept = sleeps() - slept;
	if (order->stepped)
		raise(SIGSTOP);
	say(actor, result, slept);
}

/* As a clerk may: signals are for the supervisor. */
static void
block_every_signal(void)
{
	sigset_t every;

	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, NULL);
}

static void
act(const struct actor *actor)
{
	const struct stage *stage = actor->stage;
	const bool processes = stage->play->processes;
	struct lock_hold hold = {.user = NULL};
	struct lock_user *user;
	struct order order;

	block_every_signal();
	user = locks_attach(stage->locks, processes ? actor->number : 0,
	    processes ? 0 : actor->number);
	say(actor, user == NULL ? LOCK_FAILED : LOCK_HELD, 0);
	while (user != NULL &&
	       recv(actor->theirs, &order, sizeof(order), 0) == sizeof(order)) {
		say(actor, LOCK_HELD, 0); /* heard; its next sleep is a wait */
		if (order.stepped) {
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			raise(SIGSTOP);
		}
		obey(actor, user, &order, &hold);
	}
	if (hold.user != NULL)
		lock_release(&hold);
	locks_detach(user);
}

static void *
act_as_thread(void *actor)
{
	act(actor);
	return NULL;
}

static void
act_as_process(const struct actor *actor)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(actor->ours);
	act(actor);
	_exit(0);
}

/*
 * What the test does with actors.
 */

static struct answer
hear(const struct actor *actor)
{
	struct answer answer;

	if (recv(actor->ours, &answer, sizeof(answer), 0) != sizeof(answer))
		fail_msg("actor %u hangs or is dead", actor->number);
	return answer;
}

/* Returns when the actor has heard; hear() tells what came of it. */
static void
tell(const struct actor *actor, struct order order)
{
	assert_int_equal(send(actor->ours, &order, sizeof(order), MSG_NOSIGNAL),
	    sizeof(order));
	hear(actor);
}

static void
tell_to_acquire(const struct actor *actor, unsigned slot, int64_t deadline_ns)
{
	tell(actor,
	    (struct order){
		.deed = ACQUIRE, .slot = slot, .deadline_ns = deadline_ns});
}

static struct answer
acquire(const struct actor *actor, unsigned slot, int64_t deadline_ns)
{
	tell_to_acquire(actor, slot, deadline_ns);
	return hear(actor);
}

static void
release(const struct actor *actor)
{
	tell(actor, (struct order){.deed = RELEASE});
	hear(actor);
}

static void
start(struct actor *actor)
{
	const struct timeval hung = {.tv_sec = 2 * HUNG / NS_PER_SEC};
	const bool processes = actor->stage->play->processes;
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	actor->ours = ends[0];
	actor->theirs = ends[1];
	setsockopt(actor->ours, SOL_SOCKET, SO_RCVTIMEO, &hung, sizeof(hung));
	if (!processes)
		assert_int_equal(
		    pthread_create(&actor->thread, NULL, act_as_thread, actor),
		    0);
	else if ((actor->tid = fork()) == 0)
		act_as_process(actor);
	else
		assert_true(actor->tid > 0);
	if (processes)
		close(actor->theirs);
	actor->up = true;
}

/* Actor `number`, started if it is not up: also anew, after its death. */
static struct actor *
cast(struct stage *stage, unsigned number)
{
	struct actor *actor = &stage->actors[number];
	struct answer answer;

	if (actor->up)
		return actor;
	actor->stage = stage;
	actor->number = number;
	start(actor);
	answer = hear(actor);
	assert_int_equal(answer.result, LOCK_HELD);
	actor->tid = answer.tid;
	return actor;
}

/* It leaves by itself; false: with an error, as after a sanitizer's report. */
static bool
dismiss(struct actor *actor)
{
	int status = 0;

	shutdown(actor->ours, SHUT_RDWR);
	if (actor->stage->play->processes) {
		kill(actor->tid, SIGCONT);
		waitpid(actor->tid, &status, 0);
	} else {
		pthread_join(actor->thread, NULL);
		close(actor->theirs);
	}
	close(actor->ours);
	actor->up = false;
	return status == 0;
}

/* Kill, reap, hand back, as the supervisor does.  Returns the permits. */
static unsigned
bury(struct actor *actor)
{
	kill(actor->tid, SIGKILL);
	assert_false(dismiss(actor));
	return locks_force_release(actor->stage->locks, actor->number);
}

static char
state_of(pid_t tid)
{
	char path[64], line[512] = "";
	const char *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	file = fopen(path, "r");
	if (file == NULL)
		return '?';
	end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return end == NULL ? '?' : end[2];
}

/* Told to acquire, it sleeps: it waits for the lock. */
static void
await_asleep(const struct actor *actor)
{
	const int64_t hung_ns = in(HUNG);

	while (state_of(actor->tid) != 'S' && clock_now_ns() < hung_ns)
		clock_sleep_until(in(NS_PER_MS / 4));
	assert_int_equal(state_of(actor->tid), 'S');
}

static void
stop(const struct actor *actor)
{
	int status = 0;

	kill(actor->tid, SIGSTOP);
	assert_int_equal(waitpid(actor->tid, &status, WUNTRACED), actor->tid);
	assert_true(WIFSTOPPED(status));
}

static bool
can_enter(struct stage *stage, unsigned number, unsigned slot)
{
	return acquire(cast(stage, number), slot, 0).result <= LOCK_INHERITED;
}

/* As many actors as it lets in, from actor 0, are inside. */
static void
fill(struct stage *stage)
{
	unsigned i;

	for (i = 0; i < crowd(stage->play); i++)
		assert_in_range(
		    acquire(cast(stage, i), SLOT, in(SERVED)).result, LOCK_HELD,
		    LOCK_INHERITED);
}

static void
empty(struct stage *stage)
{
	unsigned i;

	for (i = 0; i < crowd(stage->play); i++)
		release(cast(stage, i));
}

static void
assert_admits_its_crowd_and_no_more(struct stage *stage)
{
	fill(stage);
	assert_false(can_enter(stage, crowd(stage->play), SLOT));
	empty(stage);
}

static void
assert_timed_out(struct answer answer, int64_t deadline_ns)
{
	assert_int_equal(answer.result, LOCK_TIMED_OUT);
	assert_true(answer.at_ns >= deadline_ns - CLOCK_SLIP);
	assert_true(answer.at_ns <= deadline_ns + TOO_LATE);
}

/*
 * The contract.  First what holds for every strategy.
 */

static void
test_exclusion(void **state)
{
	struct stage *stage = *state;
	const unsigned admitted = crowd(stage->play);
	struct room *room = stage->room;
	unsigned i;

	for (i = 0; i < ACTORS; i++)
		cast(stage, i);
	for (i = 0; i < ACTORS; i++)
		tell(&stage->actors[i],
		    (struct order){
			.deed = VISIT, .slot = SLOT, .deadline_ns = in(HUNG)});
	for (i = 0; i < ACTORS; i++)
		assert_int_equal(hear(&stage->actors[i]).result, LOCK_HELD);

	assert_int_equal(atomic_load(&room->most), admitted);
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
	const int64_t past[] = {0, in(-NS_PER_SEC), INT64_MIN};
	struct actor *actor = cast(stage, 0);
	size_t i;

	for (i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		assert_int_equal(
		    acquire(actor, SLOT, past[i]).result, LOCK_HELD);
		release(actor);
	}
}

/* The same clerk goes from one to the other and back. */
static void
test_slots_are_apart(void **state)
{
	struct stage *stage = *state;
	const unsigned clerk = crowd(stage->play) % ACTORS;
	const bool waits = crowd(stage->play) < ACTORS;

	if (waits) {
		fill(stage);
		assert_false(can_enter(stage, clerk, SLOT));
	}
	assert_true(can_enter(stage, clerk, OTHER_SLOT));
	if (crowd(stage->play) == 1)
		assert_false(can_enter(stage, clerk + 1, OTHER_SLOT));
	release(cast(stage, clerk));
	if (waits)
		assert_false(can_enter(stage, clerk, SLOT));
}

/*
 * Then what holds for those that keep somebody out.
 */

static void
test_past_deadline_never_sleeps(void **state)
{
	struct stage *stage = *state;
	const int64_t past[] = {0, in(-NS_PER_SEC), INT64_MIN};
	struct actor *actor;
	long fewest = LONG_MAX;
	unsigned i;

	fill(stage);
	actor = cast(stage, crowd(stage->play));
	for (i = 0; i < 12; i++) { /* of which one may be unlucky */
		const struct answer answer = acquire(actor, SLOT, past[i % 3]);

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

	fill(stage);
	actor = cast(stage, crowd(stage->play));
	deadline_ns = in(SHORTLY);
	assert_timed_out(acquire(actor, SLOT, deadline_ns), deadline_ns);
	empty(stage);
	assert_admits_its_crowd_and_no_more(stage);
}

static void
test_release_wakes_a_waiter(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;

	fill(stage);
	waiter = cast(stage, crowd(stage->play));
	tell_to_acquire(waiter, SLOT, in(SERVED));
	await_asleep(waiter);
	release(&stage->actors[0]);
	assert_int_equal(hear(waiter).result, LOCK_HELD);
	assert_false(can_enter(stage, 0, SLOT));
}

/*
 * And what needs processes, because it kills or stops one.
 */

/* The waiter sleeps past its deadline while the lock becomes free. */
static void
test_late_grant_is_given_back(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;
	int64_t deadline_ns;

	fill(stage);
	waiter = cast(stage, crowd(stage->play));
	deadline_ns = in(SHORTLY);
	tell_to_acquire(waiter, SLOT, deadline_ns);
	await_asleep(waiter);
	stop(waiter);
	release(&stage->actors[0]);
	clock_sleep_until(deadline_ns + NS_PER_MS);
	kill(waiter->tid, SIGCONT);
	assert_timed_out(hear(waiter), deadline_ns);
	assert_true(can_enter(stage, 0, SLOT));
	empty(stage);
	assert_admits_its_crowd_and_no_more(stage);
}

static void
test_stopped_holder_keeps_it(void **state)
{
	struct stage *stage = *state;
	struct actor *holder, *waiter;
	int64_t deadline_ns;

	fill(stage);
	holder = &stage->actors[0];
	waiter = cast(stage, crowd(stage->play));
	stop(holder);
	deadline_ns = in(SHORTLY);
	assert_timed_out(acquire(waiter, SLOT, deadline_ns), deadline_ns);
	assert_false(can_enter(stage, ACTORS - 1, SLOT));
	kill(holder->tid, SIGCONT);
	release(holder);
	assert_int_equal(acquire(waiter, SLOT, in(SERVED)).result, LOCK_HELD);
	assert_false(can_enter(stage, 0, SLOT));
}

static void
test_killed_holder_is_succeeded(void **state)
{
	struct stage *stage = *state;
	const bool told = lock_facts(stage->play->strategy).tells_death;
	struct actor *waiter;

	fill(stage);
	waiter = cast(stage, crowd(stage->play));
	tell_to_acquire(waiter, SLOT, in(SERVED));
	await_asleep(waiter);
	assert_int_equal(
	    bury(&stage->actors[0]), is_semaphore(stage->play) ? 1 : 0);
	assert_int_equal(
	    hear(waiter).result, told ? LOCK_INHERITED : LOCK_HELD);

	/* Its successor finds it as full as before, and told only once. */
	assert_int_equal(locks_force_release(stage->locks, 0), 0);
	assert_false(can_enter(stage, 0, SLOT));
	release(waiter);
	assert_int_equal(acquire(&stage->actors[0], SLOT, 0).result, LOCK_HELD);
	empty(stage);
	assert_admits_its_crowd_and_no_more(stage);
}

/* One waiter is killed; another, who hears of it first, must not profit. */
static void
test_killed_waiter_changes_nothing(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter, *other;
	int64_t deadline_ns;

	fill(stage);
	waiter = cast(stage, crowd(stage->play));
	other = cast(stage, crowd(stage->play) + 1);
	deadline_ns = in(2 * SHORTLY);
	tell_to_acquire(waiter, SLOT, in(HUNG));
	tell_to_acquire(other, SLOT, deadline_ns);
	await_asleep(waiter);
	await_asleep(other);
	assert_int_equal(bury(waiter), is_semaphore(stage->play) ? 1 : 0);
	assert_timed_out(hear(other), deadline_ns);

	assert_false(can_enter(stage, crowd(stage->play), SLOT));
	release(&stage->actors[0]);
	assert_true(can_enter(stage, crowd(stage->play), SLOT));
	assert_false(can_enter(stage, 0, SLOT));
}

/* Nobody was waiting when it died: the permit must not be there twice. */
static void
test_killed_waiter_adds_no_permit(void **state)
{
	struct stage *stage = *state;
	struct actor *waiter;
	unsigned i;

	fill(stage);
	for (i = 0; i < 3; i++) {
		waiter = cast(stage, crowd(stage->play));
		tell_to_acquire(waiter, SLOT, in(HUNG));
		await_asleep(waiter);
		bury(waiter);
	}
	empty(stage);
	assert_admits_its_crowd_and_no_more(stage);
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
	struct actor *victim = cast(stage, 0);

	tell(victim,
	    (struct order){.deed = ACQUIRE, .slot = SLOT, .stepped = true});
	steps = step(victim, steps);
	assert_in_range(bury(victim), 0, 1);
	return steps;
}

/* In a release that somebody waits for. */
static unsigned
kill_in_release(struct stage *stage, unsigned steps)
{
	struct actor *victim, *waiter;
	unsigned i;

	fill(stage);
	victim = &stage->actors[0];
	waiter = cast(stage, crowd(stage->play));
	tell_to_acquire(waiter, SLOT, in(SERVED));
	await_asleep(waiter);
	tell(victim, (struct order){.deed = RELEASE, .stepped = true});
	steps = step(victim, steps);
	assert_in_range(bury(victim), 0, 1);
	assert_in_range(hear(waiter).result, LOCK_HELD, LOCK_INHERITED);
	release(waiter);
	for (i = 1; i < crowd(stage->play); i++)
		release(&stage->actors[i]);
	return steps;
}

/* The first one only measures: it is killed at the end. */
static void
kill_again_and_again(struct stage *stage, kill_in_fn *kill_in)
{
	const unsigned steps = kill_in(stage, STEPS_MAX);
	unsigned i;

	if (steps == 0 || steps == STEPS_MAX) {
		print_message("SKIP: a process cannot be stepped here\n");
		skip();
	}
	for (i = 0; i < KILLS; i++) {
		kill_in(stage, 1 + steps * i / KILLS);
		assert_admits_its_crowd_and_no_more(stage);
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
 * What concerns no single lock.
 */

static void
assert_round_trip(const char *name, const char *printed)
{
	char again[LOCK_NAME_SIZE];
	struct lock_strategy strategy;

	assert_true(lock_parse(name, &strategy));
	lock_print(strategy, again);
	assert_string_equal(again, printed);
}

static void
test_names(void **state)
{
	char name[LOCK_NAME_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < lock_count(); i++) {
		lock_print(lock_at(i), name);
		assert_round_trip(name, name);
		assert_non_null(strstr(lock_names(), name));
		assert_true(strlen(lock_summary(lock_at(i))) > 0);
		assert_true(strlen(lock_when_killed(lock_at(i))) > 0);
	}
	assert_string_equal(lock_names(),
	    "none, mutex-private, flock, mutex, semaphore, "
	    "semaphore:N (N from 2 to 8), optimistic");
	assert_round_trip("semaphore:1", "semaphore");
	for (i = 2; i <= LOCK_PERMITS_MAX; i++) {
		snprintf(name, sizeof(name), "semaphore:%zu", i);
		assert_round_trip(name, name);
	}
}

/* What lists show beside a strategy, and how its variants count together. */
static void
test_variants(void **state)
{
	char name[LOCK_NAME_SIZE] = "untouched";
	struct lock_strategy semaphore, variant;
	size_t i;

	(void)state;
	assert_true(lock_parse("semaphore", &semaphore));
	for (i = 0; i < lock_count(); i++) {
		if (i == lock_row(semaphore))
			continue;
		assert_false(lock_variant(i, &variant));
		assert_false(lock_print_shared(i, name));
		assert_string_equal(name, "untouched");
	}
	assert_true(lock_variant(lock_row(semaphore), &variant));
	assert_int_equal(lock_row(variant), lock_row(semaphore));
	lock_print(variant, name);
	assert_string_equal(name, "semaphore:3");
	assert_true(lock_print_shared(lock_row(semaphore), name));
	assert_string_equal(name, "semaphore:N");
}

static void
test_wrong_names(void **state)
{
	static const char *const wrong[] = {"", ":", ":1", " mutex", "mutex ",
	    "Mutex", "mute", "mutexes", "mutex:", "mutex:1", "mutex:2",
	    "none:2", "optimistic:1", "semaphore:", "semaphore:0",
	    "semaphore:9", "semaphore:33", "semaphore:03", "semaphore:-1",
	    "semaphore:+3", "semaphore: 3", "semaphore:3 ", "semaphore:x",
	    "semaphore::3", "semaphore:N"};
	struct lock_strategy strategy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (lock_parse(wrong[i], &strategy))
			fail_msg("\"%s\" is taken for a strategy", wrong[i]);
}

static void
test_facts(void **state)
{
	static const struct {
		const char *name;
		bool holds, threads, processes, checks, tells, wrong;
	} rows[] = {
	    {"none", false, false, false, false, false, true},
	    {"mutex-private", true, true, false, false, false, true},
	    {"flock", true, true, true, false, false, false},
	    {"mutex", true, true, true, false, true, false},
	    {"semaphore", true, true, true, false, false, false},
	    {"semaphore:3", true, false, false, false, false, true},
	    {"optimistic", false, false, false, true, false, false},
	};
	struct lock_strategy strategy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lock_facts facts;

		assert_true(lock_parse(rows[i].name, &strategy));
		facts = lock_facts(strategy);
		assert_int_equal(facts.holds, rows[i].holds);
		assert_int_equal(facts.excludes_threads, rows[i].threads);
		assert_int_equal(facts.excludes_processes, rows[i].processes);
		assert_int_equal(facts.checks_write, rows[i].checks);
		assert_int_equal(facts.tells_death, rows[i].tells);
		assert_int_equal(facts.wrong_on_purpose, rows[i].wrong);
		assert_int_equal(lock_is_safe(strategy), !rows[i].wrong);
	}
}

/* What a process can forget to give back. */
struct belongings {
	unsigned fds, mappings, timers;
	size_t heap_bytes;
};

static unsigned
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* Lines of `path` with `word` in them; 0 if there is no such file. */
static unsigned
count_lines(const char *path, const char *word)
{
	FILE *file = fopen(path, "r");
	char line[512];
	unsigned count = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, word) != NULL)
			count++;
	fclose(file);
	return count;
}

static struct belongings
take_stock(void)
{
	struct belongings stock = {
	    .fds = count_fds(),
	    .mappings = count_lines("/proc/self/maps", "rw-s"),
	    .timers = count_lines("/proc/self/timers", "ID:"),
	};
	const struct mallinfo2 heap = mallinfo2(); /* last: counting uses it */

	stock.heap_bytes = heap.uordblks + heap.hblkhd;
	return stock;
}

static void
use_every_lock(const struct lock_config *config)
{
	struct locks *locks = locks_prepare(config);
	struct lock_user *user;
	size_t i;

	assert_non_null(locks);
	user = locks_attach(locks, 0, 0);
	assert_non_null(user);
	for (i = 0; i < 2 * lock_count(); i++) {
		struct lock_hold hold = {.user = NULL};

		assert_int_equal(lock_acquire(user, lock_at(i / 2),
				     i % 2 == 0 ? SLOT : OTHER_SLOT, 0, &hold),
		    LOCK_HELD);
		lock_release(&hold);
	}
	locks_detach(user);
	locks_free(locks);
}

static void
fail_to_prepare(void)
{
	const struct lock_config config = {
	    .dir = "/nonexistent", .workers = 1, .clerks = 1};

	errno = 0;
	assert_null(locks_prepare(&config));
	assert_int_equal(errno, ENOENT);
}

static struct belongings
use_and_take_stock(const struct stage *stage)
{
	const struct lock_config config = {
	    .dir = stage->dir, .workers = 1, .clerks = 1};
	unsigned i;

	for (i = 0; i < LEAK_ROUNDS; i++) {
		use_every_lock(&config);
		fail_to_prepare();
	}
	return take_stock();
}

/* Between two stocks, so that the C library's caches are full in both. */
static void
test_nothing_leaks(void **state)
{
	const struct belongings before = use_and_take_stock(*state);
	const struct belongings after = use_and_take_stock(*state);

	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.mappings, before.mappings);
	assert_int_equal(after.timers, before.timers);
	assert_in_range(
	    after.heap_bytes, 0, before.heap_bytes + LEAK_ROUNDS * 16);
	locks_detach(NULL);
	locks_free(NULL);
}

/*
 * The stage, built before each check and cleared after it.
 */

static int
set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct lock_config config = {.workers = ACTORS, .clerks = ACTORS};

	if (stage == NULL)
		return -1;
	stage->play = *state;
	snprintf(stage->dir, sizeof(stage->dir), "/tmp/test_locks.XXXXXX");
	config.dir = mkdtemp(stage->dir);
	if (config.dir != NULL)
		stage->locks = locks_prepare(&config);
	stage->room = shared_new(sizeof(*stage->room));
	*state = stage;
	return stage->locks == NULL || stage->room == NULL ? -1 : 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct stage *stage = *state;
	bool well = true;
	unsigned i;

	for (i = 0; i < ACTORS; i++)
		if (stage->actors[i].up && !dismiss(&stage->actors[i]))
			well = false;
	locks_free(stage->locks);
	shared_free(stage->room, sizeof(*stage->room));
	nftw(stage->dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
	free(stage);
	return well ? 0 : -1;
}

static const struct check {
	const char *name;
	CMUnitTestFunction test;
	bool waits;  /* where somebody is kept out */
	bool deaths; /* between processes only */
} checks[] = {
    {"excludes as its facts say", test_exclusion, false, false},
    {"free: needs no deadline", test_free_needs_no_deadline, false, false},
    {"slots are apart", test_slots_are_apart, false, false},
    {"held: a past deadline never sleeps", test_past_deadline_never_sleeps,
	true, false},
    {"held: waits until its deadline", test_waits_until_its_deadline, true,
	false},
    {"a release wakes a waiter", test_release_wakes_a_waiter, true, false},
    {"a late grant is given back", test_late_grant_is_given_back, true, true},
    {"a stopped holder keeps it", test_stopped_holder_keeps_it, true, true},
    {"a killed holder is succeeded", test_killed_holder_is_succeeded, true,
	true},
    {"a killed waiter changes nothing", test_killed_waiter_changes_nothing,
	true, true},
    {"a killed waiter adds no permit", test_killed_waiter_adds_no_permit, true,
	true},
    {"killed at any step of acquire", test_killed_at_any_step_of_acquire, true,
	true},
    {"killed at any step of release", test_killed_at_any_step_of_release, true,
	true},
};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

static const struct CMUnitTest general[] = {
    cmocka_unit_test(test_names),
    cmocka_unit_test(test_variants),
    cmocka_unit_test(test_wrong_names),
    cmocka_unit_test(test_facts),
    cmocka_unit_test_setup_teardown(test_nothing_leaks, set_up, tear_down),
};

#define PLAYS (2 * LOCK_ROWS_MAX * 2 * CHECKS) /* each with its variant */

/* Whether the check concerns the play; if so the play gets its name. */
static bool
concerns(const struct check *check, struct play *play)
{
	char strategy[LOCK_NAME_SIZE];

	if (check->deaths && !play->processes)
		return false;
	if (check->waits && crowd(play) == ACTORS)
		return false;
	lock_print(play->strategy, strategy);
	snprintf(play->name, sizeof(play->name), "%s, %s: %s", strategy,
	    play->processes ? "processes" : "threads", check->name);
	return true;
}

static struct play plays[PLAYS];
static struct CMUnitTest contract[PLAYS]; /* cmocka skips empty rows */
static size_t play_count;

static void
write_plays_of(struct lock_strategy strategy, bool processes)
{
	size_t check;

	for (check = 0; check < CHECKS; check++) {
		struct play *play = &plays[play_count];

		play->strategy = strategy;
		play->processes = processes;
		if (concerns(&checks[check], play))
			contract[play_count++] = (struct CMUnitTest){play->name,
			    checks[check].test, set_up, tear_down, play};
	}
}

/* Every strategy, between threads and between processes, in every check. */
static void
write_plays(void)
{
	struct lock_strategy variant;
	size_t i;
	int processes;

	for (i = 0; i < lock_count(); i++)
		for (processes = 0; processes < 2; processes++) {
			write_plays_of(lock_at(i), processes == 1);
			if (lock_variant(i, &variant))
				write_plays_of(variant, processes == 1);
		}
}

int
main(void)
{
	alarm(120); /* whatever happens */
	write_plays();
	return cmocka_run_group_tests(general, NULL, NULL) +
	       cmocka_run_group_tests(contract, NULL, NULL);
}
