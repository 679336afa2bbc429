/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of calls, and a function for each. */
#include "routes.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audit.h"
#include "body.h"
#include "clock.h"
#include "sell.h"
#include "timestamp.h"

#define LEDGER_PAGE 100
#define LEDGER_PAGE_MAX 1000

typedef void handler_fn(struct call *call);

struct route {
	const char *method;
	const char *pattern; /* segments; {sale} and {item} are variables */
	enum route_where where;
	bool admin; /* changes what is sold, or how */
	handler_fn *handler;
};

/* ------------------------------------------------------------ who may -- */

static bool
starts_with(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Is this Host one that only this machine answers to? */
static bool
host_is_local(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1",
		"[::1]" };
	size_t i, n;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i]);
		if (starts_with(host, names[i]) &&
		    (host[n] == '\0' || host[n] == ':'))
			return true;
	}
	return false;
}

/* In constant time: how long it takes must not tell how much was right. */
static bool
token_is_right(const char *given, const char *token)
{
	const size_t length = strlen(token);
	unsigned char different = (unsigned char)(strlen(given) != length);
	size_t i;

	for (i = 0; i < length && given[i] != '\0'; i++)
		different |= (unsigned char)(given[i] ^ token[i]);
	return different == 0;
}

static bool
has_token(const struct call *call)
{
	const char *given = call->request->headers[HEADER_AUTHORIZATION];

	if (given == NULL || !starts_with(given, "Bearer "))
		return false;
	return token_is_right(given + strlen("Bearer "), call->service->token);
}

/* May the caller see names, and change sales? */
static bool
is_admin(const struct call *call)
{
	switch (call->service->options->admin) {
	case ADMIN_OPEN:
		return true;
	case ADMIN_TOKEN:
		return has_token(call);
	case ADMIN_OFF:
		break;
	}
	return false;
}

/* A page of another origin, or a name that was bent to this address. */
static bool
is_foreign(const struct call *call)
{
	const char *origin = call->request->headers[HEADER_ORIGIN];
	const char *host = call->request->headers[HEADER_HOST];

	if (host == NULL)
		host = "";
	if (origin != NULL &&
	    (!starts_with(origin, "http") || strstr(origin, "://") == NULL ||
		strcasecmp(strstr(origin, "://") + 3, host) != 0))
		return true;
	return call->service->options->admin == ADMIN_OPEN && *host != '\0' &&
	    !host_is_local(host) &&
	    strcasecmp(host, call->service->address) != 0;
}

/* False: refused, and the reply is made. */
static bool
admin_may(struct call *call)
{
	if (is_foreign(call))
		reply_problem(call->reply, PROBLEM_FORBIDDEN, NULL,
		    "Sales are changed from turnstile's own page or a command "
		    "line, not from a page of another origin.");
	else if (call->service->options->admin == ADMIN_OFF)
		reply_problem(call->reply, PROBLEM_FORBIDDEN, NULL,
		    "This service runs with --admin off: its sales are not "
		    "changed over HTTP.");
	else if (!is_admin(call)) {
		reply_problem(call->reply, PROBLEM_TOKEN_NEEDED, NULL,
		    "Send \"Authorization: Bearer TOKEN\"; the token stands "
		    "in the file admin-token of the data directory.");
		reply_header(
		    call->reply, "WWW-Authenticate", "Bearer realm=\"admin\"");
	}
	return call->reply->status == 0;
}

/* ------------------------------------------------------------- helpers -- */

static void
reply_store_error(struct call *call, enum store_result result)
{
	const char *why = store_error(call->store);
	struct reply *reply = call->reply;

	switch (result) {
	case STORE_GONE:
		reply_problem(reply, PROBLEM_NO_SALE, NULL,
		    "There is no sale \"%s\"; GET /sales lists them.",
		    call->request->sale);
		return;
	case STORE_BUSY:
	case STORE_MOVED:
	case STORE_CONFLICT:
		reply_problem(reply, PROBLEM_STORE_BUSY, NULL,
		    "Nothing was changed; try again.");
		return;
	case STORE_FULL:
		reply_problem(reply, PROBLEM_STORAGE_FULL, NULL,
		    "Nothing was changed: %s.", why);
		return;
	case STORE_UNKNOWN:
		reply_problem(reply, PROBLEM_UNKNOWN_OUTCOME, NULL,
		    "Look before you try again: %s.", why);
		return;
	case STORE_OK:
	case STORE_DUPLICATE:
	case STORE_FAILED:
		break;
	}
	reply_problem(reply, PROBLEM_STORAGE_ERROR, NULL,
	    "Nothing was changed: %s.", why);
}

/* The sale that the path names.  False: the reply is made. */
static bool
read_sale(struct call *call, struct store_state *state)
{
	enum store_result result;

	result = store_read(call->store, call->request->sale, state);
	if (result != STORE_OK) {
		reply_store_error(call, result);
		return false;
	}
	store_abandon(call->store, state);
	return true;
}

static bool
lock_name_is_safe(const char *name)
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

static json_t *
sale_json(const struct call *call, const struct store_state *state)
{
	const struct store_settings *s = &state->settings;

	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:b}", "id",
	    s->id, "capacity", (json_int_t)s->capacity, "remaining",
	    (json_int_t)state->remaining, "version",
	    (json_int_t)state->version, "lock", s->lock, "delay_ms",
	    delay_json(s), "store", store_kind(call->service->store), "safe",
	    (int)lock_name_is_safe(s->lock));
}

static void
put_etag(struct call *call, const struct store_state *state)
{
	reply_header(call->reply, "ETag", "\"%016" PRIx64 "-%" PRId64 "\"",
	    state->epoch, state->version);
}

/* "\"0011223344556677-12\"" */
static bool
parse_etag(const char *text, uint64_t *epoch, int64_t *version)
{
	int end = 0;

	return sscanf(text, "\"%16" SCNx64 "-%" SCNd64 "\"%n", epoch, version,
		   &end) == 2 &&
	    end > 0 && text[end] == '\0';
}

static json_t *
seats_json(int64_t seat, int64_t quantity)
{
	json_t *list = json_array();
	int64_t i;

	for (i = 0; i < quantity; i++)
		json_array_append_new(list, json_integer(seat + i));
	return list;
}

static json_t *
timestamp_json(int64_t ms)
{
	char text[TIMESTAMP_SIZE];

	timestamp_print(ms, text);
	return json_string(text);
}

/* What only the trail's readers want. */
static void
add_trail(json_t *receipt, int64_t base, unsigned worker, unsigned clerk,
    const char *trail)
{
	json_object_set_new(receipt, "base", json_integer(base));
	json_object_set_new(receipt, "worker", json_integer(worker));
	json_object_set_new(receipt, "clerk", json_integer(clerk));
	json_object_set_new(receipt, "trail", json_loads(trail, 0, NULL));
}

/* The answer is "yes" for ?trail, ?trail=1, ?trail=true. */
static bool
arg_is_set(const struct request *request, const char *name)
{
	const char *value = request_arg(request, name);

	return value != NULL && strcmp(value, "0") != 0 &&
	    strcmp(value, "false") != 0;
}

/* A number in the query.  False: the reply is made. */
static bool
arg_number(struct call *call, const char *name, int64_t min, int64_t max,
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
	reply_problem(call->reply, PROBLEM_BAD_VALUE,
	    json_pack("{s:s}", "member", name),
	    "\"%s\" must be a whole number from %" PRId64 " to %" PRId64 ".",
	    name, min, max);
	return false;
}

/* ---------------------------------------------------------------- root -- */

static void
get_root(struct call *call)
{
	const char *host = call->request->headers[HEADER_HOST];
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (host == NULL || strlen(host) > 80)
		host = call->service->address;
	out = open_memstream(&text, &size);
	if (out == NULL)
		abort();
	fprintf(out,
	    "turnstile " TURNSTILE_VERSION
	    ": sells the same seat twice, shows you why, and then doesn't\n\n"
	    "look   curl %s/sales/demo\n"
	    "buy    curl -d buyer=alice %s/sales/demo/buy\n"
	    "break  curl -X PATCH -d lock=none -d delay=3s %s/sales/demo\n"
	    "       (then buy from two terminals at once)\n"
	    "judge  curl %s/sales/demo/audit.txt\n"
	    "cure   curl -X PATCH -d lock=mutex %s/sales/demo\n",
	    host, host, host, host, host);
	fclose(out);
	reply_own(call->reply, 200, "text/plain; charset=utf-8", text, size);
	reply_header(call->reply, "Vary", "Accept");
}

/* --------------------------------------------------------------- locks -- */

static json_t *
lock_json(struct lock_strategy strategy)
{
	const struct lock_facts facts = lock_facts(strategy);
	char name[LOCK_NAME_SIZE];

	lock_print(strategy, name);
	return json_pack(
	    "{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s}", "name",
	    name, "summary", lock_summary(strategy), "safe",
	    (int)lock_is_safe(strategy), "holds", (int)facts.holds,
	    "excludes_threads", (int)facts.excludes_threads,
	    "excludes_processes", (int)facts.excludes_processes,
	    "checks_write", (int)facts.checks_write, "tells_death",
	    (int)facts.tells_death, "fair", (int)facts.fair, "wrong_on_purpose",
	    (int)facts.wrong_on_purpose, "when_killed",
	    lock_when_killed(strategy));
}

static void
get_locks(struct call *call)
{
	json_t *list = json_array();
	struct lock_strategy three;
	size_t i;

	for (i = 0; i < lock_count(); i++)
		json_array_append_new(list, lock_json(lock_at(i)));
	if (lock_parse("semaphore:3", &three))
		json_array_append_new(list, lock_json(three));
	reply_json(call->reply, 200, json_pack("{s:o}", "locks", list));
}

static void
get_problem(struct call *call)
{
	enum problem problem;
	char *text;
	int size;

	if (!problem_named(call->request->item, &problem)) {
		reply_problem(call->reply, PROBLEM_NOT_FOUND, NULL,
		    "There is no problem of that name.");
		return;
	}
	size = asprintf(&text, "%s (%d): %s.\n", problem_name(problem),
	    problem_status(problem), problem_title(problem));
	if (size == -1)
		abort();
	reply_own(call->reply, 200, "text/plain; charset=utf-8", text,
	    (size_t)size);
}

/* --------------------------------------------------------------- sales -- */

static bool
append_sale(const struct store_state *state, void *arg)
{
	void **args = arg;

	json_array_append_new(args[0], sale_json(args[1], state));
	return true;
}

static void
list_sales(struct call *call)
{
	json_t *list = json_array();
	void *args[] = { list, call };
	enum store_result result;

	result = store_list(call->store, append_sale, args);
	if (result == STORE_OK) {
		reply_json(call->reply, 200, json_pack("{s:o}", "sales", list));
		return;
	}
	json_decref(list);
	reply_store_error(call, result);
}

static void
get_sale(struct call *call)
{
	const char *known = call->request->headers[HEADER_IF_NONE_MATCH];
	struct store_state state;
	uint64_t epoch;
	int64_t version;

	if (!read_sale(call, &state))
		return;
	if (known != NULL && parse_etag(known, &epoch, &version) &&
	    epoch == state.epoch && version == state.version)
		reply_literal(call->reply, 304, NULL, "");
	else
		reply_json(call->reply, 200, sale_json(call, &state));
	put_etag(call, &state);
	reply_header(call->reply, "Cache-Control", "no-cache");
}

static bool
id_is_valid(const char *id)
{
	const size_t length = strlen(id);

	return length > 0 && length < STORE_ID_SIZE &&
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length;
}

static bool
bad_lock(struct reply *reply)
{
	reply_problem(reply, PROBLEM_BAD_VALUE,
	    json_pack("{s:s}", "member", "lock"),
	    "\"lock\" must be one of %s.", lock_names());
	return false;
}

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
			return bad_lock(reply);
		lock_print(strategy, settings->lock);
	}
	if (delay != NULL &&
	    !duration_range_parse(delay, &settings->delay_min_ms,
		&settings->delay_max_ms)) {
		reply_problem(reply, PROBLEM_BAD_VALUE,
		    json_pack("{s:s}", "member", "delay"),
		    "\"delay\" must be a duration or a range of two, up to 1h:"
		    " 0, 5ms, 1s-3s.");
		return false;
	}
	return true;
}

/* The sale as the answer to a change of it. */
static void
reply_sale(struct call *call, int status, const struct store_state *state,
    json_t *extra)
{
	json_t *value = sale_json(call, state);

	if (extra != NULL)
		json_object_update(value, extra);
	json_decref(extra);
	if (state->settings.delay_max_ms * 2 >=
	    call->service->options->timeout_ms)
		json_object_set_new(value, "warning",
		    json_string("the delay is half the orders' timeout or "
				"more: under a lock the third buyer at once "
				"will be refused"));
	reply_json(call->reply, status, value);
	put_etag(call, state);
}

static int64_t
deadline_of(const struct call *call)
{
	return call->request->arrived_ns +
	    call->service->options->timeout_ms * NS_PER_MS;
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
	result = store_create(call->store, settings, deadline_of(call));
	if (result == STORE_DUPLICATE) {
		reply_problem(call->reply, PROBLEM_SALE_EXISTS, NULL,
		    "There is a sale \"%s\": choose another id, or DELETE it.",
		    settings->id);
		return;
	}
	if (result != STORE_OK) {
		reply_store_error(call, result);
		return;
	}
	log_change(call, "sale-opened");
	if (!read_sale(call, &state))
		return;
	reply_sale(call, 201, &state, NULL);
	reply_header(call->reply, "Location", "/sales/%s", settings->id);
}

static void
post_sale(struct call *call)
{
	static const char *const names[] = { "id", "capacity", "lock", "delay",
		NULL };
	const struct options *options = call->service->options;
	struct store_settings settings = {
		.delay_min_ms = options->delay_min_ms,
		.delay_max_ms = options->delay_max_ms
	};
	struct body body;
	const char *id = "";

	memcpy(settings.lock, options->lock, STORE_LOCK_SIZE);
	if (body_parse(&body, call->request, call->reply) &&
	    body_allows(&body, names, call->reply) &&
	    body_text(&body, "id", &id, call->reply) &&
	    parse_settings(call, &body, 1, &settings)) {
		if (!id_is_valid(id)) {
			reply_problem(call->reply, PROBLEM_BAD_VALUE,
			    json_pack("{s:s}", "member", "id"),
			    "\"id\" must be 1 to 64 of a-z 0-9 - _.");
		} else if (settings.capacity == 0) {
			reply_problem(call->reply, PROBLEM_BAD_VALUE,
			    json_pack("{s:s}", "member", "capacity"),
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

/* What a change of strategy did to the counter, if anything. */
static json_t *
recount_json(struct call *call, const struct store_state *before,
    const struct store_state *after)
{
	int64_t remaining = -1;

	if (after->version == before->version ||
	    store_each(call->store, after,
		after->version < 2 ? 0 : after->version - 2, find_recount,
		&remaining) != STORE_OK ||
	    remaining == -1)
		return NULL;
	return json_pack("{s:I}", "recounted_to", (json_int_t)remaining);
}

/* Change what was read; again while others change it too. */
static void
change_sale(struct call *call, const struct body *body)
{
	struct store_state state, before;
	struct store_change change = { .trail = "[]" };
	enum store_result result;

	do {
		if (!read_sale(call, &state))
			return;
		before = state;
		change.settings = state.settings;
		if (!parse_settings(call, body, state.settings.capacity,
			&change.settings))
			return;
		change.at_ms = clock_read_ns(CLOCK_REALTIME) / NS_PER_MS;
		/* A lock stops new damage and repairs none. */
		change.recount = !lock_name_is_safe(state.settings.lock) &&
		    lock_name_is_safe(change.settings.lock);
		result = store_configure(
		    call->store, &state, &change, deadline_of(call));
	} while (result == STORE_MOVED && clock_now_ns() < deadline_of(call));
	if (result != STORE_OK) {
		reply_store_error(call, result);
		return;
	}
	log_change(call, "sale-changed");
	reply_sale(call, 200, &state, recount_json(call, &before, &state));
}

static void
patch_sale(struct call *call)
{
	static const char *const names[] = { "lock", "delay", "capacity",
		NULL };
	struct body body;

	if (body_parse(&body, call->request, call->reply) &&
	    body_allows(&body, names, call->reply)) {
		if (json_object_size(body.members) == 0)
			reply_problem(call->reply, PROBLEM_BAD_VALUE, NULL,
			    "Nothing to change: send lock, delay or "
			    "capacity.");
		else
			change_sale(call, &body);
	}
	body_free(&body);
}

static void
delete_sale(struct call *call)
{
	const bool force = arg_is_set(call->request, "force");
	struct store_state state;
	enum store_result result;

	do {
		if (!read_sale(call, &state))
			return;
		if (state.remaining > 0 && !force) {
			reply_problem(call->reply, PROBLEM_NOT_SOLD_OUT,
			    json_pack("{s:I}", "remaining",
				(json_int_t)state.remaining),
			    "%" PRId64 " tickets are left; ?force=1 deletes "
			    "the sale and its ledger all the same.",
			    state.remaining);
			return;
		}
		result = store_remove(call->store, &state, deadline_of(call));
	} while ((result == STORE_CONFLICT || result == STORE_MOVED) &&
	    clock_now_ns() < deadline_of(call));
	if (result != STORE_OK) {
		reply_store_error(call, result);
		return;
	}
	log_change(call, "sale-deleted");
	reply_literal(call->reply, 204, NULL, "");
}

/* ----------------------------------------------------------------- buy -- */

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

static bool
bad_key(struct reply *reply)
{
	reply_problem(reply, PROBLEM_BAD_VALUE,
	    json_pack("{s:s}", "member", "Idempotency-Key"),
	    "Idempotency-Key must be 1 to 255 printable ASCII characters, "
	    "bare or in double quotes.");
	return false;
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
parse_if_match(const char *text, struct order *order, struct reply *reply)
{
	if (strcmp(text, "*") == 0) /* any version, if there is the sale */
		return true;
	order->has_if_match = true;
	/* A weak tag never matches; no sale has epoch 0. */
	if (starts_with(text, "W/") ||
	    parse_etag(text, &order->match_epoch, &order->match_version))
		return true;
	reply_problem(reply, PROBLEM_BAD_VALUE,
	    json_pack("{s:s}", "member", "If-Match"),
	    "If-Match must be one ETag as GET gave it, or *.");
	return false;
}

static bool
parse_wish(struct call *call, const struct body *body, struct order *order)
{
	static const char *const names[] = { "buyer", "quantity", NULL };
	const char *buyer = "anonymous";

	order->quantity = 1;
	if (!body_allows(body, names, call->reply) ||
	    !body_text(body, "buyer", &buyer, call->reply) ||
	    !body_number(body, "quantity", 1,
		call->service->options->max_quantity, &order->quantity,
		call->reply))
		return false;
	if (!buyer_is_valid(buyer)) {
		reply_problem(call->reply, PROBLEM_BAD_VALUE,
		    json_pack("{s:s}", "member", "buyer"),
		    "\"buyer\" must be 1 to 64 characters, none of them a "
		    "control character.");
		return false;
	}
	snprintf(order->buyer, sizeof(order->buyer), "%s", buyer);
	return true;
}

static void
post_buy(struct call *call)
{
	struct request *request = call->request;
	struct order *order = &request->order;
	const char *key = request->headers[HEADER_IDEMPOTENCY_KEY];
	const char *match = request->headers[HEADER_IF_MATCH];
	struct body body;

	if (body_parse(&body, request, call->reply) &&
	    parse_wish(call, &body, order) &&
	    (key == NULL || parse_key(key, order->key, call->reply)) &&
	    (match == NULL || parse_if_match(match, order, call->reply))) {
		memcpy(order->sale, request->sale, STORE_ID_SIZE);
		order->deadline_ns = deadline_of(call);
		trail_add(&order->trail, STEP_QUEUED, request->arrived_ns);
	}
	body_free(&body);
}

static void
put_server_timing(struct call *call)
{
	const struct trail_times t = trail_times(&call->request->order.trail);

	reply_header(call->reply, "Server-Timing",
	    "queue;dur=%.3f, lock;dur=%.3f, delay;dur=%.3f, write;dur=%.3f",
	    (double)t.queue_ns / 1e6, (double)t.lock_ns / 1e6,
	    (double)t.delay_ns / 1e6, (double)t.write_ns / 1e6);
}

/* The trail of a refusal, on request; NULL otherwise. */
static json_t *
asked_trail(const struct call *call)
{
	char text[TRAIL_TEXT_SIZE];

	if (!arg_is_set(call->request, "trail"))
		return json_object();
	trail_print(&call->request->order.trail, text);
	return json_pack("{s:o}", "trail", json_loads(text, 0, NULL));
}

static void
reply_receipt(struct call *call, const struct receipt *r, const char *sale,
    const char *trail, bool with_name)
{
	json_t *value;

	value = json_pack("{s:s, s:s, s:s*, s:o, s:I, s:I, s:s, s:o}", "order",
	    r->order, "sale", sale, "buyer", with_name ? r->buyer : NULL,
	    "seats", seats_json(r->seat, r->quantity), "remaining",
	    (json_int_t)r->remaining, "version", (json_int_t)r->version, "lock",
	    r->lock, "sold_at", timestamp_json(r->sold_at_ms));
	if (trail != NULL)
		add_trail(value, r->base, r->worker, r->clerk, trail);
	reply_json(call->reply, call->request->order.outcome == OUTCOME_NONE
		? 200
		: 201,
	    value);
}

static void
reply_sold(struct call *call)
{
	const struct order *order = &call->request->order;
	char text[TRAIL_TEXT_SIZE];
	const char *trail = NULL;

	if (arg_is_set(call->request, "trail")) {
		trail_print(&order->trail, text);
		trail = order->outcome == OUTCOME_REPLAYED
		    ? order->replayed_trail
		    : text;
	}
	reply_receipt(call, &order->receipt, order->sale, trail, true);
	reply_header(call->reply, "Location", "/sales/%s/orders/%s",
	    order->sale, order->receipt.order);
}

static void
reply_refused(struct call *call)
{
	const struct order *order = &call->request->order;
	const int64_t left = order->state.remaining;
	json_t *extra = asked_trail(call);

	json_object_set_new(extra, "sale", json_string(order->sale));
	json_object_set_new(extra, "remaining", json_integer(left));
	json_object_set_new(
	    extra, "version", json_integer(order->state.version));
	if (order->outcome == OUTCOME_SOLD_OUT)
		reply_problem(call->reply, PROBLEM_SOLD_OUT, extra,
		    "No tickets are left.");
	else if (order->outcome == OUTCOME_NOT_ENOUGH)
		reply_problem(call->reply, PROBLEM_NOT_ENOUGH, extra,
		    "Only %" PRId64 " of the %" PRId64 " tickets are left.",
		    left, order->quantity);
	else {
		reply_problem(call->reply, PROBLEM_CHANGED, extra,
		    "It is at version %" PRId64 " now: look again, then "
		    "decide.",
		    order->state.version);
		put_etag(call, &order->state);
	}
}

/* Each outcome that is not a decision: its problem, and what to do. */
static void
reply_not_served(struct call *call)
{
	static const struct {
		enum problem problem;
		const char *detail;
	} rows[OUTCOMES] = {
		[OUTCOME_NO_SALE] = { PROBLEM_NO_SALE,
		    "GET /sales lists the sales." },
		[OUTCOME_KEY_REUSED] = { PROBLEM_KEY_REUSED,
		    "It was used for another buyer or quantity: use a new "
		    "key." },
		[OUTCOME_QUEUE_FULL] = { PROBLEM_QUEUE_FULL,
		    "Nothing was sold to you; try again." },
		[OUTCOME_QUEUE_TIMEOUT] = { PROBLEM_QUEUE_TIMEOUT,
		    "Nothing was sold to you; try again." },
		[OUTCOME_LOCK_TIMEOUT] = { PROBLEM_LOCK_TIMEOUT,
		    "Nothing was sold to you; try again." },
		[OUTCOME_CONFLICTS] = { PROBLEM_CONFLICTS,
		    "Nothing was sold to you; try again." },
		[OUTCOME_STORE_BUSY] = { PROBLEM_STORE_BUSY,
		    "Nothing was sold to you; try again." },
		[OUTCOME_STORE_FULL] = { PROBLEM_STORAGE_FULL,
		    "Nothing was sold to you." },
		[OUTCOME_STORE_ERROR] = { PROBLEM_STORAGE_ERROR,
		    "Nothing was sold to you." },
		[OUTCOME_UNKNOWN] = { PROBLEM_UNKNOWN_OUTCOME,
		    "Send the same order with the same Idempotency-Key to "
		    "learn it." },
		[OUTCOME_DRAINING] = { PROBLEM_DRAINING,
		    "Nothing was sold to you; try again." },
	};
	const struct order *order = &call->request->order;

	reply_problem(call->reply, rows[order->outcome].problem,
	    asked_trail(call), "%s", rows[order->outcome].detail);
	if (order->error[0] != '\0')
		LOG_EVENT(&call->service->log, "order-failed",
		    LOG_TEXT("sale", order->sale),
		    LOG_TEXT("error", order->error),
		    LOG_TEXT("request", call->request->id));
}

void
routes_sold(struct call *call)
{
	switch (call->request->order.outcome) {
	case OUTCOME_SOLD:
	case OUTCOME_REPLAYED:
		reply_sold(call);
		break;
	case OUTCOME_SOLD_OUT:
	case OUTCOME_NOT_ENOUGH:
	case OUTCOME_CHANGED:
		reply_refused(call);
		break;
	case OUTCOME_NONE:
	case OUTCOME_NO_SALE:
	case OUTCOME_KEY_REUSED:
	case OUTCOME_QUEUE_FULL:
	case OUTCOME_QUEUE_TIMEOUT:
	case OUTCOME_LOCK_TIMEOUT:
	case OUTCOME_CONFLICTS:
	case OUTCOME_STORE_BUSY:
	case OUTCOME_STORE_FULL:
	case OUTCOME_STORE_ERROR:
	case OUTCOME_UNKNOWN:
	case OUTCOME_DRAINING:
		reply_not_served(call);
		break;
	}
	put_server_timing(call);
}

/* -------------------------------------------------------------- ledger -- */

struct order_query {
	struct call *call;
	bool with_name;
};

static bool
reply_order_line(const struct store_line *line, void *arg)
{
	struct order_query *query = arg;
	struct receipt r = { .seat = line->seat,
		.quantity = line->quantity,
		.remaining = line->remaining,
		.version = line->version,
		.base = line->base,
		.sold_at_ms = line->sold_at_ms,
		.worker = line->worker,
		.clerk = line->clerk };

	memcpy(r.order, line->order, sizeof(r.order));
	snprintf(r.buyer, sizeof(r.buyer), "%s", line->buyer);
	snprintf(r.lock, sizeof(r.lock), "%s", line->lock);
	reply_receipt(query->call, &r, query->call->request->sale, line->trail,
	    query->with_name);
	return true;
}

/* Whoever knows the order's 128 random bits may see the buyer's name. */
static void
get_order(struct call *call)
{
	struct order_query query = { .call = call, .with_name = true };
	struct store_state state;
	enum store_result result;

	if (!read_sale(call, &state))
		return;
	result = store_find(call->store, &state, STORE_BY_ORDER,
	    call->request->item, reply_order_line, &query);
	if (result == STORE_GONE)
		reply_problem(call->reply, PROBLEM_NO_ORDER, NULL,
		    "The sale \"%s\" has no such order.", call->request->sale);
	else if (result != STORE_OK)
		reply_store_error(call, result);
}

struct page {
	json_t *lines;
	int64_t limit, last;
	bool with_names, with_trails;
};

static bool
append_line(const struct store_line *line, void *arg)
{
	static const char *const kinds[] = { [STORE_SOLD] = "sold",
		[STORE_RECOUNTED] = "recounted",
		[STORE_RAISED] = "raised" };
	struct page *page = arg;
	const bool sold = line->kind == STORE_SOLD;
	json_t *value;

	value = json_pack("{s:s, s:I, s:I, s:i, s:s*, s:s*, s:o, s:I, s:I,"
			  " s:s, s:o}",
	    "kind", kinds[line->kind], "version", (json_int_t)line->version,
	    "base", (json_int_t)line->base, "nth", (int)line->nth, "order",
	    sold ? line->order : NULL, "buyer",
	    sold && page->with_names ? line->buyer : NULL, "seats",
	    seats_json(line->seat, line->quantity), "remaining",
	    (json_int_t)line->remaining, "capacity",
	    (json_int_t)line->capacity, "lock", line->lock, "sold_at",
	    timestamp_json(line->sold_at_ms));
	if (page->with_trails && sold)
		add_trail(value, line->base, line->worker, line->clerk,
		    line->trail);
	json_array_append_new(page->lines, value);
	page->last = line->version;
	return --page->limit > 0;
}

static void
get_ledger(struct call *call)
{
	struct page page = { .limit = LEDGER_PAGE,
		.with_names = is_admin(call),
		.with_trails = arg_is_set(call->request, "trail") };
	struct store_state state;
	enum store_result result;
	int64_t after = 0;

	if (!arg_number(call, "after", 0, INT64_MAX, &after) ||
	    !arg_number(call, "limit", 1, LEDGER_PAGE_MAX, &page.limit) ||
	    !read_sale(call, &state))
		return;
	page.lines = json_array();
	result =
	    store_each(call->store, &state, after, append_line, &page);
	if (result != STORE_OK) {
		json_decref(page.lines);
		reply_store_error(call, result);
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

/* --------------------------------------------------------------- audit -- */

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
	const int64_t versions[] = { c->first, c->culprit, c->second };
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

	memset(inquiry, 0, sizeof(*inquiry));
	if (!read_sale(call, &inquiry->state))
		return false;
	audit = audit_new();
	result = store_each(
	    call->store, &inquiry->state, 0, add_to_audit, audit);
	if (result == STORE_OK) {
		audit_finish(audit, inquiry->state.settings.capacity,
		    inquiry->state.remaining, &inquiry->report);
		result = call_witnesses(call, inquiry);
	}
	audit_free(audit);
	inquiry->subject = (struct audit_subject){
		.sale = call->request->sale,
		.store = store_kind(call->service->store),
		.host = host != NULL && strlen(host) <= 40
		    ? host
		    : call->service->address,
		.lock = inquiry->state.settings.lock,
		.lock_is_safe =
		    lock_name_is_safe(inquiry->state.settings.lock),
		.with_names = is_admin(call)
	};
	if (result == STORE_OK)
		return true;
	reply_store_error(call, result);
	return false;
}

static void
dismiss(struct inquiry *inquiry)
{
	size_t i;

	for (i = 0; i < inquiry->count; i++)
		audit_witness_free(&inquiry->witnesses[i]);
}

static void
get_audit(struct call *call)
{
	struct inquiry inquiry;

	if (inquire(call, &inquiry))
		reply_json(call->reply, 200,
		    audit_json(&inquiry.report, &inquiry.subject,
			inquiry.witnesses, inquiry.count));
	dismiss(&inquiry);
}

static void
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
		reply_own(call->reply, 200, "text/plain; charset=utf-8", text,
		    size);
	}
	dismiss(&inquiry);
}

/* -------------------------------------------------------------- routing -- */

/* clang-format off */
static const struct route routes[] = {
	{ "GET", "/", ROUTE_ANSWERED, false, get_root },
	{ "GET", "/locks", ROUTE_ANSWERED, false, get_locks },
	{ "GET", "/problems/{item}", ROUTE_ANSWERED, false, get_problem },
	{ "GET", "/sales", ROUTE_TO_OFFICE, false, list_sales },
	{ "POST", "/sales", ROUTE_TO_OFFICE, true, post_sale },
	{ "GET", "/sales/{sale}", ROUTE_ANSWERED, false, get_sale },
	{ "PATCH", "/sales/{sale}", ROUTE_TO_OFFICE, true, patch_sale },
	{ "DELETE", "/sales/{sale}", ROUTE_TO_OFFICE, true, delete_sale },
	{ "POST", "/sales/{sale}/buy", ROUTE_TO_CLERK, false, post_buy },
	{ "GET", "/sales/{sale}/orders/{item}", ROUTE_TO_OFFICE, false,
	  get_order },
	{ "GET", "/sales/{sale}/ledger", ROUTE_TO_OFFICE, false, get_ledger },
	{ "GET", "/sales/{sale}/audit", ROUTE_TO_OFFICE, false, get_audit },
	{ "GET", "/sales/{sale}/audit.txt", ROUTE_TO_OFFICE, false,
	  get_audit_text },
};
/* clang-format on */
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

size_t
routes_count(void)
{
	return ROUTES;
}

const char *
routes_method(size_t i)
{
	return routes[i].method;
}

const char *
routes_pattern(size_t i)
{
	return routes[i].pattern;
}

size_t
routes_number(const struct route *route)
{
	return route == NULL ? ROUTES : (size_t)(route - routes);
}

/* Copy a path's segment into a variable; false: it does not fit. */
static bool
copy_segment(const char **path, char *to, size_t size)
{
	const size_t length = strcspn(*path, "/");

	if (length == 0 || length >= size)
		return false;
	memcpy(to, *path, length);
	to[length] = '\0';
	*path += length;
	return true;
}

static bool
path_fits(const char *pattern, const char *path, struct request *request)
{
	while (*pattern != '\0') {
		if (starts_with(pattern, "{sale}")) {
			if (!copy_segment(
				&path, request->sale, sizeof(request->sale)))
				return false;
			pattern += strlen("{sale}");
		} else if (starts_with(pattern, "{item}")) {
			if (!copy_segment(
				&path, request->item, sizeof(request->item)))
				return false;
			pattern += strlen("{item}");
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

/* The route; NULL: `allowed` lists the path's methods, "" if it has none. */
static const struct route *
find_route(struct request *request, char allowed[64])
{
	size_t i, n = 0;

	allowed[0] = '\0';
	for (i = 0; i < ROUTES; i++) {
		if (!path_fits(routes[i].pattern, request->path, request))
			continue;
		if (strcmp(routes[i].method, request->method) == 0)
			return &routes[i];
		n += (size_t)snprintf(allowed + n, 64 - n, "%s%s%s",
		    n == 0 ? "" : ", ", routes[i].method,
		    strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
	}
	return NULL;
}

static void
reply_no_route(struct call *call, const char *allowed)
{
	if (allowed[0] == '\0') {
		reply_problem(call->reply, PROBLEM_NOT_FOUND, NULL,
		    "GET / says what there is.");
		return;
	}
	reply_problem(call->reply, PROBLEM_METHOD, NULL, "Use %s.", allowed);
	reply_header(call->reply, "Allow", "%s", allowed);
}

enum route_where
routes_begin(struct call *call)
{
	struct request *request = call->request;
	char allowed[64];

	if (request->ambiguous) {
		reply_problem(call->reply, PROBLEM_BAD_REQUEST, NULL,
		    "Its length is given in two ways, or it has too many "
		    "arguments.");
		call->reply->close = true;
		return ROUTE_ANSWERED;
	}
	request->route = find_route(request, allowed);
	if (request->route == NULL) {
		reply_no_route(call, allowed);
		return ROUTE_ANSWERED;
	}
	if (request->route->admin && !admin_may(call))
		return ROUTE_ANSWERED;
	if (request->sale[0] != '\0' && !id_is_valid(request->sale)) {
		reply_problem(call->reply, PROBLEM_BAD_VALUE,
		    json_pack("{s:s}", "member", "sale"),
		    "A sale's id is 1 to 64 of a-z 0-9 - _.");
		return ROUTE_ANSWERED;
	}
	if (request->route->where == ROUTE_TO_OFFICE)
		return ROUTE_TO_OFFICE;
	request->route->handler(call);
	return call->reply->status == 0 ? request->route->where
					: ROUTE_ANSWERED;
}

void
routes_office(struct call *call)
{
	call->request->route->handler(call);
	assert(call->reply->status != 0);
}
