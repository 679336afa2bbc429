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
reply_json_as(struct reply *reply, int status, const char *type, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	size_t length;

	json_decref(value);
	if (text == NULL)
		abort(); /* out of memory */
	length = strlen(text);
	text = realloc(text, length + 2);
	if (text == NULL)
		abort();
	memcpy(text + length, "\n", 2);
	own(reply, status, type, text, length + 1);
}

void
reply_json(struct reply *reply, int status, json_t *value)
{
	reply_json_as(reply, status, "application/json", value);
}

void
reply_free(struct reply *reply)
{
	if (!reply->is_static)
		free(reply->body);
	*reply = (struct reply){0};
}
