/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Killed at every call: the worker that does the deed, or the supervisor (and
 * with it all), before each call to files, locks and sockets and behind each
 * that changes something; then once more while the service recovers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/parts.h"
#include "tests/torture/trial.h"

#define ORDERS 3 /* on the shelf */
#define CLASSES (TAMPER_FILES | TAMPER_LOCKS | TAMPER_NET)
#define AGAIN_WITHIN_MS 2000       /* the promise */
#define AGAIN_TWICE_WITHIN_MS 4000 /* for two deaths */
#define STARTS_MOST 3

struct sweep {
	struct trial *trial;
	char name[160]; /* "crash/json/mutex/buy" */
	bool supervisor;
	int64_t calls;       /* of the deed */
	int64_t start_calls; /* of a start */
};

/* The service is dead; start it, struck by `plan` (or NULL) the first time. */
static bool
start_again(struct trial *t, const struct tamper_plan *plan)
{
	enum service_state state = SERVICE_ENDED;
	int i;

	for (i = 0; i < STARTS_MOST && state != SERVICE_RUNS; i++) {
		if (plan != NULL && i == 0)
			tamper_arm(t->tamper, plan);
		state = service_start(&t->run, &t->options, 5000);
		if (plan != NULL && i == 0)
			tamper_disarm(t->tamper);
	}
	return state == SERVICE_RUNS;
}

/* How many calls a start makes: those that can be struck in one. */
static int64_t
count_start(struct trial *t)
{
	const struct tamper_plan plan = {.classes = TAMPER_FILES};
	int64_t seen;

	if (!trial_open(t, "a start"))
		return 0;
	service_kill(&t->run);
	tamper_arm(t->tamper, &plan);
	service_start(&t->run, &t->options, 5000);
	tamper_disarm(t->tamper);
	seen = atomic_load(&t->tamper->seen);
	service_kill(&t->run);
	return seen;
}

/* False: the deed has no n-th call any more. */
static bool
strike(struct sweep *sweep, const char *name, struct tamper_plan plan,
    const struct tamper_plan *again)
{
	static struct answer answers[DEED_REQUESTS];
	struct trial *t = sweep->trial;
	struct trial_verdict verdict = {.name = name,
	    .answers = answers,
	    .within_ms =
		again == NULL ? AGAIN_WITHIN_MS : AGAIN_TWICE_WITHIN_MS,
	    .plan = sweep->supervisor ? NULL : again};
	struct tamper_plan second;
	bool hit;

	if (!trial_open(t, name))
		return true;
	plan.except = t->run.pid;
	plan.victim = sweep->supervisor ? t->run.pid : 0;
	tamper_arm(t->tamper, &plan);
	trial_do(t, answers);
	tamper_disarm(t->tamper);
	hit = atomic_load(&t->tamper->hits) > 0;
	if (verdict.plan != NULL) {
		second = *again;
		second.except = t->run.pid;
		verdict.plan = &second;
	}
	if (sweep->supervisor && hit) {
		service_kill(&t->run);
		if (!start_again(t, again)) {
			report_red(name, "a start after the crash", "%s",
			    trial_last_words(t));
			service_kill(&t->run);
			return true;
		}
	}
	trial_judge(t, &verdict);
	return hit;
}

/* A number that is the same each time, and looks like chance. */
static int64_t
some_of(int64_t n, uint64_t seed, int64_t most)
{
	const uint64_t mixed =
	    ((uint64_t)n + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return most < 1 ? 1 : 1 + (int64_t)(mixed >> 33) % most;
}

/* One of a sweep's cases; `again` is a second death, in the recovery. */
static void
strike_at(struct sweep *sweep, int64_t n, bool after, bool again)
{
	const struct trial *t = sweep->trial;
	const struct tamper_plan plan = {.classes = CLASSES,
	    .act = after ? TAMPER_KILL_AFTER : TAMPER_KILL_BEFORE,
	    .at = n};
	const int64_t most = sweep->supervisor ? sweep->start_calls : 40;
	const struct tamper_plan second = {
	    .classes = TAMPER_FILES | TAMPER_LOCKS,
	    .act = n % 2 == 0 ? TAMPER_KILL_BEFORE : TAMPER_KILL_AFTER,
	    .at = some_of(n, t->settings->seed, most)};
	char name[256];

	snprintf(name, sizeof(name), "%s/%s-%" PRId64 "%s", sweep->name,
	    after ? "after" : "before", n, again ? "/again" : "");
	if (report_wants(name))
		strike(sweep, name, plan, again ? &second : NULL);
}

/* Of all cases of a sweep one in `every`. */
static void
sweep_calls(struct sweep *sweep, int64_t every)
{
	const struct trial *t = sweep->trial;
	const int64_t first = (int64_t)(t->settings->seed % 1000);
	static uint16_t trace[TAMPER_TRACE];
	int64_t n;
	int way;

	memcpy(trace, t->tamper->trace, sizeof(trace));
	for (n = 1; n <= sweep->calls; n++)
		for (way = 0; way < 4; way++) {
			memcpy(t->tamper->trace, trace, sizeof(trace));
			if ((way < 2 || tamper_call_changes(t->tamper, n)) &&
			    (n * 4 + way + first) % every == 0)
				strike_at(sweep, n, way >= 2, way % 2 == 1);
		}
}

/* SQLite makes three times as many calls. */
static int64_t
one_in(const struct trial *t)
{
	if (t->settings->only != NULL)
		return 1;
	if (t->settings->quick)
		return 131;
	return strcmp(t->store, "sqlite") == 0 ? 3 : 1;
}

static void
sweep_deed(struct trial *t, const char *lock, const struct deed *deed,
    int64_t start_calls)
{
	static const char *const victims[] = {"worker", "supervisor"};
	struct sweep sweep = {.trial = t, .start_calls = start_calls};
	int victim;

	for (victim = 0; victim < 2; victim++) {
		snprintf(sweep.name, sizeof(sweep.name), "crash/%s/%s/%s/%s",
		    t->store, lock, deed->name, victims[victim]);
		sweep.supervisor = victim == 1;
		if (!report_enters(sweep.name))
			continue;
		sweep.calls = trial_learn(t, deed, CLASSES);
		sweep_calls(&sweep, one_in(t));
	}
}

/* Sales under each strategy, with another worker; the rest under one. */
static void
sweep_lock(const struct settings *settings, const char *store, const char *lock,
    bool all_deeds)
{
	static const char *const sales[] = {"buy-key", "crowd"};
	static const char *const others[] = {
	    "buy", "patch", "patch-lock", "patch-capacity", "create", "delete"};
	static struct trial t;
	char name[128];
	int64_t start_calls;
	size_t i;

	snprintf(name, sizeof(name), "crash/%s/%s/", store, lock);
	if (!report_enters(name) ||
	    !trial_begin(&t, settings, store, lock, ORDERS))
		return;
	start_calls = count_start(&t);
	t.options.workers = 2;
	for (i = 0; i < sizeof(sales) / sizeof(sales[0]); i++)
		sweep_deed(&t, lock, deeds_named(sales[i]), start_calls);
	t.options.workers = 1;
	for (i = 0; i < sizeof(others) / sizeof(others[0]) && all_deeds; i++)
		sweep_deed(&t, lock, deeds_named(others[i]), start_calls);
	trial_end(&t);
}

int
crash_run(const struct settings *settings)
{
	static const char *const stores[] = {"json", "sqlite"};
	static const char *const locks[] = {"mutex", "flock", "semaphore",
	    "spin", "ticket", "rwlock", "optimistic"};
	size_t i, j;

	report_begin(settings, "crash");
	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		for (j = 0; j < sizeof(locks) / sizeof(locks[0]); j++)
			if (settings->store == NULL ||
			    strcmp(settings->store, stores[i]) == 0)
				sweep_lock(
				    settings, stores[i], locks[j], j == 0);
	return report_end();
}
