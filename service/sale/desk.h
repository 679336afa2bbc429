/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A desk is where one clerk works: the handles that sell() may use, the
 * orders that lie there until they are answered, and the environment as
 * functions, so that a test can stop a clerk, order it, kill it.
 *
 * One thread uses a desk.  It makes it, and fills in the first group of
 * fields before it sells; the rest is sell()'s.
 */
#ifndef DESK_H
#define DESK_H

#include <assert.h>

#include "service/sale/counting.h"
#include "service/sale/inside.h"
#include "service/sale/order.h"
#include "storage/store.h"

#define SELL_BATCH_MAX 1024

static_assert(STORE_LOCK_SIZE == LOCK_NAME_SIZE, "a sale names its strategy");
static_assert(STORE_SALES_MAX == LOCK_SLOTS, "a sale's slot has its locks");
static_assert(SELL_BATCH_MAX == 1 << (COUNTING_BATCHES - 2),
    "the largest batch is the last bound that is counted");

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

	/*
	 * This clerk takes all orders of the lead's sale, or does not: nobody
	 * else of its worker need come there meanwhile.
	 */
	void (*claim)(void *arg, bool alone);

	/* Back to the front of the queue. */
	void (*give_back)(void *arg, struct order **orders, size_t count);

	/* One or more are decided, for good, and not the desk's any more. */
	void (*answer)(void *arg, struct order *const *orders, size_t count);
};

struct desk {
	struct lock_user *locks;
	struct store_user *store;
	struct counting *counting;
	struct inside *inside; /* shared by all desks */
	const struct sell_env *env;
	unsigned worker, clerk; /* from 1, for the trail */
	size_t batch_most;      /* 1 … SELL_BATCH_MAX */

	/* The orders that are not answered yet; the first one leads. */
	struct order *batch[SELL_BATCH_MAX];
	size_t count;
	/* The lines that those of them with the outcome SOLD become. */
	struct store_line lines[SELL_BATCH_MAX];
	char trails[SELL_BATCH_MAX][TRAIL_TEXT_SIZE];
	size_t taken;
};

/* ------------------------------------------------------------- the batch -- */

/* Let no other clerk of the worker come to the lead's sale, or let them. */
void desk_claim(struct desk *desk, bool alone);

/* More queued orders of the lead's sale, as far as there is room. */
void desk_gather(struct desk *desk, bool only_share);

/* A delay belongs to one order: keep the lead, return the others. */
void desk_keep_lead(struct desk *desk);

/* -------------------------------------------------------------- outcomes -- */

/* The same for the whole batch; `error` is the store's words, or "". */
void desk_decide(struct desk *desk, enum outcome outcome, const char *error);

/* The same for GONE, FULL, FAILED and UNKNOWN, which end an order. */
void desk_refuse(struct desk *desk, enum store_result result);

/* What was decided does not hold: decide the whole batch again. */
void desk_undecide(struct desk *desk);

/* The order has taken the seats of a line: its next one, to be filled in. */
struct store_line *desk_add_line(struct desk *desk, struct order *order);

/* The lines are in the ledger: they are the receipts. */
void desk_make_receipts(struct desk *desk);

/* Answer those that have an outcome, keep the rest. */
void desk_answer(struct desk *desk);

/* Answer also those whose deadline is past, with the reason for that. */
void desk_answer_late(struct desk *desk, enum outcome reason);

/* ----------------------------------------------------- time and the trails */

int64_t desk_now_ns(const struct desk *desk);

/* Before each shared action: let a test step in, then stamp the trails. */
void desk_step(struct desk *desk, enum step step);

/* What the last step saw, for the whole batch. */
void desk_note(struct desk *desk, int64_t remaining, int64_t version);

#define DESK_BASE_UNKNOWN (-1)

/*
 * The write's step.  It ends the trails that the ledger keeps, so they are
 * put into the lines here; `base` is the version that was read, or
 * DESK_BASE_UNKNOWN where the store decides what it is based on.
 */
void desk_step_write(struct desk *desk, int64_t base);

/*
 * The simulated slowness between reading and writing, in ns, 0 if the sale
 * has none.  It is added to the lead's deadline: it is not the order's time.
 * It ends at once, within a tenth of a second, when the sale is changed or
 * deleted: what was decided on `seen` cannot be written then.
 */
int64_t desk_delay(struct desk *desk, const struct store_state *seen);

#endif
