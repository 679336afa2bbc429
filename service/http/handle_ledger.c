/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that read the ledger: orders and pages. */
#include "service/http/handle.h"

#include <stdio.h>
#include <string.h>

#include "service/http/admin.h"
#include "service/http/problem.h"

struct order_query {
	struct call *call;
	bool with_name;
};

static bool
reply_order_line(const struct store_line *line, void *arg)
{
	struct order_query *query = arg;
	struct receipt r = {.seat = line->seat,
	    .quantity = line->quantity,
	    .remaining = line->remaining,
	    .version = line->version,
	    .base = line->base,
	    .sold_at_ms = line->sold_at_ms,
	    .worker = line->worker,
	    .clerk = line->clerk};

	memcpy(r.order, line->order, sizeof(r.order));
	snprintf(r.buyer, sizeof(r.buyer), "%s", line->buyer);
	snprintf(r.lock, sizeof(r.lock), "%s", line->lock);
	handle_reply_receipt(query->call, &r, query->call->request->sale,
	    line->trail, query->with_name);
	return true;
}

/* Whoever knows the order's 128 random bits may see the buyer's name. */
void
handle_ledger_order(struct call *call)
{
	struct order_query query = {.call = call, .with_name = true};
	struct store_state state;
	enum store_result result;

	if (!handle_read_sale(call, &state))
		return;
	result = store_find(call->store, &state, STORE_BY_ORDER,
	    call->request->item, reply_order_line, &query);
	if (result == STORE_GONE)
		problem_reply(call->reply, PROBLEM_NO_ORDER, NULL,
		    "The sale \"%s\" has no such order.", call->request->sale);
	else if (result != STORE_OK)
		handle_store_error(call, result);
}

struct page {
	json_t *lines;
	int64_t limit, last;
	bool with_names, with_trails;
};

static bool
append_line(const struct store_line *line, void *arg)
{
	static const char *const kinds[] = {[STORE_SOLD] = "sold",
	    [STORE_RECOUNTED] = "recounted",
	    [STORE_RAISED] = "raised"};
	struct page *page = arg;
	const bool sold = line->kind == STORE_SOLD;
	json_t *value;

	value = json_pack("{s:s, s:I, s:I, s:i, s:s*, s:s*, s:o, s:I, s:I,"
			  " s:s, s:o}",
	    "kind", kinds[line->kind], "version", (json_int_t)line->version,
	    "base", (json_int_t)line->base, "nth", (int)line->nth, "order",
	    sold ? line->order : NULL, "buyer",
	    sold && page->with_names ? line->buyer : NULL, "seats",
	    handle_seats_json(line->seat, line->quantity), "remaining",
	    (json_int_t)line->remaining, "capacity", (json_int_t)line->capacity,
	    "lock", line->lock, "sold_at",
	    handle_timestamp_json(line->sold_at_ms));
	if (page->with_trails && sold)
		handle_add_trail(
		    value, line->base, line->worker, line->clerk, line->trail);
	json_array_append_new(page->lines, value);
	page->last = line->version;
	return --page->limit > 0;
}

void
handle_ledger_get(struct call *call)
{
	struct page page = {.limit = LEDGER_PAGE,
	    .with_names = admin_is(call),
	    .with_trails = handle_arg_is_set(call->request, "trail")};
	struct store_state state;
	enum store_result result;
	int64_t after = 0;

	if (!handle_arg_number(call, "after", 0, INT64_MAX, &after) ||
	    !handle_arg_number(
		call, "limit", 1, LEDGER_PAGE_MAX, &page.limit) ||
	    !handle_read_sale(call, &state))
		return;
	page.lines = json_array();
	result = store_each(call->store, &state, after, append_line, &page);
	if (result != STORE_OK) {
		json_decref(page.lines);
		handle_store_error(call, result);
		return;
	}
	reply_json(call->reply, 200,
	    json_pack("{s:s, s:I, s:o, s:o}", "sale", call->request->sale,
		"version", (json_int_t)state.version, "lines", page.lines,
		"next",
		page.last > 0 && page.last < state.version
		    ? json_integer(page.last)
		    : json_null()));
}
