/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An order: one buyer's wish, and what became of it.
 *
 * It belongs to whoever holds it: the HTTP thread until it is queued, then
 * one clerk, then the HTTP thread again.  Nothing in it is shared.
 */
#ifndef ORDER_H
#define ORDER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "service/sale/trail.h"
#include "storage/store.h"

#define ORDER_BUYER_SIZE 257 /* 64 characters of UTF-8, and NUL */
#define ORDER_KEY_SIZE 256   /* 255 characters of ASCII, and NUL */

enum outcome {
	OUTCOME_NONE = 0, /* not decided yet */
	OUTCOME_SOLD,
	OUTCOME_REPLAYED, /* sold before, under the same key */
	OUTCOME_SOLD_OUT,
	OUTCOME_NOT_ENOUGH,
	OUTCOME_NO_SALE,
	OUTCOME_CHANGED,    /* If-Match names another version */
	OUTCOME_KEY_REUSED, /* the key stands for another order */
	OUTCOME_QUEUE_FULL,
	OUTCOME_QUEUE_TIMEOUT,
	OUTCOME_LOCK_TIMEOUT,
	OUTCOME_CONFLICTS, /* too many, until the deadline */
	OUTCOME_MOVED,     /* too many changes of settings, until then */
	OUTCOME_STORE_BUSY,
	OUTCOME_STORE_FULL,
	OUTCOME_STORE_ERROR,
	OUTCOME_UNKNOWN, /* may or may not be sold */
	OUTCOME_DRAINING,
};
#define OUTCOMES (OUTCOME_DRAINING + 1)

/* "sold", "sold-out", …; those of problems have the problem's name. */
const char *order_outcome_name(enum outcome outcome);

/* What that comes to for the buyer. */
enum order_end {
	ORDER_GOT = 0, /* a receipt */
	ORDER_REFUSED, /* for a reason: it is no use to try again */
	ORDER_FAILED,  /* not in time, or in trouble */
};
#define ORDER_ENDS (ORDER_FAILED + 1)

enum order_end order_end(enum outcome outcome);

/* "sold", "refused", "failed" */
const char *order_end_name(enum order_end end);

/* What a buyer holds.  Strings are copies. */
struct receipt {
	char order[STORE_ORDER_SIZE];
	char buyer[ORDER_BUYER_SIZE];
	char lock[STORE_LOCK_SIZE];
	int64_t seat, quantity;
	int64_t remaining, version, base;
	int64_t sold_at_ms; /* wall clock */
	unsigned host;      /* 0: the store has one */
	unsigned worker, clerk;
};

struct order {
	TAILQ_ENTRY(order) link; /* in a queue; under its mutex */

	/* The wish. */
	char sale[STORE_ID_SIZE];
	char buyer[ORDER_BUYER_SIZE];
	char key[ORDER_KEY_SIZE]; /* "": none */
	int64_t quantity;
	bool has_if_match; /* sell only if epoch and version are these */
	uint64_t match_epoch;
	int64_t match_version;
	int64_t deadline_ns; /* the order's own delay is added when it ends */
	int64_t queued_ns;   /* set by the queue; 0: not let in */

	/* What became of it. */
	enum outcome outcome;
	struct receipt receipt;   /* if SOLD or REPLAYED */
	struct store_state state; /* as last read; birth 0: never */
	struct trail trail;
	char *replayed_trail; /* JSON; REPLAYED: owned by the order */
	char error[160];      /* the store's words to an error, or "" */
	void *owner;          /* whose order it is; not looked at here */
};

TAILQ_HEAD(order_list, order);

/*
 * An order's id: a UUID of version 7 (RFC 9562, 5.7), lower case.  The time
 * comes first, so that ids sort as they were given out and an index of them
 * grows at its end; 74 bits are of `a` and `b`, which nobody can guess.
 */
void order_print_id(
    char id[STORE_ORDER_SIZE], int64_t wall_ms, uint64_t a, uint64_t b);

/* The receipt that a line of the ledger is. */
void order_fill_receipt(struct receipt *receipt, const struct store_line *line);

#endif
