/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between routes.c, which knows the paths, and the files handle_*.c, which
 * answer: a handler for each call, and what several of them need.
 *
 * A handler makes the reply, or (only buy) fills the request's order and
 * leaves the reply unmade.
 */
#ifndef HANDLE_H
#define HANDLE_H

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

handler_fn handle_page_openapi;
handler_fn handle_service_root, handle_service_locks, handle_service_problem,
    handle_service_livez, handle_service_readyz;
handler_fn handle_service_metrics, handle_page_file, handle_page_about;
handler_fn handle_sale_list, handle_sale_get, handle_sale_post,
    handle_sale_patch, handle_sale_delete;
handler_fn handle_buy_post;
handler_fn handle_ledger_order, handle_ledger_get, handle_audit_get,
    handle_audit_text;

/* The problem that fits a store's result. */
void handle_store_error(struct call *call, enum store_result result);

/* The sale that the path names.  False: the reply is made. */
bool handle_read_sale(struct call *call, struct store_state *state);

bool handle_id_is_valid(const char *id);
bool handle_lock_is_safe(const char *name);

/* To a browser, the page; false: it asks for something else. */
bool handle_page_reply(struct call *call);

/* When the time is over for what this request wants. */
int64_t handle_deadline_ns(const struct call *call);

json_t *handle_sale_json(
    const struct call *call, const struct store_state *state);
json_t *handle_seats_json(int64_t seat, int64_t quantity);
json_t *handle_timestamp_json(int64_t ms);

/* What only the readers of trails want. */
void handle_add_trail(json_t *receipt, int64_t base, unsigned worker,
    unsigned clerk, const char *trail);

/* A receipt: 201 to a buy, 200 to whoever looks it up.  `trail` may be NULL. */
void handle_reply_receipt(struct call *call, const struct receipt *receipt,
    const char *sale, const char *trail, bool with_name);

/* ETags look like "0011223344556677-12": epoch and version. */
void handle_put_etag(struct call *call, const struct store_state *state);
bool handle_parse_etag(const char *text, uint64_t *epoch, int64_t *version);

/* "Yes" for ?name, ?name=1, ?name=true. */
bool handle_arg_is_set(const struct request *request, const char *name);

/* A number in the query.  False: the reply is made. */
bool handle_arg_number(struct call *call, const char *name, int64_t min,
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
