/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQLite's log: it is brought into the database in the latch, now and then,
 * and no reader keeps it from starting anew.
 */
#include "tests/unit/vault.h"

#include <poll.h>
#include <sqlite3.h>

#define PAGE 4096

static int64_t
size_of_file(struct vault *f, const char *name)
{
	struct stat st;
	char path[128];

	path_of(f, name, path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* A line that fills so many pages. */
static enum store_result
put_pages(
    struct store_user *user, const struct store_state *state, size_t pages)
{
	char *trail = malloc(pages * PAGE);
	struct store_line line = sold(state, "alice");
	enum store_result result;

	if (trail == NULL)
		return STORE_FAILED;
	memset(trail, ' ', pages * PAGE);
	trail[0] = '[';
	trail[pages * PAGE - 2] = ']';
	trail[pages * PAGE - 1] = '\0';
	line.trail = trail;
	result = put(user, state, &line);
	free(trail);
	return result;
}

/* ----------------------------------------------------------- checkpoints -- */

/* Not at each commit; and then all of it, after which the log starts anew. */
static void
test_checkpoints(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	const int64_t before = size_of_file(f, DATABASE);
	int64_t log;
	int i;

	for (i = 0; i < 4; i++)
		ok(put_pages(f->user, &a, 100));
	assert_int_equal(size_of_file(f, DATABASE), before);
	ok(put_pages(f->user, &a, 100));
	assert_in_range(size_of_file(f, DATABASE), before + 500 * PAGE,
	    before + 600 * PAGE);
	log = size_of_file(f, DATABASE "-wal");
	for (i = 0; i < 40; i++)
		ok(put_pages(f->user, &a, 100));
	assert_in_range(size_of_file(f, DATABASE "-wal"), log, log * 3 / 2);
	assert_true(tally(f->user, SALE).whole);
}

static void
child_checkpoints(struct vault *f, void *arg)
{
	struct store_state a;

	(void)arg;
	child_opens(f);
	CHECK(store_read(f->user, SALE, &a) == STORE_OK);
	arm(SYNC, PAUSE, 0, 1); /* the commit's is the first */
	CHECK(put_pages(f->user, &a, 600) == STORE_OK);
	close_user(f);
}

/* Nobody writes while somebody is in a checkpoint; anybody reads. */
static void
test_checkpoint_is_in_the_latch(void **state)
{
	struct vault *f = *state;
	struct pollfd inside = {.fd = disk.inside[0], .events = POLLIN};
	struct store_state a = create_and_buy(f);
	struct store_line line = sold(&a, "bob");
	bool overwrote;
	char byte;
	pid_t pid;

	close_user(f);
	pid = spawn(f, child_checkpoints, NULL);
	assert_int_equal(poll(&inside, 1, 10000), 1);
	assert_int_equal(read(disk.inside[0], &byte, 1), 1);
	open_user(f);
	assert_int_equal(read_sale(f, SALE).version, 2); /* after the commit */
	assert_int_equal(
	    store_put(f->user, &a, &line, 1, in_ms(100), &overwrote),
	    STORE_BUSY);
	assert_int_equal(write(disk.go[1], "", 1), 1);
	assert_int_equal(reap(f, pid, 0), 0);
	ok(buy(f->user, SALE, "bob"));
}

/* --------------------------------------------------------------- readers -- */

#define LINES 600 /* more than are read at once, twice */

struct look {
	struct vault *f;
	struct store_user *other;
	sqlite3 *db;
	struct store_state state;
	int64_t lines, remove_at;
};

static void
fill(struct vault *f, struct look *look)
{
	const struct store_settings s = settings(SALE, LINES + 1);
	struct store_line lines[LINES];
	struct store_state a;
	char path[128];
	bool overwrote;
	int i;

	*look = (struct look){.f = f};
	ok(store_create(f->user, &s, soon(), &a));
	look->state = a;
	for (i = 0; i < LINES; i++) {
		lines[i] = sold(&look->state, "alice");
		look->state.remaining--;
	}
	ok(store_put(f->user, &a, lines, LINES, soon(), &overwrote));
	look->state = read_sale(f, SALE);
	look->other = store_open(f->store, path, sizeof(path));
	assert_non_null(look->other);
	path_of(f, DATABASE, path);
	assert_int_equal(sqlite3_open(path, &look->db), SQLITE_OK);
}

static void
end_look(struct look *look)
{
	store_close(look->other);
	sqlite3_db_config(look->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_close(look->db), SQLITE_OK);
}

/* The log can be emptied, which no open read transaction allows. */
static bool
empty_log(const struct store_line *line, void *arg)
{
	struct look *look = arg;

	assert_int_equal(line->version, ++look->lines);
	ok(buy(look->other, "second", "bob"));
	assert_int_equal(sqlite3_wal_checkpoint_v2(look->db, NULL,
			     SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
	    SQLITE_OK);
	return look->lines % 100 != 99 || look->lines == LINES;
}

static void
test_who_looks_holds_nobody(void **state)
{
	struct vault *f = *state;
	const struct store_settings second = settings("second", LINES);
	struct store_state now;
	struct look look;

	fill(f, &look);
	ok(store_create(f->user, &second, soon(), &now));
	while (look.lines < LINES)
		ok(store_each(
		    f->user, &look.state, look.lines, empty_log, &look));
	assert_int_equal(look.lines, LINES);
	end_look(&look);
}

static bool
remove_meanwhile(const struct store_line *line, void *arg)
{
	struct look *look = arg;
	int i;

	assert_int_equal(line->version, ++look->lines);
	if (look->lines == look->remove_at) {
		ok(store_remove(look->other, &look->state, soon()));
		for (i = 0; i < LINES; i++)
			store_tidy(look->other);
	}
	return true;
}

/* Whoever looks on is not shown half a ledger as a whole one. */
static void
test_removed_while_looked_at(void **state)
{
	struct vault *f = *state;
	struct look look;

	fill(f, &look);
	look.remove_at = LINES / 2;
	assert_int_equal(
	    store_each(f->user, &look.state, 0, remove_meanwhile, &look),
	    STORE_GONE);
	assert_in_range(look.lines, LINES / 2, LINES - 1);
	end_look(&look);
}

static bool
count(const struct store_line *line, void *arg)
{
	assert_int_equal(line->version, ++*(int64_t *)arg);
	return true;
}

/* Damage while the service runs: not a short ledger, but an error. */
static void
test_missing_line(void **state)
{
	char delete[] = "DELETE FROM ledger WHERE row & 1023 = 300";
	struct vault *f = *state;
	int64_t lines = 0;
	struct look look;

	fill(f, &look);
	end_look(&look);
	close_user(f);
	assert_int_equal(reap(f, spawn(f, child_executes, delete), 0), 0);
	open_user(f);
	assert_int_equal(
	    store_each(f->user, &look.state, 0, count, &lines), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), "300"));
	assert_in_range(lines, 0, 299);
}

static bool
check_pages(const struct store_line *line, void *arg)
{
	static const size_t sizes[] = {3, 20, 1, 15, 40, 2};
	int64_t *lines = arg;

	assert_int_equal(strlen(line->trail), sizes[*lines] * PAGE - 1);
	assert_int_equal(line->trail[0], '[');
	assert_int_equal(line->trail[strlen(line->trail) - 1], ']');
	assert_string_equal(line->buyer, "alice");
	assert_string_equal(line->lock, "none");
	assert_null(line->key);
	assert_int_equal(line->version, ++*lines);
	return true;
}

/* Texts that fit together, that do not, and one that is larger than all. */
static void
test_long_texts(void **state)
{
	static const size_t sizes[] = {3, 20, 1, 15, 40, 2};
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	int64_t lines = 0;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ok(put_pages(f->user, &a, sizes[i]));
	a = read_sale(f, SALE);
	ok(store_each(f->user, &a, 0, check_pages, &lines));
	assert_int_equal(lines, 6);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_checkpoints),
	    VAULT_TEST(test_checkpoint_is_in_the_latch),
	    VAULT_TEST(test_who_looks_holds_nobody),
	    VAULT_TEST(test_removed_while_looked_at),
	    VAULT_TEST(test_missing_line),
	    VAULT_TEST(test_long_texts),
	};

	return vault_run(
	    argc, argv, "sqlite", tests, sizeof(tests) / sizeof(tests[0]));
}
