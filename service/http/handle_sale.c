/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that look at sales, open, change and delete them. */
#include "service/http/handle.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "locks/clock.h"
#include "service/duration.h"
#include "service/http/body.h"
#include "service/http/problem.h"
#include "service/member.h"

static bool
append_sale(const struct store_state *state, void *arg)
{
	void **args = arg;

	json_array_append_new(args[0], handle_sale_json(args[1], state));
	return true;
}

void
handle_sale_list(struct call *call)
{
	json_t *value = json_object(), *list = json_array();
	void *args[] = {list, call};
	enum store_result result;

	member_json(value, "sales", list);
	result = store_list(call->store, append_sale, args);
	if (result == STORE_OK) {
		reply_json(call->reply, 200, value);
		return;
	}
	json_decref(value);
	handle_store_error(call, result);
}

void
handle_sale_get(struct call *call)
{
	const char *known = call->request->headers[HEADER_IF_NONE_MATCH];
	struct store_state state;
	uint64_t epoch;
	int64_t version;

	if (!handle_read_sale(call, &state))
		return;
	if (known != NULL && handle_parse_etag(known, &epoch, &version) &&
	    epoch == state.epoch && version == state.version)
		reply_literal(call->reply, 304, NULL, "");
	else
		reply_json(call->reply, 200, handle_sale_json(call, &state));
	handle_put_etag(call, &state);
	reply_header(call->reply, "Cache-Control", "no-cache");
}

static_assert(LOCK_NAME_SIZE <= STORE_LOCK_SIZE, "a strategy's name fits");

/* lock, delay and capacity, where they are there. */
static bool
parse_settings(struct call *call, const struct body *body,
    int64_t least_capacity, struct store_settings *settings)
{
	struct reply *reply = call->reply;
	const char *lock = NULL, *delay = NULL;
	struct lock_strategy strategy;

	if (!body_text(body, "lock", &lock, reply) ||
	    !body_text(body, "delay", &delay, reply) ||
	    !body_number(body, "capacity", least_capacity, STORE_CAPACITY_MAX,
		&settings->capacity, reply))
		return false;
	if (lock != NULL) {
		if (!lock_parse(lock, &strategy))
			return problem_of_member(reply, PROBLEM_BAD_VALUE,
			    "lock", "\"lock\" must be one of %s.",
			    lock_names());
		lock_print(strategy, settings->lock);
	}
	if (delay != NULL &&
	    !duration_range_parse(
		delay, &settings->delay_min_ms, &settings->delay_max_ms))
		return problem_of_member(reply, PROBLEM_BAD_VALUE, "delay",
		    "\"delay\" must be a duration or a range of two, up to 1h:"
		    " 0, 5ms, 1s-3s.");
	return true;
}

/* The sale as the answer to a change of it; -1: it was not recounted. */
static void
reply_sale(struct call *call, int status, const struct store_state *state,
    int64_t recounted_to)
{
	json_t *value = handle_sale_json(call, state);

	if (recounted_to != -1)
		member_number(value, "recounted_to", recounted_to);
	if (state->settings.delay_max_ms * 2 >=
	    call->service->options->timeout_ms)
		member_text(value, "warning",
		    "the delay is half the orders' timeout or more: under a "
		    "lock the third buyer at once will be refused");
	reply_json(call->reply, status, value);
	handle_put_etag(call, state);
}

static void
log_change(const struct call *call, const char *event)
{
	LOG_EVENT(&call->service->log, event,
	    LOG_TEXT("sale", call->request->sale),
	    LOG_TEXT("request", call->request->id));
}

static void
open_sale(struct call *call, const struct store_settings *settings)
{
	enum store_result result;
	struct store_state state;

	snprintf(call->request->sale, STORE_ID_SIZE, "%s", settings->id);
	result = store_create(call->store, settings, handle_deadline_ns(call));
	if (result == STORE_DUPLICATE) {
		problem_reply(call->reply, PROBLEM_SALE_EXISTS, NULL,
		    "There is a sale \"%s\": choose another id, or DELETE it.",
		    settings->id);
		return;
	}
	if (result != STORE_OK) {
		handle_store_error(call, result);
		return;
	}
	log_change(call, "sale-opened");
	if (!handle_read_sale(call, &state))
		return;
	reply_sale(call, 201, &state, -1);
	reply_header(call->reply, "Location", "/sales/%s", settings->id);
}

void
handle_sale_post(struct call *call)
{
	static const char *const names[] = {
	    "id", "capacity", "lock", "delay", NULL};
	const struct options *options = call->service->options;
	struct store_settings settings = {.delay_min_ms = options->delay_min_ms,
	    .delay_max_ms = options->delay_max_ms};
	struct body body;
	const char *id = "";

	memcpy(settings.lock, options->lock, STORE_LOCK_SIZE);
	if (body_parse(&body, call->request, call->reply) &&
	    body_allows(&body, names, call->reply) &&
	    body_text(&body, "id", &id, call->reply) &&
	    parse_settings(call, &body, 1, &settings)) {
		if (!handle_id_is_valid(id)) {
			problem_of_member(call->reply, PROBLEM_BAD_VALUE, "id",
			    "\"id\" must be 1 to 64 of a-z 0-9 - _.");
		} else if (settings.capacity == 0) {
			problem_of_member(call->reply, PROBLEM_BAD_VALUE,
			    "capacity",
			    "\"capacity\" is missing: how many tickets?");
		} else {
			snprintf(settings.id, STORE_ID_SIZE, "%s", id);
			open_sale(call, &settings);
		}
	}
	body_free(&body);
}

static bool
find_recount(const struct store_line *line, void *arg)
{
	int64_t *remaining = arg;

	if (line->kind == STORE_RECOUNTED)
		*remaining = line->remaining;
	return true;
}

/* What a change of strategy set the counter to; -1: it did not. */
static int64_t
recounted_to(struct call *call, const struct store_state *before,
    const struct store_state *after)
{
	int64_t remaining = -1;

	if (after->version == before->version ||
	    store_each(call->store, after,
		after->version < 2 ? 0 : after->version - 2, find_recount,
		&remaining) != STORE_OK)
		return -1;
	return remaining;
}

/* Change what was read; again while others change it too. */
static void
change_sale(struct call *call, const struct body *body)
{
	struct store_state state, before;
	struct store_change change = {.trail = "[]"};
	enum store_result result;

	do {
		if (!handle_read_sale(call, &state))
			return;
		before = state;
		change.settings = state.settings;
		if (!parse_settings(
			call, body, state.settings.capacity, &change.settings))
			return;
		change.at_ms = clock_read_ns(CLOCK_REALTIME) / NS_PER_MS;
		/* A lock stops new damage and repairs none. */
		change.recount = !handle_lock_is_safe(state.settings.lock) &&
				 handle_lock_is_safe(change.settings.lock);
		result = store_configure(
		    call->store, &state, &change, handle_deadline_ns(call));
	} while (
	    result == STORE_MOVED && clock_now_ns() < handle_deadline_ns(call));
	if (result != STORE_OK) {
		handle_store_error(call, result);
		return;
	}
	log_change(call, "sale-changed");
	reply_sale(call, 200, &state, recounted_to(call, &before, &state));
}

void
handle_sale_patch(struct call *call)
{
	static const char *const names[] = {"lock", "delay", "capacity", NULL};
	struct body body;

	if (body_parse(&body, call->request, call->reply) &&
	    body_allows(&body, names, call->reply)) {
		if (json_object_size(body.members) == 0)
			problem_reply(call->reply, PROBLEM_BAD_VALUE, NULL,
			    "Nothing to change: send lock, delay or "
			    "capacity.");
		else
			change_sale(call, &body);
	}
	body_free(&body);
}

void
handle_sale_delete(struct call *call)
{
	const bool force = handle_arg_is_set(call->request, "force");
	struct store_state state;
	enum store_result result;
	json_t *extra;

	do {
		if (!handle_read_sale(call, &state))
			return;
		if (state.remaining > 0 && !force) {
			extra = json_object();
			member_number(extra, "remaining", state.remaining);
			problem_reply(call->reply, PROBLEM_NOT_SOLD_OUT, extra,
			    "Tickets left: %" PRId64 "; ?force=1 deletes the "
			    "sale and its ledger all the same.",
			    state.remaining);
			return;
		}
		result =
		    store_remove(call->store, &state, handle_deadline_ns(call));
	} while ((result == STORE_CONFLICT || result == STORE_MOVED) &&
		 clock_now_ns() < handle_deadline_ns(call));
	if (result != STORE_OK) {
		handle_store_error(call, result);
		return;
	}
	log_change(call, "sale-deleted");
	reply_literal(call->reply, 204, NULL, "");
}
