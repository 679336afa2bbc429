/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies: every way to make one ends in reply_close(). */
#include "service/http/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "service/member.h"

/* As problem_reply() would make them, which needs memory. */
static const char no_memory[] =
    "{\"type\":\"/problems/no-memory\","
    "\"title\":\"There is not enough memory\",\"status\":503,"
    "\"detail\":\"Nothing was changed; try again.\"}\n";
static const char unknown[] =
    "{\"type\":\"/problems/outcome-unknown\","
    "\"title\":\"The order may or may not be sold\",\"status\":500,"
    "\"detail\":\"There is no memory to say what was done: look, or send the "
    "same order with the same Idempotency-Key.\"}\n";

void
reply_header(struct reply *reply, const char *name, const char *format, ...)
{
	va_list args;
	char *value;

	if (reply->lost)
		return;
	assert(reply->header_count < REPLY_HEADERS_MAX);
	reply->headers[reply->header_count].name = name;
	value = reply->headers[reply->header_count++].value;
	va_start(args, format);
	vsnprintf(value, sizeof(reply->headers[0].value), format, args);
	va_end(args);
}

static void
lose(struct reply *reply, int status)
{
	const bool is_unknown = reply->changed || status == 500;

	free(reply->owned);
	reply->owned = NULL;
	reply->header_count = 0;
	if (!is_unknown)
		reply_header(reply, "Retry-After", "1");
	reply->lost = true;
	reply->status = is_unknown ? 500 : 503;
	reply->type = "application/problem+json";
	reply->body = is_unknown ? unknown : no_memory;
	reply->size = strlen(reply->body);
}

FILE *
reply_open(struct reply *reply)
{
	FILE *body = open_memstream(&reply->owned, &reply->size);

	if (body == NULL)
		lose(reply, 0);
	return body;
}

void
reply_close(struct reply *reply, FILE *body, int status, const char *type)
{
	bool whole;

	assert(reply->status == 0);
	/* A stream that ends without memory may still close well. */
	whole = fclose(body) == 0 && reply->owned != NULL;
	if (member_lost() || !whole) {
		lose(reply, status);
		return;
	}
	reply->body = reply->owned;
	reply->status = status;
	reply->type = type;
}

void
reply_bytes(struct reply *reply, int status, const char *type,
    const char *bytes, size_t size)
{
	FILE *body = reply_open(reply);

	if (body == NULL)
		return;
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

	if (body != NULL) {
		json_dumpf(value, body, JSON_COMPACT);
		fputc('\n', body);
		reply_close(reply, body, status, "application/json");
	}
	json_decref(value);
}

void
reply_free(struct reply *reply)
{
	free(reply->owned);
	*reply = (struct reply){0};
}
