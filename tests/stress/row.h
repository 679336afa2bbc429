/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row of the result: a strategy in one setting, its races and its price.
 */
#ifndef ROW_H
#define ROW_H

#include "tests/stress/flags.h"
#include "tests/stress/launch.h"
#include "tests/stress/oracle.h"
#include "tests/stress/price.h"
#include "tests/stress/trace.h"

#define ROW_ERROR_SIZE 256

/* What is different from row to row. */
struct setting {
	char store[16];
	struct lock_strategy strategy;
	char lock[LOCK_NAME_SIZE];
	unsigned workers, clerks, batch;
	int64_t delay_min_ms, delay_max_ms;
};

enum promise {
	PROMISE_KEPT = 0,  /* correct, as it must be */
	PROMISE_BROKEN,    /* wrong, and must not be */
	CONTROL_WRONG,     /* wrong, as it must be */
	CONTROL_NOT_SHOWN, /* no race, where one had to show */
	CONTROL_UNDECIDED, /* no race, where none had to: not "safe" */
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
	char error[ROW_ERROR_SIZE];
	unsigned runs, wrong_runs;
	bool safe;
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
};

/* What a row needs of its surroundings. */
struct stage {
	const struct flags *flags;
	const volatile sig_atomic_t *stop; /* set by a signal: come to an end */
	struct trace *trace;               /* NULL: not wanted */
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
void row_free(struct row *row);

/* A service for a row; false, with a line in `error`. */
bool row_launch(const struct flags *flags, const struct setting *setting,
    struct launch *launch, char error[ROW_ERROR_SIZE]);

/* Did the row do what it must? */
bool row_is_good(const struct row *row);

#endif
