/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations as people type them, "200ms", "1.5s", "2m", "1h", "0", and ranges
 * of two, "1s-3s".  Inside they are whole milliseconds, from 0 to an hour.
 */
#ifndef DURATION_H
#define DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_MAX_MS (INT64_C(3600) * 1000)
#define DURATION_RANGE_SIZE 48 /* bytes of the longest range, with NUL */

/* Rounded to a millisecond.  False: no duration, or longer than an hour. */
bool duration_parse(const char *text, int64_t *ms);

/*
 * A single duration is a range with both ends the same.  False: one of the
 * two is no duration, or the first is the longer one; the ends may have been
 * written to.
 */
bool duration_range_parse(const char *text, int64_t *min_ms, int64_t *max_ms);

/* As short as it can be, and understood by duration_range_parse(). */
void duration_range_print(
    int64_t min_ms, int64_t max_ms, char text[DURATION_RANGE_SIZE]);

#endif
