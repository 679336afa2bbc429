/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit for people: the verdict, a row for each strategy that sold, and
 * one collision as a table: a column for each of its buyers, a line for each
 * thing they did, in the order of time.
 */
#include "service/audit/audit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 80
#define TIME_WIDTH 14
#define STEPS_MAX 24

/* ------------------------------------------------------------- columns -- */

/* What one buyer did, in words: a line of the table. */
struct event {
	int64_t at_ns;
	size_t column;
	char text[64];
	bool is_write;
};

struct story {
	const struct audit_witness *witnesses;
	size_t count; /* of columns */
	int width;    /* of a column */
	char names[3][40];
	struct event events[STEPS_MAX];
	size_t steps;
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

static int64_t
number_of(const json_t *step, const char *name)
{
	return json_integer_value(json_object_get(step, name));
}

/* A step in words; false: its kind says nothing about the collision. */
static bool
word_step(const struct story *story, const struct audit_witness *witness,
    const char *kind, const json_t *step, char text[64])
{
	const int64_t remaining = number_of(step, "remaining");
	const int64_t seat = witness->line.seat;
	const int64_t last = seat + witness->line.quantity - 1;
	int n;

	if (strcmp(kind, "lock") == 0) {
		snprintf(text, 64, "gets a lock (%s)", witness->lock);
	} else if (strcmp(kind, "read") == 0 && story->count == 2) {
		snprintf(text, 64,
		    "reads %" PRId64 " left (version %" PRId64 ")", remaining,
		    number_of(step, "version"));
	} else if (strcmp(kind, "read") == 0) {
		snprintf(text, 64, "reads %" PRId64 " left", remaining);
	} else if (strcmp(kind, "write") == 0) {
		n = snprintf(text, 64,
		    "writes %" PRId64 " left, %sseat%s %" PRId64, remaining,
		    story->count == 2 ? "takes " : "", last > seat ? "s" : "",
		    seat);
		if (last > seat)
			snprintf(text + n, 64 - (size_t)n, "-%" PRId64, last);
	} else {
		return false;
	}
	return true;
}

static void
add_events(struct story *story, size_t column)
{
	const struct audit_witness *witness = &story->witnesses[column];
	const size_t first = story->steps;
	const json_t *step;
	size_t i;

	json_array_foreach(witness->trail, i, step)
	{
		struct event *event = &story->events[story->steps];
		const char *kind =
		    json_string_value(json_object_get(step, "step"));

		if (kind == NULL)
			continue;
		/* A try that was refused has written nothing: forget it. */
		if (strcmp(kind, "conflict") == 0 ||
		    strcmp(kind, "switch") == 0)
			story->steps = first;
		if (story->steps == STEPS_MAX ||
		    !word_step(story, witness, kind, step, event->text))
			continue;
		event->at_ns = number_of(step, "at_ns");
		event->column = column;
		event->is_write = strcmp(kind, "write") == 0;
		story->steps++;
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->column < y->column ? -1 : 1;
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
print_events(const struct story *story, bool explained, FILE *out)
{
	const struct event *event = story->events;
	char text[64];

	for (; event < story->events + story->steps; event++) {
		fprintf(out, "%11.3f ms  ",
		    (double)(event->at_ns - story->events[0].at_ns) / 1e6);
		print_text(story, event->column, event->text, out);
		/* The second column's write is to blame: nobody sees the
		 * first one's any more. */
		if (!event->is_write || event->column != 1 || !explained)
			continue;
		snprintf(text, sizeof(text), "^ %s's write is lost",
		    story->names[0]);
		fprintf(out, "%*s", 2 + TIME_WIDTH, "");
		print_text(story, 1, text, out);
	}
}

static void
print_why(const struct story *story, bool explained, FILE *out)
{
	char text[256];

	if (!explained)
		snprintf(text, sizeof(text),
		    "Why: no write in the ledger explains it; something else "
		    "changed the counter.");
	else if (story->count == 2)
		snprintf(text, sizeof(text),
		    "Why: %s decided on a number that %s was already using.",
		    story->names[1], story->names[0]);
	else
		snprintf(text, sizeof(text),
		    "Why: %s's late write put the counter back to where it "
		    "was before %s, and %s believed it.",
		    story->names[1], story->names[0], story->names[2]);
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
	size_t i;

	if (c->count == 0)
		return;
	story.width = (WIDTH - 2 - TIME_WIDTH) / (int)c->count;
	name_witnesses(&story, subject);
	for (i = 0; i < c->count; i++)
		add_events(&story, i);
	qsort(story.events, story.steps, sizeof(story.events[0]), by_time);
	snprintf(text, sizeof(text),
	    "How seat %" PRId64 " was sold to %s and to %s "
	    "(orders %.6s…, %.6s…):",
	    c->seat, story.names[0], story.names[c->count - 1],
	    story.witnesses[0].line.order,
	    story.witnesses[c->count - 1].line.order);
	print_wrapped(out, text, 0);
	fprintf(out, "\n");
	print_heads(&story, out);
	print_events(&story, c->explained, out);
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
