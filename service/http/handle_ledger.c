/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that read the ledger: orders, pages, audits. */
#include "service/http/handle.h"

#include <stdlib.h>
#include <string.h>

#include "service/audit/audit.h"
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
	call_reply_receipt(query->call, &r, query->call->request->sale,
	    line->trail, query->with_name);
	return true;
}

/* Whoever knows the order's 128 random bits may see the buyer's name. */
void
get_order(struct call *call)
{
	struct order_query query = {.call = call, .with_name = true};
	struct store_state state;
	enum store_result result;

	if (!call_read_sale(call, &state))
		return;
	result = store_find(call->store, &state, STORE_BY_ORDER,
	    call->request->item, reply_order_line, &query);
	if (result == STORE_GONE)
		reply_problem(call->reply, PROBLEM_NO_ORDER, NULL,
		    "The sale \"%s\" has no such order.", call->request->sale);
	else if (result != STORE_OK)
		call_store_error(call, result);
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
	    call_seats_json(line->seat, line->quantity), "remaining",
	    (json_int_t)line->remaining, "capacity", (json_int_t)line->capacity,
	    "lock", line->lock, "sold_at",
	    call_timestamp_json(line->sold_at_ms));
	if (page->with_trails && sold)
		call_add_trail(
		    value, line->base, line->worker, line->clerk, line->trail);
	json_array_append_new(page->lines, value);
	page->last = line->version;
	return --page->limit > 0;
}

void
get_ledger(struct call *call)
{
	struct page page = {.limit = LEDGER_PAGE,
	    .with_names = admin_is(call),
	    .with_trails = call_arg_is_set(call->request, "trail")};
	struct store_state state;
	enum store_result result;
	int64_t after = 0;

	if (!call_arg_number(call, "after", 0, INT64_MAX, &after) ||
	    !call_arg_number(call, "limit", 1, LEDGER_PAGE_MAX, &page.limit) ||
	    !call_read_sale(call, &state))
		return;
	page.lines = json_array();
	result = store_each(call->store, &state, after, append_line, &page);
	if (result != STORE_OK) {
		json_decref(page.lines);
		call_store_error(call, result);
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

static bool
add_to_audit(const struct store_line *line, void *arg)
{
	return audit_add(arg, line);
}

static bool
fill_witness(const struct store_line *line, void *arg)
{
	audit_witness_fill(arg, line);
	return false;
}

struct inquiry {
	struct store_state state;
	struct audit_report report;
	struct audit_subject subject;
	struct audit_witness witnesses[3];
	size_t count;
};

/* The lines of the collision, with their trails. */
static enum store_result
call_witnesses(struct call *call, struct inquiry *inquiry)
{
	const struct audit_collision *c = &inquiry->report.collision;
	const int64_t versions[] = {c->first, c->culprit, c->second};
	enum store_result result = STORE_OK;
	size_t i;

	for (i = 0; i < 3 && result == STORE_OK; i++)
		if (versions[i] != 0)
			result = store_each(call->store, &inquiry->state,
			    versions[i] - 1, fill_witness,
			    &inquiry->witnesses[inquiry->count++]);
	return result;
}

/* False: the reply is made. */
static bool
inquire(struct call *call, struct inquiry *inquiry)
{
	const char *host = call->request->headers[HEADER_HOST];
	enum store_result result;
	struct audit *audit;
	int64_t seat = 0;

	memset(inquiry, 0, sizeof(*inquiry));
	if (!call_arg_number(call, "seat", 1, STORE_CAPACITY_MAX, &seat) ||
	    !call_read_sale(call, &inquiry->state))
		return false;
	audit = audit_new();
	if (audit == NULL)
		abort();
	audit_ask(audit, seat);
	result =
	    store_each(call->store, &inquiry->state, 0, add_to_audit, audit);
	if (result == STORE_OK) {
		audit_finish(audit, inquiry->state.settings.capacity,
		    inquiry->state.remaining, &inquiry->report);
		result = call_witnesses(call, inquiry);
	}
	audit_free(audit);
	inquiry->subject = (struct audit_subject){.sale = call->request->sale,
	    .store = store_kind(call->service->store),
	    .host = host != NULL && strlen(host) <= 40 ? host
						       : call->service->address,
	    .lock = inquiry->state.settings.lock,
	    .lock_is_safe = call_lock_is_safe(inquiry->state.settings.lock),
	    .with_names = admin_is(call)};
	if (result == STORE_OK)
		return true;
	call_store_error(call, result);
	return false;
}

static void
dismiss(struct inquiry *inquiry)
{
	size_t i;

	for (i = 0; i < inquiry->count; i++)
		audit_witness_free(&inquiry->witnesses[i]);
}

void
get_audit(struct call *call)
{
	struct inquiry inquiry;

	if (inquire(call, &inquiry))
		reply_json(call->reply, 200,
		    audit_json(&inquiry.report, &inquiry.subject,
			inquiry.witnesses, inquiry.count));
	dismiss(&inquiry);
}

void
get_audit_text(struct call *call)
{
	struct inquiry inquiry;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (inquire(call, &inquiry)) {
		out = open_memstream(&text, &size);
		if (out == NULL)
			abort();
		audit_print(&inquiry.report, &inquiry.subject,
		    inquiry.witnesses, inquiry.count, out);
		fclose(out);
		reply_own(
		    call->reply, 200, "text/plain; charset=utf-8", text, size);
	}
	dismiss(&inquiry);
}
