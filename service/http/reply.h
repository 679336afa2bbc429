/* SPDX-License-Identifier: BSD-2-Clause */
/* A reply, without the HTTP library: handlers make it, exchange.c sends it. */
#ifndef REPLY_H
#define REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define REPLY_HEADERS_MAX 8

struct reply {
	int status; /* 0: not made yet */
	const char *type;
	char *body; /* owned, unless `is_static` */
	size_t size;
	bool is_static;
	bool close; /* the connection */
	struct {
		const char *name; /* a literal */
		char value[512];
	} headers[REPLY_HEADERS_MAX];
	size_t header_count;
};

/* A header of the reply, printf-like; the value is cut at 511 bytes. */
void reply_header(struct reply *reply, const char *name, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* A body; `text` is owned by the reply from here on, or a literal. */
void reply_own(
    struct reply *reply, int status, const char *type, char *text, size_t size);
void reply_literal(
    struct reply *reply, int status, const char *type, const char *text);

void reply_free(struct reply *reply);

/* A JSON value and a newline as the body; the reference is taken. */
void reply_json(struct reply *reply, int status, json_t *value);

/* The same with another type. */
void reply_value(
    struct reply *reply, int status, const char *type, json_t *value);

#endif
