/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Misfortune, on purpose: workers that are killed at random moments, holders
 * that are killed or stopped exactly when they are about to write.  Only on
 * a service that launch.h started.
 *
 * A drill is looked at in the buyers' loop, with the number of receipts so
 * far: it strikes when that reaches the next of its random marks, among three
 * quarters of the receipts that a sale can give.
 */
#ifndef DRILL_H
#define DRILL_H

#include "tests/stress/cluster.h"
#include "tests/stress/launch.h"

#define DRILL_HITS_MAX 80 /* more than the flags take */

enum drill_what {
	DRILL_KILL,
	DRILL_KILL_HOLDER,
	DRILL_PAUSE_HOLDER,
	DRILL_KILL_DATABASE
};
enum drill_state { HIT_WAITS, HIT_ARMED, HIT_STOPPED, HIT_DONE };

struct drill_hit {
	enum drill_what what;
	uint64_t mark;   /* receipts after which it strikes */
	int64_t late_ns; /* and so long after that; of a kill */
	enum drill_state state;
	int64_t at_ns; /* since when nobody could sell by it */
	pid_t pid;
};

struct drill {
	const struct launch *launch;
	struct cluster *cluster; /* NULL: there is none of ours */
	int64_t pause_ns;
	unsigned short random[3]; /* nrand48()'s */
	size_t count;
	struct drill_hit hits[DRILL_HITS_MAX];
};

/* The hits that the flags ask for; the same seed, the same marks. */
void drill_begin(struct drill *drill, const struct flags *flags, uint64_t seed,
    const struct launch *launch);

/* A buyers_plan's watch; the argument is the drill. */
void drill_watch(void *drill, uint64_t sold);

/* Nobody stays stopped. */
void drill_end(struct drill *drill);

#endif
