/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deeds: what a client asks of the service while it is damaged, and what may
 * have come of it.  All begin on a copy of the shelf (shelf.h).
 */
#ifndef DEEDS_H
#define DEEDS_H

#include "tests/torture/service.h"

#define DEED_REQUESTS 3

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
extern const size_t deeds_count;
const struct deed *deeds_named(const char *name);

enum deed_state {
	DEED_ABSENT = 0, /* as before */
	DEED_DONE,       /* once, and nothing else */
	DEED_PARTLY,     /* several orders: some of them, once each */
	DEED_WRONG,      /* anything else */
};

/* `before` and `after` are what a look saw where all went well. */
enum deed_state deeds_judge(const struct deed *deed, const char *before,
    const char *after, const char *now);

#endif
