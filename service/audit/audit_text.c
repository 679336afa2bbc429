/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit for people: the verdict, a row for each strategy that sold, and
 * one collision as a table: a column for each of its buyers, a line for each
 * thing they did, in the order of time.
 */
#include "service/audit/audit.h"

#include <assert.h>
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
	bool is_last_write;
};

struct story {
	const struct audit_witness *witnesses;
	size_t count, width; /* of a column */
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

/* Copy whole characters that fit in `columns`; what they take is returned. */
static int
copy_fitting(char *to, size_t size, const char *from, int columns)
{
	int width = 0;
	size_t n = 0, length;

	while (*from != '\0') {
		const int w = character_width(from, &length);

		if (width + w > columns || n + length >= size)
			break;
		memcpy(to + n, from, length);
		n += length;
		from += length;
		width += w;
	}
	to[n] = '\0';
	return width;
}

static void
print_padded(FILE *out, const char *text, size_t columns)
{
	char fitting[256];
	int width;

	width = copy_fitting(fitting, sizeof(fitting), text, (int)columns);
	fprintf(out, "%s%*s", fitting, (int)columns - width, "");
}

/* Words in lines that fit; all but the first are indented. */
static void
print_wrapped(FILE *out, const char *text, int indent)
{
	int column = 0;

	while (*text != '\0') {
		const size_t length = strcspn(text, " ");
		char word[64];
		int width;

		snprintf(word, sizeof(word), "%.*s", (int)length, text);
		width = width_of(word);
		if (column > 0 && column + 1 + width > WIDTH) {
			fprintf(out, "\n%*s%s", indent, "", word);
			column = indent + width;
		} else {
			fprintf(out, "%s%s", column > 0 ? " " : "", word);
			column += width + (column > 0);
		}
		text += length;
		text += strspn(text, " ");
	}
	fprintf(out, "\n");
}

/* Names that fit, and that differ. */
static void
name_witnesses(struct story *story, const struct audit_subject *subject)
{
	bool same[3] = {false};
	size_t i, j;

	for (i = 0; i < story->count; i++)
		if (!subject->with_names)
			snprintf(story->names[i], sizeof(story->names[i]),
			    "buyer %c", (int)('A' + i));
		else
			copy_fitting(
			    story->names[i], 32, story->witnesses[i].buyer, 14);
	for (i = 0; i < story->count; i++)
		for (j = 0; j < story->count; j++)
			if (i != j &&
			    strcmp(story->names[i], story->names[j]) == 0)
				same[i] = true;
	for (i = 0; i < story->count; i++) {
		const size_t n = strlen(story->names[i]);

		if (same[i])
			snprintf(story->names[i] + n,
			    sizeof(story->names[i]) - n, " (%zu)", i + 1);
	}
}

static void
print_seats(char *text, size_t size, int64_t seat, int64_t quantity)
{
	if (quantity == 1)
		snprintf(text, size, "seat %" PRId64, seat);
	else
		snprintf(text, size, "seats %" PRId64 "-%" PRId64, seat,
		    seat + quantity - 1);
}

/* False: a step of this kind says nothing about the collision. */
static bool
word_step(const struct story *story, const struct audit_witness *witness,
    const char *step, int64_t remaining, int64_t version, char text[64])
{
	char seats[32];

	if (strcmp(step, "lock") == 0) {
		snprintf(text, 64, "gets a lock (%s)", witness->lock);
	} else if (strcmp(step, "read") == 0 && story->count == 2) {
		snprintf(text, 64,
		    "reads %" PRId64 " left (version %" PRId64 ")", remaining,
		    version);
	} else if (strcmp(step, "read") == 0) {
		snprintf(text, 64, "reads %" PRId64 " left", remaining);
	} else if (strcmp(step, "write") == 0) {
		print_seats(
		    seats, sizeof(seats), witness->seat, witness->quantity);
		snprintf(text, 64, "writes %" PRId64 " left, %s%s", remaining,
		    story->count == 2 ? "takes " : "", seats);
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
	const json_t *item;
	size_t i;

	json_array_foreach(witness->trail, i, item)
	{
		struct event *event = &story->events[story->steps];
		const char *step =
		    json_string_value(json_object_get(item, "step"));
		int64_t remaining, version;

		/* A try that was refused has written nothing: forget it. */
		if (step != NULL && (strcmp(step, "conflict") == 0 ||
					strcmp(step, "switch") == 0))
			story->steps = first;
		if (step == NULL || story->steps == STEPS_MAX)
			continue;
		remaining =
		    json_integer_value(json_object_get(item, "remaining"));
		version = json_integer_value(json_object_get(item, "version"));
		if (!word_step(
			story, witness, step, remaining, version, event->text))
			continue;
		event->at_ns =
		    json_integer_value(json_object_get(item, "at_ns"));
		event->column = column;
		event->is_last_write = column > 0 && strcmp(step, "write") == 0;
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

/* Where text begins: under its column's head, or to the left if it is long. */
static int
indent_of(const struct story *story, size_t column, const char *text)
{
	const int wanted = (int)(column * story->width);
	const int most = WIDTH - 2 - TIME_WIDTH - width_of(text);

	return wanted < most ? wanted : most;
}

static void
print_event(const struct story *story, const struct event *event, FILE *out)
{
	fprintf(out, "%11.3f ms  ",
	    (double)(event->at_ns - story->events[0].at_ns) / 1e6);
	fprintf(out, "%*s%s\n", indent_of(story, event->column, event->text),
	    "", event->text);
}

/* Whose column it is; as long as there is room, with the clerk. */
static void
print_heads(const struct story *story, FILE *out)
{
	size_t i;

	fprintf(out, "  %-*s", TIME_WIDTH, "time");
	for (i = 0; i < story->count; i++) {
		const struct audit_witness *witness = &story->witnesses[i];
		const int room = (int)story->width - 1;
		char head[96];

		snprintf(head, sizeof(head), "%s · worker %u clerk %u",
		    story->names[i], witness->worker, witness->clerk);
		if (width_of(head) > room)
			snprintf(head, sizeof(head), "%s · clerk %u.%u",
			    story->names[i], witness->worker, witness->clerk);
		if (width_of(head) > room)
			snprintf(head, sizeof(head), "%s", story->names[i]);
		if (i + 1 < story->count)
			print_padded(out, head, story->width);
		else
			fprintf(out, "%s\n", head);
	}
}

/* Under the write that overwrote it: whose write nobody sees any more. */
static void
print_loss(const struct story *story, const struct event *event,
    const struct audit_collision *collision, FILE *out)
{
	const size_t culprit = story->count == 3 ? 1 : story->count - 1;
	char text[64];

	if (!event->is_last_write || event->column != culprit ||
	    !collision->explained)
		return;
	snprintf(text, sizeof(text), "^ %s's write is lost", story->names[0]);
	fprintf(out, "%*s%s\n",
	    2 + TIME_WIDTH + indent_of(story, event->column, text), "", text);
}

static void
print_why(const struct story *story, const struct audit_collision *collision,
    FILE *out)
{
	char text[256];

	if (!collision->explained)
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
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count, FILE *out)
{
	struct story story = {.witnesses = witnesses, .count = count};
	char text[256];
	size_t i;

	assert(count == 0 || count == 2 || count == 3);
	if (count == 0)
		return;
	story.width = (WIDTH - 2 - TIME_WIDTH) / count;
	name_witnesses(&story, subject);
	for (i = 0; i < count; i++)
		add_events(&story, i);
	qsort(story.events, story.steps, sizeof(story.events[0]), by_time);
	snprintf(text, sizeof(text),
	    "How seat %" PRId64 " was sold to %s and to %s "
	    "(orders %.6s…, %.6s…):",
	    report->collision.seat, story.names[0], story.names[count - 1],
	    witnesses[0].order, witnesses[count - 1].order);
	print_wrapped(out, text, 0);
	fprintf(out, "\n");
	print_heads(&story, out);
	for (i = 0; i < story.steps; i++) {
		print_event(&story, &story.events[i], out);
		print_loss(&story, &story.events[i], &report->collision, out);
	}
	fprintf(out, "\n");
	print_why(&story, &report->collision, out);
}

/* -------------------------------------------------------------- summary -- */

static void
print_headline(const struct audit_report *r,
    const struct audit_subject *subject, FILE *out)
{
	char name[24], what[96], where[160];
	const char *verdict = audit_verdict_name(r->verdict);
	size_t i;
	int width;

	for (i = 0; verdict[i] != '\0'; i++)
		name[i] = (char)toupper((unsigned char)verdict[i]);
	name[i] = '\0';
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
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count, FILE *out)
{
	print_headline(report, subject, out);
	print_strategies(report, out);
	if (count == 0)
		return;
	fprintf(out, "\n");
	audit_text_print_collision(report, subject, witnesses, count, out);
	print_cure(subject, out);
}
