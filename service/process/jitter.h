/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clerks that dawdle, for the stress test: a lock that is broken can be right
 * for hours, as the moment at which it goes wrong is a few instructions long.
 * Here clerks pause at their steps, and, if it goes deep, on x86-64, between
 * any two machine instructions of a lock's acquire.  That takes a microsecond
 * for each instruction, and in a virtual machine more.
 *
 * Only in a service that was started with TURNSTILE_JITTER=SEED,DEEP, two
 * numbers; the same seed, the same draws.  Without it none of this is called.
 *
 * A jitter is its clerk's thread's.
 */
#ifndef JITTER_H
#define JITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "service/sale/trail.h"

#define JITTER_SEEN 1021

struct jitter {
	uint64_t state; /* of its draws */
	unsigned worker, clerk;
	bool deep;
	volatile bool stepping;      /* instruction by instruction */
	uintptr_t seen[JITTER_SEEN]; /* of a lock's instructions, since then */
};

/* Before any clerk starts. */
void jitter_prepare(void);

/* By the clerk's own thread, which says who it is, from 1, and how deep. */
void jitter_begin(struct jitter *jitter, uint64_t seed);

/*
 * At a step: perhaps pause.  The thread's name says where it is, "clerk 1.2
 * waits", for who looks into /proc for those that hang.
 */
void jitter_step(struct jitter *jitter, enum step step);

/* The turn is over: an order is answered. */
void jitter_rest(struct jitter *jitter);

#endif
