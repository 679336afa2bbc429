/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQLite without memory: each allocation of each call fails once, alone or
 * with all that follow it.  What is said is so, and nobody is shown half of
 * anything.
 */
#include "tests/unit/vault.h"

#include <dlfcn.h>
#include <sqlite3.h>

/* -------------------------------------------------------------- memory -- */

static sqlite3_mem_methods real;
static struct {
	unsigned left; /* allocations that go well first, and the one; 0: all */
	bool for_good; /* and none after it */
	bool failed;
} memory;

static bool
fails_now(void)
{
	if (memory.left > 0 && --memory.left == 0)
		memory.failed = true;
	else if (!memory.failed || !memory.for_good)
		return false;
	return true;
}

static void *
scarce_malloc(int size)
{
	return fails_now() ? NULL : real.xMalloc(size);
}

static void *
scarce_realloc(void *old, int size)
{
	return fails_now() ? NULL : real.xRealloc(old, size);
}

/* What SQLite may need memory for, though it seldom does: so we say. */

static void
find_real(const char *name, void **function)
{
	*function = dlsym(RTLD_NEXT, name);
}

const unsigned char *
sqlite3_column_text(sqlite3_stmt *s, int i)
{
	const unsigned char *(*next)(sqlite3_stmt *, int);

	find_real("sqlite3_column_text", (void **)&next);
	return fails_now() ? NULL : next(s, i);
}

int
sqlite3_bind_int64(sqlite3_stmt *s, int i, sqlite3_int64 number)
{
	int (*next)(sqlite3_stmt *, int, sqlite3_int64);

	find_real("sqlite3_bind_int64", (void **)&next);
	return fails_now() ? SQLITE_NOMEM : next(s, i, number);
}

int
sqlite3_bind_text(
    sqlite3_stmt *s, int i, const char *text, int size, void (*destroy)(void *))
{
	int (*next)(sqlite3_stmt *, int, const char *, int, void (*)(void *));

	find_real("sqlite3_bind_text", (void **)&next);
	return fails_now() ? SQLITE_NOMEM : next(s, i, text, size, destroy);
}

static void
fail_at(unsigned nth, bool for_good)
{
	memory.failed = false;
	memory.for_good = for_good;
	memory.left = nth;
}

/* Whether it failed. */
static bool
memory_again(void)
{
	const bool failed = memory.failed;

	fail_at(0, false);
	return failed;
}

/* ----------------------------------------------------------------- calls -- */

#define BATCH 3

struct op {
	const char *name;
	enum store_result (*run)(struct vault *f);
	bool (*done)(struct vault *f); /* NULL: it changes nothing */
};

static enum store_result
run_put(struct vault *f)
{
	struct store_line lines[BATCH];
	bool overwrote;
	int i;

	for (i = 0; i < BATCH; i++) {
		lines[i] = sold(&f->before, "victim");
		lines[i].key = lines[i].order;
	}
	return store_put(f->user, &f->before, lines, BATCH, soon(), &overwrote);
}

static bool
done_put(struct vault *f)
{
	const struct store_state now = read_sale(f, SALE);
	const struct tally t = tally(f->user, SALE);
	struct store_line line = sold(&now, "victim");
	struct seen seen = {0};

	if (now.version == f->before.version)
		return false;
	assert_int_equal(now.version, f->before.version + BATCH);
	assert_true(t.whole);
	line.key = t.last.order;
	ok(find(f, &now, STORE_BY_KEY, line.key, &seen));
	ok(find(f, &now, STORE_BY_ORDER, line.key, &seen));
	assert_int_equal(put(f->user, &now, &line), STORE_DUPLICATE);
	return true;
}

static enum store_result
run_duplicate(struct vault *f)
{
	struct store_line line = sold(&f->before, "alice");

	line.key = "k";
	return put(f->user, &f->before, &line) == STORE_DUPLICATE
		   ? STORE_OK
		   : STORE_FAILED;
}

/* The sale's lines are alice's. */
static bool
is_alices(const struct store_line *line, void *arg)
{
	size_t *seen = arg;

	assert_string_equal(line->buyer, "alice");
	assert_string_equal(line->lock, "none");
	assert_string_equal(line->trail, "[]");
	assert_int_equal(strlen(line->order), 32);
	if (line->version == 1)
		assert_string_equal(line->key, "k");
	else
		assert_null(line->key);
	++*seen;
	return true;
}

static enum store_result
run_find(struct vault *f)
{
	size_t seen = 0;
	enum store_result result;

	result = store_find(
	    f->user, &f->before, STORE_BY_KEY, "k", is_alices, &seen);
	assert_int_equal(seen, result == STORE_OK ? 1 : 0);
	return result;
}

static enum store_result
run_each(struct vault *f)
{
	size_t seen = 0;
	enum store_result result;

	result = store_each(f->user, &f->before, 0, is_alices, &seen);
	if (result == STORE_OK)
		assert_int_equal(seen, f->before.version);
	return result;
}

static enum store_result
run_read(struct vault *f)
{
	struct store_state a;
	enum store_result result;

	result = store_read(f->user, SALE, &a);
	if (result == STORE_OK)
		assert_same_state(&a, &f->before);
	return result;
}

static bool
is_known(const struct store_state *state, void *arg)
{
	size_t *listed = arg;

	assert_true(strcmp(state->settings.id, SALE) == 0 ||
		    strcmp(state->settings.id, "old") == 0);
	assert_string_equal(state->settings.lock, "none");
	++*listed;
	return true;
}

static enum store_result
run_list(struct vault *f)
{
	size_t listed = 0;
	enum store_result result;

	result = store_list(f->user, is_known, &listed);
	if (result == STORE_OK)
		assert_int_equal(listed, 2);
	return result;
}

/* Another delay, and a ticket more. */
static enum store_result
run_configure(struct vault *f)
{
	struct store_change change = change_of(&f->before);
	struct store_state state = f->before;

	change.settings.capacity++;
	change.settings.delay_max_ms++;
	return store_configure(f->user, &state, &change, soon());
}

static bool
done_configure(struct vault *f)
{
	const struct store_state now = read_sale(f, SALE);
	const int64_t raised =
	    now.settings.capacity - f->before.settings.capacity;

	assert_int_equal(
	    now.settings.delay_max_ms - f->before.settings.delay_max_ms,
	    raised);
	assert_int_equal(now.version - f->before.version, raised);
	assert_true(tally(f->user, SALE).whole);
	return raised == 1;
}

static enum store_result
run_create(struct vault *f)
{
	return try_create(f->user, "new");
}

static bool
done_create(struct vault *f)
{
	struct store_state a;

	if (store_read(f->user, "new", &a) == STORE_GONE)
		return false;
	assert_string_equal(a.settings.lock, "none");
	assert_int_equal(a.settings.capacity, CAPACITY);
	ok(store_remove(f->user, &a, soon()));
	return true;
}

static enum store_result
run_remove(struct vault *f)
{
	struct store_state a;
	enum store_result result;

	result = store_read(f->user, "old", &a);
	return result == STORE_OK ? store_remove(f->user, &a, soon()) : result;
}

static bool
done_remove(struct vault *f)
{
	if (times_listed(f, "old") == 1) {
		assert_int_equal(tally(f->user, "old").lines, 1);
		return false;
	}
	create(f, "old");
	ok(buy(f->user, "old", "alice"));
	return true;
}

/* It says nothing; what it leaves is looked at later. */
static enum store_result
run_tidy(struct vault *f)
{
	store_tidy(f->user);
	return STORE_OK;
}

static const struct op ops[] = {
    {"put", run_put, done_put},
    {"duplicate", run_duplicate, NULL},
    {"configure", run_configure, done_configure},
    {"create", run_create, done_create},
    {"remove", run_remove, done_remove},
    {"tidy", run_tidy, NULL},
};

static const struct op looks[] = {
    {"read", run_read, NULL},
    {"list", run_list, NULL},
    {"find", run_find, NULL},
    {"each", run_each, NULL},
};

/* ---------------------------------------------------------------- sweeps -- */

/* What was said is so, and what has happened was whole. */
static void
judge(struct vault *f, const struct op *op, enum store_result result)
{
	bool done;

	if (store_poisoned(f->store))
		recover(f);
	if (op->done == NULL)
		return;
	done = op->done(f);
	if (result != STORE_UNKNOWN)
		assert_int_equal(done, result == STORE_OK);
}

/* False: the call has no such allocation any more. */
static bool
try_nth(struct vault *f, const struct op *op, bool for_good)
{
	enum store_result result;
	bool failed;

	f->before = read_sale(f, SALE);
	fail_at(++f->nth, for_good);
	result = op->run(f);
	failed = memory_again();
	if (!failed)
		ok(result);
	if (result != STORE_OK && result != STORE_UNKNOWN) {
		assert_int_equal(result, STORE_FAILED);
		assert_true(strlen(store_error(f->user)) > 0);
	}
	judge(f, op, result);
	f->before = read_sale(f, SALE);
	assert_int_equal(poke(f->user, &f->before), STORE_CONFLICT);
	return failed;
}

/* Connections anew each time: what is in a cache needs no memory. */
static void
sweep(struct vault *f, const struct op *op, size_t count, bool for_good)
{
	unsigned failures = 0;
	bool more;

	for (; count > 0; op++, count--) {
		f->sweeping = op->name;
		f->nth = 0;
		do {
			close_user(f);
			open_user(f);
			more = try_nth(f, op, for_good);
		} while (more);
		failures += f->nth - 1;
	}
	assert_true(failures > 20);
	f->sweeping = NULL;
}

/* Nothing is to last here: a sync would only take time. */
static void
begin_sweep(struct vault *f)
{
	struct store_state a;

	arm(SYNC, ALWAYS_SKIP, 0, 0);
	a = create(f, SALE);
	ok(put_key(f, &a, "k"));
	create(f, "old");
	ok(buy(f->user, "old", "alice"));
}

static void
test_looks(void **state)
{
	struct vault *f = *state;

	begin_sweep(f);
	sweep(f, looks, sizeof(looks) / sizeof(looks[0]), false);
	sweep(f, looks, sizeof(looks) / sizeof(looks[0]), true);
}

static void
test_writes(void **state)
{
	struct vault *f = *state;

	begin_sweep(f);
	sweep(f, ops, sizeof(ops) / sizeof(ops[0]), false);
	sweep(f, ops, sizeof(ops) / sizeof(ops[0]), true);
	restart(f);
	assert_true(tally(f->user, SALE).whole);
}

/* Opening and preparing parse SQL: of allocations beyond so many, some. */
#define MANY 50

static void
test_open(void **state)
{
	struct vault *f = *state;
	struct store_state a;
	unsigned nth = 0;
	char error[256];
	bool failed;

	begin_sweep(f);
	a = read_sale(f, SALE);
	do {
		close_user(f);
		error[0] = '\0';
		nth += 1 + nth / MANY;
		fail_at(nth, false);
		f->user = store_open(f->store, error, sizeof(error));
		failed = memory_again();
		assert_true(f->user != NULL || failed);
		assert_true(f->user != NULL || error[0] != '\0');
		if (f->user == NULL)
			open_user(f);
		assert_int_equal(poke(f->user, &a), STORE_CONFLICT);
	} while (failed);
	assert_true(nth > 20);
}

static void
child_prepares_scarcely(struct vault *f, void *arg)
{
	fail_at(*(unsigned *)arg, false);
	if (store_prepare(f->store, f->said, ERROR_SIZE) != 0)
		CHECK(f->said[0] != '\0');
	_exit(memory_again() ? 1 : 0);
}

/* With a log that is to be recovered. */
static void
test_prepare(void **state)
{
	struct vault *f = *state;
	unsigned nth = 0;
	int status;

	begin_sweep(f);
	do {
		close_user(f);
		nth += 1 + nth / MANY;
		status = reap(f, spawn(f, child_prepares_scarcely, &nth), 0);
		assert_true(WIFEXITED(status));
		restart(f);
		ok(buy(f->user, SALE, "alice"));
		assert_true(tally(f->user, SALE).whole);
	} while (status != 0);
	assert_true(nth > 20);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_looks),
	    VAULT_TEST(test_writes),
	    VAULT_TEST(test_open),
	    VAULT_TEST(test_prepare),
	};
	sqlite3_mem_methods scarce;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
		return 1;
	scarce = real;
	scarce.xMalloc = scarce_malloc;
	scarce.xRealloc = scarce_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce) != SQLITE_OK)
		return 1;
	return vault_run(
	    argc, argv, "sqlite", tests, sizeof(tests) / sizeof(tests[0]));
}
