/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of the laboratory: the real sell() of two to four buyers, each in
 * a process of its own, over a real store and a real lock.  One runs at a time,
 * and only as far as it is told.  Time is virtual and chance is a number, so
 * that the same letters do the same in every run.
 *
 *     world_new()    a store, its processes
 *       world_begin()     a new sale, all buyers before their first letter
 *       world_go() …      one letter of one buyer
 *       world_end()       what came of it, judged by the audit
 *     world_free()
 *
 * By one thread, which forks: it opens no store itself.
 *
 * Blocked.  Virtual time lies before the machine's, so that an acquire with an
 * order's deadline is a try.  It fails, sell() comes back to its wait by
 * itself, and nothing has changed: the letter was none.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/lock.h"
#include "service/sale/order.h"
#include "storage/store.h"

#define LAB_BUYERS_MAX 4
#define LAB_BUYERS_MIN 2

/* What is sold, to whom, under what. */
struct setting {
	char lock[STORE_LOCK_SIZE];
	unsigned buyers;
	int64_t tickets;
	int64_t quantities[LAB_BUYERS_MAX];
	bool every_step; /* stop at each step, not only where it matters */
};

struct world;

/* NULL with one line in `error`.  `kind` is a store's. */
struct world *world_new(const char *kind, char *error, size_t error_size);
void world_free(struct world *world);

/* A new sale; buyers that had died are there again. */
void world_begin(struct world *world, const struct setting *setting);

/* One letter of a buyer that is not over.  False: blocked, nothing changed. */
bool world_go(struct world *world, unsigned buyer);

/* The same, and it is killed in it.  False: it was blocked, and lives. */
bool world_kill(struct world *world, unsigned buyer);

/*
 * The supervisor's turn: what the dead held is handed back.  False: they held
 * nothing.
 */
bool world_supervise(struct world *world);

/* Change the sale's strategy, as PATCH does. */
void world_patch(struct world *world, const char *lock);

/* Let ten seconds pass: a lease is over. */
void world_pass_time(struct world *world);

/* Where a buyer stands. */
struct standing {
	bool done, dead;
	bool holds;     /* a lock, as its trail says */
	enum step next; /* the step that its next letter begins with */
	/* Of an exhibit, in its last letter; literals. */
	const char *did;   /* NULL: nothing that the trail does not say */
	const char *thing; /* it waits for; NULL: for the lock */
	unsigned whom;     /* the buyer who has that thing */
};

struct standing world_standing(const struct world *world, unsigned buyer);

/* Is it done, or dead?  Are all of them? */
bool world_is_over(const struct world *world, unsigned buyer);
bool world_all_over(const struct world *world);

/* How it stands with those who cannot go on. */
enum stop {
	STOP_DONE = 0, /* there are none: everybody is done, or dead */
	STOP_DEADLOCK, /* each waits for another one */
	STOP_STUCK,    /* they wait for the dead, or nobody else is left */
};

enum stop world_stop(const struct world *world);

/* Its order, with all that it did so far; it stays the world's. */
const struct order *world_order(const struct world *world, unsigned buyer);

/* What one buyer has in the end. */
struct bought {
	enum outcome outcome; /* what it was told; NONE: nothing */
	int64_t version;      /* of its line, else of what it was told about */
	int64_t base;         /* decided on */
	int64_t seat;
	bool sold; /* there is a line of it in the ledger */
};

/* What a schedule came to; several may be true. */
struct end {
	struct bought bought[LAB_BUYERS_MAX];
	int64_t remaining, tickets; /* left; sold */
	bool oversold, double_booked, stranded;
	bool untold; /* a buyer has a line, and was never told */
};

/* Judge it and close the sale.  Who is not done is stopped where it is. */
void world_end(struct world *world, struct end *end);

#endif
