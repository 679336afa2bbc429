/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that judge a sale: its audit in words and as data. */
#include "service/http/handle.h"

#include <assert.h>

#include "service/audit/audit.h"
#include "service/http/admin.h"

static_assert(AUDIT_BUYER_SIZE == ORDER_BUYER_SIZE, "a buyer's name fits");

/* One audit on its way. */
struct inquiry {
	struct store_state state;
	struct audit_report report;
	struct audit_subject subject;
	struct audit_witness witnesses[3];
};

/* The lines of the collision, with their trails. */
static enum store_result
find_witnesses(struct call *call, struct inquiry *inquiry)
{
	const struct audit_collision *c = &inquiry->report.collision;
	enum store_result result = STORE_OK;
	size_t i;

	for (i = 0; i < c->count && result == STORE_OK; i++)
		result =
		    store_each(call->store, &inquiry->state, c->versions[i] - 1,
			audit_witness_fill, &inquiry->witnesses[i]);
	return result;
}

/* False: the reply is made. */
static bool
inquire(struct call *call, struct inquiry *inquiry)
{
	const char *host = call->request->headers[HEADER_HOST];
	const struct store_settings *settings = &inquiry->state.settings;
	enum store_result result;
	struct audit *audit;
	int64_t seat = 0;

	if (!handle_arg_number(call, "seat", 1, STORE_CAPACITY_MAX, &seat) ||
	    !handle_read_sale(call, &inquiry->state))
		return false;
	audit = audit_new(seat);
	result = store_each(call->store, &inquiry->state, 0, audit_add, audit);
	audit_finish(audit, settings->capacity, inquiry->state.remaining,
	    &inquiry->report);
	if (result == STORE_OK)
		result = find_witnesses(call, inquiry);
	inquiry->subject = (struct audit_subject){.sale = call->request->sale,
	    .store = store_kind(call->service->store),
	    .host = host != NULL && strlen(host) <= 40 ? host
						       : call->service->address,
	    .lock = settings->lock,
	    .lock_is_safe = handle_lock_is_safe(settings->lock),
	    .with_names = admin_is(call),
	    .witnesses = inquiry->witnesses};
	return handle_store_ok(call, result);
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

	if (inquire(call, &inquiry)) {
		out = reply_open(call->reply);
		audit_text_print(&inquiry.report, &inquiry.subject, out);
		reply_close(call->reply, out, 200, REPLY_TEXT);
	}
	dismiss(&inquiry);
}
