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
#include <string.h>
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

/* There is no such sale; `extra` as problem_reply() takes it. */
void handle_no_sale(struct call *call, json_t *extra);

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

/* Added for readers of trails: base, worker, clerk and trail of a line. */
void handle_add_trail(json_t *value, const struct store_line *line);

/* A receipt of the path's sale; the line's trail, NULL: without it. */
void handle_reply_receipt(
    struct call *call, int status, const struct store_line *line);

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
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

#endif
