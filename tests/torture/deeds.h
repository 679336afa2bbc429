/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deeds: what a client asks of the service while it is damaged, and what may
 * have come of it.  All begin on a copy of the same data directory, the
 * *shelf*:
 *
 *     demo  some sold of many, with keys, under the strategy of the trial
 *     odd   under none, its counter wrong: a change to a lock recounts
 *     gone  sold out, so that it can be deleted
 */
#ifndef DEEDS_H
#define DEEDS_H

#include "tests/torture/service.h"

#define DEED_REQUESTS 3
#define SHELF_ORDER "00000000000000010000000000000000" /* demo's first */

struct deed {
	const char *name;
	struct request requests[DEED_REQUESTS]; /* at once, if several */
	size_t count;
	bool buys;    /* its buyers are c1, c2 … */
	bool reads;   /* and changes nothing */
	int done;     /* the status that says it is done */
	int was_done; /* the status of a retry, if it is done; 0: no retry */
	const char *sells; /* a sale that it changes, and that sells then */
};

extern const struct deed deeds[];
extern const size_t deed_count;
const struct deed *deed_named(const char *name);

/* Make the shelf in `dir`.  False: `error` says why. */
bool shelf_make(const char *store, const char *dir, const char *lock,
    unsigned orders, char *error, size_t error_size);

enum deed_state {
	DEED_ABSENT = 0, /* as before */
	DEED_DONE,       /* once, and nothing else */
	DEED_PARTLY,     /* several orders: some of them, once each */
	DEED_WRONG,      /* anything else */
};

/* `before` and `after` are what a look saw where all went well. */
enum deed_state deed_state(const struct deed *deed, const char *before,
    const char *after, const char *now);

#endif
