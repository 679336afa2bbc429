/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that judge a sale: its audit in words and as data. */
#include "service/http/handle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "service/audit/audit.h"
#include "service/http/admin.h"
#include "service/http/problem.h"

static bool
add_to_audit(const struct store_line *line, void *arg)
{
	return audit_add(arg, line);
}

static bool
fill_witness(const struct store_line *line, void *arg)
{
	audit_witness_fill(arg, line);
	return false;
}

static_assert(AUDIT_BUYER_SIZE == ORDER_BUYER_SIZE, "a buyer's name fits");

/* One audit on its way. */
struct inquiry {
	struct store_state state;
	struct audit_report report;
	struct audit_subject subject;
	struct audit_witness witnesses[3];
	size_t count;
};

/* The lines of the collision, with their trails. */
static enum store_result
find_witnesses(struct call *call, struct inquiry *inquiry)
{
	const struct audit_collision *c = &inquiry->report.collision;
	const int64_t versions[] = {c->first, c->culprit, c->second};
	enum store_result result = STORE_OK;
	size_t i;

	for (i = 0; i < 3 && result == STORE_OK; i++)
		if (versions[i] != 0)
			result = store_each(call->store, &inquiry->state,
			    versions[i] - 1, fill_witness,
			    &inquiry->witnesses[inquiry->count++]);
	return result;
}

/* False: the reply is made. */
static bool
inquire(struct call *call, struct inquiry *inquiry)
{
	const char *host = call->request->headers[HEADER_HOST];
	enum store_result result;
	struct audit *audit;
	int64_t seat = 0;

	memset(inquiry, 0, sizeof(*inquiry));
	if (!handle_arg_number(call, "seat", 1, STORE_CAPACITY_MAX, &seat) ||
	    !handle_read_sale(call, &inquiry->state))
		return false;
	audit = audit_new();
	if (audit == NULL)
		abort();
	audit_ask(audit, seat);
	result =
	    store_each(call->store, &inquiry->state, 0, add_to_audit, audit);
	if (result == STORE_OK) {
		audit_finish(audit, inquiry->state.settings.capacity,
		    inquiry->state.remaining, &inquiry->report);
		result = find_witnesses(call, inquiry);
	}
	audit_free(audit);
	inquiry->subject = (struct audit_subject){.sale = call->request->sale,
	    .store = store_kind(call->service->store),
	    .host = host != NULL && strlen(host) <= 40 ? host
						       : call->service->address,
	    .lock = inquiry->state.settings.lock,
	    .lock_is_safe = handle_lock_is_safe(inquiry->state.settings.lock),
	    .with_names = admin_is(call)};
	return handle_store_ok(call, result);
}

static void
dismiss(struct inquiry *inquiry)
{
	size_t i;

	for (i = 0; i < inquiry->count; i++)
		audit_witness_free(&inquiry->witnesses[i]);
}

void
handle_audit_get(struct call *call)
{
	struct inquiry inquiry;

	if (inquire(call, &inquiry))
		reply_json(call->reply, 200,
		    audit_data_json(&inquiry.report, &inquiry.subject,
			inquiry.witnesses, inquiry.count));
	dismiss(&inquiry);
}

void
handle_audit_text(struct call *call)
{
	struct inquiry inquiry;
	FILE *out;

	if (inquire(call, &inquiry)) {
		out = reply_open(call->reply);
		audit_text_print(&inquiry.report, &inquiry.subject,
		    inquiry.witnesses, inquiry.count, out);
		reply_close(call->reply, out, 200, REPLY_TEXT);
	}
	dismiss(&inquiry);
}
