/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service of the test's own: on a free port, with a new data directory,
 * and gone again afterwards, whatever happens to the test.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct launch_options {
	const char *program; /* the service */
	const char *data;    /* where to make data directories; NULL: choose */
	const char *store;
	unsigned workers, clerks, batch;
	int64_t timeout_ms;
	bool drills; /* with the pipes for them */
};

struct launch {
	pid_t pid;
	char url[320];
	char dir[4096]; /* the data directory */
	char log[4200]; /* its standard error, a file beside it */
	int order_fd;   /* drills: write a byte; -1 without */
	int unread_fd;  /* drills: bytes that no clerk has read; or -1 */
	int report_fd;  /* drills: who stands still; -1 without */
};

/*
 * Within ten seconds.  False, with a line in `error`, and nothing is left
 * behind.
 */
bool launch_start(struct launch *launch, const struct launch_options *options,
    char *error, size_t error_size);

/*
 * Stop it and remove what it left.  False if it did not end with 0, or not
 * within ten seconds; then it is killed.
 */
bool launch_stop(struct launch *launch);

/* The living workers' pids, at most `most`; how many. */
size_t launch_workers(const struct launch *launch, pid_t *pids, size_t most);

/* "turnstile" beside this program; false: not there, and `path` says where. */
bool launch_find_program(char *path, size_t size);

/*
 * Where data directories go, and the name of the file system there; both stay
 * valid until the next call.
 */
const char *launch_data_root(const char *chosen);
const char *launch_file_system(const char *path);

#endif
