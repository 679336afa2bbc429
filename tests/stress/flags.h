/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was asked for on the command line.  Lists are as long as the arrays
 * here and no longer: what does not fit is refused when it is parsed.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include "locks/lock.h"
#include "service/options.h"
#include "tests/strategies.h"

#define FLAGS_LIST_MAX 16
#define FLAGS_EXPECT_MAX 16
#define FLAGS_HOSTS_MAX 8
#define FLAGS_ROUNDS_MAX 50
#define FLAGS_ROUND_ORDERS 20 /* of a rate, at least */

struct flags {
	/* Axes: a row for each combination. */
	struct lock_strategy locks[STRATEGIES_MAX];
	size_t lock_count;
	const char *stores[3];
	size_t store_count;
	unsigned workers[FLAGS_LIST_MAX], clerks[FLAGS_LIST_MAX],
	    batches[FLAGS_LIST_MAX];
	size_t worker_count, clerk_count, batch_count;
	struct {
		int64_t min_ms, max_ms;
	} delays[FLAGS_LIST_MAX];
	size_t delay_count;
	unsigned runs;

	/* The buyers. */
	unsigned buyers, quantity;
	int64_t tickets, orders; /* orders 0: one for each buyer */
	int64_t duration_ms;     /* of the price; 0: none */
	int64_t warmup_ms;       /* of a round, before what is measured */
	unsigned rounds;         /* of the price, over all rows in turn */
	uint64_t rate;           /* of the price, orders a second; 0: closed */
	int64_t patience_ms;     /* then a row hangs; 0: follows from others */
	uint64_t seed;
	enum { JITTER_AUTO, JITTER_OFF, JITTER_STEPS, JITTER_DEEP } jitter;
	bool classroom; /* other defaults: the class script's */

	/* The service. */
	unsigned hosts;          /* services on one database */
	const char *database;    /* where; NULL: not given, one of our own */
	struct cluster *cluster; /* that one; by main() */
	int64_t timeout_ms;
	const char *service, *data;     /* NULL: found, chosen */
	const char *url, *token, *sale; /* NULL: not given */

	/* Drills. */
	unsigned kills, holders, databases;
	int64_t pause_ms;

	/* What comes out. */
	bool json;
	const char *markdown, *trace, *plot, *history; /* files, NULL: none */
	const char *expects[FLAGS_EXPECT_MAX];
	size_t expect_count;
	const char *compare; /* a report of --json, NULL: none */
	const char *flood;   /* measure the client itself on this path */

	/* The last one given of those that do not go with --url, --sale. */
	const char *ours, *axis;
};

/*
 * Texts stay those of `argv`.  Help goes to `out`; what is wrong, and what is
 * valid, to `err`.
 */
enum options_result flags_parse(
    struct flags *flags, int argc, char *const argv[], FILE *out, FILE *err);

/* Is a drill asked for? */
bool flags_drill(const struct flags *flags);

/* Is a price measured, of rows that are correct? */
bool flags_price(const struct flags *flags);

/* Orders in a race. */
uint64_t flags_orders(const struct flags *flags);

/* With a rate: orders in a round of the price; the rest is not waited for. */
uint64_t flags_round_orders(const struct flags *flags);

/* What is different from row to row. */
struct setting {
	char store[16];
	struct lock_strategy strategy;
	char lock[LOCK_NAME_SIZE];
	const char *database; /* by row.c; NULL: its store needs none */
	unsigned workers, clerks, batch;
	int64_t delay_min_ms, delay_max_ms;
	uint64_t jitter; /* its seed; 0: clerks do not dawdle */
	bool jitter_deep;
};

/* The settings, 0 ≤ i < flags_settings(), in the order to try them. */
size_t flags_settings(const struct flags *flags);
struct setting flags_setting(const struct flags *flags, size_t i);

#endif
