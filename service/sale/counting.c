/* SPDX-License-Identifier: BSD-2-Clause */
/* Which row, and which bucket. */
#include "service/sale/counting.h"

unsigned
counting_row(struct lock_strategy strategy)
{
	return strategy.permits > 1 ? COUNTING_SHARED : lock_row(strategy);
}

/* Bounds: 50 us, 100 us, 200 us … 0.4 s, 0.8 s, and above. */
void
counting_time(struct histogram *histogram, int64_t ns)
{
	int64_t bound = COUNTING_FIRST_BOUND_NS;
	unsigned i;

	for (i = 0; i < COUNTING_BUCKETS - 1 && ns > bound; i++)
		bound *= 2;
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
counting_order(struct counting *counting, const struct order *order)
{
	struct lock_strategy strategy;
	unsigned row = COUNTING_UNKNOWN;

	if (lock_parse(order->state.settings.lock, &strategy))
		row = counting_row(strategy);
	counting_add(&counting->orders[order->outcome][row], 1);
}
