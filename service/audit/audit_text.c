/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit for people: the verdict, a row for each strategy that sold, and
 * one collision as a table: a column for each of its buyers, a line for each
 * thing they did, as audit_told() has it.
 */
#include "service/audit/audit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "service/audit/columns.h"

#define HEAD_SIZE 64
#define SHORT_SIZE 18 /* of an order's id, in short */
#define WIDTH 80
#define TIME_WIDTH 14

/* ------------------------------------------------------------- columns -- */

struct story {
	const struct audit_witness *witnesses;
	size_t count; /* of columns */
	int width;    /* of a column */
	struct audit_told told;
};

#define TIME_SIZE 32
#define WORDS_SIZE 96

static void
word_time(const struct story *story, int64_t at_ns, char text[TIME_SIZE])
{
	snprintf(text, TIME_SIZE, "%.3f ms",
	    (double)(at_ns - story->told.steps[0].at_ns) / 1e6);
}

static void
word_write(const struct story *story, const struct audit_step *step,
    char text[WORDS_SIZE])
{
	const struct store_line *line = &story->witnesses[step->column].line;
	const int64_t last = line->seat + line->quantity - 1;
	char seats[48];
	int n;

	n = snprintf(seats, sizeof(seats), "seat%s %" PRId64,
	    line->quantity > 1 ? "s" : "", line->seat);
	if (line->quantity > 1)
		snprintf(
		    seats + n, sizeof(seats) - (size_t)n, "-%" PRId64, last);
	snprintf(text, WORDS_SIZE, "writes %" PRId64 " left, takes %s",
	    step->remaining, seats);
	if (columns_of(text) >= story->width)
		snprintf(text, WORDS_SIZE, "writes %" PRId64 " left, %s",
		    step->remaining, seats);
}

static void
word_step(const struct story *story, const struct audit_step *step,
    char text[WORDS_SIZE])
{
	const struct audit_witness *witness = &story->witnesses[step->column];
	const bool is_wide = story->count == 2;

	switch (step->act) {
	case AUDIT_LOCKS:
		snprintf(text, WORDS_SIZE,
		    is_wide ? "gets a lock (%s)" : "locks (%s)", witness->lock);
		break;
	case AUDIT_READS:
		snprintf(text, WORDS_SIZE,
		    is_wide ? "reads %" PRId64 " left (version %" PRId64 ")"
			    : "reads %" PRId64 " left (v%" PRId64 ")",
		    step->remaining, step->version);
		break;
	case AUDIT_WRITES:
		word_write(story, step, text);
	}
}

/* Under its column's head, or to the left if it is long. */
static void
print_text(
    const struct story *story, size_t column, const char *text, FILE *out)
{
	const int wanted = (int)column * story->width;
	const int most = WIDTH - 2 - TIME_WIDTH - columns_of(text);

	fprintf(out, "%*s%s\n", wanted < most ? wanted : most, "", text);
}

/* "worker 1 clerk 4", or shorter: "clerk 1.4"; of hosts, if there are. */
static void
name_clerk(const struct store_line *line, bool in_full, char name[HEAD_SIZE])
{
	const unsigned host = line->host, worker = line->worker;

	if (host > 0 && in_full)
		snprintf(name, HEAD_SIZE, "host %u · worker %u · clerk %u",
		    host, worker, line->clerk);
	else if (host > 0)
		snprintf(name, HEAD_SIZE, "clerk %u.%u.%u", host, worker,
		    line->clerk);
	else if (in_full)
		snprintf(
		    name, HEAD_SIZE, "worker %u clerk %u", worker, line->clerk);
	else
		snprintf(name, HEAD_SIZE, "clerk %u.%u", worker, line->clerk);
}

/* One of the heads, and what fills its column. */
static void
print_head(const struct story *story, size_t i, const char *head, FILE *out)
{
	const bool is_last = i + 1 == story->count;

	fprintf(out, "%s%*s", head,
	    is_last ? 0 : story->width - columns_of(head), "");
}

/* Whose column it is, and as long as there is room, with the clerk. */
static void
print_head_and_clerk(const struct story *story, size_t i, FILE *out)
{
	const struct store_line *line = &story->witnesses[i].line;
	char head[2 * HEAD_SIZE], clerk[HEAD_SIZE];

	name_clerk(line, true, clerk);
	snprintf(head, sizeof(head), "%s · %s", story->told.names[i], clerk);
	if (columns_of(head) >= story->width) {
		name_clerk(line, false, clerk);
		snprintf(
		    head, sizeof(head), "%s · %s", story->told.names[i], clerk);
	}
	if (columns_of(head) >= story->width)
		snprintf(head, sizeof(head), "%s", story->told.names[i]);
	print_head(story, i, head, out);
}

/* Hosts have a line of their own, below the names. */
static void
print_heads(const struct story *story, FILE *out)
{
	const bool has_hosts = story->witnesses[0].line.host > 0;
	char clerk[HEAD_SIZE];
	size_t i;

	fprintf(out, "  %-*s", TIME_WIDTH, "time");
	for (i = 0; i < story->count; i++)
		if (has_hosts)
			print_head(story, i, story->told.names[i], out);
		else
			print_head_and_clerk(story, i, out);
	fprintf(out, "\n");
	if (!has_hosts)
		return;
	fprintf(out, "%*s", 2 + TIME_WIDTH, "");
	for (i = 0; i < story->count; i++) {
		name_clerk(&story->witnesses[i].line, true, clerk);
		if (columns_of(clerk) >= story->width)
			name_clerk(&story->witnesses[i].line, false, clerk);
		print_head(story, i, clerk, out);
	}
	fprintf(out, "\n");
}

/* Below a step, in its column, without a time. */
static void
print_note(
    const struct story *story, size_t column, const char *text, FILE *out)
{
	fprintf(out, "%*s", 2 + TIME_WIDTH, "");
	print_text(story, column, text, out);
}

/*
 * A write has two times; that of its begin is said where it differs.  Lines
 * that were written at once leave one number, so the others' tickets are off
 * it, too.
 */
static void
print_write_notes(
    const struct story *story, const struct audit_step *step, FILE *out)
{
	const unsigned nth = story->witnesses[step->column].line.nth;
	char begun[TIME_SIZE], seen[TIME_SIZE], text[WORDS_SIZE];

	if (nth > 1) {
		snprintf(text, sizeof(text), "(order %u of one write)", nth);
		print_note(story, step->column, text, out);
	}
	word_time(story, step->stamp_ns, begun);
	word_time(story, step->at_ns, seen);
	if (!story->told.has_times || strcmp(begun, seen) == 0)
		return;
	snprintf(text, sizeof(text), "(begun at %s)", begun);
	print_note(story, step->column, text, out);
}

static void
print_step(const struct story *story, const struct audit_step *step, FILE *out)
{
	char time[TIME_SIZE] = "", text[WORDS_SIZE];

	if (story->told.has_times)
		word_time(story, step->at_ns, time);
	fprintf(out, "%*s  ", TIME_WIDTH, time);
	word_step(story, step, text);
	print_text(story, step->column, text, out);
	if (step->act == AUDIT_WRITES)
		print_write_notes(story, step, out);
}

static void
print_steps(const struct story *story, bool explained, FILE *out)
{
	const struct audit_told *told = &story->told;
	char text[WORDS_SIZE];
	size_t i;

	for (i = 0; i < told->step_count; i++) {
		const struct audit_step *step = &told->steps[i];

		print_step(story, step, out);
		if (i + 1 == told->wrong_step)
			print_note(
			    story, step->column, "^ here it went wrong", out);
		/* The second column's write is to blame: nobody sees the
		 * first one's any more. */
		if (step->act != AUDIT_WRITES || step->column != 1 ||
		    !explained)
			continue;
		snprintf(
		    text, sizeof(text), "^ %s's write is lost", told->names[0]);
		print_note(story, 1, text, out);
	}
	if (!told->has_times)
		fprintf(out,
		    "\nTheir clocks disagree, as after a restart of the "
		    "machine: no times, only the\norder.\n");
}

static void
print_why(const struct story *story, FILE *out)
{
	const struct audit_told *told = &story->told;
	char text[512], at[TIME_SIZE] = "";

	if (told->wrong_step > 0 && told->has_times)
		word_time(story, told->steps[told->wrong_step - 1].at_ns, at);
	if (told->wrong_step > 0) {
		snprintf(text, sizeof(text), "It went wrong%s%s: %s.",
		    at[0] != '\0' ? " at " : "", at, told->wrong);
		columns_wrap(out, text, WIDTH, 0);
	}
	snprintf(text, sizeof(text), "Why: %s.", told->why);
	columns_wrap(out, text, WIDTH, (int)strlen("Why: "));
	if (told->again[0] != '\0')
		fprintf(out, "Again, and cured:\n      %s\n", told->again);
}

/*
 * An id in short: of a UUID, which begins with the time, what differs when
 * another one is of the same minute.  Turnstile 0.1 had ids of chance alone.
 */
static void
print_short(const char *order, char text[SHORT_SIZE])
{
	const bool is_uuid = strlen(order) >= 18 && order[8] == '-';

	snprintf(text, SHORT_SIZE, is_uuid ? "…%.9s…" : "%.6s…",
	    is_uuid ? order + 9 : order);
}

void
audit_text_print_collision(const struct audit_report *report,
    const struct audit_subject *subject, FILE *out)
{
	const struct audit_collision *c = &report->collision;
	struct story story = {
	    .witnesses = subject->witnesses, .count = c->count};
	char text[256], first[SHORT_SIZE], last[SHORT_SIZE];

	if (c->count == 0)
		return;
	print_short(story.witnesses[0].line.order, first);
	print_short(story.witnesses[c->count - 1].line.order, last);
	story.width = (WIDTH - 2 - TIME_WIDTH) / (int)c->count;
	audit_told(report, subject, &story.told);
	snprintf(text, sizeof(text),
	    "How seat %" PRId64 " was sold to %s and to %s "
	    "(orders %s, %s):",
	    c->seat, story.told.names[0], story.told.names[c->count - 1], first,
	    last);
	columns_wrap(out, text, WIDTH, 0);
	fprintf(out, "\n");
	print_heads(&story, out);
	print_steps(&story, c->explained, out);
	fprintf(out, "\n");
	print_why(&story, out);
}

/* -------------------------------------------------------------- summary -- */

static void
print_headline(const struct audit_report *r,
    const struct audit_subject *subject, FILE *out)
{
	char name[24] = "", what[96], where[160];
	const char *verdict = audit_verdict_name(r->verdict);
	size_t i;
	int width;

	for (i = 0; verdict[i] != '\0'; i++)
		name[i] = (char)toupper((unsigned char)verdict[i]);
	if (r->verdict == VERDICT_OVERSOLD)
		snprintf(what, sizeof(what),
		    "%" PRId64 " ticket%s sold, there %s %" PRId64, r->tickets,
		    r->tickets == 1 ? "" : "s", r->capacity == 1 ? "is" : "are",
		    r->capacity);
	else if (r->verdict == VERDICT_DOUBLE_BOOKED)
		snprintf(what, sizeof(what),
		    "seat %" PRId64 " was sold %" PRId64 " times", r->most_seat,
		    r->most_times);
	else if (r->verdict == VERDICT_STRANDED)
		snprintf(what, sizeof(what),
		    "%" PRId64 " tickets are on no receipt, nor left",
		    r->stranded);
	else
		snprintf(what, sizeof(what),
		    "%" PRId64 " sold once each, %" PRId64 " left", r->seats,
		    r->remaining);
	snprintf(where, sizeof(where), "sale %.49s, %" PRId64 " ticket%s, %s",
	    subject->sale, r->capacity, r->capacity == 1 ? "" : "s",
	    subject->store);
	width = fprintf(out, "%-14s  %s", name, what);
	if (width + 1 + (int)strlen(where) > WIDTH) {
		fprintf(out, "\n");
		width = 0;
	}
	fprintf(out, "%*s\n", WIDTH - width, where);
}

static const char *
judge_strategy(
    const struct audit_strategy *s, const struct audit_subject *subject)
{
	struct lock_strategy strategy;

	if (s->seats_twice > 0)
		return "WRONG";
	if (s->overwrites > 0)
		return "WRONG: a write was overwritten";
	if (lock_parse(s->lock, &strategy) &&
	    !lock_is_safe(strategy, subject->needed))
		return "no race showed; it is not safe";
	return "correct";
}

static void
print_strategies(const struct audit_report *r,
    const struct audit_subject *subject, FILE *out)
{
	size_t i;

	if (r->strategy_count == 0) {
		fprintf(out, "\nNothing was sold yet.\n");
		return;
	}
	fprintf(out, "\n  %-14s %9s   %11s   %s\n", "under", "receipts",
	    "seats twice", "verdict");
	for (i = 0; i < r->strategy_count; i++)
		fprintf(out, "  %-14s %9" PRId64 "   %11" PRId64 "   %s\n",
		    r->strategies[i].lock, r->strategies[i].receipts,
		    r->strategies[i].seats_twice,
		    judge_strategy(&r->strategies[i], subject));
}

static void
print_cure(const struct audit_subject *subject, FILE *out)
{
	struct lock_strategy strategy;

	if (lock_parse(subject->lock, &strategy) &&
	    lock_is_safe(strategy, subject->needed))
		fprintf(out,
		    "Cured: the sale now runs under %s; what was sold twice "
		    "before stays so.\n",
		    subject->lock);
	else
		fprintf(out,
		    "Cure: make read and write one step:\n"
		    "      curl -X PATCH -d lock=%s %s/sales/%s\n",
		    subject->needed == LOCK_REACH_HOSTS ? "row" : "mutex",
		    subject->host, subject->sale);
}

void
audit_text_print(const struct audit_report *report,
    const struct audit_subject *subject, FILE *out)
{
	print_headline(report, subject, out);
	print_strategies(report, subject, out);
	if (report->collision.count == 0)
		return;
	fprintf(out, "\n");
	audit_text_print_collision(report, subject, out);
	print_cure(subject, out);
}
