/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing is counted while buyers buy: every number is made afterwards, from
 * when each answer was asked for and when it came.
 */
#include "tests/stress/price.h"

#include <math.h>
#include <stdlib.h>

#include "tests/stress/buffer.h"

#define SLICES 10
#define CLERKS_KNOWN 1024

static int
by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The smallest value that is not below a share of all. */
static double
percentile(const double *sorted, size_t count, double share)
{
	const size_t rank = (size_t)ceil(share * (double)count);

	return sorted[rank > 0 ? rank - 1 : 0];
}

/* Was it asked for, and came to nothing? */
static bool
has_failed(const struct answer *answer)
{
	return !answer->look &&
	       (answer->kind == ANSWER_LATER || answer->kind == ANSWER_NONE);
}

static bool
is_counted(const struct answer *answer, int64_t from_ns)
{
	return !answer->again && answer->sent_ns >= from_ns;
}

/* Their times, one after the other; `latency` is told how many. */
static double *
times_of(struct latency *latency, const struct evidence *evidence,
    enum answer_kind kind, int64_t from_ns)
{
	double *ms = NULL, waited = 0, whole = 0;
	int64_t unsent = evidence->unsent;
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];
		const bool failed = has_failed(answer);

		if ((answer->kind != kind && !failed) ||
		    !is_counted(answer, from_ns))
			continue;
		ms = buffer_grow(ms, latency->count, sizeof(*ms));
		ms[latency->count++] =
		    failed ? INFINITY
			   : (double)(answer->done_ns - answer->sent_ns) / 1e6;
		if (!failed) {
			waited += answer->waited_ms;
			whole += ms[latency->count - 1];
		}
	}
	while (unsent-- > 0) {
		ms = buffer_grow(ms, latency->count, sizeof(*ms));
		ms[latency->count++] = INFINITY;
	}
	latency->waiting = whole > 0 ? waited / whole : 0;
	return ms;
}

static struct latency
latency_of(
    const struct evidence *evidence, enum answer_kind kind, int64_t from_ns)
{
	struct latency latency = {0};
	double *ms = times_of(&latency, evidence, kind, from_ns);

	if (latency.count == 0)
		return latency;
	qsort(ms, latency.count, sizeof(*ms), by_size);
	latency.p50_ms = percentile(ms, latency.count, 0.50);
	latency.p95_ms = percentile(ms, latency.count, 0.95);
	latency.p99_ms = percentile(ms, latency.count, 0.99);
	latency.p999_ms = percentile(ms, latency.count, 0.999);
	latency.max_ms = ms[latency.count - 1];
	free(ms);
	return latency;
}

/* How much the tenths of the run differ: deviation over mean. */
static double
spread_of(const struct evidence *evidence, int64_t start_ns)
{
	const int64_t whole_ns = evidence->end_ns - start_ns + 1;
	double slices[SLICES] = {0}, mean = 0, square = 0;
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];
		int64_t slice;

		if (answer->kind != ANSWER_SOLD || answer->again ||
		    answer->done_ns < start_ns)
			continue;
		slice = (answer->done_ns - start_ns) * SLICES / whole_ns;
		slices[slice < SLICES ? slice : SLICES - 1]++;
		mean += 1.0 / SLICES;
	}
	for (i = 0; i < SLICES; i++)
		square += (slices[i] - mean) * (slices[i] - mean) / SLICES;
	return mean > 0 ? sqrt(square) / mean : 0;
}

/*
 * Jain's index over the clerks of the lines that tell theirs.  Clerks who
 * sold nothing count only where it is known that they are there.
 */
static double
fairness_of(const struct evidence *evidence, const struct price_clerks *clerks)
{
	double sold[CLERKS_KNOWN] = {0}, sum = 0, squares = 0;
	size_t i, count = 0;

	for (i = 0; i < evidence->line_count; i++) {
		const struct store_line *line = &evidence->lines[i];
		const unsigned n =
		    line->worker * (clerks->each > 0 ? clerks->each : 16) +
		    line->clerk;

		if (line->worker == 0 || n >= CLERKS_KNOWN)
			continue;
		count += sold[n] == 0;
		sold[n]++;
		sum++;
	}
	if (clerks->workers * clerks->each > count)
		count = (size_t)clerks->workers * clerks->each;
	for (i = 0; i < CLERKS_KNOWN; i++)
		squares += sold[i] * sold[i];
	return sum > 0 ? sum * sum / squares / (double)count : 0;
}

/* So many since then, a second. */
static double
rate_of(const struct evidence *evidence, size_t count, int64_t from_ns)
{
	return (double)count * 1e9 / (double)(evidence->end_ns - from_ns + 1);
}

/* Receipts that came since then, whenever they were asked for. */
static size_t
sold_since(const struct evidence *evidence, int64_t from_ns)
{
	size_t i, count = 0;

	for (i = 0; i < evidence->answer_count; i++)
		count += evidence->answers[i].kind == ANSWER_SOLD &&
			 !evidence->answers[i].again &&
			 evidence->answers[i].done_ns >= from_ns;
	return count;
}

/* Orders that came to nothing, by how. */
static void
count_failures(
    struct price *price, const struct evidence *evidence, int64_t from_ns)
{
	size_t i;

	price->unsent = evidence->unsent;
	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];

		if (!is_counted(answer, from_ns) || !has_failed(answer))
			continue;
		price->turned_away += answer->kind == ANSWER_LATER;
		price->unanswered += answer->kind == ANSWER_NONE;
	}
}

void
price_of_sales(struct price *price, const struct evidence *evidence,
    int64_t warmup_ns, const struct price_clerks *clerks)
{
	const int64_t from_ns = evidence->start_ns + warmup_ns;

	price->sold = latency_of(evidence, ANSWER_SOLD, from_ns);
	if (price->sold.count == 0)
		return;
	price->known = true;
	price->sold_per_s =
	    rate_of(evidence, sold_since(evidence, from_ns), from_ns);
	price->spread = spread_of(evidence, from_ns);
	price->fairness = fairness_of(evidence, clerks);
	count_failures(price, evidence, from_ns);
}

static size_t
count_refused(const struct evidence *evidence)
{
	size_t i, count = 0;

	for (i = 0; i < evidence->answer_count; i++)
		count += evidence->answers[i].kind == ANSWER_REFUSED;
	return count;
}

void
price_of_refusals(struct price *price, const struct evidence *evidence)
{
	price->refused =
	    latency_of(evidence, ANSWER_REFUSED, evidence->start_ns);
	price->refused_per_s =
	    rate_of(evidence, count_refused(evidence), evidence->start_ns);
}
