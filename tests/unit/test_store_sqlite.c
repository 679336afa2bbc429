/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only the sqlite store has: pages and rows.
 */
#include "tests/unit/vault.h"

#include <errno.h>
#include <sqlite3.h>

#include "tests/unit/disk.h"

/* ---------------------------------------------------------------- damage -- */

#define DATABASE "turnstile.db"
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

static void
child_executes(struct vault *f, void *arg)
{
	char path[128];
	sqlite3 *db;

	path_of(f, DATABASE, path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* A sound database whose content cannot be. */
static void
test_damaged_rows(void **state)
{
	static const char *const damages[] = {
	    "DELETE FROM ledger WHERE row & 255 = 2",
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

static void
test_removed_rows(void **state)
{
	char count[] = "SELECT (SELECT count(*) FROM ledger) +"
		       " (SELECT count(*) FROM sale)";
	struct vault *f = *state;
	struct store_state a = create_and_buy(f);

	ok(store_remove(f->user, &a, soon()));
	close_user(f);
	assert_int_equal(reap(f, spawn(f, child_finds_no_rows, count), 0), 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_damaged_page),
	    VAULT_TEST(test_damaged_rows),
	    VAULT_TEST(test_frame_left_unsynced),
	    VAULT_TEST(test_removed_rows),
	};

	return vault_run(
	    argc, argv, "sqlite", tests, sizeof(tests) / sizeof(tests[0]));
}
