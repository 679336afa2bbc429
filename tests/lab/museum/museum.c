/* SPDX-License-Identifier: BSD-2-Clause */
/* What exhibits share. */
#include "tests/lab/museum/museum.h"

#include "locks/shared.h"

void (*museum_letter)(const char *did);
void (*museum_blocked)(const char *thing, uint32_t whom);
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
static uint32_t name; /* whose process this is */

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
	name = visitor->name;
	*own = visitor;
	return 0;
}

void
museum_before(struct lock_strategy strategy, unsigned slot, enum step step)
{
	const struct exhibit *exhibit = museum_of(strategy);
	struct visitor own = {.name = name};

	if (exhibit == NULL || exhibit->before == NULL)
		return;
	own.words = rooms[lock_row(strategy) - (lock_count() - museum_count())];
	exhibit->before(&own, slot, step);
}

bool
museum_take(_Atomic uint32_t *word, const struct visitor *visitor)
{
	uint32_t nobody = 0;

	return atomic_compare_exchange_strong(word, &nobody, visitor->name);
}

void
museum_release(void *own, unsigned slot, unsigned permits)
{
	const struct visitor *v = own;

	(void)permits;
	if (atomic_load(&v->words->word[slot][0]) == v->name)
		atomic_store(&v->words->word[slot][0], 0);
}
