/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prices of evidence made by hand: a hundred orders, a millisecond apart, each
 * answered after as many milliseconds as its number; and some that failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "tests/stress/compare.h"

#define MS INT64_C(1000000)
#define ANSWERS 100
#define WORKERS 2

static struct answer answers[ANSWERS];
static struct evidence evidence;
static struct price price;

static int
set_scene(void **state)
{
	size_t i;

	(void)state;
	price_free(&price);
	for (i = 0; i < ANSWERS; i++)
		answers[i] = (struct answer){.kind = ANSWER_SOLD,
		    .sent_ns = (int64_t)(i + 1) * MS,
		    .done_ns = (int64_t)(2 * i + 2) * MS};
	evidence = (struct evidence){.start_ns = MS,
	    .end_ns = 200 * MS,
	    .answers = answers,
	    .answer_count = ANSWERS};
	price = (struct price){0};
	return 0;
}

static void
measure(int64_t warmup_ns)
{
	price_of_sales(&price, &evidence, warmup_ns, WORKERS);
}

static void
all_are_sold(void **state)
{
	char text[PRICE_FAILURES];

	(void)state;
	measure(0);
	assert_true(price.known);
	assert_int_equal(price.sold.count, ANSWERS);
	assert_true(fabs(price.sold.p50_ms - 50) < 1e-6);
	assert_true(fabs(price.sold.max_ms - 100) < 1e-6);
	assert_false(price_failures(&price, text));
}

/* Who is turned away at once would else make the tail shorter. */
static void
turned_away_waits_for_ever(void **state)
{
	char text[PRICE_FAILURES];
	size_t i;

	(void)state;
	for (i = 40; i < ANSWERS; i++)
		answers[i].kind = i == 99 ? ANSWER_NONE : ANSWER_LATER;
	measure(0);
	assert_int_equal(price.sold.count, ANSWERS);
	assert_true(isinf(price.sold.p50_ms) && isinf(price.sold.p99_ms));
	assert_true(price_failures(&price, text));
	assert_string_equal(text, "59 of 100 turned away (503), 1 of 100 "
				  "without an answer");
}

static void
unsent_waits_for_ever(void **state)
{
	(void)state;
	evidence.unsent = 3;
	measure(0);
	assert_int_equal(price.sold.count, ANSWERS + 3);
	assert_true(isfinite(price.sold.p95_ms) && isinf(price.sold.p99_ms));
}

static void
all_fail(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ANSWERS; i++)
		answers[i].kind = ANSWER_LATER;
	measure(0);
	assert_true(price.known && isinf(price.sold.p50_ms));
	assert_true(price.sold_per_s < 1e-6 && price.fairness < 1e-6);
}

/* What failed in the warm-up is not measured. */
static void
warm_up_is_left_out(void **state)
{
	char text[PRICE_FAILURES];

	(void)state;
	answers[3].kind = answers[4].kind = ANSWER_LATER;
	measure(4 * MS);
	assert_true(price_failures(&price, text));
	assert_string_equal(text, "1 of 96 turned away (503)");
}

/* Four lines of two workers, of whom one may have sold all. */
static void
between_workers(void **state)
{
	static struct store_line lines[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		lines[i].worker = 1;
	evidence.lines = lines;
	evidence.line_count = 4;
	measure(0);
	assert_float_equal(price.fairness, 1.0 / WORKERS, 1e-6);
	price = (struct price){0};
	lines[3].worker = 2;
	measure(0);
	assert_float_equal(price.fairness, 16.0 / (WORKERS * 10), 1e-6);
}

/* A round in which the machine stood still is one of them, and not the end. */
static void
a_round_of_nothing(void **state)
{
	(void)state;
	measure(1000 * MS);
	assert_false(price.known);
	measure(0);
	assert_true(price.known);
	assert_int_equal(price.sold_rounds.count, 2);
	assert_true(isinf(price.sold_rounds.p99_ms[0]));
	assert_true(fabs(price.sold_rounds.p99_ms[1] - 99) < 1e-6);
	assert_true(price.spread > 1);
}

/* The last of them comes long before the window ends: it is not shorter. */
static void
a_rate_is_of_the_window(void **state)
{
	(void)state;
	evidence.until_ns = 401 * MS;
	measure(0);
	assert_float_equal(price.sold_per_s, 250, 1e-3);
	price = (struct price){0};
	/* What comes behind it is too late to be of it: 2, 4 … 100 ms. */
	evidence.until_ns = 101 * MS;
	measure(0);
	assert_float_equal(price.sold_per_s, 500, 1e-3);
}

/* A warm-up's backlog is not the window's merit: 51 are due, 60 come. */
static void
no_more_is_sold_than_was_due(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 60; i++)
		answers[i].done_ns = 60 * MS;
	evidence.until_ns = 101 * MS;
	measure(49 * MS);
	assert_float_equal(price.sold_per_s, 1000, 1e-3);
}

/* Three rounds then, of which the last sold so much, and three now. */
static struct compared
compare_rounds(double then, double now)
{
	json_t *old = json_pack(
	    "{s:[{s:s,s:s,s:i,s:i,s:i,s:[i,i],s:{s:f,s:{s:f},s:[{s:f},{s:f},"
	    "{s:f}]}}]}",
	    "rows", "store", "json", "lock", "mutex", "workers", 2, "clerks", 4,
	    "batch", 64, "delay_ms", 0, 0, "price", "sold_per_s", 100.0, "sold",
	    "p99_ms", 1.0, "rounds", "sold_per_s", 100.0, "sold_per_s", 100.0,
	    "sold_per_s", then);
	struct row row = {.setting = {.store = "json",
			      .lock = "mutex",
			      .workers = 2,
			      .clerks = 4,
			      .batch = 64},
	    .price = {.known = true,
		.sold_per_s = 10,
		.sold = {.p99_ms = 1},
		.sold_rounds = {.count = 3, .per_s = {10, 10, now}}}};
	struct compared compared;

	assert_non_null(old);
	assert_true(compare_row(old, &row, false, &compared));
	json_decref(old);
	return compared;
}

static void
of_nothing_nothing_is_known(void **state)
{
	struct compared c;

	(void)state;
	c = compare_rounds(100, 10); /* no round differs from another */
	assert_float_equal(c.noise, 1, 1e-6);
	assert_int_equal(c.verdict, COMPARED_WORSE);
	c = compare_rounds(100, 0);
	assert_true(c.noise < 1 && c.verdict == COMPARED_NOISE);
	c = compare_rounds(0, 10);
	assert_true(c.noise < 1 && c.verdict == COMPARED_NOISE);
	c = compare_rounds(100, INFINITY);
	assert_true(c.noise < 1 && c.verdict == COMPARED_NOISE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(all_are_sold, set_scene),
	    cmocka_unit_test_setup(turned_away_waits_for_ever, set_scene),
	    cmocka_unit_test_setup(unsent_waits_for_ever, set_scene),
	    cmocka_unit_test_setup(all_fail, set_scene),
	    cmocka_unit_test_setup(between_workers, set_scene),
	    cmocka_unit_test_setup(warm_up_is_left_out, set_scene),
	    cmocka_unit_test_setup(a_round_of_nothing, set_scene),
	    cmocka_unit_test_setup(a_rate_is_of_the_window, set_scene),
	    cmocka_unit_test_setup(no_more_is_sold_than_was_due, set_scene),
	    cmocka_unit_test(of_nothing_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
