/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a worker still turn?  Its HTTP loop counts its turns in shared memory,
 * ten in a second when nothing happens; the supervisor looks at the count.
 *
 * Silence is the sum of what passed from look to look, a second each at most:
 * while the supervisor itself does not run (all were stopped, or the machine
 * was paused) nobody grows older.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/clock.h"

/* After so long it is told, and the worker does not count as ready. */
#define WATCH_STUCK_NS (3 * NS_PER_SEC)
/* It is not killed before, however short the orders' deadlines are. */
#define WATCH_KILL_LEAST_NS (10 * NS_PER_SEC)

/* Of one worker; all zero when it is forked. */
struct watch {
	uint64_t turns; /* at the last look */
	int64_t looked_ns, silent_ns;
	bool stuck;
};

enum watch_news {
	WATCH_NOTHING = 0,
	WATCH_STUCK,   /* it has just become so */
	WATCH_GOES_ON, /* it was, and has just turned again */
	WATCH_KILL,    /* it has been for too long; said at each look */
};

/* How long it may be silent where orders have so long, in ns. */
int64_t watch_kill_ns(int64_t timeout_ms);

/* Look, at `now_ns`: it has turned so often. */
enum watch_news watch_look(
    struct watch *watch, uint64_t turns, int64_t now_ns, int64_t kill_ns);

/* Is a debugger, or strace, at the process?  Then it may take its time. */
bool watch_is_traced(int pid);

#endif
