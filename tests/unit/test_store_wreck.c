/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: what somebody else did to its files while a writer was dying, and what
 * those leave behind who could not finish.
 */
#include "tests/unit/vault.h"

#include <errno.h>

#define LEDGER SALE "/ledger.jsonl"
#define SETTINGS SALE "/sale.json"

static bool
is_there(const struct vault *f, const char *name)
{
	char path[128];

	path_of(f, name, path);
	return access(path, F_OK) == 0;
}

static void
kill_holder(struct vault *f, pid_t pid)
{
	kill(pid, SIGKILL);
	reap(f, pid, 0);
}

/* What was acknowledged is gone: that is damage, and nobody writes behind. */
static void
test_ledger_cut_by_others(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	const pid_t pid = spawn_holder(f);
	char path[128];

	kill_holder(f, pid);
	path_of(f, LEDGER, path);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), LEDGER));
	assert_true(store_poisoned(f->store));
}

/* The directory was exchanged for that of a sale which had the name once. */
static void
test_settings_of_another(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	const pid_t pid = spawn_holder(f);
	struct text text;
	char *birth;

	kill_holder(f, pid);
	assert_true(slurp(f, SETTINGS, &text));
	birth = strstr(text.bytes, "\"birth\": \"");
	assert_non_null(birth);
	birth += strlen("\"birth\": \"");
	*birth = *birth == '1' ? '2' : '1';
	assert_true(spill(f, SETTINGS, text.bytes, text.size));
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), "another sale"));
}

/* Whichever slot it is in, a change of which nothing was known is settled. */
static void
test_recovery_of_the_second(void **state)
{
	struct vault *f = *state;
	struct store_state a;
	struct store_change change;

	create(f, "first");
	a = create_and_buy(f);
	change = change_of(&a);
	change.settings.capacity++;
	arm(SYNC, FAIL, EIO, 2);
	assert_int_equal(
	    store_configure(f->user, &a, &change, soon()), STORE_UNKNOWN);
	recover(f);
	assert_int_equal(read_sale(f, SALE).settings.capacity, CAPACITY + 1);
}

/* Each sync of a create fails in turn: nothing of it is there, or it is known
 * that nothing is known. */
static void
test_create_unsynced(void **state)
{
	struct vault *f = *state;
	enum store_result result = STORE_FAILED;
	unsigned nth, refused = 0, unknown = 0;

	for (nth = 0; result != STORE_OK; nth++) {
		arm(SYNC, FAIL, EIO, nth);
		result = try_create(f->user, SALE);
		if (result == STORE_FAILED) {
			refused++;
			assert_false(is_there(f, SALE));
			assert_false(store_poisoned(f->store));
		} else if (result == STORE_UNKNOWN) {
			unknown++;
			assert_true(store_poisoned(f->store));
			recover(f);
			assert_int_equal(times_listed(f, SALE), 0);
		}
	}
	disarm(SYNC);
	assert_int_equal(refused, 3); /* the ledger, its name, sale.json */
	assert_int_equal(unknown, 2); /* sale.json's name, the sale's */
}

static void
remove_sale(struct vault *f, const char *id)
{
	const struct store_state state = read_sale(f, id);

	ok(store_remove(f->user, &state, soon()));
}

static void
make_leftover(const struct vault *f, const char *id)
{
	char name[64], path[128];

	path_of(f, id, path);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(name, sizeof(name), "%s/ledger.jsonl", id);
	assert_true(spill(f, name, "", 0));
}

/* In the latch, before it says what it makes. */
static void
child_dies_making(struct vault *f, void *arg)
{
	(void)arg;
	child_opens(f);
	disk.die_at = 1;
	(void)try_create(f->user, "third");
}

/* A slot forgets what was made in it, else its heir would undo a sale that
 * lives in another one. */
static void
test_made_is_forgotten(void **state)
{
	struct vault *f = *state;
	int status;

	create(f, "first");
	create(f, SALE);
	remove_sale(f, "first");
	remove_sale(f, SALE);
	create_and_buy(f); /* in the first one's slot */
	make_leftover(f, "third");
	close_user(f);
	status = reap(f, spawn(f, child_dies_making, NULL), 0);
	assert_true(WIFSIGNALED(status));
	open_user(f);
	create(f, "fourth");
	assert_true(is_there(f, SALE));
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
}

/* While another holds the latch, nobody waits for what cannot come. */
static void
test_poisoned_does_not_wait(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	pid_t pid;

	create(f, "other");
	pid = spawn_holder(f);
	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(buy(f->user, "other", "bob"), STORE_UNKNOWN);
	assert_int_equal(put_for(f->user, &a, "carol"), STORE_FAILED);
	kill_holder(f, pid);
}

/* A change of settings alone, on a disk that takes none of them, or half. */
static void
test_settings_on_a_full_disk(void **state)
{
	static const enum fault faults[] = {FAIL, CUT_SHORT};
	struct vault *f = *state;
	struct store_state a = create_and_buy(f), now;
	struct store_change change = change_of(&a);
	size_t i;

	change.settings.delay_max_ms = 5;
	for (i = 0; i < 2; i++) {
		arm(WRITE, faults[i], ENOSPC, 0);
		assert_int_equal(
		    store_configure(f->user, &a, &change, soon()), STORE_FULL);
		assert_false(is_there(f, SETTINGS ".new"));
		now = read_sale(f, SALE);
		assert_same_state(&now, &a);
	}
	restart(f);
	now = read_sale(f, SALE);
	assert_same_state(&now, &a);
}

/* What was renamed away is emptied when that is on disk, and not before. */
static void
test_gone_is_emptied_last(void **state)
{
	struct vault *f = *state;
	const char *synced, *emptied;
	char error[ERROR_SIZE];

	make_leftover(f, ".gone-0123456789abcdef");
	stop(f);
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	disk.notes[0] = '\0';
	disk.root = f->dir;
	ok(store_prepare(f->store, error, sizeof(error)));
	disk.root = NULL;
	open_user(f);
	synced = strstr(disk.notes, "syncfs");
	emptied = strstr(disk.notes, "unlink /.gone-0123456789abcdef");
	assert_true(synced != NULL && emptied != NULL && synced < emptied);
	assert_false(is_there(f, ".gone-0123456789abcdef"));
}

/* A sale more than there are slots is not left out. */
static void
test_too_many_sales(void **state)
{
	struct vault *f = *state;
	struct text text;
	char id[32], name[64], *at;
	unsigned i;

	create(f, SALE);
	assert_true(slurp(f, SETTINGS, &text));
	at = strstr(text.bytes, SALE);
	assert_non_null(at);
	for (i = 1; i <= STORE_SALES_MAX; i++) {
		snprintf(id, sizeof(id), "%04x", i);
		make_leftover(f, id);
		memcpy(at, id, strlen(SALE));
		snprintf(name, sizeof(name), "%s/sale.json", id);
		assert_true(spill(f, name, text.bytes, text.size));
	}
	assert_refused(f, "room for no more");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_ledger_cut_by_others),
	    VAULT_TEST(test_settings_of_another),
	    VAULT_TEST(test_recovery_of_the_second),
	    VAULT_TEST(test_create_unsynced),
	    VAULT_TEST(test_made_is_forgotten),
	    VAULT_TEST(test_poisoned_does_not_wait),
	    VAULT_TEST(test_settings_on_a_full_disk),
	    VAULT_TEST(test_gone_is_emptied_last),
	    VAULT_TEST(test_too_many_sales),
	};

	return vault_run(
	    argc, argv, "json", tests, sizeof(tests) / sizeof(tests[0]));
}
