/* SPDX-License-Identifier: BSD-2-Clause */
/* What exhibits share. */
#include "tests/lab/museum/museum.h"

#include <stdlib.h>

#include "locks/shared.h"

void (*museum_letter)(void);
void (*museum_blocked)(void);
int64_t (*museum_now_ns)(void);

/* Exhibits have museum_prepare(), and nobody else has. */
const struct exhibit *
museum_of(struct lock_strategy strategy)
{
	return strategy.impl->prepare == museum_prepare
		   ? (const struct exhibit *)strategy.impl
		   : NULL;
}

size_t
museum_count(void)
{
	size_t i, count = 0;

	for (i = 0; i < lock_count(); i++)
		count += museum_of(lock_at(i)) != NULL;
	return count;
}

/* In the order of the exhibits: so the rows are prepared, and attached. */
static struct words *rooms[LOCK_ROWS_MAX];
static size_t room_count;
static struct visitor *visitors[LOCK_ROWS_MAX];
static size_t visitor_count;

int
museum_prepare(const struct lock_config *config, void **shared)
{
	struct words *words = shared_new(sizeof(*words));

	(void)config;
	if (words == NULL)
		return -1;
	*shared = rooms[room_count++] = words;
	return 0;
}

void
museum_destroy(void *shared)
{
	shared_free(shared, sizeof(struct words));
	room_count = 0; /* all of them go together */
}

int
museum_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct visitor *visitor = calloc(1, sizeof(*visitor));

	(void)clerk;
	if (visitor == NULL)
		return -1;
	*visitor = (struct visitor){.words = shared, .name = worker + 1};
	visitors[visitor_count++ % museum_count()] = visitor;
	*own = visitor;
	return 0;
}

void
museum_before(struct lock_strategy strategy, unsigned slot, enum step step)
{
	const struct exhibit *exhibit = museum_of(strategy);
	const size_t first = lock_count() - museum_count();

	if (exhibit != NULL && exhibit->before != NULL)
		exhibit->before(
		    visitors[lock_row(strategy) - first], slot, step);
}

void
museum_sweep(unsigned slot)
{
	size_t i;

	for (i = 0; i < room_count; i++) {
		atomic_store(&rooms[i]->word[slot][0], 0);
		atomic_store(&rooms[i]->word[slot][1], 0);
		atomic_store(&rooms[i]->until_ns[slot], 0);
	}
}
