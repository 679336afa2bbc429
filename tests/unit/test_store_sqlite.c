/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only the sqlite store has: pages and rows.
 */
#include "tests/unit/vault.h"

#include <dlfcn.h>
#include <errno.h>
#include <sqlite3.h>

#include "tests/unit/disk.h"

/* ---------------------------------------------------------------- damage -- */

#define PAGE 4096

/* Each page in turn; a checkpoint has brought all of them there. */
static void
test_damaged_page(void **state)
{
	struct vault *f = *state;
	struct text *text = malloc(sizeof(*text));
	char saved[PAGE];
	size_t at;

	assert_non_null(text);
	create_and_buy(f);
	restart(f);
	assert_true(slurp(f, DATABASE, text));
	assert_true(text->size >= 4 * PAGE && text->size % PAGE == 0);
	for (at = 0; at < text->size; at += PAGE) {
		memcpy(saved, text->bytes + at, PAGE);
		memset(text->bytes + at, 0xa5, PAGE);
		assert_true(spill(f, DATABASE, text->bytes, text->size));
		assert_refused(f, DATABASE);
		memcpy(text->bytes + at, saved, PAGE);
	}
	assert_true(spill(f, DATABASE, text->bytes, text->size));
	stop(f);
	start(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	free(text);
}

/* A sound database whose content cannot be. */
static void
test_damaged_rows(void **state)
{
	static const char *const damages[] = {
	    "DELETE FROM ledger WHERE row & 255 = 2",
	    "DELETE FROM sale",
	    "DELETE FROM ledger WHERE row & 255 = 3",
	    "UPDATE sale SET remaining = remaining - 1",
	    "UPDATE sale SET version = version + 1",
	    "PRAGMA user_version = 99",
	    "PRAGMA application_id = 99",
	};
	struct vault *f = *state;
	struct text *text = malloc(sizeof(*text));
	size_t i;

	assert_non_null(text);
	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	ok(buy(f->user, SALE, "carol"));
	restart(f);
	assert_true(slurp(f, DATABASE, text));
	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		stop(f);
		assert_int_equal(
		    reap(f,
			spawn(f, child_executes, (void *)(uintptr_t)damages[i]),
			0),
		    0);
		assert_refused(f, DATABASE);
		assert_true(spill(f, DATABASE, text->bytes, text->size));
	}
	free(text);
}

/* ----------------------------------------------------------- never synced --
 */

static void
child_dies_in_commit(struct vault *f, void *arg)
{
	(void)arg;
	open_user(f);
	arm(SYNC, DIE, 0, 0);
	buy(f->user, SALE, "bob");
}

/*
 * Whoever opens the store after all that had it open were killed finds the
 * frame, and tells nobody of it before it is synced: the open fails when that
 * does.
 */
static void
test_frame_left_unsynced(void **state)
{
	struct vault *f = *state;
	char error[256];

	create_and_buy(f);
	close_user(f);
	reap(f, spawn(f, child_dies_in_commit, NULL), 0);
	arm(SYNC, FAIL, EIO, 0);
	assert_null(store_open(f->store, error, sizeof(error)));
	assert_non_null(strstr(error, "synced"));
	assert_false(disarm(SYNC));
	open_user(f);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

/* ------------------------------------------------------ removed for good -- */

static int
note_count(void *arg, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	*(bool *)arg = strcmp(values[0], "0") != 0;
	return 0;
}

static void
child_finds_no_rows(struct vault *f, void *arg)
{
	bool found = true;
	char path[128];
	sqlite3 *db;

	path_of(f, DATABASE, path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, arg, note_count, &found, NULL) == SQLITE_OK);
	CHECK(!found);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* More than a slice, and a part of one. */
#define MANY 250

static void
buy_many(struct vault *f, const char *id)
{
	const struct store_state a = read_sale(f, id);
	struct store_line lines[MANY];
	struct store_state now = a;
	bool overwrote;
	int i;

	for (i = 0; i < MANY; i++) {
		lines[i] = sold(&now, "alice");
		lines[i].key = lines[i].order;
		now.remaining--;
	}
	ok(store_put(f->user, &a, lines, MANY, soon(), &overwrote));
}

static void
remove_sale(struct vault *f, const char *id)
{
	const struct store_state a = read_sale(f, id);

	ok(store_remove(f->user, &a, soon()));
}

/* All rows of all sales that are gone. */
static void
tidy_all(struct vault *f)
{
	int i;

	for (i = 0; i < MANY; i++) /* turns enough on a slow machine */
		store_tidy(f->user);
}

static void
test_removed_rows(void **state)
{
	char count[] = "SELECT (SELECT count(*) FROM ledger) +"
		       " (SELECT count(*) FROM sale) +"
		       " (SELECT count(*) FROM gone)";
	struct vault *f = *state;

	create(f, "empty");
	remove_sale(f, "empty");
	create(f, SALE);
	buy_many(f, SALE);
	remove_sale(f, SALE);
	tidy_all(f);
	close_user(f);
	assert_int_equal(reap(f, spawn(f, child_finds_no_rows, count), 0), 0);
}

static unsigned log_syncs;

static void
count_log_sync(const char *note)
{
	if (strstr(note, DATABASE "-wal") != NULL)
		log_syncs++;
}

/* No transaction takes out all lines: each slice is one that is synced. */
static void
test_removed_in_slices(void **state)
{
	struct vault *f = *state;

	create(f, SALE);
	buy_many(f, SALE);
	remove_sale(f, SALE);
	log_syncs = 0;
	disk.on_sync = count_log_sync;
	disk.root = f->dir;
	tidy_all(f);
	disk.root = NULL;
	disk.on_sync = NULL;
	assert_in_range(log_syncs, 3, 6);
}

static void
child_dies_tidying(struct vault *f, void *arg)
{
	disk.die_at = *(unsigned *)arg;
	open_user(f);
	store_tidy(f->user);
}

/*
 * Gone is gone at once, with or without its lines, whoever is killed while
 * they are deleted; and the same keys can be used under the same name.
 */
static void
test_removal_is_killed(void **state)
{
	struct vault *f = *state;
	unsigned at = 0;
	int status;

	create(f, "other");
	buy_many(f, "other");
	do {
		const struct store_state a = create(f, SALE);
		struct store_state old, new;
		struct seen seen = {0};

		ok(put_key(f, &a, "k"));
		buy_many(f, SALE);
		old = read_sale(f, SALE);
		ok(store_remove(f->user, &old, soon()));
		close_user(f);
		at++;
		status = reap(f, spawn(f, child_dies_tidying, &at), 0);
		open_user(f);
		if (at % 2 == 0)
			restart(f);
		assert_int_equal(
		    find(f, &old, STORE_BY_KEY, "k", &seen), STORE_GONE);
		new = create(f, SALE);
		ok(put_key(f, &new, "k"));
		assert_int_equal(
		    find(f, &old, STORE_BY_KEY, "k", &seen), STORE_GONE);
		assert_int_equal(tally(f->user, SALE).lines, 1);
		assert_true(tally(f->user, "other").whole);
		remove_sale(f, SALE);
		tidy_all(f);
	} while (status != 0);
	assert_true(at > 6);
	assert_int_equal(tally(f->user, "other").lines, MANY);
}

/* ------------------------------------------------- transactions that fail --
 */

static bool rollback_fails;

/* SQLite's own, but for a ROLLBACK that is to fail. */
int
sqlite3_step(sqlite3_stmt *statement)
{
	static int (*real)(sqlite3_stmt *);

	if (rollback_fails && strcmp(sqlite3_sql(statement), "ROLLBACK") == 0)
		return SQLITE_NOMEM;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
	return real(statement);
}

/*
 * The write lock would stay with this connection and nobody could write: it is
 * poison, which closes it.
 */
static void
test_rollback_fails(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	struct store_line line = sold(&a, "late");

	ok(buy(f->user, SALE, "bob"));
	rollback_fails = true;
	assert_int_equal(put_if(f->user, &a, &line), STORE_CONFLICT);
	rollback_fails = false;
	recover(f); /* it was poisoned */
	ok(buy(f->user, SALE, "carol"));
	assert_true(tally(f->user, SALE).whole);
}

/* Somebody who knows no latch writes: who cannot begin leaves the latch. */
static void
test_begin_fails(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	struct store_line line = sold(&a, "alice");
	bool overwrote;
	char path[128];
	sqlite3 *db;

	path_of(f, DATABASE, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
	    store_put(f->user, &a, &line, 1, in_ms(50), &overwrote),
	    STORE_BUSY);
	assert_int_equal(
	    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	ok(buy(f->user, SALE, "bob"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ------------------------------------------------------- from version 0.1 --
 */

/* clang-format off */
static const char format_1[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE sale ("
	"  number INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  id TEXT NOT NULL UNIQUE, slot INTEGER NOT NULL UNIQUE,"
	"  birth INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	"  capacity INTEGER NOT NULL CHECK (capacity > 0),"
	"  remaining INTEGER NOT NULL CHECK (remaining >= 0),"
	"  version INTEGER NOT NULL, lock TEXT NOT NULL,"
	"  delay_min_ms INTEGER NOT NULL, delay_max_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE ledger ("
	"  row INTEGER PRIMARY KEY, sale INTEGER NOT NULL,"
	"  kind INTEGER NOT NULL, base INTEGER NOT NULL,"
	"  nth INTEGER NOT NULL, seat INTEGER NOT NULL,"
	"  quantity INTEGER NOT NULL, remaining INTEGER NOT NULL,"
	"  capacity INTEGER NOT NULL, order_id TEXT NOT NULL,"
	"  buyer TEXT NOT NULL, key TEXT, lock TEXT NOT NULL,"
	"  worker INTEGER NOT NULL, clerk INTEGER NOT NULL,"
	"  sold_at_ms INTEGER NOT NULL, trail TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX ledger_order ON ledger (order_id)"
	"  WHERE order_id <> '';"
	"CREATE UNIQUE INDEX ledger_key ON ledger (sale, key)"
	"  WHERE key IS NOT NULL;"
	"INSERT INTO sale VALUES"
	" (1,'empty',0,11,12,9,9,0,'mutex',0,0),"
	" (3,'" SALE "',1,31,32,1000,990,4,'none',5,7);"
	"INSERT INTO ledger VALUES"
	" (3<<40|1,3,0,0,1,  1,1,998,999,'a1','alice','k','none',1,1,17,'[]'),"
	" (3<<40|2,3,0,0,1,  8,3,990,999,'b1','bob',NULL,'none',1,2,18,'[]'),"
	" (3<<40|3,3,1,2,1,  0,0,989,999,'','',NULL,'none',0,0,19,'[]'),"
	" (3<<40|4,3,2,3,1,  0,0,990,1000,'','',NULL,'none',0,0,20,'[]');"
	"PRAGMA application_id = 0x7475726e;"
	"PRAGMA user_version = 1;";
/* clang-format on */

static void
forget(struct vault *f, const char *name)
{
	char path[128];

	path_of(f, name, path);
	remove(path);
}

/* What 0.1 left, and nothing else. */
static void
put_format_1(struct vault *f, const struct text *text)
{
	forget(f, DATABASE "-wal");
	forget(f, DATABASE "-shm");
	assert_true(spill(f, DATABASE, text->bytes, text->size));
}

static void
make_format_1(struct vault *f, struct text *text)
{
	int status;

	close_user(f);
	forget(f, DATABASE);
	forget(f, DATABASE "-wal");
	forget(f, DATABASE "-shm");
	status =
	    reap(f, spawn(f, child_executes, (void *)(uintptr_t)format_1), 0);
	assert_int_equal(status, 0);
	assert_true(slurp(f, DATABASE, text));
}

static void
assert_upgraded(struct vault *f)
{
	const struct store_state a = read_sale(f, SALE);
	const struct store_state empty = read_sale(f, "empty");
	struct seen seen = {0};

	assert_int_equal(a.highest, 10);
	assert_int_equal(a.remaining, 990);
	assert_int_equal(a.settings.delay_max_ms, 7);
	assert_true(a.birth == 31 && a.epoch == 32 && a.version == 4);
	assert_int_equal(empty.highest, 0);
	assert_int_equal(tally(f->user, SALE).lines, 4);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(put_key(f, &a, "k"), STORE_DUPLICATE);
	ok(find(f, &a, STORE_BY_ORDER, "b1", &seen));
}

/* It is as one of today: it sells, is removed, and starts again. */
static void
test_upgrade(void **state)
{
	struct vault *f = *state;
	struct text *text = malloc(sizeof(*text));

	assert_non_null(text);
	make_format_1(f, text);
	restart(f);
	assert_upgraded(f);
	ok(buy(f->user, SALE, "carol"));
	assert_int_equal(read_sale(f, SALE).highest, 11);
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 5);
	remove_sale(f, SALE);
	store_tidy(f->user);
	restart(f);
	assert_int_equal(times_listed(f, SALE), 0);
	free(text);
}

static void
child_dies_preparing(struct vault *f, void *arg)
{
	disk.die_at = *(unsigned *)arg;
	CHECK(store_prepare(f->store, f->said, ERROR_SIZE) == 0);
	disk.die_at = 0;
}

static void
test_upgrade_is_killed(void **state)
{
	struct vault *f = *state;
	struct text *text = malloc(sizeof(*text));
	unsigned at = 0;
	int status;

	assert_non_null(text);
	make_format_1(f, text);
	do {
		close_user(f);
		put_format_1(f, text);
		at++;
		status = reap(f, spawn(f, child_dies_preparing, &at), 0);
		restart(f);
		assert_upgraded(f);
	} while (status != 0);
	assert_true(at > 6);
	free(text);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_damaged_page),
	    VAULT_TEST(test_damaged_rows),
	    VAULT_TEST(test_frame_left_unsynced),
	    VAULT_TEST(test_removed_rows),
	    VAULT_TEST(test_removed_in_slices),
	    VAULT_TEST(test_removal_is_killed),
	    VAULT_TEST(test_rollback_fails),
	    VAULT_TEST(test_begin_fails),
	    VAULT_TEST(test_upgrade),
	    VAULT_TEST(test_upgrade_is_killed),
	};

	return vault_run(
	    argc, argv, "sqlite", tests, sizeof(tests) / sizeof(tests[0]));
}
