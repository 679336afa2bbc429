/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of an order and of an admin.  What is taken for an ETag is one as it
 * was given out; a key that is taken is taken the same in quotes; the token,
 * and nothing else, opens.
 *
 * The first line is Idempotency-Key, then If-Match, Authorization and
 * traceparent; an empty one is not sent.
 */
#include "service/http/handle.h"

#include <ctype.h>
#include <inttypes.h>

#include "service/http/admin.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static const struct options options = {
    .timeout_ms = 5000, .max_quantity = 100, .admin = ADMIN_TOKEN};

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

void
target_headers(const char *data, size_t size)
{
	static const char *const names[] = {
	    "Idempotency-Key", "If-Match", "Authorization", "traceparent"};
	struct scene *s = scene_new();
	char *copy = strdup(data), *rest = copy, *line;
	size_t i;

	(void)size;
	for (i = 0; i < 4 && (line = strsep(&rest, "\n")) != NULL; i++)
		if (*line != '\0')
			request_put_header(&s->request, names[i], line);
	request_identify(&s->request);
	i = strspn(s->request.id, "0123456789abcdef");
	claim((i == 16 || i == 32) && s->request.id[i] == '\0');
	claim_admin(s);
	claim_order(s);
	free(copy);
	scene_free(s);
}
