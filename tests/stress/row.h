/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row of the result: a strategy in one setting, its races and its price.
 */
#ifndef ROW_H
#define ROW_H

#include "tests/stress/events.h"
#include "tests/stress/flags.h"
#include "tests/stress/launch.h"
#include "tests/stress/oracle.h"
#include "tests/stress/price.h"
#include "tests/stress/trace.h"

/* The first three are good. */
enum promise {
	PROMISE_KEPT = 0,  /* correct, as it must be */
	CONTROL_WRONG,     /* wrong, as it must be */
	CONTROL_UNDECIDED, /* no race, where none had to: not "safe" */
	PROMISE_BROKEN,    /* wrong, and must not be */
	CONTROL_NOT_SHOWN, /* no race, where one had to show */
	ROW_HUNG,          /* nothing was sold any more; `error` says who */
	ROW_DIED,          /* the service is gone; `error` says how */
	ROW_FAILED,        /* there is no result; `error` says why */
};

struct stop {
	size_t hits; /* drills that struck, all runs together */
	size_t wanted;
	double longest_s; /* from a hit to the next receipt, at most */
};

struct row {
	struct setting setting;
	enum promise promise;
	char error[LAUNCH_ERROR_SIZE];
	unsigned runs, wrong_runs;
	bool safe;
	bool shipped; /* the strategy is turnstile's own: known to be right */
	/* The run that is shown: the first wrong one, else the last. */
	struct judgement judgement;
	int64_t capacity, remaining;
	double race_s;
	char *collision; /* in words; NULL or "": none */
	json_t *collision_json;
	/* Over all runs. */
	int64_t later, unknown, recovered;
	struct stop stop;
	struct price price;
	int64_t conflicts, sales; /* of the price; conflicts -1: unknown */
	/* In words; set by result_add(). */
	char label[64];   /* strategy, and what else differs between rows */
	char verdict[24]; /* "OVERSOLD", "correct", "not shown", "no result" */
	char reason[512]; /* one line on why */
};

/* What a row needs of its surroundings. */
struct stage {
	const struct flags *flags;
	const volatile sig_atomic_t *stop; /* set by a signal: come to an end */
	struct trace *trace;               /* NULL: not wanted */
	struct events *events;             /* NULL: not wanted */
	/* What is being done now, for the progress; `arg` is the caller's. */
	void (*doing)(void *arg, const char *what);
	void *arg;
};

/*
 * Row `number`, from 0, into `row`, to be freed in any case.  False: it was
 * stopped by a signal, and there is no result.
 */
bool row_run(struct row *row, const struct setting *setting, unsigned number,
    const struct stage *stage);
/* One more round of its price, if it has one; false: as above. */
bool row_price(struct row *row, unsigned number, unsigned round,
    const struct stage *stage);
void row_free(struct row *row);

/*
 * The client against an answer that costs next to nothing, and a line on how
 * much it could ask, or why it could not: false.
 */
bool row_flood(const struct flags *flags, const volatile sig_atomic_t *stop);

/* Did the row do what it must? */
bool row_is_good(const struct row *row);

#endif
