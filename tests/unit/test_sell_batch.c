/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orders that share a turn, refusals among them, and delays, which no two
 * orders share.
 */
#include "tests/unit/hall.h"

/* --------------------------------------------------------------- batches -- */

/* Seats in a row, one write; answers only when it is done. */
static void
test_batch(void **state)
{
	struct hall *hall = *state;
	struct order *orders[3];

	open_sale(hall, 10, "mutex");
	orders[0] = order_of(hall, "alice", 1);
	orders[1] = queue_up(hall->one, order_of(hall, "bob", 3));
	orders[2] = queue_up(hall->one, order_of(hall, "carol", 2));
	sell_to(hall->one, orders[0]);
	assert_string_equal(hall->one->story,
	    "wait lock gather-all read write commit unlock alice bob carol");
	assert_sold(orders[0], 1);
	assert_sold(orders[1], 2);
	assert_sold(orders[2], 5);
	ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 9, "alice"},
	    {2, 0, 2, 2, 3, 6, "bob"}, {3, 0, 3, 5, 2, 4, "carol"});
	assert_trail(orders[0], "queued wait lock read write commit unlock");
	assert_trail(orders[2], "queued read write commit unlock");
	assert_noted(orders[2], STEP_READ, 10, 0);
	assert_noted(orders[2], STEP_WRITE, 4, 0);
	assert_noted(orders[2], STEP_COMMIT, 4, 3);
	assert_int_equal(orders[2]->receipt.base, 0);
	assert_int_equal(atomic_load(&hall->counting.batched_orders), 3);
	assert_int_equal(
	    atomic_load(
		&hall->counting.overwrites[counting_row(strategy_of("mutex"))]),
	    0);
}

/* Each line bears the trail of its own order, up to the write. */
static void
test_batch_trails(void **state)
{
	struct hall *hall = *state;
	struct ledger *ledger;
	struct order *bob;
	char text[TRAIL_TEXT_SIZE];

	open_sale(hall, 10, "mutex");
	bob = queue_up(hall->one, order_of(hall, "bob", 3));
	sell_to(hall->one, order_of(hall, "alice", 1));
	ledger = ledger_of(hall);
	assert_string_equal(ledger->lines[1].buyer, "bob");
	trail_print(&bob->trail, text);
	assert_memory_equal(
	    text, ledger->last_trail, strlen(ledger->last_trail) - 1);
	free(ledger);
}

static void
test_batch_most(void **state)
{
	struct hall *hall = *state;

	open_sale(hall, 10, "mutex");
	queue_up(hall->one, order_of(hall, "bob", 1));
	queue_up(hall->one, order_of(hall, "carol", 1));
	queue_up(hall->one, order_of(hall, "dave", 1));
	hall->one->desk.batch_most = 3;
	sell_to(hall->one, order_of(hall, "alice", 1));
	assert_string_equal(hall->one->story,
	    "wait lock gather-all read write commit unlock alice bob carol");
	assert_int_equal(hall->one->waiting_count, 1);
	hall->one->desk.batch_most = 1;
	sell_to(hall->one, take_waiting(hall->one));
	assert_string_equal(
	    hall->one->story, "wait lock read write commit unlock dave");
}

/* Where clerks do not exclude each other, each leaves work to the others. */
static void
test_batch_share(void **state)
{
	struct hall *hall = *state;

	open_sale(hall, 10, "none");
	queue_up(hall->one, order_of(hall, "bob", 1));
	queue_up(hall->one, order_of(hall, "carol", 1));
	sell_to(hall->one, order_of(hall, "alice", 1));
	assert_string_equal(
	    hall->one->story, "gather-share read write commit alice bob");
	assert_int_equal(hall->one->waiting_count, 1);
}

/* Refusals among sales: each sees what those before it left. */
static void
test_batch_with_refusals(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob, *carol, *dave;

	open_sale(hall, 3, "mutex");
	alice = order_of(hall, "alice", 2);
	bob = queue_up(hall->one, order_of(hall, "bob", 2));
	carol = queue_up(hall->one, order_of(hall, "carol", 1));
	dave = queue_up(hall->one, order_of(hall, "dave", 1));
	sell_to(hall->one, alice);
	assert_string_equal(hall->one->story,
	    "wait lock gather-all read write commit unlock "
	    "alice bob carol dave");
	assert_sold(alice, 1);
	assert_int_equal(bob->outcome, OUTCOME_NOT_ENOUGH);
	assert_int_equal(bob->state.remaining, 1);
	assert_sold(carol, 3);
	assert_int_equal(dave->outcome, OUTCOME_SOLD_OUT);
	assert_int_equal(dave->state.remaining, 0);
	ASSERT_LEDGER(
	    hall, {1, 0, 1, 1, 2, 1, "alice"}, {2, 0, 2, 3, 1, 0, "carol"});
	assert_int_equal(answered(hall, OUTCOME_NOT_ENOUGH, "mutex"), 1);
}

/* Nothing of a batch that lost its race stands, refusals neither. */
static void
test_batch_decided_again(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *bob;

	open_sale(hall, 4, "optimistic");
	alice = order_of(hall, "alice", 3);
	bob = queue_up(hall->one, order_of(hall, "bob2", 1));
	queue_up(hall->one, order_of(hall, "late", 1));
	before(hall->one, STEP_WRITE, 1, other_sells);
	before(hall->one, STEP_WRITE, 1, other_sells);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_NOT_ENOUGH);
	assert_int_equal(alice->state.remaining, 2);
	assert_sold(bob, 3);
	assert_trail(bob, "queued read write conflict read write commit");
	ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 3, "bob"},
	    {2, 1, 1, 2, 1, 2, "bob"}, {3, 2, 1, 3, 1, 1, "bob2"},
	    {4, 2, 2, 4, 1, 0, "late"});
}

static void
raise_capacity(struct seller *seller)
{
	struct fixture *f = &seller->hall->f;
	struct store_state state = state_of(f, seller->hall->sale);
	struct store_change change = {
	    .settings = state.settings, .trail = "[]"};

	change.settings.capacity += 10;
	ok(store_configure(f->user, &state, &change, in_ms(5000)));
}

static void
test_refusal_decided_again(void **state)
{
	struct hall *hall = *state;
	struct order *bob;

	open_sale(hall, 3, "mutex");
	bob = queue_up(hall->one, order_of(hall, "bob", 3));
	before(hall->one, STEP_WRITE, 1, raise_capacity);
	sell_to(hall->one, order_of(hall, "alice", 1));
	assert_sold(bob, 2);
}

/* ----------------------------------------------------- refusals, delays -- */

/* A refusal writes nothing and does not pause, under any strategy. */
static void
test_refusals(void **state)
{
	struct hall *hall = *state;
	struct order *bob, *carol;
	char steps[64];
	size_t i;

	for (i = 0; i < LOCKS; i++) {
		open_sale(hall, 2, all_locks[i]);
		sell_to(hall->one, order_of(hall, "alice", 1));
		set_delay(hall, 1000, 1000);
		bob = order_of(hall, "bob", 2);
		sell_to(hall->one, bob);
		assert_int_equal(bob->outcome, OUTCOME_NOT_ENOUGH);
		assert_int_equal(bob->state.remaining, 1);
		set_delay(hall, 0, 0);
		sell_to(hall->one, order_of(hall, "dave", 1));
		set_delay(hall, 1000, 1000);
		carol = order_of(hall, "carol", 1);
		sell_to(hall->one, carol);
		assert_int_equal(carol->outcome, OUTCOME_SOLD_OUT);
		assert_int_equal(version_of(hall), 2);
		snprintf(steps, sizeof(steps), "queued %sread%s",
		    turn_begins(all_locks[i]), turn_ends(all_locks[i]));
		assert_trail(bob, steps);
		assert_trail(carol, steps);
		assert_noted(carol, STEP_READ, 0, 2);
		assert_int_equal(carol->receipt.worker, 1);
		assert_int_equal(carol->receipt.clerk, 1);
	}
	assert_int_equal(hall->one->pauses, 0);
}

static void
test_no_sale(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	snprintf(hall->sale, sizeof(hall->sale), "nowhere");
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_NO_SALE);
	assert_string_equal(hall->one->story, "alice");
}

static void
test_strange_strategy(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "zebra");
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_STORE_ERROR);
	assert_non_null(strstr(alice->error, "strategy"));
	assert_int_equal(version_of(hall), 0);
}

/* With a delay one order is sold in a turn, and nothing is gathered. */
static void
test_delay(void **state)
{
	struct hall *hall = *state;
	struct order *alice;
	int64_t deadline_ns;

	open_sale(hall, 10, "mutex");
	set_delay(hall, 3000, 3000);
	alice = order_of(hall, "alice", 1);
	deadline_ns = alice->deadline_ns;
	queue_up(hall->one, order_of(hall, "bob", 1));
	hall->one->alone = true;
	sell_to(hall->one, alice);
	assert_string_equal(hall->one->story,
	    "wait lock read delay pause write commit unlock alice");
	assert_int_equal(hall->one->waiting_count, 1);
	assert_false(hall->one->alone); /* others may meet it */
	assert_sold(alice, 1);
	assert_int_equal(hall->one->paused_ns, 3000 * NS_PER_MS);
	/* 3 s is beyond the deadline, but that is not the order's time. */
	assert_int_equal(alice->deadline_ns, deadline_ns + 3000 * NS_PER_MS);
}

static void
test_delay_under_all(void **state)
{
	struct hall *hall = *state;
	struct order *alice;
	char steps[128];
	size_t i;

	for (i = 0; i < LOCKS; i++) {
		open_sale(hall, 10, all_locks[i]);
		set_delay(hall, 50, 50);
		alice = order_of(hall, "alice", 1);
		sell_to(hall->one, alice);
		snprintf(steps, sizeof(steps),
		    "queued %sread delay write commit%s",
		    turn_begins(all_locks[i]), turn_ends(all_locks[i]));
		assert_trail(alice, steps);
	}
}

/* From MIN to MAX, both included. */
static void
test_delay_range(void **state)
{
	static const uint64_t chances[] = {0, 1, 2000, 2001};
	static const int64_t pauses_ms[] = {1000, 1001, 3000, 1000};
	struct hall *hall = *state;
	size_t i;

	hall->one->chance_is_fixed = true;
	for (i = 0; i < 4; i++) {
		open_sale(hall, 10, "mutex");
		set_delay(hall, 1000, 3000);
		hall->one->chance = chances[i];
		hall->one->paused_ns = 0;
		sell_to(hall->one, order_of(hall, "alice", 1));
		assert_int_equal(
		    hall->one->paused_ns, pauses_ms[i] * NS_PER_MS);
	}
}

/* The delay is not what the lock's holding is measured by. */
static void
test_delay_not_held(void **state)
{
	struct hall *hall = *state;
	const unsigned row = counting_row(strategy_of("mutex"));

	open_sale(hall, 10, "mutex");
	set_delay(hall, 3000, 3000);
	sell_to(hall->one, order_of(hall, "alice", 1));
	assert_true(atomic_load(&hall->counting.lock_hold[row].sum_ns) <
		    1000 * NS_PER_MS);
	assert_true(atomic_load(&hall->counting.lock_hold[row].sum_ns) > 0);
}

/* A batch that gets a delay: the first is sold, the others go back. */
static void
test_delay_gives_back(void **state)
{
	struct hall *hall = *state;
	struct seller *one = hall->one;
	struct order *alice;
	static const char *const names[] = {"bob", "carol", "dave"};
	size_t i;

	open_sale(hall, 10, "mutex");
	alice = order_of(hall, "alice", 1);
	for (i = 0; i < 3; i++)
		queue_up(one, order_of(hall, names[i], 1))->deadline_ns +=
		    NS_PER_SEC;
	one->desk.batch_most = 3;
	hall->patch_delay_ms = 50;
	before(one, STEP_WRITE, 1, patch);
	sell_to(one, alice);
	assert_string_equal(one->story,
	    "wait lock gather-all read write switch unlock "
	    "wait lock give-back read delay pause write commit unlock alice");
	assert_sold(alice, 1);
	assert_int_equal(one->waiting_count, 3);
	for (i = 0; i < 3; i++) {
		struct order *next = take_waiting(one);

		assert_string_equal(next->buyer, names[i]);
		assert_int_equal(next->outcome, OUTCOME_NONE);
		sell_to(one, next);
		assert_sold(next, (int64_t)i + 2);
	}
}

/* An hour's delay that somebody takes back ends with the slice it is in. */
static void
test_delay_taken_back(void **state)
{
	struct hall *hall = *state;
	struct order *alice;

	open_sale(hall, 10, "mutex");
	set_delay(hall, 3600 * 1000, 3600 * 1000);
	hall->patch_delay_ms = 0;
	hall->one->in_pause = patch;
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_sold(alice, 1);
	assert_string_equal(hall->one->story,
	    "wait lock read delay pause write switch unlock "
	    "wait lock gather-all read write commit unlock alice");
	assert_in_range(hall->one->paused_ns, 0, NS_PER_SEC);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    HALL_TEST(test_batch),
	    HALL_TEST(test_batch_trails),
	    HALL_TEST(test_batch_most),
	    HALL_TEST(test_batch_share),
	    HALL_TEST(test_batch_with_refusals),
	    HALL_TEST(test_batch_decided_again),
	    HALL_TEST(test_refusal_decided_again),
	    HALL_TEST(test_refusals),
	    HALL_TEST(test_no_sale),
	    HALL_TEST(test_strange_strategy),
	    HALL_TEST(test_delay),
	    HALL_TEST(test_delay_under_all),
	    HALL_TEST(test_delay_range),
	    HALL_TEST(test_delay_not_held),
	    HALL_TEST(test_delay_gives_back),
	    HALL_TEST(test_delay_taken_back),
	};

	return hall_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
