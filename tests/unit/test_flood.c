/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a flood, and that the rest is counted. */
#include "service/flood.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "locks/clock.h"

/* So many come at that time: how many are said. */
static unsigned
pour(struct flood *flood, unsigned count, int64_t now_ns)
{
	unsigned i, said = 0;

	for (i = 0; i < count; i++)
		said += flood_says(flood, now_ns);
	return said;
}

static void
test_few_are_said(void **state)
{
	struct flood flood = {0};

	(void)state;
	assert_int_equal(pour(&flood, FLOOD_SAID, 5 * NS_PER_SEC), FLOOD_SAID);
	assert_int_equal(flood_rest(&flood, INT64_MAX), 0);
}

/* Each second has its own, and what is left of it is told once, behind it. */
static void
test_a_flood(void **state)
{
	struct flood flood = {0};
	int64_t at_ns = 5 * NS_PER_SEC;

	(void)state;
	assert_int_equal(pour(&flood, 1000, at_ns), FLOOD_SAID);
	assert_int_equal(flood_rest(&flood, at_ns + NS_PER_SEC - 1), 0);
	at_ns += NS_PER_SEC;
	assert_int_equal(flood_rest(&flood, at_ns), 1000 - FLOOD_SAID);
	assert_int_equal(flood_rest(&flood, at_ns), 0);
	assert_int_equal(pour(&flood, 20, at_ns), FLOOD_SAID);
	assert_int_equal(flood_rest(&flood, INT64_MAX), 20 - FLOOD_SAID);
}

/* Who was not asked for the rest in between has it still. */
static void
test_nothing_is_lost(void **state)
{
	struct flood flood = {0};
	unsigned said = 0, i;

	(void)state;
	for (i = 1; i <= 5; i++)
		said += pour(&flood, 100, i * NS_PER_SEC);
	assert_int_equal(said + flood_rest(&flood, INT64_MAX), 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few_are_said),
	    cmocka_unit_test(test_a_flood),
	    cmocka_unit_test(test_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
