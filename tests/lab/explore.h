/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every schedule of a setting, one after the other: depth first, each run from
 * its first letter on in a world of its own making.  Nothing is kept of a
 * state but the letters that led to it (stateless search, as VeriSoft did:
 * Godefroid, "Model Checking for Programming Languages", 1997).
 *
 * Two letters commute if their order makes no difference to anybody: here two
 * looks without a lock, and nothing else.  Of schedules that differ by such
 * swaps only, a reduced search runs one (sleep sets: Godefroid, "Using Partial
 * Orders to Improve Automatic Verification Methods", 1990).  What comes of
 * them is the same.
 *
 * A preemption is a letter of another buyer while the one before could go on.
 * Bounding their number finds most mistakes early (CHESS: Musuvathi and
 * Qadeer, "Iterative Context Bounding", 2007).
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "tests/lab/schedule.h"
#include "tests/lab/world.h"

struct run {
	const struct schedule *schedule;
	struct end end;
	enum stop stop; /* of those who were left */
};

/* False: search no further. */
typedef bool explore_fn(const struct run *run, void *arg);

struct search {
	struct setting setting;
	bool reduced;      /* one schedule of each class */
	int preemptions;   /* at most so many; -1: any number */
	unsigned deaths;   /* at most so many */
	bool alone;        /* there is no supervisor */
	const char *patch; /* one PATCH to this strategy, somewhere; NULL */
	unsigned times;    /* ten seconds pass, at most so often */
};

/*
 * What explore() would come to, about: from a few runs by chance, as if all
 * forks were as theirs are (Knuth, "Estimating the Efficiency of Backtrack
 * Programs", 1975).  The same each time, but for how long it takes.
 */
struct estimate {
	double runs;
	double seconds;
};

struct estimate explore_estimate(
    struct world *world, const struct search *search);

/* False: `visit` had enough. */
bool explore(struct world *world, const struct search *search,
    explore_fn *visit, void *arg);

#endif
