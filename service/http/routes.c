/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of calls.  A request is held against each row's pattern; what is
 * wrong with it whatever the call, is refused here, before any handler.
 */
#include "service/http/routes.h"

#include <assert.h>
#include <stdio.h>

#include "service/http/admin.h"
#include "service/http/cors.h"
#include "service/http/problem.h"

/* clang-format off */
const struct route routes[] = {
	{ "GET", "/", ROUTE_READS, FOR_ALL, handle_page_root, "" },
	{ "GET", "/page/{item}", ROUTE_ANSWERED, FOR_ALL,
	  handle_page_file, "" },
	{ "GET", "/about", ROUTE_ANSWERED, FOR_ALL, handle_page_about, "" },
	{ "GET", "/qr.svg", ROUTE_ANSWERED, FOR_ALL,
	  handle_network_qr, "text" },
	{ "GET", "/locks", ROUTE_ANSWERED, FOR_ALL, handle_service_locks, "" },
	{ "GET", "/problems/{item}", ROUTE_ANSWERED, FOR_ALL,
	  handle_service_problem, "" },
	{ "GET", "/openapi.yaml", ROUTE_ANSWERED, FOR_ALL,
	  handle_page_openapi, "" },
	{ "GET", "/livez", ROUTE_ANSWERED, FOR_ALL, handle_service_livez, "" },
	{ "GET", "/readyz", ROUTE_ANSWERED, FOR_ALL,
	  handle_service_readyz, "verbose" },
	{ "GET", "/metrics", ROUTE_READS, FOR_ALL, handle_metrics_get, "" },
	{ "GET", "/sales", ROUTE_TO_BACKGROUND, FOR_PAGES,
	  handle_sale_list, "" },
	{ "POST", "/sales", ROUTE_TO_BACKGROUND, FOR_ADMIN,
	  handle_sale_post, "" },
	{ "GET", "/sales/{sale}", ROUTE_READS, FOR_PAGES,
	  handle_sale_get, "" },
	{ "PATCH", "/sales/{sale}", ROUTE_TO_BACKGROUND, FOR_ADMIN,
	  handle_sale_patch, "" },
	{ "DELETE", "/sales/{sale}", ROUTE_TO_BACKGROUND, FOR_ADMIN,
	  handle_sale_delete, "force" },
	{ "POST", "/sales/{sale}/buy", ROUTE_TO_CLERK, FOR_PAGES,
	  handle_buy_post, "trail" },
	{ "POST", "/sales/{sale}/crowd", ROUTE_TO_CLERK, FOR_ADMIN,
	  handle_crowd_post, "trail" },
	{ "GET", "/sales/{sale}/orders/{item}", ROUTE_TO_BACKGROUND, FOR_PAGES,
	  handle_ledger_order, "" },
	{ "GET", "/sales/{sale}/ledger", ROUTE_TO_WALKER, FOR_ALL,
	  handle_ledger_get, "after, buyer, key, limit, since, trail, until" },
	{ "GET", "/sales/{sale}/ledger.csv", ROUTE_TO_WALKER, FOR_ALL,
	  handle_ledger_csv, "after, buyer, key, limit, since, trail, until" },
	{ "GET", "/sales/{sale}/audit", ROUTE_TO_WALKER, FOR_ALL,
	  handle_audit_get, "seat" },
	{ "GET", "/sales/{sale}/audit.txt", ROUTE_TO_WALKER, FOR_ALL,
	  handle_audit_text, "seat" },
};
/* clang-format on */
#define ROUTES (sizeof(routes) / sizeof(routes[0]))
static_assert(ROUTES < SERVICE_ROUTES_MAX, "each is counted, and none, too");

const size_t routes_count = ROUTES;

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
		if (*pattern == '{') {
			const bool sale = text_starts_with(pattern, "{sale}");

			if (!copy_segment(&path,
				sale ? request->sale : request->item,
				sale ? STORE_ID_SIZE : STORE_ORDER_SIZE))
				return false;
			pattern = strchr(pattern, '}') + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static const struct route *
find_route(struct request *request, const char *method)
{
	size_t i;

	for (i = 0; i < ROUTES; i++)
		if (strcmp(routes[i].method, method) == 0 &&
		    path_fits(routes[i].pattern, request->path, request))
			return &routes[i];
	return NULL;
}

void
routes_find(struct request *request)
{
	request->route = find_route(request, request->method);
}

#define METHODS_SIZE 64

/*
 * What the path takes, "" if it is none; OPTIONS aside, which goes to those
 * for pages: true, it is one.
 */
static bool
list_methods(struct request *request, char methods[METHODS_SIZE])
{
	bool for_pages = false;
	size_t i, n = 0;

	methods[0] = '\0';
	for (i = 0; i < ROUTES; i++) {
		if (!path_fits(routes[i].pattern, request->path, request))
			continue;
		n += (size_t)snprintf(methods + n, METHODS_SIZE - n, "%s%s%s",
		    n == 0 ? "" : ", ", routes[i].method,
		    strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
		for_pages |= routes[i].whose == FOR_PAGES;
	}
	return for_pages;
}

/* Where the request would go that a preflight asks about; NULL: nowhere. */
static const struct route *
find_asked(struct request *request)
{
	const char *method = request->headers[HEADER_ASKED_METHOD];

	if (method == NULL)
		return NULL;
	return find_route(
	    request, strcmp(method, "HEAD") == 0 ? "GET" : method);
}

/* No route: nothing is there, or not with this method.  False. */
static bool
answer_without(struct call *call)
{
	char methods[METHODS_SIZE];
	const bool for_pages = list_methods(call->request, methods);

	if (methods[0] == '\0')
		return problem_reply(call->reply, PROBLEM_NOT_FOUND, NULL,
		    "GET / says what there is.");
	reply_header_print(call->reply, "Allow", "%s%s", methods,
	    for_pages ? ", OPTIONS" : "");
	if (!for_pages || strcmp(call->request->method, "OPTIONS") != 0)
		return problem_reply(
		    call->reply, PROBLEM_METHOD, NULL, "Use %s.", methods);
	cors_reply_options(call, find_asked(call->request));
	return false;
}

/* Which of the two was meant nobody can tell. */
static bool
refuse_twice(const struct call *call)
{
	char safe[PROBLEM_SAFE_SIZE];

	problem_print_safely(safe, call->request->twice);
	return problem_reply(call->reply, PROBLEM_BAD_REQUEST,
	    problem_member(safe), "\"%s\" is there twice: send it once.", safe);
}

/* What is not understood may be what matters: ?ater=7 is all the ledger. */
static bool
knows_args(const struct call *call)
{
	const struct request *request = call->request;
	const char *args = request->route->args;
	char safe[PROBLEM_SAFE_SIZE];
	size_t i;

	for (i = 0; i < request->arg_count; i++) {
		if (request_list_has(args, request->args[i].name))
			continue;
		problem_print_safely(safe, request->args[i].name);
		return problem_reply(call->reply, PROBLEM_UNKNOWN_MEMBER,
		    problem_member(safe),
		    "There is no argument \"%s\" here; %s%s.", safe,
		    args[0] == '\0' ? "this call takes none" : "there are: ",
		    args);
	}
	return true;
}

/*
 * What is yes or no, whatever the call: ?force=off must not be taken for yes.
 * What deletes receipts has to be said in full.
 */
static bool
flags_are_clear(const struct call *call)
{
	static const struct {
		const char *name;
		bool may_be_bare;
	} flags[] = {{"force", false}, {"trail", true}, {"verbose", true}};
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		value = request_arg(call->request, flags[i].name);
		if (value == NULL || (*value == '\0' && flags[i].may_be_bare) ||
		    request_list_has("1, true, 0, false", value))
			continue;
		return problem_reply(call->reply, PROBLEM_BAD_VALUE,
		    problem_member(flags[i].name),
		    "\"%s\" must be 1 or true, 0 or false.", flags[i].name);
	}
	return true;
}

static bool
refuse_closed(const struct call *call)
{
	char why[TROUBLE_SIZE];

	trouble_get(&call->service->board->trouble, why);
	return problem_reply(call->reply, PROBLEM_STORAGE_ERROR, NULL,
	    "The store is being recovered%s%s; try again.",
	    why[0] == '\0' ? "" : ": ", why);
}

/* What is wrong whatever the handler would say; false: the reply is made. */
static bool
may_pass(struct call *call)
{
	struct request *request = call->request;
	struct reply *reply = call->reply;

	if (request->no_memory)
		return problem_reply(reply, PROBLEM_NO_MEMORY, NULL,
		    "Nothing was done; try again.");
	routes_find(request);
	if (request->ambiguous) {
		reply->close = true;
		return problem_reply(reply, PROBLEM_BAD_REQUEST, NULL,
		    "Its length is given in two ways, or it has too many "
		    "arguments.");
	}
	if (request->twice != NULL)
		return refuse_twice(call);
	if (request->route == NULL)
		return answer_without(call);
	if (request->route->whose == FOR_ADMIN && !admin_may(call))
		return false;
	if (!knows_args(call) || !flags_are_clear(call))
		return false;
	if (request->sale[0] != '\0' && !store_id_is_valid(request->sale))
		return problem_reply(reply, PROBLEM_BAD_VALUE,
		    problem_member("sale"),
		    "A sale's id is 1 to 64 of a-z 0-9 - _.");
	if (call->store == NULL &&
	    text_starts_with(request->route->pattern, "/sales"))
		return refuse_closed(call);
	return true;
}

/* A database's answer is not waited for where all clients are served. */
static enum route_where
reads_here(struct call *call)
{
	if (call->store != NULL &&
	    store_has_hosts(store_kind(call->service->store)))
		return ROUTE_TO_BACKGROUND;
	call->request->route->handler(call);
	return ROUTE_ANSWERED;
}

enum route_where
routes_begin(struct call *call)
{
	const struct route *route;

	if (!may_pass(call))
		return ROUTE_ANSWERED;
	route = call->request->route;
	call->routes = routes;
	call->route_count = ROUTES;
	if (route->where == ROUTE_READS)
		return reads_here(call);
	if (route->where == ROUTE_ANSWERED || route->where == ROUTE_TO_CLERK)
		route->handler(call);
	return call->reply->status == 0 ? route->where : ROUTE_ANSWERED;
}
