/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls about the service itself. */
#include "service/http/handle.h"

#include <stdlib.h>
#include <string.h>

#include "service/http/metrics.h"
#include "service/http/problem.h"

void
handle_service_root(struct call *call)
{
	const char *host = call->request->headers[HEADER_HOST];
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (handle_page_reply(call))
		return;
	if (host == NULL || strlen(host) > 80)
		host = call->service->address;
	out = open_memstream(&text, &size);
	if (out == NULL)
		abort();
	fprintf(out,
	    "turnstile " TURNSTILE_VERSION
	    ": sells the same seat twice, shows you why, and then doesn't\n\n"
	    "look   curl %s/sales/demo\n"
	    "buy    curl -d buyer=alice %s/sales/demo/buy\n"
	    "break  curl -X PATCH -d lock=none -d delay=3s %s/sales/demo\n"
	    "       (then buy from two terminals at once)\n"
	    "judge  curl %s/sales/demo/audit.txt\n"
	    "cure   curl -X PATCH -d lock=mutex %s/sales/demo\n",
	    host, host, host, host, host);
	fclose(out);
	reply_own(call->reply, 200, "text/plain; charset=utf-8", text, size);
	reply_header(call->reply, "Vary", "Accept");
}

static json_t *
lock_json(struct lock_strategy strategy)
{
	const struct lock_facts facts = lock_facts(strategy);
	char name[LOCK_NAME_SIZE];

	lock_print(strategy, name);
	return json_pack(
	    "{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s}", "name",
	    name, "summary", lock_summary(strategy), "safe",
	    (int)lock_is_safe(strategy), "holds", (int)facts.holds,
	    "excludes_threads", (int)facts.excludes_threads,
	    "excludes_processes", (int)facts.excludes_processes, "checks_write",
	    (int)facts.checks_write, "tells_death", (int)facts.tells_death,
	    "fair", (int)facts.fair, "wrong_on_purpose",
	    (int)facts.wrong_on_purpose, "when_killed",
	    lock_when_killed(strategy));
}

void
handle_service_locks(struct call *call)
{
	json_t *list = json_array();
	struct lock_strategy three;
	size_t i;

	for (i = 0; i < lock_count(); i++)
		json_array_append_new(list, lock_json(lock_at(i)));
	if (lock_parse("semaphore:3", &three))
		json_array_append_new(list, lock_json(three));
	reply_json(call->reply, 200, json_pack("{s:o}", "locks", list));
}

void
handle_service_problem(struct call *call)
{
	enum problem problem;
	char *text;
	int size;

	if (!problem_named(call->request->item, &problem)) {
		problem_reply(call->reply, PROBLEM_NOT_FOUND, NULL,
		    "There is no problem of that name.");
		return;
	}
	size = asprintf(&text, "%s (%d): %s.\n", problem_name(problem),
	    problem_status(problem), problem_title(problem));
	if (size == -1)
		abort();
	reply_own(
	    call->reply, 200, "text/plain; charset=utf-8", text, (size_t)size);
}

/* -------------------------------------------------------------- health -- */

/* It runs; whether it can sell is not asked. */
void
handle_service_livez(struct call *call)
{
	reply_literal(call->reply, 200, "text/plain; charset=utf-8", "ok\n");
}

static bool
print_unsafe(const struct store_state *state, void *arg)
{
	if (!handle_lock_is_safe(state->settings.lock))
		fprintf(arg, "[!]sale %s runs under %s: it may oversell\n",
		    state->settings.id, state->settings.lock);
	return true;
}

static void
print_checks(const struct call *call, bool store, bool draining, FILE *out)
{
	const struct service *service = call->service;
	unsigned i, ready = 0;

	for (i = 0; i < service->options->workers; i++)
		ready += atomic_load(&service->board->ready[i]);
	fprintf(out, "[%c]store %s\n", store ? '+' : '-',
	    store ? "ok" : "is being recovered");
	fprintf(out, "[%c]accepting %s\n", draining ? '-' : '+',
	    draining ? "no: it is stopping" : "ok");
	fprintf(out, "[%c]workers %u of %u\n", ready > 0 ? '+' : '-', ready,
	    service->options->workers);
	if (call->store != NULL)
		store_list(call->store, print_unsafe, out);
	fprintf(out, "%s\n", store && !draining ? "ready" : "not ready");
}

/* It can sell. */
void
handle_service_readyz(struct call *call)
{
	const struct service *service = call->service;
	const bool draining = atomic_load(&service->board->draining);
	const bool store =
	    call->store != NULL && !store_poisoned(service->store);
	const bool ready = store && !draining;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	out = open_memstream(&text, &size);
	if (out == NULL)
		abort();
	if (handle_arg_is_set(call->request, "verbose"))
		print_checks(call, store, draining, out);
	else
		fprintf(out, "%s\n", ready ? "ready" : "not ready");
	fclose(out);
	reply_own(call->reply, ready ? 200 : 503, "text/plain; charset=utf-8",
	    text, size);
	if (!ready)
		reply_header(call->reply, "Retry-After", "2");
}

void
handle_service_metrics(struct call *call)
{
	const char *accept = call->request->headers[HEADER_ACCEPT];
	const bool openmetrics =
	    accept != NULL &&
	    strstr(accept, "application/openmetrics-text") != NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	out = open_memstream(&text, &size);
	if (out == NULL)
		abort();
	metrics_print(call->service, call->store, openmetrics, out);
	fclose(out);
	reply_own(call->reply, 200,
	    openmetrics ? "application/openmetrics-text; version=1.0.0; "
			  "charset=utf-8"
			: "text/plain; version=0.0.4; charset=utf-8",
	    text, size);
	reply_header(call->reply, "Vary", "Accept");
}
