/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which call is answered how, and by which thread: the HTTP thread if that
 * cannot block, a clerk if it buys, and else the background thread.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "service/http/handle.h"

enum route_where {
	ROUTE_ANSWERED = 0,  /* the reply is made */
	ROUTE_TO_CLERK,      /* request->order is to be queued */
	ROUTE_TO_BACKGROUND, /* routes_background() is to be called */
};

/*
 * HTTP thread: find the route and set what the request says of it, refuse what
 * is wrong whatever the call, answer or say where to go.  The reply is made if
 * and only if ROUTE_ANSWERED is returned.
 */
enum route_where routes_begin(struct call *call);

/* The background thread: answer; the reply is made. */
void routes_background(struct call *call);

/*
 * For metrics: the routes, 0 ≤ i < routes_count(), and the number of one.  What
 * is no route (NULL) has number routes_count(): below SERVICE_ROUTES_MAX.
 */
size_t routes_count(void);
const char *routes_method(size_t i);
const char *routes_pattern(size_t i);
size_t routes_number(const struct route *route);

#endif
