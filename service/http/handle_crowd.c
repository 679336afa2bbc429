/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A crowd: one call that is many buyers.  Each of them is an order like any
 * other, in the queue of the worker that got the call; a browser, which opens
 * six connections and no more, can so send ten at once.
 */
#include "service/http/handle.h"

#include <stdlib.h>

#include "service/http/body.h"
#include "service/http/problem.h"
#include "service/member.h"

/* "buyers", a list of names; NULL and true: it is not there. */
static bool
find_names(const struct body *body, const json_t **names)
{
	*names = json_object_get(body->members, "buyers");
	if (*names == NULL ||
	    (json_is_array(*names) && json_array_size(*names) >= 1 &&
		json_array_size(*names) <= REQUEST_CROWD_MAX))
		return true;
	return problem_reply(body->reply, PROBLEM_BAD_VALUE,
	    problem_member("buyers"),
	    "\"buyers\" must be a list of 1 to %d names.", REQUEST_CROWD_MAX);
}

/* How many there are, and their names, if they have some. */
static bool
count_crowd(const struct body *body, const json_t **names, int64_t *count)
{
	static const char *const known[] = {"buyers", "count", NULL};
	const char *member;

	*count = 0;
	if (!body_allows(body, known) || !find_names(body, names) ||
	    !body_number(body, "count", 1, REQUEST_CROWD_MAX, count))
		return false;
	if ((*names != NULL) != (*count != 0)) {
		if (*names != NULL)
			*count = (int64_t)json_array_size(*names);
		return true;
	}
	member = *names == NULL ? "count" : "buyers";
	return problem_reply(body->reply, PROBLEM_BAD_VALUE,
	    problem_member(member),
	    "Send \"count\", how many buyers, or \"buyers\", their names; one "
	    "of the two.");
}

static bool
fill_order(struct call *call, struct order *order, const json_t *name, size_t i)
{
	struct request *request = call->request;
	char usual[32];

	snprintf(usual, sizeof(usual), "buyer %zu", i + 1);
	if (name != NULL && !json_is_string(name))
		return problem_reply(call->reply, PROBLEM_BAD_VALUE,
		    problem_member("buyers"), "A name must be text.");
	if (!handle_buy_name(call->reply,
		name == NULL ? usual : json_string_value(name), order))
		return false;
	order->quantity = 1;
	order->owner = request->order.owner;
	memcpy(order->sale, request->sale, STORE_ID_SIZE);
	order->deadline_ns = handle_deadline_ns(call);
	trail_add(&order->trail, STEP_QUEUED, request->arrived_ns);
	return true;
}

/* All of them, or none: then the reply is made. */
static void
fill_crowd(struct call *call, const json_t *names, size_t count)
{
	struct order *crowd = calloc(count, sizeof(*crowd));
	size_t i;

	if (crowd == NULL) {
		problem_reply(call->reply, PROBLEM_NO_MEMORY, NULL,
		    "Nothing was sold; try again.");
		return;
	}
	for (i = 0; i < count; i++) {
		if (fill_order(call, &crowd[i], json_array_get(names, i), i))
			continue;
		free(crowd);
		return;
	}
	call->request->crowd = crowd;
	call->request->crowd_count = count;
}

/* One key, or one ETag, cannot be that of all. */
static bool
has_no_conditions(struct call *call)
{
	char *const *headers = call->request->headers;
	const char *name = headers[HEADER_IDEMPOTENCY_KEY] != NULL
			       ? "Idempotency-Key"
			       : "If-Match";

	if (headers[HEADER_IDEMPOTENCY_KEY] == NULL &&
	    headers[HEADER_IF_MATCH] == NULL)
		return true;
	return problem_reply(call->reply, PROBLEM_BAD_VALUE,
	    problem_member(name), "A crowd takes no %s: buy one by one.", name);
}

void
handle_crowd_post(struct call *call)
{
	const json_t *names = NULL;
	struct body body;
	int64_t count;

	if (body_parse(&body, call->request, call->reply) &&
	    count_crowd(&body, &names, &count) && has_no_conditions(call))
		fill_crowd(call, names, (size_t)count);
	body_free(&body);
}

/* What this buyer alone would have been answered, and its status. */
static json_t *
answer_of(const struct call *crowd, const struct order *order)
{
	struct request request = *crowd->request;
	struct reply reply = {0};
	struct call call = *crowd;
	json_t *value;

	request.order = *order;
	call.request = &request;
	call.reply = &reply;
	handle_buy_decided(&call);
	value = json_loadb(reply.body, reply.size, 0, NULL);
	member_number(value, "status", reply.status);
	reply_free(&reply);
	return value;
}

void
handle_crowd_decided(struct call *call)
{
	const struct request *request = call->request;
	json_t *value = json_object(), *list = json_array();
	size_t i;

	member_text(value, "sale", request->sale);
	member_json(value, "answers", list);
	for (i = 0; i < request->crowd_count; i++)
		json_array_append_new(
		    list, answer_of(call, &request->crowd[i]));
	call->reply->changed = true; /* somebody may have bought */
	reply_json(call->reply, 200, value);
}
