/* SPDX-License-Identifier: BSD-2-Clause */
/* Children are forked and reaped here, and what is in a ledger is compared. */
#include "tests/unit/vault.h"

#include <sys/prctl.h>

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "locks/shared.h"

#define ALARM_S 240 /* nothing may hang */

#if defined(__SANITIZE_ADDRESS__)
#define ASAN_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN_ON 1
#endif
#endif

#ifdef ASAN_ON
/* Hundreds of forks: what is kept to catch late uses is copied by each. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=4";
}

#define LEAVE(status) _exit(status) /* and leaks are sought by each */
#else
#define LEAVE(status) exit(status)
#endif

void
give_up(const char *file, int line, const char *condition)
{
	fprintf(
	    stderr, "%s:%d, in a child: not so: %s\n", file, line, condition);
	_exit(1);
}

bool
is_json(const struct vault *f)
{
	return strcmp(f->kind, "json") == 0;
}

int64_t
soon(void)
{
	return in_ms(2000);
}

/* cmocka would take a child's crash for the test's and run the next test. */
static void
crash_as_usual(void)
{
	static const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
}

pid_t
spawn(struct vault *f, child_fn *run, void *arg)
{
	pid_t pid;
	int i;

	assert_null(f->user); /* SQLite's may not be carried over a fork */
	for (i = 0; i < CHILDREN - 1 && f->child[i] != 0; i++)
		;
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		crash_as_usual();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(f, arg);
		LEAVE(0);
	}
	f->child[i] = pid;
	return pid;
}

int
reap(struct vault *f, pid_t pid, int options)
{
	int status, i;

	if (waitpid(pid, &status, options) != pid)
		return -1;
	for (i = 0; i < CHILDREN; i++)
		if (f->child[i] == pid)
			f->child[i] = 0;
	return status;
}

static void
child_prepares(struct vault *f, void *arg)
{
	(void)arg;
	if (store_prepare(f->store, f->said, ERROR_SIZE) != 0)
		LEAVE(2);
}

bool
prepare(struct vault *f)
{
	int status;

	f->said[0] = '\0';
	status = reap(f, spawn(f, child_prepares, NULL), 0);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || f->said[0] != '\0');
	return WEXITSTATUS(status) == 0;
}

void
open_user(struct vault *f)
{
	char error[ERROR_SIZE];

	assert_null(f->user);
	f->user = store_open(f->store, error, sizeof(error));
	assert_non_null(f->user);
}

void
close_user(struct vault *f)
{
	store_close(f->user);
	f->user = NULL;
}

void
stop(struct vault *f)
{
	close_user(f);
	store_free(f->store);
	f->store = NULL;
}

static void
new_store(struct vault *f)
{
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	if (store_has_hosts(f->kind))
		store_set_database(f->store, database_of(f->dir));
}

void
start(struct vault *f)
{
	new_store(f);
	if (!prepare(f))
		fail_msg("%s", f->said);
	open_user(f);
}

void
restart(struct vault *f)
{
	f->restarted = true;
	stop(f);
	start(f);
}

void
recover(struct vault *f)
{
	assert_true(store_poisoned(f->store));
	close_user(f);
	assert_true(prepare(f));
	assert_false(store_poisoned(f->store));
	open_user(f);
}

void
assert_refused(struct vault *f, const char *word)
{
	stop(f);
	new_store(f);
	assert_false(prepare(f));
	if (strstr(f->said, word) == NULL || strchr(f->said, '\n') != NULL)
		fail_msg("not one line with \"%s\": %s", word, f->said);
}

static void
make_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

int
vault_setup(void **state)
{
	struct vault *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->kind = *state;
	*state = f;
	f->said = shared_new(ERROR_SIZE);
	assert_non_null(f->said);
	/* Not /tmp, which may be a tmpfs, where a sync does nothing. */
	(void)mkdir("build", 0755);
	snprintf(f->dir, sizeof(f->dir), "build/stores-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	disk = (struct disk){0};
	make_pipe(disk.inside);
	make_pipe(disk.go);
	start(f);
	return 0;
}

int
vault_teardown(void **state)
{
	struct vault *f = *state;
	int i;

	if (f->sweeping != NULL)
		print_error(
		    "in the sweep over %s, fault %u\n", f->sweeping, f->nth);
	for (i = 0; i < CHILDREN; i++)
		if (f->child[i] != 0) {
			kill(f->child[i], SIGKILL);
			reap(f, f->child[i], 0);
		}
	for (i = 0; i < CALLS; i++)
		disarm((enum call)i);
	for (i = 0; i < 2; i++) {
		close(disk.inside[i]);
		close(disk.go[i]);
	}
	stop(f);
	if (store_has_hosts(f->kind))
		database_drop(f->dir);
	tree_remove(f->dir);
	shared_free(f->said, ERROR_SIZE);
	free(f);
	return 0;
}

struct store_settings
settings(const char *id, int64_t capacity)
{
	struct store_settings s = {.capacity = capacity, .lock = "none"};

	snprintf(s.id, sizeof(s.id), "%s", id);
	return s;
}

enum store_result
try_create(struct store_user *user, const char *id)
{
	const struct store_settings s = settings(id, CAPACITY);
	struct store_state state;

	return store_create(user, &s, soon(), &state);
}

struct store_state
read_sale(struct vault *f, const char *id)
{
	struct store_state state;

	ok(store_read(f->user, id, &state));
	return state;
}

struct store_state
create(struct vault *f, const char *id)
{
	ok(try_create(f->user, id));
	return read_sale(f, id);
}

struct store_line
sold(const struct store_state *state, const char *buyer)
{
	static _Atomic unsigned orders;
	struct store_line line = {
	    .kind = STORE_SOLD,
	    .seat = state->settings.capacity - state->remaining + 1,
	    .quantity = 1,
	    .remaining = state->remaining - 1,
	    .capacity = state->settings.capacity,
	    .buyer = buyer,
	    .lock = "none",
	    .worker = 3,
	    .clerk = 4,
	    .sold_at_ms = INT64_C(1795237200123),
	    .trail = "[]",
	};

	snprintf(line.order, sizeof(line.order), "%016x%016x",
	    (unsigned)getpid(), atomic_fetch_add(&orders, 1));
	return line;
}

enum store_result
put(struct store_user *user, const struct store_state *state,
    struct store_line *line)
{
	bool overwrote;

	return store_put(user, state, line, 1, soon(), &overwrote);
}

enum store_result
put_if(struct store_user *user, const struct store_state *state,
    struct store_line *line)
{
	return store_put_if(user, state, line, 1, soon());
}

enum store_result
put_for(
    struct store_user *user, const struct store_state *state, const char *buyer)
{
	struct store_line line = sold(state, buyer);

	return put(user, state, &line);
}

enum store_result
buy(struct store_user *user, const char *id, const char *buyer)
{
	struct store_state state;
	enum store_result result;

	result = store_read(user, id, &state);
	return result == STORE_OK ? put_for(user, &state, buyer) : result;
}

enum store_result
put_key(struct vault *f, const struct store_state *state, const char *key)
{
	struct store_line line = sold(state, "alice");

	line.key = key;
	return put(f->user, state, &line);
}

struct store_change
change_of(const struct store_state *state)
{
	return (struct store_change){.settings = state->settings,
	    .trail = "[]",
	    .at_ms = INT64_C(1795237200456)};
}

enum store_result
poke(struct store_user *user, const struct store_state *state)
{
	struct store_line line = sold(state, "nobody");
	struct store_state never = *state;

	never.version = -1;
	return put_if(user, &never, &line);
}

void
assert_same_settings(
    const struct store_settings *a, const struct store_settings *b)
{
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->capacity, b->capacity);
	assert_string_equal(a->lock, b->lock);
	assert_int_equal(a->delay_min_ms, b->delay_min_ms);
	assert_int_equal(a->delay_max_ms, b->delay_max_ms);
}

void
assert_same_state(const struct store_state *a, const struct store_state *b)
{
	assert_same_settings(&a->settings, &b->settings);
	assert_true(a->birth == b->birth);
	assert_true(a->epoch == b->epoch);
	assert_int_equal(a->slot, b->slot);
	assert_int_equal(a->remaining, b->remaining);
	assert_int_equal(a->version, b->version);
}

void
assert_lasts(struct vault *f, const struct store_state *state)
{
	struct store_state now = read_sale(f, SALE);

	assert_same_state(&now, state);
	restart(f);
	now = read_sale(f, SALE);
	assert_same_state(&now, state);
}

bool
keep(const struct store_line *line, void *arg)
{
	struct seen *seen = arg;
	struct kept *kept = &seen->kept[seen->count++];

	kept->line = *line;
	snprintf(kept->buyer, sizeof(kept->buyer), "%s", line->buyer);
	snprintf(kept->lock, sizeof(kept->lock), "%s", line->lock);
	snprintf(kept->trail, sizeof(kept->trail), "%s", line->trail);
	kept->line.buyer = kept->buyer;
	kept->line.lock = kept->lock;
	kept->line.trail = kept->trail;
	if (line->key != NULL) {
		snprintf(kept->key, sizeof(kept->key), "%s", line->key);
		kept->line.key = kept->key;
	}
	return seen->count != seen->stop_at && seen->count != SEEN_MAX;
}

void
walk(struct vault *f, const struct store_state *state, int64_t after,
    struct seen *seen)
{
	seen->count = 0;
	ok(store_each(f->user, state, after, keep, seen));
}

const struct store_line *
last_line(struct vault *f, const char *id, struct seen *seen)
{
	const struct store_state state = read_sale(f, id);

	walk(f, &state, state.version - 1, seen);
	assert_int_equal(seen->count, 1);
	return &seen->kept[0].line;
}

enum store_result
find(struct vault *f, const struct store_state *state, enum store_by by,
    const char *value, struct seen *seen)
{
	seen->count = 0;
	return store_find(f->user, state, by, value, keep, seen);
}

void
assert_same_line(const struct store_line *a, const struct store_line *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->nth, b->nth);
	assert_int_equal(a->seat, b->seat);
	assert_int_equal(a->quantity, b->quantity);
	assert_int_equal(a->remaining, b->remaining);
	assert_int_equal(a->capacity, b->capacity);
	assert_string_equal(a->order, b->order);
	assert_string_equal(a->buyer, b->buyer);
	assert_true((a->key == NULL) == (b->key == NULL));
	if (a->key != NULL && b->key != NULL)
		assert_string_equal(a->key, b->key);
	assert_string_equal(a->lock, b->lock);
	assert_int_equal(a->worker, b->worker);
	assert_int_equal(a->clerk, b->clerk);
	assert_int_equal(a->sold_at_ms, b->sold_at_ms);
	assert_string_equal(a->trail, b->trail);
}

static bool
count_line(const struct store_line *line, void *arg)
{
	struct tally *t = arg;

	t->lines++;
	t->whole = t->whole && line->version == t->lines;
	t->in_turn = t->in_turn && line->seat == t->lines;
	t->parents += strcmp(line->buyer, "parent") == 0;
	t->victims += strcmp(line->buyer, "victim") == 0;
	t->raised += line->kind == STORE_RAISED;
	t->last = *line;
	return true;
}

struct tally
tally(struct store_user *user, const char *id)
{
	struct tally t = {.whole = true, .in_turn = true};
	struct store_state state;

	if (store_read(user, id, &state) != STORE_OK ||
	    store_each(user, &state, 0, count_line, &t) != STORE_OK)
		return (struct tally){.whole = false};
	if (t.lines == 0)
		t.last =
		    (struct store_line){.remaining = state.settings.capacity,
			.capacity = state.settings.capacity};
	t.whole = t.whole && t.lines == state.version &&
		  t.last.remaining == state.remaining &&
		  t.last.capacity == state.settings.capacity;
	return t;
}

bool
note_id(const struct store_state *state, void *arg)
{
	struct ids *ids = arg;

	memcpy(ids->id[ids->count++], state->settings.id, STORE_ID_SIZE);
	return ids->count != ids->stop_at && ids->count != SEEN_MAX;
}

size_t
times_listed(struct vault *f, const char *id)
{
	struct ids ids = {0};
	size_t i, times = 0;

	ok(store_list(f->user, note_id, &ids));
	for (i = 0; i < ids.count; i++)
		times += strcmp(ids.id[i], id) == 0;
	return times;
}

void
child_opens(struct vault *f)
{
	char error[ERROR_SIZE];

	f->user = store_open(f->store, error, sizeof(error));
	CHECK(f->user != NULL);
}

static void
child_pauses(struct vault *f, void *arg)
{
	struct store_state state;
	struct store_line line;

	(void)arg;
	child_opens(f);
	if (store_has_hosts(f->kind))
		database_hold_row(f->dir, SALE, disk_pause);
	CHECK(store_read(f->user, SALE, &state) == STORE_OK);
	line = sold(&state, "child");
	line.key = "child";
	arm(SYNC, PAUSE, 0, 0);
	CHECK(put(f->user, &state, &line) == STORE_OK);
	close_user(f);
}

pid_t
spawn_holder(struct vault *f)
{
	struct pollfd ready = {.fd = disk.inside[0], .events = POLLIN};
	pid_t pid;
	char byte;

	close_user(f);
	pid = spawn(f, child_pauses, NULL);
	assert_int_equal(poll(&ready, 1, 10000), 1);
	assert_int_equal(read(disk.inside[0], &byte, 1), 1);
	open_user(f);
	return pid;
}

struct store_state
create_and_buy(struct vault *f)
{
	create(f, SALE);
	ok(buy(f->user, SALE, "alice"));
	return read_sale(f, SALE);
}

void
touch(struct vault *f, const char *name, const char *mode)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, mode);
	assert_non_null(file);
	fputs("not turnstile's\n", file);
	fclose(file);
}

void
path_of(const struct vault *f, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", f->dir, name);
}

bool
slurp(const struct vault *f, const char *name, struct text *text)
{
	char path[128];
	FILE *file;

	path_of(f, name, path);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	text->size = fread(text->bytes, 1, sizeof(text->bytes) - 1, file);
	text->bytes[text->size] = '\0';
	fclose(file);
	return true;
}

bool
spill(const struct vault *f, const char *name, const char *bytes, size_t size)
{
	char path[128];
	bool whole;
	FILE *file;

	path_of(f, name, path);
	file = fopen(path, "we");
	if (file == NULL)
		return false;
	whole = fwrite(bytes, 1, size, file) == size;
	return fclose(file) == 0 && whole;
}

void
child_executes(struct vault *f, void *arg)
{
	char path[128];
	sqlite3 *db;

	path_of(f, DATABASE, path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

int
vault_run(int argc, char **argv, const char *only,
    const struct CMUnitTest *tests, size_t count)
{
	alarm(ALARM_S);
	return run_over_stores(argc, argv, only, tests, count);
}

int
vault_run_local(
    int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	alarm(ALARM_S);
	return run_over_local_stores(argc, argv, tests, count);
}
