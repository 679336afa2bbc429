/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies: every way to make one ends in own(). */
#include "service/http/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void
reply_header(struct reply *reply, const char *name, const char *format, ...)
{
	va_list args;
	char *value;

	assert(reply->header_count < REPLY_HEADERS_MAX);
	reply->headers[reply->header_count].name = name;
	value = reply->headers[reply->header_count++].value;
	va_start(args, format);
	vsnprintf(value, sizeof(reply->headers[0].value), format, args);
	va_end(args);
}

/* The body is the reply's from here on. */
static void
own(struct reply *reply, int status, const char *type, char *text, size_t size)
{
	assert(reply->status == 0);
	reply->status = status;
	reply->type = type;
	reply->body = text;
	reply->size = size;
}

void
reply_static(struct reply *reply, int status, const char *type,
    const char *bytes, size_t size)
{
	own(reply, status, type, (char *)(uintptr_t)bytes, size);
	reply->is_static = true;
}

void
reply_literal(
    struct reply *reply, int status, const char *type, const char *text)
{
	reply_static(reply, status, type, text, strlen(text));
}

FILE *
reply_open(struct reply *reply)
{
	FILE *body = open_memstream(&reply->body, &reply->size);

	if (body == NULL)
		abort();
	return body;
}

void
reply_close(struct reply *reply, FILE *body, int status, const char *type)
{
	if (fclose(body) != 0)
		abort(); /* out of memory */
	own(reply, status, type, reply->body, reply->size);
}

void
reply_json(struct reply *reply, int status, json_t *value)
{
	FILE *body = reply_open(reply);

	if (json_dumpf(value, body, JSON_COMPACT) != 0)
		abort(); /* out of memory */
	json_decref(value);
	fputc('\n', body);
	reply_close(reply, body, status, "application/json");
}

void
reply_free(struct reply *reply)
{
	if (!reply->is_static)
		free(reply->body);
	*reply = (struct reply){0};
}
