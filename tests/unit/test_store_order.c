/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: in which order files are synced and renamed.  No crash of a process
 * shows a sync that is missing; the order of calls does.
 */
#include "tests/unit/vault.h"

#include <dlfcn.h>
#include <errno.h>

#include "locks/robust.h"
#include "locks/tsan.h"
#include "storage/store_impl.h"

static void
start_noting(const struct vault *f)
{
	disk.notes[0] = '\0';
	disk.root = f->dir;
}

static void
assert_noted(const char *wanted)
{
	disk.root = NULL;
	disk.on_sync = NULL;
	assert_string_equal(disk.notes, wanted);
}

static void
test_create(void **state)
{
	struct vault *f = *state;

	start_noting(f);
	ok(try_create(f->user, SALE));
	assert_noted("fsync /demo/ledger.jsonl\n"
		     "fsync /demo\n"
		     "write /demo/sale.json.new\n"
		     "fsync /demo/sale.json.new\n"
		     "rename /demo/sale.json\n"
		     "fsync /demo\n"
		     "fsync \n");
}

static void
test_sell(void **state)
{
	struct vault *f = *state;

	create(f, SALE);
	start_noting(f);
	ok(buy(f->user, SALE, "alice"));
	assert_noted("write /demo/ledger.jsonl\n"
		     "fdatasync /demo/ledger.jsonl\n");
}

/* The lines of a change are on disk before it is done, by the rename. */
static void
test_change(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct store_change change = change_of(&a);

	change.settings.capacity++;
	start_noting(f);
	ok(store_configure(f->user, &a, &change, soon()));
	assert_noted("write /demo/ledger.jsonl\n"
		     "fdatasync /demo/ledger.jsonl\n"
		     "write /demo/sale.json.new\n"
		     "fsync /demo/sale.json.new\n"
		     "rename /demo/sale.json\n"
		     "fsync /demo\n");
}

/* Of a batch that was cut short the first lines may be whole. */
static void
test_short_write_cut_back(void **state)
{
	struct vault *f = *state;

	create(f, SALE);
	start_noting(f);
	arm(WRITE, CUT_SHORT, 0, 0);
	assert_int_equal(buy(f->user, SALE, "alice"), STORE_FULL);
	assert_noted("write /demo/ledger.jsonl\n"
		     "ftruncate /demo/ledger.jsonl\n"
		     "fdatasync /demo/ledger.jsonl\n");
}

/* A line that is not to count is cut for good. */
static void
test_change_cut_back(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct store_change change = change_of(&a);

	change.settings.capacity++;
	start_noting(f);
	arm(RENAME, FAIL, ENOSPC, 0);
	assert_int_equal(
	    store_configure(f->user, &a, &change, soon()), STORE_FULL);
	assert_noted("write /demo/ledger.jsonl\n"
		     "fdatasync /demo/ledger.jsonl\n"
		     "write /demo/sale.json.new\n"
		     "fsync /demo/sale.json.new\n"
		     "rename /demo/sale.json\n"
		     "unlink /demo/sale.json.new\n"
		     "ftruncate /demo/ledger.jsonl\n"
		     "fdatasync /demo/ledger.jsonl\n");
	assert_non_null(strstr(store_error(f->user), "sale.json: rename: No "));
	assert_int_equal(read_sale(f, SALE).settings.capacity, CAPACITY);
}

static struct vault *looking;

static void
look_at_sale(const char *note)
{
	struct store_state state;

	(void)note;
	ok(store_read(looking->user, SALE, &state));
}

/* Nobody sees the sale gone before it is so on disk; then it is emptied. */
static void
test_remove(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	char wanted[256];

	looking = f;
	disk.on_sync = look_at_sale;
	start_noting(f);
	ok(store_remove(f->user, &a, soon()));
	snprintf(wanted, sizeof(wanted),
	    "rename /.gone-%016llx\nfsync \nunlink "
	    "/.gone-%016llx/ledger.jsonl\n",
	    (unsigned long long)a.birth, (unsigned long long)a.birth);
	disk.notes[strlen(wanted)] = '\0';
	assert_noted(wanted);
}

/* A start, in this process. */
static void
start_here(struct vault *f)
{
	char error[ERROR_SIZE];

	stop(f);
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	start_noting(f);
	ok(store_prepare(f->store, error, sizeof(error)));
	disk.root = NULL;
	open_user(f);
}

/* Who was killed may have synced nothing of what is there now. */
static void
test_start(void **state)
{
	struct vault *f = *state;

	create_and_buy(f);
	start_here(f);
	assert_noted("fsync \nsyncfs \n");
}

static void
test_first_start(void **state)
{
	struct vault *f = *state;
	char path[128];

	path_of(f, ".store", path);
	assert_int_equal(unlink(path), 0);
	start_here(f);
	assert_noted("write /.store.new\n"
		     "fsync /.store.new\n"
		     "rename /.store\n"
		     "fsync \n"
		     "syncfs \n");
}

static void
test_start_on_torn_ledger(void **state)
{
	struct vault *f = *state;

	create_and_buy(f);
	touch(f, SALE "/ledger.jsonl", "ae");
	start_here(f);
	assert_noted("fsync \n"
		     "syncfs \n"
		     "ftruncate /demo/ledger.jsonl\n"
		     "fsync /demo/ledger.jsonl\n");
	assert_int_equal(tally(f->user, SALE).lines, 1);
}

static void
recover_here(struct vault *f)
{
	char error[ERROR_SIZE];

	assert_true(store_poisoned(f->store));
	close_user(f);
	start_noting(f);
	ok(store_prepare(f->store, error, sizeof(error)));
	disk.root = NULL;
	open_user(f);
}

/* What the page cache shows behind the mark is not to be trusted. */
static void
test_recovery(void **state)
{
	struct vault *f = *state;

	create_and_buy(f);
	create(f, "other");
	arm(SYNC, FAIL, EIO, 0);
	arm(TRUNCATE, FAIL, EIO, 0);
	assert_int_equal(buy(f->user, SALE, "bob"), STORE_UNKNOWN);
	recover_here(f);
	assert_noted("fsync \n"
		     "ftruncate /demo/ledger.jsonl\n"
		     "fsync /demo/ledger.jsonl\n");
	assert_int_equal(tally(f->user, SALE).lines, 1);
}

/* Another fsync of that directory would say that all is well. */
static void
test_recovery_of_a_change(void **state)
{
	struct vault *f = *state;
	struct store_state a = create_and_buy(f);
	struct store_change change = change_of(&a);

	change.settings.capacity++;
	arm(SYNC, FAIL, EIO, 2);
	assert_int_equal(
	    store_configure(f->user, &a, &change, soon()), STORE_UNKNOWN);
	recover_here(f);
	assert_noted("fsync \n"
		     "write /demo/sale.json.new\n"
		     "fsync /demo/sale.json.new\n"
		     "rename /demo/sale.json\n"
		     "fsync /demo\n");
	assert_int_equal(read_sale(f, SALE).settings.capacity, CAPACITY + 1);
	assert_true(tally(f->user, SALE).whole);
	ok(buy(f->user, SALE, "bob"));
	restart(f);
	assert_int_equal(read_sale(f, SALE).settings.capacity, CAPACITY + 1);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

/* -------------------------------------------------------------- the heir -- */

struct death {
	enum store_result (*run)(struct vault *f);
	unsigned sync; /* it dies before that one, from 0 */
};

static enum store_result
change_capacity(struct vault *f)
{
	struct store_state a = f->before;
	struct store_change change = change_of(&a);

	change.settings.capacity++;
	return store_configure(f->user, &a, &change, soon());
}

static enum store_result
create_new(struct vault *f)
{
	return try_create(f->user, "new");
}

static enum store_result
remove_sale(struct vault *f)
{
	return store_remove(f->user, &f->before, soon());
}

static void
child_dies_at_sync(struct vault *f, void *arg)
{
	const struct death *death = arg;

	child_opens(f);
	arm(SYNC, DIE, 0, death->sync);
	(void)death->run(f);
}

/* What is called when another process opens the store. */
static void
note_heir(struct vault *f, struct death death)
{
	int status;

	create(f, SALE);
	f->before = read_sale(f, SALE);
	close_user(f);
	status = reap(f, spawn(f, child_dies_at_sync, &death), 0);
	assert_true(WIFSIGNALED(status));
	start_noting(f);
	open_user(f);
	disk.root = NULL;
}

static void
assert_noted_first(const char *wanted)
{
	disk.notes[strlen(wanted)] = '\0';
	assert_noted(wanted);
}

/* Whoever published the change without it could tell of what may not last. */
static void
test_heir_of_a_change(void **state)
{
	struct vault *f = *state;

	note_heir(f, (struct death){change_capacity, 2});
	assert_noted("fsync /demo\n");
	assert_int_equal(read_sale(f, SALE).settings.capacity, CAPACITY + 1);
}

static void
test_heir_of_a_sale_that_was_made(void **state)
{
	struct vault *f = *state;
	char name[32];

	note_heir(f, (struct death){create_new, 4});
	assert_int_equal(
	    sscanf(disk.notes, "rename /.gone-%16[0-9a-f]\nfsync ", name), 1);
	assert_non_null(strstr(disk.notes, "\nfsync \nunlink /.gone-"));
	assert_int_equal(times_listed(f, "new"), 0);
}

static void
test_heir_of_a_removal(void **state)
{
	struct vault *f = *state;

	note_heir(f, (struct death){remove_sale, 0});
	assert_noted_first("fsync \nunlink /.gone-");
	assert_int_equal(times_listed(f, SALE), 0);
}

/* --------------------------------------------------- a wait in the latch -- */

static struct store_user *poisoned_while_waiting;

/* What robust.c calls to wait, unless a thread sanitizer is there. */
int
pthread_mutex_clocklock(
    pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	static int (*real)(
	    pthread_mutex_t *, clockid_t, const struct timespec *);
	int error;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_clocklock");
	error = real(mutex, clock, until);
	if (poisoned_while_waiting != NULL)
		store_fail(poisoned_while_waiting, STORE_UNKNOWN, "meanwhile");
	poisoned_while_waiting = NULL;
	return error;
}

static void
test_poisoned_while_waiting(void **state)
{
	struct vault *f = *state;
	pthread_mutex_t latch;

	if (TSAN_ON) {
		print_message("SKIP: ThreadSanitizer does not know this\n");
		skip();
	}
	robust_init(&latch);
	poisoned_while_waiting = f->user;
	assert_int_equal(
	    store_latch(f->user, &latch, soon(), NULL, NULL), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), "being recovered"));
	assert_int_equal(pthread_mutex_trylock(&latch), 0);
	recover(f);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_create),
	    VAULT_TEST(test_sell),
	    VAULT_TEST(test_change),
	    VAULT_TEST(test_short_write_cut_back),
	    VAULT_TEST(test_change_cut_back),
	    VAULT_TEST(test_remove),
	    VAULT_TEST(test_start),
	    VAULT_TEST(test_first_start),
	    VAULT_TEST(test_start_on_torn_ledger),
	    VAULT_TEST(test_recovery),
	    VAULT_TEST(test_recovery_of_a_change),
	    VAULT_TEST(test_heir_of_a_change),
	    VAULT_TEST(test_heir_of_a_sale_that_was_made),
	    VAULT_TEST(test_heir_of_a_removal),
	    VAULT_TEST(test_poisoned_while_waiting),
	};

	return vault_run(
	    argc, argv, "json", tests, sizeof(tests) / sizeof(tests[0]));
}
