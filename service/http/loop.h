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

#include "service/http/background.h"
#include "service/sale/queue.h"
#include "service/service.h"

struct http;

enum http_end {
	HTTP_STOPPED = 0, /* everything was answered */
	HTTP_OPENED,      /* the store is sound again: open the shop */
	HTTP_POISONED,    /* the store is not: this worker must end */
	HTTP_GAVE_UP,     /* some were not answered in time; do not free */
};

/*
 * The shop is closed at first: what needs the store is refused.  NULL: an
 * error, which was logged.
 */
struct http *http_new(const struct service *service, unsigned worker);
void http_free(struct http *http);

/* From now on sell.  The caller keeps all three until http_run() ended. */
void http_open(struct http *http, struct store_user *store, struct queue *queue,
    struct office *office);

/* Any thread: a queued order is decided. */
void http_answered(struct order *order);

/* The office's thread: answer an errand that http made. */
void http_in_office(struct errand *errand, struct store_user *store);

/*
 * Serve until `stop_fd` becomes readable or is hung up, or the store's
 * poisoning begins (open) or ends (closed).  Except for HTTP_OPENED it then
 * refuses new orders and answers those that wait.
 */
enum http_end http_run(struct http *http, int stop_fd);

#endif
