/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes share: a slot for each sale, with its latch and its
 * *head*, the sale as its ledger's last line leaves it.  A head is read
 * without a lock; only who holds the slot's latch publishes a new one.  The
 * latch is entered by settle_latch().
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
	/* In the latch: what settle.h needs to know of its last holder. */
	char making[STORE_ID_SIZE]; /* the sale whose files it made, "": none */
	_Atomic bool is_unsettled;  /* it left an unknown outcome */
};

/* The store's shared memory. */
struct heads {
	pthread_mutex_t catalogue; /* creating sales: one at a time */
	pthread_mutex_t tidying;   /* making views: one at a time */
	_Atomic unsigned slots;    /* those beyond were never used */
	_Atomic bool are_known;    /* the slots are what the disk has */
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

/* A first start: make all latches, and free all slots. */
void heads_reset(struct heads *heads);

#endif
