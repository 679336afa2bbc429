/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit for programs: the report as JSON. */
#include "service/audit/audit.h"

#include <assert.h>

static json_t *
seats_json(int64_t seat, int64_t quantity)
{
	json_t *list = json_array();
	int64_t i;

	for (i = 0; i < quantity; i++)
		json_array_append_new(list, json_integer(seat + i));
	return list;
}

static json_t *
witness_json(const struct audit_witness *w, const char *role, bool with_name)
{
	json_t *value;

	value = json_pack("{s:s, s:s, s:s*, s:o, s:I, s:I, s:I, s:s, s:i, s:i,"
			  " s:O?}",
	    "role", role, "order", w->order, "buyer",
	    with_name ? w->buyer : NULL, "seats",
	    seats_json(w->seat, w->quantity), "version", (json_int_t)w->version,
	    "base", (json_int_t)w->base, "remaining", (json_int_t)w->remaining,
	    "lock", w->lock, "worker", (int)w->worker, "clerk", (int)w->clerk,
	    "trail", w->trail);
	return value;
}

static json_t *
collision_json(const struct audit_report *r,
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count)
{
	static const char *const roles[] = {"first", "culprit", "second"};
	json_t *orders = json_array();
	size_t i;

	if (count == 0) {
		json_decref(orders);
		return json_null();
	}
	assert(count == 2 || count == 3);
	for (i = 0; i < count; i++)
		json_array_append_new(
		    orders, witness_json(&witnesses[i],
				i + 1 == count ? roles[2] : roles[i],
				subject->with_names));
	return json_pack("{s:I, s:I, s:s, s:b, s:o}", "seat",
	    (json_int_t)r->collision.seat, "times",
	    (json_int_t)r->collision.times, "lock", r->collision.lock,
	    "explained", r->collision.explained, "orders", orders);
}

static json_t *
strategies_json(const struct audit_report *r)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->strategy_count; i++) {
		const struct audit_strategy *s = &r->strategies[i];
		const bool wrong = s->seats_twice > 0 || s->overwrites > 0;

		json_array_append_new(list,
		    json_pack("{s:s, s:I, s:I, s:I, s:b}", "lock", s->lock,
			"receipts", (json_int_t)s->receipts, "seats_twice",
			(json_int_t)s->seats_twice, "overwrites",
			(json_int_t)s->overwrites, "wrong", wrong));
	}
	return list;
}

json_t *
audit_data_json(const struct audit_report *r,
    const struct audit_subject *subject, const struct audit_witness *witnesses,
    size_t count)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I,"
			 " s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
	    "sale", subject->sale, "store", subject->store, "lock",
	    subject->lock, "verdict", audit_verdict_name(r->verdict), "wrong",
	    r->verdict != VERDICT_CORRECT, "capacity", (json_int_t)r->capacity,
	    "remaining", (json_int_t)r->remaining, "version",
	    (json_int_t)r->version, "receipts", (json_int_t)r->receipts,
	    "tickets", (json_int_t)r->tickets, "seats", (json_int_t)r->seats,
	    "seats_twice", (json_int_t)r->seats_twice, "oversold",
	    (json_int_t)r->oversold, "stranded", (json_int_t)r->stranded,
	    "overwrites", (json_int_t)r->overwrites, "recounts",
	    (json_int_t)r->recounts, "strategies", strategies_json(r),
	    "collision", collision_json(r, subject, witnesses, count));
}
