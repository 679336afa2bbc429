/* SPDX-License-Identifier: BSD-2-Clause */
/* The high half of a hash is the place where it begins, the low one the tag. */
#include "storage/json/table.h"

#include <endian.h>
#include <string.h>

#define PRIME ((UINT64_C(1) << 61) - 1)
#define STRIDE 7 /* bytes: less than PRIME, whatever they are */
#define STRIDE_MASK ((UINT64_C(1) << 8 * STRIDE) - 1)

__extension__ typedef unsigned __int128 wide;

/*
 * a * b modulo PRIME, or a little more: for an a below 2^63 and a b below 2^60
 * it is less than 2^63 - 2^61.
 */
static uint64_t
multiply(uint64_t a, uint64_t b)
{
	const wide product = (wide)a * b;

	return ((uint64_t)product & PRIME) + (uint64_t)(product >> 61);
}

static uint64_t
mix(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

uint64_t
table_hash(const uint64_t seed[2], const char *text, size_t length)
{
	const uint64_t point = seed[0] & (PRIME >> 1);
	uint64_t hash = length, bytes;

	/* A byte more is read than is used: seven at once are two loads. */
	for (; length > STRIDE; length -= STRIDE, text += STRIDE) {
		memcpy(&bytes, text, sizeof(bytes));
		hash = multiply(hash, point) + (le64toh(bytes) & STRIDE_MASK);
	}
	for (bytes = 0; length > 0; length--)
		bytes = bytes << 8 | (unsigned char)text[length - 1];
	hash = multiply(hash, point) + bytes;
	return mix((multiply(hash, point) % PRIME) ^ seed[1]);
}

static uint32_t
line_mask(const struct table *table)
{
	return (UINT32_C(1) << table->line_bits) - 1;
}

static uint32_t
behind(const struct table *table, uint32_t at)
{
	return at + 1 == table->size ? 0 : at + 1;
}

uint32_t
table_place(const struct table *table, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * table->size >> 32);
}

void
table_add(const struct table *table, uint64_t hash, uint32_t line)
{
	const uint32_t tag = (uint32_t)hash << table->line_bits;
	uint32_t at = table_place(table, hash);

	while (
	    atomic_load_explicit(&table->entry[at], memory_order_relaxed) != 0)
		at = behind(table, at);
	atomic_store_explicit(
	    &table->entry[at], tag | line, memory_order_release);
}

uint32_t
table_next(const struct table *table, uint64_t hash, uint32_t *at)
{
	const uint32_t tag = (uint32_t)hash << table->line_bits;
	const uint32_t mask = line_mask(table);
	uint32_t entry;

	do {
		entry = atomic_load_explicit(
		    &table->entry[*at], memory_order_acquire);
		*at = behind(table, *at);
	} while (entry != 0 && (entry & ~mask) != tag);
	return entry & mask;
}

void
table_cut(const struct table *table, uint32_t last)
{
	const uint32_t mask = line_mask(table);
	uint32_t i;

	for (i = 0; i < table->size; i++)
		if ((atomic_load_explicit(
			 &table->entry[i], memory_order_relaxed) &
			mask) > last)
			atomic_store_explicit(
			    &table->entry[i], 0, memory_order_relaxed);
}
