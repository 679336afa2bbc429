/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle: what a ledger says happened, and whose write did it.
 *
 *     audit_new(), audit_add() for each line, audit_finish()
 *
 * It takes the lines as they come and keeps 8 bytes of each, and 16 bytes for
 * each seat up to the highest one: 24 MB for a million tickets.  It trusts no
 * counter and no strategy's promise, only lines: which seats, which version,
 * and the version each write was based on, which is the one that its clerk had
 * read.  The service's audit and the stress test both use it.
 *
 * Blame.  Line X, of version x, sold a seat, and the later line Y sold it
 * again.  Whose write went wrong?
 *   - Y's base is below x: Y's clerk had read the counter before X was
 *     written, so Y overwrote X.  Y itself is to blame.
 *   - Else Y's clerk read a counter that X had been taken off, and that was
 *     put back since.  To blame is the first line W between X and Y's base
 *     whose own base is below x: W overwrote X, and Y believed W.
 *   - Else no line of the ledger explains it: something other than a sale
 *     changed the counter.
 * Lines of one write have one base, and overwrite none of each other.
 *
 * Order.  A step's stamp is taken just before the step, by its own clerk, so
 * steps can happen in another order than their stamps.  What happened is told
 * by versions:
 *   - who read version b read after the write of b had become visible, and
 *     before the write of b + 1 did;
 *   - so a write of version v stands behind all that read less than v, and
 *     before all that read v or more;
 *   - a lock stands before its own clerk's read, of which it says nothing
 *     else.
 * Stamps order what versions leave open: those who read the same version, and
 * a lock among the steps of others.
 *
 * An audit is for one thread at a time, and so are its report and witnesses.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <jansson.h>
#include <stdio.h>

#include "locks/lock.h"
#include "storage/store.h"

/* Names of strategies in one ledger: each row of locks, semaphore:2 and on. */
#define AUDIT_STRATEGIES_MAX (LOCK_ROWS_MAX + LOCK_PERMITS_MAX)
#define AUDIT_BUYER_SIZE 257 /* 64 characters of UTF-8, and NUL */

/* The worst that is true, in this order. */
enum verdict {
	VERDICT_CORRECT = 0,
	VERDICT_OVERSOLD,      /* more tickets sold than there are */
	VERDICT_DOUBLE_BOOKED, /* a seat is on two receipts */
	VERDICT_STRANDED,      /* tickets on no receipt, and not left */
};

struct audit_strategy {
	char lock[STORE_LOCK_SIZE];
	int64_t receipts;
	int64_t seats_twice; /* seats that a write under it sold again */
	int64_t overwrites;  /* writes that others' writes had preceded */
};

struct audit_collision {
	size_t count;        /* of its lines: 0, there is none, or 2 or 3 */
	int64_t versions[3]; /* X, W unless Y is to blame, Y */
	int64_t seat;
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
	int64_t seats;                 /* different ones that were sold */
	int64_t seats_twice;           /* of these, sold more than once */
	int64_t most_seat, most_times; /* the seat that was sold most often */
	int64_t oversold;              /* tickets sold beyond the capacity */
	int64_t stranded;              /* tickets on no receipt, and not left */
	int64_t overwrites, recounts;  /* lines */
	size_t strategy_count;         /* in the order of their first line */
	struct audit_strategy strategies[AUDIT_STRATEGIES_MAX];
	struct audit_collision collision; /* the first one, or as asked */
};

/* A line of the collision that outlives its visit. */
struct audit_witness {
	struct store_line line; /* but for its texts, which are these */
	char buyer[AUDIT_BUYER_SIZE];
	char lock[STORE_LOCK_SIZE];
	json_t *trail; /* a list; a reference */
};

struct audit;

enum audit_end {
	AUDIT_OK = 0,
	AUDIT_NO_MEMORY,
	AUDIT_BAD_LINE, /* one that no store writes: no such seat, or base */
};

/* The report's collision is to be this seat's; 0: the first.  NULL: no memory.
 */
struct audit *audit_new(int64_t seat);

/*
 * A store_visit_fn: the next line, of version 1, 2, … without a gap.  False:
 * audit_finish() will say why.
 */
bool audit_add(const struct store_line *line, void *audit);

/*
 * All lines were added; `capacity` and `remaining` are the sale's now.  Frees
 * the audit; the report is whole in itself.  Not OK: there is none.
 */
enum audit_end audit_finish(struct audit *audit, int64_t capacity,
    int64_t remaining, struct audit_report *report);

const char *audit_verdict_name(enum verdict verdict); /* "double-booked" */

/* What the words are about, besides the report. */
struct audit_subject {
	const char *sale, *store, *host;
	const char *lock;       /* the strategy that is in force now */
	enum lock_reach needed; /* how far one must reach to be safe */
	bool with_names;        /* else buyers stay unnamed */
	const struct audit_witness *witnesses; /* the collision's lines */
};

/* A store_visit_fn: copy one line.  Free it even if it has no trail. */
bool audit_witness_fill(const struct store_line *line, void *witness);
void audit_witness_free(struct audit_witness *witness);

/* What a witness did, in its last try: the one that was written. */
enum audit_act { AUDIT_LOCKS, AUDIT_READS, AUDIT_WRITES };

struct audit_step {
	size_t column; /* of the witness that did it */
	enum audit_act act;
	int64_t version;   /* READS: the one it saw; WRITES: the one it made */
	int64_t remaining; /* what it saw, what it wrote */
	int64_t stamp_ns;  /* monotonic clock, just before it */
	int64_t at_ns;     /* the earliest time that fits stamp and order: a
			    * write's of when it was seen, not of its begin */
};

#define AUDIT_STEPS_MAX 24

/*
 * The steps of two or three witnesses, one list in the order above; how many
 * there are.  Times never fall from one to the next.
 */
size_t audit_steps(const struct audit_witness *witnesses, size_t count,
    struct audit_step steps[AUDIT_STEPS_MAX]);

/* The collision, as text, JSON and page tell it. */
struct audit_told {
	char names[3][40]; /* of the columns; they differ */
	struct audit_step steps[AUDIT_STEPS_MAX];
	size_t step_count;
	bool has_times;    /* else the stamps are of clocks that disagree */
	size_t wrong_step; /* it went wrong at the 1st, 2nd …; 0: unknown */
	char wrong[256];   /* what its clerk did; "" if that is unknown */
	char why[384];     /* the strategy's mistake, and who met by it */
	/*
	 * Who looked and who changed, A, B or C for each column, in the order
	 * that versions prove: ABAB; and the laboratory's command that does it
	 * once more.  "": it is not explained, or a trail is incomplete.
	 */
	char schedule[8];
	char again[128];
};

/* There must be a collision, and its witnesses. */
void audit_told(const struct audit_report *report,
    const struct audit_subject *subject, struct audit_told *told);

/* The verdict in words, at most 80 columns. */
void audit_text_print(const struct audit_report *report,
    const struct audit_subject *subject, FILE *out);

/* Only the collision: its columns and why; nothing if there is none. */
void audit_text_print_collision(const struct audit_report *report,
    const struct audit_subject *subject, FILE *out);

/* The same as data; a new reference. */
json_t *audit_data_json(
    const struct audit_report *report, const struct audit_subject *subject);

#endif
