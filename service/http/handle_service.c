/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls about the service itself. */
#include "service/http/handle.h"

#include "service/http/problem.h"
#include "service/member.h"
#include "service/sale/turn.h"

static json_t *
lock_json(const struct call *call, struct lock_strategy strategy)
{
	const enum lock_reach needed =
	    turn_reach(store_kind(call->service->store));
	const struct lock_facts facts = lock_facts(strategy);
	json_t *value = json_object();
	char name[LOCK_NAME_SIZE];

	lock_print(strategy, name);
	member_text(value, "name", name);
	member_text(value, "summary", lock_summary(strategy));
	member_flag(value, "safe", lock_is_safe(strategy, needed));
	member_text(value, "reach", lock_reach_name(lock_reach(strategy)));
	member_flag(value, "holds", facts.holds);
	member_flag(value, "excludes_threads", facts.excludes_threads);
	member_flag(value, "excludes_processes", facts.excludes_processes);
	member_flag(value, "excludes_hosts", facts.excludes_hosts);
	member_flag(value, "checks_write", facts.checks_write);
	member_flag(value, "tells_death", facts.tells_death);
	member_flag(value, "fair", facts.fair);
	member_flag(value, "wrong_on_purpose", facts.wrong_on_purpose);
	member_text(value, "when_killed", lock_when_killed(strategy));
	return value;
}

void
handle_service_locks(struct call *call)
{
	json_t *value = json_object(), *list = json_array();
	const char *kind = store_kind(call->service->store);
	struct lock_strategy variant;
	size_t i;

	for (i = 0; i < lock_count(); i++)
		if (turn_fits(lock_at(i), kind))
			json_array_append_new(
			    list, lock_json(call, lock_at(i)));
	for (i = 0; i < lock_count(); i++)
		if (lock_variant(i, &variant))
			json_array_append_new(list, lock_json(call, variant));
	member_json(value, "locks", list);
	reply_json(call->reply, 200, value);
}

void
handle_service_problem(struct call *call)
{
	const enum problem problem = problem_find(call->request->item);
	const struct problem_row *row = &problem_rows[problem];
	FILE *out;

	if (problem == PROBLEMS) {
		problem_reply(call->reply, PROBLEM_NOT_FOUND, NULL,
		    "There is no problem of that name.");
		return;
	}
	out = reply_open(call->reply);
	if (out == NULL)
		return;
	fprintf(out, "%s (%d): %s.\n", row->name, row->status, row->title);
	reply_close(call->reply, out, 200, REPLY_TEXT);
}

/* It runs; whether it can sell is not asked. */
void
handle_service_livez(struct call *call)
{
	reply_text(call->reply, 200, REPLY_TEXT, "ok\n");
}

/* What it takes to sell. */
struct checks {
	const struct service *service;
	bool store, reached, space, accepting;
	FILE *out; /* where they are told; NULL: nowhere */
};

static bool
print_unsafe(const struct store_state *state, void *arg)
{
	const struct checks *checks = arg;

	if (!handle_lock_is_safe(checks->service, state->settings.lock))
		fprintf(checks->out,
		    "[!]sale %s runs under %s: it may oversell\n",
		    state->settings.id, state->settings.lock);
	return true;
}

static bool
check(const struct call *call, struct checks *checks)
{
	const struct service *service = call->service;

	*checks = (struct checks){.service = service,
	    .reached = !store_is_down(service->store),
	    .store = call->store != NULL && !store_poisoned(service->store),
	    .space = !handle_is_full(service),
	    .accepting = !atomic_load(&service->board->draining)};
	return checks->store && checks->reached && checks->space &&
	       checks->accepting;
}

static void
print_checks(const struct call *call, struct checks *checks)
{
	FILE *out = checks->out;
	const bool store = checks->store;
	const struct service *service = call->service;
	char why[TROUBLE_SIZE];
	unsigned i, ready = 0;

	trouble_get(&service->board->trouble, why);
	for (i = 0; i < service->options->workers; i++)
		ready += atomic_load(&service->board->ready[i]);
	fprintf(out, "[%c]store %s%s%s\n", store ? '+' : '-',
	    store ? "ok" : "is being recovered",
	    store || why[0] == '\0' ? "" : ": ", store ? "" : why);
	if (store_has_hosts(store_kind(service->store)))
		fprintf(out, "[%c]database %s\n", checks->reached ? '+' : '-',
		    checks->reached ? "ok" : "cannot be reached");
	fprintf(out, "[%c]space %s\n", checks->space ? '+' : '-',
	    checks->space ? "ok" : "none for the last order");
	fprintf(out, "[%c]accepting %s\n", checks->accepting ? '+' : '-',
	    checks->accepting ? "ok" : "no: it is stopping");
	fprintf(out, "[%c]workers %u of %u\n", ready > 0 ? '+' : '-', ready,
	    service->options->workers);
	/* A database's answer is not waited for here; the metrics count them.
	 */
	if (call->store != NULL &&
	    !store_has_hosts(store_kind(service->store)) &&
	    store_list(call->store, print_unsafe, checks) != STORE_OK)
		fprintf(out, "[!]sales cannot be read\n");
}

/* It can sell. */
void
handle_service_readyz(struct call *call)
{
	struct checks checks;
	const bool ready = check(call, &checks);
	FILE *out = reply_open(call->reply);

	if (out == NULL)
		return;
	checks.out = out;
	if (handle_arg_is_set(call->request, "verbose"))
		print_checks(call, &checks);
	fprintf(out, "%s\n", ready ? "ready" : "not ready");
	reply_close(call->reply, out, ready ? 200 : 503, REPLY_TEXT);
	if (!ready)
		reply_header(call->reply, "Retry-After", "2");
}
