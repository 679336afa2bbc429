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
#include "service/sale/patience.h"
#include "service/sale/turn.h"

#define LIST_BEGIN "{\"sales\":["

static bool
write_sale(const struct store_state *state, void *arg)
{
	struct call *call = arg;
	struct writer *w = &call->reply->made;

	handle_write_sale(
	    w, w->size == strlen(LIST_BEGIN) ? "" : ",", call, state);
	writer_put_text(w, "}");
	return true;
}

void
handle_sale_list(struct call *call)
{
	struct writer *w = &call->reply->made;

	writer_put_text(w, LIST_BEGIN);
	if (!handle_store_ok(call, store_list(call->store, write_sale, call)))
		return;
	writer_put_text(w, "]}");
	reply_made(call->reply, 200);
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
	    epoch == state.epoch && version == state.version) {
		reply_text(call->reply, 304, NULL, "");
	} else {
		handle_write_sale(&call->reply->made, "", call, &state);
		writer_put_text(&call->reply->made, "}");
		reply_made(call->reply, 200);
	}
	handle_put_etag(call, &state);
	reply_header(call->reply, "Cache-Control", "no-cache");
}

static_assert(LOCK_NAME_SIZE <= STORE_LOCK_SIZE, "a strategy's name fits");

/* Which stores have the lock that this one has not. */
static bool
refuse_turn(const struct call *call, struct lock_strategy strategy)
{
	char name[LOCK_NAME_SIZE], kinds[128] = "";
	const char *kind;
	size_t i;

	lock_print(strategy, name);
	for (i = 0; (kind = store_at(i)) != NULL; i++)
		if (turn_fits(strategy, kind))
			strcat(
			    strcat(kinds, kinds[0] == '\0' ? "" : ", "), kind);
	return problem_reply(call->reply, PROBLEM_BAD_VALUE,
	    problem_member("lock"),
	    "The lock \"%s\" is in the store, and %s has none; those that have "
	    "it: %s.",
	    name, store_kind(call->service->store),
	    kinds[0] == '\0' ? "none in this build" : kinds);
}

/* lock, delay and capacity, where they are there. */
static bool
parse_settings(const struct call *call, const struct body *body,
    int64_t least_capacity, struct store_settings *settings)
{
	const char *lock = NULL, *delay = NULL;
	struct lock_strategy strategy;

	if (!body_text(body, "lock", &lock) ||
	    !body_text(body, "delay", &delay) ||
	    !body_number(body, "capacity", least_capacity, STORE_CAPACITY_MAX,
		&settings->capacity))
		return false;
	if (lock != NULL && !lock_parse(lock, &strategy))
		return problem_reply(body->reply, PROBLEM_BAD_VALUE,
		    problem_member("lock"), "\"lock\" must be one of %s.",
		    lock_names());
	if (lock != NULL &&
	    !turn_fits(strategy, store_kind(call->service->store)))
		return refuse_turn(call, strategy);
	if (lock != NULL)
		lock_print(strategy, settings->lock);
	if (delay != NULL &&
	    !duration_range_parse(
		delay, &settings->delay_min_ms, &settings->delay_max_ms))
		return problem_reply(body->reply, PROBLEM_BAD_VALUE,
		    problem_member("delay"),
		    "\"delay\" must be a duration or a range of two, up to 1h:"
		    " 0, 5ms, 1s-3s.");
	return true;
}

/* The sale as the answer to a change of it; -1: it was not recounted. */
static void
reply_change(struct call *call, int status, const struct store_state *state,
    int64_t recounted_to)
{
	struct writer *w = &call->reply->made;
	char warning[PATIENCE_SIZE], reach[TURN_WARNING_SIZE] = "";

	handle_write_sale(w, "", call, state);
	if (recounted_to != -1)
		writer_put_number(w, ",\"recounted_to\":", recounted_to);
	if (turn_warn(state->settings.lock, store_kind(call->service->store),
		reach) ||
	    patience_warn(state->settings.delay_max_ms,
		call->service->options->timeout_ms, warning))
		writer_put_string(
		    w, ",\"warning\":", reach[0] != '\0' ? reach : warning);
	writer_put_text(w, "}");
	reply_made(call->reply, status);
	handle_put_etag(call, state);
}

/* ------------------------------------------------------ what the log says --
 */

/* The fields of one event; a name of NULL is behind the last one. */
struct note {
	struct log_field fields[10];
	size_t count;
};

/* It is done; from here on no reply may deny it. */
static struct note
note_begin(const struct call *call)
{
	call->reply->changed = true;
	return (struct note){.fields = {LOG_TEXT("sale", call->request->sale),
				 LOG_TEXT("request", call->request->id)},
	    .count = 2};
}

static void
note_number(struct note *note, const char *name, int64_t number)
{
	note->fields[note->count++] = LOG_NUMBER(name, number);
}

static void
note_text(struct note *note, const char *name, const char *text)
{
	note->fields[note->count++] = LOG_TEXT(name, text);
}

static void
note_opened(const struct call *call, const struct store_settings *settings)
{
	struct note note = note_begin(call);
	char delay[DURATION_RANGE_SIZE];

	duration_range_print(
	    settings->delay_min_ms, settings->delay_max_ms, delay);
	note_number(&note, "capacity", settings->capacity);
	note_text(&note, "lock", settings->lock);
	note_text(&note, "delay", delay);
	log_event(&call->service->log, "sale-opened", note.fields);
}

/* Each member that is another one now, as it was and as it is. */
static void
note_changed(const struct call *call, const struct store_settings *was,
    const struct store_settings *is)
{
	struct note note = note_begin(call);
	char before[DURATION_RANGE_SIZE], delay[DURATION_RANGE_SIZE];

	duration_range_print(was->delay_min_ms, was->delay_max_ms, before);
	duration_range_print(is->delay_min_ms, is->delay_max_ms, delay);
	if (strcmp(was->lock, is->lock) != 0) {
		note_text(&note, "lock_old", was->lock);
		note_text(&note, "lock_new", is->lock);
	}
	if (strcmp(before, delay) != 0) {
		note_text(&note, "delay_old", before);
		note_text(&note, "delay_new", delay);
	}
	if (was->capacity != is->capacity) {
		note_number(&note, "capacity_old", was->capacity);
		note_number(&note, "capacity_new", is->capacity);
	}
	if (note.count == 2)
		note_text(&note, "what", "nothing: it was so already");
	log_event(&call->service->log, "sale-changed", note.fields);
}

static void
note_recounted(const struct call *call, int64_t remaining)
{
	struct note note = note_begin(call);

	note_number(&note, "remaining", remaining);
	log_event(&call->service->log, "sale-recounted", note.fields);
}

/* And what went with it. */
static void
note_deleted(const struct call *call, const struct store_state *state)
{
	struct note note = note_begin(call);

	note_number(&note, "capacity", state->settings.capacity);
	note_number(&note, "remaining", state->remaining);
	note_number(&note, "ledger_lines", state->version);
	log_event(&call->service->log, "sale-deleted", note.fields);
}

/* ------------------------------------------------------------ the calls -- */

static void
open_sale(struct call *call, const struct store_settings *settings)
{
	enum store_result result;
	struct store_state state;

	snprintf(call->request->sale, STORE_ID_SIZE, "%s", settings->id);
	result = store_create(
	    call->store, settings, handle_deadline_ns(call), &state);
	if (result == STORE_DUPLICATE) {
		problem_reply(call->reply, PROBLEM_SALE_EXISTS, NULL,
		    "There is a sale \"%s\": choose another id, or DELETE it.",
		    settings->id);
		return;
	}
	if (!handle_store_ok(call, result))
		return;
	note_opened(call, &state.settings);
	reply_change(call, 201, &state, -1);
	reply_header_print(call->reply, "Location", "/sales/%s", settings->id);
}

static bool
parse_sale(const struct call *call, const struct body *body,
    struct store_settings *settings)
{
	static const char *const names[] = {
	    "id", "capacity", "lock", "delay", NULL};
	const char *id = "";

	if (!body_allows(body, names) || !body_text(body, "id", &id) ||
	    !parse_settings(call, body, 1, settings))
		return false;
	if (!store_id_is_valid(id))
		return problem_reply(body->reply, PROBLEM_BAD_VALUE,
		    problem_member("id"),
		    "\"id\" must be 1 to 64 of a-z 0-9 - _.");
	if (settings->capacity == 0)
		return problem_reply(body->reply, PROBLEM_BAD_VALUE,
		    problem_member("capacity"),
		    "\"capacity\" is missing: how many tickets?");
	snprintf(settings->id, STORE_ID_SIZE, "%s", id);
	return true;
}

void
handle_sale_post(struct call *call)
{
	const struct options *options = call->service->options;
	struct store_settings settings = {.delay_min_ms = options->delay_min_ms,
	    .delay_max_ms = options->delay_max_ms};
	struct body body;

	memcpy(settings.lock, options->lock, STORE_LOCK_SIZE);
	if (body_parse(&body, call->request, call->reply) &&
	    parse_sale(call, &body, &settings))
		open_sale(call, &settings);
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

/* What is so already is not written, so that its ETag stays. */
static enum store_result
configure(struct call *call, struct store_state *state,
    const struct store_change *change)
{
	const struct store_settings *is = &state->settings;
	const struct store_settings *to = &change->settings;

	if (to->capacity == is->capacity && strcmp(to->lock, is->lock) == 0 &&
	    to->delay_min_ms == is->delay_min_ms &&
	    to->delay_max_ms == is->delay_max_ms)
		return STORE_OK;
	return store_configure(
	    call->store, state, change, handle_deadline_ns(call));
}

/* Change what was read; again while others change it too. */
static void
change_sale(struct call *call, const struct body *body)
{
	const struct service *service = call->service;
	int64_t version, recounted_to = -1;
	struct store_state state;
	struct store_settings old;
	struct store_change change = {
	    .trail = "[]", .same_version = call->request->order.has_if_match};
	enum store_result result;

	do {
		if (!handle_read_sale(call, &state) ||
		    !handle_matches(call, &state))
			return;
		version = state.version;
		change.settings = old = state.settings;
		if (!parse_settings(
			call, body, state.settings.capacity, &change.settings))
			return;
		change.at_ms = clock_read_ns(CLOCK_REALTIME) / NS_PER_MS;
		/* A lock stops new damage and repairs none. */
		change.recount =
		    !handle_lock_is_safe(service, state.settings.lock) &&
		    handle_lock_is_safe(service, change.settings.lock);
		result = configure(call, &state, &change);
	} while ((result == STORE_CONFLICT || result == STORE_MOVED) &&
		 clock_now_ns() < handle_deadline_ns(call));
	if (!handle_store_ok(call, result))
		return;
	note_changed(call, &old, &state.settings);
	result = store_each(
	    call->store, &state, version, find_recount, &recounted_to);
	if (recounted_to != -1)
		note_recounted(call, recounted_to);
	/* Somebody else may have removed it since. */
	if (result == STORE_GONE || handle_store_ok(call, result))
		reply_change(call, 200, &state, recounted_to);
}

void
handle_sale_patch(struct call *call)
{
	static const char *const names[] = {"lock", "delay", "capacity", NULL};
	struct body body;

	if (body_parse(&body, call->request, call->reply) &&
	    body_allows(&body, names) && handle_parse_if_match(call)) {
		if (json_object_size(body.members) == 0)
			problem_reply(call->reply, PROBLEM_BAD_VALUE, NULL,
			    "Nothing to change: send lock, delay or "
			    "capacity.");
		else
			change_sale(call, &body);
	}
	body_free(&body);
}

/* Its receipts are the only proof of what was sold.  False: the reply is
 * made. */
static bool
may_delete(struct call *call, const struct store_state *state)
{
	if (state->highest == 0 || handle_arg_is_set(call->request, "force"))
		return true;
	return problem_reply(call->reply, PROBLEM_HAS_RECEIPTS,
	    json_pack("{s:I, s:I}", "remaining", state->remaining, "version",
		state->version),
	    "It has sold: keep its ledger, by \"turnstile backup\" or, if it "
	    "fits into a MiB, from /sales/%s/ledger.csv; then ?force=1 "
	    "deletes both.",
	    call->request->sale);
}

void
handle_sale_delete(struct call *call)
{
	struct store_state state;
	enum store_result result;

	if (!handle_parse_if_match(call))
		return;
	do {
		if (!handle_read_sale(call, &state) ||
		    !handle_matches(call, &state) || !may_delete(call, &state))
			return;
		result =
		    store_remove(call->store, &state, handle_deadline_ns(call));
	} while ((result == STORE_CONFLICT || result == STORE_MOVED) &&
		 clock_now_ns() < handle_deadline_ns(call));
	if (!handle_store_ok(call, result))
		return;
	note_deleted(call, &state);
	reply_text(call->reply, 204, NULL, "");
}
