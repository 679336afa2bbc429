/* SPDX-License-Identifier: BSD-2-Clause */
/* What several calls need. */
#include "service/http/handle.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "locks/timestamp.h"
#include "service/http/problem.h"

void
handle_store_error(struct call *call, enum store_result result)
{
	const char *why = store_error(call->store);
	struct reply *reply = call->reply;

	switch (result) {
	case STORE_GONE:
		problem_reply(reply, PROBLEM_NO_SALE, NULL,
		    "There is no sale \"%s\"; GET /sales lists them.",
		    call->request->sale);
		return;
	case STORE_BUSY:
	case STORE_MOVED:
	case STORE_CONFLICT:
		problem_reply(reply, PROBLEM_STORE_BUSY, NULL,
		    "Nothing was changed; try again.");
		return;
	case STORE_FULL:
		problem_reply(reply, PROBLEM_STORAGE_FULL, NULL,
		    "Nothing was changed: %s.", why);
		return;
	case STORE_UNKNOWN:
		problem_reply(reply, PROBLEM_UNKNOWN_OUTCOME, NULL,
		    "Look before you try again: %s.", why);
		return;
	case STORE_OK:
	case STORE_DUPLICATE:
	case STORE_FAILED:
		break;
	}
	problem_reply(reply, PROBLEM_STORAGE_ERROR, NULL,
	    "Nothing was changed: %s.", why);
}

bool
handle_read_sale(struct call *call, struct store_state *state)
{
	enum store_result result;

	result = store_read(call->store, call->request->sale, state);
	if (result != STORE_OK) {
		handle_store_error(call, result);
		return false;
	}
	store_abandon(call->store, state);
	return true;
}

bool
handle_lock_is_safe(const char *name)
{
	struct lock_strategy strategy;

	return lock_parse(name, &strategy) && lock_is_safe(strategy);
}

static json_t *
delay_json(const struct store_settings *settings)
{
	if (settings->delay_min_ms == settings->delay_max_ms)
		return json_integer(settings->delay_min_ms);
	return json_pack("[I, I]", (json_int_t)settings->delay_min_ms,
	    (json_int_t)settings->delay_max_ms);
}

json_t *
handle_sale_json(const struct call *call, const struct store_state *state)
{
	const struct store_settings *s = &state->settings;

	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:b}", "id",
	    s->id, "capacity", (json_int_t)s->capacity, "remaining",
	    (json_int_t)state->remaining, "version", (json_int_t)state->version,
	    "lock", s->lock, "delay_ms", delay_json(s), "store",
	    store_kind(call->service->store), "safe",
	    (int)handle_lock_is_safe(s->lock));
}

void
handle_put_etag(struct call *call, const struct store_state *state)
{
	reply_header(call->reply, "ETag", "\"%016" PRIx64 "-%" PRId64 "\"",
	    state->epoch, state->version);
}

bool
handle_parse_etag(const char *text, uint64_t *epoch, int64_t *version)
{
	int end = 0;

	return sscanf(text, "\"%16" SCNx64 "-%" SCNd64 "\"%n", epoch, version,
		   &end) == 2 &&
	       end > 0 && text[end] == '\0';
}

json_t *
handle_seats_json(int64_t seat, int64_t quantity)
{
	json_t *list = json_array();
	int64_t i;

	for (i = 0; i < quantity; i++)
		json_array_append_new(list, json_integer(seat + i));
	return list;
}

json_t *
handle_timestamp_json(int64_t ms)
{
	char text[TIMESTAMP_SIZE];

	timestamp_print(ms, text);
	return json_string(text);
}

void
handle_add_trail(json_t *receipt, int64_t base, unsigned worker, unsigned clerk,
    const char *trail)
{
	json_object_set_new(receipt, "base", json_integer(base));
	json_object_set_new(receipt, "worker", json_integer(worker));
	json_object_set_new(receipt, "clerk", json_integer(clerk));
	json_object_set_new(receipt, "trail", json_loads(trail, 0, NULL));
}

bool
handle_arg_is_set(const struct request *request, const char *name)
{
	const char *value = request_arg(request, name);

	return value != NULL && strcmp(value, "0") != 0 &&
	       strcmp(value, "false") != 0;
}

bool
handle_arg_number(struct call *call, const char *name, int64_t min, int64_t max,
    int64_t *number)
{
	const char *value = request_arg(call->request, name);
	char *end;

	if (value == NULL)
		return true;
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (isdigit((unsigned char)value[0]) && *end == '\0' && errno == 0 &&
	    *number >= min && *number <= max)
		return true;
	problem_reply(call->reply, PROBLEM_BAD_VALUE,
	    json_pack("{s:s}", "member", name),
	    "\"%s\" must be a whole number from %" PRId64 " to %" PRId64 ".",
	    name, min, max);
	return false;
}

bool
handle_id_is_valid(const char *id)
{
	const size_t length = strlen(id);

	return length > 0 && length < STORE_ID_SIZE &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length;
}

int64_t
handle_deadline_ns(const struct call *call)
{
	return call->request->arrived_ns +
	       call->service->options->timeout_ms * NS_PER_MS;
}

void
handle_reply_receipt(struct call *call, const struct receipt *r,
    const char *sale, const char *trail, bool with_name)
{
	json_t *value;

	value = json_pack("{s:s, s:s, s:s*, s:o, s:I, s:I, s:s, s:o}", "order",
	    r->order, "sale", sale, "buyer", with_name ? r->buyer : NULL,
	    "seats", handle_seats_json(r->seat, r->quantity), "remaining",
	    (json_int_t)r->remaining, "version", (json_int_t)r->version, "lock",
	    r->lock, "sold_at", handle_timestamp_json(r->sold_at_ms));
	if (trail != NULL)
		handle_add_trail(value, r->base, r->worker, r->clerk, trail);
	reply_json(call->reply,
	    call->request->order.outcome == OUTCOME_NONE ? 200 : 201, value);
}
