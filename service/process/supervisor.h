/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor: it owns the data directory, the listening socket and the
 * shared memory, forks the workers, and replaces those that die.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

struct options;

/*
 * Make the calling process the supervisor, and serve until SIGTERM or SIGINT.
 * Called once, while the process has one thread.  The exit status: 0 after a
 * stop in which all that was queued was answered or refused in time, 1 if it
 * could not start.  A second signal ends the process from inside, with 1.
 * `options` must stay as they are.  SIGTERM, SIGINT and SIGCHLD stay blocked.
 */
int supervisor_run(const struct options *options);

#endif
