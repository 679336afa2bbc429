/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit of a long ledger: how much it keeps, how long blame takes, what
 * happens without memory, and that no line can lead it astray.
 */
#include "service/audit/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MILLION 1000000
#define ALARM_S 120

/* ----------------------------------------------------------- the memory -- */

static struct {
	size_t asked;  /* bytes of all lists, as they were last grown */
	unsigned left; /* calls until one fails, 0: none will */
	void *lists[2];
	size_t sizes[2];
} memory;

/* The audit's lists are grown by this and nothing else. */
void *
reallocarray(void *list, size_t count, size_t size)
{
	size_t i = memory.lists[0] == list && list != NULL ? 0 : 1;
	void *larger;

	if (memory.left > 0 && --memory.left == 0)
		return NULL;
	larger = realloc(list, count * size);
	if (list == NULL)
		i = memory.lists[0] == NULL ? 0 : 1;
	memory.lists[i] = larger;
	memory.sizes[i] = count * size;
	memory.asked = memory.sizes[0] + memory.sizes[1];
	return larger;
}

static int
setup(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	return 0;
}

/* -------------------------------------------------------------- ledgers -- */

static bool
add(struct audit *audit, int64_t version, int64_t base, int64_t seat)
{
	const struct store_line line = {.version = version,
	    .base = base,
	    .nth = 1,
	    .seat = seat,
	    .quantity = 1,
	    .lock = "none",
	    .order = "a",
	    .buyer = "alice",
	    .trail = "[]"};

	return audit_add(&line, audit);
}

static void
test_million(void **state)
{
	struct audit *audit = audit_new(0);
	struct audit_report report;
	int64_t v;

	(void)state;
	for (v = 1; v <= MILLION; v++)
		assert_true(add(audit, v, v - 1, v));
	/* A half more than is used, at most. */
	assert_in_range(memory.asked, 24 * MILLION, 37 * MILLION);
	assert_int_equal(audit_finish(audit, MILLION, 0, &report), AUDIT_OK);
	assert_int_equal(report.verdict, VERDICT_CORRECT);
	assert_int_equal(report.seats, MILLION);
}

/*
 * A late write puts the counter back to the beginning, and every seat is sold
 * again: a million times the question who made that possible.
 */
static void
test_blame_a_million_times(void **state)
{
	struct audit *audit = audit_new(MILLION);
	struct audit_report report;
	int64_t v;

	(void)state;
	for (v = 1; v <= MILLION; v++)
		assert_true(add(audit, v, v - 1, v));
	assert_true(add(audit, v, 0, 1));
	for (v++; v <= 2 * MILLION; v++)
		assert_true(add(audit, v, v - 1, v - MILLION));
	assert_int_equal(audit_finish(audit, MILLION, 0, &report), AUDIT_OK);
	assert_int_equal(report.seats_twice, MILLION);
	assert_int_equal(report.overwrites, 1);
	assert_int_equal(report.collision.count, 3);
	assert_int_equal(report.collision.versions[0], MILLION);
	assert_int_equal(report.collision.versions[1], MILLION + 1);
	assert_int_equal(report.collision.versions[2], 2 * MILLION);
}

/* Each time that it asks for memory in turn. */
static void
test_no_memory(void **state)
{
	struct audit_report report;
	enum audit_end end;
	unsigned nth, failed = 0;
	int64_t v;

	(void)state;
	for (nth = 1;; nth++) {
		struct audit *audit = audit_new(0);
		bool more = true;

		assert_non_null(audit);
		memset(&memory, 0, sizeof(memory));
		memory.left = nth;
		for (v = 1; v <= 1000 && more; v++)
			more = add(audit, v, v - 1, v);
		end = audit_finish(audit, 1000, 0, &report);
		assert_int_equal(end == AUDIT_OK, more);
		if (end == AUDIT_OK)
			break;
		assert_int_equal(end, AUDIT_NO_MEMORY);
		failed++;
	}
	assert_int_equal(report.seats, 1000);
	assert_in_range(failed, 4, 40);
}

/* Sealed by somebody, but written by no store. */
static void
test_bad_lines(void **state)
{
	static const struct {
		int64_t base, seat, quantity;
	} rows[] = {
	    {0, 0, 1},
	    {0, -1, 1},
	    {0, 1, 0},
	    {0, 1, -5},
	    {0, STORE_CAPACITY_MAX + 1, 1},
	    {0, STORE_CAPACITY_MAX, 2},
	    {0, 1, INT64_MAX},
	    {0, INT64_MAX, 1},
	    {-1, 1, 1},
	    {1, 1, 1},
	    {INT64_MAX, 1, 1},
	};
	struct audit_report report;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct store_line line = {.version = 1,
		    .base = rows[i].base,
		    .nth = 1,
		    .seat = rows[i].seat,
		    .quantity = rows[i].quantity,
		    .lock = "none"};
		struct audit *audit = audit_new(0);

		assert_false(audit_add(&line, audit));
		assert_int_equal(
		    audit_finish(audit, 100, 100, &report), AUDIT_BAD_LINE);
	}
}

#define ROW(function) cmocka_unit_test_setup(function, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_million),
	    ROW(test_blame_a_million_times),
	    ROW(test_no_memory),
	    ROW(test_bad_lines),
	};

	alarm(ALARM_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
