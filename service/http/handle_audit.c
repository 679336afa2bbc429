/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that judge a sale: its audit in words and as data. */
#include "service/http/handle.h"

#include <assert.h>
#include <inttypes.h>

#include "service/audit/audit.h"
#include "service/http/admin.h"
#include "service/http/problem.h"
#include "service/sale/turn.h"

static_assert(AUDIT_BUYER_SIZE == ORDER_BUYER_SIZE, "a buyer's name fits");

/* One audit on its way. */
struct inquiry {
	struct store_state state;
	struct audit_report report;
	struct audit_subject subject;
	struct audit_witness witnesses[3];
};

/* The lines of the collision, with their trails.  False: the reply is made. */
static bool
find_witnesses(struct call *call, struct inquiry *inquiry)
{
	const struct audit_collision *c = &inquiry->report.collision;
	size_t i;

	for (i = 0; i < c->count; i++) {
		if (!handle_walk(call, &inquiry->state, c->versions[i] - 1,
			audit_witness_fill, &inquiry->witnesses[i]))
			return false;
		if (!admin_is(call))
			handle_cut_order(inquiry->witnesses[i].line.order);
	}
	return true;
}

static bool
no_memory(struct call *call)
{
	return problem_reply(call->reply, PROBLEM_NO_MEMORY, NULL,
	    "The audit needs 8 bytes for each line and 16 for each seat.");
}

/* False: the reply is made. */
static bool
judge(struct call *call, struct inquiry *inquiry, int64_t seat)
{
	struct audit *audit = audit_new(seat);
	enum audit_end end;
	bool walked;

	if (audit == NULL)
		return no_memory(call);
	walked = handle_walk(call, &inquiry->state, 0, audit_add, audit);
	end = audit_finish(audit, inquiry->state.settings.capacity,
	    inquiry->state.remaining, &inquiry->report);
	if (!walked)
		return false;
	switch (end) {
	case AUDIT_OK:
		return true;
	case AUDIT_NO_MEMORY:
		return no_memory(call);
	case AUDIT_BAD_LINE:
		break;
	}
	return problem_reply(call->reply, PROBLEM_STORAGE_ERROR, NULL,
	    "Line %" PRId64 " of the ledger is none that turnstile writes.",
	    inquiry->report.version);
}

/* False: the reply is made. */
static bool
inquire(struct call *call, struct inquiry *inquiry)
{
	const char *host = call->request->headers[HEADER_HOST];
	const struct store_settings *settings = &inquiry->state.settings;
	int64_t seat = 0;

	if (!handle_arg_number(call, "seat", 1, STORE_CAPACITY_MAX, &seat) ||
	    !handle_read_sale(call, &inquiry->state) ||
	    !judge(call, inquiry, seat) || !find_witnesses(call, inquiry))
		return false;
	inquiry->subject = (struct audit_subject){.sale = call->request->sale,
	    .store = store_kind(call->service->store),
	    .host = host != NULL && strlen(host) <= 40 ? host
						       : call->service->address,
	    .lock = settings->lock,
	    .needed = turn_reach(store_kind(call->service->store)),
	    .with_names = admin_is(call),
	    .witnesses = inquiry->witnesses};
	return true;
}

static void
dismiss(struct inquiry *inquiry)
{
	size_t i;

	for (i = 0; i < 3; i++)
		audit_witness_free(&inquiry->witnesses[i]);
}

void
handle_audit_get(struct call *call)
{
	struct inquiry inquiry = {0};

	if (inquire(call, &inquiry))
		reply_json(call->reply, 200,
		    audit_data_json(&inquiry.report, &inquiry.subject));
	dismiss(&inquiry);
}

void
handle_audit_text(struct call *call)
{
	struct inquiry inquiry = {0};
	FILE *out;

	if (inquire(call, &inquiry) &&
	    (out = reply_open(call->reply)) != NULL) {
		audit_text_print(&inquiry.report, &inquiry.subject, out);
		reply_close(call->reply, out, 200, REPLY_TEXT);
	}
	dismiss(&inquiry);
}
