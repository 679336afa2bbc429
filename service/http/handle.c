/* SPDX-License-Identifier: BSD-2-Clause */
/* What several calls need. */
#include "service/http/handle.h"

#include <sys/param.h>

#include <assert.h>
#include <inttypes.h>

#include "locks/clock.h"
#include "service/http/problem.h"
#include "service/member.h"
#include "service/options.h"
#include "service/sale/turn.h"

#define ORDER_SHOWN 18 /* of an order's id: time, and a few bits */
#define FULL_NS (10 * NS_PER_SEC)

bool
handle_no_sale(struct call *call, json_t *extra)
{
	return problem_reply(call->reply, PROBLEM_NO_SALE, extra,
	    "There is no sale \"%s\"; GET /sales lists them.",
	    call->request->sale);
}

bool
handle_store_ok(struct call *call, enum store_result result)
{
	const char *why = store_error(call->store);
	struct reply *reply = call->reply;

	if (result != STORE_OK && reply->changed)
		return problem_reply(reply, PROBLEM_UNKNOWN_OUTCOME, NULL,
		    "It is done, but cannot be shown: %s.", why);
	switch (result) {
	case STORE_OK:
		return true;
	case STORE_GONE:
		return handle_no_sale(call, NULL);
	case STORE_BUSY:
	case STORE_MOVED:
	case STORE_CONFLICT:
		return problem_reply(reply, PROBLEM_STORE_BUSY, NULL,
		    "Nothing was changed; try again.");
	case STORE_FULL:
		return problem_reply(reply, PROBLEM_STORAGE_FULL, NULL,
		    "Nothing was changed: %s.", why);
	case STORE_UNKNOWN:
		return problem_reply(reply, PROBLEM_UNKNOWN_OUTCOME, NULL,
		    "Look before you try again: %s.", why);
	case STORE_DUPLICATE:
	case STORE_FAILED:
		break;
	}
	return problem_reply(reply, PROBLEM_STORAGE_ERROR, NULL,
	    "Nothing was changed: %s.", why);
}

bool
handle_read_sale(struct call *call, struct store_state *state)
{
	return handle_store_ok(
	    call, store_read(call->store, call->request->sale, state));
}

bool
handle_is_full(const struct service *service)
{
	uint64_t sold_ns = 0, full_ns = 0;
	unsigned i;

	for (i = 0; i < service->options->workers; i++) {
		const struct counting *sale = &service->board->tally[i].sale;

		sold_ns = MAX(sold_ns, atomic_load(&sale->sold_ns));
		full_ns = MAX(full_ns, atomic_load(&sale->full_ns));
	}
	return full_ns > sold_ns && clock_now_ns() - (int64_t)full_ns < FULL_NS;
}

bool
handle_lock_is_safe(const struct service *service, const char *name)
{
	struct lock_strategy strategy;

	return lock_parse(name, &strategy) &&
	       lock_is_safe(strategy, turn_reach(store_kind(service->store)));
}

void
handle_write_sale(struct writer *w, const char *before, const struct call *call,
    const struct store_state *state)
{
	const struct store_settings *s = &state->settings;
	const bool drawn = s->delay_min_ms != s->delay_max_ms;

	writer_put_text(w, before);
	writer_put_string(w, "{\"id\":", s->id);
	writer_put_number(w, ",\"capacity\":", s->capacity);
	writer_put_number(w, ",\"remaining\":", state->remaining);
	writer_put_number(w, ",\"version\":", state->version);
	writer_put_string(w, ",\"lock\":", s->lock);
	writer_put_number(
	    w, drawn ? ",\"delay_ms\":[" : ",\"delay_ms\":", s->delay_min_ms);
	if (drawn)
		writer_put_number(w, ",", s->delay_max_ms);
	writer_put_string(w, drawn ? "],\"store\":" : ",\"store\":",
	    store_kind(call->service->store));
	writer_put_text(w, ",\"safe\":");
	writer_put_text(
	    w, handle_lock_is_safe(call->service, s->lock) ? "true" : "false");
}

void
handle_put_sale(json_t *extra, const struct store_state *state)
{
	member_text(extra, "sale", state->settings.id);
	member_number(extra, "remaining", state->remaining);
	member_number(extra, "version", state->version);
}

void
handle_cut_order(char order[STORE_ORDER_SIZE])
{
	static_assert(ORDER_SHOWN < STORE_ORDER_SIZE, "62 bits are secret");

	order[ORDER_SHOWN] = '\0';
}

#define ETAG "\"%016" PRIx64 "-%" PRId64 "\""

void
handle_put_etag(struct call *call, const struct store_state *state)
{
	struct writer *value = reply_header_write(call->reply, "ETag");

	writer_put_hex(value, "\"", 16, state->epoch);
	writer_put_number(value, "-", state->version);
	writer_put_text(value, "\"");
}

/* Octet by octet the same: sscanf() also takes blanks, signs and 0x. */
bool
handle_parse_etag(const char *text, uint64_t *epoch, int64_t *version)
{
	char given_out[64];

	if (sscanf(text, "\"%16" SCNx64 "-%" SCNd64, epoch, version) != 2)
		return false;
	snprintf(given_out, sizeof(given_out), ETAG, *epoch, *version);
	return strcmp(text, given_out) == 0;
}

bool
handle_parse_if_match(struct call *call)
{
	const char *text = call->request->headers[HEADER_IF_MATCH];
	struct order *order = &call->request->order;

	if (text == NULL || strcmp(text, "*") == 0) /* any, if there is one */
		return true;
	order->has_if_match = true;
	/* A weak tag never matches; no sale has epoch 0. */
	if (text_starts_with(text, "W/") ||
	    handle_parse_etag(text, &order->match_epoch, &order->match_version))
		return true;
	return problem_reply(call->reply, PROBLEM_BAD_VALUE,
	    problem_member("If-Match"),
	    "If-Match must be one ETag as GET gave it, or *.");
}

bool
handle_changed(
    struct call *call, const struct store_state *state, json_t *extra)
{
	handle_put_etag(call, state);
	handle_put_sale(extra, state);
	return problem_reply(call->reply, PROBLEM_CHANGED, extra,
	    "It is at version %" PRId64 " now: look again, then decide.",
	    state->version);
}

bool
handle_matches(struct call *call, const struct store_state *state)
{
	const struct order *order = &call->request->order;

	return !order->has_if_match ||
	       (order->match_epoch == state->epoch &&
		   order->match_version == state->version) ||
	       handle_changed(call, state, json_object());
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

	if (value == NULL || options_parse_number(value, min, max, number))
		return true;
	return problem_number(call->reply, name, min, max);
}

int64_t
handle_deadline_ns(const struct call *call)
{
	return call->request->arrived_ns +
	       call->service->options->timeout_ms * NS_PER_MS;
}

void
handle_reply_receipt(struct call *call, int status,
    const struct receipt *receipt, const char *trail)
{
	struct writer *w = &call->reply->made;

	writer_put_string(w, "{\"order\":", receipt->order);
	writer_put_string(w, ",\"sale\":", call->request->sale);
	writer_put_string(w, ",\"buyer\":", receipt->buyer);
	writer_put_seats(w, ",\"seats\":", receipt->seat, receipt->quantity);
	writer_put_number(w, ",\"remaining\":", receipt->remaining);
	writer_put_number(w, ",\"version\":", receipt->version);
	writer_put_string(w, ",\"lock\":", receipt->lock);
	writer_put_time(w, ",\"sold_at\":", receipt->sold_at_ms);
	if (trail != NULL) {
		writer_put_number(w, ",\"base\":", receipt->base);
		if (receipt->host > 0)
			writer_put_number(w, ",\"host\":", receipt->host);
		writer_put_number(w, ",\"worker\":", receipt->worker);
		writer_put_number(w, ",\"clerk\":", receipt->clerk);
		writer_put_text(w, ",\"trail\":");
		writer_put_text(w, trail);
	}
	writer_put_text(w, "}");
	reply_made(call->reply, status);
}
