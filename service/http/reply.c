/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies: a body that grows, and two that are there when it cannot. */
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
reply_begin(struct reply *reply)
{
	memset(reply, 0, offsetof(struct reply, values));
}

void
reply_header(struct reply *reply, const char *name, const char *value)
{
	if (reply->lost)
		return;
	assert(reply->header_count < REPLY_HEADERS_MAX);
	reply->headers[reply->header_count].name = name;
	reply->headers[reply->header_count++].value = value;
}

struct writer *
reply_header_write(struct reply *reply, const char *name)
{
	struct writer *last = &reply->value;
	char *const from =
	    last->text == NULL ? reply->values : last->text + last->size + 1;
	const size_t used = (size_t)(from - reply->values);

	assert(used < sizeof(reply->values));
	*from = '\0';
	*last = writer_on(from, sizeof(reply->values) - used);
	reply_header(reply, name, from);
	return last;
}

void
reply_header_print(
    struct reply *reply, const char *name, const char *format, ...)
{
	struct writer *value = reply_header_write(reply, name);
	va_list args;

	va_start(args, format);
	value->size = (size_t)vsnprintf(value->text, value->room, format, args);
	va_end(args);
	assert(value->size < value->room);
}

void
reply_lose(struct reply *reply)
{
	reply->lost = false; /* or it would take no header */
	reply->header_count = 0;
	if (!reply->changed)
		reply_header(reply, "Retry-After", "1");
	reply->lost = true;
	reply->status = reply->changed ? 500 : 503;
	reply->type = "application/problem+json";
	reply->body = reply->changed ? unknown : no_memory;
	reply->size = strlen(reply->body);
}

/* ------------------------------------------------------------- the body -- */

/* Bytes of the body; when they cannot be kept the reply is lost. */
static int
put(const char *bytes, size_t size, void *arg)
{
	struct reply *reply = arg;

	writer_put(&reply->made, bytes, size);
	if (reply->made.failed)
		reply->lost = true;
	return reply->lost ? -1 : 0;
}

static ssize_t
put_printed(void *arg, const char *bytes, size_t size)
{
	return put(bytes, size, arg) == 0 ? (ssize_t)size : 0;
}

static void
finish(struct reply *reply, int status, const char *type)
{
	assert(reply->status == 0);
	if (member_lost() || reply->lost) {
		reply_lose(reply);
		return;
	}
	reply->body = reply->made.text;
	reply->size = reply->made.size;
	reply->status = status;
	reply->type = type;
}

/*
 * Not open_memstream(): when its memory does not grow it leaves bytes out, and
 * neither ferror() nor fclose() says so.  Without a buffer, as the body is one.
 */
FILE *
reply_open(struct reply *reply)
{
	const cookie_io_functions_t functions = {.write = put_printed};
	FILE *body = fopencookie(reply, "w", functions);

	if (body == NULL)
		reply_lose(reply);
	else
		setvbuf(body, NULL, _IONBF, 0);
	return body;
}

void
reply_close(struct reply *reply, FILE *body, int status, const char *type)
{
	fclose(body);
	if (reply->status == 0)
		finish(reply, status, type);
}

void
reply_bytes(struct reply *reply, int status, const char *type,
    const char *bytes, size_t size)
{
	assert(reply->status == 0);
	reply->body = bytes;
	reply->size = size;
	reply->status = status;
	reply->type = type;
}

void
reply_text(struct reply *reply, int status, const char *type, const char *text)
{
	reply_bytes(reply, status, type, text, strlen(text));
}

void
reply_json(struct reply *reply, int status, json_t *value)
{
	reply->made.size = 0; /* whatever was printed so far */
	if (json_dump_callback(value, put, reply, JSON_COMPACT) != 0)
		reply->lost = true;
	reply_made(reply, status);
	json_decref(value);
}

void
reply_made(struct reply *reply, int status)
{
	put("\n", 1, reply);
	finish(reply, status, "application/json");
}

void
reply_free(struct reply *reply)
{
	free(reply->made.text);
	reply_begin(reply);
}
