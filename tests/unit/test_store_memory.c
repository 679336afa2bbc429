/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each call of a store, with the first allocation in it that fails, then the
 * second, and so on until none is left: it says that there is no memory and
 * has done nothing, or it managed without.  The linker puts __wrap_malloc()
 * and its like in the place of what the stores call; jansson is told.
 */
#include "tests/unit/vault.h"

#include <sys/mman.h>

#include <errno.h>
#include <jansson.h>

#define FAULTS_MAX 200 /* allocations in one call */

/* Which allocation fails, from 1; 0: none, or it has. */
static unsigned fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_madvise(void *at, size_t size, int advice);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_madvise(void *at, size_t size, int advice);

static bool
fails_now(void)
{
	const bool now = fails_at > 0 && --fails_at == 0;

	if (now)
		errno = ENOMEM;
	return now;
}

void *
__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : __real_realloc(memory, size);
}

/* Pages are allocated, too; who uses those that were refused dies of it. */
int
__wrap_madvise(void *at, size_t size, int advice)
{
	if (advice == MADV_POPULATE_WRITE && fails_now()) {
		mprotect(at, size, PROT_NONE);
		errno = ENOMEM;
		return -1;
	}
	if (advice == MADV_POPULATE_WRITE)
		mprotect(at, size, PROT_READ | PROT_WRITE);
	return __real_madvise(at, size, advice);
}

/* ------------------------------------------------------------ the calls -- */

struct play {
	char key[16];
	struct store_state state; /* what the call was decided on */
};

typedef enum store_result call_fn(struct vault *f, struct play *play);

static enum store_result
call_read(struct vault *f, struct play *play)
{
	return store_read(f->user, SALE, &play->state);
}

/* In a batch, so that it crosses a segment's border now and then. */
static enum store_result
call_put(struct vault *f, struct play *play)
{
	struct store_line lines[40];
	char keys[40][32];
	bool overwrote;
	size_t i;

	for (i = 0; i < 40; i++) {
		lines[i] = sold(&play->state, "alice \"A\"\n");
		snprintf(keys[i], sizeof(keys[i]), "%s \"%zu\"", play->key, i);
		lines[i].key = keys[i];
		lines[i].seat += (int64_t)i;
		lines[i].remaining -= (int64_t)i;
	}
	return store_put(f->user, &play->state, lines, 40, soon(), &overwrote);
}

static enum store_result
call_put_if(struct vault *f, struct play *play)
{
	struct store_line line = sold(&play->state, "bob");

	line.key = play->key;
	return put_if(f->user, &play->state, &line);
}

static enum store_result
call_find(struct vault *f, struct play *play)
{
	struct seen seen = {0};
	enum store_result result =
	    find(f, &play->state, STORE_BY_KEY, "first", &seen);

	assert_true(result != STORE_OK || seen.count == 1);
	return result;
}

static enum store_result
call_each(struct vault *f, struct play *play)
{
	struct seen seen = {0};

	return store_each(
	    f->user, &play->state, play->state.version - 1, keep, &seen);
}

static enum store_result
call_configure(struct vault *f, struct play *play)
{
	struct store_change change = change_of(&play->state);

	change.settings.capacity++;
	change.recount = true;
	return store_configure(f->user, &play->state, &change, soon());
}

static enum store_result
call_create(struct vault *f, struct play *play)
{
	char id[32];

	snprintf(id, sizeof(id), "other-%s", play->key);
	return try_create(f->user, id);
}

static enum store_result
call_remove(struct vault *f, struct play *play)
{
	struct store_state state;
	char id[32];

	snprintf(id, sizeof(id), "old-%s", play->key);
	if (store_read(f->user, id, &state) == STORE_GONE) {
		const unsigned nth = fails_at;

		fails_at = 0;
		ok(try_create(f->user, id));
		ok(buy(f->user, id, "carol"));
		ok(store_read(f->user, id, &state));
		fails_at = nth;
	}
	return store_remove(f->user, &state, soon());
}

static const struct {
	const char *name;
	call_fn *call;
	bool takes_key; /* a second time it is a duplicate */
} calls[] = {
    {"read", call_read, false},
    {"put", call_put, true},
    {"put_if", call_put_if, true},
    {"find", call_find, false},
    {"each", call_each, false},
    {"configure", call_configure, false},
    {"create", call_create, false},
    {"remove", call_remove, false},
};
#define CALLS_OF_STORE (sizeof(calls) / sizeof(calls[0]))

/* Nothing was done; without the fault it works; and then it is done. */
static void
after_fault(struct vault *f, size_t i, struct play *play,
    const struct store_state *before)
{
	struct store_state now = read_sale(f, SALE);

	assert_string_equal(store_error(f->user), "out of memory");
	assert_false(store_poisoned(f->store));
	assert_same_state(&now, before);
	ok(calls[i].call(f, play));
}

static void
assert_once(struct vault *f, size_t i, struct play *play)
{
	play->state = read_sale(f, SALE);
	if (calls[i].takes_key)
		assert_int_equal(calls[i].call(f, play), STORE_DUPLICATE);
}

/* False: the call has no nth allocation. */
static bool
fail_nth(struct vault *f, size_t i, unsigned nth)
{
	const struct store_state before = read_sale(f, SALE);
	static unsigned plays;
	struct play play = {.state = before};
	enum store_result result;
	bool failed;

	snprintf(play.key, sizeof(play.key), "%u", plays++);
	f->sweeping = calls[i].name;
	f->nth = nth;
	fails_at = nth;
	result = calls[i].call(f, &play);
	failed = fails_at == 0;
	fails_at = 0;
	if (result == STORE_FAILED)
		after_fault(f, i, &play, &before);
	else
		ok(result);
	assert_once(f, i, &play);
	return failed;
}

static void
assert_all_there(struct vault *f)
{
	const struct tally t = tally(f->user, SALE);
	struct store_state now = read_sale(f, SALE);
	struct seen seen = {0};

	assert_true(t.whole);
	assert_int_equal(t.lines, now.version);
	ok(find(f, &now, STORE_BY_KEY, "first", &seen));
	assert_int_equal(seen.kept[0].line.version, 1);
}

/* The first call of a process is not like those that follow. */
static void
sweep(struct vault *f, size_t i, bool anew)
{
	unsigned nth = 0;
	bool failed;

	do {
		if (anew)
			restart(f);
		failed = fail_nth(f, i, ++nth);
		assert_true(nth < FAULTS_MAX);
	} while (failed);
	f->sweeping = NULL;
}

static void
prepare_sale(struct vault *f)
{
	struct store_state a = create(f, SALE);

	ok(put_key(f, &a, "first"));
}

static void
test_calls(void **state)
{
	struct vault *f = *state;
	size_t i;
	int anew;

	prepare_sale(f);
	for (anew = 0; anew < 2; anew++)
		for (i = 0; i < CALLS_OF_STORE; i++)
			sweep(f, i, anew != 0);
	assert_all_there(f);
	restart(f);
	assert_all_there(f);
}

/* So often that segments fill, each with a fault before it works. */
static void
test_many_calls(void **state)
{
	struct vault *f = *state;
	unsigned nth, i;

	prepare_sale(f);
	for (i = 0; i < 60; i++)
		for (nth = 1; nth <= 3; nth++) {
			struct play play = {.state = read_sale(f, SALE)};

			snprintf(play.key, sizeof(play.key), "%u-%u", i, nth);
			fails_at = nth;
			(void)call_put(f, &play);
			fails_at = 0;
			play.state = read_sale(f, SALE);
			(void)call_put(f, &play);
			play.state = read_sale(f, SALE);
			assert_int_equal(call_put(f, &play), STORE_DUPLICATE);
		}
	assert_int_equal(read_sale(f, SALE).version, 1 + 60 * 3 * 40);
	assert_all_there(f);
}

static void
child_prepares(struct vault *f, void *arg)
{
	fails_at = *(unsigned *)arg;
	if (store_prepare(f->store, f->said, ERROR_SIZE) != 0)
		_exit(fails_at == 0 && f->said[0] != '\0' ? 1 : 2);
	_exit(fails_at == 0 ? 0 : 3);
}

/* It starts with all that was there, or says in a line why not. */
static void
test_start(void **state)
{
	struct vault *f = *state;
	unsigned nth = 0;
	int status;

	prepare_sale(f);
	do {
		nth++;
		stop(f);
		f->store = store_new(f->kind, f->dir);
		assert_non_null(f->store);
		status = reap(f, spawn(f, child_prepares, &nth), 0);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 1) {
			assert_null(strchr(f->said, '\n'));
			assert_true(prepare(f));
		} else {
			assert_true(WEXITSTATUS(status) % 3 == 0);
		}
		open_user(f);
		assert_all_there(f);
		assert_true(nth < FAULTS_MAX);
	} while (WEXITSTATUS(status) != 3);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_calls),
	    VAULT_TEST(test_many_calls),
	    VAULT_TEST(test_start),
	};

	json_object_seed(1); /* its own allocation, once */
	json_set_alloc_funcs(__wrap_malloc, free);
	return vault_run(
	    argc, argv, "json", tests, sizeof(tests) / sizeof(tests[0]));
}
