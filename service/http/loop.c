/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmicrohttpd in a loop of our own: its epoll thread stalls when exactly
 * 128 connections are ready at once, an outside loop does not, and here
 * suspend, resume and quiesce all happen on one thread.
 *
 * A request's life: read in pieces, then answered, or handed over and its
 * connection suspended.  Whoever serves it puts it in the outbox and wakes
 * the loop, which resumes the connection; the handler is called again and
 * queues the reply.
 */
#include "service/http/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/http/problem.h"
#include "service/http/routes.h"

#define CONNECTION_MEMORY ((size_t)16 * 1024)
#define CONNECTION_TIMEOUT_S 60u
#define CONNECTIONS_MAX 16384u
#define SPARE_FILES 1024u /* for everything that is not a connection */
#define UPLOAD_MAX (1024 * 1024)
#define LOOP_WAIT_MS 100
#define LAST_BYTES_NS (20 * NS_PER_MS)

/* One request and its reply, from the first byte to the last. */
struct exchange {
	struct http *http;
	struct MHD_Connection *connection;
	struct request request;
	struct reply reply;
	bool handed_over;
	bool answered; /* a reply was queued */
	size_t uploaded;
	struct errand errand;
	STAILQ_ENTRY(exchange) link; /* in the outbox */
};

STAILQ_HEAD(outbox, exchange);

struct http {
	const struct service *service;
	struct tally *tally;
	/* NULL until the shop is open. */
	struct store_user *store;
	struct queue *queue;
	struct office *office;
	struct MHD_Daemon *daemon;
	size_t in_flight; /* exchanges; HTTP thread only */
	bool draining;    /* HTTP thread only */
	int wake_fd;      /* an eventfd: the outbox is not empty */
	pthread_mutex_t mutex;
	struct outbox outbox; /* under `mutex` */
};

/* ------------------------------------------------------------- requests -- */

/* The library keeps the blanks behind a header's value; they are not of it. */
static char *
copy_trimmed(const char *value)
{
	size_t length = strlen(value);

	while (length > 0 &&
	       (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	return strndup(value, length);
}

static enum MHD_Result
note_header(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct exchange *exchange = arg;
	struct request *request = &exchange->request;
	size_t i;

	(void)kind;
	if (value == NULL)
		value = "";
	for (i = 0; i < HEADERS; i++)
		if (request->headers[i] == NULL &&
		    strcasecmp(name, header_names[i]) == 0)
			request->headers[i] = copy_trimmed(value);
	return MHD_YES;
}

/* Two lengths are how one request is smuggled inside another. */
static enum MHD_Result
count_lengths(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	unsigned *count = arg;

	(void)kind;
	(void)value;
	if (strcasecmp(name, "Content-Length") == 0 ||
	    strcasecmp(name, "Transfer-Encoding") == 0)
		++*count;
	return MHD_YES;
}

static enum MHD_Result
note_arg(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct exchange *exchange = arg;
	struct request *request = &exchange->request;

	(void)kind;
	if (request->arg_count == REQUEST_ARGS_MAX) {
		request->ambiguous = true;
		return MHD_NO;
	}
	request->args[request->arg_count].name = strdup(name);
	request->args[request->arg_count].value =
	    strdup(value == NULL ? "" : value);
	request->arg_count++;
	return MHD_YES;
}

static bool
is_lower_hex(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!isdigit((unsigned char)text[i]) &&
		    (text[i] < 'a' || text[i] > 'f'))
			return false;
	return true;
}

/* The trace's id if the caller has one, else a number of our own. */
static void
name_request(struct request *request)
{
	static const char zeros[] = "00000000000000000000000000000000";
	const char *trace = request->headers[HEADER_TRACEPARENT];
	uint64_t number;

	if (trace != NULL && strlen(trace) >= 55 && trace[2] == '-' &&
	    trace[35] == '-' && is_lower_hex(trace + 3, 32) &&
	    memcmp(trace + 3, zeros, 32) != 0) {
		memcpy(request->id, trace + 3, 32);
		request->id[32] = '\0';
		return;
	}
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = 0;
	snprintf(request->id, sizeof(request->id), "%016" PRIx64, number);
}

static struct exchange *
exchange_new(struct http *http, struct MHD_Connection *connection,
    const char *path, const char *method)
{
	struct exchange *exchange;
	struct request *request;
	unsigned lengths = 0;

	exchange = calloc(1, sizeof(*exchange));
	if (exchange == NULL)
		return NULL;
	exchange->http = http;
	exchange->connection = connection;
	request = &exchange->request;
	request->arrived_ns = clock_now_ns();
	request->order.owner = exchange;
	request->path = strdup(path);
	request->method = strcmp(method, "HEAD") == 0     ? "GET"
			  : strcmp(method, "GET") == 0    ? "GET"
			  : strcmp(method, "POST") == 0   ? "POST"
			  : strcmp(method, "PATCH") == 0  ? "PATCH"
			  : strcmp(method, "DELETE") == 0 ? "DELETE"
							  : "?";
	MHD_get_connection_values(
	    connection, MHD_HEADER_KIND, note_header, exchange);
	MHD_get_connection_values(
	    connection, MHD_HEADER_KIND, count_lengths, &lengths);
	MHD_get_connection_values(
	    connection, MHD_GET_ARGUMENT_KIND, note_arg, exchange);
	if (lengths > 1)
		request->ambiguous = true;
	name_request(request);
	http->in_flight++;
	return exchange;
}

static void
exchange_free(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	size_t i;

	exchange->http->in_flight--;
	for (i = 0; i < HEADERS; i++)
		free(request->headers[i]);
	for (i = 0; i < request->arg_count; i++) {
		free(request->args[i].name);
		free(request->args[i].value);
	}
	free(request->path);
	free(request->order.replayed_trail);
	reply_free(&exchange->reply);
	free(exchange);
}

/* -------------------------------------------------------------- replies -- */

static enum MHD_Result
send_reply(struct exchange *exchange)
{
	struct reply *reply = &exchange->reply;
	struct MHD_Response *response;
	enum MHD_Result result;
	size_t i;

	/* The exchange, and so the body, outlives the response. */
	response = MHD_create_response_from_buffer(
	    reply->size, reply->body, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	if (reply->type != NULL)
		MHD_add_response_header(response, "Content-Type", reply->type);
	for (i = 0; i < reply->header_count; i++)
		MHD_add_response_header(
		    response, reply->headers[i].name, reply->headers[i].value);
	if (reply->close || exchange->http->draining)
		MHD_add_response_header(response, "Connection", "close");
	result = MHD_queue_response(
	    exchange->connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	exchange->answered = true;
	counting_add(
	    &exchange->http->tally
		 ->http[routes_number(exchange->request.route)][reply->status],
	    1);
	return result;
}

static void
post(struct exchange *exchange)
{
	struct http *http = exchange->http;
	const uint64_t one = 1;
	bool was_empty;

	pthread_mutex_lock(&http->mutex);
	was_empty = STAILQ_EMPTY(&http->outbox);
	STAILQ_INSERT_TAIL(&http->outbox, exchange, link);
	pthread_mutex_unlock(&http->mutex);
	if (was_empty)
		(void)!write(http->wake_fd, &one, sizeof(one));
}

static struct call
call_of(struct exchange *exchange, struct store_user *store)
{
	return (struct call){.service = exchange->http->service,
	    .store = store,
	    .request = &exchange->request,
	    .reply = &exchange->reply};
}

void
http_answered(struct order *order)
{
	post(order->owner);
}

void
http_in_office(struct errand *errand, struct store_user *store)
{
	struct exchange *exchange =
	    (struct exchange *)((char *)errand -
				offsetof(struct exchange, errand));
	struct call call = call_of(exchange, store);

	routes_office(&call);
	post(exchange);
}

/* False: it was refused, and the reply is made. */
static bool
hand_over(struct exchange *exchange, enum route_where where)
{
	struct http *http = exchange->http;
	struct order *order = &exchange->request.order;
	struct call call = call_of(exchange, http->store);

	/* Suspended first: the answer may come before this returns. */
	MHD_suspend_connection(exchange->connection);
	exchange->handed_over = true;
	if (where == ROUTE_TO_CLERK) {
		if (queue_push(http->queue, order))
			return true;
		order->outcome = queue_is_closed(http->queue)
				     ? OUTCOME_DRAINING
				     : OUTCOME_QUEUE_FULL;
		routes_sold(&call);
		counting_order(&http->tally->sale, order);
	} else {
		if (office_push(http->office, &exchange->errand))
			return true;
		reply_problem(&exchange->reply,
		    http->draining ? PROBLEM_DRAINING : PROBLEM_QUEUE_FULL,
		    NULL, "Nothing was done; try again.");
	}
	post(exchange);
	return false;
}

static enum MHD_Result
serve(struct exchange *exchange)
{
	struct call call = call_of(exchange, exchange->http->store);
	enum route_where where;

	if (exchange->handed_over) { /* and back */
		if (exchange->reply.status == 0)
			routes_sold(&call);
		return send_reply(exchange);
	}
	where = routes_begin(&call);
	if (where == ROUTE_ANSWERED)
		return send_reply(exchange);
	hand_over(exchange, where);
	return MHD_YES;
}

/* Keep what fits; of the rest only that it was there. */
static enum MHD_Result
take_upload(struct exchange *exchange, const char *data, size_t size)
{
	struct request *request = &exchange->request;

	exchange->uploaded += size;
	if (exchange->uploaded > UPLOAD_MAX)
		return MHD_NO;
	if (size > REQUEST_BODY_MAX - request->body_size) {
		request->body_too_large = true;
		return MHD_YES;
	}
	memcpy(request->body + request->body_size, data, size);
	request->body_size += size;
	return MHD_YES;
}

/* A body that says it is too large is refused before it is sent. */
static enum MHD_Result
refuse_early(struct exchange *exchange)
{
	const char *length = MHD_lookup_connection_value(
	    exchange->connection, MHD_HEADER_KIND, "Content-Length");

	if (length == NULL || strtoull(length, NULL, 10) <= REQUEST_BODY_MAX)
		return MHD_YES;
	reply_problem(&exchange->reply, PROBLEM_TOO_LARGE, NULL,
	    "A body may have %d bytes.", REQUEST_BODY_MAX);
	return send_reply(exchange);
}

/*
 * Called by the library when there are headers, for each piece of the body,
 * at its end, and after each resume.
 */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **context)
{
	struct exchange *exchange = *context;
	const size_t size = *upload_size;

	(void)version;
	if (exchange == NULL) {
		exchange = exchange_new(arg, connection, path, method);
		if (exchange == NULL)
			return MHD_NO;
		*context = exchange;
		return refuse_early(exchange);
	}
	if (exchange->answered)
		return MHD_YES;
	if (size > 0) {
		*upload_size = 0;
		return take_upload(exchange, upload, size);
	}
	return serve(exchange);
}

static void
completed(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct exchange *exchange = *context;

	(void)arg;
	(void)connection;
	(void)code;
	if (exchange != NULL)
		exchange_free(exchange);
	*context = NULL;
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

/* ----------------------------------------------------------------- loop -- */

static void
library_log(void *arg, const char *format, va_list args)
{
	(void)arg;
	(void)format;
	(void)args; /* about broken clients, who could fill the disk */
}

static unsigned
connection_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return SPARE_FILES;
	if (files.rlim_cur < 2 * SPARE_FILES)
		return (unsigned)files.rlim_cur / 2;
	if (files.rlim_cur - SPARE_FILES > CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return (unsigned)files.rlim_cur - SPARE_FILES;
}

struct http *
http_new(const struct service *service, unsigned worker)
{
	struct http *http;

	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return NULL;
	http->service = service;
	http->tally = &service->board->tally[worker];
	pthread_mutex_init(&http->mutex, NULL);
	STAILQ_INIT(&http->outbox);
	http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (http->wake_fd == -1)
		goto undo_http;
	http->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, library_log,
	    NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
	    MHD_OPTION_LISTEN_SOCKET, service->listen_fd,
	    MHD_OPTION_CONNECTION_LIMIT, connection_limit(),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
	    MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
	if (http->daemon == NULL)
		goto undo_wake;
	return http;
undo_wake:
	close(http->wake_fd);
undo_http:
	LOG_EVENT(
	    &service->log, "http-failed", LOG_TEXT("error", strerror(errno)));
	free(http);
	return NULL;
}

void
http_open(struct http *http, struct store_user *store, struct queue *queue,
    struct office *office)
{
	http->store = store;
	http->queue = queue;
	http->office = office;
}

void
http_free(struct http *http)
{
	MHD_stop_daemon(http->daemon);
	close(http->wake_fd);
	pthread_mutex_destroy(&http->mutex);
	free(http);
}

static void
empty_outbox(struct http *http)
{
	struct outbox taken = STAILQ_HEAD_INITIALIZER(taken);
	struct exchange *exchange;
	uint64_t woken;

	(void)!read(http->wake_fd, &woken, sizeof(woken));
	pthread_mutex_lock(&http->mutex);
	STAILQ_CONCAT(&taken, &http->outbox);
	pthread_mutex_unlock(&http->mutex);
	while ((exchange = STAILQ_FIRST(&taken)) != NULL) {
		STAILQ_REMOVE_HEAD(&taken, link);
		MHD_resume_connection(exchange->connection);
	}
}

static void
begin_drain(struct http *http)
{
	int fd;

	http->draining = true;
	fd = MHD_quiesce_daemon(http->daemon);
	if (fd != -1)
		close(fd);
	if (http->queue != NULL)
		queue_close(http->queue);
}

static int
wait_ms(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(http->daemon, &timeout) == MHD_YES &&
	    timeout < LOOP_WAIT_MS)
		return (int)timeout;
	return http->draining ? 10 : LOOP_WAIT_MS;
}

/* One turn of the loop: wait, resume what was served, read and write. */
static void
turn(struct http *http, int stop_fd, bool *stop)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = {{.fd = info->epoll_fd, .events = POLLIN},
	    {.fd = http->wake_fd, .events = POLLIN},
	    {.fd = stop_fd, .events = POLLIN}};

	if (poll(fds, http->draining ? 2 : 3, wait_ms(http)) > 0 &&
	    !http->draining && fds[2].revents != 0)
		*stop = true;
	empty_outbox(http);
	MHD_run(http->daemon);
	if (http->queue != NULL)
		atomic_store_explicit(&http->tally->queue_depth,
		    queue_length(http->queue), memory_order_relaxed);
}

/* Refuse new orders, answer those that wait.  False: not all in time. */
static bool
drain(struct http *http)
{
	const int64_t give_up_ns =
	    clock_now_ns() + 2 * http->service->options->timeout_ms * NS_PER_MS;
	bool stop;

	begin_drain(http);
	while (http->in_flight > 0 && clock_now_ns() < give_up_ns)
		turn(http, -1, &stop);
	/* The last bytes may still be in the sockets. */
	clock_sleep_until(clock_now_ns() + LAST_BYTES_NS);
	return http->in_flight == 0;
}

enum http_end
http_run(struct http *http, int stop_fd)
{
	const bool is_open = http->store != NULL;
	bool stop = false;

	while (!stop && store_poisoned(http->service->store) != is_open)
		turn(http, stop_fd, &stop);
	if (!stop && !is_open)
		return HTTP_OPENED;
	if (!drain(http))
		return HTTP_GAVE_UP;
	return stop ? HTTP_STOPPED : HTTP_POISONED;
}
