/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The office: one thread in each worker for everything that may block and is
 * not an order, so that nobody waits for an audit behind thirty buyers with a
 * delay of three seconds.  When it has nothing else to do, it tidies the
 * store.
 */
#ifndef OFFICE_H
#define OFFICE_H

#include <sys/queue.h>

#include <stdbool.h>

#include "service/service.h"

struct errand {
	STAILQ_ENTRY(errand) link;
};

struct office;

/*
 * Start the thread.  `serve` is called on it for each errand.  NULL: an
 * error, which was logged.
 */
struct office *office_start(const struct service *service, unsigned worker,
    void (*serve)(struct errand *errand, struct store_user *store));

/* Any thread.  False: the office is full, or closed. */
bool office_push(struct office *office, struct errand *errand);

/* Serve what is there, then end; waits for that. */
void office_stop(struct office *office);

#endif
