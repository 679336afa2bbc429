/* SPDX-License-Identifier: BSD-2-Clause */
/* Buying: from a request to an order, and from its outcome to a reply. */
#include "service/http/handle.h"

#include <inttypes.h>
#include <string.h>

#include "locks/clock.h"
#include "service/http/body.h"
#include "service/http/problem.h"
#include "service/member.h"

/* 1 to 64 characters of UTF-8, none of them a control character. */
static bool
buyer_is_valid(const char *buyer)
{
	const unsigned char *c = (const unsigned char *)buyer;
	size_t characters = 0;

	for (; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
			return false;
		characters += (*c & 0xc0) != 0x80;
	}
	return characters >= 1 && characters <= 64;
}

bool
handle_buy_name(struct reply *reply, const char *buyer, struct order *order)
{
	if (!buyer_is_valid(buyer))
		return problem_reply(reply, PROBLEM_BAD_VALUE,
		    problem_member("buyer"),
		    "\"buyer\" must be 1 to 64 characters, none of them a "
		    "control character.");
	snprintf(order->buyer, sizeof(order->buyer), "%s", buyer);
	return true;
}

static bool
bad_key(struct reply *reply)
{
	return problem_reply(reply, PROBLEM_BAD_VALUE,
	    problem_member("Idempotency-Key"),
	    "Idempotency-Key must be 1 to 255 printable ASCII characters, "
	    "bare or in double quotes.");
}

/* Bare, or a structured field's string: "…" with \" and \\. */
static bool
parse_key(const char *text, char key[ORDER_KEY_SIZE], struct reply *reply)
{
	size_t n = 0;
	const bool quoted = *text == '"';

	for (text += quoted ? 1 : 0; *text != '\0'; text++) {
		if (quoted && *text == '"' && text[1] == '\0')
			break;
		if (quoted && *text == '"')
			return bad_key(reply);
		if (quoted && *text == '\\' && *++text != '"' && *text != '\\')
			return bad_key(reply);
		if (*text < 0x20 || *text > 0x7e || n == ORDER_KEY_SIZE - 1)
			return bad_key(reply);
		key[n++] = *text;
	}
	key[n] = '\0';
	return (n > 0 && (!quoted || *text == '"')) || bad_key(reply);
}

static bool
parse_wish(const struct body *body, int64_t max_quantity, struct order *order)
{
	static const char *const names[] = {"buyer", "quantity", NULL};
	const char *buyer = "anonymous";

	order->quantity = 1;
	if (!body_allows(body, names) || !body_text(body, "buyer", &buyer) ||
	    !body_number(body, "quantity", 1, max_quantity, &order->quantity))
		return false;
	return handle_buy_name(body->reply, buyer, order);
}

void
handle_buy_post(struct call *call)
{
	struct request *request = call->request;
	struct order *order = &request->order;
	const char *key = request->headers[HEADER_IDEMPOTENCY_KEY];
	struct body body;

	if (body_parse(&body, request, call->reply) &&
	    parse_wish(&body, call->service->options->max_quantity, order) &&
	    (key == NULL || parse_key(key, order->key, call->reply)) &&
	    handle_parse_if_match(call)) {
		memcpy(order->sale, request->sale, STORE_ID_SIZE);
		order->deadline_ns = handle_deadline_ns(call);
		trail_add(&order->trail, STEP_QUEUED, request->arrived_ns);
	}
	body_free(&body);
}

/* In milliseconds, to the third place. */
static void
put_server_timing(struct call *call)
{
	static const struct {
		enum step step;
		const char *before;
	} parts[] = {{STEP_QUEUED, "queue;dur="}, {STEP_WAIT, ", lock;dur="},
	    {STEP_DELAY, ", delay;dur="}, {STEP_WRITE, ", write;dur="}};
	const struct trail *trail = &call->request->order.trail;
	struct writer *value = reply_header_write(call->reply, "Server-Timing");
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const int64_t ns = trail_spent_ns(trail, parts[i].step);

		writer_put_thousandths(value, parts[i].before, ns / NS_PER_US);
	}
}

/* The order's trail as JSON, perhaps in `text`; NULL: nobody asked for it. */
static const char *
asked_trail(const struct call *call, char text[TRAIL_TEXT_SIZE])
{
	const struct order *order = &call->request->order;

	if (!handle_arg_is_set(call->request, "trail"))
		return NULL;
	if (order->outcome == OUTCOME_REPLAYED)
		return order->replayed_trail;
	trail_print(&order->trail, text);
	return text;
}

#define DETAIL_SIZE 128

/* What to do; NULL: it has numbers in it, or is to try again. */
static const char *const details[OUTCOMES] = {
    [OUTCOME_SOLD_OUT] = "No tickets are left.",
    [OUTCOME_KEY_REUSED] =
	"It was used for another buyer or quantity: use a new key.",
    [OUTCOME_STORE_FULL] = "Nothing was sold to you.",
    [OUTCOME_STORE_ERROR] = "Nothing was sold to you.",
    [OUTCOME_UNKNOWN] =
	"Send the same order with the same Idempotency-Key to learn it.",
};

static void
print_detail(const struct order *order, char text[DETAIL_SIZE])
{
	const struct store_state *sale = &order->state;

	if (order->outcome == OUTCOME_NOT_ENOUGH)
		snprintf(text, DETAIL_SIZE,
		    "Only %" PRId64 " of the %" PRId64 " tickets are left.",
		    sale->remaining, order->quantity);
	else
		snprintf(text, DETAIL_SIZE, "%s",
		    details[order->outcome] != NULL
			? details[order->outcome]
			: "Nothing was sold to you; try again.");
}

/* The store's words; what is left out the loop counts up in the log. */
static void
log_failure(const struct call *call)
{
	const struct service *service = call->service;
	const struct order *order = &call->request->order;

	if (order->error[0] != '\0' &&
	    flood_says(&service->board->failed[order->outcome], clock_now_ns()))
		LOG_EVENT(&service->log, "order-failed",
		    LOG_TEXT("sale", order->sale),
		    LOG_TEXT("error", order->error),
		    LOG_TEXT("request", call->request->id));
}

/* The problem that has the outcome's name. */
static void
reply_refused(struct call *call)
{
	const struct order *order = &call->request->order;
	char detail[DETAIL_SIZE], text[TRAIL_TEXT_SIZE];
	const char *trail = asked_trail(call, text);
	json_t *extra = json_object();

	if (trail != NULL)
		member_json(extra, "trail", json_loads(trail, 0, NULL));
	if (trail != NULL && order->receipt.worker > 0) { /* a clerk did */
		member_number(extra, "worker", order->receipt.worker);
		member_number(extra, "clerk", order->receipt.clerk);
	}
	if (order->outcome == OUTCOME_NO_SALE) {
		handle_no_sale(call, extra);
		return;
	}
	if (order->outcome == OUTCOME_CHANGED) {
		handle_changed(call, &order->state, extra);
		return;
	}
	if (order->outcome == OUTCOME_SOLD_OUT ||
	    order->outcome == OUTCOME_NOT_ENOUGH)
		handle_put_sale(extra, &order->state);
	print_detail(order, detail);
	problem_reply(call->reply,
	    problem_find(order_outcome_name(order->outcome)), extra, "%s",
	    detail);
	log_failure(call);
}

static void
put_location(struct call *call)
{
	const struct order *order = &call->request->order;
	struct writer *value = reply_header_write(call->reply, "Location");

	writer_put_text(value, "/sales/");
	writer_put_text(value, order->sale);
	writer_put_text(value, "/orders/");
	writer_put_text(value, order->receipt.order);
}

void
handle_buy_decided(struct call *call)
{
	const struct order *order = &call->request->order;
	char trail[TRAIL_TEXT_SIZE];

	if (order->outcome == OUTCOME_SOLD ||
	    order->outcome == OUTCOME_REPLAYED) {
		call->reply->changed = true;
		handle_reply_receipt(
		    call, 201, &order->receipt, asked_trail(call, trail));
		if (order->outcome == OUTCOME_REPLAYED)
			reply_header(
			    call->reply, "Idempotent-Replayed", "true");
		put_location(call);
	} else {
		reply_refused(call);
	}
	put_server_timing(call);
}
