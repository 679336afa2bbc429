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
#include "tests/stress/hang.h"
#include "tests/stress/launch.h"

#define TICKETS_PER_MS 200 /* that nobody can sell */
#define CONTROL_CHANCES 3
#define REFUSE_SHARE 4 /* of the time for sales */
#define RACE_MOST_NS (60 * NS_PER_SEC)

/* One row in the making: its service, its buyers, what is known so far. */
struct run {
	struct row *row;
	const struct stage *stage;
	const struct flags *flags;
	const volatile sig_atomic_t *stop;
	unsigned number;
	struct launch launch; /* none: the service is not ours */
	struct web *web;
	struct buyers *buyers;
	uint64_t next_order;
	char path[96];             /* of the sale */
	int64_t tickets;           /* that it has; 0: it is not ours */
	struct hang_scene stalled; /* who was where when nothing went on */
};

static bool
fail(struct run *run, const char *text)
{
	run->row->promise = ROW_FAILED;
	snprintf(run->row->error, sizeof(run->row->error), "%s", text);
	return false;
}

/* Why something failed: the web's reason, or if it has none, ours. */
static bool
fail_by_web(struct run *run, const char *text)
{
	const char *error = web_error(run->web);

	return fail(run, error[0] != '\0' ? error : text);
}

/*
 * Those that were tried for long, and in other ways; of any other one a race
 * that did not show proves little.
 */
static bool
is_shipped(const char *lock)
{
	static const char *const names[] = {"none", "mutex-private", "flock",
	    "mutex", "semaphore", "spin", "ticket", "rwlock", "optimistic",
	    "atomic", "row", "advisory"};
	const size_t length = strcspn(lock, ":");
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length &&
		    memcmp(names[i], lock, length) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------- service -- */

/*
 * In a race clerks dawdle, each row's in another way; what is measured is not
 * disturbed.
 */
static bool
begin_run(struct run *run, bool is_race)
{
	const struct flags *flags = run->flags;
	const char *urls[FLAGS_HOSTS_MAX] = {flags->url};
	struct setting *setting = &run->row->setting;
	char error[LAUNCH_ERROR_SIZE];
	size_t i;

	setting->jitter = 0;
	if (is_race && flags->jitter != JITTER_OFF)
		setting->jitter = (flags->seed + run->number) % INT64_MAX + 1;
	setting->jitter_deep =
	    flags->jitter == JITTER_DEEP ||
	    (flags->jitter == JITTER_AUTO && !run->row->shipped);
	if (flags->url == NULL && store_has_hosts(setting->store))
		setting->database = flags->cluster != NULL
					? cluster_database(flags->cluster)
					: flags->database;
	if (flags->url == NULL &&
	    !launch_start(&run->launch, flags, setting, error))
		return fail(run, error);
	for (i = 0; i < run->launch.count; i++)
		urls[i] = run->launch.hosts[i].url;
	run->web = web_new(urls[0], flags->token, run->stop);
	run->buyers = buyers_new(urls, i > 0 ? i : 1, flags->buyers);
	return run->buyers != NULL ||
	       fail(run, "the URL is not valid, or its host is not known");
}

static void
end_run(struct run *run)
{
	buyers_free(run->buyers);
	web_free(run->web);
	run->buyers = NULL;
	run->web = NULL;
	if (!*run->stop && launch_has_ended(&run->launch, run->row->error))
		run->row->promise = ROW_DIED;
	if (run->launch.count > 0 &&
	    !launch_stop(
		&run->launch, *run->stop || run->row->promise >= ROW_HUNG) &&
	    !*run->stop && run->row->promise < ROW_HUNG)
		fail(run, "the service did not stop as it should");
}

static bool
is_alive(void *arg)
{
	struct run *run = arg;
	char text[LAUNCH_ERROR_SIZE];

	return !launch_has_ended(&run->launch, text);
}

/* A new sale of `capacity`, under the row's strategy. */
static bool
open_sale(struct run *run, const char *what, unsigned nth, int64_t capacity,
    bool with_delay)
{
	const struct setting *s = &run->row->setting;
	char id[STORE_ID_SIZE], form[192], delay[DURATION_RANGE_SIZE];
	const struct web_request request = {"POST", "/sales", form, NULL};

	snprintf(id, sizeof(id), "stress-%08x-%u-%s-%u",
	    (unsigned)(run->flags->seed & 0xffffffff), run->number, what, nth);
	snprintf(run->path, sizeof(run->path), "/sales/%s",
	    run->flags->sale != NULL ? run->flags->sale : id);
	run->tickets = run->flags->sale != NULL ? 0 : capacity;
	if (run->flags->sale != NULL)
		return true;
	duration_range_print(s->delay_min_ms, s->delay_max_ms, delay);
	snprintf(form, sizeof(form),
	    "id=%s&capacity=%" PRId64 "&lock=%s&delay=%s", id, capacity,
	    s->lock, with_delay ? delay : "0");
	return web_ask(run->web, &request, NULL) == 201 ||
	       fail(run, web_error(run->web));
}

/* On a service of others nothing is left behind. */
static void
close_sale(struct run *run)
{
	char path[128];
	const struct web_request request = {"DELETE", path, NULL, NULL};

	if (run->flags->url == NULL || run->flags->sale != NULL)
		return;
	snprintf(path, sizeof(path), "%s?force=1", run->path);
	web_ask(run->web, &request, NULL);
}

static void
look_at_stall(void *arg)
{
	struct run *run = arg;

	hang_look(&run->launch, &run->stalled);
}

/* Who has the lock, while they are still there to be seen. */
static void
hang(struct run *run, const struct buyers_log *log)
{
	struct row *row = run->row;
	struct hang_scene scene;
	size_t n;

	row->promise = ROW_HUNG;
	hang_look(&run->launch, &scene);
	if (scene.waiting.count == 0)
		scene = run->stalled;
	hang_describe(&run->launch, log, &scene, run->tickets, row->error,
	    sizeof(row->error));
	/* Nobody there?  Of a service of ours end_run() knows. */
	if (run->flags->url == NULL || web_get(run->web, "/livez", NULL) != 0)
		return;
	row->promise = ROW_DIED;
	n = strlen(row->error);
	snprintf(row->error + n, sizeof(row->error) - n, "; %s",
	    web_error(run->web));
}

/* What buyers hear; false, with or without web_error(): they could not buy. */
static bool
buy(struct run *run, struct buyers_plan *plan, struct evidence *evidence)
{
	struct buyers_log log = {0};
	bool good;

	plan->alive = is_alive;
	plan->alive_arg = run;
	plan->stalled = look_at_stall;
	plan->stalled_arg = run;
	run->stalled = (struct hang_scene){0};
	good = evidence_begin(evidence, run->web, run->path) &&
	       buyers_run(run->buyers, plan, &log, run->stop);
	if (good)
		evidence_add_log(evidence, plan, &log);
	evidence->unsent = (int64_t)log.unsent;
	evidence->client_late_ns = log.late_ns;
	if (log.hung)
		hang(run, &log);
	buyers_log_free(&log);
	return good;
}

/* --------------------------------------------------------------- race -- */

/* How far a strategy must reach to be right here. */
static enum lock_reach
needed_reach(const struct run *run)
{
	return run->flags->hosts > 1 ? LOCK_REACH_HOSTS : LOCK_REACH_HOST;
}

/* A sale that was there before us is under a strategy of its own. */
static void
learn_sale(const struct run *run, const struct evidence *evidence)
{
	struct row *row = run->row;
	struct setting *s = &row->setting;

	snprintf(s->store, sizeof(s->store), "%s", evidence->store);
	if (lock_parse(evidence->lock, &s->strategy))
		lock_print(s->strategy, s->lock);
	row->safe = lock_is_safe(s->strategy, needed_reach(run));
	row->shipped = is_shipped(s->lock);
}

/*
 * If every order took its turn, and ten times as long as it should; a service
 * of others may have any delay.
 */
static int64_t
race_most_ns(const struct run *run)
{
	const int64_t turn_ms = 20 + 2 * run->row->setting.delay_max_ms;

	if (run->flags->sale != NULL)
		return 0;
	return RACE_MOST_NS +
	       (int64_t)flags_orders(run->flags) * turn_ms * NS_PER_MS;
}

static struct buyers_plan
race_plan(struct run *run, struct drill *drill)
{
	const struct flags *flags = run->flags;
	struct buyers_plan plan = {.path = run->path,
	    .seed = flags->seed,
	    .orders = flags_orders(flags),
	    .quantity = flags->quantity,
	    .looks = true,
	    .patience_ns = flags->patience_ms * NS_PER_MS,
	    .most_ns = race_most_ns(run),
	    .first_order = run->next_order};

	if (flags_drill(flags)) {
		plan.watch = drill_watch;
		plan.watch_arg = drill;
	}
	run->next_order += plan.orders;
	return plan;
}

/*
 * When selling went on after that: with the next receipt; if none came though
 * tickets were left, and orders that got none, not before the end.
 */
static int64_t
sold_again_ns(const struct evidence *evidence, int64_t after_ns)
{
	int64_t next_ns = INT64_MAX;
	bool stuck = false;
	size_t i;

	for (i = 0; i < evidence->answer_count; i++) {
		const struct answer *answer = &evidence->answers[i];

		if (answer->kind == ANSWER_SOLD && !answer->again &&
		    answer->done_ns > after_ns && answer->done_ns < next_ns)
			next_ns = answer->done_ns;
		stuck |= !answer->look &&
			 answer->quantity <= evidence->remaining &&
			 (answer->kind == ANSWER_NONE ||
			     answer->kind == ANSWER_LATER);
	}
	if (next_ns != INT64_MAX)
		return next_ns;
	return stuck ? evidence->end_ns : after_ns;
}

/* How long it took from each hit until selling went on. */
static void
measure_stops(
    struct row *row, const struct drill *drill, const struct evidence *evidence)
{
	size_t i;

	row->stop.wanted += drill->count;
	for (i = 0; i < drill->count; i++) {
		const int64_t at_ns = drill->hits[i].at_ns;
		const double stop_s =
		    (double)(sold_again_ns(evidence, at_ns) - at_ns) / 1e9;

		if (drill->hits[i].state != HIT_DONE)
			continue;
		row->stop.hits++;
		if (stop_s > row->stop.longest_s)
			row->stop.longest_s = stop_s;
	}
}

static void
free_collision(struct row *row)
{
	free(row->collision);
	json_decref(row->collision_json);
}

static void
show_collision(struct row *row, const struct evidence *evidence)
{
	size_t size;
	FILE *out;

	free_collision(row);
	out = buffer_must(open_memstream(&row->collision, &size));
	row->collision_json = oracle_collision(evidence, &row->judgement, out);
	fclose(out);
}

/* What a run found goes into the row. */
static void
enter_race(struct row *row, const struct evidence *evidence,
    const struct judgement *judgement)
{
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
	row->race_s = (double)(evidence->end_ns - evidence->start_ns) / 1e9;
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
	if (run->flags->runs > 1 || nth > 0)
		snprintf(name + strlen(name), sizeof(name) - strlen(name),
		    " · run %u", nth + 1);
	trace_add(run->stage->trace, name, evidence);
}

/* The buyers' answers, and the ledger's, judged. */
static bool
judge_race(struct run *run, const struct buyers_plan *plan,
    struct evidence *evidence, unsigned nth)
{
	struct judgement judgement;

	learn_sale(run, evidence);
	evidence->alone = run->flags->sale == NULL;
	evidence_ask_again(evidence, run->web, plan);
	if (!evidence_add_ledger(evidence, run->web, true))
		return fail_by_web(
		    run, "the ledger has a gap, or a line of no sense");
	oracle_judge(evidence, &judgement);
	enter_race(run->row, evidence, &judgement);
	trace_race(run, evidence, nth);
	if (run->stage->events != NULL)
		events_add(run->stage->events, evidence, plan);
	return true;
}

static bool
race(struct run *run, unsigned nth)
{
	const struct flags *flags = run->flags;
	struct evidence evidence;
	struct buyers_plan plan;
	struct drill drill;
	bool good;

	if (!open_sale(run, "race", nth, flags->tickets, true))
		return false;
	drill_begin(&drill, flags,
	    flags->seed + nth * 7919u + run->number * 104729u, &run->launch);
	plan = race_plan(run, &drill);
	good = buy(run, &plan, &evidence);
	if (flags_drill(flags))
		drill_end(&drill);
	if (!good && run->row->promise < ROW_HUNG)
		fail_by_web(run, "buyers could not connect");
	good = good && judge_race(run, &plan, &evidence, nth);
	if (good && flags_drill(flags))
		measure_stops(run->row, &drill, &evidence);
	close_sale(run);
	evidence_free(&evidence);
	return good;
}

/* --------------------------------------------------------------- price -- */

/* -1: it is not there. */
static double
read_conflicts(struct run *run)
{
	return web_get_metric(
	    run->web, "turnstile_conflicts_total", run->row->setting.lock);
}

/* Like a race, but for so long, and with numbers of its own for its keys. */
static struct buyers_plan
price_plan(const struct run *run, int64_t duration_ns, uint64_t nth)
{
	return (struct buyers_plan){.path = run->path,
	    .seed = run->flags->seed,
	    .duration_ns = duration_ns,
	    .quantity = 1,
	    .patience_ns = run->flags->patience_ms * NS_PER_MS,
	    .first_order = nth << 32};
}

/* All of them, those of the warm-up as well. */
static size_t
sold_in(const struct evidence *evidence)
{
	size_t i, count = 0;

	for (i = 0; i < evidence->answer_count; i++)
		count += evidence->answers[i].kind == ANSWER_SOLD &&
			 !evidence->answers[i].again;
	return count;
}

/* For each sale, over all rounds. */
static void
add_conflicts(struct run *run, double before, size_t sales)
{
	struct row *row = run->row;
	const double after = read_conflicts(run);

	row->sales += (int64_t)sales;
	if (before < 0 || after < before)
		row->conflicts = -1;
	else if (row->conflicts >= 0)
		row->conflicts += (int64_t)(after - before);
	row->price.conflicts =
	    row->conflicts < 0 || row->sales == 0
		? -1
		: (double)row->conflicts / (double)row->sales;
}

/* One round's share of the time. */
static int64_t
round_ns(const struct run *run)
{
	return run->flags->duration_ms * NS_PER_MS / run->flags->rounds;
}

/* Of a rate as many whole intervals as fit: it is exactly the rate. */
static int64_t
window_ns(const struct run *run)
{
	const uint64_t rate = run->flags->rate;

	return rate == 0 ? round_ns(run)
			 : (int64_t)(flags_round_orders(run->flags) *
				     NS_PER_SEC / rate);
}

/*
 * Sell for a while.  If that was right it has a price; else it is one more
 * race that was wrong, and there is none.
 */
static bool
price_sales(struct run *run)
{
	struct row *row = run->row;
	const struct setting *s = &row->setting;
	const int64_t warmup_ns = run->flags->warmup_ms * NS_PER_MS;
	struct buyers_plan plan =
	    price_plan(run, warmup_ns + window_ns(run), 1);
	const double before = read_conflicts(run);
	struct judgement judgement = {0};
	struct evidence evidence;
	bool good;

	plan.rate = run->flags->rate;
	plan.warmup_ns = warmup_ns;
	good = buy(run, &plan, &evidence) &&
	       evidence_add_ledger(&evidence, run->web, false);
	if (plan.rate > 0)
		evidence.until_ns = evidence.start_ns + plan.duration_ns;
	if (good)
		oracle_judge(&evidence, &judgement);
	else if (row->promise < ROW_HUNG)
		fail_by_web(run, "the price could not be measured");
	if (judgement.wrong)
		enter_race(row, &evidence, &judgement);
	else if (good)
		price_of_sales(&row->price, &evidence, warmup_ns,
		    s->workers * run->flags->hosts);
	if (good)
		add_conflicts(run, before, sold_in(&evidence));
	row->price.known &= good && !judgement.wrong;
	evidence_free(&evidence);
	return good;
}

/* The same buyers, in turn, at a sale that is sold out with the first order. */
static void
price_refusals(struct run *run)
{
	struct buyers_plan plan =
	    price_plan(run, round_ns(run) / REFUSE_SHARE, 2);
	struct evidence evidence;

	if (buy(run, &plan, &evidence))
		price_of_refusals(&run->row->price, &evidence);
	evidence_free(&evidence);
}

static bool
price(struct run *run, unsigned round)
{
	int64_t tickets =
	    (run->flags->warmup_ms + run->flags->duration_ms) * TICKETS_PER_MS;

	if (tickets > STORE_CAPACITY_MAX)
		tickets = STORE_CAPACITY_MAX;
	if (!open_sale(run, "price", round, tickets, false) ||
	    !price_sales(run))
		return false;
	close_sale(run);
	if (run->row->price.known &&
	    open_sale(run, "refuse", round, 1, false)) {
		price_refusals(run);
		close_sale(run);
	}
	return true;
}

/* ----------------------------------------------------------------- row -- */

/* Had a race to show?  Two clerks who may be in the sale at once, and time. */
static bool
must_be_wrong(const struct row *row, const struct flags *flags)
{
	const struct setting *s = &row->setting;
	const struct lock_facts facts = lock_facts(s->strategy);
	const unsigned processes = s->workers * flags->hosts;
	const bool together = facts.excludes_processes ? flags->hosts > 1
			      : facts.excludes_threads
				  ? processes > 1
				  : processes * s->clerks > 1;

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

/*
 * Drills find a service that has not been through any.  So does a control in
 * which no race showed, though one must: it gets another chance, for all its
 * buyers may have met the same worker.
 */
static bool
run_races(struct run *run)
{
	const unsigned runs = run->flags->runs, most = runs + CONTROL_CHANCES;
	unsigned nth;

	for (nth = 0; nth < most; nth++) {
		if (nth >= runs &&
		    judge_promise(run->row, run->flags) != CONTROL_NOT_SHOWN)
			break;
		if (nth >= runs || (nth > 0 && flags_drill(run->flags))) {
			end_run(run);
			if (!begin_run(run, true))
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
	return row->promise == PROMISE_KEPT && flags_price(flags);
}

/* On a service whose clerks do not dawdle. */
static void
measure(struct run *run)
{
	run->stage->doing(run->stage->arg, "price");
	if (run->flags->jitter != JITTER_OFF && run->launch.count > 0) {
		end_run(run);
		if (run->row->promise == ROW_FAILED || !begin_run(run, false))
			return;
	}
	if (price(run, 0))
		run->row->promise = judge_promise(run->row, run->flags);
}

bool
row_price(
    struct row *row, unsigned number, unsigned round, const struct stage *stage)
{
	struct run run = {.row = row,
	    .stage = stage,
	    .flags = stage->flags,
	    .stop = stage->stop,
	    .number = number};
	bool good;

	if (!has_price(row, stage->flags))
		return !*stage->stop;
	good = begin_run(&run, false) && price(&run, round);
	end_run(&run);
	if (*stage->stop) /* what is known by now stays true */
		row->promise = PROMISE_KEPT;
	else if (good && row->promise < ROW_HUNG)
		row->promise = judge_promise(row, stage->flags);
	row->price.known &= row->promise == PROMISE_KEPT;
	return !*stage->stop;
}

bool
row_run(struct row *row, const struct setting *setting, unsigned number,
    const struct stage *stage)
{
	struct run run = {.row = row,
	    .stage = stage,
	    .flags = stage->flags,
	    .stop = stage->stop,
	    .number = number};

	*row = (struct row){.setting = *setting,
	    .safe = lock_is_safe(setting->strategy, needed_reach(&run)),
	    .shipped = is_shipped(setting->lock)};
	if (begin_run(&run, true) && run_races(&run)) {
		row->promise = judge_promise(row, run.flags);
		if (has_price(row, run.flags))
			measure(&run);
	}
	end_run(&run);
	return !*stage->stop;
}

void
row_free(struct row *row)
{
	free_collision(row);
	price_free(&row->price);
}

bool
row_is_good(const struct row *row)
{
	return row->promise <= CONTROL_UNDECIDED;
}

/* --------------------------------------------------------------- flood -- */

/* False: nobody was answered with 200. */
static bool
print_flood(const struct flags *flags, const struct buyers_log *log)
{
	const double us = (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3;
	size_t i, good = 0;

	for (i = 0; i < log->count; i++)
		good += log->replies[i].status == 200;
	if (good == 0) {
		fprintf(stderr,
		    "stress: GET %s: none of %zu was answered "
		    "with 200, the last with %u\n",
		    flags->flood, log->count,
		    (unsigned)log->replies[log->count - 1].status);
		return false;
	}
	printf("%.0f requests/s by %u buyers, %zu of %zu with 200; "
	       "%.1f us of the client's own time each\n",
	    (double)log->count * 1e9 / (double)(log->end_ns - log->start_ns),
	    flags->buyers, good, log->count, us / (double)log->count);
	return true;
}

bool
row_flood(const struct flags *flags, const volatile sig_atomic_t *stop)
{
	const struct buyers_plan plan = {.path = flags->flood,
	    .flood = true,
	    .duration_ns = flags->duration_ms * NS_PER_MS};
	struct row row = {.setting = flags_setting(flags, 0)};
	struct run run = {.row = &row, .flags = flags, .stop = stop};
	struct buyers_log log = {0};
	bool good = begin_run(&run, false) &&
		    buyers_run(run.buyers, &plan, &log, stop) && log.count > 0;

	if (run.web != NULL && !good)
		fail(&run, "buyers could not connect");
	if (good)
		good = print_flood(flags, &log);
	else
		fprintf(stderr, "stress: %s\n", row.error);
	buyers_log_free(&log);
	end_run(&run);
	return good;
}
