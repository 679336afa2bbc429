/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays: what a supervisor and its workers do to a store, step by step,
 * without HTTP and locks, in processes of their own, while the tape runs.  A
 * step can have an accident: its worker is killed at its n-th call, or a sync
 * fails there; then the play goes on as the service does: another worker,
 * recovery if the store is poisoned, and the buyer tries again.
 *
 * After each step somebody looks at the whole store; what he sees is *told*,
 * and so is promised to last.
 */
#ifndef STAGE_H
#define STAGE_H

#include "storage/store.h"
#include "tests/torture/tamper.h"

#define STEPS_MOST 64
#define STAGE_DUMP 16384

enum step_kind {
	STEP_START = 0, /* prepare, in a child: a service starts */
	STEP_CREATE,
	STEP_SELL,
	STEP_CHANGE,
	STEP_REMOVE,
	STEP_TIDY,
};

struct step {
	enum step_kind kind;
	const char *sale;
	int64_t capacity;
	const char *lock;
	int64_t delay_ms;
	unsigned lines; /* sell: orders in one write; 0 is 1 */
	bool keyed;     /* sell: each with a key */
	bool checked;   /* sell: store_put_if() */
	bool wrong;     /* sell: on a counter that is two sales old */
	bool recount;   /* change */
	size_t trail;   /* sell: bytes of trail, for large lines */
};

struct play {
	const char *name;
	const char *store; /* NULL: both */
	const struct step *steps;
	size_t count;
	size_t accidents_from; /* a step; those before have them elsewhere */
	bool heavy;            /* megabytes: a few images only */
};

extern const struct play plays[];
extern const size_t plays_count;

/* Where and how a step goes wrong. */
struct accident {
	size_t step; /* by number; steps before it go well */
	bool all;    /* all are killed with the worker: a service starts anew */
	struct tamper_plan plan;
};

enum stage_end {
	STAGE_RUNNING = 0,
	STAGE_DONE,
	STAGE_REFUSED, /* a start, or a recovery; `error` says why */
	STAGE_WRONG,   /* a step did not do what it must; so does `error` */
};

/* Shared memory. */
struct stage_told {
	enum stage_end end;
	char error[1024];
	size_t steps; /* that ended */
	bool accident_happened;
	int result[STEPS_MOST];             /* of the last try */
	char before[STAGE_DUMP];            /* the first step */
	char dumps[STEPS_MOST][STAGE_DUMP]; /* after each step */
};

/*
 * Marks on the tape: a step begins; somebody saw that it took place; that it
 * did not, and never will; that it did not, but nobody knows if it will; that
 * of a write of several lines the first are there, after which the play ends.
 */
enum stage_mark {
	MARK_BEGIN = 1,
	MARK_DONE,
	MARK_UNDONE,
	MARK_OPEN,
	MARK_PART
};

struct stage {
	const char *store; /* its kind */
	const char *dir;
	struct tamper *tamper; /* whose tape runs; must outlive it */
	struct stage_told *told;
};

/*
 * Play it, in a child that is forked here.  With an accident (else NULL)
 * `good` is what the same play told without one.  Afterwards `told->end` is
 * not STAGE_RUNNING.
 */
void stage_run(const struct stage *stage, const struct play *play,
    const struct accident *accident, const struct stage_told *good);

/* ----------------------------------------- for those who look at images -- */

/* All sales and ledgers as text, in one order.  False: `error` says why. */
bool stage_dump(struct store_user *user, char text[STAGE_DUMP], char *error,
    size_t error_size);

/*
 * `text` as it would be if of the sale's last write of `lines` lines only the
 * first `count` were there.
 */
bool stage_cut_dump(const char *text, const char *sale, size_t lines,
    size_t count, char cut[STAGE_DUMP]);

/* Sell one ticket of any sale; make one if there is none. */
enum store_result stage_probe(struct store_user *user);

#endif
