/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting. */
#include "metrics.h"

#include "clock.h"

unsigned
metrics_strategy(struct lock_strategy strategy)
{
	unsigned i;

	if (strategy.permits > 1)
		return METRICS_STRATEGIES - 1;
	for (i = 0; i < lock_count(); i++)
		if (lock_at(i).impl == strategy.impl)
			return i;
	return 0;
}

/* Bounds: 50 us, 100 us, 200 us … 0.8 s, 1.6 s, and above. */
void
metrics_time(struct histogram *histogram, int64_t ns)
{
	int64_t bound = 50 * NS_PER_US;
	unsigned i;

	for (i = 0; i < METRICS_BUCKETS - 1 && ns > bound; i++)
		bound *= 2;
	metrics_count(&histogram->bucket[i]);
	atomic_fetch_add_explicit(
	    &histogram->sum_ns, (uint64_t)ns, memory_order_relaxed);
}

void
metrics_batch(struct metrics *metrics, size_t orders)
{
	unsigned i;

	for (i = 0; i < METRICS_BATCHES - 1 && orders > (size_t)1 << i; i++)
		;
	metrics_count(&metrics->batches[i]);
	atomic_fetch_add_explicit(
	    &metrics->batched_orders, orders, memory_order_relaxed);
}
