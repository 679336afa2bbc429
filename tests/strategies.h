/* SPDX-License-Identifier: BSD-2-Clause */
/* Strategies and stores as values of a flag: one of them, or all. */
#ifndef STRATEGIES_H
#define STRATEGIES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "locks/lock.h"
#include "storage/store.h"

#define STRATEGIES_MAX (2 * LOCK_ROWS_MAX) /* each, and its variant */

/* An options_set_fn: `place` is a struct lock_strategy. */
static inline bool
strategies_set(void *place, const char *text)
{
	return lock_parse(text, place);
}

/* A store that needs nobody: the i-th of those, NULL behind the last. */
static inline const char *
strategies_store_at(size_t i)
{
	const char *kind;
	size_t j;

	for (j = 0; (kind = store_at(j)) != NULL; j++)
		if (!store_has_hosts(kind) && i-- == 0)
			return kind;
	return NULL;
}

/* Does the store give the turn that the strategy asks of it? */
static inline bool
strategies_fit(struct lock_strategy strategy, const char *kind)
{
	return store_gives(kind, (enum store_turn)lock_facts(strategy).turn);
}

/*
 * The first so many, if `kind` is not NULL those of them that fit such a
 * store, and behind each its variant: semaphore:3.  One thread.
 */
static inline const char *
strategies_list(size_t count, const char *kind)
{
	static char text[STRATEGIES_MAX * (LOCK_NAME_SIZE + 1)];
	struct lock_strategy variant;
	char name[LOCK_NAME_SIZE];
	size_t i;

	text[0] = '\0';
	for (i = 0; i < count; i++) {
		if (kind != NULL && !strategies_fit(lock_at(i), kind))
			continue;
		lock_print(lock_at(i), name);
		strcat(strcat(text, text[0] == '\0' ? "" : ","), name);
		if (lock_variant(i, &variant)) {
			lock_print(variant, name);
			strcat(strcat(text, ","), name);
		}
	}
	return text;
}

#endif
