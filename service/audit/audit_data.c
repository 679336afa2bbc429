/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit for programs: the report as JSON, a member a line. */
#include "service/audit/audit.h"

#include "service/member.h"

/* Of the collision's orders, the i-th. */
static const char *
role_of(const struct audit_collision *c, size_t i)
{
	return i == 0 ? "first" : i + 1 == c->count ? "second" : "culprit";
}

static json_t *
witness_json(const struct audit_witness *w, const char *role, bool with_name)
{
	json_t *value = json_object();

	member_text(value, "role", role);
	member_text(value, "order", w->line.order);
	member_text(value, "buyer", with_name ? w->buyer : NULL);
	member_seats(value, w->line.seat, w->line.quantity);
	member_number(value, "version", w->line.version);
	member_number(value, "base", w->line.base);
	member_number(value, "nth", w->line.nth);
	member_number(value, "remaining", w->line.remaining);
	member_text(value, "lock", w->lock);
	if (w->line.host > 0)
		member_number(value, "host", w->line.host);
	member_number(value, "worker", w->line.worker);
	member_number(value, "clerk", w->line.clerk);
	member_json(value, "trail",
	    w->trail != NULL ? json_incref(w->trail) : json_null());
	return value;
}

static json_t *
steps_json(const struct audit_collision *c, const struct audit_told *told)
{
	static const char *const acts[] = {[AUDIT_LOCKS] = "lock",
	    [AUDIT_READS] = "read",
	    [AUDIT_WRITES] = "write"};
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < told->step_count; i++) {
		const struct audit_step *step = &told->steps[i];
		json_t *value = json_object();

		member_text(value, "role", role_of(c, step->column));
		member_text(value, "step", acts[step->act]);
		if (step->act != AUDIT_LOCKS) {
			member_number(value, "version", step->version);
			member_number(value, "remaining", step->remaining);
		}
		member_number(value, "begun_ns", step->stamp_ns);
		member_json(value, "at_ns",
		    told->has_times ? json_integer(step->at_ns) : json_null());
		json_array_append_new(list, value);
	}
	return list;
}

/* The same as the text: the steps, which one went wrong, and why. */
static void
add_told(json_t *value, const struct audit_report *report,
    const struct audit_subject *subject)
{
	struct audit_told told;
	bool is_known;

	audit_told(report, subject, &told);
	is_known = told.wrong_step > 0;
	member_json(value, "steps", steps_json(&report->collision, &told));
	member_json(value, "wrong_step",
	    is_known ? json_integer((json_int_t)told.wrong_step) : json_null());
	member_json(
	    value, "wrong", is_known ? json_string(told.wrong) : json_null());
	member_text(value, "why", told.why);
	member_json(value, "schedule",
	    told.schedule[0] == '\0' ? json_null()
				     : json_string(told.schedule));
	member_json(value, "again",
	    told.again[0] == '\0' ? json_null() : json_string(told.again));
}

static json_t *
collision_json(
    const struct audit_report *report, const struct audit_subject *subject)
{
	const struct audit_collision *c = &report->collision;
	json_t *value = json_object(), *orders = json_array();
	size_t i;

	for (i = 0; i < c->count; i++)
		json_array_append_new(
		    orders, witness_json(&subject->witnesses[i], role_of(c, i),
				subject->with_names));
	member_number(value, "seat", c->seat);
	member_number(value, "times", c->times);
	member_text(value, "lock", c->lock);
	member_flag(value, "explained", c->explained);
	member_json(value, "orders", orders);
	add_told(value, report, subject);
	return value;
}

static json_t *
strategies_json(const struct audit_report *r)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->strategy_count; i++) {
		const struct audit_strategy *s = &r->strategies[i];
		json_t *value = json_object();

		member_text(value, "lock", s->lock);
		member_number(value, "receipts", s->receipts);
		member_number(value, "seats_twice", s->seats_twice);
		member_number(value, "overwrites", s->overwrites);
		member_flag(
		    value, "wrong", s->seats_twice > 0 || s->overwrites > 0);
		json_array_append_new(list, value);
	}
	return list;
}

json_t *
audit_data_json(
    const struct audit_report *r, const struct audit_subject *subject)
{
	json_t *value = json_object();

	member_text(value, "sale", subject->sale);
	member_text(value, "store", subject->store);
	member_text(value, "lock", subject->lock);
	member_text(value, "verdict", audit_verdict_name(r->verdict));
	member_flag(value, "wrong", r->verdict != VERDICT_CORRECT);
	member_number(value, "capacity", r->capacity);
	member_number(value, "remaining", r->remaining);
	member_number(value, "version", r->version);
	member_number(value, "receipts", r->receipts);
	member_number(value, "tickets", r->tickets);
	member_number(value, "seats", r->seats);
	member_number(value, "seats_twice", r->seats_twice);
	member_number(value, "oversold", r->oversold);
	member_number(value, "stranded", r->stranded);
	member_number(value, "overwrites", r->overwrites);
	member_number(value, "recounts", r->recounts);
	member_json(value, "strategies", strategies_json(r));
	member_json(value, "collision",
	    r->collision.count > 0 ? collision_json(r, subject) : json_null());
	return value;
}
