/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker: a process with one HTTP thread, an office, and clerks. */
#ifndef WORKER_H
#define WORKER_H

#include "service.h"

/*
 * In the forked child: serve until `stop_fd` is hung up, then drain.  Returns
 * the process's exit status.
 */
int worker_run(const struct service *service, unsigned number, int stop_fd);

#endif
