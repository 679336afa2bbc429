/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One order at a time, and two that meet: what each strategy makes of it.
 */
#include "tests/unit/hall.h"

#include "service/sale/seats.h"

/* ------------------------------------------------------ seats, one sale -- */

static void
test_seats_take(void **state)
{
	(void)state;
	assert_int_equal(seats_take(100, 100), 1);
	assert_int_equal(seats_take(100, 99), 2);
	assert_int_equal(seats_take(100, 1), 100);
	assert_int_equal(seats_take(1, 1), 1);
	assert_int_equal(seats_take(STORE_CAPACITY_MAX, 1), STORE_CAPACITY_MAX);
}

/* Without a delay: nobody of its worker could do what it does. */
static bool
takes_all(const char *lock)
{
	return !shares(lock) || lock_facts(strategy_of(lock)).checks_write;
}

static void
buy_one(struct hall *hall, const char *lock)
{
	const unsigned row = counting_row(strategy_of(lock));
	struct order *alice;
	char steps[256];

	open_sale(hall, 10, lock);
	alice = order_of(hall, "alice", 2);
	sell_to(hall->one, alice);
	assert_sold(alice, 1);

	snprintf(steps, sizeof(steps), "%sgather-%s read write commit%s alice",
	    turn_begins(lock), takes_all(lock) ? "all" : "share",
	    turn_ends(lock));
	assert_string_equal(hall->one->story, steps);
	snprintf(steps, sizeof(steps), "queued %sread write commit%s",
	    turn_begins(lock), turn_ends(lock));
	assert_trail(alice, steps);
	assert_noted(alice, STEP_READ, 10, 0);
	assert_noted(alice, STEP_WRITE, 8, 0);
	assert_noted(alice, STEP_COMMIT, 8, 1);
	assert_noted(alice, STEP_QUEUED, -1, -1);
	assert_string_equal(alice->receipt.lock, lock);
	ASSERT_LEDGER(hall, {1, 0, 1, 1, 2, 8, "alice"});
	assert_int_equal(answered(hall, OUTCOME_SOLD, lock), 1);
	assert_int_equal(atomic_load(&hall->counting.holding), 0);
	assert_int_equal(hall->one->alone, takes_all(lock));
	assert_int_equal(atomic_load(&hall->counting.lock_wait[row].sum_ns) > 0,
	    holds(lock));
}

static void
test_buy_one(void **state)
{
	size_t i;

	for (i = 0; i < LOCKS; i++)
		buy_one(*state, all_locks[i]);
}

static void
test_receipt(void **state)
{
	struct hall *hall = *state;
	struct order *alice;
	struct ledger *ledger;
	char id[STORE_ORDER_SIZE];

	open_sale(hall, 10, "mutex");
	sell_to(hall->one, order_of(hall, "zoe", 3));
	alice = order_of(hall, "alice", 2);
	sell_to(hall->two, alice);
	ledger = ledger_of(hall);
	assert_int_equal(ledger->count, 2);
	assert_string_equal(alice->receipt.order, ledger->orders[1]);
	assert_string_not_equal(ledger->orders[0], ledger->orders[1]);
	order_print_id(id, WALL_MS, 0, 0);
	assert_int_equal(strlen(alice->receipt.order), strlen(id));
	assert_memory_equal(
	    alice->receipt.order, id, strlen("12345678-1234-7"));
	assert_int_equal(alice->receipt.seat, 4);
	assert_int_equal(alice->receipt.remaining, 5);
	assert_int_equal(alice->receipt.version, 2);
	assert_int_equal(alice->receipt.base, 1);
	assert_int_equal(alice->receipt.sold_at_ms, WALL_MS);
	assert_int_equal(alice->receipt.worker, 1);
	assert_int_equal(alice->receipt.clerk, 2);
	free(ledger);
}

/* The ledger has the trail up to the write; times only rise. */
static void
test_trail_in_ledger(void **state)
{
	struct hall *hall = *state;
	struct order *alice;
	struct ledger *ledger;
	char text[TRAIL_TEXT_SIZE];
	size_t i, length;

	open_sale(hall, 10, "mutex");
	set_delay(hall, 5, 5);
	alice = order_of(hall, "alice", 1);
	sell_to(hall->one, alice);
	assert_trail(alice, "queued wait lock read delay write commit unlock");
	for (i = 1; i < trail_length(&alice->trail); i++)
		assert_true(trail_at(&alice->trail, i - 1)->at_ns <
			    trail_at(&alice->trail, i)->at_ns);
	ledger = ledger_of(hall);
	trail_print(&alice->trail, text);
	length = strlen(ledger->last_trail) - 1; /* without the bracket */
	assert_true(length < strlen(text));
	assert_memory_equal(text, ledger->last_trail, length);
	assert_non_null(strstr(ledger->last_trail,
	    "\"step\":\"write\",\"remaining\":9,\"version\":0}]"));
	free(ledger);
}

/* ---------------------------------------------------------- interleaved -- */

/* Alice's desk has read; before it writes, the other serves bob. */
static struct order *
overtake(struct hall *hall, const char *lock)
{
	struct order *alice;

	open_sale(hall, 10, lock);
	alice = order_of(hall, "alice", 1);
	before(hall->one, STEP_WRITE, 1, other_sells);
	sell_to(hall->one, alice);
	return alice;
}

/* Both get seat 1; and the ledger says that a write was overwritten. */
static void
test_overtaken_none(void **state)
{
	struct hall *hall = *state;
	struct order *alice = overtake(hall, "none");

	assert_sold(alice, 1);
	assert_sold(last_order(hall), 1);
	assert_trail(alice, "queued read write commit");
	ASSERT_LEDGER(
	    hall, {1, 0, 1, 1, 1, 9, "bob"}, {2, 0, 1, 1, 1, 9, "alice"});
	assert_int_equal(state_of(&hall->f, hall->sale).remaining, 9);
	assert_int_equal(atomic_load(&hall->counting.overwrites[0]), 1);
	assert_noted(alice, STEP_WRITE, 9, 0);
	assert_noted(alice, STEP_COMMIT, 9, 2);
}

static void
test_overtaken_three_permits(void **state)
{
	struct hall *hall = *state;
	struct order *alice = overtake(hall, "semaphore:3");

	assert_sold(alice, 1);
	assert_sold(last_order(hall), 1);
	ASSERT_LEDGER(
	    hall, {1, 0, 1, 1, 1, 9, "bob"}, {2, 0, 1, 1, 1, 9, "alice"});
}

/* -------------------------------------------------------------- inside -- */

/* Somebody is let in, whatever the lock. */
static void
intrude(struct seller *seller)
{
	struct hall *hall = seller->hall;
	const struct lock_strategy strategy = strategy_of(hall->patch_lock);
	const unsigned row = counting_row(strategy);
	const unsigned slot = (unsigned)state_of(&hall->f, hall->sale).slot;

	inside_enter(&hall->inside, slot, row, inside_name(1, 9));
}

/* One who claims to exclude is held to it; those that do not are not. */
static void
test_trespass(void **state)
{
	static const char *const locks[] = {"mutex", "flock", "semaphore",
	    "spin", "ticket", "rwlock", "none", "optimistic", "mutex-private",
	    "semaphore:3"};
	struct hall *hall = *state;
	size_t i;

	for (i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		const struct lock_strategy strategy = strategy_of(locks[i]);
		const bool claims = lock_facts(strategy).excludes_processes;
		const unsigned row = counting_row(strategy);

		open_sale(hall, 10, locks[i]);
		sell_to(hall->one, order_of(hall, "alice", 1));
		assert_int_equal(
		    atomic_load(&hall->counting.trespasses[row]), 0);
		hall->patch_lock = locks[i];
		hall->one->script_count = 0;
		before(hall->one, STEP_WRITE, 1, intrude);
		sell_to(hall->one, order_of(hall, "bob", 1));
		assert_int_equal(
		    atomic_load(&hall->counting.trespasses[row]), claims);
		/* Whoever it was did not leave: that accuses nobody. */
		sell_to(hall->one, order_of(hall, "carol", 1));
		assert_int_equal(
		    atomic_load(&hall->counting.trespasses[row]), claims);
	}
}

static void
test_overtaken_optimistic(void **state)
{
	struct hall *hall = *state;
	struct order *alice = overtake(hall, "optimistic");
	const unsigned row = counting_row(strategy_of("optimistic"));

	assert_sold(last_order(hall), 1);
	assert_sold(alice, 2);
	assert_trail(alice, "queued read write conflict read write commit");
	assert_string_equal(hall->one->story,
	    "gather-all read write conflict "
	    "gather-all read write commit alice");
	ASSERT_LEDGER(
	    hall, {1, 0, 1, 1, 1, 9, "bob"}, {2, 1, 1, 2, 1, 8, "alice"});
	assert_int_equal(atomic_load(&hall->counting.conflicts[row]), 1);
	assert_int_equal(atomic_load(&hall->counting.overwrites[row]), 0);
	assert_noted(alice, STEP_READ, 9, 1);
	assert_int_equal(alice->receipt.base, 1);
}

/* The other cannot enter until its deadline; afterwards it can. */
static void
test_overtaken_excluding(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *carol;
	size_t i;

	for (i = 0; i < LOCKS; i++) {
		if (shares(all_locks[i]))
			continue;
		alice = overtake(hall, all_locks[i]);
		assert_sold(alice, 1);
		assert_int_equal(
		    last_order(hall)->outcome, OUTCOME_LOCK_TIMEOUT);
		/* It knows for what it waited, and is counted there. */
		assert_string_equal(
		    last_order(hall)->state.settings.lock, all_locks[i]);
		assert_null(strstr(hall->two->story, "read"));
		carol = order_of(hall, "carol", 1);
		sell_to(hall->two, carol);
		assert_sold(carol, 2);
		ASSERT_LEDGER(hall, {1, 0, 1, 1, 1, 9, "alice"},
		    {2, 1, 1, 2, 1, 8, "carol"});
		hall->one->script_count = 0;
	}
}

static void
await(const _Atomic bool *what, int64_t ns)
{
	const int64_t until = clock_now_ns() + ns;

	while (!atomic_load(what) && clock_now_ns() < until)
		clock_sleep_until(clock_now_ns() + NS_PER_MS / 10);
}

/* Neither writes before both have come here. */
static void
meet(struct seller *seller)
{
	const int64_t until = clock_now_ns() + HUNG;

	atomic_fetch_add(&seller->hall->arrived, 1);
	while (
	    atomic_load(&seller->hall->arrived) < 2 && clock_now_ns() < until)
		clock_sleep_until(clock_now_ns() + NS_PER_MS / 10);
}

static void *
run_thread(void *arg)
{
	struct seller *seller = arg;

	if (sit_down(seller))
		sell_to(seller, seller->order);
	stand_up(seller);
	return NULL;
}

/* Both desks at once, each on a thread, for alice and for bob. */
static void
sell_on_threads(struct hall *hall)
{
	hall->real = true;
	stand_up(hall->one);
	stand_up(hall->two);
	hall->one->order = order_of(hall, "alice", 1);
	hall->two->order = order_of(hall, "bob", 1);
	assert_int_equal(
	    pthread_create(&hall->one->thread, NULL, run_thread, hall->one), 0);
	assert_int_equal(
	    pthread_create(&hall->two->thread, NULL, run_thread, hall->two), 0);
	pthread_join(hall->one->thread, NULL);
	pthread_join(hall->two->thread, NULL);
	assert_true(hall->one->attached && hall->two->attached);
}

static void
meet_on_threads(struct hall *hall, const char *lock)
{
	open_sale(hall, 10, lock);
	atomic_store(&hall->arrived, 0);
	hall->one->script_count = hall->two->script_count = 0;
	before(hall->one, STEP_WRITE, 1, meet);
	before(hall->two, STEP_WRITE, 1, meet);
	sell_on_threads(hall);
	assert_int_equal(atomic_load(&hall->arrived), 2);
}

static void
test_threads_oversell(void **state)
{
	static const char *const wrong[] = {"none", "semaphore:3"};
	struct hall *hall = *state;
	struct ledger *ledger;
	size_t i;

	for (i = 0; i < 2; i++) {
		meet_on_threads(hall, wrong[i]);
		assert_sold(hall->one->order, 1);
		assert_sold(hall->two->order, 1);
		ledger = ledger_of(hall);
		assert_int_equal(ledger->count, 2);
		assert_int_equal(ledger->lines[1].version, 2);
		assert_int_equal(ledger->lines[1].base, 0);
		assert_int_equal(ledger->lines[1].seat, 1);
		free(ledger);
	}
}

static void
test_threads_optimistic(void **state)
{
	struct hall *hall = *state;
	struct seller *loser;
	const unsigned row = counting_row(strategy_of("optimistic"));

	meet_on_threads(hall, "optimistic");
	loser = hall->one->order->receipt.seat == 1 ? hall->two : hall->one;
	assert_sold(loser->other->order, 1);
	assert_sold(loser->order, 2);
	assert_trail(
	    loser->order, "queued read write conflict read write commit");
	assert_trail(loser->other->order, "queued read write commit");
	assert_int_equal(version_of(hall), 2);
	assert_int_equal(atomic_load(&hall->counting.conflicts[row]), 1);
}

/* One is inside: the other is let come as far as it gets. */
static void
hold_while_other_waits(struct seller *seller)
{
	atomic_store(&seller->inside, true);
	await(&seller->other->waits, HUNG);
	await(&seller->other->inside, INTRUSION);
}

static void
leave(struct seller *seller)
{
	atomic_store(&seller->left, true);
}

static void
wait_outside(struct seller *seller)
{
	await(&seller->other->inside, HUNG);
	atomic_store(&seller->waits, true);
}

static void
enter(struct seller *seller)
{
	seller->intruded = !atomic_load(&seller->other->left);
	atomic_store(&seller->inside, true);
}

static void
exclude_on_threads(struct hall *hall, const char *lock)
{
	open_sale(hall, 10, lock);
	hall->one->script_count = hall->two->script_count = 0;
	hall->one->inside = hall->two->inside = false;
	hall->two->waits = hall->one->left = false;
	before(hall->one, STEP_WRITE, 1, hold_while_other_waits);
	before(hall->one, STEP_UNLOCK, 1, leave);
	before(hall->two, STEP_WAIT, 1, wait_outside);
	before(hall->two, STEP_READ, 1, enter);
	sell_on_threads(hall);
	assert_true(atomic_load(&hall->two->inside));
	assert_false(hall->two->intruded);
	assert_sold(hall->one->order, 1);
	assert_sold(hall->two->order, 2);
	ASSERT_LEDGER(
	    hall, {1, 0, 1, 1, 1, 9, "alice"}, {2, 1, 1, 2, 1, 8, "bob"});
}

static void
test_threads_exclude(void **state)
{
	size_t i;

	for (i = 0; i < LOCKS; i++)
		if (!shares(all_locks[i]))
			exclude_on_threads(*state, all_locks[i]);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    HALL_TEST(test_buy_one),
	    HALL_TEST(test_receipt),
	    HALL_TEST(test_trail_in_ledger),
	    HALL_TEST(test_overtaken_none),
	    HALL_TEST(test_overtaken_three_permits),
	    HALL_TEST(test_trespass),
	    HALL_TEST(test_overtaken_optimistic),
	    HALL_TEST(test_overtaken_excluding),
	    HALL_TEST(test_threads_oversell),
	    HALL_TEST(test_threads_optimistic),
	    HALL_TEST(test_threads_exclude),
	};
	const struct CMUnitTest pure[] = {cmocka_unit_test(test_seats_take)};

	return cmocka_run_group_tests_name("seats", pure, NULL, NULL) +
	       hall_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
