/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: the n-th in a worker since a request was sent,
 * for each n until the request needs no more.  The request may be served,
 * refused or left unanswered, and the worker may end, but not crash; and then
 * all that was said is so, by the ledger, by the keys, and by a second
 * request.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/shared.h"
#include "storage/store.h"
#include "tests/torture/parts.h"
#include "tests/torture/shelf.h"
#include "tests/torture/tree.h"
#include "tests/torture/trial.h"

#define WELL_WITHIN_MS 6000
#define ANSWER_WITHIN_MS 4000
#define ORDERS_BEFORE 40 /* so that tables grow */
#define ALLOCATIONS_MOST 3000
#define STARTS_MOST 400 /* allocations of a start that are tried */

struct memory {
	struct trial *trial;
	char name[200]; /* of the case */
	bool red;
	int64_t number;   /* of the last order or sale */
	int64_t version;  /* demo's, when last looked at */
	int64_t limit_ms; /* odd's delay, and its capacity less 10 */
	int crashes;
	/* A request with names of its own. */
	char path[64], form[64], key[32];
};

static void red(struct memory *m, const char *expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
red(struct memory *m, const char *expected, const char *format, ...)
{
	char got[2048];
	va_list args;

	if (m->red)
		return;
	m->red = true;
	va_start(args, format);
	vsnprintf(got, sizeof(got), format, args);
	va_end(args);
	report_red(m->name, expected, "%s; its log ends: %s", got,
	    trial_last_words(m->trial));
}

/* -------------------------------------------------------------- answers -- */

static void
ask(struct memory *m, const char *method, const char *path,
    struct answer *answer)
{
	const struct request request = {.method = method, .path = path};

	service_insist(&m->trial->run, &request, WELL_WITHIN_MS, answer);
}

static int64_t
number_in(const struct answer *answer, const char *name)
{
	json_t *object = json_loads(answer->body, 0, NULL);
	json_t *value = json_object_get(object, name);
	const int64_t number =
	    json_is_integer(value) ? json_integer_value(value) : -1;

	json_decref(object);
	return number;
}

/* A refusal, or no answer: it may or may not be done. */
static bool
is_open(struct memory *m, const struct answer *answer)
{
	if (answer->hung)
		red(m, "an answer", "none in %d ms", answer->took_ms);
	else if (answer->status == 500 &&
		 strstr(answer->body, "outcome-unknown") == NULL)
		red(m, "500 as outcome-unknown", "%.300s", answer->body);
	else if (answer->status != 0 && answer->status != 500)
		red(m, "done, 503, 500 or nothing", "%d %.300s", answer->status,
		    answer->body);
	return !m->red;
}

/* ---------------------------------------------------------------- sales -- */

/* How many lines after m->version are this buyer's; -1: red already. */
static int
lines_of(struct memory *m, const char *buyer, int64_t *version)
{
	static struct answer answer;
	json_t *page, *line;
	const char *name;
	char path[96];
	int count = 0;
	size_t i;

	snprintf(path, sizeof(path),
	    "/sales/demo/ledger?limit=1000&after=%" PRId64, m->version);
	ask(m, "GET", path, &answer);
	page = json_loads(answer.body, 0, NULL);
	if (answer.status != 200 || page == NULL) {
		red(m, "a ledger that can be read", "%d %.300s", answer.status,
		    answer.body);
		json_decref(page);
		return -1;
	}
	json_array_foreach(json_object_get(page, "lines"), i, line)
	{
		name = json_string_value(json_object_get(line, "buyer"));
		if (name != NULL && strcmp(name, buyer) == 0)
			count++;
		else if (name == NULL || name[0] != 'c')
			red(m, "lines of the buyers", "%s",
			    name == NULL ? "one without" : name);
	}
	*version = json_integer_value(json_object_get(page, "version"));
	json_decref(page);
	return count;
}

/* Is it the receipt of one ticket for that buyer?  Its order's id. */
static bool
is_receipt(const struct answer *answer, const char *buyer,
    char order[STORE_ORDER_SIZE])
{
	char name[64];
	json_t *object = json_loads(answer->body, 0, NULL);
	const size_t seats = json_array_size(json_object_get(object, "seats"));

	json_decref(object);
	service_member(answer, "buyer", name, sizeof(name));
	service_member(answer, "order", order, STORE_ORDER_SIZE);
	return strlen(order) == STORE_ORDER_SIZE - 1 && seats == 1 &&
	       strcmp(name, buyer) == 0;
}

/* Asked again with its key, each order is the one it was. */
static void
judge_key(
    struct memory *m, const char *buyer, const char *key, const char *order)
{
	static struct answer answer;
	const struct request request = {.method = "POST",
	    .path = "/sales/demo/buy",
	    .form = m->form,
	    .key = key};
	char again[STORE_ORDER_SIZE];

	snprintf(m->form, sizeof(m->form), "buyer=%s", buyer);
	service_insist(&m->trial->run, &request, WELL_WITHIN_MS, &answer);
	if (answer.status != 201 || !is_receipt(&answer, buyer, again))
		red(m, "a receipt for the key", "%d %.300s", answer.status,
		    answer.body);
	else if (order[0] != '\0' && strcmp(order, again) != 0)
		red(m, "the same order for the same key", "%s after %s", again,
		    order);
}

/* One of the orders that were sent: c7 with the key c7, or without one. */
static void
judge_order(struct memory *m, const char *buyer, bool keyed,
    const struct answer *answer, int64_t *version)
{
	char order[STORE_ORDER_SIZE] = "";
	const bool sold = answer->status == 201;
	int lines;

	if (sold && !is_receipt(answer, buyer, order))
		red(m, "a receipt", "%.300s", answer->body);
	else if (!sold && answer->status != 503 && !is_open(m, answer))
		return;
	lines = lines_of(m, buyer, version);
	if (lines > 1 || (sold && lines != 1) ||
	    (answer->status == 503 && lines != 0))
		red(m, sold ? "one line" : "no line", "%d after %d", lines,
		    answer->status);
	if (!keyed || m->red)
		return;
	judge_key(m, buyer, buyer, order);
	lines = lines_of(m, buyer, version);
	if (lines != 1)
		red(m, "one line for the key", "%d", lines);
}

/* ---------------------------------------------------------------- deeds -- */

/* A deed with fresh names, struck by `plan`; what came of it. */
typedef void deed_fn(struct memory *m, const struct tamper_plan *plan);

static void
strike(struct memory *m, const struct tamper_plan *plan,
    const struct request *requests, size_t count, struct answer *answers)
{
	struct tamper_plan p = *plan;

	p.except = m->trial->run.pid;
	tamper_arm(m->trial->tamper, &p);
	service_ask_all(
	    &m->trial->run, requests, count, ANSWER_WITHIN_MS, answers);
	tamper_disarm(m->trial->tamper);
}

static void
buy(struct memory *m, const struct tamper_plan *plan, size_t count, bool keyed)
{
	static struct answer answers[DEED_REQUESTS];
	struct request requests[DEED_REQUESTS];
	char buyers[DEED_REQUESTS][24], forms[DEED_REQUESTS][128];
	int64_t version = m->version;
	size_t i;

	for (i = 0; i < count; i++) {
		snprintf(
		    buyers[i], sizeof(buyers[i]), "c%" PRId64, ++m->number);
		snprintf(forms[i], sizeof(forms[i]), "buyer=%s", buyers[i]);
		requests[i] = (struct request){.method = "POST",
		    .path = "/sales/demo/buy",
		    .form = forms[i],
		    .key = keyed ? buyers[i] : NULL};
	}
	strike(m, plan, requests, count, answers);
	for (i = 0; i < count && !m->red; i++)
		judge_order(m, buyers[i], keyed, &answers[i], &version);
	m->version = version;
	if (!m->red)
		judge_key(m, "b1", "k1", SHELF_ORDER);
}

static void
buy_plain(struct memory *m, const struct tamper_plan *plan)
{
	buy(m, plan, 1, false);
}

static void
buy_keyed(struct memory *m, const struct tamper_plan *plan)
{
	buy(m, plan, 1, true);
}

static void
buy_together(struct memory *m, const struct tamper_plan *plan)
{
	buy(m, plan, 3, true);
}

/* Of a receipt that was asked for one. */
static bool
has_trail(const struct answer *answer)
{
	json_t *object = json_loads(answer->body, 0, NULL);
	const bool has = json_is_array(json_object_get(object, "trail"));

	json_decref(object);
	return has;
}

/* The same key once more: the first order, whatever fails. */
static void
replay(struct memory *m, const struct tamper_plan *plan)
{
	static struct answer answer;
	const struct request request = {.method = "POST",
	    .path = "/sales/demo/buy?trail",
	    .form = "buyer=b1",
	    .key = "k1"};
	char order[STORE_ORDER_SIZE];

	strike(m, plan, &request, 1, &answer);
	if (answer.status == 201) {
		if (!is_receipt(&answer, "b1", order) || !has_trail(&answer) ||
		    strcmp(order, SHELF_ORDER) != 0)
			red(m, "the first order", "%.300s", answer.body);
	} else if (answer.status != 503) {
		is_open(m, &answer);
	}
	if (!m->red)
		judge_key(m, "b1", "k1", SHELF_ORDER);
}

/* Capacity and delay go up together. */
static void
change(struct memory *m, const struct tamper_plan *plan)
{
	static struct answer answer, now;
	const struct request request = {
	    .method = "PATCH", .path = "/sales/odd", .form = m->form};
	const int64_t next = m->limit_ms + 1;
	int64_t capacity, delay;

	snprintf(m->form, sizeof(m->form),
	    "capacity=%" PRId64 "&delay=%" PRId64 "ms", 10 + next, next);
	strike(m, plan, &request, 1, &answer);
	if (answer.status != 200 && answer.status != 503 &&
	    !is_open(m, &answer))
		return;
	ask(m, "GET", "/sales/odd", &now);
	capacity = number_in(&now, "capacity");
	delay = number_in(&now, "delay_ms");
	if (delay != capacity - 10 || delay < next - 1 || delay > next)
		red(m, "capacity and delay together", "%.300s", now.body);
	else if (answer.status == 200 && delay != next)
		red(m, "changed, as was said", "%.300s", now.body);
	else if (answer.status == 503 && delay == next)
		red(m, "not changed, as was said", "%.300s", now.body);
	service_insist(&m->trial->run, &request, WELL_WITHIN_MS, &answer);
	if (answer.status != 200 || number_in(&answer, "delay_ms") != next)
		red(m, "a change that is made", "%d %.300s", answer.status,
		    answer.body);
	m->limit_ms = next;
}

static void
create(struct memory *m, const struct tamper_plan *plan)
{
	static struct answer answer, now;
	const struct request request = {
	    .method = "POST", .path = "/sales", .form = m->form};

	snprintf(m->form, sizeof(m->form), "id=s%" PRId64 "&capacity=5",
	    ++m->number);
	snprintf(m->path, sizeof(m->path), "/sales/s%" PRId64, m->number);
	strike(m, plan, &request, 1, &answer);
	if (answer.status != 201 && answer.status != 503 &&
	    !is_open(m, &answer))
		return;
	ask(m, "GET", m->path, &now);
	if (answer.status == 201 && number_in(&now, "remaining") != 5)
		red(m, "opened, as was said", "%d %.300s", now.status,
		    now.body);
	else if (answer.status == 503 && now.status != 404)
		red(m, "not opened, as was said", "%d %.300s", now.status,
		    now.body);
	service_insist(&m->trial->run, &request, WELL_WITHIN_MS, &answer);
	if (answer.status != 201 && answer.status != 409)
		red(m, "a sale that is opened", "%d %.300s", answer.status,
		    answer.body);
}

/* The sale that create() opened last, or one more. */
static void delete (struct memory *m, const struct tamper_plan *plan)
{
	static struct answer answer, now;
	const struct request open = {
	    .method = "POST", .path = "/sales", .form = m->form};
	const struct request request = {.method = "DELETE", .path = m->key};

	snprintf(m->form, sizeof(m->form), "id=s%" PRId64 "&capacity=5",
	    ++m->number);
	snprintf(m->path, sizeof(m->path), "/sales/s%" PRId64, m->number);
	snprintf(m->key, sizeof(m->key), "%.20s?force=1", m->path);
	service_insist(&m->trial->run, &open, WELL_WITHIN_MS, &answer);
	strike(m, plan, &request, 1, &answer);
	if (answer.status != 204 && answer.status != 503 &&
	    !is_open(m, &answer))
		return;
	ask(m, "GET", m->path, &now);
	if (answer.status == 204 && now.status != 404)
		red(m, "deleted, as was said", "%d %.300s", now.status,
		    now.body);
	else if (answer.status == 503 && now.status != 200)
		red(m, "not deleted, as was said", "%d %.300s", now.status,
		    now.body);
	service_insist(&m->trial->run, &request, WELL_WITHIN_MS, &answer);
	if (answer.status != 204 && answer.status != 404)
		red(m, "a sale that is deleted", "%d %.300s", answer.status,
		    answer.body);
}

/* --------------------------------------------------------------- sweeps -- */

/* A service that has served nobody yet. */
static bool
open_service(struct memory *m)
{
	m->number = 0;
	m->version = ORDERS_BEFORE;
	m->limit_ms = 0;
	m->crashes = 0;
	return trial_open(m->trial, m->name);
}

/* No worker crashed since. */
static void
judge_workers(struct memory *m)
{
	char how[32];
	const int crashes = service_crashes(&m->trial->run, how);

	if (crashes > m->crashes)
		red(m, "no crash", "%s", how);
	m->crashes = crashes;
	if (service_has_ended(&m->trial->run))
		red(m, "a supervisor that lives", "status %x",
		    m->trial->run.status);
}

/* Case n of a deed.  False: it needs no n-th allocation. */
static bool
fail_at(struct memory *m, deed_fn *deed, int64_t n)
{
	const struct tamper_plan plan = {
	    .classes = TAMPER_ALLOC, .act = TAMPER_FAIL, .at = n};
	const bool runs = m->trial->run.pid > 0;

	m->red = false;
	if (!runs && !open_service(m))
		return false;
	deed(m, &plan);
	judge_workers(m);
	if (m->red)
		service_kill(&m->trial->run); /* the next one begins anew */
	else
		report_green(m->name);
	return atomic_load(&m->trial->tamper->hits) > 0;
}

static void
sweep(struct memory *m, const char *what, deed_fn *deed, bool is_first)
{
	const struct settings *settings = m->trial->settings;
	const int64_t step = settings->quick && settings->only == NULL ? 17 : 1;
	bool goes_on = true;
	int64_t n;

	snprintf(
	    m->name, sizeof(m->name), "memory/%s/%s/", m->trial->store, what);
	if (!report_enters(m->name))
		return;
	for (n = 1 + (int64_t)settings->seed % step;
	     n < ALLOCATIONS_MOST && goes_on; n += step) {
		snprintf(m->name, sizeof(m->name), "memory/%s/%s/%" PRId64,
		    m->trial->store, what, n);
		if (!report_wants(m->name)) {
			goes_on = !report_is_over(); /* how many: who knows */
			continue;
		}
		goes_on = fail_at(m, deed, n);
		if (is_first)
			service_kill(&m->trial->run);
	}
}

/* ---------------------------------------------------------------- reads -- */

static void
sweep_reading(struct trial *t, const struct deed *deed)
{
	static struct answer answer;
	const int64_t step =
	    t->settings->quick && t->settings->only == NULL ? 17 : 1;
	char name[200];
	int64_t count, n;

	snprintf(name, sizeof(name), "memory/%s/%s/", t->store, deed->name);
	if (!report_enters(name))
		return;
	count = trial_learn(t, deed, TAMPER_ALLOC);
	for (n = 1; n <= count; n += step) {
		struct tamper_plan plan = {
		    .classes = TAMPER_ALLOC, .act = TAMPER_FAIL, .at = n};
		const struct trial_verdict verdict = {
		    .name = name, .answers = &answer, .within_ms = 2000};

		snprintf(name, sizeof(name), "memory/%s/%s/%" PRId64, t->store,
		    deed->name, n);
		if (!report_wants(name) || !trial_keep_open(t, name))
			continue;
		plan.except = t->run.pid;
		tamper_arm(t->tamper, &plan);
		trial_do(t, &answer);
		tamper_disarm(t->tamper);
		trial_judge(t, &verdict);
	}
	service_kill(&t->run);
}

/* --------------------------------------------------------------- starts -- */

/* It starts, or says why not in one line. */
static void
start_without(struct trial *t, const char *name, int64_t n)
{
	const struct tamper_plan plan = {
	    .classes = TAMPER_ALLOC, .act = TAMPER_FAIL, .at = n};
	char log[4096] = "", now[LOOK_SIZE], *end;
	enum service_state state;

	tree_copy(t->shelf, t->data);
	tamper_arm(t->tamper, &plan);
	state = service_start(&t->run, &t->options, WELL_WITHIN_MS);
	tamper_disarm(t->tamper);
	service_log(&t->run, log, sizeof(log));
	end = strchr(log, '\n');
	if (state == SERVICE_HANGS)
		report_red(name, "a start or its refusal", "neither");
	else if (state == SERVICE_ENDED &&
		 (!WIFEXITED(t->run.status) || end == NULL || end[1] != '\0'))
		report_red(name, "one line and an exit status", "%x \"%s\"",
		    t->run.status, log);
	else if (state == SERVICE_RUNS &&
		 (!service_look(&t->run, WELL_WITHIN_MS, now) ||
		     strcmp(now, t->before) != 0))
		report_red(name, "all orders", "%s",
		    service_difference(now, t->before));
	else if (state == SERVICE_RUNS && service_crashes(&t->run, NULL) > 0)
		report_red(name, "no crash", "%s", trial_last_words(t));
	else
		report_green(name);
	service_kill(&t->run);
}

static void
sweep_start(struct trial *t)
{
	const struct tamper_plan plan = {.classes = TAMPER_ALLOC};
	const int64_t most = t->settings->quick ? 10 : STARTS_MOST;
	int64_t count, n, step;
	char name[200];

	snprintf(name, sizeof(name), "memory/%s/start/", t->store);
	if (!report_enters(name))
		return;
	tree_copy(t->shelf, t->data);
	tamper_arm(t->tamper, &plan);
	service_start(&t->run, &t->options, WELL_WITHIN_MS);
	tamper_disarm(t->tamper);
	count = atomic_load(&t->tamper->seen);
	service_kill(&t->run);
	step = count / most + 1;
	if (t->settings->only != NULL)
		step = 1;
	for (n = 1 + (int64_t)t->settings->seed % step; n <= count; n += step) {
		snprintf(name, sizeof(name), "memory/%s/start/%" PRId64,
		    t->store, n);
		if (report_wants(name))
			start_without(t, name, n);
	}
}

/* ----------------------------------------------------------------- keys -- */

struct keys {
	int64_t lines;
	char wrong[256];
};

static bool
check_line(const struct store_line *line, void *arg)
{
	struct keys *keys = arg;

	keys->lines++;
	if (line->key != NULL && line->buyer[0] == 'c' &&
	    strcmp(line->key, line->buyer) != 0 && keys->wrong[0] == '\0')
		snprintf(keys->wrong, sizeof(keys->wrong),
		    "line %" PRId64 ": buyer \"%s\", key \"%s\"", line->version,
		    line->buyer, line->key);
	return true;
}

static void
read_keys(const char *kind, const char *dir, struct keys *keys)
{
	struct store *store = store_new(kind, dir);
	struct store_user *user = NULL;
	struct store_state state;

	if (store != NULL &&
	    store_prepare(store, keys->wrong, sizeof(keys->wrong)) == 0)
		user = store_open(store, keys->wrong, sizeof(keys->wrong));
	if (user != NULL && store_read(user, "demo", &state) == STORE_OK)
		store_each(user, &state, 0, check_line, keys);
}

/* As the ledger has them: each key is the one that was sent. */
static void
judge_ledger(struct memory *m)
{
	struct keys *keys = shared_new(sizeof(*keys));
	char name[64];
	pid_t pid;

	snprintf(name, sizeof(name), "memory/%s/keys", m->trial->store);
	if (m->trial->run.pid <= 0 || keys == NULL)
		return;
	service_kill(&m->trial->run);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		read_keys(m->trial->store, m->trial->data, keys);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (keys->wrong[0] != '\0' || keys->lines == 0)
		report_red(name, "the keys that were sent", "%s of %" PRId64,
		    keys->wrong, keys->lines);
	else
		report_green(name);
	shared_free(keys, sizeof(*keys));
}

/* ----------------------------------------------------------------- part -- */

static void
sweep_store(const struct settings *settings, const char *store)
{
	static struct trial t;
	static struct memory m;
	size_t i;

	if (!trial_begin(&t, settings, store, "mutex", ORDERS_BEFORE))
		return;
	m = (struct memory){.trial = &t};
	sweep(&m, "buy", buy_plain, false);
	sweep(&m, "buy-key", buy_keyed, false);
	sweep(&m, "replay", replay, false);
	sweep(&m, "crowd", buy_together, false);
	sweep(&m, "patch", change, false);
	sweep(&m, "create", create, false);
	sweep(&m, "delete", delete, false);
	judge_ledger(&m);
	sweep(&m, "first-key", buy_keyed, true);
	sweep(&m, "first-replay", replay, true);
	for (i = 0; i < deeds_count; i++)
		if (deeds[i].reads)
			sweep_reading(&t, &deeds[i]);
	sweep_start(&t);
	trial_end(&t);
}

int
memory_run(const struct settings *settings)
{
	static const char *const stores[] = {"json", "sqlite"};
	size_t i;

	report_begin(settings, "memory");
	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (settings->store == NULL ||
		    strcmp(settings->store, stores[i]) == 0)
			sweep_store(settings, stores[i]);
	return report_end();
}
