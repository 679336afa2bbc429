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

struct job {
	STAILQ_ENTRY(job) link; /* in the list; under its mutex */
	void *owner;            /* whose job it is; not looked at here */
};

struct background;

/*
 * Start the thread.  `serve` is called on it for each job.  NULL: an
 * error, which was logged.
 */
struct background *background_start(const struct service *service,
    unsigned worker, void (*serve)(struct job *job, struct store_user *store));

/* Any thread.  False: the background is full, or closed. */
bool background_push(struct background *background, struct job *job);

/* Serve what is there, then end; waits for that. */
void background_stop(struct background *background);

#endif
