/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between routes.c, which knows the paths, and the files calls_*.c, which
 * answer: a handler for each call, and what several of them need.
 *
 * A handler makes the reply, or (only buy) fills the request's order and
 * leaves the reply unmade.
 */
#ifndef CALLS_H
#define CALLS_H

#include <jansson.h>
#include <strings.h>

#include "service/http/reply.h"
#include "service/http/request.h"
#include "service/service.h"

#define LEDGER_PAGE 100
#define LEDGER_PAGE_MAX 1000

/*
 * One request on its way.  `store` is the calling thread's; NULL: it is being
 * recovered, and what needs it is refused.
 */
struct call {
	const struct service *service;
	struct store_user *store;
	struct request *request;
	struct reply *reply;
};

typedef void handler_fn(struct call *call);

handler_fn get_openapi;
handler_fn get_root, get_locks, get_problem, get_livez, get_readyz;
handler_fn get_metrics, get_page_file, get_about;
handler_fn list_sales, get_sale, post_sale, patch_sale, delete_sale;
handler_fn post_buy;
handler_fn get_order, get_ledger, get_audit, get_audit_text;

/* The problem that fits a store's result. */
void call_store_error(struct call *call, enum store_result result);

/* The sale that the path names.  False: the reply is made. */
bool call_read_sale(struct call *call, struct store_state *state);

bool call_id_is_valid(const char *id);
bool call_lock_is_safe(const char *name);

/* To a browser, the page; false: it asks for something else. */
bool call_reply_page(struct call *call);

/* When the time is over for what this request wants. */
int64_t call_deadline_ns(const struct call *call);

json_t *call_sale_json(
    const struct call *call, const struct store_state *state);
json_t *call_seats_json(int64_t seat, int64_t quantity);
json_t *call_timestamp_json(int64_t ms);

/* What only the readers of trails want. */
void call_add_trail(json_t *receipt, int64_t base, unsigned worker,
    unsigned clerk, const char *trail);

/* A receipt: 201 to a buy, 200 to whoever looks it up.  `trail` may be NULL. */
void call_reply_receipt(struct call *call, const struct receipt *receipt,
    const char *sale, const char *trail, bool with_name);

/* ETags look like "0011223344556677-12": epoch and version. */
void call_put_etag(struct call *call, const struct store_state *state);
bool call_parse_etag(const char *text, uint64_t *epoch, int64_t *version);

/* "Yes" for ?name, ?name=1, ?name=true. */
bool call_arg_is_set(const struct request *request, const char *name);

/* A number in the query.  False: the reply is made. */
bool call_arg_number(struct call *call, const char *name, int64_t min,
    int64_t max, int64_t *number);

static inline bool
text_starts_with(const char *text, const char *prefix)
{
	while (*prefix != '\0')
		if (*text == '\0' || strncasecmp(text++, prefix++, 1) != 0)
			return false;
	return true;
}

#endif
