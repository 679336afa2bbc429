/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actors do over a socket what they are told, each in a thread or a process of
 * its own; the test tells them one thing at a time, and so arranges every
 * meeting, death and stop.
 */
#include "tests/unit/actors.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/shared.h"
#include "locks/tsan.h"
#include "tests/tree.h"

#define ROUNDS 12
#define INTRUSION (20 * NS_PER_MS) /* long enough for an intruder to get in */
#define TOO_LATE SERVED            /* after a deadline, on a busy machine */
#define CLOCK_SLIP NS_PER_MS       /* TSan's locks wait on the wall clock */

/* How many the strategy lets in at once. */
unsigned
actors_admitted(const struct play *play)
{
	const struct lock_facts facts = lock_facts(play->strategy);

	if (play->processes ? facts.excludes_processes : facts.excludes_threads)
		return 1;
	return play->strategy.permits > 1 ? play->strategy.permits : ACTORS;
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
		clock_sleep_until(actors_in(NS_PER_MS / 4));
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
	const unsigned admitted = actors_admitted(stage->play);
	struct room *room = stage->room;
	int read = atomic_load_explicit(&room->counter, memory_order_relaxed);
	const int next = read + 1;
	bool written = true;

	enter(room);
	await_most(room, admitted, actors_in(HUNG));
	if (admitted < ACTORS)
		await_most(room, admitted + 1, actors_in(INTRUSION));
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
say(const struct actor *actor, enum lock_result result, int64_t at_ns,
    long slept)
{
	const struct answer answer = {
	    .result = result, .at_ns = at_ns, .sleeps = slept, .tid = gettid()};

	send(actor->theirs, &answer, sizeof(answer), MSG_NOSIGNAL);
}

static void
obey(const struct actor *actor, struct lock_user *user,
    const struct order *order, struct lock_hold *hold)
{
	const struct lock_strategy strategy = actor->stage->play->strategy;
	enum lock_result result = LOCK_HELD;
	long slept = sleeps();
	int64_t at_ns;

	if (order->deed == RELEASE || order->deed == AGAIN)
		lock_release(hold);
	switch (order->deed) {
	case ACQUIRE:
	case AGAIN:
	case PASS:
		result = lock_acquire(
		    user, strategy, order->slot, order->deadline_ns, hold);
		break;
	case RELEASE:
		break;
	case VISIT:
		result = visit(actor->stage, user, order);
		break;
	}
	at_ns = clock_now_ns();
	slept = sleeps() - slept;
	if (order->deed == PASS && result <= LOCK_INHERITED)
		lock_release(hold);
	if (order->stepped)
		raise(SIGSTOP);
	say(actor, result, at_ns, slept);
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
	    processes ? stage->clerk : actor->number);
	say(actor, user == NULL ? LOCK_FAILED : LOCK_HELD, 0, 0);
	while (user != NULL &&
	       recv(actor->theirs, &order, sizeof(order), 0) == sizeof(order)) {
		/* Heard; its next sleep is a wait. */
		say(actor, LOCK_HELD, 0, 0);
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

struct answer
actor_answer(const struct actor *actor)
{
	struct answer answer;
	const ssize_t got = recv(actor->ours, &answer, sizeof(answer), 0);

	if (got == -1 && errno == EAGAIN)
		fail_msg("clerk %u did not come back in %d s", actor->number,
		    (int)(2 * HUNG / NS_PER_SEC));
	if (got != sizeof(answer))
		fail_msg("clerk %u is dead", actor->number);
	return answer;
}

/* Returns when the actor has heard; actor_answer() tells what came of it. */
void
actor_tell(const struct actor *actor, struct order order)
{
	assert_int_equal(send(actor->ours, &order, sizeof(order), MSG_NOSIGNAL),
	    sizeof(order));
	actor_answer(actor);
}

void
actor_tell_acquire(
    const struct actor *actor, unsigned slot, int64_t deadline_ns)
{
	actor_tell(actor,
	    (struct order){
		.deed = ACQUIRE, .slot = slot, .deadline_ns = deadline_ns});
}

struct answer
actor_acquire(const struct actor *actor, unsigned slot, int64_t deadline_ns)
{
	actor_tell_acquire(actor, slot, deadline_ns);
	return actor_answer(actor);
}

void
actor_release(const struct actor *actor)
{
	actor_tell(actor, (struct order){.deed = RELEASE});
	actor_answer(actor);
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
struct actor *
actor_up(struct stage *stage, unsigned number)
{
	struct actor *actor = &stage->actors[number];
	struct answer answer;

	if (actor->up)
		return actor;
	actor->stage = stage;
	actor->number = number;
	start(actor);
	answer = actor_answer(actor);
	assert_int_equal(answer.result, LOCK_HELD);
	actor->tid = answer.tid;
	return actor;
}

/* It leaves by itself; false: with an error, as after a sanitizer's report. */
bool
actor_dismiss(struct actor *actor)
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
unsigned
actor_kill(struct actor *actor)
{
	kill(actor->tid, SIGKILL);
	assert_false(actor_dismiss(actor));
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
void
actor_await_asleep(const struct actor *actor)
{
	const int64_t hung_ns = actors_in(HUNG);

	/* Once is enough: a lock may wait by naps, and look in between. */
	while (state_of(actor->tid) != 'S') {
		assert_true(clock_now_ns() < hung_ns);
		clock_sleep_until(actors_in(NS_PER_MS / 4));
	}
}

void
actor_stop(const struct actor *actor)
{
	int status = 0;

	kill(actor->tid, SIGSTOP);
	assert_int_equal(waitpid(actor->tid, &status, WUNTRACED), actor->tid);
	assert_true(WIFSTOPPED(status));
}

bool
actors_can_enter(struct stage *stage, unsigned number, unsigned slot)
{
	return actor_acquire(actor_up(stage, number), slot, 0).result <=
	       LOCK_INHERITED;
}

/* As many actors as it lets in, from actor 0, are inside. */
void
actors_fill(struct stage *stage)
{
	unsigned i;

	for (i = 0; i < actors_admitted(stage->play); i++)
		assert_in_range(
		    actor_acquire(actor_up(stage, i), SLOT, actors_in(SERVED))
			.result,
		    LOCK_HELD, LOCK_INHERITED);
}

void
actors_leave(struct stage *stage)
{
	unsigned i;

	for (i = 0; i < actors_admitted(stage->play); i++)
		actor_release(actor_up(stage, i));
}

void
actors_assert_admitted(struct stage *stage)
{
	actors_fill(stage);
	assert_false(
	    actors_can_enter(stage, actors_admitted(stage->play), SLOT));
	actors_leave(stage);
}

static bool
waiter_is_first(struct stage *stage)
{
	struct actor *holder = &stage->actors[0];
	struct actor *waiter = actor_up(stage, actors_admitted(stage->play));
	const int64_t deadline_ns = actors_in(HUNG);
	struct answer first, second;

	actor_tell(waiter, (struct order){PASS, SLOT, deadline_ns, false});
	actor_await_asleep(waiter);
	actor_tell(holder, (struct order){AGAIN, SLOT, deadline_ns, false});
	second = actor_answer(holder);
	actor_release(holder);
	first = actor_answer(waiter);
	assert_int_equal(first.result, LOCK_HELD);
	assert_int_equal(second.result, LOCK_HELD);
	assert_int_equal(
	    actor_acquire(holder, SLOT, actors_in(SERVED)).result, LOCK_HELD);
	return first.at_ns < second.at_ns;
}

/*
 * Mostly: who finds no processor in LINE_PATIENCE_NS is overtaken, and who
 * loses the processor before it comes back overtakes nobody.
 */
void
actors_assert_in_line(struct stage *stage)
{
	unsigned round, firsts = 0;

	for (round = 0; round < ROUNDS; round++)
		firsts += waiter_is_first(stage);
	if (firsts < ROUNDS / 2)
		fail_msg("waiters were overtaken %u times in %u",
		    ROUNDS - firsts, ROUNDS);
}

void
actors_assert_timed_out(struct answer answer, int64_t deadline_ns)
{
	assert_int_equal(answer.result, LOCK_TIMED_OUT);
	assert_true(answer.at_ns >= deadline_ns - CLOCK_SLIP);
	assert_true(answer.at_ns <= deadline_ns + TOO_LATE);
}

/*
 * The stage, built before each check and cleared after it.
 */

static bool ended = true; /* the check before came to its end */

static void
run_check(void **state)
{
	const struct stage *stage = *state;

	ended = false;
	stage->play->test(state);
	ended = true;
}

void
actors_skip(const char *why)
{
	print_message("SKIP: %s\n", why);
	ended = true;
	skip();
}

int
actors_set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct lock_config config = {.workers = ACTORS, .clerks = ACTORS};

	if (!ended && getenv("FIRST") != NULL)
		exit(EXIT_FAILURE);
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

int
actors_tear_down(void **state)
{
	struct stage *stage = *state;
	bool well = true;
	unsigned i;

	for (i = 0; i < ACTORS; i++)
		if (stage->actors[i].up && !actor_dismiss(&stage->actors[i]))
			well = false;
	locks_free(stage->locks);
	shared_free(stage->room, sizeof(*stage->room));
	tree_remove(stage->dir);
	free(stage);
	return well ? 0 : -1;
}

/*
 * Each check of each strategy, between threads and between processes.
 */

#define CHECKS_MAX 16
#define PLAYS (2 * LOCK_ROWS_MAX * 2 * CHECKS_MAX) /* each with its variant */

static struct play plays[PLAYS];
static struct CMUnitTest tests[PLAYS]; /* cmocka skips empty rows */
static size_t play_count;

/* Whether the check concerns the play; if so the play gets its name. */
static bool
concerns(const struct check *check, struct play *play)
{
	char strategy[LOCK_NAME_SIZE];

	if (check->deaths && !play->processes)
		return false;
	if (check->waits && actors_admitted(play) == ACTORS)
		return false;
	lock_print(play->strategy, strategy);
	snprintf(play->name, sizeof(play->name), "%s, %s: %s", strategy,
	    play->processes ? "processes" : "threads", check->name);
	return true;
}

static void
write_plays_of(struct lock_strategy strategy, bool processes,
    const struct check *checks, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct play *play = &plays[play_count];

		play->strategy = strategy;
		play->processes = processes;
		play->test = checks[i].test;
		if (concerns(&checks[i], play))
			tests[play_count++] = (struct CMUnitTest){play->name,
			    run_check, actors_set_up, actors_tear_down, play};
	}
}

/* cmocka's own filter is silent where nothing fits, and passes. */
static bool
fits_any(const char *only)
{
	size_t i;

	if (only == NULL)
		return true;
	cmocka_set_test_filter(only);
	for (i = 0; i < play_count; i++)
		if (fnmatch(only, plays[i].name, 0) == 0)
			return true;
	fprintf(stderr, "ONLY='%s' fits no test; one is called: %s\n", only,
	    plays[0].name);
	return false;
}

/* What is taken from a store keeps nobody out without one. */
static bool
is_here(struct lock_strategy strategy)
{
	const enum lock_turn turn = lock_facts(strategy).turn;

	return turn == LOCK_TURN_HERE || turn == LOCK_TURN_ATOMIC;
}

int
actors_run(const struct check *checks, size_t count)
{
	struct lock_strategy variant;
	size_t i;
	int processes;

	assert_in_range(count, 1, CHECKS_MAX);
	alarm(300); /* whatever happens */
	for (i = 0; i < lock_count(); i++)
		for (processes = 0; processes < 2 && is_here(lock_at(i));
		     processes++) {
			write_plays_of(
			    lock_at(i), processes == 1, checks, count);
			if (lock_variant(i, &variant))
				write_plays_of(
				    variant, processes == 1, checks, count);
		}
	return fits_any(getenv("ONLY"))
		   ? cmocka_run_group_tests(tests, NULL, NULL)
		   : EXIT_FAILURE;
}
