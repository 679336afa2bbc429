/* SPDX-License-Identifier: BSD-2-Clause */
/* The real service with the hand in it, and one client's calls to it. */
#ifndef TORTURE_SERVICE_H
#define TORTURE_SERVICE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "tests/torture/report.h"
#include "tests/torture/tamper.h"

#define ANSWER_SIZE 65536
#define LOOK_SIZE 16384

struct service_options {
	const struct settings *settings;
	const char *tamper; /* the shared memory's file */
	const char *store, *data;
	const char *log; /* a folder for its log */
	unsigned workers, clerks;
};

enum service_state {
	SERVICE_RUNS = 0, /* it said where */
	SERVICE_ENDED,    /* before that */
	SERVICE_HANGS,    /* neither within its time; it was killed */
};

struct service_run {
	const struct service_options *options;
	pid_t pid; /* of the supervisor; 0: it is gone */
	int status;
	unsigned port;
	int out_fd;
	char log[4096]; /* the file of its standard error */
};

/* Orphans of the services become this process's children; once. */
void service_adopt_orphans(void);

/* Start it and wait until it says where it listens; its log is emptied. */
enum service_state service_start(struct service_run *run,
    const struct service_options *options, int within_ms);

/* Kill the supervisor, and with it all; until all are gone. */
void service_kill(struct service_run *run);

/* With SIGTERM.  True: it ended with 0 in time; else it was killed. */
bool service_stop(struct service_run *run, int within_ms);

/* Has the supervisor ended by itself?  Then it is buried. */
bool service_has_ended(struct service_run *run);

/* The text of its log, at most `size` - 1 bytes. */
void service_log(const struct service_run *run, char *text, size_t size);

/*
 * How many workers were ended by another signal than SIGKILL; `how` (32
 * bytes, or NULL) is the last one's: "signal 6 (Aborted)".
 */
int service_crashes(const struct service_run *run, char *how);

/* ---------------------------------------------------------------- calls -- */

struct request {
	const char *method, *path, *form, *key; /* NULL: none */
};

struct answer {
	int status;     /* 0: the connection broke; -201: it lacks headers */
	bool hung;      /* there was no answer in time */
	int took_ms;    /* until there was */
	char broke[64]; /* how the connection did */
	char body[ANSWER_SIZE];
};

void service_ask(const struct service_run *run, const struct request *request,
    int within_ms, struct answer *answer);

/*
 * A call that is repeated until it is answered with something else than
 * 503, or `within_ms` are over; the last answer.
 */
void service_insist(const struct service_run *run,
    const struct request *request, int within_ms, struct answer *answer);

/* Several at once, each on a connection of its own; at most 8. */
void service_ask_all(const struct service_run *run,
    const struct request *requests, size_t count, int within_ms,
    struct answer *answers);

/*
 * All sales and their ledgers as text, as far as it does not differ by
 * chance.  False: what was answered instead is in `text`.
 */
bool service_look(
    const struct service_run *run, int within_ms, char text[LOOK_SIZE]);

/* The first line in which two texts differ, in words. */
const char *service_difference(const char *now, const char *was);

/* A text member of an answer's body; "" if there is none. */
void service_member(
    const struct answer *answer, const char *name, char *value, size_t size);

#endif
