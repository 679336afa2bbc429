/* SPDX-License-Identifier: BSD-2-Clause */
/* Two desks, a clock that is looked at, and a disk that fails when told to. */
#include "tests/unit/hall.h"

#include <sys/syscall.h>

#include <errno.h>

#include "service/splitmix.h"

const char *const all_locks[LOCKS] = {"none", "mutex-private", "flock", "mutex",
    "semaphore", "semaphore:3", "spin", "ticket", "rwlock", "optimistic"};

/* ------------------------------------------------------------- the disk -- */

struct disk disk;

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

ssize_t
pread(int fd, void *data, size_t size, off_t at)
{
	if (disk.read_error != 0) {
		errno = disk.read_error;
		disk.read_error = 0;
		return -1;
	}
	return syscall(SYS_pread64, fd, data, size, at);
}

ssize_t
pread64(int fd, void *data, size_t size, off64_t at)
{
	return pread(fd, data, size, at);
}

/* ------------------------------------------------------ the environment -- */

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

	if (!seller->pausing) {
		tell(seller, "pause");
		seller->pauses++;
	}
	seller->pausing = true; /* a long pause comes in slices */
	seller->paused_ns += ns;
	if (!seller->hall->real)
		atomic_fetch_add(&seller->hall->now_ns, ns);
	if (seller->in_pause != NULL)
		seller->in_pause(seller);
}

/* Numbers without a pattern, the same in every run . */
static uint64_t
env_random(void *arg)
{
	struct seller *seller = arg;
	const uint64_t z =
	    ++seller->random + ((uint64_t)seller->desk.clerk << 32);

	if (seller->chance_is_fixed)
		return seller->chance;
	return splitmix_mix(z * SPLITMIX_STEP);
}

static void
env_step(void *arg, enum step step)
{
	struct seller *seller = arg;
	size_t i;

	seller->pausing = false;
	tell(seller, trail_step_name(step));
	for (i = 0; i < seller->script_count; i++)
		if (seller->script[i].step == step &&
		    seller->script[i].times > 0) {
			seller->script[i].times--;
			seller->script[i].deed(seller);
		}
}

struct order *
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
env_claim(void *arg, bool alone)
{
	struct seller *seller = arg;

	seller->alone = alone;
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
env_answer(void *arg, struct order *const *orders, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		tell(arg, orders[i]->buyer);
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
	    .claim = env_claim,
	    .give_back = env_give_back,
	    .answer = env_answer};
	seller->desk.env = &seller->env;
	seller->desk.counting = &hall->counting;
	seller->desk.inside = &hall->inside;
	seller->desk.worker = 1;
	seller->desk.clerk = clerk;
	seller->desk.batch_most = 64;
	return seller;
}

bool
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

void
stand_up(struct seller *seller)
{
	locks_detach(seller->desk.locks);
	store_close(seller->desk.store);
	seller->desk.locks = NULL;
	seller->desk.store = NULL;
}

int
hall_setup(void **state)
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

int
hall_teardown(void **state)
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

void
open_sale(struct hall *hall, int64_t capacity, const char *lock)
{
	snprintf(hall->sale, sizeof(hall->sale), "sale-%u", ++hall->sales);
	create_sale(&hall->f, hall->sale, capacity, lock);
}

void
set_delay(struct hall *hall, int64_t min_ms, int64_t max_ms)
{
	configure_sale(&hall->f, hall->sale, NULL, min_ms, max_ms);
}

struct order *
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

struct order *
order_with_key(
    struct hall *hall, const char *buyer, int64_t quantity, const char *key)
{
	struct order *order = order_of(hall, buyer, quantity);

	snprintf(order->key, sizeof(order->key), "%s", key);
	return order;
}

struct order *
order_if_match(struct hall *hall, const char *buyer)
{
	struct order *order = order_of(hall, buyer, 1);
	const struct store_state state = state_of(&hall->f, hall->sale);

	order->has_if_match = true;
	order->match_epoch = state.epoch;
	order->match_version = state.version;
	return order;
}

struct order *
queue_up(struct seller *seller, struct order *order)
{
	assert_true(seller->waiting_count < WAITING_MAX);
	seller->waiting[seller->waiting_count++] = order;
	return order;
}

void
before(struct seller *seller, enum step step, unsigned times, deed_fn *deed)
{
	assert_true(seller->script_count < SCRIPT_MAX);
	seller->script[seller->script_count].step = step;
	seller->script[seller->script_count].times = times;
	seller->script[seller->script_count++].deed = deed;
}

void
sell_to(struct seller *seller, struct order *order)
{
	seller->story_length = 0;
	seller->story[0] = '\0';
	sell(&seller->desk, order);
}

/* --------------------------------------------------------- what is seen -- */

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

struct ledger *
ledger_of(struct hall *hall)
{
	const struct store_state state = state_of(&hall->f, hall->sale);
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	assert_non_null(ledger);
	ok(store_each(hall->f.user, &state, 0, copy_line, ledger));
	return ledger;
}

void
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

int64_t
version_of(struct hall *hall)
{
	return state_of(&hall->f, hall->sale).version;
}

void
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

void
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

void
assert_sold(const struct order *order, int64_t seat)
{
	assert_int_equal(order->outcome, OUTCOME_SOLD);
	assert_int_equal(order->receipt.seat, seat);
	assert_string_equal(order->receipt.buyer, order->buyer);
	assert_int_equal(order->receipt.quantity, order->quantity);
	assert_string_equal(order->error, "");
}

struct lock_strategy
strategy_of(const char *lock)
{
	struct lock_strategy strategy;

	assert_true(lock_parse(lock, &strategy));
	return strategy;
}

bool
holds(const char *lock)
{
	return lock_facts(strategy_of(lock)).holds;
}

bool
shares(const char *lock)
{
	return !lock_facts(strategy_of(lock)).excludes_threads;
}

uint64_t
answered(struct hall *hall, enum outcome outcome, const char *lock)
{
	const unsigned row = counting_row(strategy_of(lock));

	return atomic_load(&hall->counting.orders[outcome][row]);
}

const char *
turn_begins(const char *lock)
{
	return holds(lock) ? "wait lock " : "";
}

const char *
turn_ends(const char *lock)
{
	return holds(lock) ? " unlock" : "";
}

/* ---------------------------------------------------------------- deeds -- */

void
other_sells(struct seller *seller)
{
	sell_to(seller->other, order_of(seller->hall, "bob", 1));
}

const struct order *
last_order(struct hall *hall)
{
	return &hall->orders[hall->order_count - 1];
}

void
patch(struct seller *seller)
{
	struct hall *hall = seller->hall;

	configure_sale(&hall->f, hall->sale, hall->patch_lock,
	    hall->patch_delay_ms, hall->patch_delay_ms);
}

/* ------------------------------------------------------------------ run -- */

int
hall_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	alarm(ALARM_S);
	return run_over_stores(argc, argv, NULL, tests, count);
}

int
hall_run_local(
    int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	alarm(ALARM_S);
	return run_over_local_stores(argc, argv, tests, count);
}
