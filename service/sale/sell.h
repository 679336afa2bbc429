/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heart: how an order becomes a receipt.
 *
 * A desk is where one clerk works: the handles that sell() may use, and the
 * environment as functions, so that a test can stop it, order it, kill it.  One
 * thread uses a desk.
 */
#ifndef SELL_H
#define SELL_H

#include "locks/lock.h"
#include "service/sale/counting.h"
#include "service/sale/order.h"
#include "storage/store.h"

#define SELL_BATCH_MAX 1024

/* Time, chance and the queue, as sell() sees them; `arg` goes to each. */
struct sell_env {
	void *arg;
	int64_t (*now_ns)(void *arg);
	int64_t (*wall_ms)(void *arg);
	void (*pause_ns)(void *arg, int64_t ns);
	uint64_t (*random)(void *arg);

	/*
	 * Called before each shared action, before it is stamped: tests
	 * pause, kill or order clerks here.
	 */
	void (*step)(void *arg, enum step step);

	/*
	 * At most `most` queued orders for the sale of `lead`, in `orders`;
	 * only a share of the queue, if clerks do not exclude each other.
	 * Never waits.
	 */
	size_t (*gather)(void *arg, const struct order *lead, bool only_share,
	    struct order **orders, size_t most);

	/* Back to the front of the queue. */
	void (*give_back)(void *arg, struct order **orders, size_t count);

	/* The order is decided, for good; it is not the desk's any more. */
	void (*answer)(void *arg, struct order *order);
};

struct desk {
	struct lock_user *locks;
	struct store_user *store;
	struct counting *counting;
	const struct sell_env *env;
	unsigned worker, clerk; /* from 1, for the trail */
	size_t batch_most;      /* at most SELL_BATCH_MAX */

	/* The orders at this desk that are not answered yet. */
	struct order *batch[SELL_BATCH_MAX];
	size_t count;
	/* The lines they become, if they are written. */
	struct store_line lines[SELL_BATCH_MAX];
	char trails[SELL_BATCH_MAX][TRAIL_TEXT_SIZE];
	unsigned attempts;
};

/* Decide `order`, and what is gathered with it, and answer them all. */
void sell(struct desk *desk, struct order *order);

/*
 * The only rule for seats: they are numbered from the counter that was read.
 * Two who read the same counter get the same seats, which anybody can see.
 */
int64_t seats_take(int64_t capacity, int64_t remaining);

#endif
