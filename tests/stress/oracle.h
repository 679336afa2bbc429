/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle.  It holds four things against each other: what buyers were
 * told, the ledger, the counter, the capacity.  It believes none of them; the
 * service's own audit of the same ledger is asked for a second opinion.
 *
 * What has to be true of a sale that nobody else changed, whatever the
 * strategy and the order of events:
 *
 *   1. the seats on receipts and in the ledger are from 1 to the capacity,
 *      and no more than that many: else OVERSOLD
 *   2. a seat is on one receipt: else DOUBLE-BOOKED
 *   3. a receipt is in the ledger, the same: else LOST
 *   4. an order asked for twice has one receipt: else REPEATED
 *   5. a line of the ledger is somebody's who was told so, or never got an
 *      answer: else UNCLAIMED
 *   6. capacity = different seats sold + remaining: else STRANDED
 *   7. who is refused saw a counter that the ledger had at that version, too
 *      small for the order; and no such order was sold later: else
 *      FALSE-SOLD-OUT
 *   8. what an answer says of the counter is not more than what an answer
 *      that came before it was asked for said: else OUT-OF-ORDER.  Counters
 *      that may rise (lines of other kinds) are exempt.
 *   9. where the strategy says that it excludes everybody, nobody is inside
 *      with another; the service counts them: else TRESPASSED
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "service/audit/audit.h"
#include "tests/stress/evidence.h"

/* Worst first. */
enum wrong {
	WRONG_OVERSOLD = 0,
	WRONG_DOUBLE_BOOKED,
	WRONG_LOST,
	WRONG_REPEATED,
	WRONG_UNCLAIMED,
	WRONG_STRANDED,
	WRONG_FALSE_SOLD_OUT,
	WRONG_OUT_OF_ORDER,
	WRONG_TRESPASSED, /* it needs no seat to have been sold twice */
	WRONG_NONSENSE,   /* an answer, or a ledger, that makes no sense */
};
#define WRONGS (WRONG_NONSENSE + 1)

const char *oracle_wrong_name(enum wrong wrong); /* "double-booked" */

struct finding {
	int64_t count;     /* tickets, seats, receipts, answers … */
	char example[120]; /* the first one, in words */
};

struct judgement {
	bool wrong;
	struct finding findings[WRONGS];
	/* Orders, by what became of them. */
	int64_t sold, refused, later, unknown;
	int64_t recovered;             /* unknown at first, known in the end */
	int64_t tickets;               /* on receipts */
	int64_t most_times, most_seat; /* receipts for one seat, at most */
	int64_t looks_enough;          /* queries that said there was enough */
	int64_t looks_most;            /* left, as a query said at most */
	struct audit_report audit;
	bool audit_agrees; /* on what both of us look at */
};

/* Judge; nothing of the evidence is changed. */
void oracle_judge(const struct evidence *evidence, struct judgement *judgement);

/* The worst that was found; of a correct one it must not be asked. */
enum wrong oracle_worst(const struct judgement *judgement);

/*
 * The collision, in the audit's words and columns to `out`, nothing if there
 * is none; and as data, a new reference, JSON's null if there is none.
 */
json_t *oracle_collision(const struct evidence *evidence,
    const struct judgement *judgement, FILE *out);

#endif
