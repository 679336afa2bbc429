/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor: it owns the data directory, the listening socket and the
 * shared memory, forks the workers, and replaces those that die.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

struct options;

/* Serve until SIGTERM or SIGINT; the process's exit status. */
int supervisor_run(const struct options *options);

#endif
