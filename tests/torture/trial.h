/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trial: a service starts on a copy of the shelf, a deed is done while the
 * hand does its damage, and then the service is judged:
 *
 *   1. what it said is so: done is done, 503 is not done, and nothing else;
 *   2. it answers again within its time, and never by a wrong status;
 *   3. the deed, tried again, is done once;
 *   4. it sells, and the audit of what a lock protected is correct;
 *   5. after another start all is as it was;
 *   6. no worker crashed.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "tests/torture/deeds.h"

struct trial {
	const struct settings *settings;
	const char *store;
	char shelf[4096], data[4096], tamper_path[4096];
	struct tamper *tamper;
	struct service_options options;
	struct service_run run;
	char before[LOOK_SIZE];
	/* Of the deed, where all goes well; filled by trial_learn(). */
	const struct deed *deed;
	char after[LOOK_SIZE];
	struct answer good; /* to a deed that reads */
};

/* Make the shelf, and see what a service shows of it.  False: it was said. */
bool trial_begin(struct trial *trial, const struct settings *settings,
    const char *store, const char *lock, unsigned orders);
void trial_end(struct trial *trial);

/* What the deed does where all goes well; and, with `classes`, how many calls
 * it takes: the tamper's trace says which.  -1: it does not go well. */
int64_t trial_learn(
    struct trial *trial, const struct deed *deed, unsigned classes);

/* A new copy of the shelf, and a service on it that serves.  False: red. */
bool trial_open(struct trial *trial, const char *name);

/* The same, but where a deed that reads left one running, that one. */
bool trial_keep_open(struct trial *trial, const char *name);

/* Do the deed; its answers. */
void trial_do(struct trial *trial, struct answer *answers);

/*
 * All of the above.  `plan` (or NULL) strikes while the service recovers.
 * Counts the case.  The service is killed, unless it was only read and is
 * well.
 */
struct trial_verdict {
	const char *name;
	const struct answer *answers; /* NULL: nothing was answered */
	int within_ms;                /* to answer again */
	const struct tamper_plan *plan;
};
void trial_judge(struct trial *trial, const struct trial_verdict *verdict);

/* The last line of the service's log, for reports. */
const char *trial_last_words(const struct trial *trial);

#endif
