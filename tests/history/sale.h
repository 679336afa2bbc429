/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequential specification: what one sale answers when it is asked one
 * thing at a time, and how that changes it.  README.md has it in words.
 *
 * Some of what a sale answers is drawn by lot (epochs, order ids).  After an
 * operation whose answer is unknown it is open; the first answer that tells
 * it settles it.
 */
#ifndef SALE_H
#define SALE_H

#include "tests/history/history.h"

/* Does an operation with its answer fit here? */
enum fit {
	FIT_NOT = 0,
	FIT_SAME,    /* yes, and the sale stays as it is in every way */
	FIT_CHANGED, /* yes, and the sale is another one now */
};

/* Why it does not; `told` and `here` are for the words. */
enum misfit {
	MISFIT_NONE = 0,
	MISFIT_NO_SALE, /* there is no sale */
	MISFIT_IS_SALE, /* there is one */
	MISFIT_CAPACITY,
	MISFIT_REMAINING,
	MISFIT_VERSION,
	MISFIT_LOCK,
	MISFIT_EPOCH,
	MISFIT_RECEIPTS,
	MISFIT_TICKETS,
	MISFIT_SEAT,
	MISFIT_SEATS,
	MISFIT_ENOUGH,    /* refused, though enough remain */
	MISFIT_TOO_FEW,   /* done, though too few remain */
	MISFIT_MATCHES,   /* refused, though it is the version asked for */
	MISFIT_MATCH,     /* done, though it is another version */
	MISFIT_KEY,       /* the key has a receipt: that is the answer */
	MISFIT_NO_KEY,    /* refused for its key, which has no such receipt */
	MISFIT_TOO_SMALL, /* a capacity below what it is; or not below */
	MISFIT_ODD,
	MISFIT_NO_EFFECT, /* outcome unknown, and here it could do nothing */
};

struct reason {
	enum misfit misfit;
	int64_t told, here;
};

/* The receipt that a key has. */
struct sold_key {
	int64_t life; /* of the sale it belongs to */
	int buyer, order;
	int64_t quantity, seat, remaining, version;
};

struct sale {
	struct sale_now {
		int64_t life; /* the how-manieth of its name; 0: none yet */
		bool exists;
		int64_t capacity, remaining, version;
		int64_t receipts; /* NOT_TOLD: nobody knows */
		int lock;
		int epoch; /* 0: not known yet */
		uint64_t keys_hash[2], retired_hash[2];
	} now;
	struct sold_key *keys; /* by the key's number */
	bool *retired;         /* epochs that are over, by number */
};

/* Takes an operation back. */
struct undo {
	struct sale_now now;
	int key; /* whose receipt was changed; 0: none */
	struct sold_key sold;
	int retired; /* the epoch that ended; 0: none */
};

/* For texts 1 … `texts`.  False: no memory. */
bool sale_init(struct sale *sale, int texts);
void sale_clear(struct sale *sale);

/* If it fits, do it, and fill `undo`; else say why. */
enum fit sale_apply(struct sale *sale, const struct op *op, struct undo *undo,
    struct reason *reason);
void sale_undo(struct sale *sale, const struct undo *undo);

/* Two equal sales have equal ones. */
void sale_hash(const struct sale *sale, uint64_t hash[2]);

void sale_print_reason(
    const struct history *history, const struct reason *reason, FILE *out);

#endif
