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

struct compared {
	double old_sold_per_s, old_p99_ms;
	double sold, p99; /* new over old */
	double noise;     /* how far from 1 `sold` may be by chance */
	bool differs;     /* by more than that */
};

/* False: one of both has no price, or the setting was not tried then. */
bool compare_row(
    const json_t *old, const struct row *row, struct compared *compared);

/* What was otherwise then, and must be the same for this: "buyers", or NULL. */
const char *compare_unlike(const json_t *old, const struct flags *flags);

#endif
