/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a strategy costs: numbers from what buyers were told, and when.  Times
 * are from handing an order to libcurl to its reply; of an open loop, from
 * when it was due.
 */
#ifndef PRICE_H
#define PRICE_H

#include <stddef.h>

#include "tests/stress/evidence.h"
#include "tests/stress/flags.h"

#define PRICE_FAILURES 160
#define PRICE_LATE_MS 10 /* more than that of the client is said */

/*
 * Of all orders, also of those that failed: who was turned away, got no answer,
 * or found no buyer free, waited for ever (INFINITY).  Else a service that
 * turns half of them away would have the best of tails.
 */
struct latency {
	size_t count; /* all of them */
	double p50_ms, p95_ms, p99_ms, p999_ms, max_ms;
	double waiting; /* share of the time in queue and lock, 0 to 1 */
	/* All times so far, and what of them was waiting, and not. */
	double *ms, waited_ms, whole_ms;
};

/* A rate, round by round. */
struct rounds {
	unsigned count;
	double per_s[FLAGS_ROUNDS_MAX], p99_ms[FLAGS_ROUNDS_MAX];
};

struct price {
	bool known; /* a wrong row has none */
	/* The rounds' mean; spread: their deviation over it, 1 = 100 %. */
	double sold_per_s, spread;
	double refused_per_s, refused_spread;
	struct rounds sold_rounds, refused_rounds;
	struct latency sold, refused;
	double conflicts; /* for each sale; -1: unknown */
	double fairness;  /* Jain's index over workers; 1: all sold the same */
	/* To the fastest correct row, set by the report; -1: of a rate. */
	double relative;
	double client_late_ms; /* the buyers' loop itself, at most */
	/* Of `sold.count`, after the warm-up: */
	int64_t turned_away; /* 503 */
	int64_t unanswered;
	int64_t unsent; /* of an open loop: due, and found no buyer free */
};

/*
 * One more round, without what was asked for in its first `warmup_ns`; not
 * `known`: nothing was asked for since.  Of a single round the spread is that
 * of its tenths.  There are so many workers; 0: it is not known.
 */
void price_of_sales(struct price *price, const struct evidence *evidence,
    int64_t warmup_ns, unsigned workers);
void price_of_refusals(struct price *price, const struct evidence *evidence);
void price_free(struct price *price);

/*
 * "1709 of 3158 turned away (503)": orders that came to nothing, by how;
 * false: none did.
 */
bool price_failures(const struct price *price, char text[PRICE_FAILURES]);

#endif
