/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row for each metric: what it is called, where its counters lie in the
 * workers' tallies, and the printer for their shape.  A new counter of a shape
 * that is there needs a row and nothing else.
 */
#include "service/http/handle.h"

#include <sys/param.h>

#include <assert.h>
#include <inttypes.h>

#include "locks/clock.h"
#include "service/version.h"

/* Bytes of a label that names every strategy, with NUL. */
#define LABEL_SIZE (LOCK_NAME_SIZE + 2)

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

/*
 * Sales with series of their own: those in the first slots of the store.  A
 * new sale gets the first slot that is free and keeps it, so that no series
 * comes and goes; thousands of sales do not drown who scrapes.
 */
#define SALES_SHOWN 100

struct sales {
	const struct service *service;
	bool known; /* false: there is no store to look into */
	uint64_t count, unsafe;
	bool lock_in_use[COUNTING_ROWS]; /* some sale has it */
	struct {
		char id[STORE_ID_SIZE]; /* "": no sale */
		int64_t capacity, remaining;
	} shown[SALES_SHOWN];
};

struct printer {
	const struct call *call;
	const struct sales *sales;
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
	const struct service *service = p->call->service;
	uint64_t total = 0;
	unsigned i;

	for (i = 0; i < service->options->workers; i++) {
		const char *tally = (const char *)&service->board->tally[i];

		total += atomic_load_explicit(
		    (const counter *)(const void *)(tally + at),
		    memory_order_relaxed);
	}
	return total;
}

/*
 * Whom a row counts: a strategy, or all that it is with permits, from two on,
 * or none that is known.  False: nobody.
 */
static bool
label_row(unsigned row, char label[LABEL_SIZE])
{
	const bool shared = row >= COUNTING_SHARED;
	const unsigned i = shared ? row - COUNTING_SHARED : row;
	struct lock_strategy with_two;
	char two[LABEL_SIZE];

	if (row == COUNTING_UNKNOWN) {
		snprintf(label, LABEL_SIZE, "unknown");
		return true;
	}
	if (i >= lock_count())
		return false;
	lock_print(lock_at(i), label);
	if (!shared)
		return true;
	snprintf(two, sizeof(two), "%s:2", label);
	strcat(label, ":N");
	return lock_parse(two, &with_two);
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
	char label[LABEL_SIZE];
	unsigned row;

	print_head(p, m);
	for (row = 0; row < COUNTING_UNKNOWN; row++)
		if (label_row(row, label))
			fprintf(p->out,
			    "turnstile_%s_total{lock=\"%s\"} %" PRIu64 "\n",
			    m->name, label,
			    sum(p, m->at + row * sizeof(counter)));
}

/* An order without a lock that is known came to no decision: it has no seat. */
static bool
may_be(unsigned row, enum order_end end)
{
	return row != COUNTING_UNKNOWN || end != ORDER_GOT;
}

/* What never happened is not listed, but for sales. */
static void
print_by_outcome(const struct printer *p, const struct metric *m)
{
	char label[LABEL_SIZE];
	unsigned i;

	print_head(p, m);
	for (i = OUTCOME_SOLD * COUNTING_ROWS; i < OUTCOMES * COUNTING_ROWS;
	     i++) {
		const enum outcome outcome = i / COUNTING_ROWS;
		const unsigned row = i % COUNTING_ROWS;
		const uint64_t count = sum(p, m->at + i * sizeof(counter));

		if (label_row(row, label) &&
		    (count > 0 || (outcome == OUTCOME_SOLD &&
				      may_be(row, order_end(outcome)))))
			fprintf(p->out,
			    "turnstile_%s_total{outcome=\"%s\",lock=\"%s\"} "
			    "%" PRIu64 "\n",
			    m->name, order_outcome_name(outcome), label, count);
	}
}

#define ROUTE_LABELS_SIZE 96

/* Open: {method="GET",route="/sales"; what is no route has empty ones. */
static void
label_route(
    const struct printer *p, size_t number, char labels[ROUTE_LABELS_SIZE])
{
	const struct call *call = p->call;
	const bool is_route = number < call->route_count;

	snprintf(labels, ROUTE_LABELS_SIZE, "{method=\"%s\",route=\"%s\"",
	    is_route ? call->routes[number].method : "",
	    is_route ? call->routes[number].pattern : "");
}

static void
print_by_route(const struct printer *p, const struct metric *m)
{
	char labels[ROUTE_LABELS_SIZE];
	unsigned i;

	print_head(p, m);
	for (i = 0; i < SERVICE_ROUTES_MAX * SERVICE_STATUSES; i++) {
		const uint64_t count = sum(p, m->at + i * sizeof(counter));

		if (count == 0)
			continue;
		label_route(p, i / SERVICE_STATUSES, labels);
		fprintf(p->out,
		    "turnstile_%s_total%s,status=\"%u\"} %" PRIu64 "\n",
		    m->name, labels, i % SERVICE_STATUSES, count);
	}
}

/* ------------------------------------------------------------ histograms -- */

/* Counters for each bucket, and behind them one for the sum. */
struct scale {
	unsigned buckets;
	unsigned shown; /* of them, and +Inf behind them */
	double bound;   /* of the first one, doubled for each other */
	double unit;    /* what the sum is divided by */
	int digits;     /* behind its point */
};

static_assert(
    offsetof(struct histogram, sum_ns) == COUNTING_BUCKETS * sizeof(counter),
    "the sum stands behind the buckets");
static_assert(
    offsetof(struct counting, batched_orders) ==
	offsetof(struct counting, batches) + COUNTING_BATCHES * sizeof(counter),
    "the sum stands behind the buckets");

/* Buckets are cumulative.  `labels` are "", or open: {lock="mutex" */
static void
print_histogram(const struct printer *p, const struct metric *m, size_t at,
    const struct scale *scale, const char *labels)
{
	const bool bare = *labels == '\0';
	double bound = scale->bound;
	uint64_t total = 0;
	char le[32];
	unsigned i;

	for (i = 0; i < scale->buckets; i++, bound *= 2) {
		total += sum(p, at + i * sizeof(counter));
		if (i >= scale->shown && i + 1 < scale->buckets)
			continue;
		snprintf(le, sizeof(le), "%.6g", bound);
		fprintf(p->out,
		    "turnstile_%s_bucket%s%sle=\"%s\"} %" PRIu64 "\n", m->name,
		    labels, bare ? "{" : ",",
		    i + 1 < scale->buckets ? le : "+Inf", total);
	}
	fprintf(p->out,
	    "turnstile_%s_sum%s%s %.*f\nturnstile_%s_count%s%s %" PRIu64 "\n",
	    m->name, labels, bare ? "" : "}", scale->digits,
	    (double)sum(p, at + i * sizeof(counter)) / scale->unit, m->name,
	    labels, bare ? "" : "}", total);
}

/*
 * Up to the first bound that nothing should reach: orders and requests end at
 * their deadline and behind a delay that is as long.
 */
static struct scale
scale_times(const struct printer *p)
{
	const struct options *options = p->call->service->options;
	const int64_t longest_ms =
	    MAX(2 * options->timeout_ms, options->audit_timeout_ms);
	int64_t bound_ns = COUNTING_SHORTEST_NS;
	unsigned shown = 1;

	for (; bound_ns < longest_ms * NS_PER_MS; bound_ns *= 2)
		shown++;
	return (struct scale){COUNTING_BUCKETS, shown,
	    (double)COUNTING_SHORTEST_NS / 1e9, 1e9, 9};
}

static size_t
times_at(const struct metric *m, unsigned i)
{
	return m->at + i * sizeof(struct histogram);
}

/* Did it never happen?  Then it is not listed, unless a sale awaits it. */
static bool
is_empty(const struct printer *p, const struct metric *m, unsigned i)
{
	unsigned j;

	for (j = 0; j < COUNTING_BUCKETS; j++)
		if (sum(p, times_at(m, i) + j * sizeof(counter)) > 0)
			return false;
	return true;
}

static void
print_time(const struct printer *p, const struct metric *m, unsigned i,
    const char *labels)
{
	const struct scale scale = scale_times(p);

	print_histogram(p, m, times_at(m, i), &scale, labels);
}

/* Under a strategy that holds nothing nobody waits. */
static void
print_lock_times(const struct printer *p, const struct metric *m)
{
	char label[LABEL_SIZE], labels[LABEL_SIZE + 8];
	unsigned row;

	print_head(p, m);
	for (row = 0; row < COUNTING_UNKNOWN; row++) {
		if (!label_row(row, label) ||
		    (row < lock_count() && !lock_facts(lock_at(row)).holds) ||
		    (!p->sales->lock_in_use[row] && is_empty(p, m, row)))
			continue;
		snprintf(labels, sizeof(labels), "{lock=\"%s\"", label);
		print_time(p, m, row, labels);
	}
}

static void
print_request_times(const struct printer *p, const struct metric *m)
{
	char labels[ROUTE_LABELS_SIZE];
	unsigned i;

	print_head(p, m);
	for (i = 0; i < SERVICE_ROUTES_MAX; i++) {
		if (is_empty(p, m, i))
			continue;
		label_route(p, i, labels);
		print_time(p, m, i, labels);
	}
}

/*
 * Those that orders may have now begin at 0: of a series that begins with the
 * first failure, nobody learns that there was one.
 */
static void
print_order_times(const struct printer *p, const struct metric *m)
{
	char label[LABEL_SIZE], labels[LABEL_SIZE + 32];
	unsigned i;

	print_head(p, m);
	for (i = 0; i < ORDER_ENDS * COUNTING_ROWS; i++) {
		const unsigned row = i % COUNTING_ROWS;

		const enum order_end end = i / COUNTING_ROWS;
		const bool awaited =
		    p->sales->lock_in_use[row] && may_be(row, end);

		if (!label_row(row, label) || (!awaited && is_empty(p, m, i)))
			continue;
		snprintf(labels, sizeof(labels), "{result=\"%s\",lock=\"%s\"",
		    order_end_name(end), label);
		print_time(p, m, i, labels);
	}
}

static void
print_batches(const struct printer *p, const struct metric *m)
{
	static const struct scale orders = {
	    COUNTING_BATCHES, COUNTING_BATCHES, 1, 1, 0};

	print_head(p, m);
	print_histogram(p, m, m->at, &orders, "");
}

/* ------------------------------------------------ what no worker counts -- */

static void
print_ready(const struct printer *p, const struct metric *m)
{
	const struct service *service = p->call->service;
	uint64_t ready = 0;
	unsigned i;

	for (i = 0; i < service->options->workers; i++)
		ready += atomic_load(&service->board->ready[i]);
	print_value(p, m, ready);
}

static void
print_poisoned(const struct printer *p, const struct metric *m)
{
	print_value(p, m, store_poisoned(p->call->service->store));
}

static void
print_full(const struct printer *p, const struct metric *m)
{
	print_value(p, m, handle_is_full(p->call->service));
}

static void
print_dropped(const struct printer *p, const struct metric *m)
{
	print_value(p, m, atomic_load(&p->call->service->board->log.lines));
}

static void
print_build(const struct printer *p, const struct metric *m)
{
	print_head(p, m);
	fprintf(p->out,
	    "turnstile_%s{version=\"%s\",compiler=\"%s\",store=\"%s\"} 1\n",
	    m->name, TURNSTILE_VERSION, COMPILER,
	    store_kind(p->call->service->store));
}

/* ------------------------------------------------------------- the sales -- */

static bool
add_sale(const struct store_state *state, void *arg)
{
	struct sales *sales = arg;
	const unsigned i = state->slot;
	struct lock_strategy strategy;

	if (lock_parse(state->settings.lock, &strategy))
		sales->lock_in_use[counting_row(strategy)] = true;
	sales->count++;
	sales->unsafe +=
	    !handle_lock_is_safe(sales->service, state->settings.lock);
	if (i < SALES_SHOWN) {
		memcpy(sales->shown[i].id, state->settings.id, STORE_ID_SIZE);
		sales->shown[i].capacity = state->settings.capacity;
		sales->shown[i].remaining = state->remaining;
	}
	return true;
}

/* Once for all metrics, so that they agree. */
static void
look_at_sales(const struct call *call, struct sales *sales)
{
	*sales = (struct sales){
	    .service = call->service, .lock_in_use[COUNTING_UNKNOWN] = true};
	sales->known = call->store != NULL &&
		       store_list(call->store, add_sale, sales) == STORE_OK;
}

static void
print_unsafe(const struct printer *p, const struct metric *m)
{
	if (p->sales->known)
		print_value(p, m, p->sales->unsafe);
}

static void
print_sales(const struct printer *p, const struct metric *m)
{
	if (p->sales->known)
		print_value(p, m, p->sales->count);
}

/* `at` is that of a number of each that is shown. */
static void
print_by_sale(const struct printer *p, const struct metric *m)
{
	const struct sales *sales = p->sales;
	unsigned i;

	if (!sales->known)
		return;
	print_head(p, m);
	for (i = 0; i < SALES_SHOWN; i++) {
		const char *shown = (const char *)&sales->shown[i];

		if (sales->shown[i].id[0] != '\0')
			fprintf(p->out,
			    "turnstile_%s{sale=\"%s\"} %" PRId64 "\n", m->name,
			    sales->shown[i].id,
			    *(const int64_t *)(const void *)(shown + m->at));
	}
}

/* ------------------------------------------------------------- the table -- */

#define AT(member) offsetof(struct tally, member)
#define SHOWN(member)                                                          \
	(offsetof(struct sales, shown[0].member) -                             \
	    offsetof(struct sales, shown))

static const struct metric metrics[] = {
    {"orders", "counter", print_by_outcome, AT(sale.orders),
	"Orders answered, by outcome and strategy."},
    {"lock_wait_seconds", "histogram", print_lock_times, AT(sale.lock_wait),
	"Time that turns waited for a lock; orders may share a turn."},
    {"lock_hold_seconds", "histogram", print_lock_times, AT(sale.lock_hold),
	"Time that turns held a lock, the sale's delay excluded."},
    {"order_duration_seconds", "histogram", print_order_times,
	AT(sale.order_time),
	"Time from an order's entry into the queue to its outcome; a receipt "
	"that was given before is sold, too."},
    {"overwrites", "counter", print_by_strategy, AT(sale.overwrites),
	"Writes that overwrote others: seats are being sold twice."},
    {"conflicts", "counter", print_by_strategy, AT(sale.conflicts),
	"Writes that the store refused, to be decided again."},
    {"trespasses", "counter", print_by_strategy, AT(sale.trespasses),
	"Turns in which a second clerk was let in: the lock is broken."},
    {"locks_inherited", "counter", print_by_strategy, AT(sale.inherited),
	"Locks taken over from a holder that died."},
    {"batch_orders", "histogram", print_batches, AT(sale.batches),
	"Orders that shared one turn."},
    {"http_requests", "counter", print_by_route, AT(http),
	"Requests answered, by route and status."},
    {"request_duration_seconds", "histogram", print_request_times,
	AT(http_time),
	"Time from a request's headers to its answer, which is then sent."},
    {"worker_deaths", "counter", print_single, AT(deaths),
	"Workers that died and were replaced."},
    {"permits_handed_back", "counter", print_single, AT(permits_handed_back),
	"Semaphore permits handed back for the dead."},
    {"log_lines_dropped", "counter", print_dropped, 0,
	"Lines of the log that nobody took."},
    {"queue_depth", "gauge", print_single, AT(queue_depth),
	"Orders that wait for a clerk."},
    {"connections", "gauge", print_single, AT(connections),
	"Connections of clients that are open."},
    {"locks_held", "gauge", print_single, AT(sale.holding),
	"Clerks that hold a sale's lock now."},
    {"workers_ready", "gauge", print_ready, 0, "Workers that serve."},
    {"store_poisoned", "gauge", print_poisoned, 0,
	"1 while the store is being recovered and nothing is sold."},
    {"store_full", "gauge", print_full, 0,
	"1 while orders fail for want of space on the disk."},
    {"sales_unsafe", "gauge", print_unsafe, 0,
	"Sales whose strategy does not exclude: they may oversell."},
    {"sales", "gauge", print_sales, 0,
	"Sales there are; the first hundred have the two below."},
    {"sale_capacity", "gauge", print_by_sale, SHOWN(capacity),
	"Tickets of the sale, sold or not."},
    {"sale_remaining", "gauge", print_by_sale, SHOWN(remaining),
	"Tickets of the sale that are left."},
    {"build_info", "gauge", print_build, 0,
	"1, with what runs here in its labels."},
};

void
handle_metrics_get(struct call *call)
{
	const char *accept = call->request->headers[HEADER_ACCEPT];
	struct sales sales;
	const struct printer p = {.call = call,
	    .sales = &sales,
	    .openmetrics =
		accept != NULL &&
		strstr(accept, "application/openmetrics-text") != NULL,
	    .out = reply_open(call->reply)};
	size_t i;

	if (p.out == NULL)
		return;
	look_at_sales(call, &sales);
	for (i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		metrics[i].print(&p, &metrics[i]);
	if (p.openmetrics)
		fprintf(p.out, "# EOF\n");
	reply_close(call->reply, p.out, 200,
	    p.openmetrics ? "application/openmetrics-text; version=1.0.0; "
			    "charset=utf-8"
			  : "text/plain; version=0.0.4; charset=utf-8");
	reply_header(call->reply, "Vary", "Accept");
}
