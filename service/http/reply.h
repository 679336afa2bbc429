/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reply, without the HTTP library: a handler makes it, exchange.c sends it.
 * It is made once: a status, a body and its type; headers before or after.
 *
 * One thread at a time has it: the HTTP thread, or the clerk or background
 * thread that its request was handed to.
 */
#ifndef REPLY_H
#define REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "service/writer.h"

#define REPLY_HEADERS_MAX 10
#define REPLY_VALUES_SIZE 1024 /* of those that are printed, with NULs */
#define REPLY_TEXT "text/plain; charset=utf-8"

struct reply {
	int status;       /* 0: not made yet */
	const char *type; /* a literal; NULL: no Content-Type */
	const char *body; /* the text of `made`, or a literal */
	size_t size;
	struct writer made; /* what was printed so far; owned */
	bool close;         /* the connection */
	bool changed; /* what was asked for is done: no reply may deny it */
	bool lost;    /* there was no memory for the reply that was meant */
	struct {
		const char *name;  /* a literal */
		const char *value; /* in `values`, or outlives the reply */
	} headers[REPLY_HEADERS_MAX];
	size_t header_count;
	struct writer value;            /* the last that was printed */
	char values[REPLY_VALUES_SIZE]; /* last, as it need not be zero */
};

/* In memory that holds anything; a reply that is zero has begun too. */
void reply_begin(struct reply *reply);

/*
 * A header of the reply: a text that outlives it; printf-like; or what is
 * written to the writer, until there is another header.  More of them than
 * there is room for assert.
 */
void reply_header(struct reply *reply, const char *name, const char *value);
void reply_header_print(struct reply *reply, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
struct writer *reply_header_write(struct reply *reply, const char *name);

/*
 * A body that is printed: to what reply_open() returns, until the close.
 * NULL: there is no memory, and the reply is made.  Whoever cannot go on
 * makes the reply of a problem instead, and closes all the same.
 *
 * A reply that there is no memory for, here or in JSON that was made for it,
 * becomes the problem `no-memory`, or `outcome-unknown` if `changed` is set.
 */
FILE *reply_open(struct reply *reply);
void reply_close(struct reply *reply, FILE *body, int status, const char *type);

/* A body in bytes, or as text, that lives longer than the reply. */
void reply_bytes(struct reply *reply, int status, const char *type,
    const char *bytes, size_t size);
void reply_text(
    struct reply *reply, int status, const char *type, const char *text);

/* A JSON value and a newline as the body; the reference is taken. */
void reply_json(struct reply *reply, int status, json_t *value);

/* What was written to `made` and a newline as the body, which is JSON. */
void reply_made(struct reply *reply, int status);

/*
 * There is no memory to make it, or to send it: what it was, and its headers,
 * give way to one of the two problems above, which need none.
 */
void reply_lose(struct reply *reply);

/* Free the body, and begin anew. */
void reply_free(struct reply *reply);

#endif
