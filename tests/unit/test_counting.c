/* SPDX-License-Identifier: BSD-2-Clause */
/* What selling counts: which row, which bucket. */
#include "service/sale/counting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned
row_of(const char *lock)
{
	struct lock_strategy strategy;

	assert_true(lock_parse(lock, &strategy));
	return counting_row(strategy);
}

/* All that admit more than one are one row. */
static void
test_rows(void **state)
{
	char name[LOCK_NAME_SIZE];
	unsigned i;

	(void)state;
	for (i = 0; i < lock_count(); i++) {
		lock_print(lock_at(i), name);
		assert_int_equal(row_of(name), i);
	}
	for (i = 2; i <= LOCK_PERMITS_MAX; i++) {
		snprintf(name, sizeof(name), "semaphore:%u", i);
		assert_int_equal(
		    row_of(name), COUNTING_SHARED + row_of("semaphore"));
	}
}

/*
 * From 50 us to what nothing can last; a bound belongs to the bucket below it,
 * as Prometheus has it.
 */
static void
test_times(void **state)
{
	int64_t bound = COUNTING_SHORTEST_NS;
	unsigned i, j;

	(void)state;
	for (i = 0; i < COUNTING_BUCKETS; i++, bound *= 2) {
		struct histogram times = {0};

		counting_time(&times, bound);
		counting_time(&times, bound / 2 + 1);
		assert_int_equal(times.sum_ns, bound + bound / 2 + 1);
		for (j = 0; j < COUNTING_BUCKETS; j++)
			assert_int_equal(times.bucket[j], j == i ? 2 : 0);
	}
	assert_true(bound / 4 < 2 * INT64_C(3600000000000));
	assert_true(bound / 2 > 2 * INT64_C(3600000000000) - 1);
}

static void
assert_batch(size_t orders, unsigned bucket)
{
	struct counting *counting = calloc(1, sizeof(*counting));
	unsigned i;

	assert_non_null(counting);
	counting_batch(counting, orders);
	assert_int_equal(counting->batched_orders, orders);
	for (i = 0; i < COUNTING_BATCHES; i++)
		assert_int_equal(counting->batches[i], i == bucket);
	free(counting);
}

static void
test_batches(void **state)
{
	unsigned i;

	(void)state;
	assert_batch(1, 0);
	assert_batch(2, 1);
	for (i = 2; i < COUNTING_BATCHES - 1; i++) {
		assert_batch(((size_t)1 << i) - 1, i);
		assert_batch((size_t)1 << i, i);
		assert_batch(((size_t)1 << i) + 1, i + 1);
	}
}

static void
assert_counted(const char *lock, enum outcome outcome, unsigned row)
{
	struct counting *counting = calloc(1, sizeof(*counting));
	struct order *order = calloc(1, sizeof(*order));
	unsigned i;

	assert_true(counting != NULL && order != NULL);
	snprintf(order->state.settings.lock, STORE_LOCK_SIZE, "%s", lock);
	order->outcome = outcome;
	counting_order(counting, order, 0);
	for (i = 0; i < COUNTING_ROWS; i++)
		assert_int_equal(counting->orders[outcome][i], i == row);
	free(counting);
	free(order);
}

/* An order that was never read with its sale is nobody's. */
static void
test_orders(void **state)
{
	(void)state;
	assert_counted("mutex", OUTCOME_SOLD, row_of("mutex"));
	assert_counted("semaphore:2", OUTCOME_SOLD_OUT,
	    COUNTING_SHARED + row_of("semaphore"));
	assert_counted("", OUTCOME_NO_SALE, COUNTING_UNKNOWN);
}

/* How long each took that was let in, by what it came to. */
static void
test_order_times(void **state)
{
	static const struct {
		enum outcome outcome;
		enum order_end end;
	} rows[] = {{OUTCOME_SOLD, ORDER_GOT}, {OUTCOME_REPLAYED, ORDER_GOT},
	    {OUTCOME_SOLD_OUT, ORDER_REFUSED},
	    {OUTCOME_KEY_REUSED, ORDER_REFUSED},
	    {OUTCOME_QUEUE_TIMEOUT, ORDER_FAILED},
	    {OUTCOME_UNKNOWN, ORDER_FAILED}};
	struct counting *counting = calloc(1, sizeof(*counting));
	struct order *order = calloc(1, sizeof(*order));
	const unsigned row = row_of("mutex");
	size_t i;

	(void)state;
	assert_true(counting != NULL && order != NULL);
	strcpy(order->state.settings.lock, "mutex");
	counting_order(counting, order, INT64_C(1000)); /* not let in */
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct histogram *times =
		    &counting->order_time[rows[i].end][row];
		const uint64_t before = times->sum_ns;

		order->outcome = rows[i].outcome;
		order->queued_ns = 1000;
		counting_order(counting, order, INT64_C(1500));
		assert_int_equal(times->sum_ns, before + 500);
		assert_int_equal(times->bucket[0], before / 500 + 1);
	}
	free(counting);
	free(order);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_orders),
	    cmocka_unit_test(test_order_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
