/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that read the ledger: orders, and pages as JSON or as CSV. */
#include "service/http/handle.h"

#include <inttypes.h>
#include <string.h>

#include "locks/timestamp.h"
#include "service/http/admin.h"
#include "service/http/csv.h"
#include "service/http/problem.h"
#include "service/member.h"

#define LEDGER_PAGE 100
#define LEDGER_PAGE_MAX 1000
#define LEDGER_PAGE_BYTES (1024 * 1024) /* a page ends behind them */

/*
 * Whoever has the whole of the order's id, and so its chance, may see the
 * buyer's name: its buyer does, and whoever may see all names.
 */
static bool
reply_order(const struct store_line *line, void *call)
{
	struct receipt receipt;

	order_fill_receipt(&receipt, line);
	handle_reply_receipt(call, 200, &receipt, line->trail);
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
	void (*print)(struct page *page, const struct store_line *line);
	const char *separator;
	int64_t after, limit;
	int64_t last;      /* version of the last line that was looked at */
	const char *buyer; /* only this one's lines; NULL: all */
	const char *key;   /* only the line that bears it; NULL: all */
	int64_t since_ms;  /* only lines of that moment, and later ones, … */
	int64_t until_ms;  /* … before this one */
	bool with_names, with_trails;
	bool whole; /* nobody asked for a part: then none may be missing */
};

static const char *const kinds[] = {[STORE_SOLD] = "sold",
    [STORE_RECOUNTED] = "recounted",
    [STORE_RAISED] = "raised"};

/* As much of its id as may be seen beside no name; in `order`. */
static const char *
shown_order(const struct page *page, const struct store_line *line,
    char order[STORE_ORDER_SIZE])
{
	memcpy(order, line->order, STORE_ORDER_SIZE);
	if (!page->with_names)
		handle_cut_order(order);
	return order;
}

/* ----------------------------------------------------------------- JSON -- */

static void
print_json(struct page *page, const struct store_line *line)
{
	const bool sold = line->kind == STORE_SOLD;
	json_t *value = json_object();
	char order[STORE_ORDER_SIZE];

	member_text(value, "kind", kinds[line->kind]);
	member_number(value, "version", line->version);
	member_number(value, "base", line->base);
	member_number(value, "nth", line->nth);
	member_text(
	    value, "order", sold ? shown_order(page, line, order) : NULL);
	member_text(
	    value, "buyer", sold && page->with_names ? line->buyer : NULL);
	member_seats(value, line->seat, line->quantity);
	member_number(value, "remaining", line->remaining);
	member_number(value, "capacity", line->capacity);
	member_text(value, "lock", line->lock);
	member_time(value, "sold_at", line->sold_at_ms);
	if (page->with_trails && sold) {
		if (line->host > 0)
			member_number(value, "host", line->host);
		member_number(value, "worker", line->worker);
		member_number(value, "clerk", line->clerk);
		member_json(value, "trail", json_loads(line->trail, 0, NULL));
	}
	fputs(page->separator, page->out);
	json_dumpf(value, page->out, JSON_COMPACT);
	json_decref(value);
	page->separator = ",";
}

/* ------------------------------------------------------------------ CSV -- */

static void
print_csv_head(const struct page *page)
{
	fprintf(page->out,
	    "version,kind,sold_at,order,buyer,first_seat,quantity,remaining,"
	    "capacity,lock,base,nth%s\r\n",
	    page->with_trails ? ",worker,clerk,trail" : "");
}

/* What a line has none of is empty. */
static void
print_csv(struct page *page, const struct store_line *line)
{
	const bool sold = line->kind == STORE_SOLD;
	char sold_at[TIMESTAMP_SIZE], order[STORE_ORDER_SIZE];

	timestamp_print(line->sold_at_ms, sold_at);
	fprintf(page->out, "%" PRId64 ",%s,%s,%s,", line->version,
	    kinds[line->kind], sold_at,
	    sold ? shown_order(page, line, order) : "");
	if (sold && page->with_names)
		csv_put_text(page->out, line->buyer);
	if (sold)
		fprintf(page->out, ",%" PRId64 ",%" PRId64, line->seat,
		    line->quantity);
	else
		fputs(",,", page->out);
	fprintf(page->out, ",%" PRId64 ",%" PRId64 ",%s,%" PRId64 ",%u",
	    line->remaining, line->capacity, line->lock, line->base, line->nth);
	if (page->with_trails && sold) {
		fprintf(page->out, ",%u,%u,", line->worker, line->clerk);
		csv_put_text(page->out, line->trail);
	} else if (page->with_trails) {
		fputs(",,,", page->out);
	}
	fputs("\r\n", page->out);
}

/* ---------------------------------------------------------------- pages -- */

/* A walk's visit: until the page is full. */
static bool
append_line(const struct store_line *line, void *arg)
{
	struct page *page = arg;

	page->last = line->version;
	if (line->version <= page->after || line->sold_at_ms < page->since_ms ||
	    line->sold_at_ms >= page->until_ms ||
	    (page->buyer != NULL && (line->kind != STORE_SOLD ||
					strcmp(line->buyer, page->buyer) != 0)))
		return true;
	page->print(page, line);
	return --page->limit > 0 &&
	       page->reply->made.size < LEDGER_PAGE_BYTES && !page->reply->lost;
}

/* The one that bears the key, if there is one, or all.  False: the reply is
 * made. */
static bool
walk(struct call *call, const struct store_state *state, struct page *page)
{
	enum store_result result;

	if (page->key == NULL)
		return handle_walk(call, state, page->after, append_line, page);
	result = store_find(
	    call->store, state, STORE_BY_KEY, page->key, append_line, page);
	page->last = 0; /* nothing is behind it */
	return result == STORE_GONE || handle_store_ok(call, result);
}

/* Is there more behind the page? */
static bool
goes_on(const struct page *page, const struct store_state *state)
{
	return page->last > 0 && page->last < state->version;
}

static void
print_page(
    struct call *call, const struct store_state *state, struct page *page)
{
	fprintf(page->out,
	    "{\"sale\":\"%s\",\"version\":%" PRId64 ",\"lines\":[",
	    state->settings.id, state->version);
	if (!walk(call, state, page))
		return;
	if (goes_on(page, state))
		fprintf(page->out, "],\"next\":%" PRId64 "}\n", page->last);
	else
		fprintf(page->out, "],\"next\":null}\n");
}

static void
print_table(
    struct call *call, const struct store_state *state, struct page *page)
{
	print_csv_head(page);
	if (!walk(call, state, page) || !goes_on(page, state))
		return;
	/* Nobody looks for a header beside a table that looks whole. */
	if (page->whole)
		problem_reply(call->reply, PROBLEM_BAD_VALUE,
		    problem_member("limit"),
		    "A page ends behind a MiB, and this ledger does not fit: "
		    "send \"limit\" and \"after\", and go on after what "
		    "Next-After says until there is none.");
	else
		reply_header_print(
		    call->reply, "Next-After", "%" PRId64, page->last);
}

/* "2026-11-21T13:40:00.123Z", or less of it: the rest is that of midnight. */
static bool
parse_time(const char *text, int64_t *ms)
{
	char whole[] = "0000-00-00T00:00:00.000Z", again[TIMESTAMP_SIZE];
	size_t length = strlen(text);

	if (length == strlen("2026-11-21T13:40:00Z") && text[length - 1] == 'Z')
		length--;
	else if (length != strlen("2026-11-21") && length != strlen(whole))
		return false;
	memcpy(whole, text, length);
	*ms = timestamp_parse(whole);
	if (*ms < 0)
		return false;
	timestamp_print(*ms, again); /* the 31st of February is none */
	return strcmp(whole, again) == 0;
}

/* "since" or "until"; as it was if it is not there.  False: the reply is
 * made. */
static bool
parse_moment(struct call *call, const char *name, int64_t *ms)
{
	const char *value = request_arg(call->request, name);

	if (value == NULL || parse_time(value, ms))
		return true;
	return problem_reply(call->reply, PROBLEM_BAD_VALUE,
	    problem_member(name),
	    "\"%s\" must be a time in UTC, 2026-11-21 or "
	    "2026-11-21T13:40:00Z; \"after\" is for versions.",
	    name);
}

/* Which lines.  False: the reply is made. */
static bool
parse_filters(struct call *call, struct page *page)
{
	page->buyer = request_arg(call->request, "buyer");
	page->key = request_arg(call->request, "key");
	if ((page->buyer != NULL || page->key != NULL) && !admin_may_name(call))
		return false;
	return parse_moment(call, "since", &page->since_ms) &&
	       parse_moment(call, "until", &page->until_ms);
}

static void
reply_page(struct call *call, bool csv)
{
	struct page page = {.reply = call->reply,
	    .print = csv ? print_csv : print_json,
	    .separator = "",
	    .until_ms = INT64_MAX,
	    .limit = csv ? INT64_MAX : LEDGER_PAGE,
	    .with_names = admin_is(call),
	    .with_trails = handle_arg_is_set(call->request, "trail"),
	    .whole = request_arg(call->request, "limit") == NULL &&
		     request_arg(call->request, "after") == NULL};
	struct store_state state;

	if (!handle_arg_number(call, "after", 0, INT64_MAX, &page.after) ||
	    !handle_arg_number(
		call, "limit", 1, LEDGER_PAGE_MAX, &page.limit) ||
	    !parse_filters(call, &page) || !handle_read_sale(call, &state))
		return;
	page.out = reply_open(call->reply);
	if (page.out == NULL)
		return;
	(csv ? print_table : print_page)(call, &state, &page);
	reply_close(
	    call->reply, page.out, 200, csv ? CSV_TYPE : "application/json");
}

void
handle_ledger_csv(struct call *call)
{
	reply_page(call, true);
	if (call->reply->status == 200)
		reply_header_print(call->reply, "Content-Disposition",
		    "attachment; filename=\"%s.csv\"", call->request->sale);
}

/* Who asks for both means the first one. */
static bool
wants_csv(const struct request *request)
{
	const char *accept = request->headers[HEADER_ACCEPT];
	const char *csv, *json;

	if (accept == NULL)
		return false;
	csv = strcasestr(accept, "text/csv");
	json = strcasestr(accept, "application/json");
	return csv != NULL && (json == NULL || csv < json);
}

void
handle_ledger_get(struct call *call)
{
	reply_page(call, wants_csv(call->request));
	reply_header(call->reply, "Vary", "Accept");
}
