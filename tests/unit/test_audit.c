/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle on ledgers that were written by hand, each the shortest one of
 * its kind; what it says of them, to the letter, and that it always fits.
 */
#include "service/audit/audit.h"

#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#define LINES_MAX 256
#define SCREEN 80 /* columns */

/* ------------------------------------------------------- ledgers by hand -- */

/* One ledger; its versions are its lines' numbers. */
struct book {
	struct store_line lines[LINES_MAX];
	char trails[LINES_MAX][512];
	size_t count;
	int64_t capacity, remaining;
	const char *lock;
	int64_t asked; /* the seat whose collision is told; 0: any */
	struct audit_report report;
	struct audit_witness witnesses[3];
};

static int
setup(void **state)
{
	struct book *book = calloc(1, sizeof(*book));

	assert_non_null(book);
	book->capacity = book->remaining = 100;
	book->lock = "none";
	*state = book;
	return 0;
}

static void
dismiss(struct book *book)
{
	size_t i;

	for (i = 0; i < 3; i++)
		audit_witness_free(&book->witnesses[i]);
}

static int
teardown(void **state)
{
	struct book *book = *state;

	dismiss(book);
	free(book);
	return 0;
}

static struct store_line *
add(struct book *book, enum store_kind kind, int64_t base)
{
	const size_t n = book->count++;
	struct store_line *line = &book->lines[n];

	assert_true(n < LINES_MAX);
	*line = (struct store_line){.kind = kind,
	    .version = (int64_t)n + 1,
	    .base = base,
	    .nth = 1,
	    .remaining = book->remaining,
	    .capacity = book->capacity,
	    .buyer = "",
	    .lock = book->lock,
	    .trail = "[]"};
	return line;
}

/* A receipt of one write, for seats from `seat` on. */
static struct store_line *
sold_to(struct book *book, const char *buyer, int64_t base, int64_t seat,
    int64_t quantity)
{
	struct store_line *line = add(book, STORE_SOLD, base);

	line->buyer = buyer;
	line->seat = seat;
	line->quantity = quantity;
	line->remaining = book->remaining =
	    book->capacity - (seat + quantity - 1);
	line->worker = 1;
	line->clerk = (unsigned)book->count;
	snprintf(line->order, sizeof(line->order), "%032zx", book->count);
	line->order[0] = (char)('a' + book->count - 1);
	return line;
}

static struct store_line *
sold(struct book *book, int64_t base, int64_t seat)
{
	return sold_to(book, "somebody", base, seat, 1);
}

/* It read at one time and wrote at another, both in us. */
static void
at(struct book *book, struct store_line *line, int64_t read_us,
    int64_t write_us)
{
	char *trail = book->trails[line - book->lines];

	snprintf(trail, sizeof(book->trails[0]),
	    "[{\"at_ns\":%" PRId64 ",\"step\":\"queued\"},"
	    "{\"at_ns\":%" PRId64 ",\"step\":\"read\",\"remaining\":%" PRId64
	    ",\"version\":%" PRId64 "},"
	    "{\"at_ns\":%" PRId64 ",\"step\":\"write\",\"remaining\":%" PRId64
	    ",\"version\":%" PRId64 "}]",
	    read_us * 1000 - 500, read_us * 1000,
	    line->remaining + line->quantity, line->base, write_us * 1000,
	    line->remaining, line->base);
	line->trail = trail;
}

/* Who asked for a seat wants to see that one's collision. */
static const struct audit_report *
judge_seat(struct book *book, int64_t seat)
{
	struct audit *audit = audit_new(seat);
	struct audit_report *report = &book->report;
	size_t i;

	dismiss(book);
	for (i = 0; i < book->count; i++)
		assert_true(audit_add(&book->lines[i], audit));
	memset(report, 0xa5, sizeof(*report)); /* all of it is set */
	assert_int_equal(
	    audit_finish(audit, book->capacity, book->remaining, report),
	    AUDIT_OK);
	for (i = 0; i < report->collision.count; i++)
		assert_false(audit_witness_fill(
		    &book->lines[report->collision.versions[i] - 1],
		    &book->witnesses[i]));
	return report;
}

static const struct audit_report *
judge(struct book *book)
{
	return judge_seat(book, book->asked);
}

static void
assert_collision(const struct book *book, int64_t seat, int64_t first,
    int64_t culprit, int64_t second)
{
	const struct audit_collision *c = &book->report.collision;

	assert_int_equal(c->seat, seat);
	assert_int_equal(c->count, first == 0 ? 0 : culprit == 0 ? 2 : 3);
	assert_int_equal(c->versions[0], first);
	assert_int_equal(c->versions[1], culprit != 0 ? culprit : second);
	assert_int_equal(c->versions[2], culprit != 0 ? second : 0);
}

/* ------------------------------------------------------------- verdicts -- */

static void
test_empty(void **state)
{
	struct book *book = *state;
	const struct audit_report *r = judge(book);

	assert_int_equal(r->verdict, VERDICT_CORRECT);
	assert_int_equal(r->capacity, 100);
	assert_int_equal(r->remaining, 100);
	assert_int_equal(r->version, 0);
	assert_int_equal(r->receipts, 0);
	assert_int_equal(r->stranded, 0);
	assert_int_equal(r->strategy_count, 0);
	assert_collision(book, 0, 0, 0, 0);
}

static void
test_correct(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	sold_to(book, "alice", 0, 1, 2);
	sold_to(book, "bob", 1, 3, 1);
	sold_to(book, "carol", 2, 4, 5);
	r = judge(book);
	assert_int_equal(r->verdict, VERDICT_CORRECT);
	assert_int_equal(r->receipts, 3);
	assert_int_equal(r->tickets, 8);
	assert_int_equal(r->seats, 8);
	assert_int_equal(r->seats_twice, 0);
	assert_int_equal(r->remaining, 92);
	assert_int_equal(r->version, 3);
	assert_int_equal(r->overwrites, 0);
	assert_int_equal(r->most_times, 1);
	assert_collision(book, 0, 0, 0, 0);
}

/* Sold out to the last seat is not oversold. */
static void
test_sold_out(void **state)
{
	struct book *book = *state;

	book->capacity = 3;
	sold_to(book, "alice", 0, 1, 3);
	assert_int_equal(judge(book)->verdict, VERDICT_CORRECT);
	assert_int_equal(book->report.oversold, 0);
	assert_int_equal(book->report.stranded, 0);
}

/* Y was decided before X was written. */
static void
test_two_columns(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	sold(book, 0, 1);
	sold(book, 0, 1);
	r = judge(book);
	assert_int_equal(r->verdict, VERDICT_DOUBLE_BOOKED);
	assert_collision(book, 1, 1, 0, 2);
	assert_true(r->collision.explained);
	assert_int_equal(r->collision.times, 2);
	assert_string_equal(r->collision.lock, "none");
	assert_int_equal(r->seats, 1);
	assert_int_equal(r->seats_twice, 1);
	assert_int_equal(r->overwrites, 1);
	assert_int_equal(r->stranded, 0);
}

/* W, decided long ago, put the counter back; Y believed it. */
static void
test_late_writer(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	sold(book, 0, 1);
	sold(book, 1, 2); /* X */
	sold(book, 0, 1); /* W: 99 left, as if X had not been */
	sold(book, 3, 2); /* Y */
	r = judge(book);
	assert_collision(book, 1, 1, 0, 3); /* what W did first */
	assert_int_equal(r->seats_twice, 2);
	assert_int_equal(r->overwrites, 1);
	assert_int_equal(r->strategies[0].seats_twice, 2);
	assert_int_equal(r->strategies[0].overwrites, 1);
}

/* A late writer whose own seat nobody had: then W is named. */
static void
test_three_columns(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1); /* X */
	sold(book, 0, 7); /* W */
	sold(book, 2, 1); /* Y */
	judge(book);
	assert_collision(book, 1, 1, 2, 3);
	assert_true(book->report.collision.explained);
	assert_int_equal(book->report.collision.count, 3);
}

static void
test_first_culprit(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 1, 2); /* X */
	sold(book, 2, 3); /* behind X: not to blame */
	sold(book, 1, 7); /* W */
	sold(book, 0, 8);
	sold(book, 5, 2); /* Y */
	sold(book, 1, 9); /* behind Y */
	judge(book);
	assert_collision(book, 2, 2, 4, 6);
}

/* Who is blamed is the strategy of W, in its era, not that of Y. */
static void
test_blame_across_eras(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	sold(book, 0, 1);
	sold(book, 0, 7);
	book->lock = "mutex";
	sold(book, 2, 1);
	r = judge(book);
	assert_string_equal(r->collision.lock, "none");
	assert_int_equal(r->strategy_count, 2);
	assert_string_equal(r->strategies[0].lock, "none");
	assert_int_equal(r->strategies[0].receipts, 2);
	assert_int_equal(r->strategies[0].seats_twice, 1);
	assert_int_equal(r->strategies[0].overwrites, 1);
	assert_string_equal(r->strategies[1].lock, "mutex");
	assert_int_equal(r->strategies[1].receipts, 1);
	assert_int_equal(r->strategies[1].seats_twice, 0);
	assert_int_equal(r->strategies[1].overwrites, 0);
}

static void
test_unexplained(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 1, 7); /* its base is X itself */
	sold(book, 2, 1);
	judge(book);
	assert_collision(book, 1, 1, 0, 3);
	assert_false(book->report.collision.explained);
	assert_int_equal(book->report.verdict, VERDICT_DOUBLE_BOOKED);
	assert_int_equal(book->report.overwrites, 0);
	assert_int_equal(book->report.strategies[0].seats_twice, 1);
	assert_int_equal(book->report.collision.count, 2);
}

/* A recount is no sale, and nobody's fault. */
static void
test_recount_is_no_culprit(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	add(book, STORE_RECOUNTED, 0);
	sold(book, 2, 1);
	judge(book);
	assert_false(book->report.collision.explained);
	assert_int_equal(book->report.recounts, 1);
	assert_int_equal(book->report.receipts, 2);
	assert_int_equal(book->report.overwrites, 0);
}

/* Lines of one write share their base: that is no overwriting. */
static void
test_batches(void **state)
{
	struct book *book = *state;
	unsigned i;

	for (i = 0; i < 3; i++)
		sold(book, 0, i + 1)->nth = i + 1;
	assert_int_equal(judge(book)->overwrites, 0);
	assert_int_equal(book->report.verdict, VERDICT_CORRECT);
	for (i = 0; i < 2; i++)
		sold(book, 1, i + 2)->nth = i + 1;
	judge(book);
	assert_int_equal(book->report.overwrites, 1);
	assert_int_equal(book->report.seats_twice, 2);
	assert_collision(book, 2, 2, 0, 4);
}

/* They overwrite none of each other, so none of them can be to blame. */
static void
test_batch_is_no_culprit(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 0, 2)->nth = 2;
	sold(book, 0, 7); /* W */
	sold(book, 3, 1);
	judge(book);
	assert_collision(book, 1, 1, 3, 4);
	book->count = 2;
	sold(book, 2, 1);
	judge(book);
	assert_collision(book, 1, 1, 0, 3);
	assert_false(book->report.collision.explained);
}

/* W wrote when Y had read: nobody believed it. */
static void
test_too_late_for_culprit(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 1, 2);
	sold(book, 0, 7);
	sold(book, 2, 1);
	judge(book);
	assert_collision(book, 1, 1, 0, 4);
	assert_false(book->report.collision.explained);
}

static void
test_overlap(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	sold_to(book, "alice", 0, 1, 5);
	sold_to(book, "bob", 0, 1, 3);
	r = judge(book);
	assert_int_equal(r->tickets, 8);
	assert_int_equal(r->seats, 5);
	assert_int_equal(r->seats_twice, 3);
	assert_int_equal(r->strategies[0].seats_twice, 3);
	assert_int_equal(r->strategies[0].overwrites, 1);
	assert_int_equal(r->remaining, 97);
	assert_int_equal(r->stranded, 0);
}

static void
test_most_times(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 0, 1);
	sold(book, 2, 2);
	sold(book, 2, 2);
	sold(book, 2, 2);
	sold(book, 5, 3);
	judge(book);
	assert_int_equal(book->report.most_seat, 2);
	assert_int_equal(book->report.most_times, 3);
	assert_collision(book, 1, 1, 0, 2);
	assert_int_equal(book->report.collision.times, 2);
	/* Twice or ten times: it is one seat that was sold again. */
	assert_int_equal(book->report.seats_twice, 2);
	assert_int_equal(book->report.strategies[0].seats_twice, 2);
	assert_int_equal(book->report.strategies[0].overwrites, 3);
}

/* Of seats that were sold as often, the first one is told; or who was asked
 * for. */
static void
test_seats_alike(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 0, 1);
	sold(book, 2, 2);
	sold(book, 2, 2);
	judge(book);
	assert_int_equal(book->report.most_seat, 1);
	assert_collision(book, 1, 1, 0, 2);
	judge_seat(book, 2);
	assert_collision(book, 2, 3, 0, 4);
	judge_seat(book, 3);
	assert_int_equal(book->report.collision.count, 0);
	assert_int_equal(book->report.seats_twice, 2);
}

/* What stood before the first sale is not to blame for the second. */
static void
test_unexplained_behind_others(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 1, 2);
	sold(book, 2, 2); /* it had seen that */
	judge(book);
	assert_collision(book, 2, 2, 0, 3);
	assert_false(book->report.collision.explained);
}

/* Each sale collides with the last one of the seat, not with the first. */
static void
test_sold_three_times(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 0, 1);
	book->lock = "mutex";
	sold(book, 2, 1); /* the first one's culprit was seen by it */
	judge(book);
	assert_int_equal(book->report.strategies[0].seats_twice, 1);
	assert_int_equal(book->report.strategies[1].seats_twice, 1);
}

/* Oversold are tickets, whatever they came in. */
static void
test_oversold_tickets(void **state)
{
	struct book *book = *state;

	book->capacity = 4;
	sold_to(book, "alice", 0, 1, 3);
	sold_to(book, "bob", 0, 1, 3);
	judge(book);
	assert_int_equal(book->report.tickets, 6);
	assert_int_equal(book->report.oversold, 2);
}

static void
test_oversold(void **state)
{
	struct book *book = *state;

	book->capacity = 2;
	sold(book, 0, 1);
	sold(book, 0, 1);
	assert_int_equal(judge(book)->verdict, VERDICT_DOUBLE_BOOKED);
	sold(book, 2, 2);
	judge(book);
	assert_int_equal(book->report.verdict, VERDICT_OVERSOLD);
	assert_int_equal(book->report.oversold, 1);
	assert_int_equal(book->report.seats, 2);
	assert_int_equal(book->report.remaining, 0);
}

static void
test_stranded(void **state)
{
	struct book *book = *state;

	book->capacity = 10;
	sold(book, 0, 1);
	book->remaining = 6;
	assert_int_equal(judge(book)->verdict, VERDICT_STRANDED);
	assert_int_equal(book->report.stranded, 3);
	sold(book, 0, 1);
	book->remaining = 6;
	assert_int_equal(judge(book)->verdict, VERDICT_DOUBLE_BOOKED);
	assert_int_equal(book->report.stranded, 3);
}

static void
test_raised(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	book->capacity = 2;
	sold_to(book, "alice", 0, 1, 2);
	book->capacity = 4;
	add(book, STORE_RAISED, 1);
	sold_to(book, "bob", 2, 3, 2);
	r = judge(book);
	assert_int_equal(r->verdict, VERDICT_CORRECT);
	assert_int_equal(r->capacity, 4);
	assert_int_equal(r->receipts, 2);
	assert_int_equal(r->version, 3);
	assert_int_equal(r->recounts, 0);
}

/* None, a race, PATCH to mutex with a recount, the race again. */
static void
two_eras(struct book *book)
{
	sold_to(book, "alice", 0, 1, 1);
	sold_to(book, "bob", 0, 1, 1);
	sold_to(book, "carol", 2, 2, 1);
	book->lock = "mutex";
	add(book, STORE_RECOUNTED, 3);
	sold_to(book, "alice", 4, 3, 1);
	sold_to(book, "bob", 5, 4, 1);
}

static void
test_two_eras(void **state)
{
	struct book *book = *state;
	const struct audit_report *r;

	two_eras(book);
	r = judge(book);
	assert_int_equal(r->strategy_count, 2);
	assert_string_equal(r->strategies[0].lock, "none");
	assert_int_equal(r->strategies[0].receipts, 3);
	assert_int_equal(r->strategies[0].seats_twice, 1);
	assert_int_equal(r->strategies[0].overwrites, 1);
	assert_string_equal(r->strategies[1].lock, "mutex");
	assert_int_equal(r->strategies[1].receipts, 2);
	assert_int_equal(r->strategies[1].seats_twice, 0);
	assert_int_equal(r->strategies[1].overwrites, 0);
	assert_int_equal(r->recounts, 1);
}

/* More lines than are allocated at first, more names than strategies. */
static void
test_many(void **state)
{
	enum { NAMES = AUDIT_STRATEGIES_MAX + 4 };
	static char names[NAMES][STORE_LOCK_SIZE];
	struct book *book = *state;
	const struct audit_report *r;
	int64_t i, receipts = 0;

	book->capacity = LINES_MAX;
	for (i = 0; i < LINES_MAX; i++) {
		book->lock = names[i % NAMES];
		snprintf(names[i % NAMES], STORE_LOCK_SIZE, "lock-%d",
		    (int)(i % NAMES));
		sold(book, i, i + 1);
	}
	r = judge(book);
	assert_int_equal(r->verdict, VERDICT_CORRECT);
	assert_int_equal(r->seats, LINES_MAX);
	assert_int_equal(r->strategy_count, AUDIT_STRATEGIES_MAX);
	for (i = 0; i < AUDIT_STRATEGIES_MAX; i++)
		receipts += r->strategies[i].receipts;
	assert_int_equal(receipts, LINES_MAX);
}

/* A seat that was sold again under each of them blames each once. */
static void
test_all_blamed(void **state)
{
	static char names[AUDIT_STRATEGIES_MAX][STORE_LOCK_SIZE];
	struct book *book = *state;
	const struct audit_report *r;
	size_t i;

	for (i = 0; i < AUDIT_STRATEGIES_MAX; i++) {
		book->lock = names[i];
		snprintf(names[i], STORE_LOCK_SIZE, "lock-%zu", i);
		sold(book, 0, 1);
	}
	r = judge(book);
	assert_int_equal(r->strategies[0].seats_twice, 0);
	for (i = 1; i < AUDIT_STRATEGIES_MAX; i++)
		assert_int_equal(r->strategies[i].seats_twice, 1);
}

static void
test_verdict_names(void **state)
{
	(void)state;
	assert_string_equal(audit_verdict_name(VERDICT_CORRECT), "correct");
	assert_string_equal(audit_verdict_name(VERDICT_OVERSOLD), "oversold");
	assert_string_equal(
	    audit_verdict_name(VERDICT_DOUBLE_BOOKED), "double-booked");
	assert_string_equal(audit_verdict_name(VERDICT_STRANDED), "stranded");
}

/* ---------------------------------------------------------------- words -- */

static struct audit_subject
subject_of(const struct book *book)
{
	return (struct audit_subject){.sale = "demo",
	    .store = "json",
	    .host = "localhost:8080",
	    .lock = book->lock,
	    .needed = LOCK_REACH_HOST,
	    .with_names = true,
	    .witnesses = book->witnesses};
}

/* The caller frees it. */
static char *
words_of(const struct book *book, const struct audit_subject *subject)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	audit_text_print(&book->report, subject, out);
	fclose(out);
	return text;
}

static void
assert_words(struct book *book, bool with_names, const char *expected)
{
	struct audit_subject subject = subject_of(book);
	char *text;

	subject.with_names = with_names;
	judge(book);
	text = words_of(book, &subject);
	assert_string_equal(text, expected);
	free(text);
}

static void
test_words_empty(void **state)
{
	assert_words(*state, true,
	    "CORRECT         0 sold once each, 100 left          "
	    "sale demo, 100 tickets, json\n"
	    "\n"
	    "Nothing was sold yet.\n");
}

static void
test_words_correct(void **state)
{
	struct book *book = *state;

	book->lock = "mutex";
	sold_to(book, "alice", 0, 1, 2);
	assert_words(book, true,
	    "CORRECT         2 sold once each, 98 left           "
	    "sale demo, 100 tickets, json\n"
	    "\n"
	    "  under           receipts   seats twice   verdict\n"
	    "  mutex                  1             0   correct\n");
}

static void
test_words_lucky(void **state)
{
	struct book *book = *state;

	book->capacity = 1;
	sold_to(book, "alice", 0, 1, 1);
	assert_words(book, true,
	    "CORRECT         1 sold once each, 0 left               "
	    "sale demo, 1 ticket, json\n"
	    "\n"
	    "  under           receipts   seats twice   verdict\n"
	    "  none                   1             0   "
	    "no race showed; it is not safe\n");
}

static void
test_words_two_columns(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 200102);
	at(book, sold_to(book, "bob", 0, 1, 1), 21, 200130);
	assert_words(book, true,
	    "DOUBLE-BOOKED   seat 1 was sold 2 times             "
	    "sale demo, 100 tickets, json\n"
	    "\n"
	    "  under           receipts   seats twice   verdict\n"
	    "  none                   2             1   WRONG\n"
	    "\n"
	    "How seat 1 was sold to alice and to bob "
	    "(orders a00000…, b00000…):\n"
	    "\n"
	    "  time          alice · worker 1 clerk 1        "
	    "bob · worker 1 clerk 2\n"
	    "      0.000 ms  reads 100 left (version 0)\n"
	    "      0.021 ms                                  "
	    "reads 100 left (version 0)\n"
	    "                                                "
	    "^ here it went wrong\n"
	    "    200.102 ms  writes 99 left, takes seat 1\n"
	    "    200.130 ms                                  "
	    "writes 99 left, takes seat 1\n"
	    "                                                "
	    "^ alice's write is lost\n"
	    "\n"
	    "It went wrong at 0.021 ms: bob read 100 while alice held the "
	    "same 100, not\n"
	    "written back yet.\n"
	    "Why: nobody took turns: alice and bob were both between reading "
	    "and writing.\n"
	    "Again, and cured:\n"
	    "      turnstile-lab --tickets 100 --schedule ABAB --cures\n"
	    "Cure: make read and write one step:\n"
	    "      curl -X PATCH -d lock=mutex localhost:8080/sales/demo\n");
}

static void
test_words_three_columns(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 1000);
	at(book, sold_to(book, "bob", 0, 7, 1), 500, 2000);
	book->lock = "mutex";
	at(book, sold_to(book, "carol", 2, 1, 2), 3000, 4000);
	assert_words(book, true,
	    "DOUBLE-BOOKED   seat 1 was sold 2 times             "
	    "sale demo, 100 tickets, json\n"
	    "\n"
	    "  under           receipts   seats twice   verdict\n"
	    "  none                   2             1   WRONG\n"
	    "  mutex                  1             0   correct\n"
	    "\n"
	    "How seat 1 was sold to alice and to carol "
	    "(orders a00000…, c00000…):\n"
	    "\n"
	    "  time          alice · clerk 1.1    bob · clerk 1.2      "
	    "carol · clerk 1.3\n"
	    "      0.000 ms  reads 100 left (v0)\n"
	    "      0.500 ms                       reads 94 left (v0)\n"
	    "      1.000 ms  writes 99 left, seat 1\n"
	    "      2.000 ms                       writes 93 left, seat 7\n"
	    "                                     ^ here it went wrong\n"
	    "                                     ^ alice's write is lost\n"
	    "      3.000 ms                                            "
	    "reads 100 left (v2)\n"
	    "      4.000 ms                                         "
	    "writes 98 left, seats 1-2\n"
	    "\n"
	    "It went wrong at 2.000 ms: bob wrote back a number that was out "
	    "of date.\n"
	    "Why: nobody took turns: bob's late write put the counter back to "
	    "where it was\n"
	    "     before alice, and carol believed it.\n"
	    "Again, and cured:\n"
	    "      turnstile-lab --tickets 100 --quantities 1,1,2 --schedule "
	    "ABABCC --cures\n"
	    "Cured: the sale now runs under mutex; what was sold twice "
	    "before stays so.\n");
}

static void
test_words_unexplained(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 1000);
	book->lock = "mutex";
	at(book, sold_to(book, "alice", 1, 1, 1), 2000, 3000);
	assert_words(book, true,
	    "DOUBLE-BOOKED   seat 1 was sold 2 times             "
	    "sale demo, 100 tickets, json\n"
	    "\n"
	    "  under           receipts   seats twice   verdict\n"
	    "  none                   1             0   "
	    "no race showed; it is not safe\n"
	    "  mutex                  1             1   WRONG\n"
	    "\n"
	    "How seat 1 was sold to alice (1) and to alice (2) "
	    "(orders a00000…, b00000…):\n"
	    "\n"
	    "  time          alice (1) · worker 1 clerk 1    "
	    "alice (2) · worker 1 clerk 2\n"
	    "      0.000 ms  reads 100 left (version 0)\n"
	    "      1.000 ms  writes 99 left, takes seat 1\n"
	    "      2.000 ms                                  "
	    "reads 100 left (version 1)\n"
	    "      3.000 ms                                  "
	    "writes 99 left, takes seat 1\n"
	    "\n"
	    "Why: no write in the ledger explains it; something else "
	    "changed the counter.\n"
	    "Cured: the sale now runs under mutex; what was sold twice "
	    "before stays so.\n");
}

/* Names that are not to be seen stand nowhere. */
static void
test_words_hidden(void **state)
{
	struct book *book = *state;
	struct audit_subject subject;
	char *text;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 1000);
	at(book, sold_to(book, "bob", 0, 7, 1), 500, 2000);
	at(book, sold_to(book, "carol", 2, 1, 1), 3000, 4000);
	judge(book);
	subject = subject_of(book);
	subject.with_names = false;
	text = words_of(book, &subject);
	assert_null(strstr(text, "alice"));
	assert_null(strstr(text, "bob"));
	assert_null(strstr(text, "carol"));
	assert_non_null(strstr(text, "sold to buyer A and to buyer C "));
	assert_non_null(strstr(text, "^ buyer A's write is lost"));
	assert_non_null(strstr(text, "ms: buyer B wrote back"));
	assert_non_null(strstr(text, "turns: buyer B's late write"));
	free(text);
}

static void
assert_told(struct book *book, const char *line)
{
	const struct audit_subject subject = subject_of(book);
	char *text;

	judge(book);
	text = words_of(book, &subject);
	if (strstr(text, line) == NULL)
		fail_msg("\"%s\" is not in:\n%s", line, text);
	free(text);
}

/* Names that differ only where they are cut are told apart. */
static void
test_words_long_names(void **state)
{
	struct book *book = *state;

	sold_to(book, "alexander-the-great", 0, 1, 1);
	sold_to(book, "alexander-the-greek", 0, 1, 1);
	assert_told(book, "  time          alexander-the- (1) · clerk 1.1  "
			  "alexander-the- (2) · clerk 1.2\n");
}

/* A character of two columns takes two. */
static void
test_words_wide_names(void **state)
{
	struct book *book = *state;

	sold_to(book, "王小明", 0, 1, 1);
	sold_to(book, "山田山田山田山田山田", 0, 1, 1); /* 20 columns */
	assert_told(book, "  time          王小明 · worker 1 clerk 1       "
			  "山田山田山田山 · clerk 1.2\n");
}

static void
test_words_oversold(void **state)
{
	struct book *book = *state;

	book->capacity = 1;
	sold(book, 0, 1);
	sold(book, 0, 1);
	assert_told(book,
	    "OVERSOLD        2 tickets sold, there is 1             "
	    "sale demo, 1 ticket, json\n");
}

static void
test_words_stranded(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	book->remaining = 90;
	assert_told(book,
	    "STRANDED        9 tickets are on no receipt, nor left\n"
	    "                                                    "
	    "sale demo, 100 tickets, json\n");
}

/* A write that overwrote, though no seat came of it. */
static void
test_words_overwritten(void **state)
{
	struct book *book = *state;

	sold(book, 0, 1);
	sold(book, 0, 7);
	assert_told(book, "  none                   2             0   "
			  "WRONG: a write was overwritten\n");
}

/* The lock is told; a try that was refused is not. */
static void
test_words_tries(void **state)
{
	struct book *book = *state;
	struct store_line *line;
	char *text;

	book->lock = "semaphore:3";
	sold_to(book, "alice", 0, 1, 1);
	line = sold_to(book, "bob", 0, 1, 1);
	line->trail = "[{\"at_ns\":0,\"step\":\"queued\"},"
		      "{\"at_ns\":1000,\"step\":\"read\",\"remaining\":55,"
		      "\"version\":3},"
		      "{\"at_ns\":2000,\"step\":\"write\",\"remaining\":54,"
		      "\"version\":3},{\"at_ns\":3000,\"step\":\"switch\"},"
		      "{\"at_ns\":4000,\"step\":\"wait\"},"
		      "{\"at_ns\":5000,\"step\":\"lock\"},"
		      "{\"at_ns\":6000,\"step\":\"read\",\"remaining\":44,"
		      "\"version\":4}]";
	judge(book);
	text = words_of(book, &(struct audit_subject){.sale = "demo",
				  .store = "json",
				  .needed = LOCK_REACH_HOST,
				  .host = "h",
				  .lock = "none",
				  .with_names = true,
				  .witnesses = book->witnesses});
	assert_null(strstr(text, "55 left"));
	assert_null(strstr(text, "54 left"));
	assert_non_null(
	    strstr(text, "      0.000 ms                                  "
			 "gets a lock (semaphore:3)\n"
			 "      0.001 ms                                  "
			 "reads 44 left (version 4)\n"));
	free(text);
}

/* Two buyers met under `lock`, at a worker each: what does it say is why? */
static void
assert_why(struct book *book, const char *lock, const char *expected)
{
	char *text;

	book->lock = lock;
	book->count = 0;
	sold_to(book, "alice", 0, 1, 1);
	sold_to(book, "bob", 0, 1, 1)->worker = 2;
	judge(book);
	text = words_of(book, &(struct audit_subject){.sale = "demo",
				  .store = "json",
				  .needed = LOCK_REACH_HOST,
				  .host = "h",
				  .lock = lock,
				  .with_names = true,
				  .witnesses = book->witnesses});
	if (strstr(text, expected) == NULL)
		fail_msg("%s: %s", lock, text);
	free(text);
}

static void
test_words_why(void **state)
{
	struct book *book = *state;

	assert_why(book, "none",
	    "\nWhy: nobody took turns: alice and bob were both between "
	    "reading and writing.\n");
	assert_why(book, "mutex-private",
	    "\nWhy: two processes, two mutexes: alice and bob were both");
	assert_why(book, "semaphore:3",
	    "\nWhy: three were let in at once: alice and bob were both");
	assert_why(book, "semaphore:2", "Why: two were let in at");
	assert_why(book, "mutex", "Why: mutex let both in: alice and bob");
	assert_why(book, "optimistic", "Why: optimistic's check let it pass: ");
	assert_why(book, "unheard-of", "\nWhy: alice and bob were both");
}

/* One process has one mutex: that was another mistake. */
static void
test_words_why_one_process(void **state)
{
	struct book *book = *state;

	book->lock = "mutex-private";
	sold_to(book, "alice", 0, 1, 1);
	sold_to(book, "bob", 0, 1, 1);
	assert_told(book, "Why: mutex-private let both in: alice and bob");
}

/* ---------------------------------------------------------------- order -- */

/* "A read 0 @0, …": column, act, version, us since the first. */
static void
assert_steps(struct book *book, const char *expected)
{
	static const char *const acts[] = {[AUDIT_LOCKS] = "lock",
	    [AUDIT_READS] = "read",
	    [AUDIT_WRITES] = "write"};
	struct audit_step steps[AUDIT_STEPS_MAX];
	char text[512] = "";
	size_t i, n, count;

	judge(book);
	count =
	    audit_steps(book->witnesses, book->report.collision.count, steps);
	for (i = n = 0; i < count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "%s%c %s %" PRId64 " @%" PRId64, i == 0 ? "" : ", ",
		    (int)('A' + steps[i].column), acts[steps[i].act],
		    steps[i].act == AUDIT_LOCKS ? 0 : steps[i].version,
		    steps[i].at_ns / 1000);
	assert_string_equal(text, expected);
}

/* Bob read while alice was writing, and did not see it: above her write. */
static void
test_steps_read_before_write(void **state)
{
	struct book *book = *state;

	at(book, sold(book, 0, 1), 0, 1000);
	at(book, sold(book, 0, 1), 1500, 2000);
	assert_steps(book, "A read 0 @0, B read 0 @1500, A write 1 @1500, "
			   "B write 2 @2000");
}

/* His stamp is before her write, and yet he saw it: below. */
static void
test_steps_read_after_write(void **state)
{
	struct book *book = *state;

	at(book, sold(book, 0, 1), 0, 1000);
	at(book, sold(book, 1, 1), 900, 950);
	assert_steps(book, "A read 0 @0, A write 1 @1000, B read 1 @1000, "
			   "B write 2 @1000");
}

/* Writes stand in the order of their versions, whoever began first. */
static void
test_steps_writes(void **state)
{
	struct book *book = *state;

	at(book, sold(book, 0, 1), 0, 3000);
	at(book, sold(book, 0, 1), 5, 2000);
	assert_steps(book, "A read 0 @0, B read 0 @5, A write 1 @3000, "
			   "B write 2 @3000");
}

/* Versions of others, who are not in the table, count all the same. */
static void
test_steps_three(void **state)
{
	struct book *book = *state;

	at(book, sold(book, 0, 1), 10, 20);
	at(book, sold(book, 0, 7), 30, 15);
	at(book, sold(book, 2, 1), 12, 40);
	assert_steps(book, "A read 0 @10, B read 0 @30, A write 1 @30, "
			   "B write 2 @30, C read 2 @30, C write 3 @40");
}

static void
with_lock(struct book *book, struct store_line *line, int64_t lock_us,
    int64_t read_us, int64_t write_us)
{
	char *trail = book->trails[line - book->lines];

	snprintf(trail, sizeof(book->trails[0]),
	    "[{\"at_ns\":%" PRId64 ",\"step\":\"lock\"},"
	    "{\"at_ns\":%" PRId64 ",\"step\":\"read\",\"version\":%" PRId64
	    "},{\"at_ns\":%" PRId64 ",\"step\":\"write\"}]",
	    lock_us * 1000, read_us * 1000, line->base, write_us * 1000);
	line->trail = trail;
}

/* A lock stands where its stamp says, but above its own clerk's read. */
static void
test_steps_locks(void **state)
{
	struct book *book = *state;

	with_lock(book, sold(book, 0, 1), 0, 10, 1000);
	with_lock(book, sold(book, 0, 1), 1100, 1500, 2000);
	assert_steps(book,
	    "A lock 0 @0, A read 0 @10, B lock 0 @1100, B read 0 @1500, "
	    "A write 1 @1500, B write 2 @2000");
	book->count = 0;
	with_lock(book, sold(book, 0, 1), 0, 10, 3000);
	with_lock(book, sold(book, 1, 1), 5, 20, 2000);
	assert_steps(book,
	    "A lock 0 @0, B lock 0 @5, A read 0 @10, A write 1 @3000, "
	    "B read 1 @3000, B write 2 @3000");
	book->count = 0; /* in no time */
	with_lock(book, sold(book, 0, 1), 0, 10, 1000);
	with_lock(book, sold(book, 0, 1), 20, 20, 2000);
	assert_steps(book,
	    "A lock 0 @0, A read 0 @10, B lock 0 @20, B read 0 @20, "
	    "A write 1 @1000, B write 2 @2000");
}

/* What the text tells stands in this order too, and its times never fall. */
static void
test_words_in_order(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 1000);
	at(book, sold_to(book, "bob", 0, 1, 1), 1500, 2000);
	assert_told(book, "      1.500 ms                                  "
			  "reads 100 left (version 0)\n"
			  "                                                "
			  "^ here it went wrong\n"
			  "      1.500 ms  writes 99 left, takes seat 1\n"
			  "                (begun at 1.000 ms)\n"
			  "      2.000 ms                                  "
			  "writes 99 left, takes seat 1\n");
}

/* In the told collision; NULL: nobody can. */
static void
assert_again(struct book *book, const char *schedule, const char *again)
{
	const struct audit_subject subject = subject_of(book);
	json_t *value = audit_data_json(&book->report, &subject);
	const json_t *told = json_object_get(value, "collision");
	const char *text;

	assert_true(json_is_object(told));
	text = json_string_value(json_object_get(told, "schedule"));
	assert_int_equal(text == NULL, schedule == NULL);
	if (schedule != NULL)
		assert_string_equal(text, schedule);
	text = json_string_value(json_object_get(told, "again"));
	assert_int_equal(text == NULL, again == NULL);
	if (again != NULL)
		assert_string_equal(text, again);
	json_decref(value);
}

/* Stamps say AABB, and versions ABAB: who wrote first was seen by nobody. */
static void
test_again_by_versions(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 1000);
	at(book, sold_to(book, "bob", 0, 1, 1), 1500, 2000);
	assert_told(book, "Again, and cured:\n"
			  "      turnstile-lab --tickets 100 --schedule ABAB "
			  "--cures\n");
	judge(book);
	assert_again(book, "ABAB",
	    "turnstile-lab --tickets 100 --schedule ABAB --cures");
}

/* Of three, of whom not all want one. */
static void
test_again_three(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 2), 500, 1000);
	at(book, sold_to(book, "bob", 0, 7, 1), 0, 2000);
	at(book, sold_to(book, "carol", 2, 1, 1), 3000, 4000);
	judge(book);
	assert_again(book, "BAABCC",
	    "turnstile-lab --tickets 100 --quantities 2,1,1 "
	    "--schedule BAABCC --cures");
}

/* Nobody explains it, so nobody can do it again. */
static void
test_again_unexplained(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 1000);
	at(book, sold_to(book, "bob", 1, 1, 1), 1500, 2000);
	judge(book);
	assert_again(book, NULL, NULL);
}

/* Of a write of several orders: why one ticket took more off the counter. */
static void
test_words_one_write(void **state)
{
	struct book *book = *state;
	struct store_line *line;

	at(book, sold_to(book, "alice", 0, 1, 1), 0, 10);
	at(book, sold_to(book, "zoe", 0, 1, 1), 5, 1000);
	line = sold_to(book, "bob", 0, 2, 1);
	line->nth = 2;
	at(book, line, 5, 1000);
	at(book, sold_to(book, "carol", 1, 2, 1), 20, 2000);
	book->asked = 2;
	assert_told(book, "      0.995 ms  writes 98 left, takes seat 2\n"
			  "                (order 2 of one write)\n");
}

/* Seats rather than another's column. */
static void
test_words_long_seats(void **state)
{
	struct book *book = *state;

	book->capacity = 1000000;
	at(book, sold_to(book, "alice", 0, 1, 1000), 0, 10);
	at(book, sold_to(book, "bob", 0, 1, 1000), 5, 1000);
	assert_told(book, "      1.000 ms                                  "
			  "writes 999000 left, seats 1-1000\n");
}

/* Who had read first is no matter: what is told is who read while held. */
static void
test_words_late_reader(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "alice", 0, 1, 1), 20, 1000);
	at(book, sold_to(book, "bob", 0, 1, 1), 10, 2000);
	assert_told(book, "      0.010 ms  reads 100 left (version 0)\n"
			  "                ^ here it went wrong\n");
	assert_told(book, "It went wrong at 0.010 ms: alice read 100 while bob "
			  "held the same 100, not\nwritten back yet.\n"
			  "Why: nobody took turns: alice and bob were both "
			  "between reading and writing.\n");
}

/* Two numbers, of two versions, held at once. */
static void
test_words_two_numbers(void **state)
{
	struct book *book = *state;

	at(book, sold_to(book, "zoe", 0, 1, 1), 0, 10);
	at(book, sold_to(book, "alice", 1, 2, 1), 20, 1000);
	at(book, sold_to(book, "bob", 0, 1, 2), 5, 2000);
	judge_seat(book, 2);
	assert_collision(book, 2, 2, 0, 3);
	book->asked = 2;
	assert_told(book, "It went wrong at 0.015 ms: alice read 99 while bob "
			  "held 100, not written back\nyet.\n");
}

/* As after a restart of the machine: carol's clock began anew. */
static void
test_words_two_clocks(void **state)
{
	struct book *book = *state;
	const struct audit_subject subject = subject_of(book);
	char *text;

	at(book, sold_to(book, "alice", 0, 1, 1), 90000, 91000);
	at(book, sold_to(book, "bob", 0, 7, 1), 90500, 92000);
	at(book, sold_to(book, "carol", 2, 1, 1), 10, 20);
	judge(book);
	text = words_of(book, &subject);
	assert_null(strstr(text, " ms"));
	assert_non_null(strstr(text, "                reads 100 left (v0)\n"));
	assert_non_null(strstr(text,
	    "\nTheir clocks disagree, as after a restart of the machine: no "
	    "times, only the\norder.\n"));
	assert_non_null(strstr(text, "\nIt went wrong: bob wrote back a number "
				     "that was out of date.\n"));
	free(text);
}

/* ---------------------------------------------------------------- width -- */

/* How many columns a line takes on a screen, by somebody else's measure. */
static int
columns(const char *line, size_t length)
{
	int width = 0;

	while (length > 0) {
		wchar_t character;
		const int n = mbtowc(&character, line, length);

		assert_true(n > 0);
		assert_true(wcwidth(character) >= 0);
		width += wcwidth(character);
		line += n;
		length -= (size_t)n;
	}
	return width;
}

/* A command that can be copied is one line, however long. */
static void
assert_fits(const char *text)
{
	while (*text != '\0') {
		const size_t length = strcspn(text, "\n");

		if (strncmp(text, "      curl ", 11) != 0 &&
		    strncmp(text, "      turnstile-lab ", 20) != 0 &&
		    columns(text, length) > SCREEN)
			fail_msg("%d columns: %.*s", columns(text, length),
			    (int)length, text);
		text += length + (text[length] != '\0');
	}
}

static const char *const long_names[] = {
    "a",
    "anonymous",
    "0123456789012345678901234567890123456789012345678901234567890123",
    "a name of several words that is long, but of words that are short",
    "山田山田山田山田山田山田山田山田山田山田山田山田山田山田山田山田",
    "a山田山田山田山田山田",
    "⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐⭐",
    "🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫🎫",
    "ÅÄÖåäöÅÄÖåäöÅÄÖåäö",
    "조선조선조선조선조선조선조선",
};
#define NAMES (sizeof(long_names) / sizeof(long_names[0]))

/* The largest numbers that there can be. */
static void
fill_long(struct book *book, const char *first, const char *second, bool three)
{
	const int64_t seat = STORE_CAPACITY_MAX - 999;
	size_t i;

	book->count = 0;
	book->capacity = STORE_CAPACITY_MAX;
	book->lock = "mutex-private";
	at(book, sold_to(book, first, 0, seat, 1000), 0, 1000);
	if (three)
		at(book, sold_to(book, second, 0, 1, 1), 10, 2000);
	at(book, sold_to(book, second, three ? 2 : 0, seat, 1000), 20,
	    INT64_C(3600000000));
	for (i = 0; i < book->count; i++) {
		book->lines[i].worker = 64;
		book->lines[i].clerk = 256;
	}
}

static void
assert_long_fits(
    struct book *book, const char *first, const char *second, bool three)
{
	static const char sale[] = "a-sale-of-64-characters-------------"
				   "----------------------------";
	struct audit_subject subject = {.sale = sale,
	    .store = "sqlite",
	    .needed = LOCK_REACH_HOST,
	    .host = "a-host-of-forty-characters-------------:1",
	    .lock = "mutex-private",
	    .with_names = true,
	    .witnesses = book->witnesses};
	char *text;

	fill_long(book, first, second, three);
	judge(book);
	assert_int_equal(book->report.collision.count, three ? 3 : 2);
	text = words_of(book, &subject);
	assert_fits(text);
	free(text);
}

static void
test_fits(void **state)
{
	size_t i;

	for (i = 0; i < NAMES; i++) {
		const char *first = long_names[i];
		const char *next = long_names[(i + 1) % NAMES];

		assert_long_fits(*state, first, first, false);
		assert_long_fits(*state, first, next, false);
		assert_long_fits(*state, first, next, true);
	}
}

/* Each verdict's first line, from small sales to the largest. */
static void
test_headlines_fit(void **state)
{
	static const enum verdict verdicts[] = {VERDICT_CORRECT,
	    VERDICT_OVERSOLD, VERDICT_DOUBLE_BOOKED, VERDICT_STRANDED};
	struct book *book = *state;
	struct audit_subject subject = subject_of(book);
	char *text;
	size_t i;

	subject.store = "sqlite";
	judge(book);
	for (i = 0; i < 4; i++) {
		struct audit_report *r = &book->report;

		r->verdict = verdicts[i];
		for (r->capacity = 1; r->capacity <= STORE_CAPACITY_MAX;
		     r->capacity *= 10) {
			r->most_seat = r->most_times = r->seats = r->remaining =
			    r->stranded = r->capacity;
			r->tickets = r->capacity * 10;
			text = words_of(book, &subject);
			assert_fits(text);
			free(text);
		}
	}
}

/* ----------------------------------------------------------------- data -- */

static json_t *
data_of(struct book *book, bool with_names)
{
	struct audit_subject subject = subject_of(book);
	json_t *value;

	subject.with_names = with_names;
	judge(book);
	value = audit_data_json(&book->report, &subject);
	assert_non_null(value);
	return value;
}

/* As JSON says it; for objects of few members. */
static void
assert_json(const json_t *value, const char *expected)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

/* A strategy that lost a write is wrong, though no seat shows it. */
static void
test_data_overwritten(void **state)
{
	struct book *book = *state;
	json_t *value;

	sold(book, 0, 1);
	sold(book, 0, 7);
	value = data_of(book, false);
	assert_true(json_is_true(json_object_get(
	    json_array_get(json_object_get(value, "strategies"), 0), "wrong")));
	json_decref(value);
}

static void
test_data(void **state)
{
	struct book *book = *state;
	json_t *value;

	two_eras(book);
	value = data_of(book, true);
	assert_int_equal(json_array_size(json_object_get(
			     json_object_get(value, "collision"), "orders")),
	    2);
	json_object_del(value, "collision");
	assert_json(value,
	    "{\"sale\":\"demo\",\"store\":\"json\",\"lock\":\"mutex\","
	    "\"verdict\":\"double-booked\",\"wrong\":true,"
	    "\"capacity\":100,\"remaining\":96,\"version\":6,"
	    "\"receipts\":5,\"tickets\":5,\"seats\":4,\"seats_twice\":1,"
	    "\"oversold\":0,\"stranded\":0,\"overwrites\":1,\"recounts\":1,"
	    "\"strategies\":["
	    "{\"lock\":\"none\",\"receipts\":3,\"seats_twice\":1,"
	    "\"overwrites\":1,\"wrong\":true},"
	    "{\"lock\":\"mutex\",\"receipts\":2,\"seats_twice\":0,"
	    "\"overwrites\":0,\"wrong\":false}]}");
	json_decref(value);
}

static void
test_data_correct(void **state)
{
	struct book *book = *state;
	json_t *value;

	sold(book, 0, 1);
	value = data_of(book, true);
	assert_json(json_object_get(value, "verdict"), "\"correct\"");
	assert_json(json_object_get(value, "wrong"), "false");
	assert_json(json_object_get(value, "collision"), "null");
	json_decref(value);
}

static void
test_data_collision(void **state)
{
	struct book *book = *state;
	json_t *value;

	sold_to(book, "alice", 0, 1, 2);
	sold_to(book, "bob", 0, 7, 1);
	sold_to(book, "carol", 2, 1, 1)->trail = "[{\"at_ns\":5}]";
	value = data_of(book, true);
	assert_json(json_object_get(value, "collision"),
	    "{\"seat\":1,\"times\":2,\"lock\":\"none\",\"explained\":true,"
	    "\"orders\":["
	    "{\"role\":\"first\",\"order\":"
	    "\"a0000000000000000000000000000001\",\"buyer\":\"alice\","
	    "\"seats\":[1,2],\"version\":1,\"base\":0,\"nth\":1,\"remaining\":"
	    "98,"
	    "\"lock\":\"none\",\"worker\":1,\"clerk\":1,\"trail\":[]},"
	    "{\"role\":\"culprit\",\"order\":"
	    "\"b0000000000000000000000000000002\",\"buyer\":\"bob\","
	    "\"seats\":[7],\"version\":2,\"base\":0,\"nth\":1,\"remaining\":93,"
	    "\"lock\":\"none\",\"worker\":1,\"clerk\":2,\"trail\":[]},"
	    "{\"role\":\"second\",\"order\":"
	    "\"c0000000000000000000000000000003\",\"buyer\":\"carol\","
	    "\"seats\":[1],\"version\":3,\"base\":2,\"nth\":1,\"remaining\":99,"
	    "\"lock\":\"none\",\"worker\":1,\"clerk\":3,"
	    "\"trail\":[{\"at_ns\":5}]}],"
	    "\"steps\":[],\"wrong_step\":null,\"wrong\":null,"
	    "\"why\":\"nobody took turns: bob's late write put the counter "
	    "back to where it was before alice, and carol believed it\","
	    "\"schedule\":null,\"again\":null}");
	json_decref(value);
}

static void
test_data_hidden(void **state)
{
	struct book *book = *state;
	json_t *value;
	char *text;

	sold_to(book, "alice", 0, 1, 1);
	sold_to(book, "bob", 0, 1, 1);
	value = data_of(book, false);
	text = json_dumps(value, 0);
	assert_null(strstr(text, "\"buyer\""));
	assert_null(strstr(text, "alice"));
	assert_null(strstr(text, "bob"));
	assert_non_null(strstr(text, "buyer A and buyer B were both"));
	assert_non_null(strstr(text, "\"role\": \"second\""));
	free(text);
	json_decref(value);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_empty),
	    ROW(test_correct),
	    ROW(test_sold_out),
	    ROW(test_two_columns),
	    ROW(test_late_writer),
	    ROW(test_three_columns),
	    ROW(test_first_culprit),
	    ROW(test_blame_across_eras),
	    ROW(test_unexplained),
	    ROW(test_recount_is_no_culprit),
	    ROW(test_batches),
	    ROW(test_batch_is_no_culprit),
	    ROW(test_too_late_for_culprit),
	    ROW(test_overlap),
	    ROW(test_most_times),
	    ROW(test_seats_alike),
	    ROW(test_unexplained_behind_others),
	    ROW(test_sold_three_times),
	    ROW(test_oversold_tickets),
	    ROW(test_oversold),
	    ROW(test_stranded),
	    ROW(test_raised),
	    ROW(test_two_eras),
	    ROW(test_many),
	    ROW(test_all_blamed),
	    ROW(test_verdict_names),
	    ROW(test_words_empty),
	    ROW(test_words_correct),
	    ROW(test_words_lucky),
	    ROW(test_words_two_columns),
	    ROW(test_words_three_columns),
	    ROW(test_words_unexplained),
	    ROW(test_words_hidden),
	    ROW(test_words_long_names),
	    ROW(test_words_wide_names),
	    ROW(test_words_oversold),
	    ROW(test_words_stranded),
	    ROW(test_words_overwritten),
	    ROW(test_words_tries),
	    ROW(test_words_why),
	    ROW(test_words_why_one_process),
	    ROW(test_steps_read_before_write),
	    ROW(test_steps_read_after_write),
	    ROW(test_steps_writes),
	    ROW(test_steps_three),
	    ROW(test_steps_locks),
	    ROW(test_words_in_order),
	    ROW(test_again_by_versions),
	    ROW(test_again_three),
	    ROW(test_again_unexplained),
	    ROW(test_words_one_write),
	    ROW(test_words_long_seats),
	    ROW(test_words_late_reader),
	    ROW(test_words_two_numbers),
	    ROW(test_words_two_clocks),
	    ROW(test_fits),
	    ROW(test_headlines_fit),
	    ROW(test_data_overwritten),
	    ROW(test_data),
	    ROW(test_data_correct),
	    ROW(test_data_collision),
	    ROW(test_data_hidden),
	};

	/* For wcwidth(); in the C locale of tests nothing else changes. */
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
