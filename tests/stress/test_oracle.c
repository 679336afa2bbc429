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

/* Laid anew before each test; what the oracle says of it. */
static struct scene {
	struct evidence evidence;
	struct answer answers[ANSWERS];
	struct store_line lines[LINES];
} scene;
static struct judgement j;

static struct answer *
tell(enum answer_kind kind, unsigned buyer, int64_t remaining)
{
	const size_t n = scene.evidence.answer_count++;
	struct answer *answer = &scene.answers[n];

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
sell_one(unsigned buyer, const char *order)
{
	const int64_t seat = (int64_t)++scene.evidence.line_count;
	struct answer *answer = tell(ANSWER_SOLD, buyer, 3 - seat);
	static char names[8][BUYERS_NAME_SIZE];

	buyers_name(buyer, names[buyer]);
	answer->seat = answer->version = seat;
	snprintf(answer->order, sizeof(answer->order), "%s", order);
	scene.lines[seat - 1] = (struct store_line){.kind = STORE_SOLD,
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
	snprintf(scene.lines[seat - 1].order, STORE_ORDER_SIZE, "%s", order);
}

/* Three buyers get one each, the fourth is refused. */
static int
set_scene(void **state)
{
	(void)state;
	memset(&scene, 0, sizeof(scene));
	tell(ANSWER_LEFT, 0, 3);
	sell_one(0, "aa");
	sell_one(1, "bb");
	sell_one(2, "cc");
	tell(ANSWER_REFUSED, 3, 0);
	scene.evidence.alone = true;
	scene.evidence.capacity = scene.evidence.capacity_before = 3;
	scene.evidence.version = 3;
	scene.evidence.answers = scene.answers;
	scene.evidence.lines = scene.lines;
	return 0;
}

static void
oversold(void)
{
	scene.evidence.capacity = scene.evidence.capacity_before = 2;
}

static void
double_booked(void)
{
	scene.answers[3].seat = scene.lines[2].seat = 2;
}

static void
lost(void)
{
	scene.evidence.line_count--;
	scene.evidence.version--;
}

static void
lost_because_different(void)
{
	scene.lines[2].buyer = "mallory";
}

static void
repeated(void)
{
	struct answer *again;

	scene.evidence.capacity = scene.evidence.capacity_before = 4;
	sell_one(2, "dd");
	scene.evidence.version = 4;
	scene.answers[4].kind = ANSWER_LATER;
	again = &scene.answers[scene.evidence.answer_count - 1];
	again->again = true;
	again->request = scene.answers[3].request;
}

static void
repeated_because_forgotten(void)
{
	struct answer *again;

	again = tell(ANSWER_REFUSED, 2, 0);
	again->again = true;
	again->request = scene.answers[3].request;
}

static void
unclaimed(void)
{
	scene.answers[3].kind = ANSWER_LATER;
}

static void
stranded(void)
{
	scene.evidence.capacity = scene.evidence.capacity_before = 4;
}

static void
false_sold_out_by_the_ledger(void)
{
	scene.answers[4].version = 2;
}

static void
false_sold_out_by_a_later_sale(void)
{
	/* Refused before the third was asked for, at a version that fits. */
	scene.answers[4].sent_ns = 1;
	scene.answers[4].done_ns = scene.answers[3].sent_ns - 1;
}

static void
false_sold_out_by_what_is_left(void)
{
	scene.evidence.capacity = scene.evidence.capacity_before = 4;
	scene.evidence.remaining = 1;
	scene.lines[2].remaining = 1;
	scene.answers[3].remaining = 1;
	scene.answers[4].version = 4; /* a version that the ledger has not */
}

static void
out_of_order(void)
{
	tell(ANSWER_LEFT, 5, 1);
}

static void
nonsense(void)
{
	tell(ANSWER_NONSENSE, 5, 0);
}

static const struct change {
	const char *name;
	void (*make)(void);
	enum wrong wrong;
} changes[] = {
    {"oversold", oversold, WRONG_OVERSOLD},
    {"double-booked", double_booked, WRONG_DOUBLE_BOOKED},
    {"lost", lost, WRONG_LOST},
    {"lost because different", lost_because_different, WRONG_LOST},
    {"repeated", repeated, WRONG_REPEATED},
    {"repeated because forgotten", repeated_because_forgotten, WRONG_REPEATED},
    {"unclaimed", unclaimed, WRONG_UNCLAIMED},
    {"stranded", stranded, WRONG_STRANDED},
    {"false sold-out by the ledger", false_sold_out_by_the_ledger,
	WRONG_FALSE_SOLD_OUT},
    {"false sold-out by a later sale", false_sold_out_by_a_later_sale,
	WRONG_FALSE_SOLD_OUT},
    {"false sold-out by what is left", false_sold_out_by_what_is_left,
	WRONG_FALSE_SOLD_OUT},
    {"out of order", out_of_order, WRONG_OUT_OF_ORDER},
    {"nonsense", nonsense, WRONG_NONSENSE},
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* With one thing changed, that is found, and it is the worst. */
static void
finds(void **state)
{
	const struct change *change = *state;

	change->make();
	oracle_judge(&scene.evidence, &j);
	assert_true(j.wrong);
	if (j.findings[change->wrong].count == 0)
		print_message(
		    "found: %s\n", oracle_wrong_name(oracle_worst(&j)));
	assert_true(j.findings[change->wrong].count > 0);
	assert_int_equal(oracle_worst(&j), change->wrong);
	assert_true(j.findings[change->wrong].example[0] != '\0');
}

static void
finds_nothing(void)
{
	oracle_judge(&scene.evidence, &j);
	assert_false(j.wrong);
	assert_true(j.audit_agrees);
}

static void
correct(void **state)
{
	(void)state;
	finds_nothing();
	assert_int_equal(j.sold, 3);
	assert_int_equal(j.refused, 1);
	assert_int_equal(j.looks_enough, 1);
}

/* Who never got an answer may well have bought. */
static void
not_unclaimed(void **state)
{
	(void)state;
	scene.answers[3].kind = ANSWER_NONE;
	finds_nothing();
	assert_int_equal(j.unknown, 1);
}

/* At the same time any order is right. */
static void
not_out_of_order(void **state)
{
	(void)state;
	tell(ANSWER_LEFT, 5, 1)->sent_ns = scene.answers[3].sent_ns;
	finds_nothing();
}

int
main(void)
{
	struct CMUnitTest tests[3 + CHANGES] = {
	    cmocka_unit_test_setup(correct, set_scene),
	    cmocka_unit_test_setup(not_unclaimed, set_scene),
	    cmocka_unit_test_setup(not_out_of_order, set_scene),
	};
	size_t i;

	for (i = 0; i < CHANGES; i++)
		tests[3 + i] = (struct CMUnitTest){.name = changes[i].name,
		    .test_func = finds,
		    .setup_func = set_scene,
		    .initial_state = (void *)(uintptr_t)&changes[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
