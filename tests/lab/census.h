/* SPDX-License-Identifier: BSD-2-Clause */
/* A census: a row for each store and strategy, of all its schedules. */
#ifndef CENSUS_H
#define CENSUS_H

#include <signal.h>

#include "tests/lab/ends.h"
#include "tests/lab/flags.h"

struct row {
	const char *store;
	struct lock_strategy strategy;
	char lock[LOCK_NAME_SIZE];
	/* Schedules, and those of them that …; one may count several times. */
	unsigned long schedules, correct, oversold, double_booked, stranded;
	unsigned long deadlocked, stuck, untold;
	struct ends ends, serial; /* all; of those where nobody overlaps */
	unsigned long end_count;
	unsigned long strange;    /* ends that are not serial */
	struct schedule shortest; /* that is wrong; length 0: none is */
	int64_t took_ns;
	bool must_be_right; /* the strategy says so */
	bool is_whole;      /* it was not stopped */
};

struct census {
	const struct flags *flags;
	struct row rows[STRATEGIES_MAX * FLAGS_STORES_MAX];
	size_t count;
};

/* False, with one line on standard error: it cannot be done. */
bool census_take(struct census *census, const struct flags *flags,
    const volatile sig_atomic_t *stop);
void census_free(struct census *census);

/* Was every strategy right that says it is? */
bool census_is_good(const struct census *census);

void census_print(const struct census *census, FILE *out);
void census_print_json(const struct census *census, FILE *out);
void census_print_markdown(const struct census *census, FILE *out);

#endif
