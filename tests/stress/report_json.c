/* SPDX-License-Identifier: BSD-2-Clause */
/* The result for programs; members in the order in which they are read. */
#include "service/version.h"
#include "tests/stress/result.h"

/* A member; the value becomes the object's. */
static void
put(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static json_t *
latency_json(const struct latency *l)
{
	json_t *o = json_object();

	put(o, "count", json_integer((json_int_t)l->count));
	put(o, "p50_ms", json_real(l->p50_ms));
	put(o, "p95_ms", json_real(l->p95_ms));
	put(o, "p99_ms", json_real(l->p99_ms));
	put(o, "max_ms", json_real(l->max_ms));
	return o;
}

static json_t *
price_json(const struct price *p)
{
	json_t *o;

	if (!p->known)
		return json_null();
	o = json_object();
	put(o, "sold_per_s", json_real(p->sold_per_s));
	put(o, "spread", json_real(p->spread));
	put(o, "relative", json_real(p->relative));
	put(o, "refused_per_s", json_real(p->refused_per_s));
	put(o, "sold", latency_json(&p->sold));
	put(o, "refused", latency_json(&p->refused));
	put(o, "waiting", json_real(p->sold.waiting));
	put(o, "conflicts_per_sale",
	    p->conflicts >= 0 ? json_real(p->conflicts) : json_null());
	put(o, "fairness", json_real(p->fairness));
	put(o, "turned_away", json_integer(p->turned_away));
	return o;
}

static json_t *
findings_json(const struct judgement *j)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < WRONGS; i++) {
		if (j->findings[i].count == 0)
			continue;
		o = json_object();
		put(o, "wrong", json_string(oracle_wrong_name((enum wrong)i)));
		put(o, "count", json_integer(j->findings[i].count));
		put(o, "example", json_string(j->findings[i].example));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
race_json(const struct row *row)
{
	const struct judgement *j = &row->judgement;
	json_t *o = json_object();

	put(o, "runs", json_integer(row->runs));
	put(o, "wrong_runs", json_integer(row->wrong_runs));
	put(o, "verdict",
	    json_string(
		j->wrong ? oracle_wrong_name(oracle_worst(j)) : "correct"));
	put(o, "capacity", json_integer(row->capacity));
	put(o, "remaining", json_integer(row->remaining));
	put(o, "tickets", json_integer(j->tickets));
	put(o, "sold", json_integer(j->sold));
	put(o, "refused", json_integer(j->refused));
	put(o, "told_enough_left", json_integer(j->looks_enough));
	put(o, "most_times_one_seat", json_integer(j->most_times));
	put(o, "later", json_integer(row->later));
	put(o, "unknown", json_integer(row->unknown));
	put(o, "recovered", json_integer(row->recovered));
	put(o, "seconds", json_real(row->race_s));
	put(o, "findings", findings_json(j));
	put(o, "audit", json_string(audit_verdict_name(j->audit.verdict)));
	put(o, "collision",
	    row->collision_json != NULL ? json_incref(row->collision_json)
					: json_null());
	return o;
}

static json_t *
drill_json(const struct stop *stop)
{
	json_t *o;

	if (stop->wanted == 0)
		return json_null();
	o = json_object();
	put(o, "wanted", json_integer((json_int_t)stop->wanted));
	put(o, "struck", json_integer((json_int_t)stop->hits));
	put(o, "selling_stopped_s", json_real(stop->longest_s));
	return o;
}

static json_t *
row_json(const struct row *row)
{
	static const char *const promises[] = {
	    [PROMISE_KEPT] = "kept",
	    [PROMISE_BROKEN] = "broken",
	    [CONTROL_WRONG] = "control-wrong",
	    [CONTROL_NOT_SHOWN] = "control-not-shown",
	    [CONTROL_UNDECIDED] = "control-undecided",
	    [ROW_FAILED] = "failed",
	};
	const struct setting *s = &row->setting;
	json_t *o = json_object();

	put(o, "store", json_string(s->store));
	put(o, "lock", json_string(s->lock));
	put(o, "workers", json_integer(s->workers));
	put(o, "clerks", json_integer(s->clerks));
	put(o, "batch", json_integer(s->batch));
	put(o, "delay_ms",
	    json_pack("[I, I]", (json_int_t)s->delay_min_ms,
		(json_int_t)s->delay_max_ms));
	put(o, "safe", json_boolean(row->safe));
	put(o, "promise", json_string(promises[row->promise]));
	put(o, "good", json_boolean(row_is_good(row)));
	if (row->promise == ROW_FAILED) {
		put(o, "error", json_string(row->error));
		return o;
	}
	put(o, "race", race_json(row));
	put(o, "drill", drill_json(&row->stop));
	put(o, "price", price_json(&row->price));
	return o;
}

static json_t *
expects_json(const struct result *result)
{
	json_t *list = json_array(), *o;
	char found[96];
	size_t i;

	for (i = 0; i < result->flags->expect_count; i++) {
		const char *text = result->flags->expects[i];

		o = json_object();
		put(o, "expect", json_string(text));
		put(o, "holds",
		    json_boolean(expect_holds(result, text, found)));
		put(o, "found", json_string(found));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *
report_json(const struct result *result)
{
	const struct flags *f = result->flags;
	json_t *o = json_object(), *rows = json_array();
	char machine[256];
	size_t i;

	for (i = 0; i < result->count; i++)
		json_array_append_new(rows, row_json(&result->rows[i]));
	result_machine(result, machine, sizeof(machine));
	put(o, "turnstile", json_string(TURNSTILE_VERSION));
	put(o, "good", json_boolean(result_is_good(result)));
	put(o, "buyers", json_integer(f->buyers));
	put(o, "tickets", json_integer(f->tickets));
	put(o, "quantity", json_integer(f->quantity));
	put(o, "price_ms", json_integer(f->duration_ms));
	put(o, "seed", json_integer((json_int_t)f->seed));
	put(o, "machine", json_string(machine));
	put(o, "file_system", json_string(result->file_system));
	put(o, "took_s", json_real(result->took_s));
	put(o, "expects", expects_json(result));
	put(o, "rows", rows);
	return o;
}
