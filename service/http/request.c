/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests: what is kept of them, and what makes them suspicious. */
#include "service/http/request.h"

#include <stdlib.h>

#include "locks/clock.h"
#include "service/chance.h"
#include "service/writer.h"

#define TRACE_ID_SIZE 32 /* hex digits of a traceparent: 00-ID-… */

static const char *const header_names[HEADERS] = {
    [HEADER_HOST] = "Host",
    [HEADER_ACCEPT] = "Accept",
    [HEADER_CONTENT_TYPE] = "Content-Type",
    [HEADER_IF_MATCH] = "If-Match",
    [HEADER_IF_NONE_MATCH] = "If-None-Match",
    [HEADER_IDEMPOTENCY_KEY] = "Idempotency-Key",
    [HEADER_AUTHORIZATION] = "Authorization",
    [HEADER_ORIGIN] = "Origin",
    [HEADER_TRACEPARENT] = "traceparent",
    [HEADER_REQUEST_ID] = "X-Request-Id",
    [HEADER_ASKED_METHOD] = "Access-Control-Request-Method",
};

/* Lists, and what nothing depends on, may be sent in several lines. */
static bool
may_come_again(enum header header)
{
	return header == HEADER_ACCEPT || header == HEADER_IF_NONE_MATCH ||
	       header == HEADER_TRACEPARENT || header == HEADER_REQUEST_ID;
}

void
request_begin(struct request *request, const char *method, const char *path)
{
	static const char *const methods[] = {
	    "GET", "POST", "PATCH", "DELETE", "OPTIONS"};
	size_t i;

	memset(request, 0, offsetof(struct request, body) + 1);
	request->arrived_ns = clock_now_ns();
	request->path = strdup(path);
	request->no_memory = request->path == NULL;
	request->method = strcmp(method, "HEAD") == 0 ? "GET" : "?";
	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			request->method = methods[i];
}

/* The library keeps the blanks behind a header's value; they are not of it. */
static char *
copy_trimmed(const char *value)
{
	size_t length = strlen(value);

	while (length > 0 &&
	       (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	return strndup(value, length);
}

void
request_put_header(struct request *request, const char *name, const char *value)
{
	enum header i = 0;

	while (i < HEADERS && strcasecmp(name, header_names[i]) != 0)
		i++;
	if (i < HEADERS && request->headers[i] == NULL) {
		request->headers[i] = copy_trimmed(value);
		request->no_memory |= request->headers[i] == NULL;
	} else if (i < HEADERS && !may_come_again(i)) {
		request->twice = header_names[i];
	}
	/* Two lengths are how one request is smuggled inside another. */
	if ((strcasecmp(name, "Content-Length") == 0 ||
		strcasecmp(name, "Transfer-Encoding") == 0) &&
	    ++request->lengths > 1)
		request->ambiguous = true;
}

void
request_put_arg(struct request *request, const char *name, const char *value)
{
	const size_t n = request->arg_count;

	if (n == REQUEST_ARGS_MAX) {
		request->ambiguous = true;
		return;
	}
	request->args[n].name = strdup(name);
	request->args[n].value = strdup(value);
	request->arg_count++;
	if (request->args[n].name == NULL || request->args[n].value == NULL)
		request->no_memory = true;
	else if (request_arg(request, name) != request->args[n].value)
		request->twice = request->args[n].name;
}

/* What people and proxies make ids of, and nothing that a log must quote. */
static bool
is_id(const char *text)
{
	const size_t length = strspn(text,
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "-._~:/+=@");

	return text[length] == '\0' && length > 0 && length < REQUEST_ID_SIZE;
}

static bool
has_trace(const char *parent)
{
	static const char zeros[] = "00000000000000000000000000000000";

	return strlen(parent) >= 55 && parent[2] == '-' &&
	       strspn(parent + 3, "0123456789abcdef") == TRACE_ID_SIZE &&
	       parent[35] == '-' &&
	       memcmp(parent + 3, zeros, TRACE_ID_SIZE) != 0;
}

/* The caller's if there is one, its trace's, else a number of our own. */
void
request_identify(struct request *request)
{
	const char *id = request->headers[HEADER_REQUEST_ID];
	const char *parent = request->headers[HEADER_TRACEPARENT];
	static _Thread_local struct chance chance;
	struct writer id_writer;
	uint64_t number;

	if (id != NULL && is_id(id)) {
		memcpy(request->id, id, strlen(id) + 1);
		return;
	}
	if (parent != NULL && has_trace(parent)) {
		memcpy(request->id, parent + 3, TRACE_ID_SIZE);
		request->id[TRACE_ID_SIZE] = '\0';
		return;
	}
	if (!chance_draw(&chance, &number))
		number = 0;
	id_writer = writer_on(request->id, sizeof(request->id));
	writer_put_hex(&id_writer, "", 16, number);
}

void
request_put_body(struct request *request, const char *data, size_t size)
{
	const size_t before = request->body_size;

	request->body_size += size;
	if (request->body_size > REQUEST_BODY_MAX)
		return;
	memcpy(request->body + before, data, size);
	request->body[request->body_size] = '\0';
}

void
request_free(struct request *request)
{
	size_t i;

	for (i = 0; i < HEADERS; i++)
		free(request->headers[i]);
	for (i = 0; i < request->arg_count; i++) {
		free(request->args[i].name);
		free(request->args[i].value);
	}
	free(request->path);
	free(request->order.replayed_trail);
	free(request->crowd);
}

const char *
request_arg(const struct request *request, const char *name)
{
	size_t i;

	for (i = 0; i < request->arg_count; i++)
		if (request->args[i].name != NULL &&
		    strcmp(request->args[i].name, name) == 0)
			return request->args[i].value;
	return NULL;
}

bool
request_list_has(const char *list, const char *word)
{
	size_t length;

	for (; *list != '\0'; list += strspn(list, ", ")) {
		length = strcspn(list, ",");
		if (length == strlen(word) && memcmp(list, word, length) == 0)
			return true;
		list += length;
	}
	return false;
}
