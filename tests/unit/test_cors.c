/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of other origins: who may read what, on every route; without a store,
 * as it is only the headers that are looked at.
 */
#include "service/http/cors.h"

#include "service/http/routes.h"
#include "tests/unit/scene.h"

#define SHOP "https://shop.example"
#define TEST "http://localhost:5173"

static int
setup(void **state)
{
	*state = scene_new();
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	request_free(&s->request);
	scene_free(s);
	return 0;
}

static void
allow(struct scene *s, const char *list)
{
	assert_true(cors_is_list(list));
	s->options.origins[s->options.origin_count++] = list;
}

static struct request *
ask(struct scene *s, const char *method, const char *path, const char *origin)
{
	reply_free(&s->reply);
	request_free(&s->request);
	s->request = (struct request){0};
	request_begin(&s->request, method, path);
	if (origin != NULL)
		request_put_header(&s->request, "Origin", origin);
	return &s->request;
}

/* As exchange.c does it, for replies that are made at once. */
static void
answer(struct scene *s)
{
	routes_begin(&s->call);
	cors_put(&s->call);
}

/* Whose pages may read the answer to this; "": nobody's. */
static const char *
may_read(
    struct scene *s, const char *method, const char *path, const char *origin)
{
	const char *allowed;

	ask(s, method, path, origin);
	answer(s);
	assert_null(header_of(s, "Access-Control-Allow-Credentials"));
	allowed = header_of(s, "Access-Control-Allow-Origin");
	return allowed == NULL ? "" : allowed;
}

static bool
has_cors(const struct scene *s)
{
	size_t i;

	for (i = 0; i < s->reply.header_count; i++)
		if (text_starts_with(
			s->reply.headers[i].name, "Access-Control-"))
			return true;
	return false;
}

#define LOOK "GET", "/sales/demo"

static void
test_not_asked_for(void **state)
{
	struct scene *s = *state;

	assert_string_equal(may_read(s, LOOK, SHOP), "");
	assert_null(header_of(s, "Vary"));
	ask(s, "OPTIONS", "/sales/demo/buy", SHOP);
	request_put_header(
	    &s->request, "Access-Control-Request-Method", "POST");
	answer(s);
	assert_int_equal(s->reply.status, 204);
	assert_false(has_cors(s));
}

static void
test_exact(void **state)
{
	static const char *const others[] = {
	    "https://shop.example.evil.example", "https://shop.exampl",
	    "http://shop.example", "null", "", "https://shop.example:8443",
	    "https://shop.example/", "https://SHOP.example", SHOP "," TEST, "*",
	    "evil.https://shop.example"};
	struct scene *s = *state;
	size_t i;

	allow(s, SHOP ",http://[::1]:3000");
	allow(s, TEST);
	assert_string_equal(may_read(s, LOOK, SHOP), SHOP);
	assert_string_equal(header_of(s, "Vary"), "Origin");
	assert_non_null(strstr(header_of(s, "Access-Control-Expose-Headers"),
	    "Idempotent-Replayed"));
	assert_string_equal(may_read(s, LOOK, TEST), TEST);
	assert_string_equal(
	    may_read(s, LOOK, "http://[::1]:3000"), "http://[::1]:3000");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_string_equal(may_read(s, LOOK, others[i]), "");
		assert_false(has_cors(s));
		/* A cache must not hand it to a page that may. */
		assert_string_equal(header_of(s, "Vary"), "Origin");
	}
	assert_string_equal(may_read(s, LOOK, NULL), "");
	assert_string_equal(header_of(s, "Vary"), "Origin");
}

/* The same for all, so that caches may keep it. */
static void
test_any(void **state)
{
	struct scene *s = *state;

	allow(s, SHOP);
	allow(s, "*");
	assert_string_equal(may_read(s, LOOK, "https://other.example"), "*");
	assert_string_equal(may_read(s, LOOK, "null"), "*");
	assert_string_equal(may_read(s, LOOK, NULL), "*");
	assert_null(header_of(s, "Vary"));
}

/* Look and buy, also when it is refused; nothing else. */
static void
test_routes(void **state)
{
	static const char *const shared[] = {"GET /sales", "GET /sales/{sale}",
	    "POST /sales/{sale}/buy", "GET /sales/{sale}/orders/{item}"};
	struct scene *s = *state;
	size_t i, j, found = 0;
	char name[128];

	allow(s, "*");
	for (i = 0; i < routes_count; i++) {
		bool is_shared = false;

		snprintf(name, sizeof(name), "%s %s", routes[i].method,
		    routes[i].pattern);
		for (j = 0; j < 4; j++)
			is_shared |= strcmp(shared[j], name) == 0;
		ask(s, routes[i].method, routes[i].pattern, SHOP);
		s->request.route = &routes[i];
		cors_put(&s->call);
		assert_int_equal(has_cors(s), is_shared);
		found += is_shared;
	}
	assert_int_equal(found, 4);
	/* There is no store here: 503, which the page can read. */
	assert_string_equal(may_read(s, LOOK, SHOP), "*");
	assert_int_equal(s->reply.status, 503);
	ask(s, "POST", "/sales/demo/buy", SHOP);
	request_put_header(&s->request, "If-Match", "a");
	request_put_header(&s->request, "If-Match", "b");
	answer(s);
	assert_int_equal(s->reply.status, 400);
	assert_true(has_cors(s));
}

/* An origin that may look and buy may change nothing. */
static void
test_admin(void **state)
{
	static const char *const calls[][2] = {{"POST", "/sales"},
	    {"PATCH", "/sales/demo"}, {"DELETE", "/sales/demo"}};
	struct scene *s = *state;
	size_t i;

	allow(s, SHOP);
	allow(s, "*");
	for (i = 0; i < 3; i++) {
		ask(s, calls[i][0], calls[i][1], SHOP);
		request_put_header(&s->request, "Host", "127.0.0.1:8080");
		answer(s);
		assert_int_equal(s->reply.status, 403);
		assert_false(has_cors(s));
		ask(s, "OPTIONS", calls[i][1], SHOP);
		request_put_header(
		    &s->request, "Access-Control-Request-Method", calls[i][0]);
		answer(s);
		assert_int_equal(s->reply.status, 204);
		assert_false(has_cors(s));
	}
}

static void
test_preflight(void **state)
{
	static const struct {
		const char *path, *method, *methods;
	} rows[] = {
	    {"/sales/demo/buy", "POST", "POST"},
	    {"/sales/demo", "GET", "GET, HEAD"},
	    {"/sales/demo", "HEAD", "GET, HEAD"},
	    {"/sales", "GET", "GET, HEAD"},
	    {"/sales/demo/orders/0", "GET", "GET, HEAD"},
	    {"/sales/demo/buy", "GET", NULL},
	    {"/sales/demo", "POST", NULL},
	    {"/sales/demo", "get", NULL},
	    {"/sales/demo", "?", NULL},
	    {"/sales/demo", "", NULL},
	};
	struct scene *s = *state;
	const char *methods;
	size_t i;

	allow(s, SHOP);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(s, "OPTIONS", rows[i].path, SHOP);
		request_put_header(&s->request, "Access-Control-Request-Method",
		    rows[i].method);
		answer(s);
		assert_int_equal(s->reply.status, 204);
		assert_non_null(strstr(header_of(s, "Allow"), "OPTIONS"));
		methods = header_of(s, "Access-Control-Allow-Methods");
		if (rows[i].methods == NULL) {
			assert_false(has_cors(s));
			continue;
		}
		assert_string_equal(methods, rows[i].methods);
		assert_string_equal(
		    header_of(s, "Access-Control-Allow-Origin"), SHOP);
		assert_non_null(strstr(
		    header_of(s, "Access-Control-Allow-Headers"), "If-Match"));
		assert_non_null(header_of(s, "Access-Control-Max-Age"));
	}
	/* OPTIONS alone is no preflight. */
	ask(s, "OPTIONS", "/sales", SHOP);
	answer(s);
	assert_int_equal(s->reply.status, 204);
	assert_string_equal(header_of(s, "Allow"), "GET, HEAD, POST, OPTIONS");
	assert_false(has_cors(s));
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_not_asked_for),
	    ROW(test_exact),
	    ROW(test_any),
	    ROW(test_routes),
	    ROW(test_admin),
	    ROW(test_preflight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
