/* SPDX-License-Identifier: BSD-2-Clause */
/* The table for a README. */
#include <inttypes.h>
#include <math.h>

#include "tests/stress/result.h"

/* "–" is of who has no price; a tail of orders that failed has no end. */
static void
print_ms(FILE *out, double ms)
{
	fprintf(out, isinf(ms) ? " never |" : " %.1f |", ms);
}

static void
print_row(const struct row *row, FILE *out)
{
	const struct price *p = &row->price;
	const char *bold = row->wrong_runs > 0 ? "**" : "";

	fprintf(out, "| %s | `%s` | %s%s%s | %s | ", row->setting.store,
	    row->label, bold, row->verdict, bold, row->reason);
	if (p->known)
		fprintf(
		    out, "%.0f ± %.0f %% |", p->sold_per_s, p->spread * 100);
	else
		fprintf(
		    out, "– |%s – | – | – |", p->relative < 0 ? "" : " – |");
	if (p->known && p->relative >= 0)
		fprintf(out, " %.2f |", p->relative);
	if (p->known) {
		print_ms(out, p->sold.p50_ms);
		print_ms(out, p->sold.p99_ms);
		fprintf(out, " %.0f %% |", p->sold.waiting * 100);
	}
	fprintf(out, "\n");
}

static void
print_failures(const struct result *result, FILE *out)
{
	char text[PRICE_FAILURES];
	size_t i;

	for (i = 0; i < result->count; i++)
		if (price_failures(&result->rows[i].price, text))
			fprintf(out,
			    "\n%s, `%s`: %s; in the percentiles they waited "
			    "for "
			    "ever.\n",
			    result->rows[i].setting.store,
			    result->rows[i].label, text);
}

void
report_markdown(const struct result *result, FILE *out)
{
	const struct flags *f = result->flags;
	char late[RESULT_LATE];
	size_t i;

	fprintf(out,
	    "| store | strategy | verdict | what happened | sold/s |%s"
	    " p50 ms | p99 ms | waiting |\n"
	    "|---|---|---|---|--:|--:|--:|--:|%s\n",
	    f->rate > 0 ? "" : " of best |", f->rate > 0 ? "" : "--:|");
	for (i = 0; i < result->count; i++)
		print_row(&result->rows[i], out);
	print_failures(result, out);
	if (result_late_client(result, late))
		fprintf(out, "\n%s\n", late);
	fprintf(out, "\nThe race: %s. The price: %u buyers, no delay, %.3g s",
	    result->setting, f->buyers, (double)f->duration_ms / 1e3);
	if (f->rate > 0)
		fprintf(out,
		    ", an open loop: %" PRIu64
		    " orders a second, times from when each was due",
		    f->rate);
	else
		fprintf(out, ", a closed loop: a buyer asks again when he has "
			     "his answer");
	fprintf(out, "; ± is how much %s differ.\n%s.\n",
	    f->rounds > 1 ? "its rounds" : "tenths of it", result->machine);
}
