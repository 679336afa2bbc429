/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP, by libmicrohttpd, which only loop.c and exchange.c know.
 *
 * One thread, the worker's first, runs the library in its own loop.  It never
 * blocks: what could is handed to a clerk or to the background thread, with
 * the connection suspended until loop_answered() or loop_serve() gives it
 * back.  Everything here is for that thread, but for those two.
 */
#ifndef LOOP_H
#define LOOP_H

#include "service/http/background.h"
#include "service/sale/queue.h"
#include "service/service.h"

struct loop;

enum loop_end {
	LOOP_STOPPED = 0, /* everything was answered */
	LOOP_OPENED,      /* the store is sound again: open the shop */
	LOOP_POISONED,    /* the store is not: this worker must end */
	LOOP_GAVE_UP,     /* some were not answered in time; do not free */
};

/*
 * The shop is closed at first: what needs the store is refused.  NULL with
 * errno set.
 */
struct loop *loop_new(const struct service *service, unsigned worker);
void loop_free(struct loop *loop);

/* What an open shop has; all of it stays until loop_run() ended. */
struct loop_shop {
	struct store_user *store;
	struct queue *queue;
	struct background *background;
	/* All clerks are at their sales, and another sale's buyers wait. */
	void (*need_clerk)(void *arg);
	void *arg;
};

/* From now on sell. */
void loop_open(struct loop *loop, const struct loop_shop *shop);

/* Any thread: these queued orders, one or more, are decided. */
void loop_answered(struct order *const *orders, size_t count);

/* The background thread: answer a job that the loop made. */
void loop_serve(struct job *job, struct store_user *store);

/*
 * Serve until `stop_fd` becomes readable or is hung up, or the store's
 * poisoning begins (open) or ends (closed).  Except for LOOP_OPENED it then
 * refuses new orders and answers those that wait.
 */
enum loop_end loop_run(struct loop *loop, int stop_fd);

#endif
