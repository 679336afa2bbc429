/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The evidence: what buyers were told, and what the ledger says.  Made after
 * the run from what buyers.h wrote down and from the ledger's pages; judged
 * by oracle.h.
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/lock.h"
#include "storage/store.h"
#include "tests/stress/buyers.h"
#include "tests/stress/web.h"

#define EVIDENCE_AGAIN 20

enum answer_kind {
	ANSWER_LEFT = 0, /* a query: so many are left */
	ANSWER_SOLD,     /* a receipt */
	ANSWER_REFUSED,  /* for want of tickets */
	ANSWER_LATER,    /* 503: not sold, try again */
	ANSWER_NONE,     /* no answer, or "outcome unknown" */
	ANSWER_NONSENSE, /* an answer that the API does not have */
};

/* What one reply meant; numbers that it did not tell are -1. */
struct answer {
	enum answer_kind kind;
	unsigned buyer;
	uint64_t request; /* which order it answers */
	bool look;        /* it answers a query, not an order */
	bool again;       /* asked once more, after it was answered */
	bool was_unknown; /* answered only after an attempt got no answer */
	int64_t sent_ns, done_ns;
	int64_t quantity, seat; /* a receipt's seats are seat … */
	int64_t remaining, version;
	char order[STORE_ORDER_SIZE];
	double waited_ms; /* of the whole, for a buyer, a clerk and a lock */
	char *trail;      /* JSON, of its own; NULL: none */
};

struct evidence {
	const char *path;                     /* "/sales/demo", the caller's */
	char store[16], lock[LOCK_NAME_SIZE]; /* as the sale says */
	int64_t capacity, remaining, version; /* in the end */
	int64_t capacity_before, remaining_before, version_before;
	int64_t start_ns, end_ns; /* the barrier; the buyers' last reply */
	int64_t until_ns; /* of an open loop: orders are due before; else 0 */
	bool alone;       /* nobody else bought */
	/* Clerks who found another one inside, where the strategy excludes. */
	int64_t trespasses, trespasses_before;
	int64_t client_late_ns; /* the buyers' loop itself, at most */
	int64_t unsent;         /* orders that were due, and not sent */
	struct answer *answers; /* in the order in which they came */
	size_t answer_count;
	struct store_line *lines; /* with text of their own */
	size_t line_count;
};

/* The sale of that path as it is, before the run; false: there is none. */
bool evidence_begin(
    struct evidence *evidence, struct web *web, const char *path);

/* What the buyers heard; the log is not needed any more. */
void evidence_add_log(struct evidence *evidence, const struct buyers_plan *plan,
    const struct buyers_log *log);

/*
 * Ask for EVIDENCE_AGAIN sold orders at most once more by their keys, and for
 * all that got no answer.
 */
void evidence_ask_again(
    struct evidence *evidence, struct web *web, const struct buyers_plan *plan);

/*
 * The ledger and the counter as they are now.  At least 1,000 of the last
 * lines bear trails, all do if `trails`.  False: they could not be read.
 */
bool evidence_add_ledger(
    struct evidence *evidence, struct web *web, bool trails);

void evidence_free(struct evidence *evidence);

#endif
