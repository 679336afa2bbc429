/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmicrohttpd in a loop of our own: its epoll thread stalls when exactly
 * 128 connections are ready at once, an outside loop does not, and here
 * suspend, resume and quiesce all happen on one thread.  With exchange.c the
 * only file that knows the library.
 */
#include "service/http/loop.h"

#include <sys/eventfd.h>
#include <sys/param.h>
#include <sys/resource.h>

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/http/exchange.h"
#include "service/http/routes.h"
#include "service/member.h"

#define CONNECTION_MEMORY ((size_t)8 * 1024)
static_assert(CONNECTION_MEMORY > 2 * ORDER_KEY_SIZE, "any key is a header");
#define CONNECTION_TIMEOUT_S 60u
#define CONNECTIONS_MAX 16384u
#define SPARE_FILES 1024u /* for everything that is not a connection */
#define LOOP_WAIT_MS 100
#define LAST_BYTES_NS (20 * NS_PER_MS)
#define CLIENTS_NS NS_PER_SEC /* at the end: to send the rest, or to read */
#define CLERK_AFTER_NS (50 * NS_PER_MS) /* so long a sale waits for one */

void
loop_answered(struct order *const *orders, size_t count)
{
	exchange_answered(orders, count);
}

void
loop_serve(struct job *job, struct store_user *store)
{
	struct exchange *exchange = job->owner;

	exchange->call.store = store;
	(void)member_lost(); /* another call's */
	exchange->request.route->handler(&exchange->call);
	assert(exchange->reply.status != 0);
	exchange_post(exchange);
}

/* A NUL would cut the path short and make it another one: leave it. */
static size_t
unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strstr(text, "%00") != NULL ? strlen(text)
					   : MHD_http_unescape(text);
}

static unsigned
connection_limit(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < 2 * SPARE_FILES)
		return (unsigned)files.rlim_cur / 2;
	return (unsigned)MIN(files.rlim_cur - SPARE_FILES, CONNECTIONS_MAX);
}

/*
 * The library gives up (a connection that it cannot take out of its epoll set
 * or put back, say).  Nobody can be answered any more, but a worker that says
 * why and ends is replaced at once.
 */
__attribute__((noreturn)) static void
on_panic(void *arg, const char *file, unsigned line, const char *reason)
{
	const struct loop *loop = arg;
	const int error = errno;
	char what[128];

	(void)file;
	(void)line;
	snprintf(what, sizeof(what), "%s", reason == NULL ? "?" : reason);
	what[strcspn(what, "\n")] = '\0';
	LOG_EVENT(&loop->service->log, "http-failed", LOG_TEXT("what", what),
	    LOG_TEXT("error", strerror(error)));
	_exit(EXIT_FAILURE);
}

/* False: there is no memory. */
static bool
prepare_last_words(struct loop *loop)
{
	struct reply lost[2] = {{.changed = false}, {.changed = true}};
	size_t i;

	for (i = 0; i < 2; i++) {
		reply_lose(&lost[i]);
		loop->last_words[i] = exchange_response(&lost[i], true);
	}
	return loop->last_words[0] != NULL && loop->last_words[1] != NULL;
}

/*
 * Of all that the library says only this is not told otherwise: accept() had
 * no file, before there were as many connections as there may be.
 */
__attribute__((format(printf, 2, 0))) static void
on_message(void *arg, const char *format, va_list args)
{
	struct loop *loop = arg;

	(void)args;
	loop->no_files |= strstr(format, "system resource limit") != NULL;
}

static struct MHD_Daemon *
start_daemon(struct loop *loop)
{
	MHD_set_panic_func(on_panic, loop);
	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    NULL, NULL, exchange_handle, loop, MHD_OPTION_EXTERNAL_LOGGER,
	    on_message, loop, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
	    MHD_OPTION_LISTEN_SOCKET, loop->service->listen_fd,
	    MHD_OPTION_CONNECTION_LIMIT, loop->connections_most,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
	    MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, NULL,
	    MHD_OPTION_END);
}

static void
free_loop(struct loop *loop)
{
	if (loop == NULL)
		return;
	MHD_destroy_response(loop->last_words[0]);
	MHD_destroy_response(loop->last_words[1]);
	if (loop->wake_fd != -1)
		close(loop->wake_fd);
	pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

/* False: errno says why. */
static bool
set_up(struct loop *loop, const struct service *service, unsigned worker)
{
	loop->service = service;
	loop->tally = &service->board->tally[worker];
	loop->next_deadline_ns = INT64_MAX;
	loop->connections_most = connection_limit();
	pthread_mutex_init(&loop->mutex, NULL);
	STAILQ_INIT(&loop->outbox);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd == -1 || !prepare_last_words(loop))
		return false;
	loop->daemon = start_daemon(loop);
	return loop->daemon != NULL;
}

struct loop *
loop_new(const struct service *service, unsigned worker)
{
	struct loop *loop;
	int error;

	member_watch();
	loop = calloc(1, sizeof(*loop));
	if (loop != NULL && set_up(loop, service, worker))
		return loop;
	error = errno;
	free_loop(loop);
	errno = error;
	return NULL;
}

void
loop_open(struct loop *loop, const struct loop_shop *shop)
{
	loop->store = shop->store;
	loop->queue = shop->queue;
	loop->background = shop->background;
	loop->need_clerk = shop->need_clerk;
	loop->need_clerk_arg = shop->arg;
}

void
loop_free(struct loop *loop)
{
	MHD_stop_daemon(loop->daemon);
	free_loop(loop);
}

static void
empty_outbox(struct loop *loop)
{
	struct jobs taken = STAILQ_HEAD_INITIALIZER(taken);
	const struct exchange *exchange;
	struct job *job;
	uint64_t woken;

	(void)!read(loop->wake_fd, &woken, sizeof(woken));
	pthread_mutex_lock(&loop->mutex);
	STAILQ_CONCAT(&taken, &loop->outbox);
	pthread_mutex_unlock(&loop->mutex);
	while ((job = STAILQ_FIRST(&taken)) != NULL) {
		STAILQ_REMOVE_HEAD(&taken, link);
		exchange = job->owner;
		loop->away--;
		MHD_resume_connection(exchange->connection);
	}
}

static int
wait_ms(const struct loop *loop)
{
	const int64_t left_ns = loop->next_deadline_ns - clock_now_ns();
	int64_t wait = loop->draining ? 10 : LOOP_WAIT_MS;
	MHD_UNSIGNED_LONG_LONG timeout;

	if (left_ns < wait * NS_PER_MS)
		wait = left_ns < 0 ? 0 : left_ns / NS_PER_MS + 1;
	if (MHD_get_timeout(loop->daemon, &timeout) == MHD_YES &&
	    timeout < (MHD_UNSIGNED_LONG_LONG)wait)
		wait = (int64_t)timeout;
	return (int)wait;
}

/*
 * Clerks look at deadlines when they come for an order; while all of them are
 * in a delay or wait for a lock, nobody else would.
 */
static void
look_after_queue(struct loop *loop)
{
	const int64_t now_ns = clock_now_ns();
	struct order_list late = TAILQ_HEAD_INITIALIZER(late);
	struct order *order;

	queue_call_clerks(loop->queue);
	loop->next_deadline_ns = queue_take_late(loop->queue, now_ns, &late);
	while ((order = TAILQ_FIRST(&late)) != NULL) {
		TAILQ_REMOVE(&late, order, link);
		order->outcome = OUTCOME_QUEUE_TIMEOUT;
		counting_order(&loop->tally->sale, order, now_ns);
		exchange_answered(&order, 1);
	}
	if (!loop->draining &&
	    queue_needs_clerk(loop->queue, now_ns - CLERK_AFTER_NS))
		loop->need_clerk(loop->need_clerk_arg);
	atomic_store_explicit(&loop->tally->queue_depth,
	    queue_length(loop->queue), memory_order_relaxed);
}

/* Whoever comes when it is full waits and is told nothing: it is said here,
 * once, until half of them are gone. */
static void
look_after_connections(struct loop *loop)
{
	const struct service *service = loop->service;
	const unsigned open = MHD_get_daemon_info(
	    loop->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
				  ->num_connections;
	const bool full = open >= loop->connections_most || loop->no_files;

	atomic_store(&loop->tally->connections, open);
	if (full && loop->full_at == 0 &&
	    flood_says(&service->board->full, clock_now_ns()))
		LOG_EVENT(&service->log, "connections-full",
		    LOG_NUMBER("open", (int64_t)open),
		    LOG_TEXT("what",
			loop->no_files
			    ? "no file for another one: whoever comes waits"
			    : "as many as may be: whoever comes waits"));
	if (full)
		loop->full_at = MAX(open, loop->full_at);
	else if (open <= loop->full_at / 2)
		loop->full_at = 0;
	loop->no_files = false;
}

/* What was left out of the log, at the end of its second. */
static void
log_rest(const struct loop *loop, int64_t now_ns)
{
	struct flood *failed = loop->service->board->failed;
	const uint64_t full = flood_rest(&loop->service->board->full, now_ns);
	unsigned i;

	if (full > 0)
		LOG_EVENT(&loop->service->log, "connections-full",
		    LOG_NUMBER("more", (int64_t)full));
	for (i = 0; i < OUTCOMES; i++) {
		const uint64_t rest = flood_rest(&failed[i], now_ns);

		if (rest > 0)
			LOG_EVENT(&loop->service->log, "orders-failed",
			    LOG_TEXT("problem", order_outcome_name(i)),
			    LOG_NUMBER("more", (int64_t)rest));
	}
}

/* Wait, resume what was served, read and write.  True: it is to stop. */
static bool
turn(struct loop *loop, int stop_fd)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = {{.fd = info->epoll_fd, .events = POLLIN},
	    {.fd = loop->wake_fd, .events = POLLIN},
	    {.fd = stop_fd, .events = POLLIN}};

	counting_add(&loop->tally->turns, 1);
	poll(fds, 3, wait_ms(loop));
	empty_outbox(loop);
	MHD_run(loop->daemon);
	if (loop->queue != NULL)
		look_after_queue(loop);
	look_after_connections(loop);
	log_rest(loop, clock_now_ns());
	return fds[2].revents != 0;
}

/*
 * Clerks and the background get the time that orders have; clients that do not
 * send the rest of a request, or do not read a reply, hold nobody up.
 */
static void
answer_all(struct loop *loop)
{
	int64_t now_ns = clock_now_ns(), clients_ns = now_ns + CLIENTS_NS;
	const int64_t give_up_ns =
	    now_ns + 2 * loop->service->options->timeout_ms * NS_PER_MS;

	while (loop->in_flight > 0 && now_ns < give_up_ns) {
		if (loop->away > 0)
			clients_ns = now_ns + CLIENTS_NS;
		if (now_ns >= clients_ns)
			break;
		turn(loop, -1);
		now_ns = clock_now_ns();
	}
}

/* Refuse new orders, answer those that wait.  False: not all in time. */
static bool
drain(struct loop *loop)
{
	const int listen_fd = MHD_quiesce_daemon(loop->daemon);

	loop->draining = true;
	if (listen_fd != -1)
		close(listen_fd);
	if (loop->queue != NULL)
		queue_close(loop->queue);
	answer_all(loop);
	/* The last bytes may still be in the sockets. */
	clock_sleep_until(clock_now_ns() + LAST_BYTES_NS);
	log_rest(loop, INT64_MAX);
	if (loop->away > 0)
		LOG_EVENT(&loop->service->log, "drain-gave-up",
		    LOG_NUMBER("unanswered", (int64_t)loop->away));
	return loop->away == 0;
}

enum loop_end
loop_run(struct loop *loop, int stop_fd)
{
	const bool is_open = loop->store != NULL;
	bool stop = false;

	while (!stop && store_poisoned(loop->service->store) != is_open)
		stop = turn(loop, stop_fd);
	if (!stop && !is_open)
		return LOOP_OPENED;
	if (!drain(loop))
		return LOOP_GAVE_UP;
	return stop ? LOOP_STOPPED : LOOP_POISONED;
}
