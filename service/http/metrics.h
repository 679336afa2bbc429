/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is counted.  Each worker counts in its own part of shared memory, so
 * that nobody waits to count; whoever answers /metrics sums over all parts.
 * The part of a worker that died goes on being counted by its successor.
 *
 * All fields are atomic and only ever rise, but for the gauges.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "locks/lock.h"
#include "service/sale/order.h"

#define METRICS_STRATEGIES 8 /* those of lock_at(), semaphore:N, unknown */
#define METRICS_BUCKETS 16   /* the last one is +Inf */
#define METRICS_BATCHES 12   /* 1, 2, 4 … 1024, +Inf */
#define METRICS_ROUTES 32
#define METRICS_STATUSES 600

typedef _Atomic uint64_t counter;

struct histogram {
	counter bucket[METRICS_BUCKETS];
	counter sum_ns;
};

struct metrics {
	counter orders[OUTCOMES][METRICS_STRATEGIES];
	struct histogram lock_wait[METRICS_STRATEGIES];
	struct histogram lock_hold[METRICS_STRATEGIES]; /* delay excluded */
	counter overwrites[METRICS_STRATEGIES];
	counter conflicts[METRICS_STRATEGIES];
	counter inherited[METRICS_STRATEGIES];
	counter batches[METRICS_BATCHES];
	counter batched_orders;
	counter http[METRICS_ROUTES][METRICS_STATUSES];
	_Atomic uint64_t queue_depth; /* gauge */
	_Atomic uint64_t holding;     /* gauge: clerks that hold a lock */
	/* Written by the supervisor. */
	counter deaths;
	counter permits_handed_back;
};

struct service;

/* Which row of an array by strategy. */
unsigned metrics_strategy(struct lock_strategy strategy);

void metrics_time(struct histogram *histogram, int64_t ns);
void metrics_batch(struct metrics *metrics, size_t orders);

/* An order is answered. */
void metrics_order(struct metrics *metrics, const struct order *order);

static inline void
metrics_count(counter *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/*
 * All workers' counters, summed, in Prometheus' text format 0.0.4 or in
 * OpenMetrics 1.0.  `store` lists the sales, NULL: there is none now.
 */
void metrics_print(const struct service *service, struct store_user *store,
    bool openmetrics, FILE *out);

#endif
