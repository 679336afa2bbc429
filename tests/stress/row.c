/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row is a service, races on sales of its own, and, if no race was wrong,
 * two more sales for the price.  What every race found is added up; one of
 * them is shown.
 */
#include "tests/stress/row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "service/duration.h"
#include "tests/stress/buffer.h"
#include "tests/stress/drill.h"
#include "tests/stress/launch.h"

#define ASK_AGAIN 20       /* receipts asked for once more after a race */
#define TICKETS_PER_MS 200 /* that nobody can sell */
#define CONTROL_CHANCES 3
#define REFUSE_NS (250 * NS_PER_MS)

/* One row in the making: its service, its buyers, what is known so far. */
struct run {
	struct row *row;
	const struct stage *stage;
	const struct flags *flags;
	unsigned number;
	const char *url;
	struct launch launch;
	bool launched;
	struct web *web;
	struct buyers *buyers;
	uint64_t next_order;
	char sale[STORE_ID_SIZE];
	bool opened; /* by us: to be deleted, on a service not ours */
};

static bool
fail(struct run *run, const char *text)
{
	run->row->promise = ROW_FAILED;
	snprintf(run->row->error, sizeof(run->row->error), "%s", text);
	return false;
}

/* ------------------------------------------------------------- service -- */

bool
row_launch(const struct flags *flags, const struct setting *setting,
    struct launch *launch, char error[ROW_ERROR_SIZE])
{
	const struct launch_options options = {.program = flags->service,
	    .data = flags->data,
	    .store = setting->store,
	    .workers = setting->workers,
	    .clerks = setting->clerks,
	    .batch = setting->batch,
	    .timeout_ms = flags->timeout_ms,
	    .drills = flags->holders > 0 || flags->pause_ms > 0};

	return launch_start(launch, &options, error, ROW_ERROR_SIZE);
}

static bool
begin_run(struct run *run)
{
	const struct flags *flags = run->flags;
	char error[ROW_ERROR_SIZE];

	run->url = flags->url;
	if (run->url == NULL) {
		run->launched =
		    row_launch(flags, &run->row->setting, &run->launch, error);
		if (!run->launched)
			return fail(run, error);
		run->url = run->launch.url;
	}
	run->web = web_new(run->url, flags->token);
	run->buyers = buyers_new(run->url, flags->buyers);
	if (run->web == NULL || run->buyers == NULL)
		return fail(run, "the URL is not valid");
	return true;
}

static void
end_run(struct run *run)
{
	buyers_free(run->buyers);
	web_free(run->web);
	run->buyers = NULL;
	run->web = NULL;
	if (run->launched && !launch_stop(&run->launch) &&
	    run->row->promise != ROW_FAILED && !*run->stage->stop)
		fail(run, "the service did not stop as it should");
	run->launched = false;
}

/* A new sale of `capacity`, under the row's strategy. */
static bool
open_sale(struct run *run, const char *what, unsigned nth, int64_t capacity,
    bool with_delay)
{
	const struct setting *s = &run->row->setting;
	char form[192], delay[DURATION_RANGE_SIZE];
	const struct web_request request = {"POST", "/sales", form, NULL};

	if (run->flags->sale != NULL) {
		snprintf(run->sale, sizeof(run->sale), "%s", run->flags->sale);
		return true;
	}
	duration_range_print(s->delay_min_ms, s->delay_max_ms, delay);
	snprintf(run->sale, sizeof(run->sale), "stress-%08x-%u-%s-%u",
	    (unsigned)(run->flags->seed & 0xffffffff), run->number, what, nth);
	snprintf(form, sizeof(form),
	    "id=%s&capacity=%" PRId64 "&lock=%s&delay=%s", run->sale, capacity,
	    s->lock, with_delay ? delay : "0");
	if (web_ask(run->web, &request, NULL) != 201)
		return fail(run, web_error(run->web));
	run->opened = true;
	return true;
}

/* A service that was there before us: what is the sale like? */
static bool
learn_sale(struct run *run)
{
	struct setting *s = &run->row->setting;
	const char *store;
	char path[96];
	json_t *body;
	bool good;

	if (run->flags->url == NULL)
		return true;
	snprintf(path, sizeof(path), "/sales/%s", run->sale);
	good = web_get(run->web, path, &body) == 200;
	store = web_text(body, "store");
	if (good && store[0] != '\0')
		snprintf(s->store, sizeof(s->store), "%s", store);
	if (good && lock_parse(web_text(body, "lock"), &s->strategy))
		lock_print(s->strategy, s->lock);
	run->row->safe = lock_is_safe(s->strategy);
	json_decref(body);
	return good || fail(run, web_error(run->web));
}

/* On a service of others nothing is left behind. */
static void
close_sale(struct run *run)
{
	char path[128];
	const struct web_request request = {"DELETE", path, NULL, NULL};

	if (!run->opened || run->flags->url == NULL)
		return;
	snprintf(path, sizeof(path), "/sales/%s?force=1", run->sale);
	web_ask(run->web, &request, NULL);
	run->opened = false;
}

/* --------------------------------------------------------------- race -- */

/* What buyers hear; false, with or without web_error(): they could not buy. */
static bool
buy(struct run *run, const struct buyers_plan *plan, struct evidence *evidence,
    struct buyers_log *log)
{
	*log = (struct buyers_log){0};
	if (!evidence_begin(evidence, run->web, run->sale) ||
	    !buyers_run(run->buyers, plan, log, run->stage->stop))
		return false;
	evidence_add_log(evidence, plan, log);
	return true;
}

static struct buyers_plan
race_plan(struct run *run, struct drill *drill)
{
	const struct flags *flags = run->flags;
	struct buyers_plan plan = {.sale = run->sale,
	    .seed = flags->seed,
	    .orders =
		flags->orders > 0 ? (uint64_t)flags->orders : flags->buyers,
	    .quantity = flags->quantity,
	    .looks = true,
	    .trails = true,
	    .patient = true,
	    .first_order = run->next_order};

	if (flags_drill(flags)) {
		plan.watch = drill_watch;
		plan.watch_arg = drill;
	}
	run->next_order += plan.orders;
	return plan;
}

/* Receipts that a sale can give: drills strike within them. */
static uint64_t
most_receipts(const struct flags *flags)
{
	const int64_t orders =
	    flags->orders > 0 ? flags->orders : (int64_t)flags->buyers;
	const int64_t lots = flags->tickets / flags->quantity;

	return (uint64_t)(lots < orders ? lots : orders);
}

static int64_t
next_receipt_ns(const struct evidence *evidence, int64_t after_ns)
{
	int64_t next_ns = INT64_MAX;
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];

		if (answer->kind == ANSWER_SOLD && !answer->again &&
		    answer->done_ns > after_ns && answer->done_ns < next_ns)
			next_ns = answer->done_ns;
	}
	return next_ns;
}

/* Tickets are left, and orders that got none: selling did not go on. */
static bool
is_stuck(const struct evidence *evidence)
{
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];

		if (!answer->look && answer->quantity <= evidence->remaining &&
		    (answer->kind == ANSWER_NONE ||
			answer->kind == ANSWER_LATER))
			return true;
	}
	return false;
}

/* How long it took from each hit to the next receipt. */
static void
measure_stops(struct row *row, const struct drill *drill,
    const struct evidence *evidence, int64_t end_ns)
{
	size_t i;

	row->stop.wanted += drill->count;
	row->stop.hits += drill_struck(drill);
	for (i = 0; i < drill->count; i++) {
		const int64_t at_ns = drill->hits[i].at_ns;
		int64_t next_ns = next_receipt_ns(evidence, at_ns);

		if (drill->hits[i].state != HIT_DONE)
			continue;
		if (next_ns == INT64_MAX && !is_stuck(evidence))
			continue; /* nothing was left to sell */
		if (next_ns == INT64_MAX)
			next_ns = end_ns;
		if ((double)(next_ns - at_ns) / 1e9 > row->stop.longest_s)
			row->stop.longest_s = (double)(next_ns - at_ns) / 1e9;
	}
}

static void
show_collision(struct row *row, const struct evidence *evidence)
{
	size_t size;
	FILE *out;

	free(row->collision);
	json_decref(row->collision_json);
	row->collision = NULL;
	out = open_memstream(&row->collision, &size);
	if (out == NULL)
		abort();
	row->collision_json = oracle_collision(
	    evidence, &row->judgement, row->setting.store, out);
	fclose(out);
}

/* What a run found goes into the row. */
static void
enter_race(struct run *run, const struct evidence *evidence,
    const struct judgement *judgement, const struct buyers_log *log)
{
	struct row *row = run->row;

	row->runs++;
	row->later += judgement->later;
	row->unknown += judgement->unknown;
	row->recovered += judgement->recovered;
	if (judgement->wrong)
		row->wrong_runs++;
	if (row->runs > 1 && (!judgement->wrong || row->judgement.wrong))
		return;
	row->judgement = *judgement;
	row->capacity = evidence->capacity;
	row->remaining = evidence->remaining;
	row->race_s = (double)(log->end_ns - log->start_ns) / 1e9;
	show_collision(row, evidence);
}

static void
trace_race(struct run *run, const struct evidence *evidence, unsigned nth)
{
	const struct setting *s = &run->row->setting;
	char name[96];

	if (run->stage->trace == NULL)
		return;
	snprintf(name, sizeof(name), "%s · %s", s->lock, s->store);
	if (run->flags->runs > 1)
		snprintf(name + strlen(name), sizeof(name) - strlen(name),
		    " · run %u", nth + 1);
	trace_add(run->stage->trace, name, run->number * run->flags->runs + nth,
	    evidence);
}

/* Why something failed: the web's reason, or if it has none, ours. */
static bool
fail_by_web(struct run *run, const char *text)
{
	const char *error = web_error(run->web);

	return fail(run, error[0] != '\0' ? error : text);
}

/* The buyers' answers, and the ledger's, judged. */
static bool
judge_race(struct run *run, const struct buyers_plan *plan,
    struct evidence *evidence, const struct buyers_log *log, unsigned nth)
{
	struct judgement judgement;

	evidence->alone = run->flags->sale == NULL;
	evidence_ask_again(evidence, run->web, plan, ASK_AGAIN);
	if (!evidence_add_ledger(evidence, run->web, true))
		return fail_by_web(
		    run, "the ledger has a gap, or a line of no sense");
	oracle_judge(evidence, &judgement);
	enter_race(run, evidence, &judgement, log);
	trace_race(run, evidence, nth);
	return true;
}

static bool
race(struct run *run, unsigned nth)
{
	const struct flags *flags = run->flags;
	const struct drill_plan drills = {.kills = flags->kills,
	    .holders = flags->holders,
	    .pause_ms = flags->pause_ms,
	    .seed = flags->seed + nth * 7919u + run->number * 104729u,
	    .within = most_receipts(flags) * 3 / 4};
	struct evidence evidence;
	struct buyers_plan plan;
	struct buyers_log log;
	struct drill drill;
	bool good;

	if (!open_sale(run, "race", nth, flags->tickets, true) ||
	    !learn_sale(run))
		return false;
	drill_begin(&drill, &drills, &run->launch);
	plan = race_plan(run, &drill);
	good = buy(run, &plan, &evidence, &log);
	if (flags_drill(flags))
		drill_end(&drill);
	if (!good)
		fail_by_web(run, "buyers could not connect");
	good = good && judge_race(run, &plan, &evidence, &log, nth);
	if (good && flags_drill(flags))
		measure_stops(run->row, &drill, &evidence, log.end_ns);
	close_sale(run);
	evidence_free(&evidence);
	buyers_log_free(&log);
	return good;
}

/* --------------------------------------------------------------- price -- */

/* The sum of a counter for the row's strategy; -1: it is not there. */
static double
read_conflicts(struct run *run)
{
	char wanted[96];
	double sum = -1;
	char *text, *at;

	text = web_get_text(run->web, "/metrics");
	if (text == NULL)
		return -1;
	snprintf(wanted, sizeof(wanted),
	    "\nturnstile_conflicts_total{lock=\"%s"
	    "\"}",
	    run->row->setting.lock);
	at = strstr(text, wanted);
	if (at != NULL)
		sum = strtod(at + strlen(wanted), NULL);
	free(text);
	return sum;
}

/* Like a race, but for so long, and with numbers of its own for its keys. */
static struct buyers_plan
price_plan(const struct run *run, int64_t duration_ns, uint64_t nth)
{
	return (struct buyers_plan){.sale = run->sale,
	    .seed = run->flags->seed,
	    .duration_ns = duration_ns,
	    .quantity = 1,
	    .first_order = nth << 32};
}

/* If it was right it has a price; else it is one more race that was wrong. */
static void
judge_price(struct run *run, const struct evidence *evidence,
    const struct buyers_log *log, struct price *price)
{
	const struct setting *s = &run->row->setting;
	struct judgement judgement;

	oracle_judge(evidence, &judgement);
	if (judgement.wrong)
		enter_race(run, evidence, &judgement, log);
	else
		price_of_sales(price, evidence, log, s->workers, s->clerks);
}

/* Sell for a while: what it cost, and whether it was right. */
static bool
price_sales(struct run *run, struct price *price)
{
	const struct buyers_plan plan =
	    price_plan(run, run->flags->duration_ms * NS_PER_MS, 1);
	const double before = read_conflicts(run);
	struct evidence evidence;
	struct buyers_log log;
	bool good;

	good = buy(run, &plan, &evidence, &log) &&
	       evidence_add_ledger(&evidence, run->web, false);
	if (good)
		judge_price(run, &evidence, &log, price);
	else if (!*run->stage->stop)
		fail(run, "the price could not be measured");
	if (price->known)
		price->conflicts = before < 0 ? -1
					      : (read_conflicts(run) - before) /
						    (double)price->sold.count;
	evidence_free(&evidence);
	buyers_log_free(&log);
	return good;
}

/* The same buyers at a sale that is sold out with the first order. */
static void
price_refusals(struct run *run, struct price *price)
{
	const struct buyers_plan plan = price_plan(run, REFUSE_NS, 2);
	struct evidence evidence;
	struct buyers_log log;

	if (buy(run, &plan, &evidence, &log))
		price_of_refusals(price, &evidence);
	evidence_free(&evidence);
	buyers_log_free(&log);
}

static bool
price(struct run *run)
{
	struct price price = {0};
	int64_t tickets = run->flags->duration_ms * TICKETS_PER_MS;

	if (tickets > STORE_CAPACITY_MAX)
		tickets = STORE_CAPACITY_MAX;
	if (!open_sale(run, "price", 0, tickets, false) ||
	    !price_sales(run, &price))
		return false;
	close_sale(run);
	if (price.known && open_sale(run, "refuse", 0, 1, false)) {
		price_refusals(run, &price);
		close_sale(run);
	}
	run->row->price = price;
	return true;
}

/* ----------------------------------------------------------------- row -- */

/* Had a race to show?  Two clerks who may be in the sale at once, and time. */
static bool
must_be_wrong(const struct row *row, const struct flags *flags)
{
	const struct setting *s = &row->setting;
	const struct lock_facts facts = lock_facts(s->strategy);
	const bool together = facts.excludes_threads
				  ? s->workers > 1
				  : s->workers * s->clerks > 1;

	return s->delay_min_ms > 0 && together && flags->buyers > 1 &&
	       !flags_drill(flags) && flags->url == NULL &&
	       flags->tickets >= flags->quantity;
}

static enum promise
judge_promise(const struct row *row, const struct flags *flags)
{
	if (row->safe)
		return row->wrong_runs > 0 ? PROMISE_BROKEN : PROMISE_KEPT;
	if (row->wrong_runs > 0)
		return CONTROL_WRONG;
	return must_be_wrong(row, flags) ? CONTROL_NOT_SHOWN
					 : CONTROL_UNDECIDED;
}

/* New connections: perhaps they meet other workers. */
static bool
reconnect(struct run *run)
{
	buyers_free(run->buyers);
	run->buyers = buyers_new(run->url, run->flags->buyers);
	return run->buyers != NULL || fail(run, "buyers could not connect");
}

/*
 * A control in which no race showed, though one must, gets another chance:
 * all its buyers may have met the same worker.
 */
static bool
race_again(struct run *run)
{
	unsigned nth;

	for (nth = 0; nth < CONTROL_CHANCES; nth++) {
		if (judge_promise(run->row, run->flags) != CONTROL_NOT_SHOWN)
			break;
		if (!reconnect(run) || !race(run, run->flags->runs + nth))
			return false;
	}
	return true;
}

/* Drills find a service that has not been through any. */
static bool
run_races(struct run *run)
{
	unsigned nth;

	for (nth = 0; nth < run->flags->runs; nth++) {
		if (nth > 0 && flags_drill(run->flags)) {
			end_run(run);
			if (!begin_run(run))
				return false;
		}
		run->stage->doing(run->stage->arg, "race");
		if (!race(run, nth))
			return false;
	}
	return true;
}

/* Only who is correct has one, and nobody while workers die. */
static bool
has_price(const struct row *row, const struct flags *flags)
{
	return row->promise == PROMISE_KEPT && flags->duration_ms > 0 &&
	       flags->sale == NULL && !flags_drill(flags);
}

bool
row_run(struct row *row, const struct setting *setting, unsigned number,
    const struct stage *stage)
{
	struct run run = {.row = row,
	    .stage = stage,
	    .flags = stage->flags,
	    .number = number};

	*row = (struct row){
	    .setting = *setting, .safe = lock_is_safe(setting->strategy)};
	if (begin_run(&run) && run_races(&run) && race_again(&run)) {
		row->promise = judge_promise(row, run.flags);
		if (has_price(row, run.flags)) {
			stage->doing(stage->arg, "price");
			if (price(&run))
				row->promise = judge_promise(row, run.flags);
		}
	}
	end_run(&run);
	return !*stage->stop;
}

void
row_free(struct row *row)
{
	free(row->collision);
	json_decref(row->collision_json);
}

bool
row_is_good(const struct row *row)
{
	switch (row->promise) {
	case PROMISE_KEPT:
	case CONTROL_WRONG:
	case CONTROL_UNDECIDED:
		return true;
	case PROMISE_BROKEN:
	case CONTROL_NOT_SHOWN:
	case ROW_FAILED:
		break;
	}
	return false;
}
