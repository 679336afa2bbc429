/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's life: read in pieces, then answered, or handed over and its
 * connection suspended.  Whoever serves it puts it in the outbox and wakes
 * the loop, which resumes the connection; the library calls again and the
 * reply is sent.  With loop.c the only file that knows libmicrohttpd.
 */
#include "service/http/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/http/admin.h"
#include "service/http/body.h"
#include "service/http/cors.h"
#include "service/http/problem.h"
#include "service/http/routes.h"
#include "service/member.h"

#define UPLOAD_MAX (1024 * 1024)
static_assert(UPLOAD_MAX > REQUEST_BODY_MAX, "too much is seen before it ends");

static enum MHD_Result
note(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	if (value == NULL)
		value = "";
	if (kind == MHD_HEADER_KIND)
		request_put_header(arg, name, value);
	else
		request_put_arg(arg, name, value);
	return MHD_YES;
}

static int
socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info == NULL ? -1 : info->connect_fd;
}

static struct exchange *
exchange_new(struct loop *loop, struct MHD_Connection *connection,
    const char *path, const char *method)
{
	struct exchange *exchange;
	struct request *request;

	exchange = malloc(sizeof(*exchange));
	if (exchange == NULL)
		return NULL;
	memset(exchange, 0, offsetof(struct exchange, request));
	exchange->loop = loop;
	exchange->connection = connection;
	exchange->job.owner = exchange;
	reply_begin(&exchange->reply);
	request = &exchange->request;
	request_begin(request, method, path);
	request->order.owner = exchange;
	MHD_get_connection_values(
	    connection, MHD_HEADER_KIND | MHD_GET_ARGUMENT_KIND, note, request);
	request_identify(request);
	exchange->call = (struct call){.service = loop->service,
	    .request = request,
	    .reply = &exchange->reply,
	    .client_fd = socket_of(connection)};
	loop->in_flight++;
	return exchange;
}

struct MHD_Response *
exchange_response(const struct reply *reply, bool close)
{
	/* The exchange, and so the body, outlives the response. */
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(reply->size,
		(void *)(uintptr_t)reply->body, MHD_RESPMEM_PERSISTENT);
	bool whole = response != NULL;
	size_t i;

	if (whole && reply->type != NULL)
		whole = MHD_add_response_header(
		    response, "Content-Type", reply->type);
	for (i = 0; whole && i < reply->header_count; i++)
		whole = MHD_add_response_header(
		    response, reply->headers[i].name, reply->headers[i].value);
	if (whole && close)
		whole =
		    MHD_add_response_header(response, "Connection", "close");
	if (!whole && response != NULL)
		MHD_destroy_response(response);
	return whole ? response : NULL;
}

/* What goes with any reply, also with one that there was no memory for. */
static void
sign(struct exchange *exchange)
{
	struct reply *reply = &exchange->reply;

	reply->lost = false; /* or it takes no header */
	reply_header(reply, "X-Request-Id", exchange->request.id);
	cors_put(&exchange->call);
}

static void
count(const struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	struct tally *tally = exchange->loop->tally;
	const size_t route = routes_number(request->route);

	assert(exchange->reply.status < SERVICE_STATUSES);
	counting_add(&tally->http[route][exchange->reply.status], 1);
	counting_time(
	    &tally->http_time[route], clock_now_ns() - request->arrived_ns);
}

static enum MHD_Result
send_reply(struct exchange *exchange)
{
	const struct loop *loop = exchange->loop;
	struct reply *reply = &exchange->reply;
	struct MHD_Response *response, *made;
	enum MHD_Result result;

	sign(exchange);
	response = made =
	    exchange_response(reply, reply->close || loop->draining);
	if (made == NULL) {
		reply_lose(reply);
		response = loop->last_words[reply->changed];
	}
	result = MHD_queue_response(
	    exchange->connection, (unsigned)reply->status, response);
	if (made != NULL)
		MHD_destroy_response(made);
	count(exchange);
	return result;
}

/* Into the outbox; from then on they are the HTTP thread's. */
static void
post(struct loop *loop, struct jobs *served)
{
	const uint64_t one = 1;
	bool was_empty;

	if (STAILQ_EMPTY(served))
		return;
	pthread_mutex_lock(&loop->mutex);
	was_empty = STAILQ_EMPTY(&loop->outbox);
	STAILQ_CONCAT(&loop->outbox, served);
	pthread_mutex_unlock(&loop->mutex);
	if (was_empty)
		(void)!write(loop->wake_fd, &one, sizeof(one));
}

void
exchange_post(struct exchange *exchange)
{
	struct jobs served = STAILQ_HEAD_INITIALIZER(served);

	STAILQ_INSERT_TAIL(&served, &exchange->job, link);
	post(exchange->loop, &served);
}

static void
decided(struct exchange *exchange, struct jobs *served)
{
	if (atomic_fetch_sub(&exchange->undecided, 1) == 1)
		STAILQ_INSERT_TAIL(served, &exchange->job, link);
}

void
exchange_answered(struct order *const *orders, size_t count)
{
	struct jobs served = STAILQ_HEAD_INITIALIZER(served);
	struct loop *loop = ((struct exchange *)orders[0]->owner)->loop;
	size_t i;

	for (i = 0; i < count; i++)
		decided(orders[i]->owner, &served);
	post(loop, &served);
}

static void
push_order(struct exchange *exchange, struct order *order, struct jobs *served)
{
	struct loop *loop = exchange->loop;

	if (queue_push(loop->queue, order))
		return;
	order->outcome = loop->draining ? OUTCOME_DRAINING : OUTCOME_QUEUE_FULL;
	counting_order(&loop->tally->sale, order, clock_now_ns());
	decided(exchange, served);
}

/* One more is undecided until all are pushed: nobody posts before that. */
static void
push_orders(struct exchange *exchange)
{
	struct jobs served = STAILQ_HEAD_INITIALIZER(served);
	struct request *request = &exchange->request;
	struct loop *loop = exchange->loop;
	size_t i;

	atomic_store(&exchange->undecided,
	    request->crowd_count > 0 ? request->crowd_count + 1 : 2);
	if (request->crowd_count == 0)
		push_order(exchange, &request->order, &served);
	for (i = 0; i < request->crowd_count; i++)
		push_order(exchange, &request->crowd[i], &served);
	decided(exchange, &served);
	post(loop, &served);
}

/* False: refused, and the reply is made. */
static bool
push_job(struct exchange *exchange, bool walks)
{
	struct loop *loop = exchange->loop;
	const enum lane lane = !walks                      ? LANE_SHORT
			       : admin_is(&exchange->call) ? LANE_ADMIN_WALK
							   : LANE_WALK;

	if (background_push(loop->background, &exchange->job, lane))
		return true;
	return problem_reply(&exchange->reply,
	    loop->draining ? PROBLEM_DRAINING
	    : walks        ? PROBLEM_TOO_MANY_AUDITS
			   : PROBLEM_QUEUE_FULL,
	    NULL, "Nothing was done; try again.");
}

/* To whom it goes; if they refuse it, it is served at once. */
static void
hand_over(struct exchange *exchange, enum route_where where)
{
	/* Suspended first: the answer may come before this returns. */
	MHD_suspend_connection(exchange->connection);
	exchange->handed_over = true;
	exchange->loop->away++;
	if (where == ROUTE_TO_CLERK)
		push_orders(exchange);
	else if (!push_job(exchange, where == ROUTE_TO_WALKER))
		exchange_post(exchange);
}

static enum MHD_Result
serve(struct exchange *exchange)
{
	enum route_where where;

	exchange->call.store = exchange->loop->store;
	(void)member_lost(); /* whatever it was, it was another call's */
	if (exchange->handed_over) { /* and back */
		if (exchange->reply.status == 0)
			(exchange->request.crowd_count > 0
				? handle_crowd_decided
				: handle_buy_decided)(&exchange->call);
		return send_reply(exchange);
	}
	where = routes_begin(&exchange->call);
	if (where == ROUTE_ANSWERED)
		return send_reply(exchange);
	hand_over(exchange, where);
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
	if (!exchange->request.no_memory)
		routes_find(&exchange->request);
	body_too_large(&exchange->reply);
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
	if (exchange->reply.status != 0 && !exchange->handed_over)
		return MHD_YES; /* refused early */
	if (size > 0) {
		*upload_size = 0;
		request_put_body(&exchange->request, upload, size);
		return exchange->request.body_size <= UPLOAD_MAX ? MHD_YES
								 : MHD_NO;
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
	if (exchange == NULL)
		return;
	*context = NULL;
	exchange->loop->in_flight--;
	request_free(&exchange->request);
	reply_free(&exchange->reply);
	free(exchange);
}
