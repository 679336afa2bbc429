/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The museum of wrong fixes: cures that people really write, and that do not
 * cure.  Each is one file with a struct exhibit at its bottom and a row in
 * lock_rows.c.  An exhibit is a strategy like any other, so that the laboratory
 * runs the real sell() under it; what a lock alone cannot do wrong, as it is
 * asked only before and after, it does in before().
 *
 * In the laboratory only: the service does not know them.
 */
#ifndef MUSEUM_H
#define MUSEUM_H

#include <stdatomic.h>
#include <stdlib.h>

#include "locks/lock_impl.h"
#include "service/sale/trail.h"

struct exhibit {
	struct lock_impl impl; /* first */
	const char *says;      /* what people say when they write it */
	const char *why;       /* and why it does not help; one line */
	const char *cure;      /* one line */
	bool ends_by_itself;   /* with time: one T is tried at each position */
	const char *met_in;    /* a real project where it happened; NULL */
	/* A buyer is about to do a step; `own` is its visitor.  NULL: nothing.
	 */
	void (*before)(void *own, unsigned slot, enum step step);
};

/* How many there are: the last rows of the table, a cure behind its wrong. */
size_t museum_count(void);

/* The exhibit that a strategy is; NULL: it is none. */
const struct exhibit *museum_of(struct lock_strategy strategy);

/* One buyer's: its name, and the words that all share, a few for each slot. */
struct visitor {
	struct words *words;
	uint32_t name; /* never 0 */
};

struct words {
	_Atomic uint32_t word[LOCK_SLOTS][2];
	_Atomic int64_t until_ns[LOCK_SLOTS];
};

/* For rows: memory that all share, and a visitor for each buyer. */
lock_prepare_fn museum_prepare;
lock_free_fn museum_destroy;
lock_attach_fn museum_attach;

/* Those, and what else every exhibit's .impl has. */
#define MUSEUM_SHARED                                                          \
	.permits_max = 1, .prepare = museum_prepare, .attach = museum_attach,  \
	.detach = free, .force_release = lock_force_release_nothing,           \
	.destroy = museum_destroy

/* An exclusive lock's facts: what each of them claims. */
#define MUSEUM_CLAIMS                                                          \
	.holds = true, .excludes_threads = true, .excludes_processes = true

/* A free word is taken in one step.  False: another has it. */
bool museum_take(_Atomic uint32_t *word, const struct visitor *visitor);

/* The first word is free again, if it is this visitor's. */
lock_release_fn museum_release;

/* A buyer's process, before each step under the strategy. */
void museum_before(
    struct lock_strategy strategy, unsigned slot, enum step step);

/*
 * What the laboratory is told: here a letter ends, others may come between, and
 * that was done in it; here nothing could be done, as another visitor has the
 * thing.  Texts are literals.
 */
extern void (*museum_letter)(const char *did);
extern void (*museum_blocked)(const char *thing, uint32_t whom);

/* The laboratory's time. */
extern int64_t (*museum_now_ns)(void);

#endif
