/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the supervisor does before it forks the first worker: own the data
 * directory, make what processes share, prepare the store, and listen.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include <sys/types.h>

#include "service/service.h"

/*
 * In the supervisor, once, while it has one thread and no child: fill
 * `service`, all of which is zero but its options.  `pid` is the supervisor's
 * own.  0, or -1 after startup_fail(); what was opened by then is
 * left to the end of the process, as is the lock on the data directory after
 * success.  `service->locks` and `service->store` are the caller's to free.
 */
int startup(struct service *service, pid_t pid);

/*
 * In the supervisor: why the service cannot start, in one line on standard
 * error, which is an event if the log is JSON.  Always -1.
 */
int startup_fail(const struct service *service, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * In the supervisor, once a worker serves: log it, and print where, and what
 * it sells.  If the log is JSON all of it is logged and nothing printed.
 */
void startup_announce(const struct service *service);

/*
 * In a child, first of all: be killed when the process `parent` dies, and
 * exit at once if it is dead already.
 */
void startup_die_with(pid_t parent);

#endif
