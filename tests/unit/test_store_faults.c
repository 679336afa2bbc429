/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every call to the disk fails once, and every worker dies once at each:
 * what was acknowledged is there, and the next buyer is served.
 */
#include "tests/unit/vault.h"

#include <errno.h>

/* ---------------------------------------------------- faults, everywhere -- */

/* Something that writes, and how to tell that it was done. */
struct op {
	const char *name;
	void (*begin)(struct vault *f); /* sets f->before */
	enum store_result (*run)(
	    struct store_user *user, const struct store_state *before);
	bool (*done)(struct vault *f);
};

static void
begin_put(struct vault *f)
{
	f->before = read_sale(f, SALE);
}

/* Three lines, so that half of what is written is one line and a half. */
#define BATCH 3

static enum store_result
run_put(struct store_user *user, const struct store_state *before)
{
	struct store_line lines[BATCH];
	bool overwrote;
	int i;

	for (i = 0; i < BATCH; i++)
		lines[i] = sold(before, "victim");
	return store_put(user, before, lines, BATCH, soon(), &overwrote);
}

static bool
done_put(struct vault *f)
{
	return read_sale(f, SALE).version > f->before.version;
}

static void
begin_create(struct vault *f)
{
	struct store_state state;

	if (store_read(f->user, "new", &state) == STORE_OK)
		ok(store_remove(f->user, &state, soon()));
}

static enum store_result
run_create(struct store_user *user, const struct store_state *before)
{
	(void)before;
	return try_create(user, "new");
}

static bool
done_create(struct vault *f)
{
	struct store_state state;

	if (store_read(f->user, "new", &state) == STORE_GONE) {
		assert_int_equal(times_listed(f, "new"), 0);
		return false;
	}
	assert_int_equal(times_listed(f, "new"), 1);
	assert_true(tally(f->user, "new").whole);
	return true;
}

/* Another lock, and one ticket more. */
static enum store_result
run_configure(struct store_user *user, const struct store_state *before)
{
	struct store_change change = change_of(before);
	struct store_state state = *before;

	snprintf(change.settings.lock, STORE_LOCK_SIZE, "%s",
	    strcmp(before->settings.lock, "mutex") == 0 ? "none" : "mutex");
	change.settings.capacity++;
	return store_configure(user, &state, &change, soon());
}

/*
 * A change is whole or absent.  What was decided before can be written only if
 * nothing at all was done.
 */
static bool
done_configure(struct vault *f)
{
	const enum store_result result = poke(f->user, &f->before);
	const struct store_state now = read_sale(f, SALE);

	assert_int_equal(
	    tally(f->user, SALE).raised, now.settings.capacity - CAPACITY);
	assert_int_equal(now.settings.capacity != f->before.settings.capacity,
	    strcmp(now.settings.lock, f->before.settings.lock) != 0);
	if (result != STORE_MOVED) {
		assert_int_equal(result, STORE_CONFLICT);
		if (!f->restarted)
			assert_same_settings(
			    &now.settings, &f->before.settings);
	}
	return strcmp(now.settings.lock, f->before.settings.lock) != 0;
}

static void
begin_remove(struct vault *f)
{
	if (store_read(f->user, "old", &f->before) == STORE_GONE)
		create(f, "old");
	f->before = read_sale(f, "old");
}

static enum store_result
run_remove(struct store_user *user, const struct store_state *before)
{
	return store_remove(user, before, soon());
}

static bool
done_remove(struct vault *f)
{
	const size_t times = times_listed(f, "old"); /* nobody asked yet */
	const bool gone = poke(f->user, &f->before) == STORE_GONE;

	assert_int_equal(times, gone ? 0 : 1);
	assert_int_equal(times_listed(f, "old"), times);
	return gone;
}

static const struct op ops[] = {
    {"put", begin_put, run_put, done_put},
    {"create", begin_create, run_create, done_create},
    {"configure", begin_put, run_configure, done_configure},
    {"remove", begin_remove, run_remove, done_remove},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

/* All that was acknowledged is there, and the next buyer is served. */
static void
assert_in_order(struct vault *f)
{
	const struct tally t = tally(f->user, SALE);

	assert_true(t.whole);
	assert_int_equal(t.parents, f->bought);
	ok(buy(f->user, SALE, "parent"));
	f->bought++;
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, t.lines + 1);
}

/*
 * What was seen before a restart is seen after it; only a create whose worker
 * died before it could answer may come to light.
 */
static void
assert_lasting(struct vault *f, const struct op *op, bool done, bool died)
{
	assert_in_order(f);
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).parents, f->bought);
	if (op->run == run_put) /* done_put would count assert_in_order's */
		return;
	if (done || !died || op->run != run_create)
		assert_int_equal(op->done(f), done);
}

/* Run each op with each fault of a kind until none is left to happen. */
static void
sweep(struct vault *f, bool (*with_fault)(struct vault *, const struct op *))
{
	unsigned faults = 0;
	size_t i;

	create(f, SALE);
	for (i = 0; i < OPS; i++) {
		f->sweeping = ops[i].name;
		f->nth = 0;
		do {
			f->nth++;
			f->restarted = false;
			ops[i].begin(f);
		} while (with_fault(f, &ops[i]));
		faults += f->nth - 1;
	}
	assert_true(faults >= OPS);
	f->sweeping = NULL;
}

static void
child_dies(struct vault *f, void *arg)
{
	const struct op *op = arg;

	child_opens(f);
	disk.die_at = f->nth;
	CHECK(op->run(f->user, &f->before) == STORE_OK);
	disk.die_at = 0;
	close_user(f);
}

/* False: the op has no such call any more, and was done. */
static bool
kill_at_nth_call(struct vault *f, const struct op *op)
{
	struct op copy = *op;
	int status;

	close_user(f);
	status = reap(f, spawn(f, child_dies, &copy), 0);
	if (status == 0)
		return false;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	return true;
}

/* The others live on. */
static bool
with_worker_killed(struct vault *f, const struct op *op)
{
	const bool died = kill_at_nth_call(f, op);
	bool done;

	open_user(f);
	done = op->done(f);
	assert_int_equal(tally(f->user, SALE).victims % BATCH, 0);
	/* json cuts what was not acknowledged; SQLite may keep it. */
	if (died && is_json(f) && op->run == run_put)
		assert_false(done);
	if (!died)
		assert_true(done);
	assert_lasting(f, op, done, died);
	return died;
}

/* Nobody does. */
static bool
with_all_killed(struct vault *f, const struct op *op)
{
	const bool died = kill_at_nth_call(f, op);
	bool done;

	restart(f);
	done = op->done(f);
	if (!died)
		assert_true(done);
	assert_lasting(f, op, done, died);
	return died;
}

/* `call` fails once; what the result promises must hold. */
static bool
with_failed_call(
    struct vault *f, const struct op *op, enum call call, int error)
{
	enum store_result result;
	bool happened, done;

	arm(call, FAIL, error, f->nth - 1);
	result = op->run(f->user, &f->before);
	happened = !disarm(call);
	if (result == STORE_UNKNOWN) {
		assert_int_not_equal(
		    error, ENOSPC); /* a full disk is certain */
		assert_true(strlen(store_error(f->user)) > 0);
		if (!store_has_hosts(f->kind))
			recover(f);
	}
	assert_false(store_poisoned(f->store));
	done = op->done(f);
	if (!happened || result == STORE_OK) {
		ok(result);
		assert_true(done);
	} else if (result == STORE_MOVED) { /* it settled what it had lost */
		assert_true(store_has_hosts(f->kind) && op->run == run_put);
		assert_false(done);
	} else if (result != STORE_UNKNOWN) {
		assert_int_equal(
		    result, error == ENOSPC ? STORE_FULL : STORE_FAILED);
		assert_true(strlen(store_error(f->user)) > 0);
		assert_false(done);
	}
	assert_lasting(f, op, done, false);
	return happened;
}

static bool
with_failed_sync(struct vault *f, const struct op *op)
{
	return with_failed_call(f, op, SYNC, EIO);
}

static bool
with_failed_write(struct vault *f, const struct op *op)
{
	return with_failed_call(f, op, WRITE, EIO);
}

static bool
with_full_disk(struct vault *f, const struct op *op)
{
	return with_failed_call(f, op, WRITE, ENOSPC);
}

static bool
with_lost_request(struct vault *f, const struct op *op)
{
	return with_failed_call(f, op, SEND, ECONNRESET);
}

static bool
with_lost_answer(struct vault *f, const struct op *op)
{
	return with_failed_call(f, op, RECEIVE, ECONNRESET);
}

static void
test_any_request_is_lost(void **state)
{
	sweep(*state, with_lost_request);
}

static void
test_any_answer_is_lost(void **state)
{
	sweep(*state, with_lost_answer);
}

static void
test_any_worker_killed(void **state)
{
	sweep(*state, with_worker_killed);
}

static void
test_all_killed(void **state)
{
	sweep(*state, with_all_killed);
}

static void
test_any_sync_fails(void **state)
{
	sweep(*state, with_failed_sync);
}

static void
test_any_write_fails(void **state)
{
	sweep(*state, with_failed_write);
}

static void
test_full_disk(void **state)
{
	sweep(*state, with_full_disk);
}

/* ---------------------------------------------------- faults, one by one -- */

static void
assert_refuses_writes(struct vault *f, const struct store_state *a)
{
	struct store_state state = *a;
	const struct store_change change = change_of(a);

	assert_int_equal(put_for(f->user, a, "bob"), STORE_FAILED);
	assert_int_equal(poke(f->user, a), STORE_FAILED);
	assert_int_equal(try_create(f->user, "other"), STORE_FAILED);
	assert_int_equal(
	    store_configure(f->user, &state, &change, soon()), STORE_FAILED);
	assert_int_equal(store_remove(f->user, a, soon()), STORE_FAILED);
	store_tidy(f->user);
}

static void
test_failed_sync(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	struct seen seen = {0};
	int64_t lines;

	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(put_key(f, &a, "lost"), STORE_UNKNOWN);
	assert_true(store_poisoned(f->store));
	assert_refuses_writes(f, &a);
	assert_int_equal(read_sale(f, SALE).version, 1);
	recover(f);
	lines = tally(f->user, SALE).lines;
	assert_true(tally(f->user, SALE).whole);
	assert_in_range(lines, 1, is_json(f) ? 1 : 2);
	assert_int_equal(find(f, &a, STORE_BY_KEY, "lost", &seen),
	    lines == 1 ? STORE_GONE : STORE_OK);
	ok(buy(f->user, SALE, "bob"));
	assert_int_equal(read_sale(f, SALE).version, lines + 1);
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, lines + 1);
}

/* A removal that nobody could announce, then a recovery. */
static void
test_recovery_after_removal(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	struct store_state old;

	create(f, "old");
	f->sweeping = "remove";
	f->nth = 2; /* json: right after the directory is renamed */
	f->before = read_sale(f, "old");
	assert_true(kill_at_nth_call(f, &ops[OPS - 1]));
	f->sweeping = NULL;
	open_user(f);
	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_UNKNOWN);
	recover(f);
	if (is_json(f)) {
		assert_int_equal(store_read(f->user, "old", &old), STORE_GONE);
		create(f, "old");
	}
	assert_int_equal(times_listed(f, "old"), 1);
	ok(buy(f->user, "old", "carol"));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest all[] = {
	    VAULT_TEST(test_any_worker_killed),
	    VAULT_TEST(test_all_killed),
	};
	static const struct CMUnitTest disks[] = {
	    VAULT_TEST(test_any_sync_fails),
	    VAULT_TEST(test_any_write_fails),
	    VAULT_TEST(test_full_disk),
	    VAULT_TEST(test_failed_sync),
	    VAULT_TEST(test_recovery_after_removal),
	};
	static const struct CMUnitTest networks[] = {
	    VAULT_TEST(test_any_request_is_lost),
	    VAULT_TEST(test_any_answer_is_lost),
	};

	return vault_run(argc, argv, NULL, all, sizeof(all) / sizeof(all[0])) +
	       vault_run_local(
		   argc, argv, disks, sizeof(disks) / sizeof(disks[0])) +
	       vault_run(argc, argv, "postgres", networks,
		   sizeof(networks) / sizeof(networks[0]));
}
