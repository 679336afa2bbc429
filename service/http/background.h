/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The background: one thread in each worker for everything that may block and
 * is not an order, so that nobody waits for an audit behind thirty buyers with
 * a delay of three seconds.  When it has nothing else to do, it tidies the
 * store.
 */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#include <sys/queue.h>

#include <stdbool.h>

#include "service/service.h"

/* One thing to do; memory of its owner, who keeps it until it is served. */
struct job {
	STAILQ_ENTRY(job) link; /* in a list; under its mutex */
	void *owner;            /* whose job it is; not looked at here */
};

STAILQ_HEAD(jobs, job);

struct background;

/*
 * Start the thread, for worker `worker` (from 0).  `serve` is called on it for
 * each job, in their order, with the thread's own handles to the store.  NULL:
 * an error, which was logged.  If the store cannot be opened, the thread logs
 * that and ends the process.
 */
struct background *background_start(const struct service *service,
    unsigned worker, void (*serve)(struct job *job, struct store_user *store));

/* Any thread.  False: 1024 jobs wait already, or it is being stopped. */
bool background_push(struct background *background, struct job *job);

/* Serve what is there, then end, and free it; waits for that. */
void background_stop(struct background *background);

#endif
