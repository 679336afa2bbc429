/* SPDX-License-Identifier: BSD-2-Clause */
/* The table for a README. */
#include <inttypes.h>

#include "tests/stress/result.h"

static void
print_row(const struct result *result, const struct row *row, FILE *out)
{
	const struct price *p = &row->price;
	char label[RESULT_LABEL_SIZE], verdict[24], reason[256];

	result_label(result, row, label);
	result_verdict(row, verdict);
	result_reason(row, reason, sizeof(reason));
	fprintf(out, "| %s | `%s` | %s%s%s | %s | ", row->setting.store, label,
	    row->wrong_runs > 0 ? "**" : "", verdict,
	    row->wrong_runs > 0 ? "**" : "", reason);
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
	char text[256];
	size_t i;

	fprintf(out, "| store | strategy | verdict | what happened | sold/s |"
		     " of best | p50 ms | p99 ms | waiting |\n"
		     "|---|---|---|---|--:|--:|--:|--:|--:|\n");
	for (i = 0; i < result->count; i++)
		print_row(result, &result->rows[i], out);
	result_setting(result, text, sizeof(text));
	fprintf(out, "\nThe race: %s. The price: %u buyers, no delay, %.3g s.",
	    text, result->flags->buyers,
	    (double)result->flags->duration_ms / 1e3);
	result_machine(result, text, sizeof(text));
	fprintf(out, "\n%s.\n", text);
}
