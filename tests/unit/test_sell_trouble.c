/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to a turn: settings that change under it, disks and locks
 * that fail, deadlines that come first.
 */
#include "tests/unit/hall.h"

#include <errno.h>

/* ---------------------------------------------------------------- PATCH -- */

/* Between read and write: MOVED, and decided again under the new one. */
static void
patch_between(struct hall *hall, const char *from, const char *to)
{
	const int64_t version = version_of(hall);
	struct order *alice = order_of(hall, "alice", 1);
	struct ledger *ledger;
	char steps[256];

	hall->patch_lock = to;
	hall->one->script_count = 0;
	before(hall->one, STEP_WRITE, 1, patch);
	sell_to(hall->one, alice);
	assert_sold(alice, version + 1);
	snprintf(steps, sizeof(steps),
	    "queued %sread write switch%s %sread write commit%s",
	    turn_begins(from), turn_ends(from), turn_begins(to), turn_ends(to));
	assert_trail(alice, steps);
	assert_string_equal(alice->receipt.lock, to);
	ledger = ledger_of(hall);
	assert_int_equal(ledger->count, version + 1);
	assert_string_equal(ledger->locks[version], to);
	free(ledger);
}

static void
test_patch_between(void **state)
{
	struct hall *hall = *state;
	size_t i, j;

	open_sale(hall, 100, "none");
	for (i = 0; i < LOCKS; i++)
		for (j = 0; j < LOCKS; j++) {
			if (i == j)
				continue;
			configure_sale(
			    &hall->f, hall->sale, all_locks[i], -1, -1);
			patch_between(hall, all_locks[i], all_locks[j]);
		}
}

/* Between the guess and the read: the wrong lock may be held. */
static void
test_patch_before_read(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "none");
	alice = order_of(hall, "alice", 1);
	hall->patch_lock = "mutex";
	before(hall->one, STEP_READ, 1, patch);
	sell_to(hall->one, alice);
	assert_sold(alice, 1);
	assert_trail(
	    alice, "queued read switch wait lock read write commit unlock");
	assert_string_equal(alice->receipt.lock, "mutex");
	assert_int_equal(version_of(hall), 1);
}

static void
remove_sale(struct seller *seller)
{
	struct fixture *f = &seller->hall->f;
	const struct store_state state = state_of(f, seller->hall->sale);

	ok(store_remove(f->user, &state, in_ms(5000)));
}

static void
replace_sale(struct seller *seller)
{
	remove_sale(seller);
	create_sale(&seller->hall->f, seller->hall->sale, 5, "mutex");
}

static void
test_removed_between(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob;

	open_sale(hall, 10, "none");
	alice = order_of(hall, "alice", 1);
	before(hall->one, STEP_WRITE, 1, remove_sale);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_NO_SALE);
	assert_trail(alice, "queued read write switch");

	open_sale(hall, 10, "none");
	sell_to(hall->two, order_of(hall, "zoe", 1));
	bob = order_of(hall, "bob", 1);
	before(hall->one, STEP_WRITE, 1, replace_sale);
	sell_to(hall->one, bob);
	assert_sold(bob, 1);
	assert_int_equal(bob->receipt.remaining, 4);
	ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 4, "bob"});
}

/* ------------------------------------------------------------- failures -- */

static void
assert_all(const struct order *const *orders, enum outcome outcome)
{
	for (; *orders != NULL; orders++) {
		assert_int_equal((*orders)->outcome, outcome);
		assert_string_not_equal((*orders)->error, "");
	}
}

/* A batch of a sale, a refusal and a replay, and nothing left after it. */
static void
sell_mixed_batch(struct hall *hall, const struct order *orders[4])
{
	orders[0] = order_of(hall, "bob", 2);
	orders[1] = queue_up(hall->one, order_of(hall, "carol", 2));
	orders[2] = queue_up(hall->one, order_with_key(hall, "alice", 1, "k"));
	orders[3] = NULL;
	sell_to(hall->one, &hall->orders[orders[0] - hall->orders]);
	assert_string_equal(hall->one->story,
	    "wait lock gather-all read write unlock bob carol alice");
}

/* As the supervisor does after a poisoning. */
static void
recover(struct hall *hall)
{
	stand_up(hall->one);
	stand_up(hall->two);
	store_close(hall->f.user);
	prepare_in_child(&hall->f);
	hall->f.user = open_store(&hall->f);
	assert_true(sit_down(hall->one));
	assert_true(sit_down(hall->two));
}

/* Whether it is sold nobody knows: so all of the batch is told. */
static void
test_failed_sync(void **state)
{
	struct hall *hall = *state;
	const struct order *orders[4];
	struct order *dave;

	open_sale(hall, 3, "mutex");
	sell_to(hall->one, order_with_key(hall, "alice", 1, "k"));
	disk.sync_error = EIO;
	sell_mixed_batch(hall, orders);
	assert_int_equal(disk.sync_error, 0);
	assert_all(orders, OUTCOME_UNKNOWN);
	assert_true(store_poisoned(hall->f.store));
	dave = order_of(hall, "dave", 1);
	sell_to(hall->two, dave);
	assert_int_equal(dave->outcome, OUTCOME_STORE_ERROR);

	recover(hall);
	assert_in_range(version_of(hall), 1, 2);
	dave = order_of(hall, "dave", 1);
	sell_to(hall->two, dave);
	assert_in_set(
	    dave->outcome, ((uintmax_t[]){OUTCOME_SOLD, OUTCOME_SOLD_OUT}), 2);
}

static void
test_full_disk(void **state)
{
	struct hall *hall = *state;
	const struct order *orders[4];
	struct order *dave;

	open_sale(hall, 3, "mutex");
	sell_to(hall->one, order_with_key(hall, "alice", 1, "k"));
	disk.write_error = ENOSPC;
	sell_mixed_batch(hall, orders);
	disk.write_error = 0;
	assert_all(orders, OUTCOME_STORE_FULL);
	assert_int_equal(version_of(hall), 1);
	dave = order_of(hall, "dave", 2);
	sell_to(hall->one, dave);
	assert_sold(dave, 2);
}

/* A lock that cannot be had is an error, not a reason to sell. */
static void
test_failed_lock(void **state)
{
	struct hall *hall = *state;
	struct order *alice;
	char path[128];

	open_sale(hall, 3, "flock");
	snprintf(path, sizeof(path), "%s/.locks", hall->f.dir);
	assert_int_equal(rmdir(path), 0);
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_STORE_ERROR);
	assert_string_equal(alice->error, strerror(ENOENT));
	assert_string_equal(hall->one->story, "wait alice");
	assert_int_equal(version_of(hall), 0);
}

/* A child takes the sale's mutex and dies holding it. */
static void
die_holding(struct hall *hall)
{
	struct lock_hold hold = {.user = NULL};
	struct lock_user *user;
	const unsigned slot = state_of(&hall->f, hall->sale).slot;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		user = locks_attach(hall->f.locks, 1, 0);
		if (user == NULL || lock_acquire(user, strategy_of("mutex"),
					slot, 0, &hold) != LOCK_HELD)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void
test_inherited_lock(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob;
	const unsigned row = counting_row(strategy_of("mutex"));

	open_sale(hall, 10, "mutex");
	die_holding(hall);
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_sold(alice, 1);
	assert_trail(alice, "queued wait recover read write commit unlock");
	bob = order_of(hall, "bob", 1);
	sell_to(hall->one, bob);
	assert_sold(bob, 2);
	assert_trail(bob, "queued wait lock read write commit unlock");
	assert_int_equal(atomic_load(&hall->counting.inherited[row]), 1);
}

/* ------------------------------------------------------------- deadlines -- */

static void
test_queue_timeout(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "mutex");
	alice = order_of(hall, "alice", 1);
	alice->deadline_ns = atomic_load(&hall->now_ns);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_QUEUE_TIMEOUT);
	assert_string_equal(hall->one->story, "alice");
	assert_trail(alice, "queued");
	assert_int_equal(version_of(hall), 0);
}

/* Another holds the lock, on the machine's clock. */
static void
time_out(struct hall *hall, const char *lock, struct lock_user *other)
{
	struct lock_hold hold = {.user = NULL};
	struct order *alice;

	open_sale(hall, 10, lock);
	assert_int_equal(lock_acquire(other, strategy_of(lock),
			     state_of(&hall->f, hall->sale).slot, 0, &hold),
	    LOCK_HELD);
	alice = order_of(hall, "alice", 1);
	alice->deadline_ns = in_ms(10);
	sell_to(hall->one, alice);
	assert_true(clock_now_ns() >= alice->deadline_ns);
	assert_int_equal(alice->outcome, OUTCOME_LOCK_TIMEOUT);
	assert_int_equal(version_of(hall), 0);
	assert_null(strstr(hall->one->story, "lock"));
	lock_release(&hold);
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_sold(alice, 1);
}

static void
test_lock_timeout(void **state)
{
	struct hall *hall = *state;
	struct lock_user *other = locks_attach(hall->f.locks, 0, 1);
	size_t i;

	assert_non_null(other);
	hall->real = true;
	for (i = 0; i < LOCKS; i++)
		if (!shares(all_locks[i]))
			time_out(hall, all_locks[i], other);
	locks_detach(other);
}

/* The lock has come, and so has alice's deadline; bob has half of his time. */
static void
half_a_timeout_passes(struct seller *seller)
{
	atomic_fetch_add(&seller->hall->now_ns, TIMEOUT_NS / 2);
}

static void
expire_before_the_read(struct hall *hall, const char *lock)
{
	struct order *alice, *bob, *carol;

	open_sale(hall, 10, lock);
	alice = order_of(hall, "alice", 1);
	half_a_timeout_passes(hall->one);
	bob = queue_up(hall->one, order_of(hall, "bob", 1));
	hall->one->script_count = 0;
	before(hall->one, STEP_LOCK, 1, half_a_timeout_passes);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_QUEUE_TIMEOUT);
	assert_trail(alice, "queued wait lock");
	assert_sold(bob, 1);
	assert_string_equal(hall->one->story,
	    "wait lock gather-all alice read write commit unlock bob");
	ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 9, "bob"});

	carol = order_of(hall, "carol", 1);
	half_a_timeout_passes(hall->one);
	before(hall->one, STEP_LOCK, 1, half_a_timeout_passes);
	sell_to(hall->one, carol);
	assert_int_equal(carol->outcome, OUTCOME_QUEUE_TIMEOUT);
	assert_string_equal(
	    hall->one->story, "wait lock gather-all carol unlock");
	assert_int_equal(version_of(hall), 1);
}

/* Who has the lock in time but no time left gets nothing, and reads nothing. */
static void
test_expired_with_the_lock(void **state)
{
	size_t i;

	for (i = 0; i < LOCKS; i++)
		if (!shares(all_locks[i]))
			expire_before_the_read(*state, all_locks[i]);
}

/* Every write is beaten by another: at the deadline it is told so. */
static void
test_conflicts(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *carol;
	int64_t beaten;

	open_sale(hall, 1000, "optimistic");
	alice = order_of(hall, "alice", 1);
	before(hall->one, STEP_WRITE, UINT32_MAX, other_sells);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_CONFLICTS);
	beaten = version_of(hall);
	assert_in_range(beaten, 2, 999);
	assert_int_equal(hall->one->pauses, 0);
	hall->one->script_count = 0;
	carol = order_of(hall, "carol", 1);
	sell_to(hall->one, carol);
	assert_sold(carol, beaten + 1);
}

/* The first of a batch may be out of time and the others not. */
static void
test_conflicts_of_one(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *carol;

	open_sale(hall, 1000, "optimistic");
	alice = order_of(hall, "alice", 1);
	carol = queue_up(hall->one, order_of(hall, "carol", 1));
	queue_up(hall->one, order_of(hall, "dave", 1));
	alice->deadline_ns -= TIMEOUT_NS - NS_PER_MS / 2;
	carol->deadline_ns += NS_PER_SEC;
	before(hall->one, STEP_WRITE, 12, other_sells);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_CONFLICTS);
	assert_sold(carol, 13);
}

/* Nobody was faster; the sale was changed, before each of its writes. */
static void
test_changes(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "none");
	alice = order_of(hall, "alice", 1);
	hall->patch_lock = "none";
	before(hall->one, STEP_WRITE, UINT32_MAX, patch);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_MOVED);
	assert_true(alice->trail.count > 8);
	assert_int_equal(version_of(hall), 0);
	assert_int_equal(answered(hall, OUTCOME_MOVED, "none"), 1);
}

/* The same before each of its reads: it never comes to a decision. */
static void
test_changes_before_the_read(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "none");
	alice = order_of(hall, "alice", 1);
	hall->patch_lock = "none";
	before(hall->one, STEP_READ, UINT32_MAX, patch);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_MOVED);
	assert_true(alice->trail.count > 8);
	assert_null(strstr(hall->one->story, "write"));
}

/* The latch's holder is in its sync: the other cannot write meanwhile. */
static void
other_sells_in_sync(void *arg)
{
	struct hall *hall = arg;

	sell_to(hall->two, order_of(hall, "bob", 1));
}

static void
test_store_busy(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "none");
	alice = order_of(hall, "alice", 1);
	disk.in_sync = other_sells_in_sync;
	sell_to(hall->one, alice);
	assert_null(disk.in_sync);
	assert_sold(alice, 1);
	assert_int_equal(last_order(hall)->outcome, OUTCOME_STORE_BUSY);
	assert_null(strstr(hall->two->story, "commit"));
	ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 9, "alice"});
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    HALL_TEST(test_patch_between),
	    HALL_TEST(test_patch_before_read),
	    HALL_TEST(test_removed_between),
	    HALL_TEST(test_failed_lock),
	    HALL_TEST(test_inherited_lock),
	    HALL_TEST(test_queue_timeout),
	    HALL_TEST(test_lock_timeout),
	    HALL_TEST(test_expired_with_the_lock),
	    HALL_TEST(test_conflicts),
	    HALL_TEST(test_conflicts_of_one),
	    HALL_TEST(test_changes),
	    HALL_TEST(test_changes_before_the_read),
	};

	static const struct CMUnitTest disks[] = {
	    HALL_TEST(test_failed_sync),
	    HALL_TEST(test_full_disk),
	    HALL_TEST(test_store_busy),
	};

	return hall_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0])) +
	       hall_run_local(
		   argc, argv, disks, sizeof(disks) / sizeof(disks[0]));
}
