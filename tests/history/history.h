/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A history: what many clients asked of a sale at once and what each was
 * told, read from a file of one JSON line an event (README.md has the
 * format).  Nothing here is the service's: the checker trusts none of it.
 *
 * Texts (keys, buyers, epochs …) become numbers from 1 on, 0 for none, so
 * that they compare at once; history_text() gives them back.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NOT_TOLD INT64_MIN /* a number that an answer does not have */

enum op_kind {
	OP_START, /* what the sale was before anybody wrote */
	OP_LOOK,
	OP_AUDIT,
	OP_BUY,
	OP_PATCH,
	OP_CREATE,
	OP_DELETE,
};

enum answer {
	ANSWER_NONE = 0, /* outcome unknown: it may have happened or not */
	ANSWER_DONE,     /* a state, a receipt, done as asked */
	ANSWER_SOLD_OUT,
	ANSWER_NOT_ENOUGH,
	ANSWER_CHANGED,
	ANSWER_KEY_REUSED,
	ANSWER_NO_SALE,
	ANSWER_SALE_EXISTS,
	ANSWER_HAS_RECEIPTS,
	ANSWER_BAD_VALUE,
	ANSWER_ODD, /* something that no sale should say */
};

/* What was asked, and what was told.  Numbers that are not there: NOT_TOLD. */
struct op {
	enum op_kind kind;
	enum answer answer;
	int64_t process;
	size_t invoked, returned; /* lines of the file; returned 0: never */

	/* Asked. */
	int64_t quantity;
	int buyer, key;
	int match_epoch; /* of If-Match; 0: it asks for no version */
	int64_t match_version;
	int64_t wish_capacity; /* of a patch or create */
	int wish_lock;
	bool force;

	/* Told. */
	int64_t seat, seats; /* the first one, and how many in a row */
	int64_t capacity, remaining, version;
	int64_t receipts, tickets; /* of an audit */
	int lock, epoch, order;
	int odd; /* the word, if the answer is odd */
};

/* All operations on one sale, in the order of their invocations. */
struct partition {
	int sale;
	struct op *ops;
	size_t count, allocated;
	size_t failed; /* that certainly did not happen, and are not in ops */
};

struct history {
	struct partition *partitions;
	size_t count;
	int texts; /* numbers 1 … texts are texts */
	struct texts *names;
};

/*
 * Read a whole file.  NULL with a line in `error`: it cannot be read, or it
 * is no history.
 */
struct history *history_read(FILE *file, char *error, size_t error_size);
void history_free(struct history *history);

/* The text with this number; "" for 0. */
const char *history_text(const struct history *history, int text);

/*
 * Does it tell the version that the sale had at its moment, or after it?  A
 * receipt does not: it may be the repetition of an old one.
 */
bool history_tells_version(const struct op *op);

/* Can it change a sale? */
bool history_is_write(const struct op *op);

/* Can it not be opened a second time, after a delete? */
bool history_lives_once(const struct partition *partition);

/* "buy 2 (key k1) → seats 7-8, 41 left, version 9", in one line. */
void history_print_op(
    const struct history *history, const struct op *op, FILE *out);

#endif
