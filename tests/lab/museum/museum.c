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

int
museum_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = shared_new(sizeof(struct words));
	return *shared == NULL ? -1 : 0;
}

void
museum_destroy(void *shared)
{
	shared_free(shared, sizeof(struct words));
}

int
museum_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct visitor *visitor = calloc(1, sizeof(*visitor));

	(void)clerk;
	if (visitor == NULL)
		return -1;
	*visitor = (struct visitor){.words = shared, .name = worker + 1};
	*own = visitor;
	return 0;
}
