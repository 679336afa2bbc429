/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies: every way to make one ends in reply_close(). */
#include "service/http/reply.h"

#include <assert.h>
#include <stdarg.h>
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
	assert(reply->status == 0);
	if (fclose(body) != 0)
		abort(); /* out of memory */
	reply->status = status;
	reply->type = type;
}

void
reply_bytes(struct reply *reply, int status, const char *type,
    const char *bytes, size_t size)
{
	FILE *body = reply_open(reply);

	fwrite(bytes, 1, size, body);
	reply_close(reply, body, status, type);
}

void
reply_text(struct reply *reply, int status, const char *type, const char *text)
{
	reply_bytes(reply, status, type, text, strlen(text));
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
	free(reply->body);
	*reply = (struct reply){0};
}
