/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which call is answered how, and by which thread: the HTTP thread if that
 * cannot block, a clerk if it buys, and else the background thread.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "service/http/handle.h"

/* All of them; fewer than SERVICE_ROUTES_MAX. */
extern const struct route routes[];
extern const size_t routes_count;

/*
 * HTTP thread: find the route and set what the request says of it, refuse what
 * is wrong whatever the call, answer or say where to go.  The reply is made if
 * and only if ROUTE_ANSWERED is returned.
 */
enum route_where routes_begin(struct call *call);

/* Set request->route alone; NULL: none fits.  Not without memory. */
void routes_find(struct request *request);

/* Which of routes[]; NULL, which is no route, has number routes_count. */
size_t routes_number(const struct route *route);

#endif
