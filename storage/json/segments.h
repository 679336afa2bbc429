/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the lines of ledgers are: memory that all processes share, so that
 * none has an index of its own to build.  For each sale, by its slot, where
 * its lines begin and which bear an order or a key.
 *
 *   1. Who shows a line in a head has added it before.
 *   2. What lies behind the head is cut before anything is added: what a
 *      killed writer left, its lines and no others.
 *   3. A line that was added never moves, until the sale is dropped.
 *
 * Segment k of a sale holds 256 * 2^k lines, so that nothing that is there
 * ever has to make room.  12.5 bytes a line: three entries of a table, of
 * which its order and its key take two, and an eighth of an offset for
 * each block of 16 lines.
 *
 * Adding is for the latch's holder, and for recovery; looking for anybody,
 * without a lock.  Who looks compares the sale's birth once more afterwards.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "storage/store.h"

#define SEGMENTS_BLOCK 16 /* lines that share an offset */

struct segments; /* shared memory */

/* Supervisor, before any fork.  NULL with errno set. */
struct segments *segments_new(void);
void segments_free(struct segments *segments);

/*
 * Before lines are written: memory for `count` lines behind `now`.  False:
 * there is none, and nothing changed.
 */
bool segments_reserve(
    struct segments *segments, const struct store_state *now, size_t count);

/* What is kept of a line. */
struct segments_line {
	int64_t version, offset;
	uint64_t order, key; /* hashes, 0: none */
};

/*
 * A line of the slot's sale, which was reserved and begins at byte `offset`.
 * Memory for it is on its way to the processor when this returns.
 */
struct segments_line segments_line(const struct segments *segments,
    unsigned slot, const struct store_line *line, int64_t offset);

/* Before the head that shows it is published: the next line, always. */
void segments_add(
    struct segments *segments, unsigned slot, const struct segments_line *line);

/* The slot has no sale any more: its memory is given back. */
void segments_drop(struct segments *segments, unsigned slot);

/* The first line of the block that `version` is in. */
int64_t segments_first(int64_t version);

/* Where that line begins; it was added. */
int64_t segments_offset(
    const struct segments *segments, unsigned slot, int64_t version);

/* A search among the lines up to that of `state`. */
struct search {
	const struct segments *segments;
	unsigned slot;
	int64_t last; /* version */
	uint64_t hash;
	int segment; /* the one that is searched, -1: that was all */
	uint32_t at; /* the place in it that comes next */
};

struct search segments_search(const struct segments *segments,
    const struct store_state *state, enum store_by by, const char *value);

/* The version of a line that may bear the value; 0: there is no other. */
int64_t segments_next(struct search *search);

#endif
