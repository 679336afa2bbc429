/* SPDX-License-Identifier: BSD-2-Clause */
/* The report for people: verdict, collision, price; 80 columns. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/stress/result.h"

#define RED "\033[1;31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct page {
	const struct result *result;
	FILE *out;
	bool colour;
	int label_width;
	int reason_width;
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
	fprintf(page->out, "\n  %-6s  %-*s", "store", page->label_width,
	    "strategy");
}

static void
begin_line(const struct page *page, const struct row *row)
{
	fprintf(page->out, "  %-6s  %-*s", row->setting.store,
	    page->label_width, row->label);
}

/* At most 80 columns a line; broken at spaces. */
static void
print_folded(FILE *out, const char *text)
{
	while (strlen(text) > 80) {
		size_t n = 80;

		while (n > 0 && text[n] != ' ')
			n--;
		fprintf(out, "%.*s\n", (int)n, text);
		text += n + 1;
	}
	fprintf(out, "%s\n", text);
}

/* ------------------------------------------------------------- verdict -- */

static void
print_headline(const struct page *page)
{
	const struct result *r = page->result;
	size_t i, kept = 0, wrong = 0, open = 0, bad = 0;

	for (i = 0; i < r->count; i++) {
		kept += r->rows[i].promise == PROMISE_KEPT;
		wrong += r->rows[i].promise == CONTROL_WRONG;
		open += r->rows[i].promise == CONTROL_UNDECIDED;
		bad += !row_is_good(&r->rows[i]);
	}
	if (result_is_good(r))
		fprintf(page->out, "%sAS PROMISED%s    ",
		    paint(page, BOLD GREEN), paint(page, PLAIN));
	else
		fprintf(page->out, "%sNOT AS PROMISED%s", paint(page, RED),
		    paint(page, PLAIN));
	fprintf(page->out, "  %zu correct", kept);
	if (wrong > 0)
		fprintf(page->out, ", %zu wrong on purpose", wrong);
	if (open > 0)
		fprintf(page->out, ", %zu where no race showed", open);
	if (bad > 0)
		fprintf(page->out, ", %s%zu not as it must be%s",
		    paint(page, RED), bad, paint(page, PLAIN));
	if (r->stopped)
		fprintf(page->out, "; stopped early");
	fprintf(page->out, "\n");
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
	for (i = 0; i < WRONGS; i++)
		if (j->findings[i].count > 0)
			fprintf(page->out, "%10s%s, %" PRId64 ": %s\n", "",
			    oracle_wrong_name((enum wrong)i),
			    j->findings[i].count, j->findings[i].example);
}

static void
print_verdict(const struct page *page, const struct row *row)
{
	begin_line(page, row);
	fprintf(page->out, "  %s%-14s%s", colour_of(page, row), row->verdict,
	    paint(page, PLAIN));
	if (row->promise == ROW_FAILED) {
		fprintf(page->out, "  %s\n", row->reason);
		return;
	}
	fprintf(page->out, "%5" PRId64 "%6" PRId64 "%6" PRId64 "  %.*s\n",
	    row->judgement.tickets, row->capacity, row->remaining,
	    page->reason_width, row->reason);
	print_other_findings(page, row);
}

static void
print_verdicts(const struct page *page)
{
	const struct result *r = page->result;
	size_t i;

	begin_head(page);
	fprintf(page->out, "  %-14s%5s%6s%6s  %s\n", "verdict", "sold", "of",
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
	print_folded(page->out, text);
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
	if (recovered + unknown + later > 0)
		fprintf(page->out,
		    "%sOrders without an answer: %" PRId64
		    " learnt theirs by asking again by key, %" PRId64
		    "\nnever did; %" PRId64 " were told to come later (503), "
		    "and gave up.\n",
		    wanted > 0 ? "" : "\n", recovered, unknown, later);
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
	fprintf(out, ms < 10 ? "%7.2f" : ms < 1000 ? "%7.1f" : "%7.0f", ms);
}

static void
print_latency(FILE *out, const struct latency *latency)
{
	print_ms(out, latency->p50_ms);
	print_ms(out, latency->p95_ms);
	print_ms(out, latency->p99_ms);
	print_ms(out, latency->max_ms);
}

static void
print_sold(const struct page *page, const struct row *row)
{
	begin_line(page, row);
	fprintf(page->out, "%7.0f ±%3.0f%%%6.2f", row->price.sold_per_s,
	    row->price.spread * 100, row->price.relative);
	print_latency(page->out, &row->price.sold);
	fprintf(page->out, "%6.0f%%\n", row->price.sold.waiting * 100);
}

static void
print_refused(const struct page *page, const struct row *row)
{
	begin_line(page, row);
	fprintf(page->out, "%7.0f", row->price.refused_per_s);
	print_latency(page->out, &row->price.refused);
	if (row->price.conflicts >= 0)
		fprintf(page->out, "%11.2f", row->price.conflicts);
	else
		fprintf(page->out, "%11s", "?");
	fprintf(page->out, "%10.2f\n", row->price.fairness);
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
	fprintf(page->out,
	    "\nThe price, without delay: %u buyers for %.3g s, times in ms\n",
	    r->flags->buyers, (double)r->flags->duration_ms / 1e3);
	begin_head(page);
	fprintf(page->out, "%13s%6s%7s%7s%7s%7s%7s\n", "sold/s", "best", "p50",
	    "p95", "p99", "max", "waits");
	for (i = 0; i < r->count; i++)
		if (r->rows[i].price.known)
			print_sold(page, &r->rows[i]);
	begin_head(page);
	fprintf(page->out, "%7s%7s%7s%7s%7s%11s%10s\n", "no/s", "p50", "p95",
	    "p99", "max", "conflicts", "fairness");
	for (i = 0; i < r->count; i++)
		if (r->rows[i].price.known)
			print_refused(page, &r->rows[i]);
	fprintf(page->out,
	    "\n  best: against the fastest row.  waits: of a sale's time, in "
	    "queue and lock.\n  no/s: refusals by a sold-out sale.  "
	    "conflicts: for each sale.\n  fairness: between clerks, 1 is all "
	    "the same.\n");
}

/* ------------------------------------------------------------- the rest -- */

static void
print_expects(const struct page *page)
{
	const struct flags *flags = page->result->flags;
	char found[96];
	size_t i;

	if (flags->expect_count > 0)
		fprintf(page->out, "\n");
	for (i = 0; i < flags->expect_count; i++) {
		const bool holds =
		    expect_holds(page->result, flags->expects[i], found);

		fprintf(page->out, "  %s%s%s  %-20s %s\n",
		    paint(page, holds ? GREEN : RED), holds ? "ok " : "NOT",
		    paint(page, PLAIN), flags->expects[i], found);
	}
}

static void
print_machine(const struct page *page)
{
	fprintf(page->out, "\n");
	print_folded(page->out, page->result->machine);
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
	    .colour = isatty(fileno(out)) != 0 && getenv("NO_COLOR") == NULL,
	    .label_width = 13};
	size_t i;

	for (i = 0; i < result->count; i++)
		if ((int)strlen(result->rows[i].label) > page.label_width)
			page.label_width = (int)strlen(result->rows[i].label);
	page.reason_width = 80 - 45 - page.label_width;
	if (page.reason_width < 12)
		page.reason_width = 12;
	print_headline(&page);
	fprintf(out, "                 %s\n", result->setting);
	print_verdicts(&page);
	print_queries(&page);
	print_drills(&page);
	print_collisions(&page);
	print_prices(&page);
	print_expects(&page);
	print_machine(&page);
}
