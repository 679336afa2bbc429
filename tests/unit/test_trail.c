/* SPDX-License-Identifier: BSD-2-Clause */
/* Trails short and long: what is kept, what is told, what took how long. */
#include "service/sale/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "storage/store.h"

#define KEPT (TRAIL_FIRST + TRAIL_LAST)

static void
test_empty(void **state)
{
	struct trail trail = {0};
	char text[TRAIL_TEXT_SIZE];

	(void)state;
	assert_int_equal(trail_length(&trail), 0);
	assert_int_equal(trail_print(&trail, text), 2);
	assert_string_equal(text, "[]");
	assert_int_equal(trail_spent_ns(&trail, STEP_QUEUED), 0);
}

static void
test_names(void **state)
{
	static const char *const names[] = {"queued", "wait", "lock", "read",
	    "delay", "write", "conflict", "recover", "switch", "commit",
	    "unlock"};
	int i;

	(void)state;
	for (i = STEP_QUEUED; i <= STEP_UNLOCK; i++)
		assert_string_equal(trail_step_name((enum step)i), names[i]);
}

static void
test_print(void **state)
{
	struct trail trail = {0};
	char text[TRAIL_TEXT_SIZE];
	size_t length;

	(void)state;
	trail_add(&trail, STEP_QUEUED, 5);
	trail_add(&trail, STEP_READ, 17);
	trail_note(&trail, 100, 0);
	trail_add(&trail, STEP_WRITE, INT64_C(123456789012345));
	trail_note(&trail, 0, 42);
	trail_add(&trail, STEP_COMMIT, INT64_C(123456789012346));
	length = trail_print(&trail, text);
	assert_int_equal(length, strlen(text));
	assert_string_equal(text,
	    "[{\"at_ns\":5,\"step\":\"queued\"},"
	    "{\"at_ns\":17,\"step\":\"read\",\"remaining\":100,"
	    "\"version\":0},"
	    "{\"at_ns\":123456789012345,\"step\":\"write\",\"remaining\":0,"
	    "\"version\":42},"
	    "{\"at_ns\":123456789012346,\"step\":\"commit\"}]");
}

/* A note belongs to the last step, and only to it. */
static void
test_notes(void **state)
{
	struct trail trail = {0};
	size_t i;

	(void)state;
	for (i = 0; i < 3 * KEPT; i++) {
		const struct trail_step *step;

		trail_add(&trail, STEP_READ, (int64_t)i);
		step = trail_at(&trail, trail_length(&trail) - 1);
		assert_int_equal(step->at_ns, i);
		assert_int_equal(step->remaining, -1);
		assert_int_equal(step->version, -1);
		if (i % 2 == 0)
			continue;
		trail_note(&trail, (int64_t)(1000 - i), (int64_t)i);
		assert_int_equal(step->remaining, 1000 - i);
		assert_int_equal(step->version, i);
	}
	for (i = 1; i < KEPT; i += 2) {
		assert_int_equal(
		    trail_at(&trail, i)->version, trail_at(&trail, i)->at_ns);
		assert_int_equal(trail_at(&trail, i - 1)->version, -1);
	}
}

/* Of a long trail the first 8 and the last 24, in their order. */
static void
test_forgets(void **state)
{
	struct trail trail = {0};
	size_t added, i;

	(void)state;
	for (added = 1; added <= 5 * KEPT; added++) {
		const size_t length = added < KEPT ? added : KEPT;

		trail_add(&trail, STEP_READ, (int64_t)added);
		assert_int_equal(trail.count, added);
		assert_int_equal(trail_length(&trail), length);
		for (i = 0; i < length; i++)
			assert_int_equal(trail_at(&trail, i)->at_ns,
			    i < TRAIL_FIRST ? i + 1 : added - length + i + 1);
	}
}

/* The longest that there can be fits, and is JSON. */
static void
test_longest(void **state)
{
	struct trail trail = {0};
	char text[TRAIL_TEXT_SIZE + 1];
	json_t *list;
	size_t i, length;

	(void)state;
	text[TRAIL_TEXT_SIZE] = 'x';
	for (i = 0; i < 2 * KEPT; i++) {
		trail_add(&trail, STEP_CONFLICT, INT64_MAX); /* 292 years */
		trail_note(&trail, STORE_CAPACITY_MAX, INT64_C(1000000000000));
	}
	length = trail_print(&trail, text);
	assert_int_equal(length, strlen(text));
	assert_int_equal(text[TRAIL_TEXT_SIZE], 'x');
	list = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(list), KEPT);
	json_decref(list);
}

static void
test_times(void **state)
{
	struct trail trail = {0};

	(void)state;
	trail_add(&trail, STEP_QUEUED, 1000);
	trail_add(&trail, STEP_WAIT, 1001); /* 1 queued */
	trail_add(&trail, STEP_LOCK, 1011); /* 10 waited */
	trail_add(&trail, STEP_READ, 1111);
	trail_add(&trail, STEP_DELAY, 2111);
	trail_add(&trail, STEP_WRITE, 12111);   /* 10000 delayed */
	trail_add(&trail, STEP_COMMIT, 112111); /* 100000 written */
	trail_add(&trail, STEP_UNLOCK, 1112111);
	assert_int_equal(trail_spent_ns(&trail, STEP_QUEUED), 1);
	assert_int_equal(trail_spent_ns(&trail, STEP_WAIT), 10);
	assert_int_equal(trail_spent_ns(&trail, STEP_DELAY), 10000);
	assert_int_equal(trail_spent_ns(&trail, STEP_WRITE), 100000);
}

/* Tries add up; the last step takes no time that is known. */
static void
test_times_of_tries(void **state)
{
	struct trail trail = {0};

	(void)state;
	trail_add(&trail, STEP_QUEUED, 0);
	trail_add(&trail, STEP_WRITE, 5);
	trail_add(&trail, STEP_CONFLICT, 15);
	trail_add(&trail, STEP_WRITE, 100);
	trail_add(&trail, STEP_SWITCH, 120);
	trail_add(&trail, STEP_WAIT, 200);
	trail_add(&trail, STEP_WAIT, 230);
	assert_int_equal(trail_spent_ns(&trail, STEP_QUEUED), 5);
	assert_int_equal(trail_spent_ns(&trail, STEP_WRITE), 30);
	assert_int_equal(trail_spent_ns(&trail, STEP_WAIT), 30);
}

/* What happened in the steps that were forgotten is nobody's time. */
static void
test_times_of_the_forgotten(void **state)
{
	struct trail trail = {0};
	size_t i;

	(void)state;
	for (i = 0; i < KEPT; i++)
		trail_add(&trail, STEP_WRITE, (int64_t)i);
	assert_int_equal(trail_spent_ns(&trail, STEP_WRITE), KEPT - 1);
	for (i = KEPT; i < 1000; i++)
		trail_add(&trail, STEP_WRITE, (int64_t)i);
	assert_int_equal(trail_spent_ns(&trail, STEP_WRITE), KEPT - 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_forgets),
	    cmocka_unit_test(test_longest),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_times_of_tries),
	    cmocka_unit_test(test_times_of_the_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
