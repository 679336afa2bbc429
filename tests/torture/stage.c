/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three kinds of processes, as in the service: one that owns the store and
 * never opens it, a child that prepares it, and one worker at a time that
 * lives until it is killed, or must leave the store to be recovered.
 */
#include "tests/torture/stage.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define STEP_WITHIN_NS (5 * NS_PER_SEC)
#define PLAY_WITHIN_S 120
#define TRIES_MOST 3
#define LINES_MOST 16
#define KILLED 100 /* no store_result */
#define LOOK 255   /* no step */

/* ---------------------------------------------------------------- dumps -- */

struct dump {
	char *text;
	size_t used;
	struct store_state states[STEPS_MOST];
	size_t count;
};

static void put(struct dump *dump, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct dump *dump, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(
	    dump->text + dump->used, STAGE_DUMP - dump->used, format, args);
	va_end(args);
	dump->used += (size_t)n;
	if (dump->used >= STAGE_DUMP)
		dump->used = STAGE_DUMP - 1;
}

static bool
note_sale(const struct store_state *state, void *arg)
{
	struct dump *dump = arg;

	if (dump->count == STEPS_MOST)
		return false;
	dump->states[dump->count++] = *state;
	return true;
}

static bool
put_line(const struct store_line *line, void *arg)
{
	put(arg,
	    "  %" PRId64 ": kind %d, base %" PRId64 ", nth %u, seats %" PRId64
	    "+%" PRId64 ", remaining %" PRId64 ", capacity %" PRId64
	    ", order '%s', buyer '%s', key '%s', lock %s, trail %zu\n",
	    line->version, (int)line->kind, line->base, line->nth, line->seat,
	    line->quantity, line->remaining, line->capacity, line->order,
	    line->buyer, line->key == NULL ? "-" : line->key, line->lock,
	    strlen(line->trail));
	return true;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct store_state *)a)->settings.id,
	    ((const struct store_state *)b)->settings.id);
}

bool
stage_dump(struct store_user *user, char text[STAGE_DUMP], char *error,
    size_t error_size)
{
	struct dump dump = {.text = text};
	enum store_result result;
	size_t i;

	text[0] = '\0';
	result = store_list(user, note_sale, &dump);
	qsort(dump.states, dump.count, sizeof(dump.states[0]), by_id);
	for (i = 0; i < dump.count && result == STORE_OK; i++) {
		const struct store_state *s = &dump.states[i];

		put(&dump,
		    "%s: capacity %" PRId64 ", lock %s, delay %" PRId64
		    "-%" PRId64 ", remaining %" PRId64 ", version %" PRId64
		    "\n",
		    s->settings.id, s->settings.capacity, s->settings.lock,
		    s->settings.delay_min_ms, s->settings.delay_max_ms,
		    s->remaining, s->version);
		result = store_each(user, s, 0, put_line, &dump);
	}
	if (result != STORE_OK)
		snprintf(error, error_size, "looking: result %d, %s",
		    (int)result, store_error(user));
	return result == STORE_OK;
}

/* The end of the line that begins at `at`. */
static const char *
line_end(const char *at)
{
	return strchr(at, '\n') + 1;
}

bool
stage_cut_dump(const char *text, const char *sale, size_t lines, size_t count,
    char cut[STAGE_DUMP])
{
	const size_t length = strlen(sale);
	const char *head = text, *from, *at, *last = NULL, *field;
	int64_t version, remaining = -1, capacity = 0, total = 0, keep;

	while (*head != '\0' &&
	       (strncmp(head, sale, length) != 0 || head[length] != ':'))
		head = line_end(head);
	if (*head == '\0')
		return false;
	from = line_end(head);
	for (at = from; *at == ' '; at = line_end(at))
		total++;
	keep = total - (int64_t)(lines - count);
	version = keep;
	for (at = from; keep > 0; keep--) {
		last = at;
		at = line_end(at);
	}
	field = strstr(head, "capacity ");
	sscanf(field, "capacity %" SCNd64, &capacity);
	remaining = capacity;
	if (last != NULL)
		sscanf(strstr(last, "remaining "), "remaining %" SCNd64,
		    &remaining);
	field = strstr(head, "remaining ");
	snprintf(cut, STAGE_DUMP,
	    "%.*sremaining %" PRId64 ", version %" PRId64 "\n%.*s",
	    (int)(field - text), text, remaining, version, (int)(at - from),
	    from);
	while (*at == ' ')
		at = line_end(at);
	snprintf(cut + strlen(cut), STAGE_DUMP - strlen(cut), "%s", at);
	return true;
}

/* ---------------------------------------------------------------- steps -- */

static int64_t
deadline(void)
{
	return clock_now_ns() + STEP_WITHIN_NS;
}

static enum store_result
do_create(struct store_user *user, const struct step *step)
{
	struct store_settings settings = {.capacity = step->capacity,
	    .delay_min_ms = step->delay_ms,
	    .delay_max_ms = step->delay_ms};
	struct store_state state;

	snprintf(settings.id, sizeof(settings.id), "%s", step->sale);
	snprintf(settings.lock, sizeof(settings.lock), "%s", step->lock);
	return store_create(user, &settings, deadline(), &state);
}

static bool
ignore_line(const struct store_line *line, void *arg)
{
	(void)line;
	(void)arg;
	return true;
}

static char *
make_trail(size_t size)
{
	char *trail = malloc(size + 8);

	if (trail == NULL)
		abort();
	memset(trail, 'x', size + 4);
	trail[0] = '[';
	trail[1] = '"';
	strcpy(trail + size + 2, "\"]");
	return trail;
}

/* What a sale's lines are made of; they point into it. */
struct sold {
	struct store_line lines[LINES_MOST];
	char keys[LINES_MOST][32], buyers[LINES_MOST][32];
	char *trail;
};

static struct store_line
make_line(struct sold *sold, const struct store_state *state,
    const struct step *step, size_t number, unsigned i)
{
	const int64_t left =
	    state->remaining + (step->wrong ? 2 : 0) - (int64_t)i;
	struct store_line line = {.seat = state->settings.capacity - left + 1,
	    .quantity = 1,
	    .remaining = left - 1,
	    .capacity = state->settings.capacity,
	    .buyer = sold->buyers[i],
	    .key = step->keyed ? sold->keys[i] : NULL,
	    .lock = state->settings.lock,
	    .worker = 1,
	    .clerk = 1,
	    .sold_at_ms = INT64_C(1700000000000) + (int64_t)number,
	    .trail = sold->trail};

	snprintf(sold->keys[i], sizeof(sold->keys[i]), "key-%zu-%u", number, i);
	snprintf(sold->buyers[i], sizeof(sold->buyers[i]), "buyer \"%u\"", i);
	snprintf(line.order, sizeof(line.order), "%08zx-0000-7000-8000-%012x",
	    number, i);
	return line;
}

static enum store_result
do_sell(struct store_user *user, const struct step *step, size_t number)
{
	const unsigned count = step->lines == 0 ? 1 : step->lines;
	struct sold sold;
	struct store_state state;
	enum store_result result;
	char first[32];
	bool overwrote;
	unsigned i;

	result = store_read(user, step->sale, &state);
	if (result != STORE_OK)
		return result;
	snprintf(first, sizeof(first), "key-%zu-0", number);
	if (step->keyed && store_find(user, &state, STORE_BY_KEY, first,
			       ignore_line, NULL) == STORE_OK)
		return STORE_OK;
	sold.trail = make_trail(step->trail);
	for (i = 0; i < count; i++)
		sold.lines[i] = make_line(&sold, &state, step, number, i);
	if (step->checked)
		result =
		    store_put_if(user, &state, sold.lines, count, deadline());
	else
		result = store_put(
		    user, &state, sold.lines, count, deadline(), &overwrote);
	free(sold.trail);
	return result;
}

static enum store_result
do_change(struct store_user *user, const struct step *step, size_t number)
{
	struct store_state state;
	struct store_change change = {.recount = step->recount,
	    .trail = "[]",
	    .at_ms = INT64_C(1700000000000) + (int64_t)number};
	enum store_result result = store_read(user, step->sale, &state);

	if (result != STORE_OK)
		return result;
	change.settings = state.settings;
	if (step->lock != NULL)
		snprintf(
		    change.settings.lock, STORE_LOCK_SIZE, "%s", step->lock);
	if (step->capacity != 0)
		change.settings.capacity = step->capacity;
	if (step->delay_ms != 0)
		change.settings.delay_min_ms = change.settings.delay_max_ms =
		    step->delay_ms;
	return store_configure(user, &state, &change, deadline());
}

static enum store_result
do_remove(struct store_user *user, const struct step *step)
{
	struct store_state state;
	enum store_result result = store_read(user, step->sale, &state);

	if (result == STORE_OK)
		result = store_remove(user, &state, deadline());
	return result;
}

static enum store_result
do_step(struct store_user *user, const struct step *step, size_t number)
{
	switch (step->kind) {
	case STEP_CREATE:
		return do_create(user, step);
	case STEP_SELL:
		return do_sell(user, step, number);
	case STEP_CHANGE:
		return do_change(user, step, number);
	case STEP_REMOVE:
		return do_remove(user, step);
	case STEP_TIDY:
		store_tidy(user);
		return STORE_OK;
	case STEP_START:
		break;
	}
	return STORE_FAILED;
}

enum store_result
stage_probe(struct store_user *user)
{
	static const struct step create = {
	    .sale = "probe", .capacity = 10, .lock = "mutex"};
	struct dump dump = {0};
	struct step sell = {.sale = "probe"};
	enum store_result result = store_list(user, note_sale, &dump);

	if (result == STORE_OK && dump.count == 0)
		result = do_create(user, &create);
	if (result != STORE_OK)
		return result;
	if (dump.count > 0)
		sell.sale = dump.states[0].settings.id;
	return do_sell(user, &sell, 999);
}

/* -------------------------------------------------------------- workers -- */

struct theatre {
	const struct stage *stage;
	const struct play *play;
	const struct accident *accident;
	const struct stage_told *good;
	struct stage_told *told;
	struct store *store;
	pid_t worker; /* 0: there is none */
	int ask, answer;
};

static void end(struct theatre *t, enum stage_end how, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
end(struct theatre *t, enum stage_end how, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->told->error, sizeof(t->told->error), format, args);
	va_end(args);
	t->told->end = how;
}

static void
die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Steps by number, or LOOK; what it saw goes to `dumps` of that step. */
static _Noreturn void
work(struct theatre *t, int ask, int answer)
{
	struct stage_told *told = t->told;
	struct store_user *user;
	unsigned char request[2], result;

	die_with_parent();
	user = store_open(t->store, told->error, sizeof(told->error));
	if (user == NULL)
		_exit(2);
	while (read(ask, request, 2) == 2) {
		if (request[0] == LOOK)
			result = stage_dump(user, told->dumps[request[1]],
				     told->error, sizeof(told->error))
				     ? STORE_OK
				     : STORE_FAILED;
		else
			result = (unsigned char)do_step(
			    user, &t->play->steps[request[0]], request[0]);
		if (write(answer, &result, 1) != 1)
			break;
	}
	store_close(user);
	_exit(0);
}

static bool
hire(struct theatre *t)
{
	int ask[2], answer[2];

	if (t->worker != 0)
		return true;
	if (pipe(ask) != 0 || pipe(answer) != 0)
		return false;
	t->worker = fork();
	if (t->worker == 0) {
		close(ask[1]);
		close(answer[0]);
		work(t, ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	t->ask = ask[1];
	t->answer = answer[0];
	return t->worker > 0;
}

/* Let it go, or bury it. */
static int
dismiss(struct theatre *t)
{
	int status = 0;

	if (t->worker == 0)
		return 0;
	close(t->ask);
	waitpid(t->worker, &status, 0);
	close(t->answer);
	t->worker = 0;
	return status;
}

/* A store_result, or KILLED. */
static int
ask(struct theatre *t, unsigned char what, unsigned char where)
{
	const unsigned char request[2] = {what, where};
	struct pollfd fd = {.fd = t->answer, .events = POLLIN};
	unsigned char result;
	int status;

	if (write(t->ask, request, 2) == 2 &&
	    poll(&fd, 1, 4 * STEP_WITHIN_NS / NS_PER_MS) == 1 &&
	    read(t->answer, &result, 1) == 1)
		return result;
	if (fd.revents == 0) {
		kill(t->worker, SIGABRT);
		end(t, STAGE_WRONG, "step %u hangs", what);
	}
	status = dismiss(t);
	if (t->told->end == STAGE_RUNNING &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		end(t, STAGE_WRONG, "step %u: the worker ended with %x: %s",
		    what, status, t->told->error);
	return KILLED;
}

/* ---------------------------------------------------------------- plays -- */

/* Where the accident is, from here on. */
static void
arm(struct theatre *t, size_t step, bool first_try, pid_t pid)
{
	struct tamper_plan plan;

	if (t->accident == NULL || t->accident->step != step || !first_try)
		return;
	plan = t->accident->plan;
	plan.only = pid;
	tamper_arm(t->stage->tamper, &plan);
}

static void
disarm(struct theatre *t)
{
	if (t->accident == NULL)
		return;
	if (atomic_load(&t->stage->tamper->armed) &&
	    atomic_load(&t->stage->tamper->hits) > 0)
		t->told->accident_happened = true;
	tamper_disarm(t->stage->tamper);
}

/* Prepare the store in a child.  STORE_OK, STORE_FAILED or KILLED. */
static int
prepare(struct theatre *t, size_t step, bool first_try)
{
	struct stage_told *told = t->told;
	int go[2], status = 0;
	pid_t pid;
	char byte;

	dismiss(t);
	told->error[0] = '\0';
	if (pipe(go) != 0)
		return STORE_FAILED;
	pid = fork();
	if (pid == 0) {
		die_with_parent();
		close(go[1]);
		(void)!read(go[0], &byte, 1); /* until it is armed */
		_exit(store_prepare(
			  t->store, told->error, sizeof(told->error)) == 0
			  ? 0
			  : 1);
	}
	close(go[0]);
	arm(t, step, first_try, pid);
	close(go[1]);
	waitpid(pid, &status, 0);
	disarm(t);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? KILLED : STORE_UNKNOWN;
	return WEXITSTATUS(status) == 0 ? STORE_OK : STORE_FAILED;
}

/* Look at everything: told->dumps[step].  False: it ended. */
static bool
look(struct theatre *t, size_t step)
{
	int result;

	if (!hire(t)) {
		end(t, STAGE_WRONG, "no worker: %s", strerror(errno));
		return false;
	}
	result = ask(t, LOOK, (unsigned char)step);
	if (result != STORE_OK && t->told->end == STAGE_RUNNING)
		end(t, STAGE_WRONG, "after step %zu: %s", step, t->told->error);
	return result == STORE_OK;
}

/* A new life of the service starts: another supervisor, another memory. */
static bool
renew(struct theatre *t)
{
	dismiss(t);
	store_free(t->store);
	t->store = store_new(t->stage->store, t->stage->dir);
	return t->store != NULL;
}

/* Once; a store_result or KILLED. */
static int
try_step(struct theatre *t, size_t number, bool first_try)
{
	int result;

	if (t->play->steps[number].kind == STEP_START) {
		if (!renew(t))
			return STORE_FAILED;
		return prepare(t, number, first_try);
	}
	if (!hire(t))
		return STORE_FAILED;
	arm(t, number, first_try, t->worker);
	result = ask(t, (unsigned char)number, 0);
	disarm(t);
	return result;
}

/* As the service does while the store is poisoned. */
static bool
recover(struct theatre *t)
{
	int tries;

	for (tries = 0; tries < TRIES_MOST; tries++)
		if (prepare(t, STEPS_MOST, false) == STORE_OK)
			return true;
	end(t, STAGE_REFUSED, "the recovery says: %.900s", t->told->error);
	return false;
}

/* All were killed, and a service starts. */
static bool
start_anew(struct theatre *t)
{
	if (!renew(t))
		return false;
	if (prepare(t, STEPS_MOST, false) == STORE_OK)
		return true;
	end(t, STAGE_REFUSED, "the start behind it says: %.900s",
	    t->told->error);
	return false;
}

static const char *
dump_before(const struct stage_told *told, size_t step)
{
	return step == 0 ? told->before : told->dumps[step - 1];
}

enum took { TOOK_NOT = 0, TOOK_PLACE, TOOK_PART, TOOK_WRONG };

/* Where all were killed, a write's first lines may be there alone. */
static bool
is_part(const struct theatre *t, size_t number)
{
	const struct step *step = &t->play->steps[number];
	char text[STAGE_DUMP];
	size_t i;

	for (i = 1; t->accident != NULL && t->accident->all &&
		    step->kind == STEP_SELL && i < step->lines;
	     i++)
		if (stage_cut_dump(t->good->dumps[number], step->sale,
			step->lines, i, text) &&
		    strcmp(text, t->told->dumps[number]) == 0)
			return true;
	return false;
}

/* Did the step take place? */
static enum took
took_place(const struct theatre *t, size_t number)
{
	const char *now = t->told->dumps[number];

	if (t->good == NULL || strcmp(now, t->good->dumps[number]) == 0)
		return TOOK_PLACE;
	if (strcmp(now, dump_before(t->good, number)) == 0)
		return TOOK_NOT;
	return is_part(t, number) ? TOOK_PART : TOOK_WRONG;
}

/* Tidying does not, nor does a start. */
static bool
changes_nothing(const struct theatre *t, size_t number)
{
	return t->good != NULL && strcmp(dump_before(t->good, number),
				      t->good->dumps[number]) == 0;
}

static void
say_wrong(struct theatre *t, size_t number, int result)
{
	end(t, STAGE_WRONG,
	    "step %zu ended with %d%s and left:\n%.400s-- where before was:\n"
	    "%.400s",
	    number, result, result == KILLED ? " (killed)" : "",
	    t->told->dumps[number], dump_before(t->good, number));
}

/* A start that must succeed; false: the play is over. */
static bool
was_started(struct theatre *t, int result, bool first_try)
{
	if (result == STORE_OK)
		return true;
	if (result != KILLED && !(t->told->accident_happened && first_try))
		end(t, STAGE_REFUSED, "%.900s", t->told->error);
	return false; /* start it again */
}

/*
 * What came of a try agrees with what it said.  `pending`: an earlier try may
 * have taken place since, so that this one found it done.
 */
static bool
is_honest(const struct theatre *t, size_t number, int result, enum took took,
    bool pending)
{
	switch (result) {
	case STORE_OK:
		return took == TOOK_PLACE;
	case KILLED:
	case STORE_UNKNOWN:
		return took != TOOK_WRONG;
	case STORE_MOVED:
	case STORE_CONFLICT:
	case STORE_DUPLICATE:
	case STORE_GONE:
		return took == TOOK_NOT || (took == TOOK_PLACE && pending);
	default:
		return took == TOOK_NOT || changes_nothing(t, number);
	}
}

/* Try once, look, and say so.  True: the step is over, or the play is. */
static bool
try_and_look(struct theatre *t, size_t number, int try, bool *pending)
{
	struct tamper *tape = t->stage->tamper;
	enum took took;
	int result;

	tape_mark(tape, MARK_BEGIN, (int64_t)number);
	result = try_step(t, number, try == 0);
	t->told->result[number] = result;
	if (t->told->end != STAGE_RUNNING)
		return true;
	if (t->play->steps[number].kind == STEP_START &&
	    !was_started(t, result, try == 0))
		return t->told->end != STAGE_RUNNING;
	if (result == KILLED && t->accident->all && !start_anew(t))
		return true;
	if ((store_poisoned(t->store) && !recover(t)) || !look(t, number))
		return true;
	took = took_place(t, number);
	if (!is_honest(t, number, result, took, *pending)) {
		say_wrong(t, number, result);
		return true;
	}
	*pending |= result == KILLED || result == STORE_UNKNOWN;
	tape_mark(tape,
	    took == TOOK_PLACE  ? MARK_DONE
	    : took == TOOK_PART ? MARK_PART
	    : *pending          ? MARK_OPEN
				: MARK_UNDONE,
	    (int64_t)number);
	if (took == TOOK_PART)
		t->told->end = STAGE_DONE;
	return took != TOOK_NOT;
}

/* One step, until it took place.  False: the play is over. */
static bool
play_step(struct theatre *t, size_t number)
{
	bool pending = false;
	int try;

	for (try = 0; try < TRIES_MOST; try++)
		if (try_and_look(t, number, try, &pending))
			return t->told->end == STAGE_RUNNING;
	end(t, STAGE_WRONG, "step %zu ended with %d: %s", number,
	    t->told->result[number], t->told->error);
	return false;
}

static _Noreturn void
perform(struct theatre *t)
{
	size_t i;

	die_with_parent();
	signal(SIGPIPE, SIG_IGN);
	alarm(PLAY_WITHIN_S);
	if (!tamper_begin(t->stage->tamper)) {
		end(t, STAGE_WRONG, "tamper: %s", strerror(errno));
		_exit(1);
	}
	t->store = store_new(t->stage->store, t->stage->dir);
	for (i = 0; i < t->play->count && play_step(t, i); i++)
		t->told->steps = i + 1;
	dismiss(t);
	if (t->told->end == STAGE_RUNNING)
		t->told->end = STAGE_DONE;
	_exit(0);
}

void
stage_run(const struct stage *stage, const struct play *play,
    const struct accident *accident, const struct stage_told *good)
{
	struct theatre t = {.stage = stage,
	    .play = play,
	    .accident = accident,
	    .good = good,
	    .told = stage->told};
	pid_t pid;
	int status = 0;

	t.told->end = STAGE_RUNNING;
	t.told->error[0] = '\0';
	t.told->steps = 0;
	t.told->accident_happened = false;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		perform(&t);
	waitpid(pid, &status, 0);
	if (t.told->end == STAGE_RUNNING)
		end(&t, STAGE_WRONG, "the play ended with status %x", status);
}
