/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request and its reply, from the first byte to the last.  Private to
 * loop.c and exchange.c, which alone know libmicrohttpd.
 *
 * The HTTP thread has an exchange, but for the time that it is handed over:
 * then a clerk (its order) or the background thread (its job) does, until
 * exchange_post().
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "service/http/background.h"
#include "service/http/handle.h"
#include "service/sale/queue.h"

struct exchange {
	struct loop *loop;
	struct MHD_Connection *connection;
	struct call call; /* its store is that of its thread */
	bool handed_over; /* once; stays so when it is back */
	struct job job;   /* waits for the background, then in the outbox */
	atomic_size_t undecided; /* orders; whoever decides the last, posts */
	/* The call is about: */
	struct request request;
	struct reply reply;
};

/* A worker's loop, as its exchanges see it; by the HTTP thread only. */
struct loop {
	const struct service *service;
	struct tally *tally;
	/* NULL until the shop is open. */
	struct store_user *store;
	struct queue *queue;
	struct background *background;
	void (*need_clerk)(void *arg);
	void *need_clerk_arg;
	struct MHD_Daemon *daemon;
	/* Of replies that are lost: nothing was changed; something was. */
	struct MHD_Response *last_words[2];
	size_t in_flight; /* exchanges */
	size_t away;      /* those of them that others have: suspended */
	bool draining;
	unsigned connections_most;
	bool no_files;    /* the library had none for a connection */
	unsigned full_at; /* so many when it was full, and was said; 0: not */
	int64_t next_deadline_ns; /* of those that wait for a clerk */

	/* By all threads: exchanges that were served. */
	int wake_fd; /* an eventfd: the outbox is not empty */
	pthread_mutex_t mutex;
	struct jobs outbox; /* served exchanges'; under `mutex` */
};

/* The library's response to send; NULL: there is no memory. */
struct MHD_Response *exchange_response(const struct reply *reply, bool close);

/* Any thread: it was served; have the loop resume its connection. */
void exchange_post(struct exchange *exchange);

/*
 * Any thread: these orders, one or more of one worker's, are decided, for good;
 * whose last order it was is posted, all of them at once.
 */
void exchange_answered(struct order *const *orders, size_t count);

/*
 * Called by the library when there are headers, for each piece of the body,
 * at its end, and after each resume; `arg` is the struct loop.
 */
enum MHD_Result exchange_handle(void *arg, struct MHD_Connection *connection,
    const char *path, const char *method, const char *version,
    const char *upload, size_t *upload_size, void **context);

/* Called by the library when the reply is sent, or never will be. */
void exchange_completed(void *arg, struct MHD_Connection *connection,
    void **context, enum MHD_RequestTerminationCode code);

#endif
