/* SPDX-License-Identifier: BSD-2-Clause */
/* Which row, and which bucket. */
#include "service/sale/counting.h"

unsigned
counting_row(struct lock_strategy strategy)
{
	return lock_row(strategy) +
	       (strategy.permits > 1 ? COUNTING_SHARED : 0);
}

/* Which bucket, if the bounds are `bound`, twice that, and so on. */
static unsigned
bucket_of(int64_t ns, int64_t bound, unsigned buckets)
{
	unsigned i;

	for (i = 0; i < buckets - 1 && ns > bound; i++)
		bound *= 2;
	return i;
}

void
counting_time(struct histogram *histogram, int64_t ns)
{
	const unsigned i =
	    bucket_of(ns, COUNTING_SHORTEST_NS, COUNTING_BUCKETS);

	counting_add(&histogram->bucket[i], 1);
	counting_add(&histogram->sum_ns, (uint64_t)ns);
}

void
counting_batch(struct counting *counting, size_t orders)
{
	unsigned i;

	for (i = 0; i < COUNTING_BATCHES - 1 && orders > (size_t)1 << i; i++)
		;
	counting_add(&counting->batches[i], 1);
	counting_add(&counting->batched_orders, orders);
}

void
counting_order(
    struct counting *counting, const struct order *order, int64_t now_ns)
{
	struct lock_strategy strategy;
	unsigned row = COUNTING_UNKNOWN;

	if (lock_parse(order->state.settings.lock, &strategy))
		row = counting_row(strategy);
	counting_add(&counting->orders[order->outcome][row], 1);
	if (order->outcome == OUTCOME_SOLD)
		atomic_store_explicit(
		    &counting->sold_ns, (uint64_t)now_ns, memory_order_relaxed);
	else if (order->outcome == OUTCOME_STORE_FULL)
		atomic_store_explicit(
		    &counting->full_ns, (uint64_t)now_ns, memory_order_relaxed);
	if (order->queued_ns != 0)
		counting_time(
		    &counting->order_time[order_end(order->outcome)][row],
		    now_ns - order->queued_ns);
}
