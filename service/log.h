/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: one line an event, on standard error, as text or JSON.  Values are
 * quoted, so that nobody can forge a line or a field.  Any thread may log: a
 * line is one write(2).
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

struct log {
	bool json;
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

void log_event(
    const struct log *log, const char *event, const struct log_field *fields);

/* log_event(log, "stopped", LOG_NUMBER("worker", 1)) */
#define LOG_EVENT(log, event, ...)                                             \
	log_event((log), (event),                                              \
	    (const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0}})

#endif
