/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls without HTTP: requests made by hand, over a real store; where each
 * goes, what is refused on the way, and what is answered.
 */
#include "service/http/routes.h"

#include <sys/socket.h>

#include <inttypes.h>

#include "service/http/problem.h"
#include "storage/store_impl.h"
#include "tests/unit/scene.h"

#define TOKEN "0123456789abcdef"
#define ORDER_ID "00112233-4455-7677-8899-aabbccddeeff"
#define ARRIVED_NS INT64_C(5000000000)

static char asked[256]; /* the request's path */

static int
setup(void **state)
{
	struct scene *s = scene_open("json", "mutex");

	snprintf(s->options.lock, sizeof(s->options.lock), "flock");
	s->options.delay_min_ms = 1;
	s->options.delay_max_ms = 2;
	snprintf(s->service.token, sizeof(s->service.token), TOKEN);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	scene_free(*state);
	return 0;
}

/* A new request; headers, body and arguments are set after it. */
static struct request *
ask(struct scene *s, const char *method, const char *path)
{
	reply_free(&s->reply);
	memset(&s->request, 0, sizeof(s->request));
	snprintf(asked, sizeof(asked), "%s", path);
	s->request.method = method;
	s->request.path = asked;
	s->request.arrived_ns = ARRIVED_NS;
	return &s->request;
}

static void
set_header(struct scene *s, enum header header, const char *value)
{
	s->request.headers[header] = (char *)(uintptr_t)value;
}

static void
set_arg(struct scene *s, const char *name, const char *value)
{
	const size_t n = s->request.arg_count++;

	s->request.args[n].name = (char *)(uintptr_t)name;
	s->request.args[n].value = (char *)(uintptr_t)value;
}

static void
set_body(struct scene *s, const char *text)
{
	s->request.body_size = strlen(text);
	assert_true(s->request.body_size <= REQUEST_BODY_MAX);
	memcpy(s->request.body, text, s->request.body_size);
}

static enum route_where
begin(struct scene *s)
{
	const enum route_where where = routes_begin(&s->call);

	assert_true((where == ROUTE_ANSWERED) == (s->reply.status != 0));
	return where;
}

static enum route_where
visit(struct scene *s, const char *method, const char *path)
{
	ask(s, method, path);
	return begin(s);
}

/* To the end, as the background would; for requests that are made already. */
static int
status_of(struct scene *s)
{
	const enum route_where where = begin(s);

	if (where == ROUTE_TO_BACKGROUND || where == ROUTE_TO_WALKER) {
		s->request.arrived_ns = clock_now_ns();
		s->request.route->handler(&s->call);
		assert_int_not_equal(s->reply.status, 0);
	}
	return s->reply.status;
}

static int
visit_form(
    struct scene *s, const char *method, const char *path, const char *form)
{
	ask(s, method, path);
	set_body(s, form);
	return status_of(s);
}

static void
assert_body_has(const struct scene *s, const char *text)
{
	if (strstr(s->reply.body, text) == NULL)
		fail_msg("no %s in: %s", text, s->reply.body);
}

/* Answered with this problem; about this member, if not NULL. */
static void
assert_problem(const struct scene *s, enum problem problem, const char *member)
{
	char text[128];

	assert_int_equal(s->reply.status, problem_rows[problem].status);
	assert_string_equal(s->reply.type, "application/problem+json");
	snprintf(text, sizeof(text), "\"type\":\"/problems/%s\"",
	    problem_rows[problem].name);
	assert_body_has(s, text);
	if (member == NULL)
		return;
	snprintf(text, sizeof(text), "\"member\":\"%s\"", member);
	assert_body_has(s, text);
}

/* -------------------------------------------------------------- routing -- */

static void
test_where(void **state)
{
	static const struct {
		const char *method, *path;
		enum route_where where;
	} rows[] = {
	    {"GET", "/", ROUTE_ANSWERED},
	    {"GET", "/locks", ROUTE_ANSWERED},
	    {"GET", "/problems/sold-out", ROUTE_ANSWERED},
	    {"GET", "/sales", ROUTE_TO_BACKGROUND},
	    {"POST", "/sales", ROUTE_TO_BACKGROUND},
	    {"GET", "/sales/demo", ROUTE_ANSWERED},
	    {"PATCH", "/sales/demo", ROUTE_TO_BACKGROUND},
	    {"DELETE", "/sales/demo", ROUTE_TO_BACKGROUND},
	    {"POST", "/sales/demo/buy", ROUTE_TO_CLERK},
	    {"GET", "/sales/demo/orders/" ORDER_ID, ROUTE_TO_BACKGROUND},
	    {"GET", "/sales/demo/ledger", ROUTE_TO_WALKER},
	    {"GET", "/sales/demo/ledger.csv", ROUTE_TO_WALKER},
	    {"GET", "/sales/demo/audit", ROUTE_TO_WALKER},
	    {"GET", "/sales/demo/audit.txt", ROUTE_TO_WALKER},
	};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    visit(s, rows[i].method, rows[i].path), rows[i].where);
		if (rows[i].where == ROUTE_ANSWERED)
			assert_int_equal(s->reply.status, 200);
	}
	visit(s, "GET", "/sales/demo/orders/" ORDER_ID);
	assert_string_equal(s->request.sale, "demo");
	assert_string_equal(s->request.item, ORDER_ID);
}

/* A path that fits, with x for each variable. */
static void
fill_pattern(const char *pattern, char path[128])
{
	size_t n = 0;

	for (; *pattern != '\0'; pattern++)
		if (*pattern != '{')
			path[n++] = *pattern;
		else {
			path[n++] = 'x';
			pattern = strchr(pattern, '}');
		}
	path[n] = '\0';
}

/* Each route's own pattern leads to it, and to no other. */
static void
test_patterns(void **state)
{
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < routes_count; i++) {
		char path[128];

		fill_pattern(routes[i].pattern, path);
		visit(s, routes[i].method, path);
		assert_int_equal(routes_number(s->request.route), i);
	}
	assert_int_equal(routes_number(NULL), routes_count);
}

static void
test_not_found(void **state)
{
	static const char *const paths[] = {"", "/nope", "//", "/sales/",
	    "/sales//buy", "/sales/demo/", "/sales/demo/buy/", "/SALES",
	    "/salesdemo", "/sales/demo/orders", "/sales/demo/orders/",
	    "/sales/demo/orders/" ORDER_ID "0", "/sales/demo/buy/x", "/locks/x",
	    "/sales/demo/audit.json", "*"};
	struct scene *s = *state;
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		visit(s, "GET", paths[i]);
		assert_problem(s, PROBLEM_NOT_FOUND, NULL);
		assert_null(header_of(s, "Allow"));
		assert_null(s->request.route);
	}
	/* An id of 65 characters fits no path. */
	snprintf(path, sizeof(path), "/sales/%065d", 0);
	visit(s, "GET", path);
	assert_problem(s, PROBLEM_NOT_FOUND, NULL);
	visit(s, "GET", "/problems/no-such-problem");
	assert_problem(s, PROBLEM_NOT_FOUND, NULL);
}

/* HTTP calls a HEAD a GET; those who ask what there is learn of both. */
static void
test_methods(void **state)
{
	static const struct {
		const char *method, *path, *allow;
	} rows[] = {
	    {"POST", "/", "GET, HEAD"},
	    {"DELETE", "/sales", "GET, HEAD, POST, OPTIONS"},
	    {"?", "/sales", "GET, HEAD, POST, OPTIONS"},
	    {"POST", "/sales/demo", "GET, HEAD, PATCH, DELETE, OPTIONS"},
	    {"GET", "/sales/demo/buy", "POST, OPTIONS"},
	    {"PATCH", "/sales/demo/buy", "POST, OPTIONS"},
	    {"POST", "/sales/demo/audit.txt", "GET, HEAD"},
	    {"get", "/locks", "GET, HEAD"},
	    {"OPTIONS", "/locks", "GET, HEAD"},
	};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		visit(s, rows[i].method, rows[i].path);
		assert_problem(s, PROBLEM_METHOD, NULL);
		assert_string_equal(header_of(s, "Allow"), rows[i].allow);
	}
}

static void
test_ids(void **state)
{
	static const char *const bad[] = {"Demo", "a.b", "a b", "ä", "..", "a%",
	    "a:b", "a\n", "a,b", "{sale}"};
	struct scene *s = *state;
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(path, sizeof(path), "/sales/%s", bad[i]);
		visit(s, "GET", path);
		assert_problem(s, PROBLEM_BAD_VALUE, "sale");
		visit(s, "DELETE", path);
		assert_problem(s, PROBLEM_BAD_VALUE, "sale");
		strcat(path, "/buy");
		visit(s, "POST", path);
		assert_problem(s, PROBLEM_BAD_VALUE, "sale");
	}
	snprintf(path, sizeof(path), "/sales/%064d", 0);
	visit(s, "GET", path);
	assert_problem(s, PROBLEM_NO_SALE, NULL);
	visit(s, "GET", "/sales/a-_9");
	assert_problem(s, PROBLEM_NO_SALE, NULL);
}

/* Two lengths are how a request is smuggled: the connection goes too. */
static void
test_ambiguous(void **state)
{
	struct scene *s = *state;

	ask(s, "GET", "/")->ambiguous = true;
	assert_int_equal(begin(s), ROUTE_ANSWERED);
	assert_problem(s, PROBLEM_BAD_REQUEST, NULL);
	assert_true(s->reply.close);
}

/* As exchange.c makes it, from what the library says. */
static struct request *
ask_by_hand(struct scene *s, const char *method, const char *path)
{
	struct request *request = ask(s, method, path);

	request_begin(request, method, path);
	return request;
}

static void
forget(struct scene *s)
{
	request_free(&s->request);
	memset(&s->request, 0, sizeof(s->request));
}

/* Which of the two was meant nobody knows, so nothing is done. */
static void
test_headers_twice(void **state)
{
	static const char *const names[] = {"Idempotency-Key", "If-Match",
	    "Authorization", "Host", "Origin", "Content-Type"};
	static const char *const lists[] = {
	    "Accept", "If-None-Match", "traceparent", "X-Other"};
	struct scene *s = *state;
	struct request *request;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		request = ask_by_hand(s, "POST", "/sales/demo/buy");
		request_put_header(request, names[i], "k");
		request_put_header(request, names[i], "k");
		assert_int_equal(begin(s), ROUTE_ANSWERED);
		assert_problem(s, PROBLEM_BAD_REQUEST, names[i]);
		forget(s);
	}
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		request = ask_by_hand(s, "POST", "/sales/demo/buy");
		request_put_header(request, lists[i], "a");
		request_put_header(request, lists[i], "b");
		assert_int_equal(begin(s), ROUTE_TO_CLERK);
		forget(s);
	}
}

static void
test_arguments_twice(void **state)
{
	struct scene *s = *state;
	struct request *request;

	request = ask_by_hand(s, "GET", "/sales/demo/ledger");
	request_put_arg(request, "limit", "1");
	request_put_arg(request, "after", "1");
	request_put_arg(request, "limit", "1");
	assert_int_equal(begin(s), ROUTE_ANSWERED);
	assert_problem(s, PROBLEM_BAD_REQUEST, "limit");
	forget(s);
	request = ask_by_hand(s, "GET", "/sales/demo/ledger");
	request_put_arg(request, "\xff\"\n", "");
	request_put_arg(request, "\xff\"\n", "");
	begin(s);
	assert_problem(s, PROBLEM_BAD_REQUEST, "???");
	forget(s);
}

/* What a call does not know it refuses, and says what it knows. */
static void
test_unknown_arguments(void **state)
{
	static const char *const unknown[] = {"", "ater", "afte", "after,",
	    "afters", ",", "AFTER", "after, limit"};
	struct scene *s = *state;
	char path[128];
	size_t i, n;

	for (i = 0; i < routes_count; i++)
		for (n = 0; n < sizeof(unknown) / sizeof(unknown[0]); n++) {
			fill_pattern(routes[i].pattern, path);
			ask(s, routes[i].method, path);
			set_arg(s, unknown[n], "1");
			assert_int_equal(begin(s), ROUTE_ANSWERED);
			assert_problem(s, PROBLEM_UNKNOWN_MEMBER, unknown[n]);
			assert_body_has(s, routes[i].args[0] == '\0'
					       ? "takes none"
					       : routes[i].args);
		}
	ask(s, "GET", "/sales/demo/ledger");
	set_arg(s, "limit", "1");
	set_arg(s, "\xff\"\n", "1");
	begin(s);
	assert_problem(s, PROBLEM_UNKNOWN_MEMBER, "???");
}

/* Each that a call does know leads on, alone and with the others. */
static void
test_known_arguments(void **state)
{
	struct scene *s = *state;
	char path[128], words[128], *word, *rest;
	size_t i;

	for (i = 0; i < routes_count; i++) {
		fill_pattern(routes[i].pattern, path);
		ask(s, routes[i].method, path);
		snprintf(words, sizeof(words), "%s", routes[i].args);
		for (rest = words; (word = strsep(&rest, ", ")) != NULL;)
			if (*word != '\0')
				set_arg(s, word, "1");
		begin(s);
		if (s->reply.status == 400)
			assert_null(strstr(s->reply.body, "unknown-member"));
	}
}

/* While the store is being recovered, what needs it is refused. */
static void
test_no_store(void **state)
{
	static const char *const paths[] = {"/sales", "/sales/demo",
	    "/sales/demo/ledger", "/sales/demo/audit.txt"};
	struct scene *s = *state;
	size_t i;

	s->call.store = NULL;
	for (i = 0; i < 4; i++) {
		visit(s, "GET", paths[i]);
		assert_problem(s, PROBLEM_STORAGE_ERROR, NULL);
		assert_non_null(header_of(s, "Retry-After"));
	}
	visit(s, "POST", "/sales/demo/buy");
	assert_problem(s, PROBLEM_STORAGE_ERROR, NULL);
	visit(s, "GET", "/locks");
	assert_int_equal(s->reply.status, 200);
}

static void
test_root(void **state)
{
	struct scene *s = *state;

	ask(s, "GET", "/");
	set_header(s, HEADER_HOST, "localhost:99");
	begin(s);
	assert_body_has(s, "curl localhost:99/sales/demo\n");
	assert_body_has(s, "curl -d buyer=alice localhost:99/sales/demo/buy\n");
	assert_body_has(s, "curl -X PATCH -d lock=none -d delay=3s "
			   "localhost:99/sales/demo\n");
	visit(s, "GET", "/");
	assert_body_has(s, "curl 127.0.0.1:8080/sales/demo/audit.txt\n");
	assert_string_equal(header_of(s, "Vary"), "Accept");
	/* Who may not change sales is not told how. */
	s->options.admin = ADMIN_TOKEN;
	visit(s, "GET", "/");
	assert_body_has(s, "buy    curl ");
	assert_body_has(s, "judge  curl ");
	assert_null(strstr(s->reply.body, "PATCH"));
	ask(s, "GET", "/");
	set_header(s, HEADER_AUTHORIZATION, "Bearer " TOKEN);
	begin(s);
	assert_body_has(s, "cure   curl -X PATCH");
}

/* Without the sale demo nobody is sent there: it would be 404. */
static void
test_root_without_demo(void **state)
{
	struct scene *s = *state;

	ask(s, "DELETE", "/sales/demo");
	assert_int_equal(status_of(s), 204);
	visit(s, "GET", "/");
	assert_null(strstr(s->reply.body, "demo"));
	assert_body_has(s, "look   curl 127.0.0.1:8080/sales\n");
	assert_body_has(s, "read   curl 127.0.0.1:8080/openapi.yaml\n");
	assert_body_has(s, "open   curl -d id=gig -d capacity=100 "
			   "127.0.0.1:8080/sales\n");
	s->options.admin = ADMIN_TOKEN;
	visit(s, "GET", "/");
	assert_body_has(s, "open   curl -H 'Authorization: Bearer TOKEN' -d ");
	s->options.admin = ADMIN_OFF;
	visit(s, "GET", "/");
	assert_body_has(s, "look   curl ");
	assert_null(strstr(s->reply.body, "open "));
	/* While the store is being recovered, nobody can look. */
	s->call.store = NULL;
	s->options.tickets = 0;
	visit(s, "GET", "/");
	assert_null(strstr(s->reply.body, "demo"));
	s->options.tickets = 100;
	visit(s, "GET", "/");
	assert_body_has(s, "/sales/demo\n");
}

/* ---------------------------------------------------------------- admin -- */

static const char *const admin_calls[][2] = {
    {"POST", "/sales"}, {"PATCH", "/sales/demo"}, {"DELETE", "/sales/demo"}};

/* May a caller with these headers, NULL if not sent, change sales? */
static bool
may(struct scene *s, const char *authorization, const char *origin,
    const char *host)
{
	unsigned allowed = 0;
	size_t i;

	for (i = 0; i < 3; i++) {
		ask(s, admin_calls[i][0], admin_calls[i][1]);
		set_header(s, HEADER_AUTHORIZATION, authorization);
		set_header(s, HEADER_ORIGIN, origin);
		set_header(s, HEADER_HOST, host);
		allowed += begin(s) == ROUTE_TO_BACKGROUND;
	}
	assert_in_set(allowed, ((uintmax_t[]){0, 3}), 2);
	return allowed == 3;
}

static void
test_admin_open(void **state)
{
	static const char *const hosts[] = {NULL, "", "localhost",
	    "localhost:8080", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080",
	    "192.168.1.2:8080"};
	static const char *const foreign[] = {"evil.example",
	    "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil",
	    "localhostess"};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_true(may(s, NULL, NULL, hosts[i]));
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		assert_false(may(s, NULL, NULL, foreign[i]));
		assert_problem(s, PROBLEM_FORBIDDEN, NULL);
	}
	/* A wrong token does no harm where none is asked for. */
	assert_true(may(s, "Bearer x", NULL, "localhost"));
}

/* The name that the service was told to listen on is its own. */
static void
test_admin_named_host(void **state)
{
	struct scene *s = *state;

	strcpy(s->options.host, "tickets.lan");
	assert_true(may(s, NULL, NULL, "tickets.lan:8080"));
	assert_true(may(s, NULL, NULL, "Tickets.LAN"));
	assert_true(may(s, NULL, NULL, "localhost:8080"));
	assert_false(may(s, NULL, NULL, "tickets.lan.evil.example"));
	assert_false(may(s, NULL, NULL, "tickets.la"));
	assert_false(may(s, NULL, NULL, "evil.example"));
}

static void
test_admin_origin(void **state)
{
	static const enum admin modes[] = {ADMIN_OPEN, ADMIN_TOKEN};
	static const char *const foreign[] = {"http://evil.example", "null", "",
	    "http://localhost", "http://localhost:8081",
	    "http://localhost:8080/", "http://localhost:8080.evil.example",
	    "localhost:8080", "file://", "ftp://localhost:8080"};
	struct scene *s = *state;
	size_t i, j;

	for (i = 0; i < 2; i++) {
		s->options.admin = modes[i];
		assert_true(may(s, "Bearer " TOKEN, "http://localhost:8080",
		    "localhost:8080"));
		assert_true(may(s, "Bearer " TOKEN, "https://LOCALHOST:8080",
		    "localhost:8080"));
		for (j = 0; j < sizeof(foreign) / sizeof(foreign[0]); j++) {
			assert_false(may(
			    s, "Bearer " TOKEN, foreign[j], "localhost:8080"));
			assert_problem(s, PROBLEM_FORBIDDEN, NULL);
		}
		assert_false(may(s, "Bearer " TOKEN, "http://localhost", NULL));
	}
}

static void
test_admin_token(void **state)
{
	static const char *const wrong[] = {NULL, "", "Bearer", "Bearer ",
	    TOKEN, "Basic " TOKEN, "Bearer 0123456789abcdee",
	    "Bearer 0123456789abcde", "Bearer " TOKEN "0", "Bearer  " TOKEN,
	    "Bearer 1123456789abcdef", "Bearer 0123456789ABCDEF"};
	struct scene *s = *state;
	size_t i;

	s->options.admin = ADMIN_TOKEN;
	assert_true(may(s, "Bearer " TOKEN, NULL, NULL));
	assert_true(may(s, "bearer " TOKEN, NULL, "tickets.example"));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(may(s, wrong[i], NULL, "localhost:8080"));
		assert_problem(s, PROBLEM_TOKEN_NEEDED, NULL);
		assert_string_equal(
		    header_of(s, "WWW-Authenticate"), "Bearer realm=\"admin\"");
	}
	s->service.token[0] = '\0'; /* none is nobody's */
	assert_false(may(s, "Bearer ", NULL, "localhost:8080"));
}

static void
test_admin_off(void **state)
{
	struct scene *s = *state;

	s->options.admin = ADMIN_OFF;
	assert_false(may(s, "Bearer " TOKEN, NULL, "localhost:8080"));
	assert_problem(s, PROBLEM_FORBIDDEN, NULL);
	assert_null(header_of(s, "WWW-Authenticate"));
}

/* Looking and buying are anybody's. */
static void
test_anybody(void **state)
{
	struct scene *s = *state;
	int mode;

	for (mode = ADMIN_OPEN; mode <= ADMIN_OFF; mode++) {
		s->options.admin = (enum admin)mode;
		ask(s, "POST", "/sales/demo/buy");
		set_header(s, HEADER_ORIGIN, "http://evil.example");
		set_header(s, HEADER_HOST, "evil.example");
		assert_int_equal(begin(s), ROUTE_TO_CLERK);
		assert_int_equal(
		    visit(s, "GET", "/sales/demo/audit"), ROUTE_TO_WALKER);
	}
}

/* ------------------------------------------------------------------ buy -- */

static void
test_wish(void **state)
{
	struct scene *s = *state;
	const struct order *order = &s->request.order;

	assert_int_equal(visit(s, "POST", "/sales/demo/buy"), ROUTE_TO_CLERK);
	assert_string_equal(order->sale, "demo");
	assert_string_equal(order->buyer, "anonymous");
	assert_string_equal(order->key, "");
	assert_int_equal(order->quantity, 1);
	assert_false(order->has_if_match);
	assert_int_equal(order->deadline_ns, ARRIVED_NS + 5 * NS_PER_SEC);
	assert_int_equal(trail_length(&order->trail), 1);
	assert_int_equal(trail_at(&order->trail, 0)->step, STEP_QUEUED);
	assert_int_equal(trail_at(&order->trail, 0)->at_ns, ARRIVED_NS);

	ask(s, "POST", "/sales/demo/buy");
	set_body(s, "buyer=Zo%c3%ab+B&quantity=100");
	assert_int_equal(begin(s), ROUTE_TO_CLERK);
	assert_string_equal(order->buyer, "Zoë B");
	assert_int_equal(order->quantity, 100);
	ask(s, "POST", "/sales/demo/buy");
	set_body(s, "{\"buyer\":\"bob\",\"quantity\":2}");
	assert_int_equal(begin(s), ROUTE_TO_CLERK);
	assert_string_equal(order->buyer, "bob");
	assert_int_equal(order->quantity, 2);
}

static void
refuse_wish(
    struct scene *s, const char *body, enum problem problem, const char *member)
{
	ask(s, "POST", "/sales/demo/buy");
	set_body(s, body);
	assert_int_equal(begin(s), ROUTE_ANSWERED);
	assert_problem(s, problem, member);
}

static void
test_wrong_wishes(void **state)
{
	struct scene *s = *state;

	refuse_wish(s, "quantity=0", PROBLEM_BAD_VALUE, "quantity");
	refuse_wish(s, "quantity=101", PROBLEM_BAD_VALUE, "quantity");
	refuse_wish(s, "quantity=-1", PROBLEM_BAD_VALUE, "quantity");
	refuse_wish(s, "{\"quantity\":1.5}", PROBLEM_BAD_VALUE, "quantity");
	refuse_wish(s, "{\"quantity\":\"1\"}", PROBLEM_BAD_VALUE, "quantity");
	refuse_wish(s, "{\"buyer\":1}", PROBLEM_BAD_VALUE, "buyer");
	refuse_wish(s, "seat=1", PROBLEM_UNKNOWN_MEMBER, "seat");
	refuse_wish(s, "buyer=a&buyer=b", PROBLEM_BAD_BODY, NULL);
	refuse_wish(s, "{", PROBLEM_BAD_BODY, NULL);
	ask(s, "POST", "/sales/demo/buy")->body_size = REQUEST_BODY_MAX + 1;
	begin(s);
	assert_problem(s, PROBLEM_TOO_LARGE, NULL);
	ask(s, "POST", "/sales/demo/buy");
	set_body(s, "<buy/>");
	set_header(s, HEADER_CONTENT_TYPE, "text/xml");
	begin(s);
	assert_problem(s, PROBLEM_MEDIA_TYPE, NULL);
	s->options.max_quantity = 3;
	refuse_wish(s, "quantity=4", PROBLEM_BAD_VALUE, "quantity");
	assert_body_has(s, "from 1 to 3");
}

/* `count` times the same character, behind "buyer=". */
static const char *
long_buyer(char text[512], const char *character, size_t count)
{
	strcpy(text, "buyer=");
	while (count-- > 0)
		strcat(text, character);
	return text;
}

static void
test_buyers(void **state)
{
	static const char *const bad[] = {
	    "", "a%00b", "%0a", "a%09b", "%7f", "%1f", "%c2%80", "a%c2%9fb"};
	struct scene *s = *state;
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "buyer=%s", bad[i]);
		if (i == 1)
			refuse_wish(s, text, PROBLEM_BAD_BODY, NULL);
		else
			refuse_wish(s, text, PROBLEM_BAD_VALUE, "buyer");
	}
	refuse_wish(s, long_buyer(text, "a", 65), PROBLEM_BAD_VALUE, "buyer");
	refuse_wish(s, long_buyer(text, "🎫", 65), PROBLEM_BAD_VALUE, "buyer");
	ask(s, "POST", "/sales/demo/buy");
	set_body(s, long_buyer(text, "🎫", 64));
	assert_int_equal(begin(s), ROUTE_TO_CLERK);
	assert_string_equal(s->request.order.buyer, text + 6);
	ask(s, "POST", "/sales/demo/buy");
	set_body(s, "buyer=%c2%a0"); /* the first behind the controls */
	assert_int_equal(begin(s), ROUTE_TO_CLERK);
}

/* The order's key for that header; NULL: it is refused. */
static const char *
key_of(struct scene *s, const char *header)
{
	ask(s, "POST", "/sales/demo/buy");
	set_header(s, HEADER_IDEMPOTENCY_KEY, header);
	if (begin(s) == ROUTE_TO_CLERK)
		return s->request.order.key;
	assert_problem(s, PROBLEM_BAD_VALUE, "Idempotency-Key");
	return NULL;
}

static void
test_keys(void **state)
{
	static const char *const rows[][2] = {
	    {"abc", "abc"},
	    {"\"abc\"", "abc"},
	    {"a b", "a b"},
	    {"\"a b\"", "a b"},
	    {"a\"b", "a\"b"},
	    {"a\"", "a\""},
	    {"a\\b", "a\\b"},
	    {"\"a\\\"b\"", "a\"b"},
	    {"\"a\\\\b\"", "a\\b"},
	    {"\"\\\\\"", "\\"},
	    {"\"\\\"\"", "\""},
	    {"~!#", "~!#"},
	};
	static const char *const bad[] = {"", "\"", "\"\"", "\"abc", "\"a\"b",
	    "\"a\"b\"", "\"a\\b\"", "\"a\\\"", "\"a\\", "a\x7f", "a\tb", "a\nb",
	    "\x01", "ä", "\"ä\"", "\"a\" ", "\"\\"};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *key = key_of(s, rows[i][0]);

		if (key == NULL)
			fail_msg("refused: %s", rows[i][0]);
		assert_string_equal(key, rows[i][1]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (key_of(s, bad[i]) != NULL)
			fail_msg("taken: %s", bad[i]);
}

static void
test_long_keys(void **state)
{
	struct scene *s = *state;
	char bare[300] = "", quoted[600] = "\"";
	size_t i;

	memset(bare, 'k', 255);
	assert_string_equal(key_of(s, bare), bare);
	bare[255] = 'k';
	assert_null(key_of(s, bare));
	/* It is the characters that count, not the escapes. */
	for (i = 0; i < 255; i++)
		strcat(quoted, "\\\"");
	strcat(quoted, "\"");
	assert_int_equal(strlen(key_of(s, quoted)), 255);
	strcpy(quoted + 1 + 2 * 255, "k\"");
	assert_null(key_of(s, quoted));
}

/* ------------------------------------------------------------ the crowd -- */

static void
refuse_crowd(
    struct scene *s, const char *body, enum problem problem, const char *member)
{
	ask(s, "POST", "/sales/demo/crowd");
	set_body(s, body);
	assert_int_equal(begin(s), ROUTE_ANSWERED);
	assert_problem(s, problem, member);
	assert_null(s->request.crowd);
}

static void
test_wrong_crowds(void **state)
{
	struct scene *s = *state;

	refuse_crowd(s, "", PROBLEM_BAD_VALUE, "count");
	refuse_crowd(s, "count=0", PROBLEM_BAD_VALUE, "count");
	refuse_crowd(s, "count=201", PROBLEM_BAD_VALUE, "count");
	refuse_crowd(s, "count=x", PROBLEM_BAD_VALUE, "count");
	refuse_crowd(s, "buyers=a", PROBLEM_BAD_VALUE, "buyers");
	refuse_crowd(s, "{\"buyers\":[]}", PROBLEM_BAD_VALUE, "buyers");
	refuse_crowd(s, "{\"buyers\":[\"a\",1]}", PROBLEM_BAD_VALUE, "buyers");
	refuse_crowd(
	    s, "{\"buyers\":[\"a\",\"\"]}", PROBLEM_BAD_VALUE, "buyer");
	refuse_crowd(
	    s, "{\"buyers\":[\"a\"],\"count\":1}", PROBLEM_BAD_VALUE, "buyers");
	refuse_crowd(s, "quantity=2", PROBLEM_UNKNOWN_MEMBER, "quantity");
	ask(s, "POST", "/sales/demo/crowd");
	set_body(s, "count=2");
	set_header(s, HEADER_IDEMPOTENCY_KEY, "k1");
	assert_int_equal(begin(s), ROUTE_ANSWERED);
	assert_problem(s, PROBLEM_BAD_VALUE, "Idempotency-Key");
	ask(s, "POST", "/sales/demo/crowd");
	set_body(s, "count=2");
	set_header(s, HEADER_IF_MATCH, "*");
	assert_int_equal(begin(s), ROUTE_ANSWERED);
	assert_problem(s, PROBLEM_BAD_VALUE, "If-Match");
}

/* Each is an order of its own, and answered as a buy would be. */
static void
test_crowd(void **state)
{
	struct scene *s = *state;
	struct order *crowd;

	ask(s, "POST", "/sales/demo/crowd");
	set_body(s, "{\"buyers\":[\"ann\",\"bob\"]}");
	assert_int_equal(begin(s), ROUTE_TO_CLERK);
	crowd = s->request.crowd;
	assert_int_equal(s->request.crowd_count, 2);
	assert_string_equal(crowd[0].sale, "demo");
	assert_string_equal(crowd[0].buyer, "ann");
	assert_string_equal(crowd[1].buyer, "bob");
	assert_int_equal(crowd[1].quantity, 1);
	assert_int_equal(crowd[1].deadline_ns, ARRIVED_NS + 5 * NS_PER_SEC);
	crowd[0].outcome = OUTCOME_SOLD;
	crowd[0].receipt = (struct receipt){.order = ORDER_ID,
	    .buyer = "ann",
	    .lock = "none",
	    .seat = 1,
	    .quantity = 1};
	crowd[1].outcome = OUTCOME_SOLD_OUT;
	handle_crowd_decided(&s->call);
	assert_int_equal(s->reply.status, 200);
	assert_body_has(s, "{\"sale\":\"demo\",\"answers\":[{\"order\":\"");
	assert_body_has(s, "\"buyer\":\"ann\",\"seats\":[1],");
	assert_body_has(s, "\"status\":201},{\"type\":\"/problems/sold-out\"");
	free(crowd);

	ask(s, "POST", "/sales/demo/crowd");
	set_body(s, "count=200");
	assert_int_equal(begin(s), ROUTE_TO_CLERK);
	assert_int_equal(s->request.crowd_count, 200);
	assert_string_equal(s->request.crowd[199].buyer, "buyer 200");
	free(s->request.crowd);
}

/* ---------------------------------------------------------------- ETags -- */

/* The order for that If-Match; NULL: it is refused. */
static const struct order *
match_of(struct scene *s, const char *header)
{
	ask(s, "POST", "/sales/demo/buy");
	set_header(s, HEADER_IF_MATCH, header);
	if (begin(s) == ROUTE_TO_CLERK)
		return &s->request.order;
	assert_problem(s, PROBLEM_BAD_VALUE, "If-Match");
	return NULL;
}

static void
test_if_match(void **state)
{
	static const char *const bad[] = {"", "x", "\"x\"", "\"", "\"\"",
	    "12-3", "\"0011223344556677\"", "\"0011223344556677-\"",
	    "\"0011223344556677-1", "0011223344556677-1\"",
	    "\"0011223344556677-1\" ",
	    "\"0011223344556677-1\", \"0011223344556677-2\"",
	    "\"00112233445566778-1\"", "\"0011223344556677-1x\"", "**"};
	struct scene *s = *state;
	const struct order *order;
	size_t i;

	order = match_of(s, "\"0011223344556677-12\"");
	assert_non_null(order);
	assert_true(order->has_if_match);
	assert_true(order->match_epoch == UINT64_C(0x0011223344556677));
	assert_int_equal(order->match_version, 12);
	order = match_of(s, "*");
	assert_non_null(order);
	assert_false(order->has_if_match);
	order = match_of(s, "W/\"0011223344556677-12\"");
	assert_non_null(order);
	assert_true(order->has_if_match);
	assert_true(order->match_epoch == 0); /* which no sale has */
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (match_of(s, bad[i]) != NULL)
			fail_msg("taken: %s", bad[i]);
}

/* The tag of a GET is the If-Match of a buy, and the 304 of a GET. */
static void
test_etag(void **state)
{
	struct scene *s = *state;
	const struct store_state demo = state_of(&s->f, "demo");
	const struct order *order;
	char etag[64];

	visit(s, "GET", "/sales/demo");
	assert_int_equal(s->reply.status, 200);
	assert_body_has(s, "{\"id\":\"demo\",\"capacity\":10,\"remaining\":10,"
			   "\"version\":0,\"lock\":\"mutex\",\"delay_ms\":0,"
			   "\"store\":\"json\",\"safe\":true}\n");
	snprintf(etag, sizeof(etag), "%s", header_of(s, "ETag"));
	order = match_of(s, etag);
	assert_non_null(order);
	assert_true(order->match_epoch == demo.epoch);
	assert_int_equal(order->match_version, demo.version);

	ask(s, "GET", "/sales/demo");
	set_header(s, HEADER_IF_NONE_MATCH, etag);
	begin(s);
	assert_int_equal(s->reply.status, 304);
	assert_int_equal(s->reply.size, 0);
	assert_string_equal(header_of(s, "ETag"), etag);

	configure_sale(&s->f, "demo", NULL, 1000, 3000);
	ask(s, "GET", "/sales/demo");
	set_header(s, HEADER_IF_NONE_MATCH, etag);
	begin(s);
	assert_int_equal(s->reply.status, 200);
	assert_body_has(s, "\"delay_ms\":[1000,3000]");
	assert_string_not_equal(header_of(s, "ETag"), etag);
}

/* ------------------------------------------------------------- outcomes -- */

/* What a clerk might have decided, and its answer. */
static void
answer(struct scene *s, enum outcome outcome)
{
	struct order *order = &s->request.order;

	assert_int_equal(begin(s), ROUTE_TO_CLERK);
	order->outcome = outcome;
	order->receipt = (struct receipt){.order = ORDER_ID,
	    .buyer = "alice",
	    .lock = "mutex",
	    .seat = 4,
	    .quantity = 2,
	    .remaining = 5,
	    .version = 3,
	    .base = 2,
	    .sold_at_ms = INT64_C(1795237200123),
	    .worker = 1,
	    .clerk = 2};
	order->state = state_of(&s->f, "demo");
	trail_add(&order->trail, STEP_READ, ARRIVED_NS + 1500000);
	handle_buy_decided(&s->call);
	assert_string_equal(header_of(s, "Server-Timing"),
	    "queue;dur=1.500, lock;dur=0.000, delay;dur=0.000, "
	    "write;dur=0.000");
}

static void
test_receipt(void **state)
{
	struct scene *s = *state;

	ask(s, "POST", "/sales/demo/buy");
	answer(s, OUTCOME_SOLD);
	assert_int_equal(s->reply.status, 201);
	assert_string_equal(s->reply.body,
	    "{\"order\":\"" ORDER_ID "\",\"sale\":\"demo\","
	    "\"buyer\":\"alice\",\"seats\":[4,5],\"remaining\":5,"
	    "\"version\":3,\"lock\":\"mutex\","
	    "\"sold_at\":\"2026-11-21T05:00:00.123Z\"}\n");
	assert_string_equal(
	    header_of(s, "Location"), "/sales/demo/orders/" ORDER_ID);
	ask(s, "POST", "/sales/demo/buy");
	set_arg(s, "trail", "");
	answer(s, OUTCOME_SOLD);
	assert_body_has(s, "\"base\":2,\"worker\":1,\"clerk\":2,\"trail\":["
			   "{\"at_ns\":5000000000,\"step\":\"queued\"},"
			   "{\"at_ns\":5001500000,\"step\":\"read\"}]}\n");
}

/* A replay shows the trail of the sale, not its own. */
static void
test_replayed_receipt(void **state)
{
	static char trail[] = "[{\"at_ns\":7,\"step\":\"write\"}]";
	struct scene *s = *state;

	ask(s, "POST", "/sales/demo/buy");
	set_arg(s, "trail", "1");
	s->request.order.replayed_trail = trail;
	answer(s, OUTCOME_REPLAYED);
	assert_int_equal(s->reply.status, 201);
	assert_body_has(s, "\"trail\":[{\"at_ns\":7,\"step\":\"write\"}]}\n");
	assert_string_equal(header_of(s, "Idempotent-Replayed"), "true");
	ask(s, "POST", "/sales/demo/buy");
	answer(s, OUTCOME_SOLD);
	assert_null(header_of(s, "Idempotent-Replayed"));
}

static void
test_outcomes(void **state)
{
	static const struct {
		enum outcome outcome;
		enum problem problem;
		int status;
	} rows[] = {
	    {OUTCOME_SOLD_OUT, PROBLEM_SOLD_OUT, 409},
	    {OUTCOME_NOT_ENOUGH, PROBLEM_NOT_ENOUGH, 409},
	    {OUTCOME_CHANGED, PROBLEM_CHANGED, 412},
	    {OUTCOME_NO_SALE, PROBLEM_NO_SALE, 404},
	    {OUTCOME_KEY_REUSED, PROBLEM_KEY_REUSED, 422},
	    {OUTCOME_QUEUE_FULL, PROBLEM_QUEUE_FULL, 503},
	    {OUTCOME_QUEUE_TIMEOUT, PROBLEM_QUEUE_TIMEOUT, 503},
	    {OUTCOME_LOCK_TIMEOUT, PROBLEM_LOCK_TIMEOUT, 503},
	    {OUTCOME_CONFLICTS, PROBLEM_CONFLICTS, 503},
	    {OUTCOME_MOVED, PROBLEM_CHANGES, 503},
	    {OUTCOME_STORE_BUSY, PROBLEM_STORE_BUSY, 503},
	    {OUTCOME_STORE_FULL, PROBLEM_STORAGE_FULL, 503},
	    {OUTCOME_STORE_ERROR, PROBLEM_STORAGE_ERROR, 503},
	    {OUTCOME_UNKNOWN, PROBLEM_UNKNOWN_OUTCOME, 500},
	    {OUTCOME_DRAINING, PROBLEM_DRAINING, 503},
	};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(s, "POST", "/sales/demo/buy");
		answer(s, rows[i].outcome);
		assert_problem(s, rows[i].problem, NULL);
		assert_int_equal(s->reply.status, rows[i].status);
		/* 503 is not sold: trying again is safe. */
		assert_true((rows[i].status == 503) ==
			    (header_of(s, "Retry-After") != NULL));
		ask(s, "POST", "/sales/demo/buy");
		set_arg(s, "trail", "1");
		answer(s, rows[i].outcome);
		assert_body_has(s, "\"step\":\"queued\"");
	}
}

static void
test_refusals(void **state)
{
	struct scene *s = *state;

	ask(s, "POST", "/sales/demo/buy");
	set_body(s, "quantity=20");
	answer(s, OUTCOME_NOT_ENOUGH);
	assert_body_has(s, "Only 10 of the 20 tickets are left.");
	assert_body_has(s, "\"sale\":\"demo\",\"remaining\":10,\"version\":0");
	ask(s, "POST", "/sales/demo/buy");
	answer(s, OUTCOME_CHANGED);
	assert_non_null(header_of(s, "ETag"));
}

/* ----------------------------------------------------------- the background --
 */

static void
test_open_sale(void **state)
{
	struct scene *s = *state;

	assert_int_equal(
	    visit_form(s, "POST", "/sales", "id=jazz&capacity=5"), 201);
	assert_body_has(s,
	    "{\"id\":\"jazz\",\"capacity\":5,\"remaining\":5,\"version\":0,"
	    "\"lock\":\"flock\",\"delay_ms\":[1,2],\"store\":\"json\","
	    "\"safe\":true}\n");
	assert_string_equal(header_of(s, "Location"), "/sales/jazz");
	assert_non_null(header_of(s, "ETag"));
	assert_int_equal(
	    visit_form(s, "POST", "/sales", "id=jazz&capacity=5"), 409);
	assert_problem(s, PROBLEM_SALE_EXISTS, NULL);
	assert_int_equal(
	    visit_form(s, "POST", "/sales",
		"{\"id\":\"rock\",\"capacity\":1,\"lock\":\"semaphore:3\","
		"\"delay\":\"2.5s\"}"),
	    201);
	assert_body_has(s, "\"lock\":\"semaphore:3\",\"delay_ms\":2500");
	assert_body_has(s, "\"safe\":false");
	assert_body_has(s, "\"warning\":\"the delay is half");
	assert_int_equal(visit_form(s, "POST", "/sales",
			     "id=pop&capacity=1&lock=semaphore:1"),
	    201);
	assert_body_has(s, "\"lock\":\"semaphore\",");
}

static void
refuse_sale(struct scene *s, const char *form, const char *member)
{
	visit_form(s, "POST", "/sales", form);
	assert_problem(s, PROBLEM_BAD_VALUE, member);
}

static void
test_wrong_sales(void **state)
{
	struct scene *s = *state;

	refuse_sale(s, "", "id");
	refuse_sale(s, "capacity=5", "id");
	refuse_sale(s, "id=&capacity=5", "id");
	refuse_sale(s, "id=Jazz&capacity=5", "id");
	refuse_sale(s, "id=a/b&capacity=5", "id");
	refuse_sale(s,
	    "id=00000000000000000000000000000000000000000000000000000000"
	    "000000000&capacity=5",
	    "id");
	refuse_sale(s, "id=jazz", "capacity");
	refuse_sale(s, "id=jazz&capacity=0", "capacity");
	refuse_sale(s, "id=jazz&capacity=10000001", "capacity");
	refuse_sale(s, "id=jazz&capacity=5&lock=nosuch", "lock");
	assert_body_has(s, "mutex-private");
	refuse_sale(s, "id=jazz&capacity=5&delay=5", "delay");
	refuse_sale(s, "id=jazz&capacity=5&delay=3s-1s", "delay");
	visit_form(s, "POST", "/sales", "id=jazz&capacity=5&lok=none");
	assert_problem(s, PROBLEM_UNKNOWN_MEMBER, "lok");
	visit_form(s, "POST", "/sales", "{");
	assert_problem(s, PROBLEM_BAD_BODY, NULL);
	/* None of these was opened. */
	visit(s, "GET", "/sales/jazz");
	assert_problem(s, PROBLEM_NO_SALE, NULL);
}

/* A write that trusts what was read, be it long ago. */
static void
buy_seat(struct scene *s, const struct store_state *read, int64_t seat)
{
	struct store_line line = {.seat = seat,
	    .quantity = 1,
	    .remaining = 10 - seat,
	    .capacity = 10,
	    .order = ORDER_ID,
	    .buyer = "alice",
	    .lock = read->settings.lock,
	    .worker = 1,
	    .clerk = 1,
	    .sold_at_ms = INT64_C(1795237200123),
	    .trail = "[]"};
	bool overwrote;

	line.order[0] = (char)('a' + state_of(&s->f, "demo").version);
	ok(store_put(s->f.user, read, &line, 1, in_ms(5000), &overwrote));
}

static void
test_change_sale(void **state)
{
	struct scene *s = *state;

	assert_int_equal(
	    visit_form(s, "PATCH", "/sales/demo", "lock=none&delay=5ms"), 200);
	assert_body_has(s, "\"lock\":\"none\",\"delay_ms\":5,");
	assert_body_has(s, "\"safe\":false");
	assert_int_equal(
	    visit_form(s, "PATCH", "/sales/demo", "capacity=12"), 200);
	assert_body_has(s, "\"capacity\":12,\"remaining\":12,\"version\":1");
	assert_body_has(s, "\"lock\":\"none\",\"delay_ms\":5,");
	visit_form(s, "PATCH", "/sales/demo", "capacity=11");
	assert_problem(s, PROBLEM_BAD_VALUE, "capacity");
	assert_body_has(s, "from 12 to 10000000");
	visit_form(s, "PATCH", "/sales/demo", "");
	assert_problem(s, PROBLEM_BAD_VALUE, NULL);
	visit_form(s, "PATCH", "/sales/demo", "id=x");
	assert_problem(s, PROBLEM_UNKNOWN_MEMBER, "id");
	visit_form(s, "PATCH", "/sales/nowhere", "lock=none");
	assert_problem(s, PROBLEM_NO_SALE, NULL);
}

/* What is so already is not written: whoever knows the sale still does. */
static void
test_change_nothing(void **state)
{
	static const char *const forms[] = {"lock=mutex", "delay=0",
	    "capacity=10", "lock=mutex&delay=0&capacity=10"};
	static const char *const others[] = {
	    "lock=flock", "delay=0-1ms", "delay=1ms", "capacity=11"};
	struct scene *s = *state;
	const uint64_t epoch = state_of(&s->f, "demo").epoch;
	uint64_t last = epoch;
	size_t i;

	for (i = 0; i < 4; i++) {
		assert_int_equal(
		    visit_form(s, "PATCH", "/sales/demo", forms[i]), 200);
		assert_body_has(s, "\"capacity\":10,\"remaining\":10,");
		assert_int_equal(state_of(&s->f, "demo").epoch, epoch);
	}
	for (i = 0; i < 4; i++) {
		visit_form(s, "PATCH", "/sales/demo", others[i]);
		assert_int_not_equal(state_of(&s->f, "demo").epoch, last);
		last = state_of(&s->f, "demo").epoch;
	}
}

/* From an unsafe strategy to a safe one, what is left is counted again. */
static void
test_recount(void **state)
{
	struct scene *s = *state;
	struct store_state first, second;

	visit_form(s, "PATCH", "/sales/demo", "lock=none");
	first = state_of(&s->f, "demo");
	buy_seat(s, &first, 1);
	second = state_of(&s->f, "demo");
	buy_seat(s, &second, 2);
	buy_seat(s, &first, 1); /* late: 9 left, as if seat 2 were free */
	visit_form(s, "PATCH", "/sales/demo", "lock=semaphore:3");
	assert_null(strstr(s->reply.body, "recounted_to"));
	assert_body_has(s, "\"remaining\":9,\"version\":3");
	visit_form(s, "PATCH", "/sales/demo", "lock=mutex");
	assert_body_has(s, "\"remaining\":8,\"version\":4");
	assert_body_has(s, "\"recounted_to\":8");
	/* Once: then it is right. */
	visit_form(s, "PATCH", "/sales/demo", "lock=none");
	visit_form(s, "PATCH", "/sales/demo", "lock=mutex");
	assert_null(strstr(s->reply.body, "recounted_to"));
	assert_body_has(s, "\"remaining\":8,\"version\":4");
}

/* A DELETE with this ?force, if it is not NULL. */
static int
delete_demo(struct scene *s, const char *force)
{
	ask(s, "DELETE", "/sales/demo");
	if (force != NULL)
		set_arg(s, "force", force);
	return status_of(s);
}

/* What has sold is deleted by force alone, whether tickets are left or not. */
static void
test_delete_sale(void **state)
{
	struct scene *s = *state;
	struct store_state read = state_of(&s->f, "demo");

	buy_seat(s, &read, 1);
	assert_int_equal(delete_demo(s, NULL), 409);
	assert_problem(s, PROBLEM_HAS_RECEIPTS, NULL);
	assert_body_has(s, "\"remaining\":9");
	assert_body_has(s, "\"version\":1");
	assert_body_has(s, "turnstile backup");
	assert_body_has(s, "/sales/demo/ledger.csv");
	assert_int_equal(delete_demo(s, "0"), 409);
	assert_int_equal(delete_demo(s, "false"), 409);
	for (; read.highest < 10; read = state_of(&s->f, "demo"))
		buy_seat(s, &read, read.highest + 1);
	assert_int_equal(delete_demo(s, NULL), 409);
	assert_body_has(s, "\"remaining\":0");
	assert_int_equal(delete_demo(s, "1"), 204);
	assert_int_equal(s->reply.size, 0);
	assert_int_equal(delete_demo(s, NULL), 404);
	/* What has not: its ledger says nothing that is lost. */
	create_sale(&s->f, "demo", 10, "mutex");
	visit_form(s, "PATCH", "/sales/demo", "capacity=20");
	assert_int_equal(delete_demo(s, NULL), 204);
}

/* Who means no is not taken to mean yes; nor is who says nothing. */
static void
test_unclear_flags(void **state)
{
	static const char *const unclear[] = {"no", "off", "2", "TRUE", "1 ",
	    "1,", ",", " ", "1, true", "yes", "-1", "00", "fals"};
	static const char *const calls[][3] = {
	    {"DELETE", "/sales/demo", "force"},
	    {"POST", "/sales/demo/buy", "trail"},
	    {"POST", "/sales/demo/crowd", "trail"},
	    {"GET", "/sales/demo/ledger", "trail"},
	    {"GET", "/sales/demo/ledger.csv", "trail"},
	    {"GET", "/readyz", "verbose"}};
	struct scene *s = *state;
	struct store_state read = state_of(&s->f, "demo");
	size_t i, j;

	buy_seat(s, &read, 1);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (j = 0; j < sizeof(unclear) / sizeof(unclear[0]); j++) {
			ask(s, calls[i][0], calls[i][1]);
			set_arg(s, calls[i][2], unclear[j]);
			assert_int_equal(begin(s), ROUTE_ANSWERED);
			assert_problem(s, PROBLEM_BAD_VALUE, calls[i][2]);
		}
	assert_int_equal(delete_demo(s, ""), 400);
	ask(s, "GET", "/readyz");
	set_arg(s, "verbose", "");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, "[+]store");
	assert_int_equal(delete_demo(s, "true"), 204);
}

/* --------------------------------------------------------- overtaken -- */

static struct store_impl slow; /* the store, with a begin that comes late */
static const struct store_impl *quick;
static struct scene *overtaken; /* NULL: nobody comes before it */
static void (*overtake)(struct scene *s);

/* A store_begin_fn. */
static enum store_result
begin_late(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	struct scene *s = overtaken;

	overtaken = NULL;
	if (s != NULL)
		overtake(s);
	return quick->begin(user, state, deadline_ns, now);
}

/* What this does comes between what the next request reads and writes. */
static void
let_overtake(struct scene *s, void (*deed)(struct scene *s))
{
	if (s->f.store->impl != &slow) {
		quick = s->f.store->impl;
		slow = *quick;
		slow.begin = begin_late;
		s->f.store->impl = &slow;
	}
	overtaken = s;
	overtake = deed;
}

static void
buy_first(struct scene *s)
{
	const struct store_state state = state_of(&s->f, "demo");
	struct store_line line = {.quantity = 1,
	    .seat = state.highest + 1,
	    .remaining = state.remaining - 1,
	    .capacity = state.settings.capacity,
	    .order = ORDER_ID,
	    .buyer = "bob",
	    .lock = "mutex",
	    .trail = "[]"};

	ok(store_put_if(s->f.user, &state, &line, 1, in_ms(5000)));
}

static void
change_first(struct scene *s)
{
	configure_sale(&s->f, "demo", "semaphore", -1, -1);
}

/* A PATCH changes what the other left; what it did not name stays his. */
static void
test_change_is_overtaken(void **state)
{
	struct scene *s = *state;

	let_overtake(s, change_first);
	assert_int_equal(
	    visit_form(s, "PATCH", "/sales/demo", "capacity=20"), 200);
	assert_null(overtaken);
	assert_string_equal(state_of(&s->f, "demo").settings.lock, "semaphore");
	assert_int_equal(state_of(&s->f, "demo").settings.capacity, 20);
}

/* A DELETE looks again: at a sale that may be another now. */
static void
test_delete_is_overtaken(void **state)
{
	struct scene *s = *state;
	int i;

	for (i = 0; i < 9; i++)
		buy_first(s);
	let_overtake(s, buy_first);
	ask(s, "DELETE", "/sales/demo");
	set_arg(s, "force", "1");
	assert_int_equal(status_of(s), 204);
	assert_null(overtaken);

	create_sale(&s->f, "demo", 1, "mutex");
	let_overtake(s, change_first);
	ask(s, "DELETE", "/sales/demo");
	set_arg(s, "force", "1");
	assert_int_equal(status_of(s), 204);

	create_sale(&s->f, "demo", 1, "mutex");
	let_overtake(s, buy_first);
	assert_int_equal(delete_demo(s, NULL), 409);
	assert_problem(s, PROBLEM_HAS_RECEIPTS, NULL);
	assert_null(overtaken);
}

/* A PATCH or a DELETE of what had this tag. */
static int
try_tagged(struct scene *s, const char *method, const char *tag)
{
	ask(s, method, "/sales/demo");
	set_header(s, HEADER_IF_MATCH, tag);
	if (strcmp(method, "PATCH") == 0)
		set_body(s, "capacity=20");
	else
		set_arg(s, "force", "1");
	return status_of(s);
}

static void
get_tag(struct scene *s, char tag[64])
{
	visit(s, "GET", "/sales/demo");
	snprintf(tag, 64, "%s", header_of(s, "ETag"));
}

/* Changed or sold before it came, or as it came: 412, and nothing is done. */
static void
assert_outdated(struct scene *s, const char *method,
    void (*deed)(struct scene *s), bool late)
{
	char tag[64], now[64];

	get_tag(s, tag);
	if (late)
		let_overtake(s, deed);
	else
		deed(s);
	assert_int_equal(try_tagged(s, method, tag), 412);
	assert_problem(s, PROBLEM_CHANGED, NULL);
	assert_null(overtaken);
	snprintf(now, sizeof(now), "%s", header_of(s, "ETag"));
	get_tag(s, tag);
	assert_string_equal(now, tag);
	assert_int_equal(state_of(&s->f, "demo").settings.capacity, 10);
}

static void
test_changes_if_match(void **state)
{
	static const char *const methods[] = {"PATCH", "DELETE"};
	struct scene *s = *state;
	char tag[64];
	size_t i;

	for (i = 0; i < 2; i++) {
		assert_outdated(s, methods[i], buy_first, false);
		assert_outdated(s, methods[i], buy_first, true);
		assert_outdated(s, methods[i], change_first, false);
		assert_outdated(s, methods[i], change_first, true);
		assert_int_equal(try_tagged(s, methods[i], "x"), 400);
		assert_problem(s, PROBLEM_BAD_VALUE, "If-Match");
	}
	for (i = 0; i < 2; i++) {
		get_tag(s, tag);
		assert_int_equal(
		    try_tagged(s, methods[i], tag), i == 0 ? 200 : 204);
	}
	create_sale(&s->f, "demo", 10, "mutex");
	assert_int_equal(try_tagged(s, "PATCH", "*"), 200);
	assert_int_equal(try_tagged(s, "DELETE", "*"), 204);
	assert_int_equal(try_tagged(s, "DELETE", "*"), 404);
}

/* -------------------------------------------------------------- requests -- */

/* Of a header the blanks behind it, of a trace the id, unless it is none. */
static void
test_request(void **state)
{
	struct request r = {0};

	(void)state;
	request_put_header(&r, "Idempotency-Key", "k 1 \t ");
	assert_string_equal(r.headers[HEADER_IDEMPOTENCY_KEY], "k 1");
	request_put_header(&r, "traceparent",
	    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	request_identify(&r);
	assert_string_equal(r.id, "0af7651916cd43dd8448eb211c80319c");
	request_free(&r);
	r = (struct request){0};
	request_put_header(&r, "traceparent",
	    "00-00000000000000000000000000000000-b7ad6b7169203331-01");
	request_identify(&r);
	assert_int_equal(strlen(r.id), 16);
	request_free(&r);
}

/* Memory that others have used: nothing of what was there is seen. */
static void
test_begin(void **state)
{
	struct request *r = malloc(sizeof(*r));
	struct reply *reply = malloc(sizeof(*reply));

	(void)state;
	assert_true(r != NULL && reply != NULL);
	memset(r, 'x', sizeof(*r));
	memset(reply, 'x', sizeof(*reply));
	request_begin(r, "GET", "/");
	assert_string_equal(r->body, "");
	request_put_body(r, "a=", 2);
	request_put_body(r, "b", 1);
	assert_string_equal(r->body, "a=b");
	assert_null(request_arg(r, "a"));
	reply_begin(reply);
	reply_header_print(reply, "One", "%d", 1);
	reply_header(reply, "Two", "two");
	writer_put_text(reply_header_write(reply, "Three"), "three");
	(void)reply_header_write(reply, "Four"); /* and nothing */
	assert_int_equal(reply->header_count, 4);
	assert_string_equal(reply->headers[3].value, "");
	assert_string_equal(reply->headers[0].value, "1");
	assert_string_equal(reply->headers[1].value, "two");
	assert_string_equal(reply->headers[2].value, "three");
	reply_free(reply);
	request_free(r);
	free(reply);
	free(r);
}

/* The id of a request with these headers, NULL if not sent. */
static const char *
identify(struct request *r, const char *id, const char *traceparent)
{
	*r = (struct request){0};
	if (id != NULL)
		request_put_header(r, "x-request-id", id);
	if (traceparent != NULL)
		request_put_header(r, "traceparent", traceparent);
	request_identify(r);
	request_free(r);
	return r->id;
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"

/* What a caller calls a request is taken if a log need not quote it. */
static void
test_request_id(void **state)
{
	static const char parent[] = "00-" TRACE "-b7ad6b7169203331-01";
	static const char *const good[] = {"a", "7", "A-b_c.d~e:f/g+h=i@j",
	    "Root=1-67891233-abcdef012345678912345678",
	    "f47ac10b-58cc-4372-a567-0e02b2c3d479"};
	static const char *const bad[] = {"", "a b", "a\"b", "a,b", "a\\b",
	    "a\nb", "\x7f", "\xc3\xa4", "a;b", "<a>", "{a}", "a%20"};
	char longest[REQUEST_ID_SIZE], longer[REQUEST_ID_SIZE + 1];
	struct request r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(identify(&r, good[i], parent), good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(identify(&r, bad[i], parent), TRACE);
		assert_int_equal(strlen(identify(&r, bad[i], NULL)), 16);
	}
	memset(longest, 'x', sizeof(longest));
	longest[REQUEST_ID_SIZE - 1] = '\0';
	memset(longer, 'x', sizeof(longer));
	longer[REQUEST_ID_SIZE] = '\0';
	assert_string_equal(identify(&r, longest, NULL), longest);
	assert_int_equal(strlen(identify(&r, longer, NULL)), 16);
}

/* What a store says to a change is told as it is. */
static void
test_store_results(void **state)
{
	static const struct {
		enum store_result result;
		enum problem problem;
	} rows[] = {{STORE_GONE, PROBLEM_NO_SALE},
	    {STORE_BUSY, PROBLEM_STORE_BUSY}, {STORE_MOVED, PROBLEM_STORE_BUSY},
	    {STORE_CONFLICT, PROBLEM_STORE_BUSY},
	    {STORE_FULL, PROBLEM_STORAGE_FULL},
	    {STORE_UNKNOWN, PROBLEM_UNKNOWN_OUTCOME},
	    {STORE_DUPLICATE, PROBLEM_STORAGE_ERROR},
	    {STORE_FAILED, PROBLEM_STORAGE_ERROR}};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(s, "PATCH", "/sales/demo");
		assert_false(handle_store_ok(&s->call, rows[i].result));
		assert_problem(s, rows[i].problem, NULL);
	}
	ask(s, "PATCH", "/sales/demo");
	assert_true(handle_store_ok(&s->call, STORE_OK));
	assert_int_equal(s->reply.status, 0);
}

static void
test_list_sales(void **state)
{
	struct scene *s = *state;

	ask(s, "GET", "/sales");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, "{\"sales\":[{\"id\":\"demo\",");
}

/* Three lines: seat 1, seat 1 again, seat 1 again. */
static void
oversell(struct scene *s)
{
	const struct store_state read = state_of(&s->f, "demo");
	int i;

	for (i = 0; i < 3; i++)
		buy_seat(s, &read, 1);
}

static void
test_ledger(void **state)
{
	struct scene *s = *state;

	oversell(s);
	ask(s, "GET", "/sales/demo/ledger");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, "{\"sale\":\"demo\",\"version\":3,\"lines\":[");
	assert_body_has(s, "\"version\":3,\"base\":0,\"nth\":1,");
	assert_body_has(s, "\"buyer\":\"alice\"");
	assert_body_has(s, "\"next\":null}");
	assert_null(strstr(s->reply.body, "trail"));
	ask(s, "GET", "/sales/demo/ledger");
	set_arg(s, "limit", "1");
	set_arg(s, "after", "1");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, "\"lines\":[{\"kind\":\"sold\",\"version\":2,");
	assert_null(strstr(s->reply.body, "\"version\":3,\"base\""));
	assert_body_has(s, "\"next\":2}");
	ask(s, "GET", "/sales/demo/ledger");
	set_arg(s, "limit", "0");
	status_of(s);
	assert_problem(s, PROBLEM_BAD_VALUE, "limit");
	ask(s, "GET", "/sales/demo/ledger");
	set_arg(s, "after", "x");
	status_of(s);
	assert_problem(s, PROBLEM_BAD_VALUE, "after");
}

/* Lines of a thousand seats each, about 4 KiB; as many as there are. */
static void
buy_thousands(struct scene *s, int64_t lines)
{
	struct store_state now;
	int64_t i;

	create_sale(&s->f, "hall", STORE_CAPACITY_MAX, "mutex");
	for (i = 0; i < lines; i++) {
		struct store_line line = {.seat = i * 1000 + 1,
		    .quantity = 1000,
		    .remaining = STORE_CAPACITY_MAX - (i + 1) * 1000,
		    .capacity = STORE_CAPACITY_MAX,
		    .buyer = "alice",
		    .lock = "mutex",
		    .worker = 1,
		    .clerk = 1,
		    .trail = "[]"};
		bool overwrote;

		now = state_of(&s->f, "hall");
		snprintf(line.order, sizeof(line.order), "%032" PRIx64, i);
		ok(store_put(
		    s->f.user, &now, &line, 1, in_ms(20000), &overwrote));
	}
}

#define CSV_HEAD                                                               \
	"version,kind,sold_at,order,buyer,first_seat,quantity,remaining,"      \
	"capacity,lock,base,nth"

static void
test_ledger_csv(void **state)
{
	static const char *const both[] = {
	    "text/csv", "*/*, TEXT/CSV;q=0.9", "text/csv, application/json"};
	struct scene *s = *state;
	size_t i;

	oversell(s);
	visit_form(s, "PATCH", "/sales/demo", "capacity=12");
	ask(s, "GET", "/sales/demo/ledger.csv");
	assert_int_equal(status_of(s), 200);
	assert_string_equal(
	    s->reply.type, "text/csv; charset=utf-8; header=present");
	assert_memory_equal(s->reply.body, CSV_HEAD "\r\n1,sold,",
	    strlen(CSV_HEAD "\r\n1,sold,"));
	assert_body_has(s,
	    "\r\n3,sold,2026-11-21T05:00:00.123Z,"
	    "c0112233-4455-7677-8899-aabbccddeeff,\"alice\",1,1,9,"
	    "10,mutex,0,1\r\n");
	assert_body_has(s, "\r\n4,raised,");
	assert_body_has(s, "Z,,,,,11,12,mutex,3,1\r\n");
	assert_null(header_of(s, "Next-After"));
	assert_string_equal(header_of(s, "Content-Disposition"),
	    "attachment; filename=\"demo.csv\"");
	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		ask(s, "GET", "/sales/demo/ledger");
		set_header(s, HEADER_ACCEPT, both[i]);
		assert_int_equal(status_of(s), 200);
		assert_body_has(s, CSV_HEAD "\r\n");
		assert_string_equal(header_of(s, "Vary"), "Accept");
	}
	ask(s, "GET", "/sales/demo/ledger");
	set_header(s, HEADER_ACCEPT, "application/json, text/csv");
	status_of(s);
	assert_string_equal(s->reply.type, "application/json");
}

static void
test_ledger_csv_pages(void **state)
{
	struct scene *s = *state;

	oversell(s);
	ask(s, "GET", "/sales/demo/ledger.csv");
	set_arg(s, "limit", "2");
	assert_int_equal(status_of(s), 200);
	assert_string_equal(header_of(s, "Next-After"), "2");
	ask(s, "GET", "/sales/demo/ledger.csv");
	set_arg(s, "after", "2");
	set_arg(s, "trail", "1");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, CSV_HEAD ",worker,clerk,trail\r\n3,sold,");
	assert_body_has(s, ",0,1,1,1,\"[]\"\r\n");
	assert_null(header_of(s, "Next-After"));
	/* Who wants all of it does not get a part that looks like all. */
	buy_thousands(s, 12000);
	ask(s, "GET", "/sales/hall/ledger.csv");
	status_of(s);
	assert_problem(s, PROBLEM_BAD_VALUE, "limit");
	ask(s, "GET", "/sales/hall/ledger.csv");
	set_arg(s, "after", "0");
	assert_int_equal(status_of(s), 200);
	assert_in_range(s->reply.size, 1024 * 1024, 1024 * 1024 + 1024);
	assert_non_null(header_of(s, "Next-After"));
}

/* Lines of alice and bob, at 13:00:00.123 and a second later, and a raise. */
static void
sell_to_two(struct scene *s)
{
	static const char *const buyers[] = {"alice", "bob", "alice"};
	struct store_state read;
	size_t i;

	for (i = 0; i < 3; i++) {
		struct store_line line = {.seat = (int64_t)i + 1,
		    .quantity = 1,
		    .remaining = 9 - (int64_t)i,
		    .capacity = 10,
		    .buyer = buyers[i],
		    .key = i == 1 ? "k 1" : NULL,
		    .lock = "mutex",
		    .worker = 1,
		    .clerk = 1,
		    .sold_at_ms = INT64_C(1577883600123) + (i > 0) * 1000,
		    .trail = "[]"};

		read = state_of(&s->f, "demo");
		snprintf(line.order, sizeof(line.order), "%032zx", i);
		ok(store_put_if(s->f.user, &read, &line, 1, in_ms(5000)));
	}
	visit_form(s, "PATCH", "/sales/demo", "capacity=11");
}

/* The versions of the lines that these arguments let through, "1 3 next 3";
 * NULL: it was refused. */
static const char *
lines_of(struct scene *s, const char *const args[])
{
	static char text[128];
	const char *line;
	size_t n = 0;

	ask(s, "GET", "/sales/demo/ledger");
	for (; *args != NULL; args += 2)
		set_arg(s, args[0], args[1]);
	if (status_of(s) != 200)
		return NULL;
	text[0] = '\0';
	line = strstr(s->reply.body, "\"lines\":[");
	while ((line = strstr(line, "\",\"version\":")) != NULL) {
		line += strlen("\",\"version\":");
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s ",
		    (int)strspn(line, "0123456789"), line);
	}
	line = strstr(s->reply.body, "\"next\":") + strlen("\"next\":");
	snprintf(text + n, sizeof(text) - n, "next %.*s",
	    (int)strcspn(line, "}"), line);
	return text;
}

#define LINES(...) lines_of(s, (const char *const[]){__VA_ARGS__, NULL})

static void
test_ledger_filters(void **state)
{
	struct scene *s = *state;

	sell_to_two(s);
	assert_string_equal(LINES("limit", "9"), "1 2 3 4 next null");
	assert_string_equal(LINES("buyer", "alice"), "1 3 next null");
	assert_string_equal(LINES("buyer", "bob"), "2 next null");
	assert_string_equal(LINES("buyer", "Bob"), "next null");
	assert_string_equal(LINES("buyer", ""), "next null");
	assert_string_equal(LINES("buyer", "alice", "limit", "1"), "1 next 1");
	assert_string_equal(
	    LINES("buyer", "alice", "limit", "1", "after", "1"), "3 next 3");
	assert_string_equal(LINES("buyer", "alice", "after", "3"), "next null");
	assert_string_equal(
	    LINES("since", "2020-01-01T13:00:00.123Z"), "1 2 3 4 next null");
	assert_string_equal(
	    LINES("since", "2020-01-01T13:00:00.124Z"), "2 3 4 next null");
	assert_string_equal(
	    LINES("since", "2020-01-01T13:00:01Z", "buyer", "alice"),
	    "3 next null");
	assert_string_equal(LINES("since", "2020-01-01"), "1 2 3 4 next null");
	assert_string_equal(LINES("since", "9999-12-31"), "next null");
	assert_string_equal(LINES("until", "2020-01-01"), "next null");
	assert_string_equal(
	    LINES("until", "2020-01-01T13:00:00.123Z"), "next null");
	assert_string_equal(
	    LINES("until", "2020-01-01T13:00:00.124Z"), "1 next null");
	assert_string_equal(LINES("since", "2020-01-01T13:00:01Z", "until",
				"2020-01-01T13:00:02Z", "buyer", "bob"),
	    "2 next null");
}

static void
test_ledger_by_key(void **state)
{
	struct scene *s = *state;

	sell_to_two(s);
	assert_string_equal(LINES("key", "k 1"), "2 next null");
	assert_string_equal(LINES("key", "k 1", "limit", "1"), "2 next null");
	assert_string_equal(LINES("key", "k 2"), "next null");
	assert_string_equal(LINES("key", ""), "next null");
	assert_string_equal(LINES("key", "k 1", "buyer", "bob"), "2 next null");
	assert_string_equal(LINES("key", "k 1", "buyer", "alice"), "next null");
	assert_string_equal(LINES("key", "k 1", "after", "2"), "next null");
	assert_string_equal(
	    LINES("key", "k 1", "until", "2020-01-01"), "next null");
	s->options.admin = ADMIN_TOKEN;
	assert_null(LINES("key", "k 1"));
	assert_problem(s, PROBLEM_TOKEN_NEEDED, NULL);
}

static void
test_ledger_since_when(void **state)
{
	static const char *const wrong[] = {"", "1", "1h", "yesterday",
	    "2026-11-21T", "2026-11-21T13:00Z", "2026-11-21T13:00:00",
	    "2026-11-21T13:00:00+", "2026-11-21T13:00:00.1Z",
	    "2026-11-21T13:00:00.1234Z", "2026-11-21 13:00:00Z", "2026-02-29",
	    "2026-13-01", "2026-11-00", "2026-11-21T24:00:00Z", "1969-12-31"};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (LINES("since", wrong[i]) != NULL)
			fail_msg("%s was taken", wrong[i]);
		assert_problem(s, PROBLEM_BAD_VALUE, "since");
		if (LINES("until", wrong[i]) != NULL)
			fail_msg("%s was taken", wrong[i]);
		assert_problem(s, PROBLEM_BAD_VALUE, "until");
	}
}

/* Whether somebody has bought is not told by asking for the name either. */
static void
test_ledger_of_a_buyer(void **state)
{
	struct scene *s = *state;

	sell_to_two(s);
	s->options.admin = ADMIN_TOKEN;
	assert_null(LINES("buyer", "alice"));
	assert_problem(s, PROBLEM_TOKEN_NEEDED, NULL);
	assert_non_null(header_of(s, "WWW-Authenticate"));
	s->options.admin = ADMIN_OFF;
	assert_null(LINES("buyer", "alice"));
	assert_problem(s, PROBLEM_FORBIDDEN, NULL);
	assert_string_equal(LINES("since", "2020-01-01"), "1 2 3 4 next null");
}

/* Nothing stands behind the last line, however far one looks. */
static void
test_ledger_beyond(void **state)
{
	static const char *const beyond[] = {
	    "3", "4", "1099511627776", "9223372036854775807"};
	struct scene *s = *state;
	size_t i;

	oversell(s);
	for (i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		ask(s, "GET", "/sales/demo/ledger");
		set_arg(s, "after", beyond[i]);
		assert_int_equal(status_of(s), 200);
		assert_body_has(s, "\"lines\":[],\"next\":null}\n");
	}
	ask(s, "GET", "/sales/demo/ledger");
	set_arg(s, "after", "9223372036854775808");
	status_of(s);
	assert_problem(s, PROBLEM_BAD_VALUE, "after");
}

/* A page ends behind a MiB; the next one goes on there. */
static void
test_ledger_pages_end(void **state)
{
	struct scene *s = *state;
	char after[32] = "0", *next;
	int64_t lines = 0;

	buy_thousands(s, 400);
	while (strcmp(after, "null}\n") != 0) {
		const char *line;

		ask(s, "GET", "/sales/hall/ledger");
		set_arg(s, "limit", "1000");
		set_arg(s, "after", after);
		assert_int_equal(status_of(s), 200);
		assert_in_range(s->reply.size, 1, 1024 * 1024 + 16 * 1024);
		line = s->reply.body;
		while ((line = strstr(line, "{\"kind\":")) != NULL) {
			lines++;
			line++;
		}
		next = strstr(s->reply.body, "\"next\":");
		assert_non_null(next);
		snprintf(after, sizeof(after), "%s", next + 7);
		if (after[0] != 'n')
			after[strcspn(after, "}")] = '\0';
	}
	assert_int_equal(lines, 400);
}

/* ---------------------------------------------------------------- walks -- */

/* What happens when the walk is at a line. */
struct stroll {
	struct scene *s;
	int64_t lines, at;
	void (*deed)(struct scene *s);
};

static bool
stroll_line(const struct store_line *line, void *arg)
{
	struct stroll *stroll = arg;

	(void)line;
	if (++stroll->lines == stroll->at)
		stroll->deed(stroll->s);
	return true;
}

/* The walk ends soon after that, and says why. */
static void
assert_ends(struct scene *s, void (*deed)(struct scene *s), enum problem why)
{
	const struct store_state state = state_of(&s->f, "hall");
	struct stroll stroll = {.s = s, .at = 100, .deed = deed};

	ask(s, "GET", "/sales/hall/audit");
	assert_int_equal(begin(s), ROUTE_TO_WALKER);
	s->request.arrived_ns = clock_now_ns();
	assert_false(handle_walk(&s->call, &state, 0, stroll_line, &stroll));
	assert_problem(s, why, NULL);
	assert_in_range(stroll.lines, 100, 200);
}

static void
grow_late(struct scene *s)
{
	s->request.arrived_ns -= s->options.audit_timeout_ms * NS_PER_MS;
}

static void
begin_to_drain(struct scene *s)
{
	atomic_store(&s->service.board->draining, true);
}

static int client; /* the other end of its connection */

/* The client closes, and a while passes: walkers do not look all the time. */
static void
hang_up(struct scene *s)
{
	(void)s;
	close(client);
	clock_sleep_until(clock_now_ns() + 110 * NS_PER_MS);
}

static void
test_walk_ends(void **state)
{
	struct scene *s = *state;
	int ends[2];

	buy_thousands(s, 300);
	assert_ends(s, grow_late, PROBLEM_AUDIT_TIMEOUT);
	assert_ends(s, begin_to_drain, PROBLEM_DRAINING);
	atomic_store(&s->service.board->draining, false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	client = ends[0];
	s->call.client_fd = ends[1];
	assert_ends(s, hang_up, PROBLEM_AUDIT_TIMEOUT);
	assert_body_has(s, "The client had gone");
	close(ends[1]);
}

/* What has waited for a walker for too long does not begin. */
static void
test_walk_does_not_begin(void **state)
{
	static const char *const paths[] = {"/sales/demo/ledger",
	    "/sales/demo/ledger.csv", "/sales/demo/audit",
	    "/sales/demo/audit.txt"};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(visit(s, "GET", paths[i]), ROUTE_TO_WALKER);
		s->request.arrived_ns = clock_now_ns();
		grow_late(s);
		s->request.route->handler(&s->call);
		assert_problem(s, PROBLEM_AUDIT_TIMEOUT, NULL);
		assert_non_null(header_of(s, "Retry-After"));
	}
}

/* Names are not for those who may not change anything. */
static void
test_names_hidden(void **state)
{
	static const char *const paths[] = {"/sales/demo/ledger",
	    "/sales/demo/ledger.csv", "/sales/demo/audit",
	    "/sales/demo/audit.txt"};
	struct scene *s = *state;
	size_t i;

	oversell(s);
	s->options.admin = ADMIN_TOKEN;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask(s, "GET", paths[i]);
		assert_int_equal(status_of(s), 200);
		assert_null(strstr(s->reply.body, "alice"));
		ask(s, "GET", paths[i]);
		set_header(s, HEADER_AUTHORIZATION, "Bearer " TOKEN);
		assert_int_equal(status_of(s), 200);
		assert_body_has(s, "alice");
	}
}

static void
test_order(void **state)
{
	struct scene *s = *state;

	oversell(s);
	ask(s, "GET",
	    "/sales/demo/orders/a"
	    "0112233-4455-7677-8899-aabbccddeeff");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, "\"buyer\":\"alice\",\"seats\":[1],");
	assert_body_has(s, "\"trail\":[]");
	ask(s, "GET", "/sales/demo/orders/none");
	assert_int_equal(status_of(s), 404);
	assert_problem(s, PROBLEM_NO_ORDER, NULL);
	ask(s, "GET", "/sales/nowhere/orders/none");
	assert_int_equal(status_of(s), 404);
	assert_problem(s, PROBLEM_NO_SALE, NULL);
}

static void
test_audit(void **state)
{
	struct scene *s = *state;

	oversell(s);
	ask(s, "GET", "/sales/demo/audit");
	assert_int_equal(status_of(s), 200);
	assert_body_has(s, "\"verdict\":\"double-booked\",\"wrong\":true");
	assert_body_has(s, "\"seat\":1,\"times\":3,");
	ask(s, "GET", "/sales/demo/audit.txt");
	set_header(s, HEADER_HOST, "localhost:99");
	assert_int_equal(status_of(s), 200);
	assert_string_equal(s->reply.type, "text/plain; charset=utf-8");
	assert_body_has(s, "DOUBLE-BOOKED   seat 1 was sold 3 times");
	assert_body_has(s, "Cured: the sale now runs under mutex;");
	configure_sale(&s->f, "demo", "none", -1, -1);
	ask(s, "GET", "/sales/demo/audit.txt");
	set_header(s, HEADER_HOST, "localhost:99");
	status_of(s);
	assert_body_has(
	    s, "curl -X PATCH -d lock=mutex localhost:99/sales/demo\n");
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* -------------------------------------------------------------- readiness --
 */

/* So many seconds ago; -1: never. */
static uint64_t
stamp(int64_t now_ns, int64_t ago)
{
	return ago < 0 ? 0 : (uint64_t)(now_ns - ago * NS_PER_SEC);
}

/* The last orders of each worker. */
static void
assert_ready(
    struct scene *s, int status, const int64_t sold[2], const int64_t full[2])
{
	const int64_t now_ns = clock_now_ns();
	size_t i;

	for (i = 0; i < 2; i++) {
		struct counting *sale = &s->service.board->tally[i].sale;

		sale->sold_ns = stamp(now_ns, sold[i]);
		sale->full_ns = stamp(now_ns, full[i]);
	}
	visit(s, "GET", "/readyz");
	assert_int_equal(s->reply.status, status);
}

/* It is, whoever found no space, until one is sold, or for ten seconds. */
static void
test_full_is_not_ready(void **state)
{
	static const struct {
		int status;
		int64_t sold[2], full[2];
	} rows[] = {
	    {200, {-1, -1}, {-1, -1}},
	    {503, {-1, -1}, {-1, 1}},
	    {503, {-1, 30}, {9, -1}},
	    {200, {-1, 3}, {4, -1}},
	    {503, {-1, 3}, {4, 2}},
	    {200, {2, 3}, {4, 3}},
	    {200, {-1, -1}, {11, 12}},
	};
	struct scene *s = *state;
	size_t i;

	s->options.workers = 2;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_ready(s, rows[i].status, rows[i].sold, rows[i].full);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_where),
	    ROW(test_patterns),
	    ROW(test_not_found),
	    ROW(test_methods),
	    ROW(test_ids),
	    ROW(test_ambiguous),
	    ROW(test_headers_twice),
	    ROW(test_arguments_twice),
	    ROW(test_unknown_arguments),
	    ROW(test_known_arguments),
	    ROW(test_no_store),
	    ROW(test_root),
	    ROW(test_root_without_demo),
	    ROW(test_admin_open),
	    ROW(test_admin_named_host),
	    ROW(test_admin_origin),
	    ROW(test_admin_token),
	    ROW(test_admin_off),
	    ROW(test_anybody),
	    ROW(test_wish),
	    ROW(test_wrong_wishes),
	    ROW(test_buyers),
	    ROW(test_keys),
	    ROW(test_long_keys),
	    ROW(test_wrong_crowds),
	    ROW(test_crowd),
	    ROW(test_if_match),
	    ROW(test_etag),
	    ROW(test_receipt),
	    ROW(test_replayed_receipt),
	    ROW(test_outcomes),
	    ROW(test_refusals),
	    ROW(test_open_sale),
	    ROW(test_wrong_sales),
	    ROW(test_change_sale),
	    ROW(test_change_nothing),
	    ROW(test_recount),
	    ROW(test_delete_sale),
	    ROW(test_unclear_flags),
	    ROW(test_change_is_overtaken),
	    ROW(test_delete_is_overtaken),
	    ROW(test_changes_if_match),
	    ROW(test_request),
	    ROW(test_begin),
	    ROW(test_request_id),
	    ROW(test_store_results),
	    ROW(test_list_sales),
	    ROW(test_ledger),
	    ROW(test_ledger_csv),
	    ROW(test_ledger_csv_pages),
	    ROW(test_ledger_filters),
	    ROW(test_ledger_by_key),
	    ROW(test_ledger_since_when),
	    ROW(test_ledger_of_a_buyer),
	    ROW(test_ledger_beyond),
	    ROW(test_ledger_pages_end),
	    ROW(test_walk_ends),
	    ROW(test_walk_does_not_begin),
	    ROW(test_names_hidden),
	    ROW(test_order),
	    ROW(test_audit),
	    ROW(test_full_is_not_ready),
	};

	if (argc > 1) /* only those whose name matches, * and ? allowed */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
