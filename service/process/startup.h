/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the supervisor does before it forks the first worker: own the data
 * directory, listen, make what processes share, prepare the store, and print
 * the line that says where and what it sells.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include <sys/types.h>

#include "service/service.h"

/*
 * Fill `service`, whose options are set; `pid` is the calling process's.  0,
 * or -1 after one line on standard error.
 */
int startup(struct service *service, pid_t pid);

/* In a child: die with the process `parent`, or at once if it is dead. */
void startup_die_with(pid_t parent);

#endif
