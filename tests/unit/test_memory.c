/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls without memory: in each, each allocation of its thread fails in turn.
 * The process lives, a reply is whole or says what it lacks, and none denies
 * what was done.
 */
#include <errno.h>

#include "service/http/problem.h"
#include "service/http/routes.h"
#include "service/member.h"
#include "storage/store_impl.h"
#include "tests/unit/scene.h"

#define ALARM_S 120
#define ORDER_ID "00112233-4455-7677-8899-aabbccddeeff"
#define TRIES_MAX 20000 /* more than a call allocates */

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||           \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MALLOC_IS_TAKEN /* the sanitizer's is needed */
#endif

/* ----------------------------------------------------------- the memory -- */

static unsigned left; /* allocations until one fails, 0: none will */

#ifndef MALLOC_IS_TAKEN
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static bool
fails(void)
{
	if (left == 0 || --left > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}

void *
reallocarray(void *memory, size_t count, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, count * size);
}
#endif

/* ---------------------------------------------------------------- scene -- */

static void
skip_if_taken(void)
{
#ifdef MALLOC_IS_TAKEN
	print_message("SKIP: a sanitizer keeps malloc() for itself\n");
	skip();
#endif
}

static int
setup(void **state)
{
	struct scene *s = scene_open(*state, "none");

	s->options.timeout_ms = 20000;
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	scene_free(*state);
	return 0;
}

/* Seat 1, sold once more by somebody who read `read`, as order `n`. */
static void
sell_seat(struct scene *s, const struct store_state *read, unsigned n,
    int64_t remaining)
{
	struct store_line line = {.seat = 1,
	    .quantity = 1,
	    .remaining = remaining,
	    .capacity = 10,
	    .buyer = "alice",
	    .lock = "none",
	    .worker = 1,
	    .clerk = 1,
	    .trail = "[{\"at_ns\":1,\"step\":\"read\","
		     "\"remaining\":10,\"version\":0},"
		     "{\"at_ns\":2,\"step\":\"write\"}]"};
	bool overwrote;

	snprintf(line.order, sizeof(line.order), "%032u", n);
	ok(store_put(s->f.user, read, &line, 1, in_ms(20000), &overwrote));
}

/* By three who read the same. */
static void
oversell(struct scene *s)
{
	const struct store_state read = state_of(&s->f, "demo");
	unsigned n;

	for (n = 1; n <= 3; n++)
		sell_seat(s, &read, n, 9);
}

/* A call as exchange.c and loop.c make it, on one thread. */
static const struct reply *
visit(struct scene *s, const char *method, const char *path, const char *form)
{
	struct request *request = &s->request;
	enum route_where where;

	request_free(request);
	reply_free(&s->reply);
	memset(request, 0, sizeof(*request));
	request_begin(request, method, path);
	request_put_header(request, "Host", "localhost:8080");
	request_put_header(request, "Idempotency-Key", "k1");
	if (strstr(path, "/ledger") != NULL || strstr(path, "/buy") != NULL)
		request_put_arg(request, "trail", "1");
	request_put_body(request, form, strlen(form));
	(void)member_lost();
	where = routes_begin(&s->call);
	if (where == ROUTE_TO_BACKGROUND || where == ROUTE_TO_WALKER)
		request->route->handler(&s->call);
	return where == ROUTE_TO_CLERK ? NULL : &s->reply;
}

/* The reply is 503, and its body is a problem in full. */
static void
assert_no_memory(const struct reply *reply)
{
	const struct problem_row *row = &problem_rows[PROBLEM_NO_MEMORY];
	json_error_t error;
	json_t *value;

	assert_int_equal(reply->status, 503);
	assert_string_equal(reply->type, "application/problem+json");
	value = json_loadb(reply->body, reply->size, 0, &error);
	assert_non_null(value);
	assert_int_equal(
	    json_integer_value(json_object_get(value, "status")), 503);
	assert_non_null(json_object_get(value, "detail"));
	if (reply->lost) {
		assert_string_equal(
		    json_string_value(json_object_get(value, "title")),
		    row->title);
		assert_string_equal(
		    json_string_value(json_object_get(value, "type")),
		    "/problems/no-memory");
	}
	json_decref(value);
}

/* It was done, so nobody is told that it was not. */
static void
assert_unknown(const struct reply *reply)
{
	const struct problem_row *row = &problem_rows[PROBLEM_UNKNOWN_OUTCOME];
	json_error_t error;
	json_t *value;

	assert_int_equal(reply->status, 500);
	value = json_loadb(reply->body, reply->size, 0, &error);
	assert_non_null(value);
	assert_string_equal(
	    json_string_value(json_object_get(value, "title")), row->title);
	json_decref(value);
}

/* --------------------------------------------------------------- looking -- */

static void
test_looking(void **state)
{
	static const char *const paths[] = {"/sales/demo", "/sales", "/about",
	    "/locks", "/metrics", "/", "/readyz", "/problems/no-memory",
	    "/nowhere", "/sales/none/audit", "/sales/demo/audit",
	    "/sales/demo/audit.txt", "/sales/demo/ledger",
	    "/sales/demo/ledger.csv",
	    "/sales/demo/orders/00000000000000000000000000000001"};
	struct scene *s = *state;
	size_t i;

	skip_if_taken();
	oversell(s);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct reply *reply = visit(s, "GET", paths[i], "");
		char *whole = strndup(reply->body, reply->size);
		const int status = reply->status;
		unsigned nth, failed = 0;

		assert_non_null(whole);
		for (nth = 1; nth < TRIES_MAX; nth++) {
			bool all;

			left = nth;
			reply = visit(s, "GET", paths[i], "");
			all = left > 0;
			left = 0;
			if (reply->status == status &&
			    strcmp(paths[i], "/metrics") != 0)
				assert_string_equal(reply->body, whole);
			else if (reply->status != status)
				assert_no_memory(reply);
			failed += reply->status != status;
			if (all)
				break;
		}
		assert_int_equal(reply->status, status);
		assert_in_range(failed, 1, TRIES_MAX - 2);
		free(whole);
	}
	request_free(&s->request);
	reply_free(&s->reply);
}

/* -------------------------------------------------------------- replying -- */

#define LINES 3000 /* of a body that grows several times */

/* Line by line, in each way that handlers print; its length. */
static size_t
print_body(struct reply *reply, int status)
{
	FILE *body = reply_open(reply);
	size_t length = 0;
	int i;

	for (i = 0; body != NULL && i < LINES; i++) {
		fprintf(body, "%04d ", i);
		fwrite("seat ", 1, 5, body);
		fputs("alice", body);
		fputc('\n', body);
		length += 16;
	}
	if (body != NULL)
		reply_close(reply, body, status, REPLY_TEXT);
	return length;
}

/* Whole, or lost: a stream that leaves out what it has no memory for does not
 * say so when it is closed. */
static void
test_printing(void **state)
{
	struct reply reply = {0};
	unsigned nth, lost = 0;
	bool all = false;

	(void)state;
	skip_if_taken();
	for (nth = 1; nth < TRIES_MAX && !all; nth++) {
		size_t length;

		reply_free(&reply);
		left = nth;
		length = print_body(&reply, 200);
		all = left > 0;
		left = 0;
		if (reply.status == 200) {
			assert_int_equal(reply.size, length);
			assert_string_equal(
			    reply.body + length - 16, "2999 seat alice\n");
			assert_int_equal(strlen(reply.body), length);
			continue;
		}
		assert_no_memory(&reply);
		lost++;
	}
	assert_true(all && reply.status == 200);
	assert_in_range(lost, 4, TRIES_MAX - 2);
	reply_free(&reply);
}

/* What may have been done is not denied, whatever fails. */
static void
test_unknown(void **state)
{
	struct reply reply = {0};
	unsigned nth, lost = 0;
	bool all = false;

	(void)state;
	skip_if_taken();
	for (nth = 1; nth < TRIES_MAX && !all; nth++) {
		reply_free(&reply);
		left = nth;
		problem_reply(&reply, PROBLEM_UNKNOWN_OUTCOME,
		    problem_member("buyer"), "Look: %d.", 7);
		all = left > 0;
		left = 0;
		assert_unknown(&reply);
		assert_int_equal(reply.header_count, 0);
		lost += reply.lost;
	}
	assert_true(all && lost > 0 && !reply.lost);
	reply_free(&reply);
}

/* A problem that comes up while a body is printed takes its place. */
static void
test_problem_instead(void **state)
{
	struct reply reply = {0};
	FILE *body;

	(void)state;
	body = reply_open(&reply);
	assert_non_null(body);
	fputs("{\"lines\":[", body);
	problem_reply(&reply, PROBLEM_DRAINING, NULL, "Nothing was done.");
	reply_close(&reply, body, 200, "application/json");
	assert_int_equal(reply.status, 503);
	assert_int_equal(reply.body[0], '{');
	assert_null(strstr(reply.body, "lines"));
	assert_int_equal(strlen(reply.body), reply.size);
	reply_free(&reply);
}

/* -------------------------------------------------------------- changing -- */

/* What was done is there, what was not is not, and the reply knows which. */
static void
test_changing(void **state)
{
	struct scene *s = *state;
	unsigned nth, unknown = 0, refused = 0;
	const struct reply *reply;
	struct store_state now;
	char path[32], form[64];
	bool all = false;

	skip_if_taken();
	for (nth = 1; nth < TRIES_MAX && !all; nth++) {
		snprintf(form, sizeof(form), "id=s%u&capacity=1", nth);
		left = nth;
		reply = visit(s, "POST", "/sales", form);
		all = left > 0;
		left = 0;
		snprintf(path, sizeof(path), "s%u", nth);
		if (store_read(s->f.user, path, &now) == STORE_GONE) {
			assert_int_not_equal(reply->status, 201);
			refused++;
			continue;
		}
		if (reply->status != 201) {
			assert_unknown(reply);
			unknown++;
		}
		ok(store_remove(s->f.user, &now, in_ms(20000)));
	}
	assert_true(all);
	assert_true(unknown > 0 && refused > 0);
	request_free(&s->request);
	reply_free(&s->reply);
}

static enum store_result
read_nothing(struct store_user *user, const char *id, struct store_state *state)
{
	(void)user;
	(void)id;
	(void)state;
	return STORE_GONE;
}

/* A sale that others removed before its 201 went out was opened all the same.
 */
static void
test_opened_and_gone(void **state)
{
	struct scene *s = *state;
	struct store_impl row = *s->f.store->impl;
	const struct store_impl *whole = s->f.store->impl;
	const struct reply *reply;

	row.read = read_nothing;
	s->f.store->impl = &row;
	reply = visit(s, "POST", "/sales", "id=gig&capacity=1");
	s->f.store->impl = whole;
	assert_int_equal(reply->status, 201);
	assert_non_null(strstr(reply->body, "\"remaining\":1"));
	request_free(&s->request);
	reply_free(&s->reply);
}

/* From an unsafe strategy to a safe one: the reply says to what it counted. */
static void
test_recounting(void **state)
{
	struct scene *s = *state;
	unsigned nth, unknown = 0;
	const struct reply *reply;
	bool all = false;

	skip_if_taken();
	for (nth = 1; nth < TRIES_MAX && !all; nth++) {
		struct store_state now;

		reply = visit(s, "PATCH", "/sales/demo", "lock=none");
		assert_int_equal(reply->status, 200);
		now = state_of(&s->f, "demo");
		sell_seat(s, &now, nth, 5);
		left = nth;
		reply = visit(s, "PATCH", "/sales/demo", "lock=mutex");
		all = left > 0;
		left = 0;
		if (reply->status == 200)
			assert_non_null(strstr(reply->body, "recounted_to"));
		else if (reply->status == 500)
			assert_unknown(reply);
		else
			assert_int_equal(reply->status, 503);
		unknown += reply->status == 500;
	}
	assert_true(all && unknown > 0 && reply->status == 200);
	request_free(&s->request);
	reply_free(&s->reply);
}

/* ---------------------------------------------------------------- buying -- */

#define LONG_NAME                                                              \
	"a name that is longer than what jansson has room for at first"

/*
 * An order has the key and the buyer that were sent, or there is none: jansson
 * leaves out a character that it has no memory for.
 */
static void
test_buying(void **state)
{
	struct scene *s = *state;
	unsigned nth, refused = 0;
	bool all = false;

	skip_if_taken();
	for (nth = 1; nth < TRIES_MAX && !all; nth++) {
		const struct reply *reply;

		left = nth;
		reply = visit(s, "POST", "/sales/demo/buy",
		    "{\"buyer\":\"" LONG_NAME "\"}");
		all = left > 0;
		left = 0;
		if (reply == NULL) {
			assert_string_equal(s->request.order.key, "k1");
			assert_string_equal(s->request.order.buyer, LONG_NAME);
			continue;
		}
		assert_no_memory(reply);
		refused++;
	}
	assert_true(all && refused > 0);
	request_free(&s->request);
	reply_free(&s->reply);
}

/* The answer to a buyer whose order is sold. */
static void
test_sold(void **state)
{
	struct scene *s = *state;
	unsigned nth, unknown = 0;
	bool all = false;

	skip_if_taken();
	for (nth = 1; nth < TRIES_MAX && !all; nth++) {
		struct order *order = &s->request.order;

		assert_null(visit(s, "POST", "/sales/demo/buy", "buyer=bob"));
		order->outcome = OUTCOME_SOLD;
		order->receipt = (struct receipt){.order = ORDER_ID,
		    .buyer = "bob",
		    .seat = 1,
		    .quantity = 3};
		left = nth;
		handle_buy_decided(&s->call);
		all = left > 0;
		left = 0;
		if (s->reply.status == 201)
			continue;
		assert_unknown(&s->reply);
		unknown++;
	}
	assert_true(all && unknown > 0);
	assert_int_equal(s->reply.status, 201);
	request_free(&s->request);
	reply_free(&s->reply);
}

#define ROW(function, kind)                                                    \
	{                                                                      \
#function " " kind, function, setup, teardown, (char[])        \
		{                                                              \
			kind                                                   \
		}                                                              \
	}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_printing),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_problem_instead),
	    ROW(test_recounting, "sqlite"),
	    ROW(test_looking, "sqlite"),
	    ROW(test_changing, "sqlite"),
	    ROW(test_opened_and_gone, "sqlite"),
	    ROW(test_buying, "sqlite"),
	    ROW(test_sold, "sqlite"),
	    ROW(test_changing, "json"),
	    ROW(test_opened_and_gone, "json"),
	    ROW(test_buying, "json"),
	    ROW(test_sold, "json"),
	};

	alarm(ALARM_S);
	member_watch();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
