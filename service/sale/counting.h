/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What selling counts.  Each worker counts in its own part of shared memory,
 * so that nobody waits to count; whoever wants a number sums over all parts.
 * The part of a worker that died goes on being counted by its successor.
 *
 * All fields are atomic and only ever rise, but for the gauges.
 */
#ifndef COUNTING_H
#define COUNTING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "locks/lock.h"
#include "service/sale/order.h"

/* Rows by strategy: lock_row()'s, then those of its names with a number (all
 * of semaphore:N in one), then unknown. */
#define COUNTING_SHARED LOCK_ROWS_MAX
#define COUNTING_UNKNOWN (2 * LOCK_ROWS_MAX)
#define COUNTING_ROWS (2 * LOCK_ROWS_MAX + 1)
#define COUNTING_BATCHES 12 /* 1, 2, 4 … 1024, +Inf */

/*
 * How long something takes: from 50 us, doubled for each bucket, to 6711 s,
 * which is more than an hour's delay behind an hour's deadline can take.  The
 * last one is +Inf.
 */
#define COUNTING_BUCKETS 29
#define COUNTING_SHORTEST_NS INT64_C(50000)

typedef _Atomic uint64_t counter;

struct histogram {
	counter bucket[COUNTING_BUCKETS];
	counter sum_ns;
};

struct counting {
	counter orders[OUTCOMES][COUNTING_ROWS];
	/* From the queue to the answer; who was not let in is not there. */
	struct histogram order_time[ORDER_ENDS][COUNTING_ROWS];
	/* Of turns: one for all orders that share it, one for each attempt. */
	struct histogram lock_wait[COUNTING_ROWS];
	struct histogram lock_hold[COUNTING_ROWS]; /* delay excluded */
	counter overwrites[COUNTING_ROWS];
	counter conflicts[COUNTING_ROWS];
	counter inherited[COUNTING_ROWS];
	counter trespasses[COUNTING_ROWS]; /* see inside.h */
	counter batches[COUNTING_BATCHES];
	counter batched_orders;
	counter holding; /* gauge: clerks that hold a lock */
	/* When an order last was sold, and last failed for want of space; on
	 * the clock of counting_order(), 0: never. */
	counter sold_ns, full_ns;
};

/* Which row of an array by strategy, 0 … COUNTING_ROWS - 1. */
unsigned counting_row(struct lock_strategy strategy);

static inline void
counting_add(counter *c, uint64_t amount)
{
	atomic_fetch_add_explicit(c, amount, memory_order_relaxed);
}

void counting_time(struct histogram *histogram, int64_t ns);

/* So many orders shared one turn. */
void counting_batch(struct counting *counting, size_t orders);

/* An order is answered, at `now_ns`. */
void counting_order(
    struct counting *counting, const struct order *order, int64_t now_ns);

#endif
