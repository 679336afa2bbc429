/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checker on histories made by hand: right ones, and each wrong in one
 * way, which it must find and name.
 */
#include "tests/history/made.h"

static struct made made;

/* Three tickets under mutex, on the sale "demo". */
static void
begin(void)
{
	made.length = 0;
	made.time = 0;
	made.sale = "demo";
	ask(&made, 0, "start", "%s", "");
	told(&made, 0, "start",
	    "'capacity':3,'remaining':3,'version':0,'lock':'mutex',"
	    "'epoch':'e1'");
}

static void
ask_buy(int process, const char *more)
{
	ask(&made, process, "buy", "'quantity':1%s", more);
}

static void
tell_sold(int process, int seat, int left, int version)
{
	told(&made, process, "buy",
	    "'seats':[%d],'remaining':%d,'version':%d,'order':'o%d'", seat,
	    left, version, version);
}

/* Asked and answered, with nobody in between. */
static void
sold(int process, int seat, int left, int version)
{
	ask_buy(process, "");
	tell_sold(process, seat, left, version);
}

static void
looked(int process, int left, int version)
{
	ask(&made, process, "look", "%s", "");
	told(&made, process, "look",
	    "'capacity':3,'remaining':%d,'version':%d,'lock':'mutex',"
	    "'epoch':'e1'",
	    left, version);
}

static void
sold_out(int process, int version)
{
	ask_buy(process, "");
	told(&made, process, "buy",
	    "'refused':'sold-out','remaining':0,'version':%d", version);
}

static void
is_right(void)
{
	if (made_judge(&made) != LINEARIZABLE)
		fail_msg("%s\n%s", made.words, made.text);
}

/* It is wrong, first at the answer in that line, and for that reason. */
static void
is_wrong(unsigned line, const char *words)
{
	char at[32];

	assert_int_equal(made_judge(&made), NOT_LINEARIZABLE);
	snprintf(at, sizeof(at), "with line %u it cannot", line);
	if (strstr(made.words, at) == NULL || strstr(made.words, words) == NULL)
		fail_msg("wanted \"%s\" and \"%s\" in\n%s\n%s", at, words,
		    made.words, made.text);
}

/* ----------------------------------------------------------------- right -- */

static void
one_after_the_other(void **state)
{

	(void)state;
	begin();
	looked(1, 3, 0);
	sold(1, 1, 2, 1);
	sold(2, 2, 1, 2);
	looked(1, 1, 2);
	sold(1, 3, 0, 3);
	sold_out(2, 3);
	is_right();
}

/* Who looks while others buy may see what was before, or after. */
static void
at_the_same_time(void **state)
{

	(void)state;
	begin();
	ask_buy(1, "");
	ask_buy(2, "");
	ask(&made, 3, "look", "%s", "");
	looked(4, 2, 1);
	tell_sold(1, 2, 1, 2);
	told(&made, 3, "look", "'capacity':3,'remaining':3,'version':0");
	tell_sold(2, 1, 2, 1);
	is_right();
}

static void
unknown_and_it_happened(void **state)
{

	(void)state;
	begin();
	ask_buy(1, "");
	lose(&made, 1, "buy");
	looked(2, 3, 0);
	sold(2, 1, 2, 1);
	looked(2, 1, 2); /* late, but it may */
	is_right();
}

static void
unknown_and_it_did_not(void **state)
{

	(void)state;
	begin();
	ask_buy(1, "");
	lose(&made, 1, "buy");
	sold(2, 1, 2, 1);
	sold(2, 2, 1, 2);
	is_right();
}

static void
a_key_twice(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'buyer':'ada','key':'k'");
	lose(&made, 1, "buy");
	sold(2, 2, 1, 2);
	ask_buy(3, ",'buyer':'ada','key':'k'");
	tell_sold(3, 1, 2, 1);
	ask_buy(4, ",'buyer':'bob','key':'k'");
	told(&made, 4, "buy", "'refused':'key-reused'");
	is_right();
}

static void
not_enough(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	ask(&made, 1, "buy", "'quantity':3");
	told(&made, 1, "buy",
	    "'refused':'not-enough','remaining':2,'version':1");
	ask(&made, 1, "buy", "'quantity':2");
	told(&made, 1, "buy", "'seats':[2,3],'remaining':0,'version':2");
	is_right();
}

static void
if_match(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'if_match':{'epoch':'e1','version':0}");
	tell_sold(1, 1, 2, 1);
	ask_buy(1, ",'if_match':{'epoch':'e1','version':0}");
	told(&made, 1, "buy",
	    "'refused':'changed','remaining':2,'version':1,'epoch':'e1'");
	is_right();
}

static void
patched(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	ask(&made, 2, "patch", "'capacity':5,'lock':'flock'");
	told(&made, 2, "patch",
	    "'capacity':5,'remaining':4,'version':2,'lock':'flock',"
	    "'epoch':'e2'");
	ask(&made, 2, "patch", "'capacity':4");
	told(&made, 2, "patch", "'refused':'bad-value'");
	sold(1, 2, 3, 3);
	ask(&made, 1, "audit", "%s", "");
	told(&made, 1, "audit",
	    "'capacity':5,'remaining':3,'version':3,'receipts':2,'tickets':2");
	is_right();
}

/* Another delay, which nobody tells, is another epoch; the same one is not. */
static void
patched_with_nothing(void **state)
{
	(void)state;
	begin();
	ask(&made, 1, "patch", "'lock':'mutex'");
	told(&made, 1, "patch", "'version':0,'lock':'mutex','epoch':'e1'");
	ask(&made, 1, "patch", "%s", "");
	told(&made, 1, "patch", "'version':0,'lock':'mutex','epoch':'e2'");
	ask(&made, 1, "patch", "'capacity':3");
	told(&made, 1, "patch", "'capacity':3,'lock':'mutex','epoch':'e2'");
	ask_buy(2, ",'if_match':{'epoch':'e2','version':0}");
	tell_sold(2, 1, 2, 1);
	is_right();
}

/* Its epoch is not known, until somebody looks. */
static void
patched_unknown(void **state)
{

	(void)state;
	begin();
	ask(&made, 1, "patch", "'lock':'flock'");
	lose(&made, 1, "patch");
	looked(2, 3, 0);
	ask(&made, 2, "look", "%s", "");
	told(&made, 2, "look",
	    "'capacity':3,'remaining':3,'version':0,'lock':'flock',"
	    "'epoch':'e2'");
	ask_buy(2, ",'if_match':{'epoch':'e2','version':0}");
	tell_sold(2, 1, 2, 1);
	is_right();
}

static void
a_second_life(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	ask(&made, 1, "delete", "%s", "");
	told(&made, 1, "delete", "'refused':'has-receipts','remaining':2");
	ask(&made, 1, "delete", "'force':true");
	told(&made, 1, "delete", "%s", "");
	ask_buy(1, "");
	told(&made, 1, "buy", "'refused':'no-sale'");
	ask(&made, 1, "create", "'capacity':2,'lock':'mutex'");
	told(&made, 1, "create", "%s", "");
	ask(&made, 2, "create", "'capacity':2,'lock':'mutex'");
	told(&made, 2, "create", "'refused':'sale-exists'");
	sold(1, 1, 1, 1);
	is_right();
}

static void
refused_for_now(void **state)
{

	(void)state;
	begin();
	ask_buy(1, "");
	failed(&made, 1, "buy"); /* 503: certainly not sold */
	sold(1, 1, 2, 1);
	looked(1, 2, 1);
	is_right();
}

/* ----------------------------------------------------------------- wrong -- */

/* Both read 3 left, and both write 2. */
static void
lost_update(void **state)
{

	(void)state;
	begin();
	ask_buy(1, "");
	ask_buy(2, "");
	tell_sold(1, 1, 2, 1);
	tell_sold(2, 1, 2, 2);
	is_wrong(6, "has the same seat: it was sold twice");
}

static void
double_seat(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	sold(2, 2, 1, 2);
	sold(3, 2, 0, 3);
	is_wrong(8, "has the same seat: it was sold twice");
}

static void
beyond_the_capacity(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	sold(2, 2, 1, 2);
	sold(3, 3, 0, 3);
	sold(3, 4, 0, 4);
	is_wrong(10, "here 0 are left");
}

static void
false_sold_out(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	sold_out(2, 1);
	is_wrong(6, "saw the same version with another number left");
}

/* Enough remained, and it does not even deny it. */
static void
false_not_enough(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	ask(&made, 2, "buy", "'quantity':2");
	told(&made, 2, "buy",
	    "'refused':'not-enough','remaining':2,'version':1");
	is_wrong(6, "refused, and here 2 are left");
}

static void
stale_look(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	looked(2, 3, 0);
	is_wrong(6, "was answered before that was asked, and had a "
		    "later version");
}

static void
key_sold_twice(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'key':'k'");
	tell_sold(1, 1, 2, 1);
	ask_buy(1, ",'key':'k'");
	tell_sold(1, 2, 1, 2);
	is_wrong(6, "has another receipt for the same key: it was sold "
		    "twice");
}

/* The same seat again, as if it were another order. */
static void
key_with_another_order(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'key':'k'");
	tell_sold(1, 1, 2, 1);
	ask_buy(1, ",'key':'k'");
	told(&made, 1, "buy",
	    "'seats':[1],'remaining':2,'version':1,'order':'other'");
	is_wrong(6, "has another receipt for the same key");
}

static void
key_refused_without_reason(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'buyer':'ada','key':'k'");
	tell_sold(1, 1, 2, 1);
	ask_buy(1, ",'buyer':'ada','key':'k'");
	told(&made, 1, "buy", "'refused':'key-reused'");
	is_wrong(6, "its key has a receipt");
}

/* After a crash, say: the next one gets its seat and its version. */
static void
acknowledged_but_gone(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	sold(1, 2, 1, 2);
	sold(2, 2, 1, 2);
	is_wrong(8, "one of the two is gone");
}

static void
acknowledged_but_not_counted(void **state)
{

	(void)state;
	begin();
	sold(1, 1, 2, 1);
	ask(&made, 1, "audit", "%s", "");
	told(&made, 1, "audit",
	    "'capacity':3,'remaining':2,'version':1,'receipts':0,'tickets':0");
	is_wrong(6, "told tickets sold 0, here it is 1");
}

static void
versions_against_time(void **state)
{

	(void)state;
	begin();
	ask_buy(3, ""); /* could be between the two */
	sold(1, 2, 1, 2);
	sold(2, 1, 2, 1);
	is_wrong(7, "was answered before that was asked, and had a "
		    "later version");
}

/* Nobody asked for what was sold. */
static void
sold_to_nobody(void **state)
{

	(void)state;
	begin();
	ask_buy(1, "");
	failed(&made, 1, "buy");
	looked(1, 2, 1);
	is_wrong(6, "told version 1, here it is 0");
}

/* One unknown order explains one ticket, not two. */
static void
sold_twice_for_one_unknown(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'key':'k'");
	lose(&made, 1, "buy");
	ask_buy(2, ",'key':'k'");
	lose(&made, 2, "buy");
	looked(3, 1, 2);
	is_wrong(8, "told version 2, here it is 1");
}

static void
half_a_patch(void **state)
{

	(void)state;
	begin();
	ask(&made, 1, "patch", "'capacity':5,'lock':'flock'");
	ask(&made, 2, "look", "%s", "");
	told(&made, 2, "look",
	    "'capacity':5,'remaining':5,'version':1,'lock':'mutex'");
	told(&made, 1, "patch",
	    "'capacity':5,'remaining':5,'version':1,'lock':'flock'");
	is_wrong(5, "told strategy mutex, here it is flock");
}

static void
an_old_epoch(void **state)
{

	(void)state;
	begin();
	ask(&made, 1, "patch", "'lock':'flock'");
	told(&made, 1, "patch", "'epoch':'e2'");
	ask_buy(1, ",'if_match':{'epoch':'e1','version':0}");
	tell_sold(1, 1, 2, 1);
	is_wrong(6, "its If-Match is not right here");
}

static void
another_lock_in_the_same_epoch(void **state)
{
	(void)state;
	begin();
	ask(&made, 1, "patch", "'lock':'flock'");
	told(&made, 1, "patch", "'lock':'flock','epoch':'e1'");
	is_wrong(4, "told epoch e1, here it is e1");
}

static void
changed_though_it_was_not(void **state)
{

	(void)state;
	begin();
	ask_buy(1, ",'if_match':{'epoch':'e1','version':0}");
	told(&made, 1, "buy", "'refused':'changed','remaining':3,'version':0");
	is_wrong(4, "refused for its If-Match, which is right here");
}

static void
after_its_death(void **state)
{

	(void)state;
	begin();
	ask(&made, 1, "delete", "'force':true");
	told(&made, 1, "delete", "%s", "");
	looked(1, 3, 0);
	is_wrong(6, "here there is no sale");
}

static void
seats_apart(void **state)
{

	(void)state;
	begin();
	ask(&made, 1, "buy", "'quantity':2");
	told(&made, 1, "buy", "'seats':[1,3],'remaining':1,'version':1");
	is_wrong(4, "no sale answers like that");
}

/* ---------------------------------------------------------------- reading --
 */

static void
refuses(const char *text, const char *words)
{
	char error[256] = "";
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	struct history *history = history_read(file, error, sizeof(error));

	fclose(file);
	if (history != NULL || strstr(error, words) == NULL)
		fail_msg("wanted \"%s\", got \"%s\"", words, error);
}

#define EVENT(time, process, type, f, value)                                   \
	"{\"time\":" #time ",\"process\":" #process ",\"type\":\"" type        \
	"\",\"f\":\"" f "\",\"sale\":\"s\",\"value\":" value "}\n"

static void
what_is_no_history(void **state)
{
	(void)state;
	refuses("\n", "line 1: ");
	refuses("{}\n", "line 1: an event has type");
	refuses(EVENT(1, 1, "ask", "buy", "{}"), "type must be");
	refuses(EVENT(1, 1, "invoke", "steal", "{}"), "no operation \"steal\"");
	refuses(EVENT(1, 1, "ok", "buy", "{}"), "an answer to nothing");
	refuses(EVENT(1, 1, "invoke", "buy", "{}")
		    EVENT(2, 1, "invoke", "buy", "{}"),
	    "line 2: process 1 still waits");
	refuses(EVENT(1, 1, "invoke", "buy", "{}") EVENT(2, 1, "info", "buy",
		    "{}") EVENT(3, 1, "invoke", "buy", "{}"),
	    "line 3: process 1 has an answer outstanding");
	refuses(EVENT(1, 1, "invoke", "buy", "{}")
		    EVENT(2, 1, "ok", "look", "{}"),
	    "\"look\" is answered, but \"buy\" was asked");
	refuses(EVENT(2, 1, "invoke", "buy", "{}")
		    EVENT(1, 2, "invoke", "buy", "{}"),
	    "line 2: its time is before");
	refuses(EVENT(1, 1, "invoke", "buy", "{}")
		    EVENT(2, 1, "ok", "buy", "{\"seats\":[1]}"),
	    "a receipt has seats, remaining and version");
	refuses(EVENT(1, 1, "invoke", "buy", "{\"quantity\":-1}"),
	    "must be 1 or more");
	refuses(EVENT(1, 1, "invoke", "buy", "{\"quantity\":1.5}"),
	    "must be a whole number");
	refuses(EVENT(1, 1, "invoke", "look", "{}")
		    EVENT(2, 2, "invoke", "start", "{}"),
	    "a start is a sale's first event");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_after_the_other),
	    cmocka_unit_test(at_the_same_time),
	    cmocka_unit_test(unknown_and_it_happened),
	    cmocka_unit_test(unknown_and_it_did_not),
	    cmocka_unit_test(a_key_twice),
	    cmocka_unit_test(not_enough),
	    cmocka_unit_test(if_match),
	    cmocka_unit_test(patched),
	    cmocka_unit_test(patched_with_nothing),
	    cmocka_unit_test(patched_unknown),
	    cmocka_unit_test(a_second_life),
	    cmocka_unit_test(refused_for_now),
	    cmocka_unit_test(lost_update),
	    cmocka_unit_test(double_seat),
	    cmocka_unit_test(beyond_the_capacity),
	    cmocka_unit_test(false_sold_out),
	    cmocka_unit_test(false_not_enough),
	    cmocka_unit_test(stale_look),
	    cmocka_unit_test(key_sold_twice),
	    cmocka_unit_test(key_with_another_order),
	    cmocka_unit_test(key_refused_without_reason),
	    cmocka_unit_test(acknowledged_but_gone),
	    cmocka_unit_test(acknowledged_but_not_counted),
	    cmocka_unit_test(versions_against_time),
	    cmocka_unit_test(sold_to_nobody),
	    cmocka_unit_test(sold_twice_for_one_unknown),
	    cmocka_unit_test(half_a_patch),
	    cmocka_unit_test(an_old_epoch),
	    cmocka_unit_test(another_lock_in_the_same_epoch),
	    cmocka_unit_test(changed_though_it_was_not),
	    cmocka_unit_test(after_its_death),
	    cmocka_unit_test(seats_apart),
	    cmocka_unit_test(what_is_no_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
