/* SPDX-License-Identifier: BSD-2-Clause */
/* Strategies as values of a flag: one of them, or all. */
#ifndef STRATEGIES_H
#define STRATEGIES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "locks/lock.h"

#define STRATEGIES_MAX (2 * LOCK_ROWS_MAX) /* each, and its variant */

/* An options_set_fn: `place` is a struct lock_strategy. */
static inline bool
strategies_set(void *place, const char *text)
{
	return lock_parse(text, place);
}

/* The first so many, and behind each its variant: semaphore:3.  One thread. */
static inline const char *
strategies_list(size_t count)
{
	static char text[STRATEGIES_MAX * (LOCK_NAME_SIZE + 1)];
	struct lock_strategy variant;
	char name[LOCK_NAME_SIZE];
	size_t i;

	text[0] = '\0';
	for (i = 0; i < count; i++) {
		lock_print(lock_at(i), name);
		strcat(strcat(text, i > 0 ? "," : ""), name);
		if (lock_variant(i, &variant)) {
			lock_print(variant, name);
			strcat(strcat(text, ","), name);
		}
	}
	return text;
}

#endif
