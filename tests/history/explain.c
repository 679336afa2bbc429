/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A history that cannot be explained has a first answer that cannot: without
 * the answers from it on, an order exists; with it, none does.  What comes
 * after it is left out, and who then waited for his answer is unknown.
 */
#include "tests/history/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/history/clash.h"

#define REASONS_MOST 6

struct case_file {
	const struct history *history;
	const struct partition *partition;
	const struct search_options *options;
	FILE *out;
};

/* ----------------------------------------------------- the first answer -- */

static int
by_number(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The lines of all answers, in order. */
static size_t *
answer_lines(const struct partition *p, size_t *count)
{
	size_t *lines = calloc(p->count + 1, sizeof(*lines));
	size_t i;

	*count = 0;
	for (i = 0; lines != NULL && i < p->count; i++)
		if (p->ops[i].answer != ANSWER_NONE)
			lines[(*count)++] = p->ops[i].returned;
	if (lines != NULL)
		qsort(lines, *count, sizeof(*lines), by_number);
	return lines;
}

static void
forget_answer(struct op *op)
{
	op->answer = ANSWER_NONE;
	op->returned = 0;
	op->seat = op->seats = NOT_TOLD;
	op->capacity = op->remaining = op->version = NOT_TOLD;
	op->receipts = op->tickets = NOT_TOLD;
	op->lock = op->epoch = op->order = op->odd = 0;
}

/* The history up to a line.  NULL ops: no memory. */
static struct partition
prefix(const struct partition *p, size_t line)
{
	struct partition cut = {.sale = p->sale};
	size_t i;

	cut.ops = calloc(p->count + 1, sizeof(*cut.ops));
	for (i = 0; cut.ops != NULL && i < p->count; i++) {
		struct op *op = &cut.ops[cut.count];

		if (p->ops[i].invoked > line)
			break;
		*op = p->ops[i];
		if (op->returned > line)
			forget_answer(op);
		cut.count++;
	}
	return cut;
}

static enum verdict
judge_prefix(const struct case_file *c, size_t line)
{
	struct partition cut = prefix(c->partition, line);
	struct search_result result;

	if (cut.ops == NULL)
		return UNDECIDED;
	result = search(&cut, c->history->texts, c->options);
	free(result.order);
	free(cut.ops);
	return result.verdict;
}

/* The line of the first answer that cannot be explained; 0: not found. */
static size_t
first_bad_line(const struct case_file *c)
{
	size_t count, low = 0, high, line = 0;
	size_t *lines = answer_lines(c->partition, &count);
	enum verdict verdict;

	if (lines == NULL)
		return 0;
	high = count; /* the first `low` can be explained, `high` cannot */
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		verdict = judge_prefix(c, lines[middle - 1]);
		if (verdict == UNDECIDED)
			break;
		if (verdict == LINEARIZABLE)
			low = middle;
		else
			high = middle;
	}
	if (high - low == 1)
		line = lines[high - 1];
	free(lines);
	return line;
}

/* ------------------------------------------------------------- clashes -- */

static void
print_op(const struct case_file *c, const struct op *op)
{
	fprintf(c->out, "    line %zu", op->invoked);
	if (op->returned != 0)
		fprintf(c->out, "-%zu", op->returned);
	fprintf(c->out, "  process %" PRId64 ": ", op->process);
	history_print_op(c->history, op, c->out);
	fprintf(c->out, "\n");
}

/* The bad answer may clash with another one: that says it best. */
static bool
print_clash(const struct case_file *c, const struct partition *cut, size_t bad)
{
	struct clash clash;

	if (!clash_find(cut, c->history->texts, &clash) || clash.op != bad)
		return false;
	fprintf(c->out, "  against\n");
	print_op(c, &cut->ops[clash.against]);
	fprintf(c->out, "      which %s\n", clash_words(clash.kind));
	return true;
}

/* ------------------------------------------------------------- the end -- */

static void
print_state(const struct case_file *c, const struct sale_now *now)
{
	if (!now->exists) {
		fprintf(c->out, "there is no sale");
		return;
	}
	fprintf(c->out,
	    "%" PRId64 " of %" PRId64 " are left at version %" PRId64,
	    now->remaining, now->capacity, now->version);
	if (now->lock != 0)
		fprintf(
		    c->out, ", under %s", history_text(c->history, now->lock));
}

/* Those that could be next by the order of time, and why none fits. */
static void
print_next(const struct case_file *c, const struct partition *cut,
    struct sale *sale, const bool *done)
{
	size_t i, last = SIZE_MAX;
	unsigned printed = 0;
	struct reason reason;
	struct undo undo;

	for (i = 0; i < cut->count; i++)
		if (!done[i] && cut->ops[i].returned != 0 &&
		    cut->ops[i].returned < last)
			last = cut->ops[i].returned;
	for (i = 0; i < cut->count && printed < REASONS_MOST; i++) {
		const struct op *op = &cut->ops[i];

		if (done[i] || op->invoked > last || op->answer == ANSWER_NONE)
			continue;
		printed++;
		print_op(c, op);
		if (sale_apply(sale, op, &undo, &reason) != FIT_NOT)
			sale_undo(sale, &undo);
		fprintf(c->out, "      ");
		if (reason.misfit == MISFIT_NONE)
			fprintf(c->out, "fits here, but then the others do "
					"not");
		else
			sale_print_reason(c->history, &reason, c->out);
		fprintf(c->out, "\n");
	}
}

/* How far the longest order came. */
static void
print_end(const struct case_file *c, const struct partition *cut)
{
	struct search_result result =
	    search(cut, c->history->texts, c->options);
	bool *done = calloc(cut->count + 1, sizeof(*done));
	struct sale sale;
	struct reason reason;
	struct undo undo;
	size_t i;

	if (done == NULL || !sale_init(&sale, c->history->texts)) {
		free(done);
		free(result.order);
		return;
	}
	for (i = 0; i < result.ordered; i++) {
		done[result.order[i]] = true;
		sale_apply(&sale, &cut->ops[result.order[i]], &undo, &reason);
	}
	fprintf(c->out,
	    "  The longest order has %zu operations, unknown ones with it; "
	    "there ",
	    result.ordered);
	print_state(c, &sale.now);
	fprintf(c->out, ", and nothing can be next:\n");
	print_next(c, cut, &sale, done);
	sale_clear(&sale);
	free(result.order);
	free(done);
}

/*
 * An order of all that was before the bad answer, up to where that one's
 * operation stands in it, or to its end; and why the answer does not fit there.
 */
static void
print_misfit(const struct case_file *c, const struct op *bad)
{
	struct partition before = prefix(c->partition, bad->returned - 1);
	struct search_result result =
	    search(&before, c->history->texts, c->options);
	struct reason reason;
	struct undo undo;
	struct sale sale;
	size_t i;

	if (!sale_init(&sale, c->history->texts))
		goto free;
	for (i = 0; i < result.ordered &&
		    before.ops[result.order[i]].invoked != bad->invoked;
	     i++)
		sale_apply(&sale, &before.ops[result.order[i]], &undo, &reason);
	fprintf(c->out, "  In an order of all before that, ");
	print_state(c, &sale.now);
	if (sale_apply(&sale, bad, &undo, &reason) == FIT_NOT) {
		fprintf(c->out, "; it does not fit:\n      ");
		sale_print_reason(c->history, &reason, c->out);
	} else {
		fprintf(c->out, "; it fits there, but then others do not");
	}
	fprintf(c->out, "\n");
	sale_clear(&sale);
free:
	free(result.order);
	free(before.ops);
}

static bool
has_unknown_write(const struct partition *p)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->ops[i].answer == ANSWER_NONE &&
		    history_is_write(&p->ops[i]))
			return true;
	return false;
}

void
explain(const struct history *history, const struct partition *partition,
    const struct search_options *options, FILE *out)
{
	const struct case_file c = {.history = history,
	    .partition = partition,
	    .options = options,
	    .out = out};
	const size_t line = first_bad_line(&c);
	struct partition cut = prefix(partition, line == 0 ? SIZE_MAX : line);
	bool clashes = false;
	size_t i;

	if (cut.ops == NULL)
		return;
	for (i = 0; line != 0 && i < cut.count; i++) {
		if (cut.ops[i].returned != line)
			continue;
		fprintf(out,
		    "  Everything up to line %zu can be ordered; with line "
		    "%zu it cannot:\n",
		    line - 1, line);
		print_op(&c, &cut.ops[i]);
		clashes = print_clash(&c, &cut, i);
		print_misfit(&c, &cut.ops[i]);
	}
	if (line == 0 || (!clashes && has_unknown_write(&cut)))
		print_end(&c, &cut);
	free(cut.ops);
}
