/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that read the ledger: orders and pages. */
#include "service/http/handle.h"

#include <inttypes.h>

#include "service/http/admin.h"
#include "service/http/problem.h"
#include "service/member.h"

#define LEDGER_PAGE 100
#define LEDGER_PAGE_MAX 1000
#define LEDGER_PAGE_BYTES (1024 * 1024) /* a page ends behind them */

/* Whoever knows the order's 128 random bits may see the buyer's name. */
static bool
reply_order(const struct store_line *line, void *call)
{
	struct receipt receipt;

	order_fill_receipt(&receipt, line);
	handle_reply_receipt(
	    call, 200, &receipt, json_loads(line->trail, 0, NULL));
	return true;
}

void
handle_ledger_order(struct call *call)
{
	struct store_state state;
	enum store_result result;

	if (!handle_read_sale(call, &state))
		return;
	result = store_find(call->store, &state, STORE_BY_ORDER,
	    call->request->item, reply_order, call);
	if (result == STORE_GONE)
		problem_reply(call->reply, PROBLEM_NO_ORDER, NULL,
		    "The sale \"%s\" has no such order.", call->request->sale);
	else
		handle_store_ok(call, result);
}

/* A page of the ledger on its way: text, a line of the ledger at a time. */
struct page {
	const struct reply *reply; /* whose body it becomes */
	FILE *out;
	const char *separator;
	int64_t limit, last;
	bool with_names, with_trails;
};

static void
print_line(struct page *page, json_t *value)
{
	fputs(page->separator, page->out);
	json_dumpf(value, page->out, JSON_COMPACT);
	json_decref(value);
	page->separator = ",";
}

static bool
append_line(const struct store_line *line, void *arg)
{
	static const char *const kinds[] = {[STORE_SOLD] = "sold",
	    [STORE_RECOUNTED] = "recounted",
	    [STORE_RAISED] = "raised"};
	struct page *page = arg;
	const bool sold = line->kind == STORE_SOLD;
	json_t *value = json_object();

	member_text(value, "kind", kinds[line->kind]);
	member_number(value, "version", line->version);
	member_number(value, "base", line->base);
	member_number(value, "nth", line->nth);
	member_text(value, "order", sold ? line->order : NULL);
	member_text(
	    value, "buyer", sold && page->with_names ? line->buyer : NULL);
	member_seats(value, line->seat, line->quantity);
	member_number(value, "remaining", line->remaining);
	member_number(value, "capacity", line->capacity);
	member_text(value, "lock", line->lock);
	member_time(value, "sold_at", line->sold_at_ms);
	if (page->with_trails && sold) {
		member_number(value, "worker", line->worker);
		member_number(value, "clerk", line->clerk);
		member_json(value, "trail", json_loads(line->trail, 0, NULL));
	}
	print_line(page, value);
	page->last = line->version;
	return --page->limit > 0 && page->reply->size < LEDGER_PAGE_BYTES &&
	       !page->reply->lost;
}

static void
print_page(struct call *call, const struct store_state *state, int64_t after,
    struct page *page)
{
	fprintf(page->out,
	    "{\"sale\":\"%s\",\"version\":%" PRId64 ",\"lines\":[",
	    state->settings.id, state->version);
	if (!handle_walk(call, state, after, append_line, page))
		return;
	if (page->last > 0 && page->last < state->version)
		fprintf(page->out, "],\"next\":%" PRId64 "}\n", page->last);
	else
		fprintf(page->out, "],\"next\":null}\n");
}

static void
reply_page(struct call *call, const struct store_state *state, int64_t after,
    struct page *page)
{
	page->out = reply_open(call->reply);
	if (page->out == NULL)
		return;
	print_page(call, state, after, page);
	reply_close(call->reply, page->out, 200, "application/json");
}

void
handle_ledger_get(struct call *call)
{
	struct page page = {.reply = call->reply,
	    .separator = "",
	    .limit = LEDGER_PAGE,
	    .with_names = admin_is(call),
	    .with_trails = handle_arg_is_set(call->request, "trail")};
	struct store_state state;
	int64_t after = 0;

	if (handle_arg_number(call, "after", 0, INT64_MAX, &after) &&
	    handle_arg_number(call, "limit", 1, LEDGER_PAGE_MAX, &page.limit) &&
	    handle_read_sale(call, &state))
		reply_page(call, &state, after, &page);
}
