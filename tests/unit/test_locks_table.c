/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What concerns no single lock: names, facts, and that nothing leaks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "locks/line.h"
#include "tests/unit/actors.h"

#define FDS 1024       /* more than are open here */
#define LEAK_ROUNDS 20 /* malloc's smallest piece is 32 bytes */

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
	    "semaphore:N (N from 2 to 8), spin, ticket, "
	    "rwlock, rwlock:N (N from 2 to 8), optimistic, "
	    "atomic, row, advisory");
	assert_round_trip("semaphore:1", "semaphore");
	for (i = 2; i <= LOCK_PERMITS_MAX; i++) {
		snprintf(name, sizeof(name), "semaphore:%zu", i);
		assert_round_trip(name, name);
	}
}

/* What lists show beside a strategy. */
static void
test_variants(void **state)
{
	char name[LOCK_NAME_SIZE];
	struct lock_strategy semaphore, variant;
	size_t i;

	(void)state;
	assert_true(lock_parse("semaphore", &semaphore));
	for (i = 0; i < lock_count(); i++) {
		if (i == lock_row(semaphore))
			continue;
		assert_false(lock_variant(i, &variant));
	}
	assert_true(lock_variant(lock_row(semaphore), &variant));
	assert_int_equal(lock_row(variant), lock_row(semaphore));
	lock_print(variant, name);
	assert_string_equal(name, "semaphore:3");
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
		bool holds, threads, processes, hosts, checks, tells, fair,
		    wrong;
		enum lock_turn turn;
		enum lock_reach reach;
	} rows[] = {
	    {"none", false, false, false, false, false, false, false, true,
		LOCK_TURN_HERE, LOCK_REACH_NOBODY},
	    {"mutex-private", true, true, false, false, false, false, false,
		true, LOCK_TURN_HERE, LOCK_REACH_THREADS},
	    {"flock", true, true, true, false, false, false, false, false,
		LOCK_TURN_HERE, LOCK_REACH_HOST},
	    {"mutex", true, true, true, false, false, true, false, false,
		LOCK_TURN_HERE, LOCK_REACH_HOST},
	    {"semaphore", true, true, true, false, false, false, false, false,
		LOCK_TURN_HERE, LOCK_REACH_HOST},
	    {"semaphore:2", true, false, false, false, false, false, false,
		true, LOCK_TURN_HERE, LOCK_REACH_NOBODY},
	    {"semaphore:3", true, false, false, false, false, false, false,
		true, LOCK_TURN_HERE, LOCK_REACH_NOBODY},
	    {"spin", true, true, true, false, false, true, false, false,
		LOCK_TURN_HERE, LOCK_REACH_HOST},
	    {"ticket", true, true, true, false, false, false, true, false,
		LOCK_TURN_HERE, LOCK_REACH_HOST},
	    {"rwlock", true, true, true, false, false, true, false, false,
		LOCK_TURN_HERE, LOCK_REACH_HOST},
	    {"rwlock:2", true, false, false, false, false, true, false, true,
		LOCK_TURN_HERE, LOCK_REACH_NOBODY},
	    {"optimistic", false, false, false, false, true, false, false,
		false, LOCK_TURN_HERE, LOCK_REACH_HOSTS},
	    {"atomic", false, false, false, false, true, false, false, false,
		LOCK_TURN_ATOMIC, LOCK_REACH_HOSTS},
	    {"row", true, true, true, true, false, false, false, false,
		LOCK_TURN_ROW, LOCK_REACH_HOSTS},
	    {"advisory", true, true, true, true, false, false, false, false,
		LOCK_TURN_ADVISORY, LOCK_REACH_HOSTS},
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
		assert_int_equal(facts.excludes_hosts, rows[i].hosts);
		assert_int_equal(facts.turn, rows[i].turn);
		assert_int_equal(lock_reach(strategy), rows[i].reach);
		assert_int_equal(lock_is_safe(strategy, LOCK_REACH_HOSTS),
		    rows[i].reach == LOCK_REACH_HOSTS);
		assert_int_equal(facts.checks_write, rows[i].checks);
		assert_int_equal(facts.tells_death, rows[i].tells);
		assert_int_equal(facts.fair, rows[i].fair);
		assert_int_equal(facts.wrong_on_purpose, rows[i].wrong);
		assert_int_equal(
		    lock_is_safe(strategy, LOCK_REACH_HOST), !rows[i].wrong);
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

/* Descriptors that a program would find, were one executed now. */
static unsigned
count_inheritable(void)
{
	unsigned count = 0;
	int fd;

	for (fd = 0; fd < FDS; fd++) {
		const int flags = fcntl(fd, F_GETFD);

		count += flags != -1 && (flags & FD_CLOEXEC) == 0;
	}
	return count;
}

static void
test_nothing_is_inherited(void **state)
{
	struct stage *stage = *state;
	const unsigned before = count_inheritable();
	struct lock_user *user = locks_attach(stage->locks, 0, 0);
	struct lock_hold hold = {.user = NULL};
	size_t i;

	assert_non_null(user);
	for (i = 0; i < lock_count(); i++) {
		assert_int_equal(
		    lock_acquire(user, lock_at(i), SLOT, 0, &hold), LOCK_HELD);
		assert_int_equal(count_inheritable(), before);
		lock_release(&hold);
	}
	locks_detach(user);
}

/* Who was refused is the head of the line, for its next turn, until it ends. */
static void
test_refused_is_first(void **state)
{
	struct stage *stage = *state;
	struct lock_user *refused = locks_attach(stage->locks, 0, 0);
	struct lock_user *other = locks_attach(stage->locks, 1, 0);
	struct lock_hold hold = {.user = NULL}, others = {.user = NULL};
	struct lock_strategy optimistic;
	int64_t from_ns;
	unsigned turn;

	assert_true(refused != NULL && other != NULL);
	assert_true(lock_parse("optimistic", &optimistic));
	for (turn = 0; turn < 4; turn++) {
		const bool was_refused = turn == 1 || turn == 2;

		assert_int_equal(
		    lock_acquire(refused, optimistic, SLOT, 0, &hold),
		    LOCK_HELD);
		from_ns = clock_now_ns();
		assert_int_equal(lock_acquire(other, optimistic, SLOT,
				     actors_in(HUNG), &others),
		    LOCK_HELD);
		if (was_refused)
			assert_in_range(
			    clock_now_ns() - from_ns, LINE_PATIENCE_NS, HUNG);
		assert_int_equal(hold.is_head, was_refused);
		assert_int_equal(others.is_head, false);
		lock_release(&others);
		if (turn < 2)
			lock_refused(&hold);
		lock_release(&hold);
	}
	/* The line is free: it is a try that gets to its head. */
	lock_refused(&(struct lock_hold){.user = other});
	assert_int_equal(
	    lock_acquire(other, optimistic, SLOT, 0, &others), LOCK_HELD);
	assert_true(others.is_head);
	lock_release(&others);
	locks_detach(refused);
	locks_detach(other);
}

/* What ends a wait rings no more when it is over: it would break others. */
static void
test_quiet_after_a_wait(void **state)
{
	static const struct timespec long_enough = {.tv_nsec = 2 * SHORTLY};
	struct stage *stage = *state;
	struct lock_user *holder = locks_attach(stage->locks, 0, 0);
	struct lock_user *waiter = locks_attach(stage->locks, 0, 1);
	struct lock_hold hold = {.user = NULL}, none = {.user = NULL};
	struct lock_strategy flock;
	sigset_t every;

	assert_true(holder != NULL && waiter != NULL);
	assert_true(lock_parse("flock", &flock));
	assert_int_equal(
	    lock_acquire(holder, flock, SLOT, 0, &hold), LOCK_HELD);
	assert_int_equal(
	    lock_acquire(waiter, flock, SLOT, actors_in(SHORTLY), &none),
	    LOCK_TIMED_OUT);
	sigfillset(&every);
	assert_int_equal(sigtimedwait(&every, NULL, &long_enough), -1);
	assert_int_equal(errno, EAGAIN);
	lock_release(&hold);
	locks_detach(holder);
	locks_detach(waiter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_variants),
	    cmocka_unit_test(test_wrong_names),
	    cmocka_unit_test(test_facts),
	    cmocka_unit_test_setup_teardown(
		test_nothing_leaks, actors_set_up, actors_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_nothing_is_inherited, actors_set_up, actors_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_refused_is_first, actors_set_up, actors_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_quiet_after_a_wait, actors_set_up, actors_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
