/* SPDX-License-Identifier: BSD-2-Clause */
/* The result for programs. */
#include <inttypes.h>
#include <string.h>

#include "service/service.h"
#include "tests/stress/result.h"

static json_t *
latency_json(const struct latency *l)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f}", "count",
	    (json_int_t)l->count, "p50_ms", l->p50_ms, "p95_ms", l->p95_ms,
	    "p99_ms", l->p99_ms, "max_ms", l->max_ms);
}

static json_t *
price_json(const struct price *p)
{
	if (!p->known)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:f, s:o, s:o, s:f, s:o, s:f, s:I}",
	    "sold_per_s", p->sold_per_s, "spread", p->spread, "relative",
	    p->relative, "refused_per_s", p->refused_per_s, "sold",
	    latency_json(&p->sold), "refused", latency_json(&p->refused),
	    "waiting", p->waiting, "conflicts_per_sale",
	    p->conflicts >= 0 ? json_real(p->conflicts) : json_null(),
	    "fairness", p->fairness, "turned_away", (json_int_t)p->turned_away);
}

static json_t *
findings_json(const struct judgement *j)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < WRONGS; i++)
		if (j->findings[i].count > 0)
			json_array_append_new(
			    list, json_pack("{s:s, s:I, s:s}", "wrong",
				      oracle_wrong_name((enum wrong)i), "count",
				      (json_int_t)j->findings[i].count,
				      "example", j->findings[i].example));
	return list;
}

static json_t *
race_json(const struct row *row)
{
	const struct judgement *j = &row->judgement;

	return json_pack("{s:i, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
			 " s:I, s:I, s:I, s:f, s:o, s:s, s:O?}",
	    "runs", (int)row->runs, "wrong_runs", (int)row->wrong_runs,
	    "verdict",
	    j->wrong ? oracle_wrong_name(oracle_worst(j)) : "correct",
	    "capacity", (json_int_t)row->capacity, "remaining",
	    (json_int_t)row->remaining, "tickets", (json_int_t)j->tickets,
	    "sold", (json_int_t)j->sold, "refused", (json_int_t)j->refused,
	    "told_enough_left", (json_int_t)j->looks_enough,
	    "most_times_one_seat", (json_int_t)j->most_times, "later",
	    (json_int_t)row->later, "unknown", (json_int_t)row->unknown,
	    "recovered", (json_int_t)row->recovered, "seconds", row->race_s,
	    "findings", findings_json(j), "audit",
	    audit_verdict_name(j->audit.verdict), "collision", row->collision_json);
}

static json_t *
drill_json(const struct stop *stop)
{
	if (stop->wanted == 0)
		return json_null();
	return json_pack("{s:I, s:I, s:f}", "wanted", (json_int_t)stop->wanted,
	    "struck", (json_int_t)stop->hits, "selling_stopped_s",
	    stop->longest_s);
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
	const bool failed = row->promise == ROW_FAILED;

	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:[I, I], s:b, s:s, s:b,"
			 " s:s*, s:o*, s:o*, s:o*}",
	    "store", s->store, "lock", s->lock, "workers", (int)s->workers,
	    "clerks", (int)s->clerks, "batch", (int)s->batch, "delay_ms",
	    (json_int_t)s->delay_min_ms, (json_int_t)s->delay_max_ms, "safe",
	    (int)row->safe, "promise", promises[row->promise], "good",
	    (int)row_is_good(row), "error", failed ? row->error : NULL, "race",
	    failed ? NULL : race_json(row), "drill",
	    failed ? NULL : drill_json(&row->stop), "price",
	    failed ? NULL : price_json(&row->price));
}

static json_t *
expects_json(const struct result *result)
{
	json_t *list = json_array();
	char found[96];
	size_t i;

	for (i = 0; i < result->flags->expect_count; i++) {
		const char *text = result->flags->expects[i];
		const bool holds = expect_holds(result, text, found);

		json_array_append_new(
		    list, json_pack("{s:s, s:b, s:s}", "expect", text, "holds",
			      (int)holds, "found", found));
	}
	return list;
}

json_t *
report_json(const struct result *result)
{
	const struct flags *f = result->flags;
	json_t *rows = json_array();
	char machine[256];
	size_t i;

	for (i = 0; i < result->count; i++)
		json_array_append_new(rows, row_json(&result->rows[i]));
	result_machine(result, machine, sizeof(machine));
	return json_pack("{s:s, s:b, s:i, s:I, s:i, s:I, s:I, s:s, s:s, s:f,"
			 " s:o, s:o}",
	    "turnstile", TURNSTILE_VERSION, "good", (int)result_is_good(result),
	    "buyers", (int)f->buyers, "tickets", (json_int_t)f->tickets,
	    "quantity", (int)f->quantity, "price_ms",
	    (json_int_t)f->duration_ms, "seed", (json_int_t)f->seed, "machine",
	    machine, "file_system", result->file_system, "took_s",
	    result->took_s, "expects", expects_json(result), "rows", rows);
}
