/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service of the test's own, or several, each a host of its own, on one
 * database: on free ports, with new data directories, and gone again
 * afterwards, whatever happens to the test.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <sys/types.h>

#include "tests/stress/flags.h"

#define LAUNCH_ERROR_SIZE 400

struct launch_host {
	pid_t pid;
	bool ended; /* by itself: launch_has_ended() saw it */
	int status; /* then: as waitpid() has it */
	char url[320];
	char dir[4096]; /* the data directory */
	char log[4200]; /* its standard error, a file beside it */
	int out[2];     /* a pipe, its standard output; -1 without */
};

/* Zeroed there is none. */
struct launch {
	struct launch_host hosts[FLAGS_HOSTS_MAX];
	size_t count;
	/* Pipes that all of them have, both ends of each; -1 without. */
	int order[2];  /* drills: a byte for whoever shall stand still */
	int report[2]; /* drills: who does */
};

/*
 * Within ten seconds.  False, with a line in `error`, and nothing is left
 * behind.
 */
bool launch_start(struct launch *launch, const struct flags *flags,
    const struct setting *setting, char error[LAUNCH_ERROR_SIZE]);

/*
 * Stop them, if there are any, and remove what they left.  False if one did not
 * end with 0, or not within ten seconds; then it is killed.  In a hurry it is
 * not waited for: orders that it still has are lost.
 */
bool launch_stop(struct launch *launch, bool hurry);

/* Is one gone though nobody told it to?  How is then in `text`. */
bool launch_has_ended(struct launch *launch, char text[LAUNCH_ERROR_SIZE]);

#define LAUNCH_WORKERS_MAX (LOCK_WORKERS_MAX * FLAGS_HOSTS_MAX)

/* Their workers that live at this moment; how many. */
size_t launch_workers(
    const struct launch *launch, pid_t pids[LAUNCH_WORKERS_MAX]);

/* Visit each thread of these. */
void launch_threads(const struct launch *launch,
    void (*visit)(pid_t pid, int tid, void *arg), void *arg);

/* "turnstile" beside this program; false: not there, and `path` says where. */
bool launch_find_program(char *path, size_t size);

/*
 * Is there such a program, and can a data directory be made?  False, with a
 * line in `error`.
 */
bool launch_check(const struct flags *flags, char error[LAUNCH_ERROR_SIZE]);

/*
 * Where data directories go, and the name of the file system there; both stay
 * valid until the next call.
 */
const char *launch_data_root(const char *chosen);
const char *launch_file_system(const char *path);

#endif
