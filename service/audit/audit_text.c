/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit for people: the verdict, a row for each strategy that sold, and
 * one collision as a table: a column for each of its buyers, a line for each
 * thing they did, in the order of audit_steps().
 */
#include "service/audit/audit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 80
#define TIME_WIDTH 14

/* ------------------------------------------------------------- columns -- */

struct story {
	const struct audit_witness *witnesses;
	size_t count; /* of columns */
	int width;    /* of a column */
	char names[3][40];
	struct audit_step steps[AUDIT_STEPS_MAX];
	size_t step_count;
};

/* A character's columns, and its bytes in `*length`; UTF-8 is assumed. */
static int
character_width(const char *text, size_t *length)
{
	const unsigned char c = (unsigned char)*text;

	*length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	/* East Asian, and symbols: to think too wide is the safe error. */
	return c >= 0xe3 || (c == 0xe2 && (unsigned char)text[1] >= 0x8c) ||
		       (c == 0xe1 && (unsigned char)text[1] >= 0x84)
		   ? 2
		   : 1;
}

static int
width_of(const char *text)
{
	size_t length;
	int width = 0;

	for (; *text != '\0'; text += length)
		width += character_width(text, &length);
	return width;
}

/* Copy whole characters, as many as fit in `columns` and in `to`. */
static void
copy_fitting(char *to, size_t size, const char *from, int columns)
{
	size_t n = 0, length;

	for (; *from != '\0'; from += length) {
		columns -= character_width(from, &length);
		if (columns < 0 || n + length >= size)
			break;
		memcpy(to + n, from, length);
		n += length;
	}
	to[n] = '\0';
}

/* Words in lines that fit; all but the first are indented. */
static void
print_wrapped(FILE *out, char *text, int indent)
{
	char *word, *rest;
	int column = 0;

	for (word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (column > 0 && column + 1 + width_of(word) > WIDTH)
			column = fprintf(out, "\n%*s", indent, "") - 1;
		else if (column > 0)
			column += fprintf(out, " ");
		column += width_of(word);
		fprintf(out, "%s", word);
	}
	fprintf(out, "\n");
}

/* Names that fit, and that differ. */
static void
name_witnesses(struct story *story, const struct audit_subject *subject)
{
	char fitting[3][32];
	size_t i, j;

	for (i = 0; i < story->count; i++)
		if (subject->with_names)
			copy_fitting(fitting[i], sizeof(fitting[i]),
			    story->witnesses[i].buyer, 14);
		else
			snprintf(fitting[i], sizeof(fitting[i]), "buyer %c",
			    (int)('A' + i));
	for (i = 0; i < story->count; i++) {
		for (j = 0; j < story->count; j++)
			if (i != j && strcmp(fitting[i], fitting[j]) == 0)
				break;
		if (j == story->count)
			memcpy(story->names[i], fitting[i], sizeof(fitting[i]));
		else
			snprintf(story->names[i], sizeof(story->names[i]),
			    "%.31s (%c)", fitting[i], (int)('1' + i));
	}
}

static void
word_step(
    const struct story *story, const struct audit_step *step, char text[64])
{
	const struct audit_witness *witness = &story->witnesses[step->column];
	const int64_t seat = witness->line.seat;
	const int64_t last = seat + witness->line.quantity - 1;
	int n;

	switch (step->act) {
	case AUDIT_LOCKS:
		snprintf(text, 64, "gets a lock (%s)", witness->lock);
		break;
	case AUDIT_READS:
		n = snprintf(
		    text, 64, "reads %" PRId64 " left", step->remaining);
		if (story->count == 2)
			snprintf(text + n, 64 - (size_t)n,
			    " (version %" PRId64 ")", step->version);
		break;
	case AUDIT_WRITES:
		n = snprintf(text, 64,
		    "writes %" PRId64 " left, %sseat%s %" PRId64,
		    step->remaining, story->count == 2 ? "takes " : "",
		    last > seat ? "s" : "", seat);
		if (last > seat)
			snprintf(text + n, 64 - (size_t)n, "-%" PRId64, last);
	}
}

/* Under its column's head, or to the left if it is long. */
static void
print_text(
    const struct story *story, size_t column, const char *text, FILE *out)
{
	const int wanted = (int)column * story->width;
	const int most = WIDTH - 2 - TIME_WIDTH - width_of(text);

	fprintf(out, "%*s%s\n", wanted < most ? wanted : most, "", text);
}

/* Whose column it is; as long as there is room, with the clerk. */
static void
print_heads(const struct story *story, FILE *out)
{
	size_t i;

	fprintf(out, "  %-*s", TIME_WIDTH, "time");
	for (i = 0; i < story->count; i++) {
		const struct audit_witness *witness = &story->witnesses[i];
		const bool is_last = i + 1 == story->count;
		char head[96];

		snprintf(head, sizeof(head), "%s · worker %u clerk %u",
		    story->names[i], witness->line.worker, witness->line.clerk);
		if (width_of(head) >= story->width)
			snprintf(head, sizeof(head), "%s · clerk %u.%u",
			    story->names[i], witness->line.worker,
			    witness->line.clerk);
		if (width_of(head) >= story->width)
			snprintf(head, sizeof(head), "%s", story->names[i]);
		fprintf(out, "%s%*s", head,
		    is_last ? 0 : story->width - width_of(head), "");
	}
	fprintf(out, "\n");
}

static void
print_steps(const struct story *story, bool explained, FILE *out)
{
	const struct audit_step *step = story->steps;
	char text[64];

	for (; step < story->steps + story->step_count; step++) {
		fprintf(out, "%11.3f ms  ",
		    (double)(step->at_ns - story->steps[0].at_ns) / 1e6);
		word_step(story, step, text);
		print_text(story, step->column, text, out);
		/* The second column's write is to blame: nobody sees the
		 * first one's any more. */
		if (step->act != AUDIT_WRITES || step->column != 1 ||
		    !explained)
			continue;
		snprintf(text, sizeof(text), "^ %s's write is lost",
		    story->names[0]);
		fprintf(out, "%*s", 2 + TIME_WIDTH, "");
		print_text(story, 1, text, out);
	}
}

/* What the strategy did wrong by which the first two met. */
static void
name_mistake(const struct story *story, char *text, size_t size)
{
	static const char *const counts[LOCK_PERMITS_MAX + 1] = {"none", "one",
	    "two", "three", "four", "five", "six", "seven", "eight"};
	const char *lock = story->witnesses[1].lock;
	struct lock_strategy strategy;
	struct lock_facts facts;

	text[0] = '\0';
	if (!lock_parse(lock, &strategy))
		return;
	facts = lock_facts(strategy);
	if (facts.checks_write)
		snprintf(text, size, ": %s's check let it pass", lock);
	else if (!facts.holds)
		snprintf(text, size, ": nobody took turns");
	else if (strategy.permits > 1)
		snprintf(text, size, ": %s were let in at once",
		    counts[strategy.permits]);
	else if (!facts.excludes_processes &&
		 story->witnesses[0].line.worker !=
		     story->witnesses[1].line.worker)
		snprintf(text, size, ": two processes, two mutexes");
	else
		snprintf(text, size, ": %s let both in", lock);
}

/*
 * Who read first does not matter, and is often not known: both had read before
 * either wrote.
 */
static void
print_why(const struct story *story, bool explained, FILE *out)
{
	char text[320], mistake[64];

	name_mistake(story, mistake, sizeof(mistake));
	if (!explained)
		snprintf(text, sizeof(text),
		    "Why: no write in the ledger explains it; something else "
		    "changed the counter.");
	else if (story->count == 2)
		snprintf(text, sizeof(text),
		    "Why: %s read before %s wrote, and wrote after that%s.",
		    story->names[1], story->names[0], mistake);
	else
		snprintf(text, sizeof(text),
		    "Why: %s's late write put the counter back to where it "
		    "was before %s, and %s believed it%s.",
		    story->names[1], story->names[0], story->names[2], mistake);
	print_wrapped(out, text, (int)strlen("Why: "));
}

void
audit_text_print_collision(const struct audit_report *report,
    const struct audit_subject *subject, FILE *out)
{
	const struct audit_collision *c = &report->collision;
	struct story story = {
	    .witnesses = subject->witnesses, .count = c->count};
	char text[256];

	if (c->count == 0)
		return;
	story.width = (WIDTH - 2 - TIME_WIDTH) / (int)c->count;
	name_witnesses(&story, subject);
	story.step_count = audit_steps(story.witnesses, c->count, story.steps);
	snprintf(text, sizeof(text),
	    "How seat %" PRId64 " was sold to %s and to %s "
	    "(orders %.6s…, %.6s…):",
	    c->seat, story.names[0], story.names[c->count - 1],
	    story.witnesses[0].line.order,
	    story.witnesses[c->count - 1].line.order);
	print_wrapped(out, text, 0);
	fprintf(out, "\n");
	print_heads(&story, out);
	print_steps(&story, c->explained, out);
	fprintf(out, "\n");
	print_why(&story, c->explained, out);
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
judge_strategy(const struct audit_strategy *s)
{
	struct lock_strategy strategy;

	if (s->seats_twice > 0)
		return "WRONG";
	if (s->overwrites > 0)
		return "WRONG: a write was overwritten";
	if (lock_parse(s->lock, &strategy) && !lock_is_safe(strategy))
		return "no race showed; it is not safe";
	return "correct";
}

static void
print_strategies(const struct audit_report *r, FILE *out)
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
		    judge_strategy(&r->strategies[i]));
}

static void
print_cure(const struct audit_subject *subject, FILE *out)
{
	if (subject->lock_is_safe)
		fprintf(out,
		    "Cured: the sale now runs under %s; what was sold twice "
		    "before stays so.\n",
		    subject->lock);
	else
		fprintf(out,
		    "Cure: make read and write one step:\n"
		    "      curl -X PATCH -d lock=mutex %s/sales/%s\n",
		    subject->host, subject->sale);
}

void
audit_text_print(const struct audit_report *report,
    const struct audit_subject *subject, FILE *out)
{
	print_headline(report, subject, out);
	print_strategies(report, out);
	if (report->collision.count == 0)
		return;
	fprintf(out, "\n");
	audit_text_print_collision(report, subject, out);
	print_cure(subject, out);
}
