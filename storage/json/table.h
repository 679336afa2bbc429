/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table from texts to versions that does not keep the texts: a lookup
 * yields candidates, which the caller checks.  16 bytes and a half an entry;
 * open addressing with linear probing, never more than half full.
 *
 * For one thread at a time.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	struct table_entry {
		uint64_t hash;
		int64_t version; /* 0: free */
	} * entries;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
uint64_t table_hash(const char *text, size_t length);

/* False: no memory; the table is as it was. */
bool table_add(struct table *table, uint64_t hash, int64_t version);

/*
 * The next candidate, 0 when there is none.  `*at` is SIZE_MAX for the first
 * call and goes on from there.
 */
int64_t table_next(const struct table *table, uint64_t hash, size_t *at);

void table_clear(struct table *table);

#endif
