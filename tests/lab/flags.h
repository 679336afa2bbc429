/* SPDX-License-Identifier: BSD-2-Clause */
/* What build/lab is told to do. */
#ifndef LAB_FLAGS_H
#define LAB_FLAGS_H

#include <stdio.h>

#include "service/options.h"
#include "tests/lab/explore.h"
#include "tests/strategies.h"

#define FLAGS_STORES_MAX 8
#define EXIT_USAGE 2

struct flags {
	bool census, cures, museum, catalogue;
	const char *schedule;
	unsigned buyers;
	const char *buyers_given; /* NULL: a schedule says how many */
	int64_t tickets;
	unsigned quantities[LAB_BUYERS_MAX];
	size_t quantity_count;
	struct lock_strategy locks[STRATEGIES_MAX];
	size_t lock_count;
	const char *stores[FLAGS_STORES_MAX];
	size_t store_count;
	struct lock_strategy lock; /* of a schedule; a census of that one */
	const char *lock_given, *locks_given; /* NULL: not */
	enum { GRAIN_LETTER = 0, GRAIN_STEP } grain;
	unsigned preemptions; /* PREEMPTIONS_ANY: any number */
	bool classes, crash, alone, json;
	const char *patch; /* to this strategy; NULL: none */
	const char *markdown;
};

#define PREEMPTIONS_ANY 1000u

/* As options_parse(). */
enum options_result flags_parse(
    struct flags *flags, const struct options_line *line);

/* What there is to explore under that strategy. */
struct search flags_search(
    const struct flags *flags, struct lock_strategy strategy);

#endif
