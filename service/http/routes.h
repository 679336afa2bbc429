/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which call is answered how.  A call is answered on the HTTP thread if that
 * cannot block, by a clerk if it buys, and else in the background.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "service/http/handle.h"

enum route_where {
	ROUTE_ANSWERED = 0,  /* the reply is made */
	ROUTE_TO_CLERK,      /* request->order is to be queued */
	ROUTE_TO_BACKGROUND, /* routes_background() is to be called */
};

/* HTTP thread: find the route, check, answer or say where to go. */
enum route_where routes_begin(struct call *call);

/* The background thread: answer. */
void routes_background(struct call *call);

/* For metrics: the route's number and pattern, 0 ≤ i < routes_count(). */
size_t routes_count(void);
const char *routes_method(size_t i);
const char *routes_pattern(size_t i);
size_t routes_number(const struct route *route); /* NULL: the last + 1 */

#endif
