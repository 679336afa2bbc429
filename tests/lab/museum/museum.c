/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of exhibits, and what they share. */
#include "tests/lab/museum/museum.h"

#include <stdlib.h>

#include "locks/shared.h"

#define EXHIBITS(ROW)                                                          \
	ROW(flag)                                                              \
	ROW(twice)                                                             \
	ROW(late)                                                              \
	ROW(early)                                                             \
	ROW(two)                                                               \
	ROW(two_ordered)                                                       \
	ROW(upgrade)                                                           \
	ROW(lease)                                                             \
	ROW(fenced)

#define DECLARE(name) extern const struct exhibit exhibit_##name;
#define ADDRESS(name) &exhibit_##name,
EXHIBITS(DECLARE)
const struct exhibit *const exhibits[] = {EXHIBITS(ADDRESS)};
const size_t exhibit_count = sizeof(exhibits) / sizeof(exhibits[0]);

void (*museum_letter)(void);
void (*museum_blocked)(void);
int64_t (*museum_now_ns)(void);

const struct exhibit *
exhibit_of(struct lock_strategy strategy)
{
	size_t i;

	for (i = 0; i < exhibit_count; i++)
		if (&exhibits[i]->impl == strategy.impl)
			return exhibits[i];
	return NULL;
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
	visitors[visitor_count++ % exhibit_count] = visitor;
	*own = visitor;
	return 0;
}

void
museum_before(struct lock_strategy strategy, unsigned slot, enum step step)
{
	size_t i;

	for (i = 0; i < exhibit_count; i++)
		if (&exhibits[i]->impl == strategy.impl &&
		    exhibits[i]->before != NULL)
			exhibits[i]->before(visitors[i], slot, step);
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
