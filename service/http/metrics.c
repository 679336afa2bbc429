/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers' counters, summed and printed. */
#include "service/http/metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "service/http/routes.h"
#include "service/service.h"

struct printer {
	const struct service *service;
	bool openmetrics;
	FILE *out;
};

/* A counter that stands `offset` bytes into struct metrics, summed. */
static uint64_t
sum(const struct printer *p, size_t offset)
{
	uint64_t total = 0;
	unsigned i;

	for (i = 0; i < p->service->options->workers; i++) {
		const char *tally = (const char *)&p->service->board->tally[i];

		total += atomic_load_explicit(
		    (const counter *)(const void *)(tally + offset),
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

/* In OpenMetrics a counter's family has no _total, its samples do. */
static void
print_head(const struct printer *p, const char *name, const char *type,
    const char *help)
{
	const bool is_counter = type[0] == 'c';

	fprintf(p->out, "# HELP turnstile_%s%s %s\n# TYPE turnstile_%s%s %s\n",
	    name, is_counter && !p->openmetrics ? "_total" : "", help, name,
	    is_counter && !p->openmetrics ? "_total" : "", type);
}

static void
print_lock_label(const struct printer *p, unsigned row)
{
	char name[LOCK_NAME_SIZE] = "unknown";

	if (row < lock_count())
		lock_print(lock_at(row), name);
	else if (row == COUNTING_SHARED)
		snprintf(name, sizeof(name), "semaphore:N");
	fprintf(p->out, "lock=\"%s\"", name);
}

/* A counter for each strategy: an array of them at `offset`. */
static void
print_by_lock(
    const struct printer *p, const char *name, size_t offset, const char *help)
{
	unsigned row;

	print_head(p, name, "counter", help);
	for (row = 0; row < COUNTING_UNKNOWN; row = next_row(row)) {
		fprintf(p->out, "turnstile_%s_total{", name);
		print_lock_label(p, row);
		fprintf(p->out, "} %" PRIu64 "\n",
		    sum(p, offset + row * sizeof(counter)));
	}
}

static void
print_single(
    const struct printer *p, const char *name, size_t offset, const char *help)
{
	print_head(p, name, "counter", help);
	fprintf(
	    p->out, "turnstile_%s_total %" PRIu64 "\n", name, sum(p, offset));
}

static void
print_orders(const struct printer *p)
{
	unsigned outcome, row;

	print_head(p, "orders", "counter",
	    "Orders answered, by outcome and strategy.");
	for (outcome = OUTCOME_SOLD; outcome < OUTCOMES; outcome++)
		for (row = 0; row < COUNTING_ROWS; row = next_row(row)) {
			const uint64_t count =
			    sum(p, offsetof(struct tally, sale.orders) +
				       (outcome * COUNTING_ROWS + row) *
					   sizeof(counter));

			if (count == 0 && outcome != OUTCOME_SOLD)
				continue;
			fprintf(p->out,
			    "turnstile_orders_total{outcome=\"%s\",",
			    order_outcome_name(outcome));
			print_lock_label(p, row);
			fprintf(p->out, "} %" PRIu64 "\n", count);
		}
}

static void
print_times_of(
    const struct printer *p, const char *name, size_t offset, unsigned row)
{
	const size_t at = offset + row * sizeof(struct histogram);
	uint64_t total = 0;
	double bound = (double)COUNTING_FIRST_BOUND_NS / 1e9;
	unsigned i;

	for (i = 0; i < COUNTING_BUCKETS; i++, bound *= 2) {
		total += sum(p, at + i * sizeof(counter));
		fprintf(p->out, "turnstile_%s_bucket{", name);
		print_lock_label(p, row);
		if (i + 1 < COUNTING_BUCKETS)
			fprintf(p->out, ",le=\"%.6g\"} %" PRIu64 "\n", bound,
			    total);
		else
			fprintf(p->out, ",le=\"+Inf\"} %" PRIu64 "\n", total);
	}
	fprintf(p->out, "turnstile_%s_sum{", name);
	print_lock_label(p, row);
	fprintf(p->out, "} %.9f\nturnstile_%s_count{",
	    (double)sum(p, at + offsetof(struct histogram, sum_ns)) / 1e9,
	    name);
	print_lock_label(p, row);
	fprintf(p->out, "} %" PRIu64 "\n", total);
}

static void
print_times(
    const struct printer *p, const char *name, size_t offset, const char *help)
{
	unsigned row;

	print_head(p, name, "histogram", help);
	for (row = 0; row < COUNTING_UNKNOWN; row = next_row(row))
		if (row == COUNTING_SHARED || lock_facts(lock_at(row)).holds)
			print_times_of(p, name, offset, row);
}

static void
print_batches(const struct printer *p)
{
	const size_t at = offsetof(struct tally, sale.batches);
	uint64_t total = 0;
	unsigned i;

	print_head(
	    p, "batch_orders", "histogram", "Orders that shared one turn.");
	for (i = 0; i < COUNTING_BATCHES; i++) {
		total += sum(p, at + i * sizeof(counter));
		if (i + 1 < COUNTING_BATCHES)
			fprintf(p->out,
			    "turnstile_batch_orders_bucket{le=\"%u\"} %" PRIu64
			    "\n",
			    1u << i, total);
	}
	fprintf(p->out,
	    "turnstile_batch_orders_bucket{le=\"+Inf\"} %" PRIu64
	    "\nturnstile_batch_orders_sum %" PRIu64
	    "\nturnstile_batch_orders_count %" PRIu64 "\n",
	    total, sum(p, offsetof(struct tally, sale.batched_orders)), total);
}

static void
print_http(const struct printer *p)
{
	size_t route;
	unsigned status;

	print_head(p, "http_requests", "counter",
	    "Requests answered, by route and status.");
	for (route = 0; route <= routes_count(); route++)
		for (status = 0; status < SERVICE_STATUSES; status++) {
			const uint64_t count =
			    sum(p, offsetof(struct tally, http) +
				       (route * SERVICE_STATUSES + status) *
					   sizeof(counter));

			if (count == 0)
				continue;
			fprintf(p->out,
			    "turnstile_http_requests_total{method=\"%s\","
			    "route=\"%s\",status=\"%u\"} %" PRIu64 "\n",
			    route < routes_count() ? routes_method(route) : "",
			    route < routes_count() ? routes_pattern(route) : "",
			    status, count);
		}
}

static void
print_gauge(
    const struct printer *p, const char *name, const char *help, uint64_t value)
{
	print_head(p, name, "gauge", help);
	fprintf(p->out, "turnstile_%s %" PRIu64 "\n", name, value);
}

static bool
count_unsafe(const struct store_state *state, void *arg)
{
	struct lock_strategy strategy;
	uint64_t *count = arg;

	if (lock_parse(state->settings.lock, &strategy) &&
	    !lock_is_safe(strategy))
		++*count;
	return true;
}

static void
print_gauges(const struct printer *p, struct store_user *store)
{
	const struct service *service = p->service;
	uint64_t ready = 0, unsafe = 0;
	unsigned i;

	for (i = 0; i < service->options->workers; i++)
		ready += atomic_load(&service->board->ready[i]);
	print_gauge(p, "queue_depth", "Orders that wait for a clerk.",
	    sum(p, offsetof(struct tally, queue_depth)));
	print_gauge(p, "locks_held", "Clerks that hold a sale's lock now.",
	    sum(p, offsetof(struct tally, sale.holding)));
	print_gauge(p, "workers_ready", "Workers that serve.", ready);
	print_gauge(p, "store_poisoned",
	    "1 while the store is being recovered and nothing is sold.",
	    store_poisoned(service->store));
	if (store != NULL &&
	    store_list(store, count_unsafe, &unsafe) == STORE_OK)
		print_gauge(p, "sales_unsafe",
		    "Sales whose strategy does not exclude: they may oversell.",
		    unsafe);
}

void
metrics_print(const struct service *service, struct store_user *store,
    bool openmetrics, FILE *out)
{
	const struct printer p = {
	    .service = service, .openmetrics = openmetrics, .out = out};

	print_orders(&p);
	print_times(&p, "lock_wait_seconds",
	    offsetof(struct tally, sale.lock_wait), "Time waited for a lock.");
	print_times(&p, "lock_hold_seconds",
	    offsetof(struct tally, sale.lock_hold),
	    "Time a lock was held, the sale's delay excluded.");
	print_by_lock(&p, "overwrites", offsetof(struct tally, sale.overwrites),
	    "Writes that overwrote others: seats are being sold twice.");
	print_by_lock(&p, "conflicts", offsetof(struct tally, sale.conflicts),
	    "Writes that the store refused, to be decided again.");
	print_by_lock(&p, "locks_inherited",
	    offsetof(struct tally, sale.inherited),
	    "Locks taken over from a holder that died.");
	print_batches(&p);
	print_http(&p);
	print_single(&p, "worker_deaths", offsetof(struct tally, deaths),
	    "Workers that died and were replaced.");
	print_single(&p, "permits_handed_back",
	    offsetof(struct tally, permits_handed_back),
	    "Semaphore permits handed back for the dead.");
	print_gauges(&p, store);
	if (openmetrics)
		fprintf(out, "# EOF\n");
}
