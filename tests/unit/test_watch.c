/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a worker, at times that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/process/watch.h"

#define KILL_NS (10 * NS_PER_SEC)

/* Looks, one each second from `from_s` up to `to_s`, at one that is silent. */
static enum watch_news
look(struct watch *watch, int64_t from_s, int64_t to_s)
{
	enum watch_news news = WATCH_NOTHING;
	int64_t s;

	for (s = from_s; s <= to_s && news == WATCH_NOTHING; s++)
		news = watch_look(watch, 7, s * NS_PER_SEC, KILL_NS);
	return news;
}

static void
test_silence(void **state)
{
	struct watch watch = {0};

	(void)state;
	assert_int_equal(look(&watch, 1, 3), WATCH_NOTHING);
	assert_int_equal(look(&watch, 4, 4), WATCH_STUCK);
	assert_int_equal(look(&watch, 5, 10), WATCH_NOTHING);
	assert_int_equal(look(&watch, 11, 11), WATCH_KILL);
	assert_int_equal(look(&watch, 12, 12), WATCH_KILL);
	assert_int_equal(
	    watch_look(&watch, 8, 13 * NS_PER_SEC, KILL_NS), WATCH_GOES_ON);
	assert_int_equal(watch.silent_ns, 0);
}

static void
test_who_turns_is_never_stuck(void **state)
{
	struct watch watch = {0};
	uint64_t turns;

	(void)state;
	for (turns = 1; turns < 100; turns++)
		assert_int_equal(watch_look(&watch, turns,
				     (int64_t)turns * 2 * NS_PER_SEC, KILL_NS),
		    WATCH_NOTHING);
}

/* All were stopped for an hour: that is one look, not an hour. */
static void
test_pause_of_all(void **state)
{
	struct watch watch = {0};

	(void)state;
	assert_int_equal(look(&watch, 1, 2), WATCH_NOTHING);
	assert_int_equal(look(&watch, 3600, 3600), WATCH_NOTHING);
	assert_int_equal(look(&watch, 3601, 3601), WATCH_STUCK);
}

static void
test_limits(void **state)
{
	(void)state;
	assert_int_equal(watch_kill_ns(300), 10 * NS_PER_SEC);
	assert_int_equal(watch_kill_ns(5000), 10 * NS_PER_SEC);
	assert_int_equal(watch_kill_ns(20000), 40 * NS_PER_SEC);
}

static void
test_nobody_traces(void **state)
{
	(void)state;
	assert_false(watch_is_traced(-1));
	if (!watch_is_traced(getpid()))
		return;
	print_message("this test is being traced\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_who_turns_is_never_stuck),
	    cmocka_unit_test(test_pause_of_all),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_nobody_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
