/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes share: a slot for each sale, with its latch and its
 * *head*, the sale as its ledger's last line leaves it.  A head is read
 * without a lock; only who holds the slot's latch publishes a new one.
 */
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

struct slot {
	pthread_mutex_t latch;
	_Atomic uint64_t name; /* hash of the sale's id, also the last's */
	/* Head number n stands in copy[n % 2]; n grows in the latch only. */
	_Atomic uint64_t published;
	_Atomic uint64_t copy[2][HEAD_WORDS];
	_Atomic uint64_t viewed; /* `published` when stock.json was made */
};

/* The store's shared memory. */
struct heads {
	pthread_mutex_t catalogue; /* creating sales: one at a time */
	pthread_mutex_t tidying;   /* making views: one at a time */
	_Atomic unsigned slots;    /* those beyond were never used */
	struct slot slot[STORE_SALES_MAX];
};

struct heads *heads_of(const struct store_user *user);
struct slot *heads_slot(const struct store_user *user, unsigned slot);

/* Any thread, no lock. */
struct head heads_read(struct slot *slot);

/* The latch's holder, or recovery. */
void heads_publish(struct slot *slot, const struct head *head);

/* Any thread: the slot of the sale `id` and its head; -1: there is none. */
int heads_find(struct heads *heads, const char *id, struct head *head);

/* Enter a sale's latch, and settle what a dead holder left: store_latch(). */
enum store_result heads_latch(
    struct store_user *user, struct slot *slot, int64_t deadline_ns);

/* Recovery: make all latches, and free all slots. */
void heads_reset(struct heads *heads);

#endif
