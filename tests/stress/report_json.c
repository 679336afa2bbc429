/* SPDX-License-Identifier: BSD-2-Clause */
/* The result for programs; members in the order in which they are read. */
#include <math.h>
#include <stdlib.h>

#include "service/member.h"
#include "service/version.h"
#include "tests/stress/result.h"

/* null: it never ended. */
static json_t *
ms_json(double ms)
{
	return isfinite(ms) ? json_real(ms) : json_null();
}

static json_t *
latency_json(const struct latency *l)
{
	json_t *o = json_object();

	member_number(o, "count", (int64_t)l->count);
	member_json(o, "p50_ms", ms_json(l->p50_ms));
	member_json(o, "p95_ms", ms_json(l->p95_ms));
	member_json(o, "p99_ms", ms_json(l->p99_ms));
	member_json(o, "p99_9_ms", ms_json(l->p999_ms));
	member_json(o, "max_ms", ms_json(l->max_ms));
	return o;
}

static json_t *
rounds_json(const struct rounds *rounds)
{
	json_t *list = json_array(), *o;
	unsigned i;

	for (i = 0; i < rounds->count; i++) {
		o = json_object();
		member_json(o, "sold_per_s", json_real(rounds->per_s[i]));
		member_json(o, "p99_ms", ms_json(rounds->p99_ms[i]));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
price_json(const struct price *p)
{
	json_t *o;

	if (!p->known)
		return json_null();
	o = json_object();
	member_json(o, "sold_per_s", json_real(p->sold_per_s));
	member_json(o, "spread", json_real(p->spread));
	member_json(o, "relative",
	    p->relative >= 0 ? json_real(p->relative) : json_null());
	member_json(o, "refused_per_s", json_real(p->refused_per_s));
	member_json(o, "refused_spread", json_real(p->refused_spread));
	member_json(o, "rounds", rounds_json(&p->sold_rounds));
	member_json(o, "sold", latency_json(&p->sold));
	member_json(o, "refused", latency_json(&p->refused));
	member_json(o, "waiting", json_real(p->sold.waiting));
	member_json(o, "conflicts_per_sale",
	    p->conflicts >= 0 ? json_real(p->conflicts) : json_null());
	member_json(o, "fairness", json_real(p->fairness));
	member_json(o, "client_late_ms", json_real(p->client_late_ms));
	member_number(o, "turned_away", p->turned_away);
	member_number(o, "unanswered", p->unanswered);
	member_number(o, "unsent", p->unsent);
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
		member_text(o, "wrong", oracle_wrong_name((enum wrong)i));
		member_number(o, "count", j->findings[i].count);
		member_text(o, "example", j->findings[i].example);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
race_json(const struct row *row)
{
	const struct judgement *j = &row->judgement;
	json_t *o = json_object();

	member_number(o, "runs", row->runs);
	member_number(o, "wrong_runs", row->wrong_runs);
	member_text(o, "verdict",
	    j->wrong       ? oracle_wrong_name(oracle_worst(j))
	    : !row->safe   ? "not-shown"
	    : row->shipped ? "correct"
			   : "no-race");
	member_number(o, "capacity", row->capacity);
	member_number(o, "remaining", row->remaining);
	member_number(o, "tickets", j->tickets);
	member_number(o, "sold", j->sold);
	member_number(o, "refused", j->refused);
	member_number(o, "told_enough_left", j->looks_enough);
	member_number(o, "most_times_one_seat", j->most_times);
	member_number(o, "later", row->later);
	member_number(o, "unknown", row->unknown);
	member_number(o, "recovered", row->recovered);
	member_json(o, "seconds", json_real(row->race_s));
	member_json(o, "findings", findings_json(j));
	member_text(o, "audit", audit_verdict_name(j->audit.verdict));
	member_json(o, "collision",
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
	member_number(o, "wanted", (int64_t)stop->wanted);
	member_number(o, "struck", (int64_t)stop->hits);
	member_json(o, "selling_stopped_s", json_real(stop->longest_s));
	return o;
}

static json_t *
compared_json(const struct result *result, const struct row *row)
{
	struct compared c;
	json_t *o;

	if (!compare_row(result->old, row, result->flags->rate > 0, &c))
		return json_null();
	o = json_object();
	member_json(o, "sold_per_s", json_real(c.old_sold_per_s));
	member_json(o, "sold_ratio", ms_json(c.sold));
	member_text(o, "judged", c.by_p99 ? "p99" : "sold");
	member_json(o, "noise", c.noise >= 1 ? ms_json(c.noise) : json_null());
	member_json(o, "differs",
	    c.noise >= 1 ? json_boolean(c.verdict != COMPARED_NOISE)
			 : json_null());
	member_json(o, "slower",
	    c.noise >= 1 ? json_boolean(c.verdict == COMPARED_WORSE)
			 : json_null());
	member_json(o, "p99_ms", ms_json(c.old_p99_ms));
	member_json(o, "p99_ratio", ms_json(c.p99));
	return o;
}

/* What was otherwise then; null: nothing, or nothing is compared. */
static json_t *
unlike_json(const struct result *result)
{
	char text[COMPARE_UNLIKE];

	if (result->old == NULL || !result_unlike(result, text))
		return json_null();
	return json_string(text);
}

/* null: of a service that ran already it is not known. */
static json_t *
ours_json(const struct result *result, unsigned number)
{
	return result->flags->url == NULL ? json_integer(number) : json_null();
}

/* As --jitter was given; null: a service of others. */
static json_t *
jitter_json(const struct flags *flags)
{
	static const char *const names[] = {[JITTER_AUTO] = "auto",
	    [JITTER_OFF] = "off",
	    [JITTER_STEPS] = "steps",
	    [JITTER_DEEP] = "deep"};

	return flags->url == NULL ? json_string(names[flags->jitter])
				  : json_null();
}

static json_t *
row_json(const struct result *result, const struct row *row)
{
	static const char *const promises[] = {
	    [PROMISE_KEPT] = "kept",
	    [CONTROL_WRONG] = "control-wrong",
	    [CONTROL_UNDECIDED] = "control-undecided",
	    [PROMISE_BROKEN] = "broken",
	    [CONTROL_NOT_SHOWN] = "control-not-shown",
	    [ROW_HUNG] = "hung",
	    [ROW_DIED] = "died",
	    [ROW_FAILED] = "failed",
	};
	const struct setting *s = &row->setting;
	json_t *o = json_object();

	member_text(o, "store", s->store);
	member_text(o, "lock", s->lock);
	member_json(o, "workers", ours_json(result, s->workers));
	member_json(o, "clerks", ours_json(result, s->clerks));
	member_json(o, "batch", ours_json(result, s->batch));
	member_json(o, "delay_ms",
	    json_pack("[I, I]", (json_int_t)s->delay_min_ms,
		(json_int_t)s->delay_max_ms));
	member_flag(o, "safe", row->safe);
	member_text(o, "promise", promises[row->promise]);
	member_flag(o, "good", row_is_good(row));
	if (row->promise >= ROW_HUNG) {
		member_text(o, "error", row->error);
		return o;
	}
	member_json(o, "race", race_json(row));
	member_json(o, "drill", drill_json(&row->stop));
	member_json(o, "price", price_json(&row->price));
	member_json(o, "compared", compared_json(result, row));
	return o;
}

static json_t *
expects_json(const struct result *result)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < result->flags->expect_count; i++) {
		o = json_object();
		member_text(o, "expect", result->flags->expects[i]);
		member_flag(o, "holds", result->expects[i].holds);
		member_text(o, "found", result->expects[i].found);
		json_array_append_new(list, o);
	}
	return list;
}

void
report_json(const struct result *result, FILE *out)
{
	const struct flags *f = result->flags;
	json_t *o = json_object(), *rows = json_array();
	size_t i;

	member_watch();
	for (i = 0; i < result->count; i++)
		json_array_append_new(rows, row_json(result, &result->rows[i]));
	member_text(o, "turnstile", TURNSTILE_VERSION);
	member_flag(o, "good", result_is_good(result));
	member_number(o, "buyers", f->buyers);
	member_number(o, "tickets", f->tickets);
	member_number(o, "quantity", f->quantity);
	member_number(o, "price_ms", f->duration_ms);
	member_number(o, "rounds", f->rounds);
	member_number(o, "warmup_ms", f->warmup_ms);
	member_number(o, "timeout_ms", f->timeout_ms);
	member_number(o, "rate", (int64_t)f->rate);
	member_number(o, "seed", (int64_t)f->seed);
	member_json(o, "jitter", jitter_json(f));
	member_json(o, "stopped_by",
	    result->stopped_by == 0 ? json_null()
				    : json_integer(result->stopped_by));
	member_text(o, "machine", result->machine);
	member_text(o, "file_system", result->file_system);
	member_json(o, "took_s", json_real(result->took_s));
	member_json(o, "unlike", unlike_json(result));
	member_json(o, "expects", expects_json(result));
	member_json(o, "rows", rows);
	json_dumpf(o, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	fprintf(out, "\n");
	json_decref(o);
	if (member_lost())
		abort(); /* half a report would be taken for a whole one */
}
