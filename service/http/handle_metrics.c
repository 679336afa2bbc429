/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row for each metric: what it is called, where its counters lie in the
 * workers' tallies, and the printer for their shape.  A new counter of a shape
 * that is there needs a row and nothing else.
 */
#include "service/http/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>

#include "service/http/routes.h"
#include "service/service.h"

struct printer {
	const struct service *service;
	struct store_user *store; /* NULL: there is none now */
	bool openmetrics;
	FILE *out;
};

struct metric {
	const char *name; /* without turnstile_ and _total */
	const char *type;
	void (*print)(const struct printer *p, const struct metric *m);
	size_t at; /* its first counter's offset in struct tally */
	const char *help;
};

/* The counter that stands `at` bytes into each worker's tally, summed. */
static uint64_t
sum(const struct printer *p, size_t at)
{
	uint64_t total = 0;
	unsigned i;

	for (i = 0; i < p->service->options->workers; i++) {
		const char *tally = (const char *)&p->service->board->tally[i];

		total += atomic_load_explicit(
		    (const counter *)(const void *)(tally + at),
		    memory_order_relaxed);
	}
	return total;
}

/* Between the strategies there are and the shared rows nothing is counted. */
static unsigned
next_row(unsigned row)
{
	return ++row == lock_count() ? COUNTING_SHARED : row;
}

static const char *
row_name(unsigned row, char name[LOCK_NAME_SIZE])
{
	if (row == COUNTING_SHARED)
		return "semaphore:N";
	if (row == COUNTING_UNKNOWN)
		return "unknown";
	lock_print(lock_at(row), name);
	return name;
}

static bool
is_counter(const struct metric *m)
{
	return m->type[0] == 'c';
}

/* In OpenMetrics a counter's family has no _total, its samples do. */
static void
print_head(const struct printer *p, const struct metric *m)
{
	const char *end = is_counter(m) && !p->openmetrics ? "_total" : "";

	fprintf(p->out, "# HELP turnstile_%s%s %s\n# TYPE turnstile_%s%s %s\n",
	    m->name, end, m->help, m->name, end, m->type);
}

static void
print_value(const struct printer *p, const struct metric *m, uint64_t value)
{
	print_head(p, m);
	fprintf(p->out, "turnstile_%s%s %" PRIu64 "\n", m->name,
	    is_counter(m) ? "_total" : "", value);
}

/* -------------------------------------------------------------- counters -- */

static void
print_single(const struct printer *p, const struct metric *m)
{
	print_value(p, m, sum(p, m->at));
}

static void
print_by_strategy(const struct printer *p, const struct metric *m)
{
	char name[LOCK_NAME_SIZE];
	unsigned row;

	print_head(p, m);
	for (row = 0; row < COUNTING_UNKNOWN; row = next_row(row))
		fprintf(p->out, "turnstile_%s_total{lock=\"%s\"} %" PRIu64 "\n",
		    m->name, row_name(row, name),
		    sum(p, m->at + row * sizeof(counter)));
}

/* What never happened is not listed, but for sales. */
static void
print_by_outcome(const struct printer *p, const struct metric *m)
{
	char name[LOCK_NAME_SIZE];
	unsigned outcome, row;

	print_head(p, m);
	for (outcome = OUTCOME_SOLD; outcome < OUTCOMES; outcome++)
		for (row = 0; row < COUNTING_ROWS; row = next_row(row)) {
			const uint64_t count =
			    sum(p, m->at + (outcome * COUNTING_ROWS + row) *
					       sizeof(counter));

			if (count == 0 && outcome != OUTCOME_SOLD)
				continue;
			fprintf(p->out,
			    "turnstile_%s_total{outcome=\"%s\",lock=\"%s\"} "
			    "%" PRIu64 "\n",
			    m->name, order_outcome_name(outcome),
			    row_name(row, name), count);
		}
}

static void
print_by_route(const struct printer *p, const struct metric *m)
{
	const size_t routes = routes_count(); /* and what is no route */
	size_t route;
	unsigned status;

	print_head(p, m);
	for (route = 0; route <= routes; route++)
		for (status = 0; status < SERVICE_STATUSES; status++) {
			const uint64_t count =
			    sum(p, m->at + (route * SERVICE_STATUSES + status) *
					       sizeof(counter));

			if (count == 0)
				continue;
			fprintf(p->out,
			    "turnstile_%s_total{method=\"%s\","
			    "route=\"%s\",status=\"%u\"} %" PRIu64 "\n",
			    m->name, route < routes ? routes_method(route) : "",
			    route < routes ? routes_pattern(route) : "", status,
			    count);
		}
}

/* ------------------------------------------------------------ histograms -- */

/* Counters for each bucket, and behind them one for the sum. */
struct scale {
	unsigned buckets;
	double bound; /* of the first one, doubled for each other */
	double unit;  /* what the sum is divided by */
	int digits;   /* behind its point */
};

static_assert(
    offsetof(struct histogram, sum_ns) == COUNTING_BUCKETS * sizeof(counter),
    "the sum stands behind the buckets");
static_assert(
    offsetof(struct counting, batched_orders) ==
	offsetof(struct counting, batches) + COUNTING_BATCHES * sizeof(counter),
    "the sum stands behind the buckets");

/* Buckets are cumulative.  `lock` is the label; NULL: there is none. */
static void
print_histogram(const struct printer *p, const struct metric *m, size_t at,
    const struct scale *scale, const char *lock)
{
	char label[64] = "", alone[64] = "", le[32];
	double bound = scale->bound, amount;
	uint64_t total = 0;
	unsigned i;

	if (lock != NULL) {
		snprintf(label, sizeof(label), "lock=\"%s\",", lock);
		snprintf(alone, sizeof(alone), "{lock=\"%s\"}", lock);
	}
	for (i = 0; i < scale->buckets; i++, bound *= 2) {
		total += sum(p, at + i * sizeof(counter));
		snprintf(le, sizeof(le), "%.6g", bound);
		fprintf(p->out,
		    "turnstile_%s_bucket{%sle=\"%s\"} %" PRIu64 "\n", m->name,
		    label, i + 1 < scale->buckets ? le : "+Inf", total);
	}
	amount = (double)sum(p, at + i * sizeof(counter)) / scale->unit;
	fprintf(p->out, "turnstile_%s_sum%s %.*f\n", m->name, alone,
	    scale->digits, amount);
	fprintf(p->out, "turnstile_%s_count%s %" PRIu64 "\n", m->name, alone,
	    total);
}

/* Under a strategy that holds nothing nobody waits. */
static void
print_times(const struct printer *p, const struct metric *m)
{
	static const struct scale seconds = {
	    COUNTING_BUCKETS, (double)COUNTING_FIRST_BOUND_NS / 1e9, 1e9, 9};
	char name[LOCK_NAME_SIZE];
	unsigned row;

	print_head(p, m);
	for (row = 0; row < COUNTING_UNKNOWN; row = next_row(row))
		if (row == COUNTING_SHARED || lock_facts(lock_at(row)).holds)
			print_histogram(p, m,
			    m->at + row * sizeof(struct histogram), &seconds,
			    row_name(row, name));
}

static void
print_batches(const struct printer *p, const struct metric *m)
{
	static const struct scale orders = {COUNTING_BATCHES, 1, 1, 0};

	print_head(p, m);
	print_histogram(p, m, m->at, &orders, NULL);
}

/* ------------------------------------------- gauges that nobody counts -- */

static void
print_ready(const struct printer *p, const struct metric *m)
{
	const struct service *service = p->service;
	uint64_t ready = 0;
	unsigned i;

	for (i = 0; i < service->options->workers; i++)
		ready += atomic_load(&service->board->ready[i]);
	print_value(p, m, ready);
}

static void
print_poisoned(const struct printer *p, const struct metric *m)
{
	print_value(p, m, store_poisoned(p->service->store));
}

static bool
count_unsafe(const struct store_state *state, void *arg)
{
	uint64_t *count = arg;

	*count += !handle_lock_is_safe(state->settings.lock);
	return true;
}

/* Nothing at all without a store to look into. */
static void
print_unsafe(const struct printer *p, const struct metric *m)
{
	uint64_t unsafe = 0;

	if (p->store != NULL &&
	    store_list(p->store, count_unsafe, &unsafe) == STORE_OK)
		print_value(p, m, unsafe);
}

/* ------------------------------------------------------------- the table -- */

#define AT(member) offsetof(struct tally, member)

static const struct metric metrics[] = {
    {"orders", "counter", print_by_outcome, AT(sale.orders),
	"Orders answered, by outcome and strategy."},
    {"lock_wait_seconds", "histogram", print_times, AT(sale.lock_wait),
	"Time waited for a lock."},
    {"lock_hold_seconds", "histogram", print_times, AT(sale.lock_hold),
	"Time a lock was held, the sale's delay excluded."},
    {"overwrites", "counter", print_by_strategy, AT(sale.overwrites),
	"Writes that overwrote others: seats are being sold twice."},
    {"conflicts", "counter", print_by_strategy, AT(sale.conflicts),
	"Writes that the store refused, to be decided again."},
    {"locks_inherited", "counter", print_by_strategy, AT(sale.inherited),
	"Locks taken over from a holder that died."},
    {"batch_orders", "histogram", print_batches, AT(sale.batches),
	"Orders that shared one turn."},
    {"http_requests", "counter", print_by_route, AT(http),
	"Requests answered, by route and status."},
    {"worker_deaths", "counter", print_single, AT(deaths),
	"Workers that died and were replaced."},
    {"permits_handed_back", "counter", print_single, AT(permits_handed_back),
	"Semaphore permits handed back for the dead."},
    {"queue_depth", "gauge", print_single, AT(queue_depth),
	"Orders that wait for a clerk."},
    {"locks_held", "gauge", print_single, AT(sale.holding),
	"Clerks that hold a sale's lock now."},
    {"workers_ready", "gauge", print_ready, 0, "Workers that serve."},
    {"store_poisoned", "gauge", print_poisoned, 0,
	"1 while the store is being recovered and nothing is sold."},
    {"sales_unsafe", "gauge", print_unsafe, 0,
	"Sales whose strategy does not exclude: they may oversell."},
};

void
metrics_print(const struct service *service, struct store_user *store,
    bool openmetrics, FILE *out)
{
	const struct printer p = {.service = service,
	    .store = store,
	    .openmetrics = openmetrics,
	    .out = out};
	size_t i;

	for (i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		metrics[i].print(&p, &metrics[i]);
	if (openmetrics)
		fprintf(out, "# EOF\n");
}
