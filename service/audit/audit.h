/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle: what a ledger says happened, and whose write did it.
 *
 * It trusts no counter and no strategy's promise, only lines: which seats,
 * which version, and the version each write was based on.  The service's
 * audit and the stress test both use it.
 *
 * Blame.  Seat s is on line X (version x) and again on line Y (y > x).
 *   - Y's base < x: Y was decided before X was written; Y overwrote X.
 *   - else the culprit is the first line W with x < W <= Y's base and W's
 *     base < x: W's write put the counter back, and Y believed it.
 *   - else nothing in the ledger explains it: something other than a sale
 *     changed the counter.
 *
 * For one thread at a time.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <jansson.h>
#include <stdio.h>

#include "storage/store.h"

#define AUDIT_STRATEGIES_MAX 16

enum verdict {
	VERDICT_CORRECT = 0,
	VERDICT_OVERSOLD,
	VERDICT_DOUBLE_BOOKED,
	VERDICT_LOST,
	VERDICT_STRANDED,
	VERDICT_FALSE_SOLD_OUT,
};

struct audit_strategy {
	char lock[STORE_LOCK_SIZE];
	int64_t receipts;
	int64_t seats_twice; /* seats that a write under it sold again */
	int64_t overwrites;  /* writes that others' writes had preceded */
};

/* Versions of the lines of one collision; 0: there is none. */
struct audit_collision {
	int64_t seat;
	int64_t first, culprit, second; /* X, W, Y; W is 0 if Y is to blame */
	bool explained;
	int64_t times;              /* the seat was sold */
	char lock[STORE_LOCK_SIZE]; /* the strategy to blame */
};

struct audit_report {
	enum verdict verdict;
	int64_t capacity;
	int64_t remaining; /* what the last line says */
	int64_t version;   /* of the last line */
	int64_t receipts, tickets;
	int64_t seats;       /* different ones that were sold */
	int64_t seats_twice; /* of these, sold more than once */
	int64_t most_seat, most_times;
	int64_t oversold; /* tickets beyond the capacity */
	int64_t stranded;
	int64_t overwrites, recounts;
	size_t strategy_count; /* in the order of their first line */
	struct audit_strategy strategies[AUDIT_STRATEGIES_MAX];
	struct audit_collision collision; /* the first one, or as asked */
};

/* A line of the collision in full; strings are copies. */
struct audit_witness {
	int64_t version, base, seat, quantity, remaining;
	char order[STORE_ORDER_SIZE];
	char buyer[257];
	char lock[STORE_LOCK_SIZE];
	unsigned worker, clerk;
	json_t *trail; /* a list; a reference */
};

struct audit;

/* NULL: no memory. */
struct audit *audit_new(void);
void audit_free(struct audit *audit);

/* The next line, in the order of versions.  False: no memory. */
bool audit_add(struct audit *audit, const struct store_line *line);

/* Tell the story of this seat, not of the first that was sold twice. */
void audit_ask(struct audit *audit, int64_t seat);

/* All lines were added; `capacity` and `remaining` are the sale's now. */
void audit_finish(struct audit *audit, int64_t capacity, int64_t remaining,
    struct audit_report *report);

const char *audit_verdict_name(enum verdict verdict); /* "double-booked" */

/* What the words are about, besides the report. */
struct audit_subject {
	const char *sale, *store, *host;
	const char *lock; /* the strategy that is in force now */
	bool lock_is_safe;
	bool with_names; /* else buyers stay unnamed */
};

void audit_witness_fill(
    struct audit_witness *witness, const struct store_line *line);
void audit_witness_free(struct audit_witness *witness);

/*
 * The verdict in words, at most 80 columns.  `witnesses` are the collision's
 * lines in the order first, culprit (if any), second; `count` is 0, 2 or 3.
 */
void audit_text_print(const struct audit_report *report,
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count, FILE *out);

/* Only the collision: its columns and why; nothing if there is none. */
void audit_text_print_collision(const struct audit_report *report,
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count, FILE *out);

/* The same as data; a new reference. */
json_t *audit_data_json(const struct audit_report *report,
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count);

#endif
