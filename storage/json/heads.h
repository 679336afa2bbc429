/* SPDX-License-Identifier: BSD-2-Clause */
/* What the processes share of each sale, and the latches. */
#ifndef HEADS_H
#define HEADS_H

#include <pthread.h>

#include "storage/store_impl.h"

/* A sale as everybody may see it; birth 0: the slot is free. */
struct head {
	struct store_state state;
	int64_t mark; /* bytes of ledger that are durable */
};

#define HEAD_WORDS ((sizeof(struct head) + 7) / 8)

union head_words {
	struct head head;
	uint64_t word[HEAD_WORDS];
};

struct slot {
	pthread_mutex_t latch;
	_Atomic uint64_t name; /* hash of the sale's id, also the last's */
	/* Head number n stands in copy[n % 2]; n grows in the latch only. */
	_Atomic uint64_t published;
	_Atomic uint64_t copy[2][HEAD_WORDS];
	_Atomic uint64_t viewed; /* `published` when stock.json was made */
};

struct heads {
	pthread_mutex_t catalogue; /* creating and removing sales */
	pthread_mutex_t tidying;   /* making views: one at a time */
	_Atomic unsigned slots;    /* those beyond were never used */
	struct slot slot[STORE_SALES_MAX];
};

struct heads *heads_of(const struct store_user *user);

struct slot *heads_slot(const struct store_user *user, unsigned slot);

/*
 * Any thread, no lock.  If `published` did not move meanwhile, the writer can
 * have touched the other copy only.
 */
struct head heads_read(struct slot *slot);

/* The latch's holder. */
void heads_publish(struct slot *slot, const struct head *head);

/* The slot of the sale `id`; -1: there is none. */
int heads_find(struct heads *shared, const char *id, struct head *head);

/* Enter a sale's latch, and settle what a dead holder left. */
enum store_result heads_latch(
    struct store_user *user, struct slot *slot, int64_t deadline_ns);

/* Run in the catalogue's latch; a dead holder left nothing to settle. */
enum store_result heads_latch_catalogue(
    struct store_user *user, int64_t deadline_ns);

/* What a write or change is refused for, in the latch. */
enum store_result heads_check(
    const struct head *head, const struct store_state *state);

int heads_reset(struct heads *shared, bool keep_heads);

#endif
