/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table from texts to lines, in memory that processes share.  It keeps
 * no texts: a look yields candidates, which the caller checks.  Four bytes an
 * entry: the line in the low bits, and as much of the hash as there is room
 * for above.  Open addressing with linear probing.
 *
 * One writer at a time; readers at any time, without a lock.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	_Atomic uint32_t *entry; /* the caller's, zeroed at first */
	uint32_t size;           /* more than is ever added */
	unsigned line_bits;      /* 1 … 31; lines are 1 … 2^line_bits - 1 */
};

/*
 * A hash that nobody can aim at who does not know `seed`, two random numbers:
 * the text as a polynomial over the integers modulo 2^61 - 1 at a random point
 * (Carter and Wegman, 1979), and then MurmurHash3's finalizer, by which all
 * bits depend on all (Appleby, public domain).
 */
uint64_t table_hash(const uint64_t seed[2], const char *text, size_t length);

void table_add(const struct table *table, uint64_t hash, uint32_t line);

/*
 * The next candidate, 0 when there is none.  `*at` is table_place() for the
 * first call and goes on from there.
 */
uint32_t table_place(const struct table *table, uint64_t hash);
uint32_t table_next(const struct table *table, uint64_t hash, uint32_t *at);

/*
 * Take out the lines above `last`.  They are those that were added last, so
 * that nothing that stays was ever put behind them.
 */
void table_cut(const struct table *table, uint32_t last);

#endif
