/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prices against those of an older report: the same strategy in the same
 * setting, then and now.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <jansson.h>

#include "tests/stress/row.h"

/* A report of --json.  NULL, with a line in `error`: it is none. */
json_t *compare_load(const char *path, char error[LAUNCH_ERROR_SIZE]);

#define COMPARE_UNLIKE 160

struct compared {
	double old_sold_per_s, old_p99_ms;
	double sold, p99; /* new over old; not finite: not known */
	/*
	 * Judged is `sold`; of an open loop, whose rate is given, `p99`.
	 * Within 1/noise … noise it may be by chance; 0: not known, for a
	 * report has one round only, or one that sold nothing, or in which
	 * that tail never ended.
	 */
	bool by_p99;
	double noise;
	enum { COMPARED_NOISE, COMPARED_BETTER, COMPARED_WORSE } verdict;
};

/*
 * False: nothing is compared (`old` NULL), one of both has no price, or the
 * setting was not tried then.
 */
bool compare_row(const json_t *old, const struct row *row, bool by_p99,
    struct compared *compared);

/* What must be the same, as reports have it. */
struct compare_with {
	const struct flags *flags;
	const char *machine, *file_system;
};

/* What was otherwise then: "buyers, machine"; false: nothing. */
bool compare_unlike(const json_t *old, const struct compare_with *now,
    char text[COMPARE_UNLIKE]);

#endif
