/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A schedule followed, letter by letter, under one strategy.  A letter that
 * cannot be done is none, with a reason; what the text leaves over is done
 * behind it, one buyer after the other, and the supervisor where nobody can go.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "tests/lab/explore.h"

#define FOLLOW_REASON_SIZE 96

/* How it was followed. */
struct way {
	struct schedule done; /* what was done; the text, or more, or less */
	/* "letter 2: B waits, A holds the lock"; "": all letters were done. */
	char reason[FOLLOW_REASON_SIZE];
	bool ended_early, went_on; /* the text, though no letter was none */
	enum stop stop;
	char circle[FOLLOW_REASON_SIZE]; /* who waits for whom; "": nobody */
	struct end end;
};

/* Somebody who hears what happens: each letter is one call of one of them. */
struct listener {
	/* The steps of the order's trail from `trail_before` on are its own. */
	void (*hear)(void *arg, const struct world *world, struct letter letter,
	    size_t trail_before);
	void (*blocked)(void *arg, const struct world *world,
	    struct letter letter, const char *reason);
	void *arg;
};

/* In a new sale of the world; `listener` may be NULL. */
void follow(struct world *world, const struct search *search,
    const struct schedule *text, struct way *way,
    const struct listener *listener);

/* Who has the lock that the buyer waits for; -1: nobody. */
int follow_holder(const struct world *world, unsigned buyers, unsigned buyer);

/* Did the write that is step i of it change nothing, as what it was decided on
 * is not so any more? */
bool follow_is_refused(const struct trail *trail, size_t i);

/* "correct", "oversold" … */
const char *follow_verdict(const struct way *way);

#endif
