/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A turnstile of the recorder's own: on a free port, in a directory that is
 * there, and able to be killed and started again where it was.  Only what
 * this program started is ever sent a signal.
 */
#ifndef SERVER_H
#define SERVER_H

#include <sys/types.h>

#include <stdbool.h>

struct server {
	const char *program, *dir, *store, *lock;
	unsigned workers, clerks;
	/* Filled in by server_start(). */
	pid_t pid; /* 0: there is none */
	int port;
	int order[2], report[2]; /* the drill's pipes */
};

/*
 * Start it, on `port` unless that is 0.  False, and a line on stderr, when it
 * does not say within ten seconds where it listens.
 */
bool server_start(struct server *server);

/* SIGTERM, and wait.  False if it did not end well within ten seconds. */
bool server_stop(struct server *server);

/* SIGKILL to the supervisor; its workers go with it. */
void server_crash(struct server *server);

void server_signal(const struct server *server, int signal);

/* A signal to worker `which` (modulo their number) or to a process that the
 * drill named; false: it is none of ours any more. */
bool server_signal_worker(
    const struct server *server, unsigned which, int signal, pid_t *pid);
bool server_signal_child(const struct server *server, pid_t pid, int signal);

/*
 * A clerk that is about to write stops its process: that one, or 0 if none
 * came within `ms`.
 */
pid_t server_drill(const struct server *server, int ms);

#endif
