/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request and its reply, without the HTTP library: handlers see these.
 *
 * One thread at a time has them: the HTTP thread, or the clerk or background
 * that the request was handed to.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/sale/order.h"

#define REQUEST_ARGS_MAX 16
#define REQUEST_BODY_MAX 4096
#define REQUEST_ID_SIZE 33

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
};
#define HEADERS (HEADER_TRACEPARENT + 1)

/* The names, in the order of the enum. */
extern const char *const request_header_names[HEADERS];

struct route;

struct request {
	const char *method;     /* "GET" for HEAD too */
	char *path;             /* decoded */
	char *headers[HEADERS]; /* NULL: not sent */
	struct {
		char *name, *value; /* decoded; value "" if there is none */
	} args[REQUEST_ARGS_MAX];
	size_t arg_count;
	char body[REQUEST_BODY_MAX + 1]; /* NUL behind it */
	size_t body_size;
	bool body_too_large;
	bool ambiguous; /* framed in two ways, or too many arguments */
	int64_t arrived_ns;
	char id[REQUEST_ID_SIZE]; /* traceparent's trace id, or random */

	/* Set by the router. */
	const struct route *route; /* NULL: none fits */
	char sale[STORE_ID_SIZE];
	char item[STORE_ORDER_SIZE]; /* an order's id, a problem's name */
	struct order order;          /* of a buy */
};

/* The value of a query argument; NULL: not there. */
const char *request_arg(const struct request *request, const char *name);

#endif
