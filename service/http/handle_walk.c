/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk along a ledger, as long as somebody wants what it finds.  It looks
 * round at the first line and at every few others, so that it ends soon after
 * its deadline, a SIGTERM, or its client.
 */
#include "service/http/handle.h"

#include <inttypes.h>
#include <poll.h>

#include "locks/clock.h"
#include "service/http/problem.h"

#define LOOK_EVERY 64 /* lines */
#define CLIENT_EVERY_NS (100 * NS_PER_MS)

enum walk_end { WALK_GOES_ON = 0, WALK_LATE, WALK_DRAINING, WALK_UNWANTED };

struct walk {
	struct call *call;
	store_visit_fn *visit;
	void *arg;
	int64_t lines;     /* that were visited */
	int64_t client_ns; /* when the client was looked at last */
	enum walk_end end;
};

/* A client that sends no more has gone, or has shut its half: a request that
 * takes long is not for such a one. */
static bool
client_is_gone(struct walk *walk, int64_t now_ns)
{
	struct pollfd fd = {.fd = walk->call->client_fd, .events = POLLRDHUP};

	if (fd.fd == -1 || now_ns - walk->client_ns < CLIENT_EVERY_NS)
		return false;
	walk->client_ns = now_ns;
	return poll(&fd, 1, 0) == 1;
}

static enum walk_end
look_round(struct walk *walk)
{
	const struct service *service = walk->call->service;
	const int64_t now_ns = clock_now_ns();

	if (atomic_load(&service->board->draining) ||
	    store_poisoned(service->store))
		return WALK_DRAINING;
	if (now_ns - walk->call->request->arrived_ns >=
	    service->options->audit_timeout_ms * NS_PER_MS)
		return WALK_LATE;
	return client_is_gone(walk, now_ns) ? WALK_UNWANTED : WALK_GOES_ON;
}

static bool
visit_line(const struct store_line *line, void *arg)
{
	struct walk *walk = arg;

	if (walk->lines++ % LOOK_EVERY == 0)
		walk->end = look_round(walk);
	return walk->end == WALK_GOES_ON && walk->visit(line, walk->arg);
}

static bool
reply_ended(const struct walk *walk)
{
	struct reply *reply = walk->call->reply;

	switch (walk->end) {
	case WALK_LATE:
		return problem_reply(reply, PROBLEM_AUDIT_TIMEOUT, NULL,
		    "The %" PRId64 " ms of --audit-timeout were over after "
		    "%" PRId64 " lines; GET /sales/%s/ledger reads in pages.",
		    walk->call->service->options->audit_timeout_ms, walk->lines,
		    walk->call->request->sale);
	case WALK_DRAINING:
		return problem_reply(reply, PROBLEM_DRAINING, NULL,
		    "Nothing was done; try again.");
	case WALK_UNWANTED:
		return problem_reply(reply, PROBLEM_AUDIT_TIMEOUT, NULL,
		    "The client had gone after %" PRId64 " lines.",
		    walk->lines);
	case WALK_GOES_ON:
		break;
	}
	return true;
}

bool
handle_walk(struct call *call, const struct store_state *state, int64_t after,
    store_visit_fn *visit, void *arg)
{
	struct walk walk = {.call = call,
	    .visit = visit,
	    .arg = arg,
	    .client_ns = call->request->arrived_ns};
	enum store_result result = STORE_OK;

	walk.end = look_round(&walk); /* it may have waited for a walker */
	if (walk.end == WALK_GOES_ON)
		result =
		    store_each(call->store, state, after, visit_line, &walk);
	return reply_ended(&walk) && handle_store_ok(call, result);
}
