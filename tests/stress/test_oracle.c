/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle on evidence made by hand: three tickets, sold right, and then
 * one thing is changed for each of its words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/stress/oracle.h"

#define ANSWERS 8
#define LINES 4

struct scene {
	struct evidence evidence;
	struct answer answers[ANSWERS];
	struct store_line lines[LINES];
};

static struct answer *
tell(struct scene *scene, enum answer_kind kind, unsigned buyer,
    int64_t remaining)
{
	const size_t n = scene->evidence.answer_count++;
	struct answer *answer = &scene->answers[n];

	*answer = (struct answer){.kind = kind,
	    .look = kind == ANSWER_LEFT,
	    .buyer = buyer,
	    .request = n,
	    .quantity = 1,
	    .remaining = remaining,
	    .version = 3 - remaining,
	    .sent_ns = (int64_t)n * 100 + 1,
	    .done_ns = (int64_t)n * 100 + 50};
	return answer;
}

/* A line, and its receipt. */
static void
sell_one(struct scene *scene, unsigned buyer, const char *order)
{
	const int64_t seat = (int64_t)++scene->evidence.line_count;
	struct answer *answer = tell(scene, ANSWER_SOLD, buyer, 3 - seat);
	static char names[8][BUYERS_NAME_SIZE];

	buyers_name(buyer, names[buyer]);
	answer->seat = answer->version = seat;
	snprintf(answer->order, sizeof(answer->order), "%s", order);
	scene->lines[seat - 1] = (struct store_line){.kind = STORE_SOLD,
	    .version = seat,
	    .base = seat - 1,
	    .nth = 1,
	    .seat = seat,
	    .quantity = 1,
	    .remaining = 3 - seat,
	    .capacity = 3,
	    .buyer = names[buyer],
	    .lock = "mutex",
	    .trail = "[]"};
	snprintf(scene->lines[seat - 1].order, STORE_ORDER_SIZE, "%s", order);
}

/* Three buyers get one each, the fourth is refused. */
static void
set_scene(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	tell(scene, ANSWER_LEFT, 0, 3);
	sell_one(scene, 0, "aa");
	sell_one(scene, 1, "bb");
	sell_one(scene, 2, "cc");
	tell(scene, ANSWER_REFUSED, 3, 0);
	scene->evidence.alone = true;
	scene->evidence.capacity = scene->evidence.capacity_before = 3;
	scene->evidence.remaining_before = 3;
	scene->evidence.version = 3;
	scene->evidence.answers = scene->answers;
	scene->evidence.lines = scene->lines;
}

static void
expect(struct scene *scene, enum wrong wrong)
{
	struct judgement j;

	oracle_judge(&scene->evidence, &j);
	assert_true(j.wrong);
	if (j.findings[wrong].count == 0)
		print_message(
		    "found: %s\n", oracle_wrong_name(oracle_worst(&j)));
	assert_true(j.findings[wrong].count > 0);
	assert_int_equal(oracle_worst(&j), wrong);
	assert_true(j.findings[wrong].example[0] != '\0');
}

static void
correct(void **state)
{
	struct scene scene;
	struct judgement j;

	(void)state;
	set_scene(&scene);
	oracle_judge(&scene.evidence, &j);
	assert_false(j.wrong);
	assert_int_equal(j.sold, 3);
	assert_int_equal(j.refused, 1);
	assert_int_equal(j.looks_enough, 1);
	assert_true(j.audit_agrees);
}

static void
oversold(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.evidence.capacity = scene.evidence.capacity_before = 2;
	expect(&scene, WRONG_OVERSOLD);
}

static void
double_booked(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.answers[3].seat = scene.lines[2].seat = 2;
	expect(&scene, WRONG_DOUBLE_BOOKED);
}

static void
lost(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.evidence.line_count--;
	scene.evidence.version--;
	expect(&scene, WRONG_LOST);
}

static void
lost_because_different(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.lines[2].buyer = "mallory";
	expect(&scene, WRONG_LOST);
}

static void
repeated(void **state)
{
	struct scene scene;
	struct answer *again;

	(void)state;
	set_scene(&scene);
	scene.evidence.capacity = scene.evidence.capacity_before = 4;
	scene.evidence.remaining_before = 4;
	sell_one(&scene, 2, "dd");
	scene.evidence.version = 4;
	scene.answers[4].kind = ANSWER_LATER;
	again = &scene.answers[scene.evidence.answer_count - 1];
	again->again = true;
	again->request = scene.answers[3].request;
	expect(&scene, WRONG_REPEATED);
}

static void
repeated_because_forgotten(void **state)
{
	struct scene scene;
	struct answer *again;

	(void)state;
	set_scene(&scene);
	again = tell(&scene, ANSWER_REFUSED, 2, 0);
	again->again = true;
	again->request = scene.answers[3].request;
	expect(&scene, WRONG_REPEATED);
}

static void
unclaimed(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.answers[3].kind = ANSWER_LATER;
	expect(&scene, WRONG_UNCLAIMED);
}

/* Who never got an answer may well have bought. */
static void
not_unclaimed(void **state)
{
	struct scene scene;
	struct judgement j;

	(void)state;
	set_scene(&scene);
	scene.answers[3].kind = ANSWER_NONE;
	oracle_judge(&scene.evidence, &j);
	assert_false(j.wrong);
	assert_int_equal(j.unknown, 1);
}

static void
stranded(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.evidence.capacity = scene.evidence.capacity_before = 4;
	expect(&scene, WRONG_STRANDED);
}

static void
false_sold_out_by_the_ledger(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.answers[4].version = 2;
	expect(&scene, WRONG_FALSE_SOLD_OUT);
}

static void
false_sold_out_by_a_later_sale(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	/* Refused before the third was asked for, at a version that fits. */
	scene.answers[4].sent_ns = 1;
	scene.answers[4].done_ns = scene.answers[3].sent_ns - 1;
	expect(&scene, WRONG_FALSE_SOLD_OUT);
}

static void
false_sold_out_by_what_is_left(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.evidence.capacity = scene.evidence.capacity_before = 4;
	scene.evidence.remaining = 1;
	scene.lines[2].remaining = 1;
	scene.answers[3].remaining = 1;
	scene.answers[4].version = 4; /* a version that the ledger has not */
	expect(&scene, WRONG_FALSE_SOLD_OUT);
}

static void
out_of_order(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	tell(&scene, ANSWER_LEFT, 5, 1);
	expect(&scene, WRONG_OUT_OF_ORDER);
}

/* At the same time any order is right. */
static void
not_out_of_order(void **state)
{
	struct scene scene;
	struct judgement j;

	(void)state;
	set_scene(&scene);
	tell(&scene, ANSWER_LEFT, 5, 1)->sent_ns = scene.answers[3].sent_ns;
	oracle_judge(&scene.evidence, &j);
	assert_false(j.wrong);
}

static void
nonsense(void **state)
{
	struct scene scene;

	(void)state;
	set_scene(&scene);
	tell(&scene, ANSWER_NONSENSE, 5, 0);
	expect(&scene, WRONG_NONSENSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(correct),
	    cmocka_unit_test(oversold),
	    cmocka_unit_test(double_booked),
	    cmocka_unit_test(lost),
	    cmocka_unit_test(lost_because_different),
	    cmocka_unit_test(repeated),
	    cmocka_unit_test(repeated_because_forgotten),
	    cmocka_unit_test(unclaimed),
	    cmocka_unit_test(not_unclaimed),
	    cmocka_unit_test(stranded),
	    cmocka_unit_test(false_sold_out_by_the_ledger),
	    cmocka_unit_test(false_sold_out_by_a_later_sale),
	    cmocka_unit_test(false_sold_out_by_what_is_left),
	    cmocka_unit_test(out_of_order),
	    cmocka_unit_test(not_out_of_order),
	    cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
