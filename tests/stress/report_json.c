/* SPDX-License-Identifier: BSD-2-Clause */
/* The result for programs; members in the order in which they are read. */
#include "service/service.h"
#include "tests/stress/result.h"

static void
put(json_t *object, const char *name, int64_t number)
{
	json_object_set_new(object, name, json_integer(number));
}

static void
put_real(json_t *object, const char *name, double number)
{
	json_object_set_new(object, name, json_real(number));
}

static void
put_bool(json_t *object, const char *name, bool truth)
{
	json_object_set_new(object, name, json_boolean(truth));
}

static void
put_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, json_string(text));
}

static json_t *
latency_json(const struct latency *l)
{
	json_t *o = json_object();

	put(o, "count", (int64_t)l->count);
	put_real(o, "p50_ms", l->p50_ms);
	put_real(o, "p95_ms", l->p95_ms);
	put_real(o, "p99_ms", l->p99_ms);
	put_real(o, "max_ms", l->max_ms);
	return o;
}

static json_t *
price_json(const struct price *p)
{
	json_t *o;

	if (!p->known)
		return json_null();
	o = json_object();
	put_real(o, "sold_per_s", p->sold_per_s);
	put_real(o, "spread", p->spread);
	put_real(o, "relative", p->relative);
	put_real(o, "refused_per_s", p->refused_per_s);
	json_object_set_new(o, "sold", latency_json(&p->sold));
	json_object_set_new(o, "refused", latency_json(&p->refused));
	put_real(o, "waiting", p->sold.waiting);
	json_object_set_new(o, "conflicts_per_sale",
	    p->conflicts >= 0 ? json_real(p->conflicts) : json_null());
	put_real(o, "fairness", p->fairness);
	put(o, "turned_away", p->turned_away);
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
		put_text(o, "wrong", oracle_wrong_name((enum wrong)i));
		put(o, "count", j->findings[i].count);
		put_text(o, "example", j->findings[i].example);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
race_json(const struct row *row)
{
	const struct judgement *j = &row->judgement;
	json_t *o = json_object();

	put(o, "runs", row->runs);
	put(o, "wrong_runs", row->wrong_runs);
	put_text(o, "verdict",
	    j->wrong ? oracle_wrong_name(oracle_worst(j)) : "correct");
	put(o, "capacity", row->capacity);
	put(o, "remaining", row->remaining);
	put(o, "tickets", j->tickets);
	put(o, "sold", j->sold);
	put(o, "refused", j->refused);
	put(o, "told_enough_left", j->looks_enough);
	put(o, "most_times_one_seat", j->most_times);
	put(o, "later", row->later);
	put(o, "unknown", row->unknown);
	put(o, "recovered", row->recovered);
	put_real(o, "seconds", row->race_s);
	json_object_set_new(o, "findings", findings_json(j));
	put_text(o, "audit", audit_verdict_name(j->audit.verdict));
	json_object_set_new(o, "collision",
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
	put(o, "wanted", (int64_t)stop->wanted);
	put(o, "struck", (int64_t)stop->hits);
	put_real(o, "selling_stopped_s", stop->longest_s);
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

	put_text(o, "store", s->store);
	put_text(o, "lock", s->lock);
	put(o, "workers", s->workers);
	put(o, "clerks", s->clerks);
	put(o, "batch", s->batch);
	json_object_set_new(o, "delay_ms",
	    json_pack("[I, I]", (json_int_t)s->delay_min_ms,
		(json_int_t)s->delay_max_ms));
	put_bool(o, "safe", row->safe);
	put_text(o, "promise", promises[row->promise]);
	put_bool(o, "good", row_is_good(row));
	if (row->promise == ROW_FAILED) {
		put_text(o, "error", row->error);
		return o;
	}
	json_object_set_new(o, "race", race_json(row));
	json_object_set_new(o, "drill", drill_json(&row->stop));
	json_object_set_new(o, "price", price_json(&row->price));
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
		put_text(o, "expect", text);
		put_bool(o, "holds", expect_holds(result, text, found));
		put_text(o, "found", found);
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
	put_text(o, "turnstile", TURNSTILE_VERSION);
	put_bool(o, "good", result_is_good(result));
	put(o, "buyers", f->buyers);
	put(o, "tickets", f->tickets);
	put(o, "quantity", f->quantity);
	put(o, "price_ms", f->duration_ms);
	put(o, "seed", (int64_t)f->seed);
	put_text(o, "machine", machine);
	put_text(o, "file_system", result->file_system);
	put_real(o, "took_s", result->took_s);
	json_object_set_new(o, "expects", expects_json(result));
	json_object_set_new(o, "rows", rows);
	return o;
}
