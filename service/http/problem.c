/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of problems, and the answers it makes. */
#include "service/http/problem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "service/member.h"

/* clang-format off */
const struct problem_row problem_rows[PROBLEMS] = {
	[PROBLEM_BAD_REQUEST] = { "bad-request", 400, 0,
		"The request is not understood" },
	[PROBLEM_BAD_BODY] = { "bad-body", 400, 0,
		"The body is neither JSON nor a form" },
	[PROBLEM_BAD_VALUE] = { "bad-value", 400, 0, "A value is not valid" },
	[PROBLEM_UNKNOWN_MEMBER] = { "unknown-member", 400, 0,
		"A member or an argument is not known" },
	[PROBLEM_FORBIDDEN] = { "forbidden", 403, 0, "This is not allowed" },
	[PROBLEM_TOKEN_NEEDED] = { "token-needed", 401, 0,
		"This needs the admin token" },
	[PROBLEM_NOT_FOUND] = { "not-found", 404, 0, "There is no such page" },
	[PROBLEM_NO_SALE] = { "no-sale", 404, 0, "There is no such sale" },
	[PROBLEM_NO_ORDER] = { "no-order", 404, 0, "There is no such order" },
	[PROBLEM_METHOD] = { "method", 405, 0, "The method does not fit" },
	[PROBLEM_SOLD_OUT] = { "sold-out", 409, 0, "Sold out" },
	[PROBLEM_NOT_ENOUGH] = { "not-enough", 409, 0,
		"Fewer tickets are left than were asked for" },
	[PROBLEM_SALE_EXISTS] = { "sale-exists", 409, 0,
		"There is a sale of that id" },
	[PROBLEM_HAS_RECEIPTS] = { "has-receipts", 409, 0,
		"The sale has receipts" },
	[PROBLEM_CHANGED] = { "changed", 412, 0,
		"The sale has changed since you looked" },
	[PROBLEM_TOO_LARGE] = { "too-large", 413, 0, "The body is too large" },
	[PROBLEM_MEDIA_TYPE] = { "media-type", 415, 0,
		"The body is of another type" },
	[PROBLEM_KEY_REUSED] = { "key-reused", 422, 0,
		"The Idempotency-Key stands for another order" },
	[PROBLEM_UNKNOWN_OUTCOME] = { "outcome-unknown", 500, 0,
		"The order may or may not be sold" },
	[PROBLEM_QUEUE_FULL] = { "queue-full", 503, 1,
		"Too many orders wait" },
	[PROBLEM_QUEUE_TIMEOUT] = { "queue-timeout", 503, 1,
		"The order waited too long for a clerk" },
	[PROBLEM_LOCK_TIMEOUT] = { "lock-timeout", 503, 1,
		"The order waited too long for the sale's lock" },
	[PROBLEM_CONFLICTS] = { "too-many-conflicts", 503, 1,
		"Other orders were faster until the time was over" },
	[PROBLEM_CHANGES] = { "too-many-changes", 503, 1,
		"The sale was changed again and again until the time was over" },
	[PROBLEM_STORE_BUSY] = { "store-busy", 503, 1,
		"The order waited too long for the store" },
	[PROBLEM_STORAGE_FULL] = { "storage-full", 503, 10,
		"There is no space left to record a sale" },
	[PROBLEM_STORAGE_ERROR] = { "storage-error", 503, 2,
		"The store cannot record a sale" },
	[PROBLEM_TOO_MANY_AUDITS] = { "too-many-audits", 503, 2,
		"Too many audits and ledgers are being read" },
	[PROBLEM_AUDIT_TIMEOUT] = { "audit-timeout", 503, 10,
		"The ledger could not be read in time" },
	[PROBLEM_NO_MEMORY] = { "no-memory", 503, 1,
		"There is not enough memory" },
	[PROBLEM_DRAINING] = { "draining", 503, 2, "The service is stopping" },
};
/* clang-format on */

enum problem
problem_find(const char *name)
{
	unsigned i;

	for (i = 0; i < PROBLEMS; i++)
		if (strcmp(problem_rows[i].name, name) == 0)
			break;
	return i;
}

bool
problem_reply(struct reply *reply, enum problem problem, json_t *extra,
    const char *format, ...)
{
	const struct problem_row *row = &problem_rows[problem];
	json_t *value = json_object();
	va_list args;

	/* Without memory it is no 503, which would deny that it was done. */
	reply->changed |= problem == PROBLEM_UNKNOWN_OUTCOME;
	member_json(value, "type", json_sprintf("/problems/%s", row->name));
	member_text(value, "title", row->title);
	member_number(value, "status", row->status);
	va_start(args, format);
	member_json(value, "detail", json_vsprintf(format, args));
	va_end(args);
	if (extra != NULL)
		json_object_update(value, extra);
	json_decref(extra);
	if (row->retry_after_s > 0)
		reply_header_print(
		    reply, "Retry-After", "%d", row->retry_after_s);
	reply_json(reply, row->status, value);
	reply->type = "application/problem+json";
	return false;
}

void
problem_print_safely(char text[PROBLEM_SAFE_SIZE], const char *value)
{
	size_t i;

	for (i = 0; i < 40 && value[i] != '\0'; i++)
		text[i] = isprint((unsigned char)value[i]) && value[i] != '"'
			      ? value[i]
			      : '?';
	text[i] = '\0';
}

json_t *
problem_member(const char *name)
{
	return json_pack("{s:s}", "member", name);
}

bool
problem_number(struct reply *reply, const char *name, int64_t min, int64_t max)
{
	return problem_reply(reply, PROBLEM_BAD_VALUE, problem_member(name),
	    "\"%s\" must be a whole number from %" PRId64 " to %" PRId64 ".",
	    name, min, max);
}
