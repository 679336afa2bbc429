/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP, by libmicrohttpd: the only file that knows it is http.c.
 *
 * One thread, the worker's first, runs the library in its own loop.  It never
 * blocks: what could is handed to a clerk or the office, with the connection
 * suspended until http_answered() or the office gives it back.
 */
#ifndef HTTP_H
#define HTTP_H

#include "office.h"
#include "queue.h"
#include "service.h"

struct http;

/* NULL: an error, which was logged. */
struct http *http_new(const struct service *service, unsigned worker,
    struct store_user *store, struct queue *queue);
void http_free(struct http *http);

/* Before the first request. */
void http_set_office(struct http *http, struct office *office);

/* Any thread: a queued order is decided. */
void http_answered(struct order *order);

/* The office's thread: answer an errand that http made. */
void http_in_office(struct errand *errand, struct store_user *store);

/*
 * Serve until `stop_fd` becomes readable or is hung up; then refuse new
 * orders and answer those that wait.  False: some were not answered in time;
 * http_free() must not be called then.
 */
bool http_run(struct http *http, int stop_fd);

#endif
