/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is there an order of the operations that explains all answers?  The search
 * of Wing and Gong (1993) with Lowe's memory of configurations (2017): take
 * an operation that nobody's answer precedes, if the sale would have answered
 * like that; go on; take it back if that leads nowhere.
 *
 * With `plain` it is only that.  Otherwise it also uses what the service
 * tells of itself; README.md says why that loses nothing.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include "tests/history/history.h"
#include "tests/history/sale.h"

enum verdict {
	LINEARIZABLE = 0,
	NOT_LINEARIZABLE,
	UNDECIDED, /* `most` configurations were not enough, or no memory */
};

struct search_options {
	bool plain;
	uint64_t most; /* configurations to look at; 0: no bound */
};

struct search_result {
	enum verdict verdict;
	uint64_t configurations;
	/* An order: of all, or as far as any came. */
	size_t *order; /* numbers of operations; free() it */
	size_t ordered;
	size_t unknown, happened; /* outcomes, and those in the order */
};

/* `texts` is the history's. */
struct search_result search(const struct partition *partition, int texts,
    const struct search_options *options);

#endif
