/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real sell(), over real stores and real locks, in a world of the test's
 * own: its clock, its chance, its queue.  Interleavings are arranged: what
 * the second clerk does, it does from inside a step of the first, or on a
 * thread that meets the other there.  Each desk tells its story, step by
 * step, as one line of words.
 */
#include "service/sale/sell.h"

#include <sys/syscall.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "service/sale/seats.h"
#include "tests/unit/fixture.h"

#define ORDERS_MAX 128
#define WAITING_MAX 16
#define SCRIPT_MAX 4
#define LINES_MAX 64
#define PAUSES_MAX 16
#define STORY_SIZE 8192

#define TICK_NS (10 * NS_PER_US) /* what a look at the clock takes */
#define TIMEOUT_NS (10 * NS_PER_MS)
#define WALL_MS INT64_C(1795237200123)

#define ALARM_S 120                /* nothing may hang */
#define HUNG (10 * NS_PER_SEC)     /* ends a wait that should have ended */
#define INTRUSION (20 * NS_PER_MS) /* long enough for an intruder to get in */

static const char *const all_locks[] = {"none", "mutex-private", "flock",
    "mutex", "semaphore", "semaphore:3", "optimistic"};
#define LOCKS (sizeof(all_locks) / sizeof(all_locks[0]))

/* ------------------------------------------------------------- the disk -- */

/* This program is also the disk; set only while there is one thread. */
static struct {
	int sync_error;              /* of the next sync, 0: none */
	int write_error;             /* of every write, 0: none */
	void (*in_sync)(void *hall); /* called by the next sync */
	void *hall;
} disk;

/* Nothing here needs to last. */
static int
sync_disk(int fd)
{
	void (*in_sync)(void *hall) = disk.in_sync;

	if (in_sync != NULL) {
		disk.in_sync = NULL;
		in_sync(disk.hall);
	}
	if (disk.sync_error != 0) {
		errno = disk.sync_error;
		disk.sync_error = 0;
		return -1;
	}
	(void)fd;
	return 0;
}

int
fsync(int fd)
{
	return sync_disk(fd);
}

int
fdatasync(int fd)
{
	return sync_disk(fd);
}

static ssize_t
refuse_write(void)
{
	errno = disk.write_error;
	return -1;
}

ssize_t
write(int fd, const void *data, size_t size)
{
	if (disk.write_error != 0)
		return refuse_write();
	return syscall(SYS_write, fd, data, size);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	if (disk.write_error != 0)
		return refuse_write();
	return syscall(SYS_pwrite64, fd, data, size, at);
}

/* ------------------------------------------------------------ the world -- */

struct seller;
typedef void deed_fn(struct seller *seller);

/* A desk with its clerk, and the world around it. */
struct seller {
	struct hall *hall;
	struct seller *other;
	struct sell_env env;
	struct desk desk;
	struct order *waiting[WAITING_MAX]; /* its queue */
	size_t waiting_count;
	struct {
		enum step step;
		unsigned times;
		deed_fn *deed;
	} script[SCRIPT_MAX]; /* what happens just before a step */
	size_t script_count;
	uint64_t random; /* how often chance was asked */
	bool chance_is_fixed;
	uint64_t chance;

	/* What it did. */
	char story[STORY_SIZE];
	size_t story_length;
	unsigned pauses;
	int64_t paused_ns;
	int64_t pause_ns[PAUSES_MAX]; /* the first ones */

	/* On a thread. */
	pthread_t thread;
	struct order *order;
	bool attached;
	_Atomic bool waits, inside, left;
	bool intruded; /* was inside together with the other */
};

struct hall {
	struct fixture f;
	struct counting counting;
	bool real; /* time is the machine's; else it is scripted */
	_Atomic int64_t now_ns;
	char sale[STORE_ID_SIZE];
	unsigned sales;
	struct order orders[ORDERS_MAX];
	size_t order_count;
	struct seller *one, *two;
	_Atomic unsigned arrived; /* at a meeting */
	/* What a PATCH in a script sets. */
	const char *patch_lock;
	int64_t patch_delay_ms;
};

/* One word more of the story. */
static void
tell(struct seller *seller, const char *word)
{
	const size_t length = strlen(word);

	if (seller->story_length + length + 2 > STORY_SIZE)
		return;
	if (seller->story_length > 0)
		seller->story[seller->story_length++] = ' ';
	memcpy(seller->story + seller->story_length, word, length + 1);
	seller->story_length += length;
}

static int64_t
env_now_ns(void *arg)
{
	struct seller *seller = arg;

	if (seller->hall->real)
		return clock_now_ns();
	return atomic_fetch_add(&seller->hall->now_ns, TICK_NS);
}

static int64_t
env_wall_ms(void *arg)
{
	(void)arg;
	return WALL_MS;
}

static void
env_pause_ns(void *arg, int64_t ns)
{
	struct seller *seller = arg;

	tell(seller, "pause");
	if (seller->pauses < PAUSES_MAX)
		seller->pause_ns[seller->pauses] = ns;
	seller->pauses++;
	seller->paused_ns += ns;
	if (!seller->hall->real)
		atomic_fetch_add(&seller->hall->now_ns, ns);
}

/* Numbers without a pattern, the same in every run (splitmix64). */
static uint64_t
env_random(void *arg)
{
	struct seller *seller = arg;
	uint64_t z = ++seller->random + ((uint64_t)seller->desk.clerk << 32);

	if (seller->chance_is_fixed)
		return seller->chance;
	z *= UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
env_step(void *arg, enum step step)
{
	struct seller *seller = arg;
	size_t i;

	tell(seller, trail_step_name(step));
	for (i = 0; i < seller->script_count; i++)
		if (seller->script[i].step == step &&
		    seller->script[i].times > 0) {
			seller->script[i].times--;
			seller->script[i].deed(seller);
		}
}

static struct order *
take_waiting(struct seller *seller)
{
	struct order *first = seller->waiting[0];

	assert_true(seller->waiting_count > 0);
	seller->waiting_count--;
	memmove(seller->waiting, seller->waiting + 1,
	    seller->waiting_count * sizeof(seller->waiting[0]));
	return first;
}

/* A share is half of what waits. */
static size_t
env_gather(void *arg, const struct order *lead, bool only_share,
    struct order **orders, size_t most)
{
	struct seller *seller = arg;
	size_t n = 0;

	(void)lead;
	tell(seller, only_share ? "gather-share" : "gather-all");
	if (only_share && most > seller->waiting_count / 2)
		most = seller->waiting_count / 2;
	while (n < most && seller->waiting_count > 0)
		orders[n++] = take_waiting(seller);
	return n;
}

static void
env_give_back(void *arg, struct order **orders, size_t count)
{
	struct seller *seller = arg;

	if (count > 0)
		tell(seller, "give-back");
	memmove(seller->waiting + count, seller->waiting,
	    seller->waiting_count * sizeof(seller->waiting[0]));
	memcpy(seller->waiting, orders, count * sizeof(orders[0]));
	seller->waiting_count += count;
}

static void
env_answer(void *arg, struct order *order)
{
	tell(arg, order->buyer);
}

/* -------------------------------------------------------------- fixture -- */

static struct seller *
seller_new(struct hall *hall, unsigned clerk)
{
	struct seller *seller = calloc(1, sizeof(*seller));

	assert_non_null(seller);
	seller->hall = hall;
	seller->env = (struct sell_env){.arg = seller,
	    .now_ns = env_now_ns,
	    .wall_ms = env_wall_ms,
	    .pause_ns = env_pause_ns,
	    .random = env_random,
	    .step = env_step,
	    .gather = env_gather,
	    .give_back = env_give_back,
	    .answer = env_answer};
	seller->desk.env = &seller->env;
	seller->desk.counting = &hall->counting;
	seller->desk.worker = 1;
	seller->desk.clerk = clerk;
	seller->desk.batch_most = 64;
	return seller;
}

/* By the thread that will use the desk.  False: an error. */
static bool
sit_down(struct seller *seller)
{
	struct fixture *f = &seller->hall->f;
	char error[256];

	seller->desk.locks = locks_attach(f->locks, 0, seller->desk.clerk - 1);
	seller->desk.store = store_open(f->store, error, sizeof(error));
	seller->attached =
	    seller->desk.locks != NULL && seller->desk.store != NULL;
	return seller->attached;
}

static void
stand_up(struct seller *seller)
{
	locks_detach(seller->desk.locks);
	store_close(seller->desk.store);
	seller->desk.locks = NULL;
	seller->desk.store = NULL;
}

static int
setup(void **state)
{
	struct hall *hall = calloc(1, sizeof(*hall));

	assert_non_null(hall);
	fixture_start(&hall->f, *state);
	*state = hall;
	atomic_store(&hall->now_ns, NS_PER_MS);
	hall->patch_delay_ms = -1;
	hall->one = seller_new(hall, 1);
	hall->two = seller_new(hall, 2);
	hall->one->other = hall->two;
	hall->two->other = hall->one;
	assert_true(sit_down(hall->one));
	assert_true(sit_down(hall->two));
	memset(&disk, 0, sizeof(disk));
	disk.hall = hall;
	return 0;
}

static int
teardown(void **state)
{
	struct hall *hall = *state;
	size_t i;

	memset(&disk, 0, sizeof(disk));
	stand_up(hall->one);
	stand_up(hall->two);
	free(hall->one);
	free(hall->two);
	for (i = 0; i < hall->order_count; i++)
		free(hall->orders[i].replayed_trail);
	fixture_stop(&hall->f);
	free(hall);
	return 0;
}

/* Open another sale, which the orders that follow are for. */
static void
open_sale(struct hall *hall, int64_t capacity, const char *lock)
{
	snprintf(hall->sale, sizeof(hall->sale), "sale-%u", ++hall->sales);
	create_sale(&hall->f, hall->sale, capacity, lock);
}

static void
set_delay(struct hall *hall, int64_t min_ms, int64_t max_ms)
{
	configure_sale(&hall->f, hall->sale, NULL, min_ms, max_ms);
}

/* An order that arrives now. */
static struct order *
order_of(struct hall *hall, const char *buyer, int64_t quantity)
{
	struct order *order = &hall->orders[hall->order_count++];
	const int64_t now =
	    hall->real ? clock_now_ns() : atomic_load(&hall->now_ns);

	assert_true(hall->order_count <= ORDERS_MAX);
	snprintf(order->sale, sizeof(order->sale), "%s", hall->sale);
	snprintf(order->buyer, sizeof(order->buyer), "%s", buyer);
	order->quantity = quantity;
	order->deadline_ns = now + (hall->real ? HUNG : TIMEOUT_NS);
	trail_add(&order->trail, STEP_QUEUED, now);
	return order;
}

static struct order *
order_with_key(
    struct hall *hall, const char *buyer, int64_t quantity, const char *key)
{
	struct order *order = order_of(hall, buyer, quantity);

	snprintf(order->key, sizeof(order->key), "%s", key);
	return order;
}

/* One that wants the sale to be as it is now. */
static struct order *
order_if_match(struct hall *hall, const char *buyer)
{
	struct order *order = order_of(hall, buyer, 1);
	const struct store_state state = state_of(&hall->f, hall->sale);

	order->has_if_match = true;
	order->match_epoch = state.epoch;
	order->match_version = state.version;
	return order;
}

/* It waits in the seller's queue. */
static struct order *
queue_up(struct seller *seller, struct order *order)
{
	assert_true(seller->waiting_count < WAITING_MAX);
	seller->waiting[seller->waiting_count++] = order;
	return order;
}

static void
before(struct seller *seller, enum step step, unsigned times, deed_fn *deed)
{
	assert_true(seller->script_count < SCRIPT_MAX);
	seller->script[seller->script_count].step = step;
	seller->script[seller->script_count].times = times;
	seller->script[seller->script_count++].deed = deed;
}

/* A new story. */
static void
sell_to(struct seller *seller, struct order *order)
{
	seller->story_length = 0;
	seller->story[0] = '\0';
	sell(&seller->desk, order);
}

/* --------------------------------------------------------- what is seen -- */

/* A line of a ledger, as far as tests look. */
struct line {
	int64_t version, base;
	unsigned nth;
	int64_t seat, quantity, remaining;
	const char *buyer;
};

struct ledger {
	struct line lines[LINES_MAX];
	char buyers[LINES_MAX][ORDER_BUYER_SIZE];
	char orders[LINES_MAX][STORE_ORDER_SIZE];
	char locks[LINES_MAX][STORE_LOCK_SIZE];
	char last_trail[TRAIL_TEXT_SIZE];
	size_t count;
};

static bool
copy_line(const struct store_line *line, void *arg)
{
	struct ledger *ledger = arg;
	const size_t n = ledger->count++;

	assert_true(n < LINES_MAX);
	snprintf(
	    ledger->buyers[n], sizeof(ledger->buyers[n]), "%s", line->buyer);
	snprintf(
	    ledger->orders[n], sizeof(ledger->orders[n]), "%s", line->order);
	snprintf(ledger->locks[n], sizeof(ledger->locks[n]), "%s", line->lock);
	snprintf(
	    ledger->last_trail, sizeof(ledger->last_trail), "%s", line->trail);
	ledger->lines[n] = (struct line){.version = line->version,
	    .base = line->base,
	    .nth = line->nth,
	    .seat = line->seat,
	    .quantity = line->quantity,
	    .remaining = line->remaining,
	    .buyer = ledger->buyers[n]};
	return true;
}

/* The caller frees it. */
static struct ledger *
ledger_of(struct hall *hall)
{
	const struct store_state state = state_of(&hall->f, hall->sale);
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	assert_non_null(ledger);
	ok(store_each(hall->f.user, &state, 0, copy_line, ledger));
	return ledger;
}

static void
assert_ledger(struct hall *hall, const struct line *lines, size_t count)
{
	struct ledger *ledger = ledger_of(hall);
	size_t i;

	assert_int_equal(ledger->count, count);
	for (i = 0; i < count; i++) {
		const struct line *found = &ledger->lines[i];

		assert_int_equal(found->version, lines[i].version);
		assert_int_equal(found->base, lines[i].base);
		assert_int_equal(found->nth, lines[i].nth);
		assert_int_equal(found->seat, lines[i].seat);
		assert_int_equal(found->quantity, lines[i].quantity);
		assert_int_equal(found->remaining, lines[i].remaining);
		assert_string_equal(found->buyer, lines[i].buyer);
	}
	free(ledger);
}

#define ASSERT_LEDGER(hall, ...)                                               \
	assert_ledger((hall), (const struct line[]){__VA_ARGS__},              \
	    sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

static int64_t
version_of(struct hall *hall)
{
	return state_of(&hall->f, hall->sale).version;
}

static void
assert_trail(const struct order *order, const char *steps)
{
	char text[STORY_SIZE] = "";
	size_t i, n = 0;

	for (i = 0; i < trail_length(&order->trail); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i > 0 ? " " : "",
		    trail_step_name(trail_at(&order->trail, i)->step));
	assert_string_equal(text, steps);
}

/* The last step of that kind saw or wrote this. */
static void
assert_noted(const struct order *order, enum step step, int64_t remaining,
    int64_t version)
{
	const struct trail_step *found = NULL;
	size_t i;

	for (i = 0; i < trail_length(&order->trail); i++)
		if (trail_at(&order->trail, i)->step == step)
			found = trail_at(&order->trail, i);
	assert_non_null(found);
	assert_int_equal(found->remaining, remaining);
	assert_int_equal(found->version, version);
}

static void
assert_sold(const struct order *order, int64_t seat)
{
	assert_int_equal(order->outcome, OUTCOME_SOLD);
	assert_int_equal(order->receipt.seat, seat);
	assert_string_equal(order->receipt.buyer, order->buyer);
	assert_int_equal(order->receipt.quantity, order->quantity);
	assert_string_equal(order->error, "");
}

static struct lock_strategy
strategy_of(const char *lock)
{
	struct lock_strategy strategy;

	assert_true(lock_parse(lock, &strategy));
	return strategy;
}

static bool
holds(const char *lock)
{
	return lock_facts(strategy_of(lock)).holds;
}

static bool
shares(const char *lock)
{
	return !lock_facts(strategy_of(lock)).excludes_threads;
}

static uint64_t
answered(struct hall *hall, enum outcome outcome, const char *lock)
{
	const unsigned row = counting_row(strategy_of(lock));

	return atomic_load(&hall->counting.orders[outcome][row]);
}

/* What a turn under the lock begins and ends with. */
static const char *
turn_begins(const char *lock)
{
	return holds(lock) ? "wait lock " : "";
}

static const char *
turn_ends(const char *lock)
{
	return holds(lock) ? " unlock" : "";
}

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

static void
buy_one(struct hall *hall, const char *lock)
{
	struct order *alice;
	char steps[256];

	open_sale(hall, 10, lock);
	alice = order_of(hall, "alice", 2);
	sell_to(hall->one, alice);
	assert_sold(alice, 1);

	snprintf(steps, sizeof(steps), "%sgather-%s read write commit%s alice",
	    turn_begins(lock), shares(lock) ? "share" : "all", turn_ends(lock));
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
	size_t i;

	open_sale(hall, 10, "mutex");
	sell_to(hall->one, order_of(hall, "zoe", 3));
	alice = order_of(hall, "alice", 2);
	sell_to(hall->two, alice);
	ledger = ledger_of(hall);
	assert_int_equal(ledger->count, 2);
	assert_string_equal(alice->receipt.order, ledger->orders[1]);
	assert_string_not_equal(ledger->orders[0], ledger->orders[1]);
	assert_int_equal(strlen(alice->receipt.order), 32);
	for (i = 0; i < 32; i++)
		assert_non_null(
		    strchr("0123456789abcdef", alice->receipt.order[i]));
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

/* The other desk serves bob, from its first step to its last. */
static void
other_sells(struct seller *seller)
{
	sell_to(seller->other, order_of(seller->hall, "bob", 1));
}

static const struct order *
last_order(struct hall *hall)
{
	return &hall->orders[hall->order_count - 1];
}

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
	    "gather-share read write conflict pause "
	    "gather-share read write commit alice");
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
		assert_true(last_order(hall)->state.birth == 0);
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
	    {2, 1, 1, 2, 1, 2, "bob"}, {3, 2, 1, 3, 1, 1, "bob2"});
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
	sell_to(hall->one, alice);
	assert_string_equal(hall->one->story,
	    "wait lock read delay pause write commit unlock alice");
	assert_int_equal(hall->one->waiting_count, 1);
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

static void
patch(struct seller *seller)
{
	struct hall *hall = seller->hall;

	configure_sale(&hall->f, hall->sale, hall->patch_lock,
	    hall->patch_delay_ms, hall->patch_delay_ms);
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
	    "wait lock gather-all read write switch unlock pause "
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

/* The first back-offs: from none to 0.1 ms, 0.2 ms, 0.4 ms … 5 ms. */
static void
assert_backs_off(const struct seller *seller)
{
	int64_t most_ns = 100 * NS_PER_US, longest_ns = 0;
	unsigned i;

	for (i = 0; i < PAUSES_MAX; i++, most_ns *= 2) {
		if (most_ns > 5 * NS_PER_MS)
			most_ns = 5 * NS_PER_MS;
		assert_in_range(seller->pause_ns[i], 0, most_ns);
		if (i == 6)
			assert_in_range(longest_ns, NS_PER_MS / 4, most_ns);
		if (seller->pause_ns[i] > longest_ns)
			longest_ns = seller->pause_ns[i];
	}
	assert_in_range(longest_ns, 3 * NS_PER_MS, most_ns);
}

/* Every write is beaten by another: at the deadline it is told so. */
static void
test_conflicts(void **state)
{
	struct hall *hall = *state;
	struct order *alice, *carol;

	open_sale(hall, 1000, "optimistic");
	alice = order_of(hall, "alice", 1);
	alice->deadline_ns += 200 * NS_PER_MS;
	before(hall->one, STEP_WRITE, UINT32_MAX, other_sells);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_CONFLICTS);
	assert_in_range(hall->one->pauses, PAUSES_MAX, 100);
	assert_backs_off(hall->one);
	assert_int_equal(version_of(hall), hall->one->pauses);
	hall->one->script_count = 0;
	carol = order_of(hall, "carol", 1);
	sell_to(hall->one, carol);
	assert_sold(carol, hall->one->pauses + 1);
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
	carol->deadline_ns += NS_PER_SEC;
	before(hall->one, STEP_WRITE, 12, other_sells);
	sell_to(hall->one, alice);
	assert_int_equal(alice->outcome, OUTCOME_CONFLICTS);
	assert_sold(carol, 13);
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
other_sells_key(struct seller *seller)
{
	sell_to(seller->other, order_with_key(seller->hall, "alice", 1, "k"));
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

/* ----------------------------------------------------------------- main -- */

#define ROW(function, store)                                                   \
	{                                                                      \
#function, function, setup, teardown, store                    \
	}

static int
run_over(char *kind)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_buy_one, kind),
	    ROW(test_receipt, kind),
	    ROW(test_trail_in_ledger, kind),
	    ROW(test_overtaken_none, kind),
	    ROW(test_overtaken_three_permits, kind),
	    ROW(test_overtaken_optimistic, kind),
	    ROW(test_overtaken_excluding, kind),
	    ROW(test_threads_oversell, kind),
	    ROW(test_threads_optimistic, kind),
	    ROW(test_threads_exclude, kind),
	    ROW(test_batch, kind),
	    ROW(test_batch_most, kind),
	    ROW(test_batch_share, kind),
	    ROW(test_batch_with_refusals, kind),
	    ROW(test_batch_decided_again, kind),
	    ROW(test_refusal_decided_again, kind),
	    ROW(test_refusals, kind),
	    ROW(test_no_sale, kind),
	    ROW(test_strange_strategy, kind),
	    ROW(test_delay, kind),
	    ROW(test_delay_under_all, kind),
	    ROW(test_delay_range, kind),
	    ROW(test_delay_not_held, kind),
	    ROW(test_delay_gives_back, kind),
	    ROW(test_patch_between, kind),
	    ROW(test_patch_before_read, kind),
	    ROW(test_removed_between, kind),
	    ROW(test_failed_sync, kind),
	    ROW(test_full_disk, kind),
	    ROW(test_failed_lock, kind),
	    ROW(test_inherited_lock, kind),
	    ROW(test_queue_timeout, kind),
	    ROW(test_lock_timeout, kind),
	    ROW(test_conflicts, kind),
	    ROW(test_conflicts_of_one, kind),
	    ROW(test_store_busy, kind),
	    ROW(test_same_key_in_batch, kind),
	    ROW(test_replay, kind),
	    ROW(test_refusal_is_not_kept, kind),
	    ROW(test_same_key_overtaken, kind),
	    ROW(test_if_match, kind),
	    ROW(test_if_match_in_batch, kind),
	    ROW(test_if_match_sold_out, kind),
	    ROW(test_if_match_overtaken, kind),
	};

	print_message("The store %s:\n", kind);
	return cmocka_run_group_tests_name(kind, tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	static char json[] = "json", sqlite[] = "sqlite";
	const struct CMUnitTest pure[] = {cmocka_unit_test(test_seats_take)};
	int failed = 0;

	alarm(ALARM_S);
	if (argc > 1) /* only those whose name matches, * and ? allowed */
		cmocka_set_test_filter(argv[1]);
	failed += cmocka_run_group_tests_name("seats", pure, NULL, NULL);
	failed += run_over(json);
	failed += run_over(sqlite);
	return failed;
}
