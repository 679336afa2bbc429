/* SPDX-License-Identifier: BSD-2-Clause */
/* The table for a README. */
#include "tests/stress/result.h"

static void
print_row(const struct row *row, FILE *out)
{
	const struct price *p = &row->price;
	const char *bold = row->wrong_runs > 0 ? "**" : "";

	fprintf(out, "| %s | `%s` | %s%s%s | %s | ", row->setting.store,
	    row->label, bold, row->verdict, bold, row->reason);
	if (p->known)
		fprintf(out, "%.0f ± %.0f %% | %.2f | %.1f | %.1f | %.0f %% |",
		    p->sold_per_s, p->spread * 100, p->relative, p->sold.p50_ms,
		    p->sold.p99_ms, p->sold.waiting * 100);
	else
		fprintf(out, "– | – | – | – | – |");
	fprintf(out, "\n");
}

void
report_markdown(const struct result *result, FILE *out)
{
	size_t i;

	fprintf(out, "| store | strategy | verdict | what happened | sold/s |"
		     " of best | p50 ms | p99 ms | waiting |\n"
		     "|---|---|---|---|--:|--:|--:|--:|--:|\n");
	for (i = 0; i < result->count; i++)
		print_row(&result->rows[i], out);
	fprintf(out,
	    "\nThe race: %s. The price: %u buyers, no delay, %.3g s.\n%s.\n",
	    result->setting, result->flags->buyers,
	    (double)result->flags->duration_ms / 1e3, result->machine);
}
