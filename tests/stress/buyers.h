/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buyers who ask over HTTP, all from one barrier.
 *
 * Each buyer has one connection, opened before the start, and asks one thing
 * at a time: a look at the sale, then a buy, then the next order.  Replies
 * are only written down; reading them is for later (evidence.h), so that the
 * client is never what is measured.
 *
 * An order that got no reply, or "outcome unknown", is asked for again by
 * its key, until it is known or RETRY_FOR_NS is over.
 *
 * One thread uses them.  libcurl's types stay in buyers.c and web.c.
 */
#ifndef BUYERS_H
#define BUYERS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/stress/buffer.h"

#define BUYERS_NAME_SIZE 48
#define BUYERS_KEY_SIZE 48

/* One question, and the last reply to it. */
struct reply {
	bool look;         /* at the sale, not an order */
	unsigned buyer;    /* from 0 */
	unsigned attempts; /* 1: answered at once */
	bool was_unknown;  /* an attempt before the last had none */
	uint16_t status;   /* HTTP; 0: none came */
	/* In the buffer: Server-Timing, with its NUL, and then the body. */
	size_t at, timing_size, body_size;
	uint64_t order;           /* whose key it bore; of a buy */
	int64_t sent_ns, done_ns; /* the first attempt's, the last one's */
	int64_t free_ns; /* of it, until a buyer was free; of an open loop */
};

struct buyers;

struct buyers_plan {
	const char *path; /* of a sale; connections are opened with GET */
	uint64_t seed;    /* of keys and names */
	uint64_t orders;  /* 0: as many as `duration_ns` allows */
	int64_t duration_ns;
	int64_t warmup_ns; /* of it: what is unsent then is not counted */
	unsigned quantity;
	/*
	 * As people buy: a look before each order, receipts with trails, and
	 * who is told to come later (503) does.  Else as fast as can be.
	 */
	bool looks;
	bool flood; /* nothing but GET the path, whatever it is */
	/*
	 * So many orders a second, sent by whichever buyer is free, for
	 * `duration_ns`; 0: each buyer asks again when he has his answer.
	 * Times count from the moment at which an order was due, so that who
	 * waits for a free buyer waits as well.
	 */
	uint64_t rate;
	/*
	 * Given up, as hung, when no order was sold or refused for so long, or
	 * when the whole takes longer; 0: never.
	 */
	int64_t patience_ns, most_ns;
	/*
	 * Is the service still there?  Asked in the loop every 50 ms, and if
	 * not, the run ends; NULL: not wanted.
	 */
	bool (*alive)(void *arg);
	void *alive_arg;
	/*
	 * Called when half of the patience is over, once for each stretch
	 * without progress: later those who wait may be between two tries.
	 */
	void (*stalled)(void *arg);
	void *stalled_arg;
	/* The first of the keys' numbers; else two runs share keys. */
	uint64_t first_order;
	/*
	 * Called in the loop, at least every 2 ms, with the receipts so far;
	 * NULL: not wanted.
	 */
	void (*watch)(void *arg, uint64_t sold);
	void *watch_arg;
};

/* What was written down. */
struct buyers_log {
	struct reply *replies;
	size_t count;
	struct buffer buffer;
	int64_t start_ns, end_ns; /* the barrier; the last reply */
	bool hung;                /* it was given up */
	int64_t late_ns; /* of the loop itself, at most; after the warm-up */
	uint64_t unsent; /* orders that were due, and found nobody */
};

/*
 * URLs without a path: "http://localhost:8080"; all addresses of a host are
 * tried.  Buyers go to them in turn.  NULL: one is not valid, or there is no
 * such host.
 */
struct buyers *buyers_new(
    const char *const *urls, size_t url_count, unsigned count);
void buyers_free(struct buyers *buyers);

/*
 * Open all connections, wait until all are open, start.  False: nobody could
 * connect, or `*stop` was set, or it hung; the log has what was said by then.
 */
bool buyers_run(struct buyers *buyers, const struct buyers_plan *plan,
    struct buyers_log *log, const volatile sig_atomic_t *stop);
void buyers_log_free(struct buyers_log *log);

/* Buyer `i`'s name, and the key of order `n`; both differ from all others. */
void buyers_name(unsigned i, char name[BUYERS_NAME_SIZE]);
void buyers_key(uint64_t seed, uint64_t n, char key[BUYERS_KEY_SIZE]);

#endif
