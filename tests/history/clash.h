/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two answers that no order can explain together, whatever else happened:
 * found by sorting, not by searching.  Each rule follows from the
 * specification of a sale that is opened once (README.md has the proofs); of
 * others nothing is said.
 */
#ifndef CLASH_H
#define CLASH_H

#include "tests/history/history.h"

enum clash_kind {
	CLASH_KEY,       /* one key, two receipts */
	CLASH_GONE,      /* one seat and one version, two receipts */
	CLASH_SEAT,      /* one seat, two receipts */
	CLASH_VERSION,   /* one version, two receipts */
	CLASH_LEFT,      /* one version, two numbers of tickets left */
	CLASH_OLD,       /* told of an older version than was known before */
	CLASH_NOT_NEW,   /* sold at a version that was known before */
	CLASH_OLD_EPOCH, /* told of an epoch that was over */
	CLASH_AMID,      /* told of an epoch amid the versions of another */
};

struct clash {
	enum clash_kind kind;
	size_t op, against; /* numbers; `op` was answered last */
};

/* False: there is none (or no memory to find it). */
bool clash_find(
    const struct partition *partition, int texts, struct clash *clash);

/* What `against` has to do with it: "has the same seat: …". */
const char *clash_words(enum clash_kind kind);

#endif
