/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a delay is so: counted by hand, a buyer after the other. */
#include "service/sale/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Of many buyers at once, under a lock, in time. */
static int64_t
count_served(int64_t delay_ms, int64_t timeout_ms)
{
	int64_t lock_is_free_ms = 0, served = 0;

	while (lock_is_free_ms < timeout_ms) {
		lock_is_free_ms += delay_ms;
		served++;
	}
	return served;
}

static void
test_true(void **state)
{
	const int64_t timeout_ms = 100;
	char text[PATIENCE_SIZE];
	int64_t delay_ms;

	(void)state;
	for (delay_ms = 1; delay_ms <= 3 * timeout_ms; delay_ms++) {
		const int64_t served = count_served(delay_ms, timeout_ms);

		if (!patience_warn(delay_ms, timeout_ms, text)) {
			assert_true(served > 2);
			continue;
		}
		assert_true(served <= 2);
		assert_non_null(strstr(text,
		    served == 1 ? "only one of several buyers at once is "
				: "only two of several buyers at once are "));
		assert_int_equal(strstr(text, "without an answer") != NULL,
		    delay_ms + timeout_ms > 2 * timeout_ms);
	}
	assert_false(patience_warn(0, timeout_ms, text));
}

static void
test_words(void **state)
{
	char text[PATIENCE_SIZE];

	(void)state;
	assert_true(patience_warn(3600000, 5000, text));
	assert_string_equal(text,
	    "the delay is half the orders' timeout or more (3600s, of 5s): "
	    "under a lock only one of several buyers at once is served in "
	    "time, the others are told 503; and a stop may leave buyers "
	    "without an answer");
	/* The longest there is. */
	assert_true(patience_warn(3599999, 3599998, text));
	assert_non_null(strstr(text, "(3599999ms, of 3599998ms)"));
	assert_non_null(strstr(text, "without an answer"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_true),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
