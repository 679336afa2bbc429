/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every call fails once: each call of a start, of a deed, of a step of a play
 * on the bare store, with each error it can have.  Then each call of a start
 * goes on failing.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/shared.h"
#include "tests/torture/parts.h"
#include "tests/torture/stage.h"
#include "tests/torture/tree.h"
#include "tests/torture/trial.h"

#define ORDERS 3 /* on the shelf */
#define CLASSES (TAMPER_FILES | TAMPER_NET | TAMPER_FORKS | TAMPER_OTHER)
#define START_WITHIN_MS 15000 /* SQLite waits for locks in vain for 10 s */
#define WELL_WITHIN_MS 8000   /* a worker that ended is replaced, and serves */

static uint16_t trace[TAMPER_TRACE];

static void
keep_trace(const struct tamper *tamper)
{
	memcpy(trace, tamper->trace, sizeof(trace));
}

static unsigned
variants_of(struct tamper *tamper, int64_t n)
{
	memcpy(tamper->trace, trace, sizeof(trace));
	return tamper_variants(tamper, n);
}

/* For a quick look: each case, or some. */
static bool
is_due(
    const struct settings *settings, int64_t n, unsigned variant, int64_t every)
{
	if (!settings->quick || settings->only != NULL)
		return true;
	return (n * 7 + variant + (int64_t)(settings->seed % 1000)) % every ==
	       0;
}

/* --------------------------------------------------------------- starts -- */

struct starts {
	struct trial *trial;
	bool fresh, lasting;
	char before[LOOK_SIZE]; /* what a start shows */
};

/* The log of a service that did not start: one line, and no signal. */
static void
judge_refusal(struct starts *s, const char *name)
{
	struct trial *t = s->trial;
	char log[8192], now[LOOK_SIZE], *end;

	service_log(&t->run, log, sizeof(log));
	end = strchr(log, '\n');
	if (!WIFEXITED(t->run.status) || WEXITSTATUS(t->run.status) == 0)
		report_red(name, "an exit status", "status %x; %s after %s",
		    t->run.status, log, t->tamper->what);
	else if (end == NULL || end[1] != '\0')
		report_red(
		    name, "one line", "\"%s\" after %s", log, t->tamper->what);
	else if (service_start(&t->run, &t->options, START_WITHIN_MS) !=
		     SERVICE_RUNS ||
		 !service_look(&t->run, WELL_WITHIN_MS, now))
		report_red(name, "a start when the fault is gone",
		    "%s after %s", trial_last_words(t), t->tamper->what);
	else if (strcmp(now, s->before) != 0)
		report_red(
		    name, "all orders", "%s after %s", now, t->tamper->what);
	else
		report_green(name);
	service_kill(&t->run);
}

/* While the fault lasts: an answer, and not a wrong one. */
static const char *
is_said(struct trial *t, struct answer *answer)
{
	const struct request request = {
	    .method = "POST", .path = "/sales/demo/buy", .form = "buyer=c1"};

	service_ask(&t->run, &request, 3000, answer);
	if (answer->status == 201 || answer->status == 503 ||
	    answer->status == 500)
		return NULL;
	return answer->hung ? "it hangs" : "another answer, or none";
}

/* The fault is gone: it sells, and nobody crashed. */
static void
judge_selling(struct trial *t, const char *name)
{
	static struct answer answer;
	const struct request buy = {
	    .method = "POST", .path = "/sales/demo/buy", .form = "buyer=probe"};
	char how[32];

	service_insist(&t->run, &buy, WELL_WITHIN_MS, &answer);
	if (answer.status != 201)
		report_red(name, "a service that sells",
		    "%d %.200s after %s; its log ends: %s", answer.status,
		    answer.body, t->tamper->what, trial_last_words(t));
	else if (service_crashes(&t->run, how) > 0)
		report_red(
		    name, "no crash", "%s after %s", how, t->tamper->what);
	else
		report_green(name);
}

/*
 * A first start without space opens no sale, and says so; half a write is what
 * a full disk does.  Which call it was that failed is not always the one that
 * was counted on: threads vary.
 */
static bool
may_be_empty(const struct starts *s)
{
	const struct tamper *tamper = s->trial->tamper;
	const struct tamper_plan *plan = &tamper->plan;
	const int error = tamper_variant(tamper, plan->at, plan->variant);

	return s->fresh && tamper->nothing == 0 &&
	       (error == ENOSPC || error == 0);
}

/* It runs: all is there, and it sells. */
static void
judge_running(struct starts *s, const char *name)
{
	static struct answer answer;
	struct trial *t = s->trial;
	const char *wrong = NULL;
	char now[LOOK_SIZE];
	bool sold = false;

	if (s->lasting) {
		wrong = is_said(t, &answer);
		sold = answer.status != 503;
		tamper_disarm(t->tamper);
	}
	if (wrong != NULL)
		report_red(name, "201, 503 or 500 while it lasts",
		    "%s: %d %.200s after %s; its log ends: %s", wrong,
		    answer.status, answer.body, t->tamper->what,
		    trial_last_words(t));
	else if (!service_look(&t->run, WELL_WITHIN_MS, now))
		report_red(name, "sales that can be seen",
		    "%.500s after %s; its log ends: %s", now, t->tamper->what,
		    trial_last_words(t));
	else if (now[0] == '\0' && may_be_empty(s))
		report_green(name);
	else if (!sold && strcmp(now, s->before) != 0)
		report_red(
		    name, "all orders", "%s after %s", now, t->tamper->what);
	else
		judge_selling(t, name);
	service_kill(&t->run);
}

static void
set_directory(const struct starts *s)
{
	if (s->fresh)
		tree_remove(s->trial->data);
	else
		tree_copy(s->trial->shelf, s->trial->data);
}

/* It may run, but the line that says where did not come through. */
static bool
could_not_say(const struct tamper *tamper)
{
	return strncmp(tamper->what, "write pipe:", 11) == 0;
}

static void
start_with(struct starts *s, const char *name, const struct tamper_plan *plan)
{
	struct trial *t = s->trial;

	set_directory(s);
	tamper_arm(t->tamper, plan);
	switch (service_start(&t->run, &t->options, START_WITHIN_MS)) {
	case SERVICE_RUNS:
		if (!s->lasting)
			service_look(&t->run, 500, s->trial->after);
		if (!s->lasting)
			tamper_disarm(t->tamper);
		judge_running(s, name);
		break;
	case SERVICE_ENDED:
		tamper_disarm(t->tamper);
		judge_refusal(s, name);
		break;
	case SERVICE_HANGS:
		tamper_disarm(t->tamper);
		if (could_not_say(t->tamper))
			report_green(name);
		else
			report_red(name, "a start or its refusal",
			    "neither in %d ms after %s", START_WITHIN_MS,
			    t->tamper->what);
		break;
	}
	tamper_disarm(t->tamper);
}

static unsigned
classes_of(const struct starts *s)
{
	return s->lasting ? TAMPER_FILES : CLASSES;
}

/* Interruptions do not, nor does half a write. */
static bool
can_last(const struct tamper *tamper, int64_t n, unsigned variant)
{
	const int error = tamper_variant(tamper, n, variant);

	return error != 0 && error != EINTR;
}

/* A fault for good takes long: one of the call's errors, which is by chance. */
static bool
is_chosen(const struct trial *t, int64_t n, unsigned variant)
{
	const uint64_t any = (uint64_t)n + t->settings->seed;
	unsigned chosen = (unsigned)(any % tamper_variants(t->tamper, n));

	if (!can_last(t->tamper, n, chosen))
		chosen = 0;
	return can_last(t->tamper, n, variant) &&
	       (variant == chosen || t->settings->only != NULL);
}

/* Until it serves: what a worker does at its beginning is part of it. */
static int64_t
learn_start(struct starts *s)
{
	const struct tamper_plan count = {.classes = classes_of(s)};
	struct trial *t = s->trial;

	set_directory(s);
	tamper_arm(t->tamper, &count);
	if (service_start(&t->run, &t->options, START_WITHIN_MS) !=
		SERVICE_RUNS ||
	    !service_look(&t->run, WELL_WITHIN_MS, s->before))
		return -1;
	tamper_disarm(t->tamper);
	service_kill(&t->run);
	keep_trace(t->tamper);
	return atomic_load(&t->tamper->seen);
}

static void
sweep_start(struct starts *s, int64_t n, unsigned variant)
{
	const struct trial *t = s->trial;
	const struct tamper_plan plan = {.classes = classes_of(s),
	    .act = TAMPER_FAIL,
	    .at = n,
	    .variant = variant,
	    .lasting = s->lasting};
	char name[200];

	snprintf(name, sizeof(name), "fault/%s/start%s%s/%" PRId64 ".%u",
	    t->store, s->fresh ? "-fresh" : "", s->lasting ? "-lasting" : "", n,
	    variant);
	if (report_wants(name) &&
	    is_due(t->settings, n, variant, s->lasting ? 911 : 151))
		start_with(s, name, &plan);
}

static void
sweep_starts(struct trial *t, bool fresh, bool lasting)
{
	static struct starts s;
	char name[200];
	int64_t count, n;
	unsigned v;

	s = (struct starts){.trial = t, .fresh = fresh, .lasting = lasting};
	snprintf(name, sizeof(name), "fault/%s/start%s%s/", t->store,
	    fresh ? "-fresh" : "", lasting ? "-lasting" : "");
	if (!report_enters(name))
		return;
	count = learn_start(&s);
	if (count < 0)
		report_red(name, "a start", "%s", trial_last_words(t));
	for (n = 1; n <= count; n++)
		for (v = 0; v < variants_of(t->tamper, n); v++)
			if (!lasting || is_chosen(t, n, v))
				sweep_start(&s, n, v);
}

/* ---------------------------------------------------------------- deeds -- */

static void
fail_in_deed(struct trial *t, const char *name, struct tamper_plan plan)
{
	static struct answer answers[DEED_REQUESTS];
	const struct trial_verdict verdict = {
	    .name = name, .answers = answers, .within_ms = WELL_WITHIN_MS};

	if (!trial_keep_open(t, name))
		return;
	plan.except = t->run.pid;
	tamper_arm(t->tamper, &plan);
	trial_do(t, answers);
	tamper_disarm(t->tamper);
	trial_judge(t, &verdict);
}

static void
sweep_deed(struct trial *t, const struct deed *deed)
{
	char name[200];
	int64_t count, n;
	unsigned v;

	snprintf(name, sizeof(name), "fault/%s/%s/", t->store, deed->name);
	if (!report_enters(name))
		return;
	count = trial_learn(t, deed, CLASSES);
	keep_trace(t->tamper);
	for (n = 1; n <= count; n++)
		for (v = 0; v < variants_of(t->tamper, n); v++) {
			const struct tamper_plan plan = {.classes = CLASSES,
			    .act = TAMPER_FAIL,
			    .at = n,
			    .variant = v};

			snprintf(name, sizeof(name),
			    "fault/%s/%s/%" PRId64 ".%u", t->store, deed->name,
			    n, v);
			if (report_wants(name) && is_due(t->settings, n, v, 97))
				fail_in_deed(t, name, plan);
		}
	service_kill(&t->run);
}

/* ---------------------------------------------------------------- plays -- */

/* Steps on the bare store: many more, and much faster. */
struct bare {
	const struct settings *settings;
	const char *store;
	struct tamper *tamper;
	struct stage_told *told, *good;
	char dir[4096];
};

static void
play(struct bare *b, const struct play *whole, size_t steps,
    const struct accident *accident, const struct stage_told *good)
{
	const struct stage stage = {.store = b->store,
	    .dir = b->dir,
	    .tamper = b->tamper,
	    .told = b->told};
	struct play part = *whole;

	if (part.count > steps)
		part.count = steps;
	tree_remove(b->dir);
	mkdir(b->dir, 0755);
	stage_run(&stage, &part, accident, good);
}

static void
sweep_step(struct bare *b, const struct play *p, size_t step)
{
	struct accident accident = {
	    .step = step, .plan = {.classes = TAMPER_FILES}};
	char name[200];
	int64_t count, n;
	unsigned v;

	play(b, p, step + 1, &accident, b->good);
	count = atomic_load(&b->tamper->seen);
	keep_trace(b->tamper);
	for (n = 1; n <= count; n++)
		for (v = 0; v < variants_of(b->tamper, n); v++) {
			snprintf(name, sizeof(name),
			    "fault/%s/store/%s/step-%zu/%" PRId64 ".%u",
			    b->store, p->name, step, n, v);
			if (!report_wants(name) ||
			    !is_due(b->settings, n, v, 61))
				continue;
			accident.plan.act = TAMPER_FAIL;
			accident.plan.at = n;
			accident.plan.variant = v;
			play(b, p, step + 2, &accident, b->good);
			if (b->told->end == STAGE_DONE)
				report_green(name);
			else
				report_red(name, "a store that goes on",
				    "after %s: %s", b->tamper->what,
				    b->told->error);
		}
}

static void
sweep_plays(const struct settings *settings, const char *store)
{
	struct bare b = {.settings = settings, .store = store};
	char path[4096], name[64];
	size_t i, step;

	snprintf(name, sizeof(name), "fault/%s/store/", store);
	if (!report_enters(name))
		return;
	b.tamper = tamper_new(settings->work, path);
	b.tamper->skip_syncs = true;
	b.told = shared_new(sizeof(*b.told));
	b.good = calloc(1, sizeof(*b.good));
	snprintf(b.dir, sizeof(b.dir), "%s/stage", settings->work);
	snprintf(b.tamper->root, sizeof(b.tamper->root), "%.1000s", b.dir);
	for (i = 0; i < plays_count; i++) {
		if (plays[i].heavy || strcmp(plays[i].name, "large") == 0)
			continue;
		play(&b, &plays[i], STEPS_MOST, NULL, NULL);
		memcpy(b.good, b.told, sizeof(*b.good));
		for (step = plays[i].accidents_from; step < plays[i].count;
		     step++)
			sweep_step(&b, &plays[i], step);
	}
	free(b.good);
	shared_free(b.told, sizeof(*b.told));
	tamper_free(b.tamper, path);
	tree_remove(b.dir);
}

/* ----------------------------------------------------------------- part -- */

static void
sweep_store(const struct settings *settings, const char *store)
{
	static struct trial t;
	size_t i;

	sweep_plays(settings, store);
	if (!trial_begin(&t, settings, store, "mutex", ORDERS))
		return;
	sweep_starts(&t, false, false);
	sweep_starts(&t, true, false);
	for (i = 0; i < deeds_count; i++)
		if (strcmp(deeds[i].name, "crowd") != 0)
			sweep_deed(&t, &deeds[i]);
	sweep_starts(&t, false, true);
	trial_end(&t);
}

int
fault_run(const struct settings *settings)
{
	static const char *const stores[] = {"json", "sqlite"};
	size_t i;

	report_begin(settings, "fault");
	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (settings->store == NULL ||
		    strcmp(settings->store, stores[i]) == 0)
			sweep_store(settings, stores[i]);
	return report_end();
}
