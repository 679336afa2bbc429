/* SPDX-License-Identifier: BSD-2-Clause */
/* The report for people: verdict, collision, price; 80 columns. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/stress/result.h"

#define RED "\033[1;31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

#define HEADLINE_INDENT 17

struct page {
	const struct result *result;
	FILE *out;
	bool colour;
	int store_width, label_width;
	int sold_width, of_width, left_width;
};

static const char *
paint(const struct page *page, const char *colour)
{
	return page->colour ? colour : "";
}

/* Every table begins with the store and the strategy. */
static void
begin_head(const struct page *page)
{
	fprintf(page->out, "\n  %-*s  %-*s", page->store_width, "store",
	    page->label_width, "strategy");
}

static void
begin_line(const struct page *page, const struct row *row)
{
	fprintf(page->out, "  %-*s  %-*s", page->store_width,
	    row->setting.store, page->label_width, row->label);
}

/* Bytes of the text that fill so many columns; UTF-8. */
static size_t
bytes_of(const char *text, size_t columns)
{
	size_t n = 0;

	while (text[n] != '\0' &&
	       (columns > 0 || ((unsigned char)text[n] & 0xc0) == 0x80))
		columns -= ((unsigned char)text[n++] & 0xc0) != 0x80;
	return n;
}

/* Lines of at most 80 columns behind `indent` spaces; broken at spaces. */
static void
print_folded(FILE *out, const char *text, int indent)
{
	const size_t most = 80 - (size_t)indent;

	for (;;) {
		size_t n = bytes_of(text, most);

		if (text[n] == '\0')
			break;
		while (n > 0 && text[n] != ' ')
			n--;
		if (n == 0)
			break; /* one long word */
		fprintf(out, "%*s%.*s\n", indent, "", (int)n, text);
		text += n + 1;
	}
	fprintf(out, "%*s%s\n", indent, "", text);
}

/* ------------------------------------------------------------- verdict -- */

struct part {
	size_t count;
	const char *words, *colour;
};

/* "3 correct, 1 wrong on purpose", folded where a terminal ends. */
static void
print_parts(const struct page *page, const struct part *parts, size_t count)
{
	int column = HEADLINE_INDENT;
	char text[64];
	size_t i;

	for (i = 0; i < count; i++) {
		if (parts[i].count == 0 && i > 0)
			continue;
		snprintf(text, sizeof(text), "%zu %s", parts[i].count,
		    parts[i].words);
		if (i > 0)
			column += fprintf(page->out, ",");
		if (i > 0 && column + 1 + (int)strlen(text) > 79)
			column =
			    fprintf(page->out, "\n%*s", HEADLINE_INDENT, "") -
			    1;
		else if (i > 0)
			column += fprintf(page->out, " ");
		fprintf(page->out, "%s%s%s", parts[i].colour, text,
		    parts[i].colour[0] != '\0' ? PLAIN : "");
		column += (int)strlen(text);
	}
	fprintf(page->out, "\n");
}

static void
print_headline(const struct page *page)
{
	const struct result *r = page->result;
	const char *red = paint(page, RED);
	struct part parts[] = {{0, "correct", ""}, {0, "wrong on purpose", ""},
	    {0, "where no race showed", ""}, {0, "not as it must be", red},
	    {0, "not as expected", red}};
	size_t i;

	for (i = 0; i < r->flags->expect_count; i++)
		parts[4].count += !r->expects[i].holds;
	for (i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];
		const bool kept = row->promise == PROMISE_KEPT;

		parts[0].count += kept && row->shipped;
		parts[1].count += row->promise == CONTROL_WRONG;
		parts[2].count += row->promise == CONTROL_UNDECIDED ||
				  (kept && !row->shipped);
		parts[3].count += !row_is_good(row);
	}
	if (result_is_good(r))
		fprintf(page->out, "%sAS PROMISED%s      ",
		    paint(page, BOLD GREEN), paint(page, PLAIN));
	else
		fprintf(page->out, "%sNOT AS PROMISED%s  ", red,
		    paint(page, PLAIN));
	print_parts(page, parts, sizeof(parts) / sizeof(parts[0]));
	if (r->stopped_by != 0)
		fprintf(page->out, "%*sstopped by SIG%s in %s\n",
		    HEADLINE_INDENT, "", sigabbrev_np(r->stopped_by),
		    r->stopped_in);
}

static const char *
colour_of(const struct page *page, const struct row *row)
{
	if (!row_is_good(row) || row->wrong_runs > 0)
		return paint(page, RED);
	if (row->promise == PROMISE_KEPT)
		return paint(page, GREEN);
	return paint(page, YELLOW);
}

/* What else was found; the worst stands in the row already. */
static void
print_other_findings(const struct page *page, const struct row *row)
{
	const struct judgement *j = &row->judgement;
	size_t i;

	if (row->promise != PROMISE_BROKEN)
		return;
	if (oracle_worst(j) == WRONG_TRESPASSED && row->runs == 1)
		return; /* it stands there already, whole */
	for (i = 0; i < WRONGS; i++)
		if (j->findings[i].count > 0)
			fprintf(page->out, "%10s%s, %" PRId64 ": %s\n", "",
			    oracle_wrong_name((enum wrong)i),
			    j->findings[i].count, j->findings[i].example);
}

/* Behind the numbers; in lines of its own if there is no room for it. */
static void
print_reason(const struct page *page, const struct row *row, int column)
{
	if (column + 2 + (int)strlen(row->reason) <= 80) {
		fprintf(page->out, "  %s\n", row->reason);
		return;
	}
	fprintf(page->out, "\n");
	print_folded(page->out, row->reason, 10);
}

static void
print_verdict(const struct page *page, const struct row *row)
{
	int column = 12 + page->label_width + 14;

	begin_line(page, row);
	fprintf(page->out, "  %s%-14s%s", colour_of(page, row), row->verdict,
	    paint(page, PLAIN));
	if (row->promise < ROW_HUNG)
		column += fprintf(page->out,
		    "  %*" PRId64 "  %*" PRId64 "  %*" PRId64, page->sold_width,
		    row->judgement.tickets, page->of_width, row->capacity,
		    page->left_width, row->remaining);
	print_reason(page, row, column);
	if (row->promise < ROW_HUNG)
		print_other_findings(page, row);
}

static int
wider(int width, int64_t number)
{
	const int own = snprintf(NULL, 0, "%" PRId64, number);

	return own > width ? own : width;
}

/* Columns are as wide as what is in them. */
static void
set_widths(struct page *page)
{
	const struct result *r = page->result;
	size_t i;

	page->store_width = 6;
	page->label_width = 13;
	page->sold_width = page->left_width = 4;
	page->of_width = 2;
	for (i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		if ((int)strlen(row->setting.store) > page->store_width)
			page->store_width = (int)strlen(row->setting.store);
		if ((int)strlen(row->label) > page->label_width)
			page->label_width = (int)strlen(row->label);
		page->sold_width =
		    wider(page->sold_width, row->judgement.tickets);
		page->of_width = wider(page->of_width, row->capacity);
		page->left_width = wider(page->left_width, row->remaining);
	}
}

/* How to find what no race shows. */
static void
print_advice(const struct page *page)
{
	const struct result *r = page->result;
	bool fresh = false, broken = false;
	size_t i;

	for (i = 0; i < r->count; i++) {
		const bool good = row_is_good(&r->rows[i]);

		fresh |= good && !r->rows[i].shipped && r->rows[i].safe;
		broken |= !good;
	}
	if (fresh)
		fprintf(page->out,
		    "\nThat no race showed is no proof.  The thread sanitizer "
		    "finds in seconds what\ntiming hides: make SANITIZE=thread "
		    "unit\n");
	if (broken && r->flags->url == NULL)
		fprintf(page->out,
		    "\nThe same draws again: --seed %" PRIu64 "\n",
		    r->flags->seed);
}

static void
print_verdicts(const struct page *page)
{
	const struct result *r = page->result;
	size_t i;

	begin_head(page);
	fprintf(page->out, "  %-14s  %*s  %*s  %*s  %s\n", "verdict",
	    page->sold_width, "sold", page->of_width, "of", page->left_width,
	    "left", "what happened");
	for (i = 0; i < r->count; i++)
		print_verdict(page, &r->rows[i]);
}

/* ------------------------------------------------------ what buyers saw -- */

/* A query is not a promise, told by the first row that is correct. */
static void
print_queries(const struct page *page)
{
	const struct result *r = page->result;
	const struct judgement *j = NULL;
	char text[200];
	size_t i;

	for (i = 0; i < r->count && j == NULL; i++)
		if (r->rows[i].promise == PROMISE_KEPT)
			j = &r->rows[i].judgement;
	if (j == NULL || j->looks_enough == 0 || j->looks_enough <= j->sold)
		return;
	snprintf(text, sizeof(text),
	    "A query is not a promise: under %s, %" PRId64 " were told %" PRId64
	    " left, and %" PRId64 " got %s.",
	    r->rows[i - 1].setting.lock, j->looks_enough, j->looks_most,
	    j->sold, r->flags->quantity == 1 ? "one" : "them");
	fprintf(page->out, "\n");
	print_folded(page->out, text, 0);
}

static void
print_drills(const struct page *page)
{
	const struct result *r = page->result;
	size_t i, hits = 0, wanted = 0;
	int64_t recovered = 0, unknown = 0, later = 0;
	double longest = 0;

	for (i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		hits += row->stop.hits;
		wanted += row->stop.wanted;
		recovered += row->recovered;
		unknown += row->unknown;
		later += row->later;
		if (row->stop.longest_s > longest)
			longest = row->stop.longest_s;
	}
	if (wanted > 0)
		fprintf(page->out,
		    "\nMisfortune struck %zu times of %zu; selling stopped for "
		    "%.2f s at most.\n",
		    hits, wanted, longest);
	if (wanted == 0 && recovered + unknown + later > 0)
		fprintf(page->out, "\n");
	if (recovered + unknown > 0)
		fprintf(page->out,
		    "Orders without an answer: %" PRId64
		    " learnt theirs by asking again by key, %" PRId64
		    "\nnever did.\n",
		    recovered, unknown);
	if (later > 0)
		fprintf(page->out,
		    "%" PRId64 " answer%s \"come later\" (503): not in time, "
		    "and nothing was sold.\n",
		    later, later == 1 ? " was" : "s were");
}

/* Of each strategy that was wrong, once. */
static void
print_collisions(const struct page *page)
{
	const struct result *r = page->result;
	size_t i, j;

	for (i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		for (j = 0; j < i; j++)
			if (strcmp(r->rows[j].setting.lock,
				row->setting.lock) == 0 &&
			    r->rows[j].wrong_runs > 0)
				break;
		if (j < i || row->wrong_runs == 0 || row->collision == NULL ||
		    row->collision[0] == '\0')
			continue;
		fprintf(page->out, "\n%s-- %s, %s%s\n%s", paint(page, BOLD),
		    row->setting.lock, row->setting.store, paint(page, PLAIN),
		    row->collision);
	}
}

/* --------------------------------------------------------------- prices -- */

/* Four places, whatever the size. */
static void
print_ms(FILE *out, double ms)
{
	if (isinf(ms))
		fprintf(out, "%7s", "never");
	else
		fprintf(out,
		    ms < 10     ? "%7.2f"
		    : ms < 1000 ? "%7.1f"
				: "%7.0f",
		    ms);
}

static void
print_latency(FILE *out, const struct latency *latency)
{
	fprintf(out, " ");
	print_ms(out, latency->p50_ms);
	print_ms(out, latency->p99_ms);
	print_ms(out, latency->p999_ms);
	print_ms(out, latency->max_ms);
}

static void
print_sold(const struct page *page, const struct row *row)
{
	begin_line(page, row);
	fprintf(page->out, "%8.0f ±%3.0f%%", row->price.sold_per_s,
	    row->price.spread * 100);
	if (row->price.relative >= 0)
		fprintf(page->out, "%6.2f", row->price.relative);
	print_latency(page->out, &row->price.sold);
	fprintf(page->out, "%6.0f%%\n", row->price.sold.waiting * 100);
}

static void
print_refused(const struct page *page, const struct row *row)
{
	begin_line(page, row);
	fprintf(page->out, "%8.0f ±%3.0f%%", row->price.refused_per_s,
	    row->price.refused_spread * 100);
	print_latency(page->out, &row->price.refused);
	if (row->price.conflicts >= 0)
		fprintf(page->out, "%7.2f", row->price.conflicts);
	else
		fprintf(page->out, "%7s", "?");
	fprintf(page->out, "%6.2f\n", row->price.fairness);
}

static void
print_price_head(const struct page *page)
{
	const struct flags *f = page->result->flags;

	fprintf(page->out,
	    "\nThe price, without delay: %u buyers for %.3g s, times in ms\n",
	    f->buyers, (double)f->duration_ms / 1e3);
	if (f->rate > 0)
		fprintf(page->out,
		    "Open loop: %" PRIu64
		    " orders a second; times from when each was due\n",
		    f->rate);
	else
		fprintf(page->out,
		    "Closed loop: a buyer asks again when he has his answer\n");
}

static void
print_price_legend(const struct page *page)
{
	const struct flags *f = page->result->flags;
	char text[600];

	snprintf(text, sizeof(text),
	    "±: how much %s differ, deviation over mean.  %swaits: of a sale's "
	    "time, %sin queue and lock.  "
	    "no/s: "
	    "refusals by a sold-out sale, in a closed loop for a quarter of "
	    "the "
	    "time.  again: refused writes for each sale (conflicts).  fair: "
	    "between workers, 1 is all the same.",
	    f->rounds > 1 ? "the rounds" : "tenths of the time",
	    f->rate > 0 ? "" : "best: against the fastest row.  ",
	    f->rate > 0 ? "for a free buyer, " : "");
	fprintf(page->out, "\n");
	print_folded(page->out, text, 2);
}

static void
print_prices(const struct page *page)
{
	const struct result *r = page->result;
	size_t i, known = 0;

	for (i = 0; i < r->count; i++)
		known += r->rows[i].price.known;
	if (known == 0)
		return;
	print_price_head(page);
	begin_head(page);
	fprintf(page->out, "%8s%6s%s%8s%7s%7s%7s%7s\n", "sold/s", "",
	    r->flags->rate > 0 ? "" : "  best", "p50", "p99", "p99.9", "max",
	    "waits");
	for (i = 0; i < r->count; i++)
		if (r->rows[i].price.known)
			print_sold(page, &r->rows[i]);
	begin_head(page);
	fprintf(page->out, "%8s%6s%8s%7s%7s%7s%7s%6s\n", "no/s", "", "p50",
	    "p99", "p99.9", "max", "again", "fair");
	for (i = 0; i < r->count; i++)
		if (r->rows[i].price.known)
			print_refused(page, &r->rows[i]);
	print_price_legend(page);
}

/* ------------------------------------------------------------- the rest -- */

/* Orders that came to nothing, in lines of their own. */
static void
print_failures(const struct page *page)
{
	const struct result *r = page->result;
	char failures[PRICE_FAILURES], text[400];
	bool any = false;
	size_t i;

	for (i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		if (!price_failures(&row->price, failures))
			continue;
		if (!any)
			fprintf(page->out,
			    "\nThey waited for ever, in the percentiles as "
			    "well:\n");
		any = true;
		snprintf(text, sizeof(text), "%s, %s: %s%s", row->label,
		    row->setting.store, failures,
		    row->price.unsent > 0
			? "; it is more than it can, or than so many buyers "
			  "can ask"
			: "");
		print_folded(page->out, text, 2);
	}
}

static void
print_late_client(const struct page *page)
{
	char text[RESULT_LATE];

	if (!result_late_client(page->result, text))
		return;
	fprintf(page->out, "\n");
	print_folded(page->out, text, 0);
}

static const char *
compared_words(const struct compared *c)
{
	if (c->noise < 1)
		return "not judged";
	if (c->verdict == COMPARED_NOISE)
		return "noise";
	if (c->by_p99)
		return c->verdict == COMPARED_BETTER ? "sooner" : "LATER";
	return c->verdict == COMPARED_BETTER ? "faster" : "SLOWER";
}

static void
print_ratio(FILE *out, double ratio)
{
	if (isfinite(ratio))
		fprintf(out, "%7.2f", ratio);
	else
		fprintf(out, "%7s", "?");
}

static void
print_compared(const struct page *page, const struct row *row)
{
	struct compared c;

	begin_line(page, row);
	if (!compare_row(
		page->result->old, row, page->result->flags->rate > 0, &c)) {
		fprintf(page->out, "  not in both\n");
		return;
	}
	fprintf(
	    page->out, "%9.0f%9.0f", c.old_sold_per_s, row->price.sold_per_s);
	print_ratio(page->out, c.sold);
	print_ratio(page->out, c.p99);
	print_ratio(page->out, c.noise >= 1 ? c.noise : INFINITY);
	fprintf(page->out, "  %s\n", compared_words(&c));
}

static void
print_comparison(const struct page *page)
{
	const struct result *r = page->result;
	char unlike[COMPARE_UNLIKE], text[400];
	size_t i;

	if (r->old == NULL)
		return;
	fprintf(page->out,
	    "\nAgainst %s: sold/s then and now; ratios of sold/s and p99\n",
	    r->flags->compare);
	if (result_unlike(r, unlike)) {
		snprintf(text, sizeof(text),
		    "It had another %s: these are not the same thing.", unlike);
		fprintf(page->out, "%s", paint(page, RED));
		print_folded(page->out, text, 0);
		fprintf(page->out, "%s", paint(page, PLAIN));
	}
	begin_head(page);
	fprintf(page->out, "%9s%9s%7s%7s%7s\n", "then", "now", "sold", "p99",
	    "noise");
	for (i = 0; i < r->count; i++)
		if (r->rows[i].price.known)
			print_compared(page, &r->rows[i]);
	fprintf(page->out,
	    "\n  noise: two runs of the same may differ by so many times, up "
	    "or down, by their\n  rounds, on a machine that stays as fast as "
	    "it was: take old and new in turn,\n  more than once.  Judged is "
	    "%s.  ?: it takes two rounds in both,\n  and %s in each.\n",
	    r->flags->rate > 0 ? "p99" : "sold",
	    r->flags->rate > 0 ? "a p99" : "sales");
}

static void
print_expects(const struct page *page)
{
	const struct result *r = page->result;
	const struct flags *flags = r->flags;
	size_t i;

	if (flags->expect_count > 0)
		fprintf(page->out, "\n");
	for (i = 0; i < flags->expect_count; i++) {
		const bool holds = r->expects[i].holds;

		fprintf(page->out, "  %s%s%s  %-20s",
		    paint(page, holds ? GREEN : RED), holds ? "ok " : "NOT",
		    paint(page, PLAIN), flags->expects[i]);
		if (strlen(r->expects[i].found) <= 51) {
			fprintf(page->out, " %s\n", r->expects[i].found);
			continue;
		}
		fprintf(page->out, "\n");
		print_folded(page->out, r->expects[i].found, 10);
	}
}

static void
print_machine(const struct page *page)
{
	fprintf(page->out, "\n");
	print_folded(page->out, page->result->machine, 0);
	if (strcmp(page->result->file_system, "tmpfs") == 0)
		fprintf(page->out,
		    "%sOn tmpfs nothing is written to a disk: these prices are "
		    "too low.%s\n",
		    paint(page, RED), paint(page, PLAIN));
}

void
report_text(const struct result *result, FILE *out)
{
	struct page page = {.result = result,
	    .out = out,
	    .colour = isatty(fileno(out)) != 0 && getenv("NO_COLOR") == NULL};

	set_widths(&page);
	print_headline(&page);
	print_folded(out, result->setting, 17);
	print_verdicts(&page);
	print_advice(&page);
	print_queries(&page);
	print_drills(&page);
	print_collisions(&page);
	print_prices(&page);
	print_failures(&page);
	print_late_client(&page);
	print_comparison(&page);
	print_expects(&page);
	print_machine(&page);
}
