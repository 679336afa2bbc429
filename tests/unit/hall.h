/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hall: the real sell(), over real stores and real locks, in an
 * environment of the test's own: its clock, its chance, its queue, its disk.
 * Interleavings are arranged: what the second clerk does, it does from inside
 * a step of the first, or on a thread that meets the other there.  Each desk
 * tells its story, step by step, as one line of words.
 *
 * A program that uses it is also the disk: it has its own write and fsync.
 */
#ifndef HALL_H
#define HALL_H

#include <pthread.h>
#include <stdatomic.h>

#include "service/sale/sell.h"
#include "tests/unit/fixture.h"

#define ORDERS_MAX 256
#define WAITING_MAX 16
#define SCRIPT_MAX 4
#define LINES_MAX 128
#define STORY_SIZE 8192

#define TICK_NS (10 * NS_PER_US) /* what a look at the clock takes */
#define TIMEOUT_NS (10 * NS_PER_MS)
#define WALL_MS INT64_C(1795237200123)

#define ALARM_S 120                /* nothing may hang */
#define HUNG (10 * NS_PER_SEC)     /* ends a wait that should have ended */
#define INTRUSION (20 * NS_PER_MS) /* long enough for an intruder to get in */

/* Every strategy, and one that lets three in. */
extern const char *const all_locks[];
#define LOCKS 10

/* This program is also the disk; set only while there is one thread. */
struct disk {
	int sync_error;              /* of the next sync, 0: none */
	int write_error;             /* of every write, 0: none */
	int read_error;              /* of the next read, 0: none */
	void (*in_sync)(void *hall); /* called by the next sync */
	void *hall;
};
extern struct disk disk;

struct seller;
typedef void deed_fn(struct seller *seller);

/* A desk with its clerk, and the environment of both. */
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
	uint64_t random;   /* how often chance was asked */
	deed_fn *in_pause; /* what happens in each pause; NULL: nothing */
	bool chance_is_fixed;
	uint64_t chance;

	/* What it did. */
	char story[STORY_SIZE];
	size_t story_length;
	unsigned pauses;
	bool pausing;
	bool alone; /* at its sale: it said so, last */
	int64_t paused_ns;

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
	struct inside inside;
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

int hall_setup(void **state);
int hall_teardown(void **state);

#define HALL_TEST(function)                                                    \
	{                                                                      \
#function, function, hall_setup, hall_teardown, NULL           \
	}

/* For main(): run_over_stores(), over each. */
int hall_run(
    int argc, char **argv, const struct CMUnitTest *tests, size_t count);

/* The same over each store whose disk is the test's. */
int hall_run_local(
    int argc, char **argv, const struct CMUnitTest *tests, size_t count);

/* By the thread that will use the desk.  False: an error. */
bool sit_down(struct seller *seller);
void stand_up(struct seller *seller);

/* Open another sale, which the orders that follow are for. */
void open_sale(struct hall *hall, int64_t capacity, const char *lock);
void set_delay(struct hall *hall, int64_t min_ms, int64_t max_ms);

/* An order that arrives now. */
struct order *order_of(struct hall *hall, const char *buyer, int64_t quantity);
struct order *order_with_key(
    struct hall *hall, const char *buyer, int64_t quantity, const char *key);

/* One that wants the sale to be as it is now. */
struct order *order_if_match(struct hall *hall, const char *buyer);

/* It waits in the seller's queue. */
struct order *queue_up(struct seller *seller, struct order *order);

/* The first one leaves the queue. */
struct order *take_waiting(struct seller *seller);

/* Do `deed` just before the step, so many times. */
void before(
    struct seller *seller, enum step step, unsigned times, deed_fn *deed);

/* A new story. */
void sell_to(struct seller *seller, struct order *order);

/* The caller frees it. */
struct ledger *ledger_of(struct hall *hall);

void assert_ledger(struct hall *hall, const struct line *lines, size_t count);
int64_t version_of(struct hall *hall);

void assert_trail(const struct order *order, const char *steps);

/* The last step of that kind saw or wrote this. */
void assert_noted(const struct order *order, enum step step, int64_t remaining,
    int64_t version);

void assert_sold(const struct order *order, int64_t seat);

struct lock_strategy strategy_of(const char *lock);
bool holds(const char *lock);
bool shares(const char *lock);

uint64_t answered(struct hall *hall, enum outcome outcome, const char *lock);

/* What a turn under the lock begins and ends with. */
const char *turn_begins(const char *lock);
const char *turn_ends(const char *lock);

/* The other desk serves bob, from its first step to its last. */
void other_sells(struct seller *seller);
const struct order *last_order(struct hall *hall);

/* As PATCH does: hall->patch_lock and hall->patch_delay_ms. */
void patch(struct seller *seller);

#define ASSERT_LEDGER(hall, ...)                                               \
	assert_ledger((hall), (const struct line[]){__VA_ARGS__},              \
	    sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

#endif
