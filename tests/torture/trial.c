/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/trial.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "tests/torture/shelf.h"
#include "tests/torture/tree.h"

#define START_WITHIN_MS 10000
#define READY_WITHIN_MS 5000
#define ANSWER_WITHIN_MS 4000 /* the service's own deadline is 1 s */

static const struct request readyz = {.method = "GET", .path = "/readyz"};

/* ---------------------------------------------------------- the service -- */

static bool
start(struct trial *t)
{
	static struct answer answer;

	if (service_start(&t->run, &t->options, START_WITHIN_MS) !=
	    SERVICE_RUNS)
		return false;
	service_insist(&t->run, &readyz, READY_WITHIN_MS, &answer);
	return answer.status == 200;
}

const char *
trial_last_words(const struct trial *t)
{
	static char text[65536];
	size_t length;
	char *line;

	service_log(&t->run, text, sizeof(text));
	length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	line = strrchr(text, '\n');
	return line == NULL ? text : line + 1;
}

bool
trial_begin(struct trial *t, const struct settings *settings, const char *store,
    const char *lock, unsigned orders)
{
	char error[512] = "";

	*t = (struct trial){.settings = settings, .store = store};
	snprintf(t->shelf, sizeof(t->shelf), "%s/shelf", settings->work);
	snprintf(t->data, sizeof(t->data), "%s/data", settings->work);
	tree_remove(t->shelf);
	if (!shelf_make(store, t->shelf, lock, orders, error, sizeof(error))) {
		fprintf(stderr, "torture: the shelf: %s\n", error);
		return false;
	}
	t->tamper = tamper_new(settings->work, t->tamper_path);
	if (t->tamper == NULL) {
		perror("torture: shared memory");
		return false;
	}
	t->tamper->skip_syncs = true;
	snprintf(t->tamper->root, sizeof(t->tamper->root), "%.1000s", t->data);
	t->options = (struct service_options){.settings = settings,
	    .tamper = t->tamper_path,
	    .log = settings->work,
	    .store = store,
	    .data = t->data,
	    .workers = 1,
	    .clerks = 2};
	service_adopt_orphans();
	if (tree_copy(t->shelf, t->data) && start(t) &&
	    service_look(&t->run, READY_WITHIN_MS, t->before)) {
		service_kill(&t->run);
		return true;
	}
	fprintf(stderr, "torture: no service on the shelf: %s\n",
	    trial_last_words(t));
	service_kill(&t->run);
	return false;
}

void
trial_end(struct trial *t)
{
	tamper_free(t->tamper, t->tamper_path);
	tree_remove(t->shelf);
	tree_remove(t->data);
}

bool
trial_open(struct trial *t, const char *name)
{
	tamper_disarm(t->tamper);
	if (tree_copy(t->shelf, t->data) && start(t))
		return true;
	report_red(name, "a start on the shelf", "%s", trial_last_words(t));
	service_kill(&t->run);
	return false;
}

bool
trial_keep_open(struct trial *t, const char *name)
{
	return t->run.pid > 0 || trial_open(t, name);
}

void
trial_do(struct trial *t, struct answer *answers)
{
	service_ask_all(&t->run, t->deed->requests, t->deed->count,
	    ANSWER_WITHIN_MS, answers);
}

/* ---------------------------------------------------- where all is well -- */

static bool
all_done(const struct deed *deed, const struct answer *answers)
{
	size_t i;

	for (i = 0; i < deed->count; i++)
		if (answers[i].status != deed->done)
			return false;
	return true;
}

int64_t
trial_learn(struct trial *t, const struct deed *deed, unsigned classes)
{
	static struct answer answers[DEED_REQUESTS];
	const struct tamper_plan count = {.classes = classes};
	struct tamper_plan plan = count;
	int64_t seen;
	bool good;

	t->deed = deed;
	if (!trial_open(t, deed->name))
		return -1;
	plan.except = t->run.pid;
	tamper_arm(t->tamper, &plan);
	trial_do(t, answers);
	tamper_disarm(t->tamper);
	seen = atomic_load(&t->tamper->seen);
	good = all_done(deed, answers) &&
	       service_look(&t->run, READY_WITHIN_MS, t->after);
	t->good = answers[0];
	service_kill(&t->run);
	if (!good) {
		report_red(deed->name, "a deed that is done", "%d %s",
		    answers[0].status, answers[0].body);
		return -1;
	}
	return seen;
}

/* ---------------------------------------------------------- the verdict -- */

/* What is being judged; red only once. */
struct court {
	struct trial *t;
	const struct trial_verdict *v;
	bool red;
};

static void red(struct court *c, const char *expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
red(struct court *c, const char *expected, const char *format, ...)
{
	char got[2048];
	va_list args;

	if (c->red)
		return;
	c->red = true;
	va_start(args, format);
	vsnprintf(got, sizeof(got), format, args);
	va_end(args);
	report_red(c->v->name, expected, "%s; after %s; its log ends: %s", got,
	    c->t->tamper->what, trial_last_words(c->t));
}

/* A deed that reads: the truth, or that it cannot be told. */
static void
judge_reading(struct court *c)
{
	const struct answer *answer = c->v->answers;

	if (answer == NULL)
		return;
	if (answer->hung)
		red(c, "an answer", "none in %d ms", answer->took_ms);
	else if (answer->status == 200 &&
		 strcmp(answer->body, c->t->good.body) != 0)
		red(c, "the truth", "%s",
		    service_difference(answer->body, c->t->good.body));
	else if (answer->status != 200 && answer->status != 503 &&
		 answer->status != 500 && answer->status != 0)
		red(c, "200, 500, 503 or nothing", "%d %.200s", answer->status,
		    answer->body);
}

/* What was said, and what is. */
static void
judge_words(struct court *c, const struct answer *answer, enum deed_state state)
{
	const struct deed *deed = c->t->deed;

	if (answer->hung)
		red(c, "an answer", "none in %d ms", answer->took_ms);
	else if (answer->status == deed->done) {
		if (state != DEED_DONE && state != DEED_PARTLY)
			red(c, "done, as was said", "it is not");
	} else if (answer->status == 503) {
		if (state == DEED_DONE)
			red(c, "not done, as was said", "it is done: %.200s",
			    answer->body);
	} else if (answer->status == 500) {
		if (strstr(answer->body, "outcome-unknown") == NULL)
			red(c, "500 as outcome-unknown", "%.200s",
			    answer->body);
	} else if (answer->status != 0)
		red(c, "done, 503, 500 or nothing", "%d %.200s", answer->status,
		    answer->body);
}

/* Look at it as it is now.  False: it cannot be seen. */
static bool
look(struct court *c, char now[LOOK_SIZE], enum deed_state *state)
{
	if (!service_look(&c->t->run, c->v->within_ms, now)) {
		red(c, "sales that can be seen", "%.500s", now);
		return false;
	}
	*state = deeds_judge(c->t->deed, c->t->before, c->t->after, now);
	if (*state == DEED_WRONG)
		red(c, "as before or done", "%s",
		    service_difference(now, strlen(now) > strlen(c->t->before)
						? c->t->after
						: c->t->before));
	return *state != DEED_WRONG;
}

/* Try again what may not be done. */
static void
do_again(struct court *c)
{
	static struct answer again;
	static char now[LOOK_SIZE];
	const struct deed *deed = c->t->deed;
	enum deed_state state;
	size_t i;

	for (i = 0; i < deed->count && !c->red; i++) {
		service_insist(
		    &c->t->run, &deed->requests[i], c->v->within_ms, &again);
		if (again.status != deed->done &&
		    again.status != deed->was_done)
			red(c, "a retry that is done", "%d %.200s after %d ms",
			    again.status, again.body, again.took_ms);
	}
	if (!c->red && look(c, now, &state) && state != DEED_DONE)
		red(c, "done after a retry", "%s",
		    service_difference(now, c->t->after));
}

static void
judge_selling(struct court *c)
{
	const struct request audit = {
	    .method = "GET", .path = "/sales/demo/audit"};
	static struct answer answer;
	char path[64];
	const struct request probe = {
	    .method = "POST", .path = path, .form = "buyer=probe"};

	snprintf(path, sizeof(path), "/sales/%s/buy", c->t->deed->sells);
	service_insist(&c->t->run, &probe, c->v->within_ms, &answer);
	if (answer.status != 201)
		red(c, "a sale that sells", "%s: %d %.200s after %d ms", path,
		    answer.status, answer.body, answer.took_ms);
	service_insist(&c->t->run, &audit, c->v->within_ms, &answer);
	if (strstr(answer.body, "\"verdict\":\"correct\"") == NULL)
		red(c, "an audit that is correct", "%d %.300s", answer.status,
		    answer.body);
}

/* All is as it was, after another start. */
static void
judge_restart(struct court *c)
{
	static char then[LOOK_SIZE], now[LOOK_SIZE];
	char how[32];

	if (!service_look(&c->t->run, c->v->within_ms, then)) {
		red(c, "sales that can be seen", "%.500s", then);
		return;
	}
	if (service_crashes(&c->t->run, how) > 0)
		red(c, "no crash", "%s", how);

	service_kill(&c->t->run);
	if (!start(c->t))
		red(c, "a start", "none");
	else if (!service_look(&c->t->run, READY_WITHIN_MS, now))
		red(c, "sales that can be seen", "%.500s", now);
	else if (strcmp(now, then) != 0)
		red(c, "the same after a start", "%s",
		    service_difference(now, then));
}

static void
judge_change(struct court *c)
{
	const struct deed *deed = c->t->deed;
	static char now[LOOK_SIZE];
	enum deed_state state = DEED_WRONG;
	size_t i;

	if (c->v->plan != NULL)
		tamper_arm(c->t->tamper, c->v->plan);
	if (look(c, now, &state))
		for (i = 0; i < deed->count && c->v->answers != NULL; i++)
			judge_words(c, &c->v->answers[i], state);
	if (!c->red && deed->was_done != 0)
		do_again(c);
	tamper_disarm(c->t->tamper);
	if (!c->red)
		judge_selling(c);
	if (!c->red)
		judge_restart(c);
}

void
trial_judge(struct trial *t, const struct trial_verdict *verdict)
{
	struct court court = {.t = t, .v = verdict};
	char how[32];

	if (t->deed->reads)
		judge_reading(&court);
	else
		judge_change(&court);
	if (!court.red && service_crashes(&t->run, how) > 0)
		red(&court, "no crash", "%s", how);
	if (!court.red)
		report_green(verdict->name);
	if (court.red || !t->deed->reads)
		service_kill(&t->run);
}
