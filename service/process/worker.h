/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker: a process with one HTTP thread, a background thread, and clerks. */
#ifndef WORKER_H
#define WORKER_H

#include "service/service.h"

/* The exit status of a worker that ended because the store is poisoned. */
#define WORKER_POISONED 3

/*
 * In the forked child: serve until `stop_fd` is hung up, then drain.  While
 * the store is poisoned it is not opened, and what needs it is refused.
 * Returns the process's exit status.
 */
int worker_run(const struct service *service, unsigned number, int stop_fd);

#endif
