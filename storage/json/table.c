/* SPDX-License-Identifier: BSD-2-Clause */
/* Open addressing with linear probing; nothing is ever taken out. */
#include "storage/json/table.h"

#include <stdlib.h>

uint64_t
table_hash(const char *text, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < length; i++) {
		hash ^= (unsigned char)text[i];
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

static void
insert(struct table *table, uint64_t hash, int64_t version)
{
	size_t i = (size_t)hash & (table->size - 1);

	while (table->entries[i].version != 0)
		i = (i + 1) & (table->size - 1);
	table->entries[i].hash = hash;
	table->entries[i].version = version;
	table->used++;
}

bool
table_add(struct table *table, uint64_t hash, int64_t version)
{
	struct table grown = {.size = table->size * 2};
	size_t i;

	if (table->used * 2 >= table->size) {
		if (grown.size == 0)
			grown.size = 64;
		grown.entries = calloc(grown.size, sizeof(*grown.entries));
		if (grown.entries == NULL)
			return false;
		for (i = 0; i < table->size; i++)
			if (table->entries[i].version != 0)
				insert(&grown, table->entries[i].hash,
				    table->entries[i].version);
		free(table->entries);
		*table = grown;
	}
	insert(table, hash, version);
	return true;
}

int64_t
table_next(const struct table *table, uint64_t hash, size_t *at)
{
	const size_t mask = table->size - 1;
	size_t i;

	if (table->size == 0)
		return 0;
	i = *at == SIZE_MAX ? (size_t)hash & mask : (*at + 1) & mask;
	for (; table->entries[i].version != 0; i = (i + 1) & mask)
		if (table->entries[i].hash == hash) {
			*at = i;
			return table->entries[i].version;
		}
	return 0;
}

void
table_clear(struct table *table)
{
	free(table->entries);
	*table = (struct table){0};
}
