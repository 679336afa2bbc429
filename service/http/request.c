/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and replies. */
#include "service/http/request.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const header_names[HEADERS] = {
    [HEADER_HOST] = "Host",
    [HEADER_ACCEPT] = "Accept",
    [HEADER_CONTENT_TYPE] = "Content-Type",
    [HEADER_IF_MATCH] = "If-Match",
    [HEADER_IF_NONE_MATCH] = "If-None-Match",
    [HEADER_IDEMPOTENCY_KEY] = "Idempotency-Key",
    [HEADER_AUTHORIZATION] = "Authorization",
    [HEADER_ORIGIN] = "Origin",
    [HEADER_TRACEPARENT] = "traceparent",
};

const char *
request_arg(const struct request *request, const char *name)
{
	size_t i;

	for (i = 0; i < request->arg_count; i++)
		if (strcmp(request->args[i].name, name) == 0)
			return request->args[i].value;
	return NULL;
}

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
