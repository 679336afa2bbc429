/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies. */
#include "service/http/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
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

void
reply_own(
    struct reply *reply, int status, const char *type, char *text, size_t size)
{
	assert(reply->status == 0);
	reply->status = status;
	reply->type = type;
	reply->body = text;
	reply->size = size;
}

void
reply_literal(
    struct reply *reply, int status, const char *type, const char *text)
{
	reply_own(reply, status, type, (char *)(uintptr_t)text, strlen(text));
	reply->is_static = true;
}

void
reply_free(struct reply *reply)
{
	if (!reply->is_static)
		free(reply->body);
	*reply = (struct reply){0};
}

void
reply_value(struct reply *reply, int status, const char *type, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	size_t length;

	json_decref(value);
	if (text == NULL)
		abort(); /* out of memory, or text that was not checked */
	length = strlen(text);
	text = realloc(text, length + 2);
	if (text == NULL)
		abort();
	memcpy(text + length, "\n", 2);
	reply_own(reply, status, type, text, length + 1);
}

void
reply_json(struct reply *reply, int status, json_t *value)
{
	reply_value(reply, status, "application/json", value);
}
