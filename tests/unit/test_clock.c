/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Somebody sets the wall clock, by an hour, between the moment a deadline is
 * chosen and the wait for it: nobody waits shorter or longer.
 */
#include "tests/unit/fixture.h"

#include <sys/syscall.h>

#include <pthread.h>

#include "locks/robust.h"
#include "locks/tsan.h"

#define HOUR_S 3600
#define WAIT_NS (50 * NS_PER_MS)
#define MOST_NS (20 * NS_PER_SEC) /* on a machine that has much to do */
#define ALARM_S 30

/* How far the wall clock was set, in seconds. */
static _Atomic int64_t jump_s;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	const int rc = (int)syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += jump_s;
	return rc;
}

static void
assert_waited(int64_t since_ns)
{
	jump_s = 0;
	assert_in_range(
	    clock_now_ns() - since_ns, WAIT_NS - NS_PER_MS, MOST_NS);
}

static void
test_now(void **state)
{
	const int64_t before = clock_now_ns();

	(void)state;
	jump_s = HOUR_S;
	assert_in_range(clock_now_ns() - before, 0, MOST_NS);
	jump_s = -HOUR_S;
	assert_in_range(clock_now_ns() - before, 0, MOST_NS);
	jump_s = 0;
}

static void
sleep_while_set(int64_t by_s)
{
	const int64_t before = clock_now_ns(), until = before + WAIT_NS;

	jump_s = by_s;
	clock_sleep_until(until);
	assert_waited(before);
}

static void
test_sleep(void **state)
{
	(void)state;
	sleep_while_set(-HOUR_S);
	sleep_while_set(HOUR_S);
}

/* ----------------------------------------------------------------- locks -- */

struct waiter {
	struct fixture *f;
	struct lock_strategy strategy;
	int64_t by_s;
	int64_t began_ns;
	enum lock_result result;
};

static void *
wait_in_vain(void *arg)
{
	struct waiter *waiter = arg;
	struct lock_user *user = locks_attach(waiter->f->locks, 0, 1);
	struct lock_hold hold = {0};
	int64_t deadline_ns;

	waiter->began_ns = clock_now_ns();
	deadline_ns = waiter->began_ns + WAIT_NS;
	jump_s = waiter->by_s;
	waiter->result =
	    lock_acquire(user, waiter->strategy, 0, deadline_ns, &hold);
	locks_detach(user);
	return NULL;
}

/* Somebody else has it. */
static void
wait_while_set(struct fixture *f, struct lock_strategy strategy, int64_t by_s)
{
	struct waiter waiter = {.f = f, .strategy = strategy, .by_s = by_s};
	struct lock_user *holder = locks_attach(f->locks, 0, 0);
	struct lock_hold hold = {0};
	pthread_t thread;

	assert_non_null(holder);
	assert_int_equal(
	    lock_acquire(holder, strategy, 0, in_ms(5000), &hold), LOCK_HELD);
	assert_int_equal(
	    pthread_create(&thread, NULL, wait_in_vain, &waiter), 0);
	pthread_join(thread, NULL);
	assert_waited(waiter.began_ns);
	assert_int_equal(waiter.result, LOCK_TIMED_OUT);
	lock_release(&hold);
	locks_detach(holder);
}

/* ThreadSanitizer knows only the waits by the wall clock. */
static void
test_locks(void **state)
{
	struct fixture f = {0};
	size_t i;

	(void)state;
	if (TSAN_ON) {
		print_message("SKIP: ThreadSanitizer does not know this\n");
		skip();
	}
	fixture_start(&f, "sqlite");
	for (i = 0; i < lock_count(); i++) {
		const struct lock_strategy strategy = lock_at(i);

		if (!lock_facts(strategy).holds ||
		    lock_facts(strategy).turn != LOCK_TURN_HERE ||
		    !lock_facts(strategy).excludes_threads)
			continue;
		wait_while_set(&f, strategy, -HOUR_S);
		wait_while_set(&f, strategy, HOUR_S);
	}
	fixture_stop(&f);
}

static void *
latch_in_vain(void *arg)
{
	pthread_mutex_t *latch = arg;
	const int64_t deadline_ns = clock_now_ns() + WAIT_NS;

	jump_s = -HOUR_S;
	return robust_lock(latch, deadline_ns) == LOCK_TIMED_OUT ? arg : NULL;
}

static void
test_latch(void **state)
{
	const int64_t before = clock_now_ns();
	pthread_mutex_t latch;
	pthread_t thread;
	void *timed_out;

	(void)state;
	if (TSAN_ON) {
		print_message("SKIP: ThreadSanitizer does not know this\n");
		skip();
	}
	robust_init(&latch);
	assert_int_equal(robust_lock(&latch, in_ms(5000)), LOCK_HELD);
	assert_int_equal(
	    pthread_create(&thread, NULL, latch_in_vain, &latch), 0);
	pthread_join(thread, &timed_out);
	assert_non_null(timed_out);
	assert_waited(before);
	robust_unlock(&latch);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_now),
	    cmocka_unit_test(test_sleep),
	    cmocka_unit_test(test_locks),
	    cmocka_unit_test(test_latch),
	};

	alarm(ALARM_S); /* nothing may hang */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
