/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same order once more, by its key; and the version check that a buyer
 * asks for, by If-Match.
 */
#include "tests/unit/hall.h"

#include <errno.h>

/* ----------------------------------------------------------------- keys -- */

static void
assert_replayed(const struct order *order, const struct order *first)
{
	const struct receipt *a = &order->receipt, *b = &first->receipt;

	assert_int_equal(order->outcome, OUTCOME_REPLAYED);
	assert_string_equal(a->order, b->order);
	assert_string_equal(a->buyer, b->buyer);
	assert_string_equal(a->lock, b->lock);
	assert_int_equal(a->seat, b->seat);
	assert_int_equal(a->quantity, b->quantity);
	assert_int_equal(a->remaining, b->remaining);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->sold_at_ms, b->sold_at_ms);
	assert_int_equal(a->worker, b->worker);
	assert_int_equal(a->clerk, b->clerk);
	assert_non_null(order->replayed_trail);
	assert_non_null(strstr(order->replayed_trail, "\"write\""));
	assert_null(strstr(order->replayed_trail, "\"commit\""));
}

static void
test_same_key_in_batch(void **state)
{
	struct hall *hall = *state;
	struct order *first, *again, *more, *bob;

	open_sale(hall, 10, "mutex");
	first = order_with_key(hall, "alice", 1, "k");
	again = queue_up(hall->one, order_with_key(hall, "alice", 1, "k"));
	more = queue_up(hall->one, order_with_key(hall, "alice", 2, "k"));
	bob = queue_up(hall->one, order_with_key(hall, "bob", 1, "b"));
	sell_to(hall->one, first);
	assert_string_equal(hall->one->story,
	    "wait lock gather-all read write commit unlock alice bob "
	    "wait lock gather-all read unlock alice alice");
	assert_sold(first, 1);
	assert_sold(bob, 2);
	assert_replayed(again, first);
	assert_int_equal(more->outcome, OUTCOME_KEY_REUSED);
	ASSERT_LEDGER(
	    hall, {1, 0, 1, 1, 1, 9, "alice"}, {2, 0, 2, 2, 1, 8, "bob"});
}

/* After the fact, also when all is sold; under every strategy. */
static void
test_replay(void **state)
{
	struct hall *hall = *state;
	struct order *first, *again, *bob, *more;
	size_t i;

	for (i = 0; i < LOCKS; i++) {
		open_sale(hall, 1, all_locks[i]);
		first = order_with_key(hall, "alice", 1, "k");
		sell_to(hall->one, first);
		assert_sold(first, 1);
		set_delay(hall, 50, 50);
		again = order_with_key(hall, "alice", 1, "k");
		bob = order_with_key(hall, "bob", 1, "k");
		more = order_with_key(hall, "alice", 2, "k");
		sell_to(hall->two, again);
		sell_to(hall->two, bob);
		sell_to(hall->two, more);
		assert_replayed(again, first);
		assert_int_equal(bob->outcome, OUTCOME_KEY_REUSED);
		assert_int_equal(more->outcome, OUTCOME_KEY_REUSED);
		assert_int_equal(version_of(hall), 1);
	}
	assert_int_equal(hall->two->pauses, 0);
}

/* A refusal is not kept: the same key is decided anew. */
static void
test_refusal_is_not_kept(void **state)
{
	struct hall *hall = *state;
	struct order *first, *again, *other;

	open_sale(hall, 2, "mutex");
	first = order_with_key(hall, "alice", 3, "k");
	other = queue_up(hall->one, order_with_key(hall, "alice", 1, "k"));
	sell_to(hall->one, first);
	assert_int_equal(first->outcome, OUTCOME_NOT_ENOUGH);
	assert_sold(other, 1);
	again = order_with_key(hall, "alice", 1, "k");
	sell_to(hall->one, again);
	assert_replayed(again, other);
}

static void
break_a_read(struct seller *seller)
{
	(void)seller;
	disk.read_error = EIO;
}

/* A key that cannot be looked up is not a new one. */
static void
test_key_unread(void **state)
{
	struct hall *hall = *state;
	struct order *first, *again;

	open_sale(hall, 10, "mutex");
	first = order_with_key(hall, "alice", 1, "k");
	sell_to(hall->two, first);
	again = order_with_key(hall, "alice", 1, "k");
	before(hall->one, STEP_READ, 1, break_a_read);
	sell_to(hall->one, again);
	assert_int_equal(disk.read_error, 0);
	assert_int_equal(again->outcome, OUTCOME_STORE_ERROR);
	assert_string_not_equal(again->error, "");
	assert_trail(again, "queued wait lock read unlock");
	assert_int_equal(version_of(hall), 1);
	again = order_with_key(hall, "alice", 1, "k");
	sell_to(hall->one, again);
	assert_replayed(again, first);
}

static void
other_sells_key(struct seller *seller)
{
	sell_to(seller->other, order_with_key(seller->hall, "alice", 1, "k"));
}

static void
other_sells_key_unread(struct seller *seller)
{
	other_sells_key(seller);
	disk.read_error = EIO;
}

/* Nor is one that could not be looked up again when it was to be written. */
static void
test_key_unread_at_the_write(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "none");
	alice = order_with_key(hall, "alice", 1, "k");
	before(hall->one, STEP_WRITE, 1, other_sells_key_unread);
	sell_to(hall->one, alice);
	assert_int_equal(disk.read_error, 0);
	assert_int_equal(alice->outcome, OUTCOME_STORE_ERROR);
	assert_int_equal(version_of(hall), 1);
}

/* Two send the same key at once: one is sold, whatever the strategy. */
static void
test_same_key_overtaken(void **state)
{
	static const char *const locks[] = {
	    "none", "semaphore:3", "optimistic"};
	struct hall *hall = *state;
	struct order *late;
	size_t i;

	for (i = 0; i < 3; i++) {
		open_sale(hall, 10, locks[i]);
		late = order_with_key(hall, "alice", 1, "k");
		hall->one->script_count = 0;
		before(hall->one, STEP_WRITE, 1, other_sells_key);
		sell_to(hall->one, late);
		assert_sold(last_order(hall), 1);
		assert_replayed(late, last_order(hall));
		assert_int_equal(version_of(hall), 1);
		assert_non_null(strstr(hall->one->story, "write conflict"));
	}
}

/* ------------------------------------------------------------- If-Match -- */

static void
test_if_match(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob, *carol;
	size_t i;

	for (i = 0; i < LOCKS; i++) {
		open_sale(hall, 10, all_locks[i]);
		alice = order_if_match(hall, "alice");
		bob = order_if_match(hall, "bob");
		sell_to(hall->one, alice);
		assert_sold(alice, 1);
		sell_to(hall->one, bob); /* still wants version 0 */
		assert_int_equal(bob->outcome, OUTCOME_CHANGED);
		assert_int_equal(bob->state.version, 1);
		carol = order_if_match(hall, "carol");
		set_delay(hall, 5, 5); /* the version stays, the epoch not */
		sell_to(hall->one, carol);
		assert_int_equal(carol->outcome, OUTCOME_CHANGED);
		assert_int_equal(version_of(hall), 1);
	}
	assert_int_equal(hall->one->pauses, 0);
}

/* Who comes second in a batch wanted a version that is gone. */
static void
test_if_match_in_batch(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob, *carol;

	open_sale(hall, 10, "mutex");
	alice = order_if_match(hall, "alice");
	bob = queue_up(hall->one, order_if_match(hall, "bob"));
	carol = queue_up(hall->one, order_of(hall, "carol", 1));
	sell_to(hall->one, alice);
	assert_sold(alice, 1);
	assert_int_equal(bob->outcome, OUTCOME_CHANGED);
	assert_sold(carol, 2);
}

/* A refused order's wish concerns nobody else: under none, bob overwrites. */
static void
test_if_match_refused(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *carol;

	open_sale(hall, 10, "none");
	carol = order_if_match(hall, "carol");
	sell_to(hall->one, order_of(hall, "zoe", 1));
	alice = order_of(hall, "alice", 1);
	queue_up(hall->one, carol);
	queue_up(hall->one, order_of(hall, "dave", 1));
	before(hall->one, STEP_WRITE, 1, other_sells);
	sell_to(hall->one, alice);
	assert_int_equal(carol->outcome, OUTCOME_CHANGED);
	assert_sold(alice, 2);
	assert_trail(alice, "queued read write commit");
}

/* Changed beats sold out: the buyer asked about a version. */
static void
test_if_match_sold_out(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob;

	open_sale(hall, 1, "mutex");
	bob = order_if_match(hall, "bob");
	sell_to(hall->one, order_of(hall, "zoe", 1));
	alice = order_if_match(hall, "alice");
	sell_to(hall->one, alice);
	sell_to(hall->one, bob);
	assert_int_equal(alice->outcome, OUTCOME_SOLD_OUT);
	assert_int_equal(bob->outcome, OUTCOME_CHANGED);
}

/* Under none too the write checks what the buyer asked for. */
static void
test_if_match_overtaken(void **state)
{
	static const char *const locks[] = {
	    "none", "semaphore:3", "optimistic"};
	struct hall *hall = *state;
	struct order *alice;
	char steps[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		open_sale(hall, 10, locks[i]);
		alice = order_if_match(hall, "alice");
		hall->one->script_count = 0;
		before(hall->one, STEP_WRITE, 1, other_sells);
		sell_to(hall->one, alice);
		assert_sold(last_order(hall), 1);
		assert_int_equal(alice->outcome, OUTCOME_CHANGED);
		assert_int_equal(alice->state.version, 1);
		snprintf(steps, sizeof(steps),
		    "queued %sread write conflict%s %sread%s",
		    turn_begins(locks[i]), turn_ends(locks[i]),
		    turn_begins(locks[i]), turn_ends(locks[i]));
		assert_trail(alice, steps);
		ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 9, "bob"});
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    HALL_TEST(test_same_key_in_batch),
	    HALL_TEST(test_replay),
	    HALL_TEST(test_refusal_is_not_kept),
	    HALL_TEST(test_same_key_overtaken),
	    HALL_TEST(test_if_match),
	    HALL_TEST(test_if_match_in_batch),
	    HALL_TEST(test_if_match_refused),
	    HALL_TEST(test_if_match_sold_out),
	    HALL_TEST(test_if_match_overtaken),
	};

	static const struct CMUnitTest disks[] = {
	    HALL_TEST(test_key_unread),
	    HALL_TEST(test_key_unread_at_the_write),
	};

	return hall_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0])) +
	       hall_run_local(
		   argc, argv, disks, sizeof(disks) / sizeof(disks[0]));
}
