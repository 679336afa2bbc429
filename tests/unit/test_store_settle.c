/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: what is whole and what is absent after somebody died; what recovery
 * reads; what a start refuses, and what it does not mind.
 */
#include "tests/unit/vault.h"

#include <errno.h>

#define LEDGER SALE "/ledger.jsonl"
#define SETTINGS SALE "/sale.json"

/* --------------------------------------------------------------- changes -- */

/* Capacity, lock and counter: a sale under none, sold twice, gets a lock. */
static enum store_result
change_all(struct store_user *user, const struct store_state *before)
{
	struct store_state state = *before;
	struct store_change change = change_of(before);

	snprintf(change.settings.lock, STORE_LOCK_SIZE, "mutex");
	change.settings.capacity = CAPACITY + 5;
	change.recount = true;
	return store_configure(user, &state, &change, soon());
}

/* Two who sold seat 1: remaining is one too many. */
static struct store_state
create_oversold(struct vault *f)
{
	const struct store_state a = create(f, SALE);

	ok(put_for(f->user, &a, "alice"));
	ok(put_for(f->user, &a, "bob"));
	ok(buy(f->user, SALE, "carol"));
	return read_sale(f, SALE);
}

static bool
assert_whole_change(struct vault *f)
{
	const struct store_state now = read_sale(f, SALE);
	const bool done = strcmp(now.settings.lock, "mutex") == 0;

	assert_int_equal(now.settings.capacity, done ? CAPACITY + 5 : CAPACITY);
	assert_int_equal(now.version, done ? 4 : 3);
	assert_int_equal(now.remaining, now.settings.capacity - 2);
	assert_true(tally(f->user, SALE).whole);
	return done;
}

static void
child_changes(struct vault *f, void *arg)
{
	(void)arg;
	child_opens(f);
	disk.die_at = f->nth;
	CHECK(change_all(f->user, &f->before) == STORE_OK);
	disk.die_at = 0;
	close_user(f);
}

/* False: it has no nth call, and was done. */
static bool
kill_in_change(struct vault *f, unsigned nth)
{
	int status;

	f->nth = nth;
	f->before = read_sale(f, SALE);
	close_user(f);
	status = reap(f, spawn(f, child_changes, NULL), 0);
	open_user(f);
	return status != 0;
}

static void
remove_sale(struct vault *f)
{
	const struct store_state a = read_sale(f, SALE);

	ok(store_remove(f->user, &a, soon()));
}

/* Seen by who comes next; after a start; and it is the same then. */
static void
test_change_killed(void **state)
{
	struct vault *f = *state;
	unsigned nth, times[2] = {0};
	bool died, done;

	for (nth = 1, died = true; died; nth++) {
		create_oversold(f);
		died = kill_in_change(f, nth);
		done = assert_whole_change(f);
		times[done]++;
		restart(f);
		assert_int_equal(assert_whole_change(f), done);
		ok(buy(f->user, SALE, "dave"));
		restart(f);
		assert_int_equal(tally(f->user, SALE).lines, done ? 5 : 4);
		remove_sale(f);
	}
	assert_true(times[0] > 3 && times[1] > 3);
}

static void
test_change_all_killed(void **state)
{
	struct vault *f = *state;
	unsigned nth, times[2] = {0};
	bool died;

	for (nth = 1, died = true; died; nth++) {
		create_oversold(f);
		close_user(f);
		open_user(f);
		f->nth = nth;
		f->before = read_sale(f, SALE);
		close_user(f);
		died = reap(f, spawn(f, child_changes, NULL), 0) != 0;
		restart(f); /* nobody settled */
		times[assert_whole_change(f)]++;
		ok(buy(f->user, SALE, "dave"));
		assert_true(tally(f->user, SALE).whole);
		remove_sale(f);
	}
	assert_true(times[0] > 3 && times[1] > 3);
}

/* "Nothing was changed" is so. */
static void
test_change_full(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_oversold(f);
	unsigned nth;

	for (nth = 0; nth < 2; nth++) {
		arm(WRITE, FAIL, ENOSPC, nth);
		assert_int_equal(change_all(f->user, &a), STORE_FULL);
		assert_false(disarm(WRITE));
		assert_false(assert_whole_change(f));
		restart(f);
		assert_false(assert_whole_change(f));
	}
	ok(change_all(f->user, &a));
	assert_true(assert_whole_change(f));
}

/* The rename's sync fails: done or not, but whole. */
static void
test_change_unsynced(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_oversold(f);

	arm(SYNC, FAIL, EIO, 2);
	assert_int_equal(change_all(f->user, &a), STORE_UNKNOWN);
	assert_false(disarm(SYNC));
	recover(f);
	assert_true(assert_whole_change(f));
	restart(f);
	assert_true(assert_whole_change(f));
}

/* As turnstile 0.1 wrote it: whose change a line is, nobody knows. */
static void
test_settings_without_version(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_oversold(f);
	struct text text;
	char *at;

	ok(change_all(f->user, &a));
	assert_true(slurp(f, SETTINGS, &text));
	at = strstr(text.bytes, ", \"version\": 4}");
	assert_non_null(at);
	strcpy(at, "}\n");
	assert_true(spill(f, SETTINGS, text.bytes, strlen(text.bytes)));
	restart(f);
	assert_true(assert_whole_change(f));
}

/* And the capacity is that of the lines: 0.1 was killed between the two. */
static void
test_raise_without_version(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	struct text text;
	char *at;

	assert_true(slurp(f, SETTINGS, &text));
	ok(change_all(f->user, &a));
	at = strstr(text.bytes, ", \"version\": 0}");
	assert_non_null(at);
	strcpy(at, "}\n");
	assert_true(spill(f, SETTINGS, text.bytes, strlen(text.bytes)));
	restart(f);
	assert_int_equal(read_sale(f, SALE).settings.capacity, CAPACITY + 5);
}

/* A line that was acknowledged with its change, and is gone. */
static void
test_ledger_behind_settings(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);

	ok(change_all(f->user, &a));
	assert_true(spill(f, LEDGER, "", 0));
	assert_refused(f, "ends with line 0, and sale.json is of line 1");
}

/* ------------------------------------------------------------ torn writes --
 */

/* Sectors come in any order: the first line of a write may be the torn one. */
static void
test_torn_batch(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	struct store_line lines[3];
	struct text text;
	bool overwrote;
	char *second;
	int i;

	for (i = 0; i < 3; i++)
		lines[i] = sold(&a, "bob");
	ok(store_put(f->user, &a, lines, 3, soon(), &overwrote));
	assert_true(slurp(f, LEDGER, &text));
	second = strchr(text.bytes, '\n') + 1;
	memset(second + 20, '\0', 100);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	assert_true(tally(f->user, SALE).whole);
	/* With another write behind it, it was whole once. */
	ok(buy(f->user, SALE, "carol"));
	ok(buy(f->user, SALE, "dave"));
	assert_true(slurp(f, LEDGER, &text));
	second = strchr(text.bytes, '\n') + 1;
	memset(second + 20, '\0', 100);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	assert_refused(f, "line 2");
}

/* -------------------------------------------------------------- recovery -- */

static void
spoil(struct vault *f, const char *name)
{
	struct text text;

	assert_true(slurp(f, name, &text));
	text.bytes[40] ^= 1;
	assert_true(spill(f, name, text.bytes, text.size));
}

/* Ledgers that nobody wrote are not read; a start does. */
static void
test_recovery_reads_no_ledgers(void **state)
{
	struct vault *f = *state;

	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	create(f, "empty");
	spoil(f, LEDGER);
	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(buy(f->user, "empty", "carol"), STORE_UNKNOWN);
	recover(f);
	assert_int_equal(read_sale(f, SALE).version, 2);
	ok(buy(f->user, "empty", "carol"));
	assert_refused(f, LEDGER);
}

/* Where a sale is does not change: who decides on it need not look again. */
static void
test_recovery_keeps_slots(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, "a");
	const struct store_state b = create(f, "b");
	struct store_state now;

	ok(store_remove(f->user, &a, soon()));
	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &b, "bob"), STORE_UNKNOWN);
	recover(f);
	now = read_sale(f, "b");
	assert_same_state(&now, &b);
	ok(put_for(f->user, &b, "carol"));
}

/* A holder that was killed while the store was poisoned. */
static void
test_recovery_of_the_dead(void **state)
{
	struct vault *f = *state;
	struct store_state a = create_and_buy(f);
	pid_t pid;

	create(f, "other");
	pid = spawn_holder(f);
	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(buy(f->user, "other", "bob"), STORE_UNKNOWN);
	kill(pid, SIGKILL);
	reap(f, pid, 0);
	assert_int_equal(put_for(f->user, &a, "carol"), STORE_FAILED);
	recover(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	ok(put_for(f->user, &a, "carol"));
	assert_true(tally(f->user, SALE).whole);
}

/* Who inherits a latch and cannot settle it leaves it so. */
static void
child_inherits_and_fails(struct vault *f, void *arg)
{
	const struct store_state *a = arg;

	spoil(f, SETTINGS);
	child_opens(f); /* and inherits */
	CHECK(store_poisoned(f->store));
	spoil(f, SETTINGS); /* again: it is as it was */
	CHECK(put_for(f->user, a, "carol") == STORE_FAILED);
}

static void
child_dies_behind_rename(struct vault *f, void *arg)
{
	(void)arg;
	child_opens(f);
	arm(SYNC, DIE, 0, 2);
	(void)change_all(f->user, &f->before);
}

static void
test_recovery_of_the_unsettled(void **state)
{
	struct vault *f = *state;
	int status;

	f->before = create_oversold(f);
	close_user(f);
	status = reap(f, spawn(f, child_dies_behind_rename, NULL), 0);
	assert_true(WIFSIGNALED(status));
	status = reap(f, spawn(f, child_inherits_and_fails, &f->before), 0);
	assert_int_equal(status, 0);
	open_user(f);
	recover(f);
	assert_true(assert_whole_change(f));
	ok(buy(f->user, SALE, "dave"));
}

/* ------------------------------------------------------------- leftovers -- */

static void
make_dir(struct vault *f, const char *name)
{
	char path[128];

	path_of(f, name, path);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void
test_ledger_without_settings(void **state)
{
	struct vault *f = *state;
	struct text before, after;
	char path[128];

	create_and_buy(f);
	path_of(f, SETTINGS, path);
	assert_int_equal(unlink(path), 0);
	assert_true(slurp(f, LEDGER, &before));
	assert_refused(f, LEDGER " has lines, but there is no sale.json");
	assert_true(slurp(f, LEDGER, &after));
	assert_string_equal(before.bytes, after.bytes);
}

/* While it runs: a directory that came from a backup. */
static void
test_create_over_a_ledger(void **state)
{
	struct vault *f = *state;
	struct text text;

	make_dir(f, "old");
	assert_true(spill(f, "old/ledger.jsonl", "lines\n", 6));
	assert_int_equal(try_create(f->user, "old"), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), "old/ledger.jsonl has"));
	assert_false(store_poisoned(f->store));
	assert_true(slurp(f, "old/ledger.jsonl", &text));
	assert_string_equal(text.bytes, "lines\n");
	make_dir(f, "foreign");
	touch(f, "foreign/notes.txt", "we");
	assert_int_equal(try_create(f->user, "foreign"), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), "File exists"));
}

/* And one that is a sale: it is opened by a start, not by a create. */
static void
test_create_over_a_sale(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	char path[128], hidden[128];

	path_of(f, SALE, path);
	path_of(f, ".kept", hidden);
	assert_int_equal(rename(path, hidden), 0);
	restart(f);
	assert_int_equal(rename(hidden, path), 0);
	assert_int_equal(try_create(f->user, SALE), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), "start again"));
	restart(f);
	assert_int_equal(read_sale(f, SALE).version, a.version);
}

static void
test_create_over_leftovers(void **state)
{
	struct vault *f = *state;

	make_dir(f, SALE);
	assert_true(spill(f, LEDGER, "", 0));
	touch(f, SETTINGS ".new", "we");
	restart(f);
	assert_int_equal(times_listed(f, SALE), 0);
	create_and_buy(f);
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
}

/* Where another sale was made when its maker died. */
static void
child_creates(struct vault *f, void *arg)
{
	(void)arg;
	child_opens(f);
	disk.die_at = f->nth;
	CHECK(try_create(f->user, "new") == STORE_OK);
	disk.die_at = 0;
	close_user(f);
}

static void
test_create_killed(void **state)
{
	struct vault *f = *state;
	struct store_state first = create(f, "first"), now;
	bool died = true;
	int status;

	for (f->nth = 1; died; f->nth++) {
		close_user(f);
		status = reap(f, spawn(f, child_creates, NULL), 0);
		died = status != 0;
		open_user(f);
		/* Another slot is free now, before that of the dead one. */
		ok(store_remove(f->user, &first, soon()));
		if (times_listed(f, "new") == 0)
			create(f, "new");
		ok(buy(f->user, "new", "alice"));
		first = create(f, "first");
		restart(f);
		assert_int_equal(times_listed(f, "new"), 1);
		assert_int_equal(tally(f->user, "new").lines, 1);
		now = read_sale(f, "new");
		ok(store_remove(f->user, &now, soon()));
		first = read_sale(f, "first");
	}
	assert_true(f->nth > 8);
}

/*
 * The next maker may be one that is open already, and take another slot: then
 * nobody may come later and take back what the dead one made.
 */
static void
child_pauses_in_create(struct vault *f, void *arg)
{
	(void)arg;
	child_opens(f);
	arm(SYNC, PAUSE, 0, 4);
	CHECK(try_create(f->user, "new") == STORE_OK);
}

static void
test_create_again_elsewhere(void **state)
{
	struct vault *f = *state;
	const struct store_state first = create(f, "first");
	char byte;
	pid_t pid;

	close_user(f);
	pid = spawn(f, child_pauses_in_create, NULL);
	assert_int_equal(read(disk.inside[0], &byte, 1), 1);
	open_user(f);
	ok(store_remove(f->user, &first, soon()));
	kill(pid, SIGKILL);
	reap(f, pid, 0);
	create(f, "new");
	ok(buy(f->user, "new", "alice"));
	close_user(f);
	open_user(f); /* and settles what is left */
	assert_int_equal(tally(f->user, "new").lines, 1);
	restart(f);
	assert_int_equal(tally(f->user, "new").lines, 1);
}

/* What backups, editors and file systems leave. */
static void
test_strangers(void **state)
{
	struct vault *f = *state;

	create_and_buy(f);
	make_dir(f, "lost+found");
	make_dir(f, "Backup");
	make_dir(f, "backup");
	make_dir(f, SALE ".bak");
	touch(f, SALE ".bak/sale.json", "we");
	touch(f, SALE "~", "we");
	touch(f, "core", "we");
	touch(f, "notes.txt", "we");
	touch(f, SALE "/sale.json~", "we");
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	assert_int_equal(times_listed(f, "core"), 0);
	assert_int_equal(times_listed(f, "backup"), 0);
}

/* A copy under a name that a sale can have: which of the two is the sale? */
static void
test_copy_of_a_sale(void **state)
{
	struct vault *f = *state;
	struct text text;

	create_and_buy(f);
	make_dir(f, "copy");
	assert_true(slurp(f, SETTINGS, &text));
	assert_true(spill(f, "copy/sale.json", text.bytes, text.size));
	assert_refused(f, "copy/sale.json is that of the sale " SALE);
}

/* ------------------------------------------------ only ENOENT means absent --
 */

/* A start in this process, where `call` fails; its nth from 0. */
static void
assert_start_refused(struct vault *f, enum call call, unsigned nth, int error)
{
	char said[ERROR_SIZE] = "";

	stop(f);
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	arm(call, FAIL, error, nth);
	assert_int_equal(store_prepare(f->store, said, sizeof(said)), -1);
	assert_false(disarm(call));
	if (strstr(said, strerror(error)) == NULL ||
	    strstr(said, f->dir) == NULL || strchr(said, '\n') != NULL)
		fail_msg("not one line with %s: %s", strerror(error), said);
	store_free(f->store);
	start(f);
}

/* Directories, sale.json, the ledger: none is taken for absent. */
static void
test_start_cannot_look(void **state)
{
	static const int errors[] = {EIO, EACCES, EMFILE, ENOMEM};
	struct vault *f = *state;
	size_t i;
	unsigned nth;

	create_and_buy(f);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (nth = 0; nth < 4; nth++)
			assert_start_refused(f, OPEN, nth, errors[i]);
		for (nth = 0; nth < 2; nth++) {
			assert_start_refused(f, SCAN, nth, errors[i]);
			assert_start_refused(f, SYNC, nth, errors[i]);
		}
	}
	assert_int_equal(tally(f->user, SALE).lines, 1);
}

/* Whether it is somebody else's directory. */
static void
test_claim_cannot_look(void **state)
{
	struct vault *f = *state;
	char path[128];

	path_of(f, ".store", path);
	assert_int_equal(unlink(path), 0);
	assert_start_refused(f, SCAN, 0, EIO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(".store", path), 0); /* ELOOP */
	assert_refused(f, "Too many levels");
	assert_int_equal(unlink(path), 0);
	store_free(f->store);
	start(f);
}

/* The latch's heir: what cannot be read is not therefore gone. */
static void
test_settle_cannot_look(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	pid_t pid;

	pid = spawn_holder(f);
	kill(pid, SIGKILL);
	reap(f, pid, 0);
	arm(OPEN, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FAILED);
	assert_non_null(strstr(
	    store_error(f->user), SETTINGS ": open: Input/output error"));
	assert_int_equal(times_listed(f, SALE), 1);
	recover(f);
	ok(put_for(f->user, &a, "bob"));
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_change_killed),
	    VAULT_TEST(test_change_all_killed),
	    VAULT_TEST(test_change_full),
	    VAULT_TEST(test_change_unsynced),
	    VAULT_TEST(test_settings_without_version),
	    VAULT_TEST(test_raise_without_version),
	    VAULT_TEST(test_ledger_behind_settings),
	    VAULT_TEST(test_torn_batch),
	    VAULT_TEST(test_recovery_reads_no_ledgers),
	    VAULT_TEST(test_recovery_keeps_slots),
	    VAULT_TEST(test_recovery_of_the_dead),
	    VAULT_TEST(test_recovery_of_the_unsettled),
	    VAULT_TEST(test_ledger_without_settings),
	    VAULT_TEST(test_create_over_a_ledger),
	    VAULT_TEST(test_create_over_a_sale),
	    VAULT_TEST(test_create_over_leftovers),
	    VAULT_TEST(test_create_killed),
	    VAULT_TEST(test_create_again_elsewhere),
	    VAULT_TEST(test_strangers),
	    VAULT_TEST(test_copy_of_a_sale),
	    VAULT_TEST(test_start_cannot_look),
	    VAULT_TEST(test_claim_cannot_look),
	    VAULT_TEST(test_settle_cannot_look),
	};

	return vault_run(
	    argc, argv, "json", tests, sizeof(tests) / sizeof(tests[0]));
}
