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

#include "service/http/reply.h"
#include "service/http/request.h"
#include "service/service.h"

/*
 * A call of the API: one request on its way through the service.  `store` is
 * the calling thread's; NULL: it is being recovered, and what needs it is
 * refused.
 */
struct call {
	const struct service *service;
	struct store_user *store;
	struct request *request;
	struct reply *reply;
	const struct route *routes; /* all there are, for the metrics */
	size_t route_count;
	int client_fd; /* its socket, to see whether it is gone; -1: none */
};

typedef void handler_fn(struct call *call);

enum route_where {
	ROUTE_ANSWERED = 0, /* the reply is made */
	ROUTE_READS,    /* the store, a little: here, or in the background */
	ROUTE_TO_CLERK, /* request->order is to be queued */
	ROUTE_TO_BACKGROUND, /* the route's handler is to be called there */
	ROUTE_TO_WALKER,     /* there, since it may take long */
};

enum route_whose {
	FOR_ALL = 0,
	FOR_PAGES, /* and for pages of origins that --allow-origin names */
	FOR_ADMIN, /* changes what is sold, or how */
};

struct route {
	const char *method;
	const char *pattern; /* segments; {sale} and {item} are variables */
	enum route_where where;
	enum route_whose whose;
	handler_fn *handler;
	const char *args; /* of the query, "after, limit"; "": it takes none */
};

/* By files; buying has two parts: the order, and what became of it. */
handler_fn handle_audit_get, handle_audit_text;
handler_fn handle_buy_post, handle_buy_decided;
handler_fn handle_crowd_post, handle_crowd_decided;
handler_fn handle_ledger_csv, handle_ledger_get, handle_ledger_order;
handler_fn handle_metrics_get;
handler_fn handle_network_qr;
handler_fn handle_page_about, handle_page_file, handle_page_openapi;
handler_fn handle_page_root;
handler_fn handle_sale_delete, handle_sale_get, handle_sale_list;
handler_fn handle_sale_patch, handle_sale_post;
handler_fn handle_service_livez, handle_service_locks;
handler_fn handle_service_problem, handle_service_readyz;

/* The order is this buyer's.  False: no such name, and the reply is made. */
bool handle_buy_name(
    struct reply *reply, const char *buyer, struct order *order);

/* Where other machines reach the service, "192.168.1.5:8080", the likeliest
 * first; none if it listens to this machine only.  A new reference. */
json_t *handle_network_addresses(const struct call *call);

/* There is no such sale; `extra` as problem_reply() takes it.  False. */
bool handle_no_sale(struct call *call, json_t *extra);

/* STORE_OK?  False: the reply is the problem that fits. */
bool handle_store_ok(struct call *call, enum store_result result);

/* The sale that the path names.  False: the reply is made. */
bool handle_read_sale(struct call *call, struct store_state *state);

/*
 * On a walker: the lines of a ledger after version `after`, as store_each()
 * does it, but no longer than --audit-timeout from the request's arrival, than
 * the service runs, and than the client waits.  False: the reply is made.
 */
bool handle_walk(struct call *call, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg);

/*
 * Do orders fail for want of space?  Only an order can find out that there is
 * some again: ten seconds after the last one that failed it is worth a try.
 */
bool handle_is_full(const struct service *service);

/* Does a sale of this service never oversell under the strategy?  False also
 * for a name that is none. */
bool handle_lock_is_safe(const struct service *service, const char *name);

/* When the time is over for what this request wants; clock_now_ns()'s. */
int64_t handle_deadline_ns(const struct call *call);

/* A sale as it is shown, behind `before`; the caller closes the object. */
void handle_write_sale(struct writer *w, const char *before,
    const struct call *call, const struct store_state *state);

/* What the sale is like, for a problem whose reason it is. */
void handle_put_sale(json_t *extra, const struct store_state *state);

/* A receipt of the path's sale; its trail is JSON.  NULL: without trail. */
void handle_reply_receipt(struct call *call, int status,
    const struct receipt *receipt, const char *trail);

/*
 * Where buyers' names are kept back: what is left of an order's id tells the
 * orders of a sale apart, and is not enough to GET one.
 */
void handle_cut_order(char order[STORE_ORDER_SIZE]);

/* ETags look like "0011223344556677-12": epoch and version. */
void handle_put_etag(struct call *call, const struct store_state *state);
bool handle_parse_etag(const char *text, uint64_t *epoch, int64_t *version);

/*
 * What If-Match asks, if it is there, becomes the request's order's; not only
 * a buy can be under that condition.  False: the reply is made.
 */
bool handle_parse_if_match(struct call *call);

/* The sale is not as If-Match asks, but as `state`: that stands beside what is
 * in the object `extra`, whose reference is taken.  False. */
bool handle_changed(
    struct call *call, const struct store_state *state, json_t *extra);

/* Is the sale as it asks?  False: the reply is made. */
bool handle_matches(struct call *call, const struct store_state *state);

/* Yes for ?name, ?name=1, ?name=true; the router refuses what is unclear. */
bool handle_arg_is_set(const struct request *request, const char *name);

/* A whole number in the query; as it was if it is not there.  False: the
 * reply is made. */
bool handle_arg_number(struct call *call, const char *name, int64_t min,
    int64_t max, int64_t *number);

#endif
