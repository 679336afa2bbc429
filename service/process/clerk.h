/* SPDX-License-Identifier: BSD-2-Clause */
/* A clerk: a thread that takes orders from its worker's queue and sells. */
#ifndef CLERK_H
#define CLERK_H

#include <pthread.h>

#include "service/sale/queue.h"
#include "service/service.h"

struct clerk_config {
	const struct service *service;
	unsigned worker, clerk; /* from 0 */
	struct queue *queue;
	/* One or more are decided; called on the clerk's thread. */
	void (*answer)(struct order *const *orders, size_t count);
};

struct clerk;

/*
 * Start the thread; it ends when the queue is closed and empty.  If it cannot
 * open what it needs, it ends the process with SERVICE_CANNOT_OPEN.  NULL with
 * errno set.
 */
struct clerk *clerk_start(const struct clerk_config *config);

/* Wait until it has opened what it needs. */
void clerk_wait(struct clerk *clerk);

/* Wait for its end. */
void clerk_join(struct clerk *clerk);

#endif
