/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The background: threads in each worker for everything that may block and is
 * not an order, so that nobody waits for a list of sales behind thirty buyers
 * with a delay of three seconds, nor behind the audit of a million lines.
 *
 *     background   what is over soon; with nothing else to do it tidies the
 *                  store
 *     walker 1     anybody's walks along ledgers, an admin's before others'
 *     walker 2     an admin's walks alone
 *
 * So at most two walks use memory at the same time, at most one of them is
 * for somebody who is no admin, and no number of these holds up an admin's.
 */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#include <sys/queue.h>

#include <stdbool.h>

#include "service/service.h"

/* How many may wait is in background.c. */
enum lane {
	LANE_SHORT = 0, /* changes, lists, one order */
	LANE_WALK,      /* what takes as long as a ledger */
	LANE_ADMIN_WALK,
};
#define LANES (LANE_ADMIN_WALK + 1)

/* One thing to do; memory of its owner, who keeps it until it is served. */
struct job {
	STAILQ_ENTRY(job) link; /* in a list; under its mutex */
	void *owner;            /* whose job it is; not looked at here */
};

STAILQ_HEAD(jobs, job);

struct background;

/*
 * Start the threads, for worker `worker` (from 0).  `serve` is called on them
 * for each job, in a lane's order, with the thread's own handles to the store.
 * NULL: a thread could not be made, and the process is to end.  If the store
 * cannot be opened, the thread ends the process with SERVICE_CANNOT_OPEN.
 */
struct background *background_start(const struct service *service,
    unsigned worker, void (*serve)(struct job *job, struct store_user *store));

/* Wait until the threads have opened the store. */
void background_wait(struct background *background);

/* Any thread.  False: the lane is full, or the background is being stopped. */
bool background_push(
    struct background *background, struct job *job, enum lane lane);

/* Serve what is there, then end, and free it; waits for that. */
void background_stop(struct background *background);

#endif
