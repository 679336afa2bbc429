/* SPDX-License-Identifier: BSD-2-Clause */
/* Origins are compared octet by octet, as browsers write them one way. */
#include "service/http/cors.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

/* What a page may send besides what every page may, and read. */
#define REQUEST_HEADERS                                                        \
	"Content-Type, Idempotency-Key, If-Match, If-None-Match, "             \
	"X-Request-Id, traceparent"
#define REPLY_HEADERS                                                          \
	"ETag, Idempotent-Replayed, Location, Retry-After, Server-Timing, "    \
	"X-Request-Id"
#define PREFLIGHT_S 3600 /* so long a browser need not ask again */

/* ----------------------------------------------------------- the option -- */

/* ":8080"; a scheme's usual port is not written. */
static bool
is_port(const char *scheme, const char *text, size_t length)
{
	const size_t digits = strspn(text + 1, DIGITS);

	if (text[0] != ':' || digits < 1 || digits > 5 || digits + 1 != length)
		return false;
	return !(text_starts_with(scheme, "http:") &&
		   text_is(text, ":80", ",")) &&
	       !(text_starts_with(scheme, "https:") &&
		   text_is(text, ":443", ","));
}

static bool
is_origin(const char *text, size_t length)
{
	const char *const end = text + length;
	const char *host = text + strspn(text, LETTERS DIGITS "+-."), *port;

	if (host == text || strncmp(host, "://", 3) != 0)
		return false;
	host += 3;
	port = host + strspn(host, LETTERS DIGITS "-._");
	if (*host == '[') {
		port = host + 1 + strspn(host + 1, DIGITS "abcdef:.");
		if (*port++ != ']' || port == host + 2)
			return false;
	}
	return port > host &&
	       (port == end || is_port(text, port, (size_t)(end - port)));
}

bool
cors_is_list(const char *text)
{
	size_t length;

	for (;; text += length + 1) {
		length = strcspn(text, ",");
		if (!text_is(text, "*", ",") && !is_origin(text, length))
			return false;
		if (text[length] == '\0')
			return true;
	}
}

/* ---------------------------------------------------------- the replies -- */

static bool
is_allowed(const struct options *options, const char *origin)
{
	size_t i;

	for (i = 0; i < options->origin_count; i++)
		if (request_list_has(options->origins[i], origin))
			return true;
	return false;
}

/* False: no page of another origin may read it. */
static bool
put_origin(struct call *call)
{
	const struct options *options = call->service->options;
	const char *origin = call->request->headers[HEADER_ORIGIN];

	if (is_allowed(options, "*"))
		origin = "*";
	else
		reply_header(call->reply, "Vary", "Origin");
	if (origin == NULL || !is_allowed(options, origin))
		return false;
	reply_header(call->reply, "Access-Control-Allow-Origin", origin);
	return true;
}

static bool
is_for_pages(const struct call *call, const struct route *route)
{
	return call->service->options->origin_count > 0 && route != NULL &&
	       route->whose == FOR_PAGES;
}

void
cors_put(struct call *call)
{
	if (is_for_pages(call, call->request->route) && put_origin(call))
		reply_header(call->reply, "Access-Control-Expose-Headers",
		    REPLY_HEADERS);
}

void
cors_reply_options(struct call *call, const struct route *asked)
{
	struct reply *reply = call->reply;

	reply_text(reply, 204, NULL, "");
	if (!is_for_pages(call, asked) || !put_origin(call))
		return;
	reply_header(reply, "Access-Control-Allow-Methods",
	    strcmp(asked->method, "GET") == 0 ? "GET, HEAD" : asked->method);
	reply_header(reply, "Access-Control-Allow-Headers", REQUEST_HEADERS);
	reply_header_print(reply, "Access-Control-Max-Age", "%d", PREFLIGHT_S);
}
