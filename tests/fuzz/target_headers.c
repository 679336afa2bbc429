/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of an order and of an admin.  What is taken for an ETag is one as it
 * was given out; a key that is taken is taken the same in quotes; the token,
 * and nothing else, opens; an id is one that a log need not quote; pages of the
 * origins that may read the answer, and of no others, may.
 *
 * The first line is Idempotency-Key, then If-Match, Authorization, traceparent,
 * X-Request-Id and Origin; an empty one is not sent.
 */
#include "service/http/handle.h"

#include <ctype.h>
#include <inttypes.h>

#include "service/http/admin.h"
#include "service/http/cors.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define SHOP "https://shop.example"
#define TEST "http://localhost:5173"

static const struct options options = {.timeout_ms = 5000,
    .max_quantity = 100,
    .admin = ADMIN_TOKEN,
    .origins = {SHOP "," TEST},
    .origin_count = 1};

static const struct route look = {.method = "GET", .whose = FOR_PAGES};

static const struct service service = {.options = &options, .token = TOKEN};

struct scene {
	struct request request;
	struct reply reply;
	struct call call;
};

static struct scene *
scene_new(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	claim(s != NULL);
	s->call = (struct call){
	    .service = &service, .request = &s->request, .reply = &s->reply};
	request_begin(&s->request, "POST", "/sales/demo/buy");
	return s;
}

static void
scene_free(struct scene *s)
{
	request_free(&s->request);
	reply_free(&s->reply);
	free(s);
}

/* In quotes it is the same key. */
static void
claim_key(const char *key)
{
	char quoted[2 * ORDER_KEY_SIZE + 3], *to = quoted;
	struct scene *s = scene_new();
	const char *from;

	*to++ = '"';
	for (from = key; *from != '\0'; from++) {
		claim(isprint((unsigned char)*from));
		if (*from == '"' || *from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
	*to++ = '"';
	*to = '\0';
	request_put_header(&s->request, "Idempotency-Key", quoted);
	handle_buy_post(&s->call);
	claim(s->reply.status == 0 && strcmp(s->request.order.key, key) == 0);
	scene_free(s);
}

static void
claim_etag(const struct order *order, const char *text)
{
	char wanted[64];

	if (strcmp(text, "*") == 0) {
		claim(!order->has_if_match);
		return;
	}
	claim(order->has_if_match);
	if (text_starts_with(text, "W/")) {
		claim(order->match_epoch == 0);
		return;
	}
	snprintf(wanted, sizeof(wanted), "\"%016" PRIx64 "-%" PRId64 "\"",
	    order->match_epoch, order->match_version);
	claim(strcmp(text, wanted) == 0);
}

static void
claim_order(struct scene *s)
{
	const char *key = s->request.headers[HEADER_IDEMPOTENCY_KEY];
	const char *match = s->request.headers[HEADER_IF_MATCH];
	const struct order *order = &s->request.order;

	handle_buy_post(&s->call);
	claim(s->reply.status == 0 || s->reply.status == 400);
	if (s->reply.status != 0)
		return;
	claim((key == NULL) == (order->key[0] == '\0'));
	if (key != NULL)
		claim_key(order->key);
	if (key != NULL && key[0] != '"')
		claim(strcmp(order->key, key) == 0);
	claim(match != NULL || !order->has_if_match);
	if (match != NULL)
		claim_etag(order, match);
}

static void
claim_admin(const struct scene *s)
{
	const char *given = s->request.headers[HEADER_AUTHORIZATION];
	const bool right = given != NULL &&
			   strncasecmp(given, "Bearer ", 7) == 0 &&
			   strcmp(given + 7, TOKEN) == 0;

	claim(admin_is(&s->call) == right);
}

static bool
is_well_formed(const char *id)
{
	const char *at;

	for (at = id; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) &&
		    strchr("-._~:/+=@", *at) == NULL)
			return false;
	return at > id && at - id < REQUEST_ID_SIZE;
}

/* The caller's if it may be, or made: 16 hex digits, or a trace's 32. */
static void
claim_id(const struct request *request)
{
	const char *given = request->headers[HEADER_REQUEST_ID];
	const size_t hex = strspn(request->id, "0123456789abcdef");

	if (given != NULL && is_well_formed(given))
		claim(strcmp(given, request->id) == 0);
	else
		claim((hex == 16 || hex == 32) && request->id[hex] == '\0');
}

static void
claim_origin(struct scene *s)
{
	const char *origin = s->request.headers[HEADER_ORIGIN], *allowed = NULL;
	struct reply *reply = &s->reply;
	size_t i;

	s->request.route = &look;
	cors_put(&s->call);
	for (i = 0; i < reply->header_count; i++)
		if (strcmp(reply->headers[i].name,
			"Access-Control-Allow-Origin") == 0)
			allowed = reply->headers[i].value;
	claim((allowed != NULL) ==
	      (origin != NULL &&
		  (strcmp(origin, SHOP) == 0 || strcmp(origin, TEST) == 0)));
	claim(allowed == NULL || strcmp(allowed, origin) == 0);
	reply_free(reply);
}

void
target_headers(const char *data, size_t size)
{
	static const char *const names[] = {"Idempotency-Key", "If-Match",
	    "Authorization", "traceparent", "X-Request-Id", "Origin"};
	struct scene *s = scene_new();
	char *copy = strdup(data), *rest = copy, *line;
	size_t i;

	(void)size;
	for (i = 0; i < 6 && (line = strsep(&rest, "\n")) != NULL; i++)
		if (*line != '\0')
			request_put_header(&s->request, names[i], line);
	request_identify(&s->request);
	claim_id(&s->request);
	claim_admin(s);
	claim_origin(s);
	claim_order(s);
	free(copy);
	scene_free(s);
}
