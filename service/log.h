/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: one line an event, on standard error, as text or JSON.  Values are
 * quoted, so that nobody can forge a line or a field.  Any thread of any
 * process may log.
 *
 * Nobody waits for who reads it: a line that cannot be written at once is
 * dropped and counted, and the next one that can be is preceded by
 *
 *     log-lines-dropped count=12
 *
 * A line is one write of PIPE_BUF bytes at most, which a pipe takes whole or
 * not at all.  A value that is too long for that is written as "?".
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Lines that nobody took; in memory of all who log, and atomic. */
struct log_dropped {
	_Atomic uint64_t lines;  /* all of them; only rises */
	_Atomic uint64_t untold; /* those since the log last said how many */
	_Atomic bool torn;       /* a part of the last one was written */
};

struct log {
	bool json;
	struct log_dropped *dropped; /* NULL: nobody counts */
};

/* A field of an event; the list ends with a name of NULL. */
struct log_field {
	const char *name;
	const char *text; /* NULL: it is `number` */
	int64_t number;
};

#define LOG_TEXT(name_, text_) ((struct log_field){(name_), (text_), 0})
#define LOG_NUMBER(name_, number_)                                             \
	((struct log_field){(name_), NULL, (number_)})

/*
 * Once, before any fork and any event: whatever this process and its children
 * write to standard error, by whatever function, waits for nobody any more.
 * If that cannot be had (there is no /proc, or the pipe is somebody else's),
 * events look before they write, and wait only if another fills the pipe
 * between the two.
 */
void log_open(void);

void log_event(
    const struct log *log, const char *event, const struct log_field *fields);

/* log_event(log, "stopped", LOG_NUMBER("worker", 1)) */
#define LOG_EVENT(log, event, ...)                                             \
	log_event((log), (event),                                              \
	    (const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0}})

#endif
