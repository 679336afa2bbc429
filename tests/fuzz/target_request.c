/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests as the library hands them over, up to their handlers, over a real
 * store: every call of the API, changes included.  A case looks like a request,
 * with arguments in lines of their own, decoded:
 *
 *     PATCH /sales/demo
 *     ?force=1
 *     Content-Type: application/json
 *
 *     {"lock":"none"}
 */
#include "service/http/routes.h"

#include "service/http/problem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

static struct options options = {.host = "127.0.0.1",
    .lock = "mutex",
    .workers = 1,
    .clerks = 1,
    .timeout_ms = 10000,
    .audit_timeout_ms = 10000,
    .max_quantity = 100,
    .admin = ADMIN_OPEN};

static struct board board;

static struct service service = {
    .options = &options, .board = &board, .address = "127.0.0.1:8080"};

static struct store_user *user;

static void
begin_once(void)
{
	if (user != NULL)
		return;
	service.store = scratch_store(scratch_new());
	user = scratch_user(service.store);
}

/* A line of the head. */
static void
put_line(struct request *request, char *line)
{
	char *value = strpbrk(line, line[0] == '?' ? "=" : ":");

	if (value != NULL)
		*value++ = '\0';
	if (line[0] == '?')
		request_put_arg(request, line + 1, value ? value : "");
	else if (value != NULL)
		request_put_header(request, line, value + (*value == ' '));
}

/* NULL: the case has no first line with a method and a path. */
static struct request *
request_of(char *text)
{
	struct request *request;
	char *line, *path;

	line = strsep(&text, "\n");
	path = strchr(line, ' ');
	if (path == NULL)
		return NULL;
	*path++ = '\0';
	request = calloc(1, sizeof(*request));
	claim(request != NULL);
	request_begin(request, line, path);
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0')
		put_line(request, line);
	request_identify(request);
	if (text != NULL)
		request_put_body(request, text, strlen(text));
	return request;
}

static void
claim_reply(const struct reply *reply)
{
	json_t *value;
	size_t i;

	claim(200 <= reply->status && reply->status < 600);
	claim(reply->status != 500);
	for (i = 0; i < reply->header_count; i++)
		claim(strpbrk(reply->headers[i].value, "\r\n") == NULL);
	if (reply->status >= 400) {
		claim(reply->type != NULL);
		claim(strcmp(reply->type, "application/problem+json") == 0 ||
		      strncmp(reply->type, "text/plain", 10) == 0);
	}
	if (reply->type == NULL || strstr(reply->type, "json") == NULL)
		return;
	value =
	    json_loadb(reply->body, reply->size, JSON_REJECT_DUPLICATES, NULL);
	claim(json_is_object(value));
	if (reply->status >= 400)
		claim(json_integer_value(json_object_get(value, "status")) ==
		      reply->status);
	json_decref(value);
}

/* What a clerk may rely on. */
static void
claim_order(const struct order *order)
{
	claim(store_id_is_valid(order->sale));
	claim(1 <= order->quantity && order->quantity <= options.max_quantity);
	claim(order->buyer[0] != '\0');
	claim(strlen(order->buyer) < ORDER_BUYER_SIZE);
	claim(strlen(order->key) < ORDER_KEY_SIZE);
	claim(order->deadline_ns > 0);
}

void
target_request(const char *data, size_t size)
{
	char *copy = strdup(data);
	struct request *request;
	struct reply reply = {0};
	struct call call = {
	    .service = &service, .reply = &reply, .client_fd = -1};
	enum route_where where;
	size_t i;

	(void)size;
	begin_once();
	scratch_demo(user, 1000);
	request = request_of(copy);
	if (request != NULL) {
		call.store = user;
		call.request = request;
		where = routes_begin(&call);
		if (where == ROUTE_TO_BACKGROUND || where == ROUTE_TO_WALKER)
			request->route->handler(&call);
		claim((reply.status == 0) == (where == ROUTE_TO_CLERK));
		if (where != ROUTE_TO_CLERK)
			claim_reply(&reply);
		else if (request->crowd_count == 0)
			claim_order(&request->order);
		for (i = 0; i < request->crowd_count; i++)
			claim_order(&request->crowd[i]);
		request_free(request);
	}
	free(request);
	reply_free(&reply);
	free(copy);
}
