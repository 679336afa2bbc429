/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's life: read in pieces, then answered, or handed over and its
 * connection suspended.  Whoever serves it puts it in the outbox and wakes
 * the loop, which resumes the connection; the handler is called again and
 * queues the reply.
 */
#include "service/http/exchange.h"

#include <sys/random.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/http/problem.h"
#include "service/http/routes.h"

#define UPLOAD_MAX (1024 * 1024)

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
		    strcasecmp(name, request_header_names[i]) == 0)
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
exchange_new(struct loop *loop, struct MHD_Connection *connection,
    const char *path, const char *method)
{
	struct exchange *exchange;
	struct request *request;
	unsigned lengths = 0;

	exchange = calloc(1, sizeof(*exchange));
	if (exchange == NULL)
		return NULL;
	exchange->loop = loop;
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
	loop->in_flight++;
	return exchange;
}

static void
exchange_free(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	size_t i;

	exchange->loop->in_flight--;
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
	if (reply->close || exchange->loop->draining)
		MHD_add_response_header(response, "Connection", "close");
	result = MHD_queue_response(
	    exchange->connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	exchange->answered = true;
	counting_add(
	    &exchange->loop->tally
		 ->http[routes_number(exchange->request.route)][reply->status],
	    1);
	return result;
}

static struct call
call_of(struct exchange *exchange, struct store_user *store)
{
	return (struct call){.service = exchange->loop->service,
	    .store = store,
	    .request = &exchange->request,
	    .reply = &exchange->reply};
}

void
exchange_post(struct exchange *exchange)
{
	struct loop *loop = exchange->loop;
	const uint64_t one = 1;
	bool was_empty;

	pthread_mutex_lock(&loop->mutex);
	was_empty = STAILQ_EMPTY(&loop->outbox);
	STAILQ_INSERT_TAIL(&loop->outbox, exchange, link);
	pthread_mutex_unlock(&loop->mutex);
	if (was_empty)
		(void)!write(loop->wake_fd, &one, sizeof(one));
}

void
exchange_serve(struct job *job, struct store_user *store)
{
	struct exchange *exchange =
	    (struct exchange *)((char *)job - offsetof(struct exchange, job));
	struct call call = call_of(exchange, store);

	routes_background(&call);
	exchange_post(exchange);
}

/* False: it was refused, and the reply is made. */
static bool
hand_over(struct exchange *exchange, enum route_where where)
{
	struct loop *loop = exchange->loop;
	struct order *order = &exchange->request.order;
	struct call call = call_of(exchange, loop->store);

	/* Suspended first: the answer may come before this returns. */
	MHD_suspend_connection(exchange->connection);
	exchange->handed_over = true;
	if (where == ROUTE_TO_CLERK) {
		if (queue_push(loop->queue, order))
			return true;
		order->outcome = queue_is_closed(loop->queue)
				     ? OUTCOME_DRAINING
				     : OUTCOME_QUEUE_FULL;
		handle_buy_decided(&call);
		counting_order(&loop->tally->sale, order);
	} else {
		if (background_push(loop->background, &exchange->job))
			return true;
		problem_reply(&exchange->reply,
		    loop->draining ? PROBLEM_DRAINING : PROBLEM_QUEUE_FULL,
		    NULL, "Nothing was done; try again.");
	}
	exchange_post(exchange);
	return false;
}

static enum MHD_Result
serve(struct exchange *exchange)
{
	struct call call = call_of(exchange, exchange->loop->store);
	enum route_where where;

	if (exchange->handed_over) { /* and back */
		if (exchange->reply.status == 0)
			handle_buy_decided(&call);
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
	problem_reply(&exchange->reply, PROBLEM_TOO_LARGE, NULL,
	    "A body may have %d bytes.", REQUEST_BODY_MAX);
	return send_reply(exchange);
}

enum MHD_Result
exchange_handle(void *arg, struct MHD_Connection *connection, const char *path,
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

void
exchange_completed(void *arg, struct MHD_Connection *connection, void **context,
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
