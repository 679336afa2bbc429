/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request, without the HTTP library: exchange.c fills it, handlers read it.
 *
 * One thread at a time has it: the HTTP thread, or the clerk or background
 * thread that it was handed to.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "service/sale/order.h"

#define REQUEST_ARGS_MAX 16
#define REQUEST_BODY_MAX 4096
#define REQUEST_ID_SIZE 129   /* a client's may have 128 characters */
#define REQUEST_CROWD_MAX 200 /* buyers of one call */

static_assert(REQUEST_BODY_MAX > 3 * ORDER_BUYER_SIZE + 256,
    "a body has room for any buyer's name, escaped, and for the rest");

enum header {
	HEADER_HOST = 0,
	HEADER_ACCEPT,
	HEADER_CONTENT_TYPE,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_AUTHORIZATION,
	HEADER_ORIGIN,
	HEADER_TRACEPARENT,
	HEADER_REQUEST_ID,
	HEADER_ASKED_METHOD, /* of a preflight: the one it is about */
};
#define HEADERS (HEADER_ASKED_METHOD + 1)

struct route;

struct request {
	const char *method;     /* "GET" for HEAD too */
	char *path;             /* decoded */
	char *headers[HEADERS]; /* NULL: not sent */
	struct {
		char *name, *value; /* decoded; value "" if there is none */
	} args[REQUEST_ARGS_MAX];
	size_t arg_count;
	size_t body_size;  /* of all that came, kept or not */
	unsigned lengths;  /* headers that say how long the body is */
	bool ambiguous;    /* framed in two ways, or too many arguments */
	bool no_memory;    /* something of it is missing here */
	const char *twice; /* a header, or an argument, that came again; NULL */
	int64_t arrived_ns;
	/* X-Request-Id, or traceparent's trace id, or random; never "". */
	char id[REQUEST_ID_SIZE];

	/* Set by the router. */
	const struct route *route; /* NULL: none fits */
	char sale[STORE_ID_SIZE];
	char item[STORE_ORDER_SIZE]; /* an order's id, a problem's name */
	struct order order;          /* of a buy */
	struct order *crowd;         /* of many: owned, crowd_count of them */
	size_t crowd_count;          /* 0: it is no crowd */

	char body[REQUEST_BODY_MAX + 1]; /* NUL behind it; last, as it need
					    not be zero at first */
};

/* In this order, in memory that holds anything; all text is copied. */
void request_begin(
    struct request *request, const char *method, const char *path);
void request_put_header(
    struct request *request, const char *name, const char *value);
void request_put_arg(
    struct request *request, const char *name, const char *value);
void request_identify(struct request *request);

/* A piece of the body; kept if all pieces up to it fit. */
void request_put_body(struct request *request, const char *data, size_t size);

/* Free what it points to, its order's included. */
void request_free(struct request *request);

/* The value of a query argument; NULL: not there. */
const char *request_arg(const struct request *request, const char *name);

/* Whatever the case. */
static inline bool
text_starts_with(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* This word, up to its end or to one of the characters in `ends`. */
static inline bool
text_is(const char *text, const char *word, const char *ends)
{
	return text_starts_with(text, word) &&
	       strchr(ends, text[strlen(word)]) != NULL;
}

/* Has a list, "one,two" or "one, two", just this word? */
bool request_list_has(const char *list, const char *word);

#endif
