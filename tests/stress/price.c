/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing is counted while buyers buy: every number is made afterwards, from
 * when each answer was asked for and when it came.
 */
#include "tests/stress/price.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/lock.h"
#include "tests/stress/buffer.h"

#define SLICES 10

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

static void
add_time(struct latency *latency, double ms)
{
	latency->ms =
	    buffer_grow(latency->ms, latency->count, sizeof(*latency->ms));
	latency->ms[latency->count++] = ms;
}

/* One more round's times. */
static void
add_times(struct latency *latency, const struct evidence *evidence,
    enum answer_kind kind, int64_t from_ns)
{
	int64_t unsent = evidence->unsent;
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];
		const double ms =
		    (double)(answer->done_ns - answer->sent_ns) / 1e6;

		if (!is_counted(answer, from_ns))
			continue;
		if (has_failed(answer))
			add_time(latency, INFINITY);
		if (answer->kind != kind)
			continue;
		add_time(latency, ms);
		latency->waited_ms += answer->waited_ms;
		latency->whole_ms += ms;
	}
	while (unsent-- > 0)
		add_time(latency, INFINITY);
}

/* Percentiles of all rounds' times. */
static void
settle(struct latency *latency)
{
	double *ms = latency->ms;

	if (latency->count == 0)
		return;
	qsort(ms, latency->count, sizeof(*ms), by_size);
	latency->p50_ms = percentile(ms, latency->count, 0.50);
	latency->p95_ms = percentile(ms, latency->count, 0.95);
	latency->p99_ms = percentile(ms, latency->count, 0.99);
	latency->p999_ms = percentile(ms, latency->count, 0.999);
	latency->max_ms = ms[latency->count - 1];
	latency->waiting =
	    latency->whole_ms > 0 ? latency->waited_ms / latency->whole_ms : 0;
}

/* Into `all`; the 99th percentile of this round alone. */
static double
add_round_times(struct latency *all, const struct evidence *evidence,
    enum answer_kind kind, int64_t from_ns)
{
	struct latency round = {0};

	add_times(&round, evidence, kind, from_ns);
	settle(&round);
	free(round.ms);
	add_times(all, evidence, kind, from_ns);
	settle(all);
	return round.count > 0 ? round.p99_ms : INFINITY; /* of nothing */
}

/* How much the tenths of the run differ: deviation over mean. */
static double
spread_of(
    const struct evidence *evidence, enum answer_kind kind, int64_t start_ns)
{
	const int64_t whole_ns = evidence->end_ns - start_ns + 1;
	double slices[SLICES] = {0}, mean = 0, square = 0;
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];
		int64_t slice;

		if (answer->kind != kind || answer->again ||
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

/* Workers of all hosts, which count from 1 if there are several. */
#define FAIR_MAX ((FLAGS_HOSTS_MAX + 1) * LOCK_WORKERS_MAX + 1)

/*
 * Jain's index over the workers, which are who the locks are between.  Who sold
 * nothing counts only where it is known that he is there.
 */
static double
fairness_of(const struct evidence *evidence, unsigned workers)
{
	double sold[FAIR_MAX] = {0}, sum = 0, squares = 0;
	unsigned count = 0, number;
	size_t i;

	for (i = 0; i < evidence->line_count; i++) {
		const struct store_line *line = &evidence->lines[i];

		number = line->host * LOCK_WORKERS_MAX + line->worker;
		if (line->worker == 0 || number >= FAIR_MAX)
			continue;
		count += sold[number] == 0;
		sold[number]++;
		sum++;
	}
	if (workers > count)
		count = workers;
	for (number = 0; number < FAIR_MAX; number++)
		squares += sold[number] * sold[number];
	return sum > 0 ? sum * sum / squares / count : 0;
}

/*
 * Answers of a kind that came since then, a second.  Of an open loop, by the
 * end of its window, and no more than were due: a warm-up's backlog is not its
 * merit.
 */
static double
rate_of(const struct evidence *evidence, enum answer_kind kind, int64_t from_ns)
{
	const bool open = evidence->until_ns > 0;
	const int64_t until_ns =
	    open ? evidence->until_ns : evidence->end_ns + 1;
	size_t i, count = 0, due = (size_t)evidence->unsent;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];

		due += is_counted(answer, from_ns);
		count += answer->kind == kind && !answer->again &&
			 answer->done_ns >= from_ns &&
			 answer->done_ns < until_ns;
	}
	if (open && count > due)
		count = due;
	return (double)count * 1e9 / (double)(until_ns - from_ns);
}

/* Orders that came to nothing, by how. */
static void
count_failures(
    struct price *price, const struct evidence *evidence, int64_t from_ns)
{
	size_t i;

	price->unsent += evidence->unsent;
	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];

		if (!is_counted(answer, from_ns) || !has_failed(answer))
			continue;
		price->turned_away += answer->kind == ANSWER_LATER;
		price->unanswered += answer->kind == ANSWER_NONE;
	}
}

/* One more; the mean of all, and how much they differ: deviation over mean. */
static double
add_round(struct rounds *rounds, double per_s, double p99_ms, double *spread)
{
	const unsigned n = ++rounds->count;
	double mean = 0, square = 0;
	unsigned i;

	rounds->per_s[n - 1] = per_s;
	rounds->p99_ms[n - 1] = p99_ms;
	for (i = 0; i < n; i++)
		mean += rounds->per_s[i] / n;
	for (i = 0; i < n && n > 1; i++)
		square += (rounds->per_s[i] - mean) *
			  (rounds->per_s[i] - mean) / (n - 1);
	if (n > 1)
		*spread = mean > 0 ? sqrt(square) / mean : 0;
	return mean;
}

void
price_of_sales(struct price *price, const struct evidence *evidence,
    int64_t warmup_ns, unsigned workers)
{
	const int64_t from_ns = evidence->start_ns + warmup_ns;
	const double p99_ms =
	    add_round_times(&price->sold, evidence, ANSWER_SOLD, from_ns);
	const unsigned before = price->sold_rounds.count;

	price->known = price->sold.count > 0;
	price->spread = spread_of(evidence, ANSWER_SOLD, from_ns);
	price->sold_per_s = add_round(&price->sold_rounds,
	    rate_of(evidence, ANSWER_SOLD, from_ns), p99_ms, &price->spread);
	price->fairness =
	    (price->fairness * before + fairness_of(evidence, workers)) /
	    (before + 1);
	count_failures(price, evidence, from_ns);
	price->client_late_ms =
	    fmax(price->client_late_ms, (double)evidence->client_late_ns / 1e6);
}

void
price_of_refusals(struct price *price, const struct evidence *evidence)
{
	const int64_t from_ns = evidence->start_ns;
	const double p99_ms =
	    add_round_times(&price->refused, evidence, ANSWER_REFUSED, from_ns);

	price->refused_spread = spread_of(evidence, ANSWER_REFUSED, from_ns);
	price->refused_per_s = add_round(&price->refused_rounds,
	    rate_of(evidence, ANSWER_REFUSED, from_ns), p99_ms,
	    &price->refused_spread);
}

void
price_free(struct price *price)
{
	free(price->sold.ms);
	free(price->refused.ms);
}

bool
price_failures(const struct price *price, char text[PRICE_FAILURES])
{
	const struct {
		int64_t count;
		const char *words;
	} parts[] = {{price->turned_away, "turned away (503)"},
	    {price->unanswered, "without an answer"},
	    {price->unsent, "never sent"}};
	size_t i, n;

	text[0] = '\0';
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count == 0)
			continue;
		n = strlen(text);
		snprintf(text + n, PRICE_FAILURES - n,
		    "%s%" PRId64 " of %zu %s", n > 0 ? ", " : "",
		    parts[i].count, price->sold.count, parts[i].words);
	}
	return text[0] != '\0';
}
