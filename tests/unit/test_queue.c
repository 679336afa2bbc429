/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of one worker: its order, its bound, its shares, its end. */
#include "service/sale/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "locks/clock.h"

#define MOST 8
#define POPPERS 4
#define BUSY_ORDERS 2000
#define SOON (15 * NS_PER_MS) /* sooner than the queue looks again */
#define ALARM_S 60            /* nothing may hang */

struct scene {
	struct queue *queue;
	struct order orders[3 * MOST];
	size_t made;
};

static int
setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene->queue = queue_new(MOST, POPPERS);
	assert_non_null(scene->queue);
	*state = scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;

	queue_free(scene->queue);
	free(scene);
	return 0;
}

static struct order *
order_for(struct scene *scene, const char *sale)
{
	struct order *order = &scene->orders[scene->made++];

	assert_true(scene->made <= 3 * MOST);
	snprintf(order->sale, sizeof(order->sale), "%s", sale);
	snprintf(order->buyer, sizeof(order->buyer), "%zu", scene->made);
	return order;
}

/* One order for each letter, for the sale of that name. */
static void
push(struct scene *scene, const char *sales)
{
	char sale[2] = "";

	for (; *sales != '\0'; sales++) {
		sale[0] = *sales;
		assert_true(queue_push(scene->queue, order_for(scene, sale)));
	}
	queue_call_clerks(scene->queue);
}

/* What waits, as the numbers of its orders; it is empty after it. */
static void
assert_waiting(struct scene *scene, const char *numbers)
{
	char text[256] = "";
	size_t n = 0;

	while (queue_length(scene->queue) > 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    n > 0 ? " " : "", queue_pop(scene->queue, 0)->buyer);
	assert_string_equal(text, numbers);
}

/* Take orders of one sale: how many, and their numbers. */
static void
assert_taken(struct scene *scene, const char *sale, size_t share, size_t most,
    const char *numbers)
{
	struct order *orders[3 * MOST];
	char text[256] = "";
	size_t i, n = 0;
	const size_t taken =
	    queue_take(scene->queue, sale, share, orders, most);

	for (i = 0; i < taken; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i > 0 ? " " : "", orders[i]->buyer);
	assert_string_equal(text, numbers);
}

static void
test_first_in_first_out(void **state)
{
	struct scene *scene = *state;

	push(scene, "abcab");
	assert_int_equal(queue_length(scene->queue), 5);
	assert_waiting(scene, "1 2 3 4 5");
	push(scene, "ab");
	assert_waiting(scene, "6 7");
}

static void
test_bound(void **state)
{
	struct scene *scene = *state;
	struct order *late = order_for(scene, "a");

	push(scene, "aaaaaaaa");
	assert_false(queue_push(scene->queue, late));
	assert_int_equal(queue_length(scene->queue), MOST);
	assert_string_equal(queue_pop(scene->queue, 0)->buyer, "2");
	assert_true(queue_push(scene->queue, late));
	assert_false(queue_push(scene->queue, order_for(scene, "a")));
	assert_waiting(scene, "3 4 5 6 7 8 9 1");
}

static void
test_take_by_sale(void **state)
{
	struct scene *scene = *state;

	push(scene, "abaabb");
	assert_taken(scene, "a", 0, 2, "1 3");
	assert_int_equal(queue_length(scene->queue), 4);
	assert_taken(scene, "a", 0, 10, "4");
	assert_taken(scene, "a", 0, 10, "");
	assert_taken(scene, "c", 0, 10, "");
	assert_taken(scene, "b", 0, 0, "");
	assert_waiting(scene, "2 5 6");
	assert_taken(scene, "a", 0, 10, "");
}

/* A share is one of so many parts of all that waits. */
static void
test_take_share(void **state)
{
	struct scene *scene = *state;

	push(scene, "aabbaaaa");
	assert_taken(scene, "a", 4, 10, "1 2"); /* of 8 */
	assert_taken(scene, "a", 4, 10, "5");   /* of 6 */
	assert_taken(scene, "a", 2, 1, "6");
	assert_taken(scene, "a", 8, 10, ""); /* of 4 */
	assert_taken(scene, "a", 1, 10, "7 8");
	assert_waiting(scene, "3 4");
}

static void
test_give_back(void **state)
{
	struct scene *scene = *state;
	struct order *orders[3];

	push(scene, "aabaa");
	assert_int_equal(queue_take(scene->queue, "a", 0, orders, 3), 3);
	queue_give_back(scene->queue, orders, 3);
	assert_int_equal(queue_length(scene->queue), 5);
	assert_waiting(scene, "1 2 4 3 5");
	queue_give_back(scene->queue, orders, 0);
	assert_int_equal(queue_length(scene->queue), 0);
}

/* What was in may come back, whatever happened meanwhile. */
static void
test_give_back_when_full(void **state)
{
	struct scene *scene = *state;
	struct order *first;

	push(scene, "abbbbbbb");
	first = queue_pop(scene->queue, 0);
	push(scene, "c");
	queue_close(scene->queue);
	queue_give_back(scene->queue, &first, 1);
	assert_int_equal(queue_length(scene->queue), MOST + 1);
	assert_waiting(scene, "1 2 3 4 5 6 7 8 9");
	assert_null(queue_pop(scene->queue, 0));
}

static void
test_close(void **state)
{
	struct scene *scene = *state;

	assert_false(queue_is_closed(scene->queue));
	push(scene, "aba");
	queue_close(scene->queue);
	assert_true(queue_is_closed(scene->queue));
	assert_false(queue_push(scene->queue, order_for(scene, "a")));
	assert_taken(scene, "a", 0, 1, "1");
	assert_waiting(scene, "2 3");
	assert_null(queue_pop(scene->queue, 0));
	assert_null(queue_pop(scene->queue, 0));
}

/* ------------------------------------------------- sales among themselves --
 */

/* POPPERS clerks are at sale a; the next one passes over a's orders. */
static void
test_full_sale_is_passed_over(void **state)
{
	struct scene *scene = *state;
	unsigned i;

	push(scene, "aaaaaba");
	for (i = 0; i < POPPERS; i++)
		assert_string_equal(queue_pop(scene->queue, i)->sale, "a");
	assert_string_equal(queue_pop(scene->queue, POPPERS)->buyer, "6");
	/* Whoever comes back leaves a place behind. */
	assert_string_equal(queue_pop(scene->queue, 0)->buyer, "5");
	assert_int_equal(queue_length(scene->queue), 1);
}

/* Who is alone at a sale keeps its orders from the others, and no other's. */
static void
test_alone(void **state)
{
	struct scene *scene = *state;

	push(scene, "aaabaa");
	queue_pop(scene->queue, 0);
	queue_claim(scene->queue, 0, true);
	assert_string_equal(queue_pop(scene->queue, 1)->buyer, "4");
	assert_false(queue_needs_clerk(scene->queue, INT64_MAX));
	/* It is, as long as it is there. */
	assert_string_equal(queue_pop(scene->queue, 0)->buyer, "2");
	assert_false(queue_needs_clerk(scene->queue, INT64_MAX));
	queue_claim(scene->queue, 0, false);
	assert_true(queue_needs_clerk(scene->queue, INT64_MAX));
	assert_string_equal(queue_pop(scene->queue, 1)->buyer, "3");
}

/* At another sale it is as everybody, and so it is when it comes back. */
static void
test_alone_no_more(void **state)
{
	struct scene *scene = *state;

	push(scene, "abaaa");
	queue_pop(scene->queue, 0);
	queue_claim(scene->queue, 0, true);
	assert_string_equal(queue_pop(scene->queue, 0)->sale, "b");
	assert_true(queue_needs_clerk(scene->queue, INT64_MAX));
	assert_string_equal(queue_pop(scene->queue, 0)->sale, "a");
	assert_true(queue_needs_clerk(scene->queue, INT64_MAX));
}

static void
test_needs_clerk(void **state)
{
	struct scene *scene = *state;
	unsigned i;

	assert_false(queue_needs_clerk(scene->queue, INT64_MAX));
	push(scene, "aaaaa");
	for (i = 0; i < POPPERS; i++)
		queue_pop(scene->queue, i);
	/* What waits is for a full sale: a further clerk could not take it. */
	assert_false(queue_needs_clerk(scene->queue, INT64_MAX));
	push(scene, "b");
	assert_true(queue_needs_clerk(scene->queue, clock_now_ns()));
	assert_false(
	    queue_needs_clerk(scene->queue, clock_now_ns() - NS_PER_SEC));
}

static void
test_take_late(void **state)
{
	struct scene *scene = *state;
	struct order_list late = TAILQ_HEAD_INITIALIZER(late);
	size_t i;

	assert_true(queue_take_late(scene->queue, 0, &late) == INT64_MAX);
	push(scene, "abc");
	for (i = 0; i < 3; i++)
		scene->orders[i].deadline_ns = (int64_t)i * 10;
	assert_int_equal(queue_take_late(scene->queue, 10, &late), 20);
	assert_string_equal(TAILQ_FIRST(&late)->buyer, "1");
	assert_string_equal(TAILQ_NEXT(TAILQ_FIRST(&late), link)->buyer, "2");
	assert_waiting(scene, "3");
}

/* ------------------------------------------------------------- threads -- */

struct popper {
	struct queue *queue;
	unsigned number;
	pthread_t thread;
	_Atomic pid_t tid; /* 0: it does not run yet */
	unsigned count;
	int64_t last_ns; /* when the last order was had */
};

static void *
run_popper(void *arg)
{
	struct popper *popper = arg;

	atomic_store(&popper->tid, gettid());
	while (queue_pop(popper->queue, popper->number) != NULL) {
		popper->last_ns = clock_now_ns();
		popper->count++;
	}
	return NULL;
}

static void
start_poppers(struct scene *scene, struct popper poppers[POPPERS])
{
	size_t i;

	for (i = 0; i < POPPERS; i++) {
		poppers[i] = (struct popper){
		    .queue = scene->queue, .number = (unsigned)i};
		assert_int_equal(pthread_create(&poppers[i].thread, NULL,
				     run_popper, &poppers[i]),
		    0);
	}
}

static unsigned
join_poppers(struct popper poppers[POPPERS])
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < POPPERS; i++) {
		pthread_join(poppers[i].thread, NULL);
		count += poppers[i].count;
	}
	return count;
}

/* Give the poppers time to fall asleep. */
static void
settle(void)
{
	clock_sleep_until(clock_now_ns() + 20 * NS_PER_MS);
}

/* It waits for an order. */
static void
await_asleep(const struct popper *popper)
{
	char path[64], line[256] = "";
	const char *state = NULL;
	FILE *file;

	while (state == NULL || strncmp(state, ") S", 3) != 0) {
		clock_sleep_until(clock_now_ns() + NS_PER_MS);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		    (int)atomic_load(&popper->tid));
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(line, sizeof(line), file) != NULL)
			state = strrchr(line, ')');
		fclose(file);
	}
}

static _Atomic bool held, let_go;

/* Keeps the thread that hears the signal here; it waits for an order. */
static void
hold_it(int signal)
{
	(void)signal;
	atomic_store(&held, true);
	while (!atomic_load(&let_go))
		clock_sleep_until(clock_now_ns() + NS_PER_MS);
}

/* A clerk that is idle takes it as soon as it gets to run: no further one. */
static void
test_idle_clerk_is_enough(void **state)
{
	const struct sigaction action = {.sa_handler = hold_it};
	struct scene *scene = *state;
	struct popper popper = {.queue = scene->queue, .number = 0};
	unsigned i;

	for (i = 1; i < POPPERS; i++) {
		push(scene, "b");
		queue_pop(scene->queue, i);
	}
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(
	    pthread_create(&popper.thread, NULL, run_popper, &popper), 0);
	await_asleep(&popper);
	pthread_kill(popper.thread, SIGUSR1);
	while (!atomic_load(&held))
		clock_sleep_until(clock_now_ns() + NS_PER_MS);
	push(scene, "a");
	assert_false(queue_needs_clerk(scene->queue, INT64_MAX));
	atomic_store(&let_go, true);
	queue_close(scene->queue);
	pthread_join(popper.thread, NULL);
	assert_int_equal(popper.count, 1);
}

/* Woken by the close, not by looking again; a busy machine has three tries. */
static void
test_close_wakes(void **state)
{
	struct popper poppers[POPPERS];
	int64_t closed_ns, best = INT64_MAX;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct scene scene = {.queue = queue_new(MOST, POPPERS)};

		assert_non_null(scene.queue);
		start_poppers(&scene, poppers);
		settle();
		closed_ns = clock_now_ns();
		queue_close(scene.queue);
		assert_int_equal(join_poppers(poppers), 0);
		if (clock_now_ns() - closed_ns < best)
			best = clock_now_ns() - closed_ns;
		queue_free(scene.queue);
	}
	assert_in_range(best, 0, SOON);
}

/* How soon a clerk that waits has what comes in this way; the best of five. */
static int64_t
time_to_wake(struct scene *scene, void (*come)(struct scene *scene))
{
	struct popper popper = {.queue = scene->queue};
	int64_t came_ns, best = INT64_MAX;
	size_t i;

	assert_int_equal(
	    pthread_create(&popper.thread, NULL, run_popper, &popper), 0);
	for (i = 0; i < 5; i++) {
		settle();
		came_ns = clock_now_ns();
		come(scene);
		while (queue_length(scene->queue) > 0)
			clock_sleep_until(clock_now_ns() + NS_PER_MS / 10);
		if (clock_now_ns() - came_ns < best)
			best = clock_now_ns() - came_ns;
	}
	queue_close(scene->queue);
	pthread_join(popper.thread, NULL);
	assert_int_equal(popper.count, 5);
	return best;
}

static void
push_one(struct scene *scene)
{
	push(scene, "a");
}

static void
test_push_wakes(void **state)
{
	assert_in_range(time_to_wake(*state, push_one), 0, SOON);
}

static void
give_one_back(struct scene *scene)
{
	struct order *order = order_for(scene, "a");

	queue_give_back(scene->queue, &order, 1);
}

static void
test_give_back_wakes(void **state)
{
	assert_in_range(time_to_wake(*state, give_one_back), 0, SOON);
}

/* A clerk that is alone at the sale lets others come. */
static void
let_others_come(struct scene *scene)
{
	queue_claim(scene->queue, POPPERS - 1, true);
	push(scene, "a");
	queue_claim(scene->queue, POPPERS - 1, false);
}

static void
test_claim_wakes(void **state)
{
	struct scene *scene = *state;

	push(scene, "a");
	queue_pop(scene->queue, POPPERS - 1);
	assert_in_range(time_to_wake(scene, let_others_come), 0, SOON);
}

struct pusher {
	struct queue *queue;
	struct order *orders;
};

/* Push all, again and again where the queue is full. */
static void *
run_pusher(void *arg)
{
	struct pusher *pusher = arg;
	size_t i;

	for (i = 0; i < BUSY_ORDERS; i++)
		while (!queue_push(pusher->queue, &pusher->orders[i]))
			sched_yield();
	return NULL;
}

/* Every order is had once, by one. */
static void
test_busy(void **state)
{
	struct scene *scene = *state;
	struct popper poppers[POPPERS];
	struct pusher pushers[2];
	pthread_t threads[2];
	size_t i;

	start_poppers(scene, poppers);
	for (i = 0; i < 2; i++) {
		pushers[i].queue = scene->queue;
		pushers[i].orders = calloc(BUSY_ORDERS, sizeof(struct order));
		assert_non_null(pushers[i].orders);
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run_pusher, &pushers[i]),
		    0);
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	queue_close(scene->queue);
	assert_int_equal(join_poppers(poppers), 2 * BUSY_ORDERS);
	for (i = 0; i < 2; i++)
		free(pushers[i].orders);
}

/* Nobody was called; but who takes one order calls the next for the rest. */
static void
take_one_of_two(struct scene *scene)
{
	assert_true(queue_push(scene->queue, order_for(scene, "a")));
	assert_true(queue_push(scene->queue, order_for(scene, "b")));
	assert_non_null(queue_pop(scene->queue, POPPERS - 1));
}

static void
test_pop_calls_the_next(void **state)
{
	assert_in_range(time_to_wake(*state, take_one_of_two), 0, SOON);
}

/* Nobody was called for the first, who is gone before the second comes. */
static void
push_after_another_is_gone(struct scene *scene)
{
	struct order *gone = order_for(scene, "b"), *taken;

	assert_true(queue_push(scene->queue, gone));
	assert_int_equal(queue_take(scene->queue, "b", 0, &taken, 1), 1);
	*gone = (struct order){.sale = "z"};
	push(scene, "a");
}

static void
test_call_after_take(void **state)
{
	struct scene *scene = *state;

	push(scene, "z");
	queue_pop(scene->queue, POPPERS - 1);
	queue_claim(scene->queue, POPPERS - 1, true);
	assert_in_range(
	    time_to_wake(scene, push_after_another_is_gone), 0, SOON);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_first_in_first_out),
	    ROW(test_bound),
	    ROW(test_take_by_sale),
	    ROW(test_take_share),
	    ROW(test_give_back),
	    ROW(test_give_back_when_full),
	    ROW(test_close),
	    ROW(test_full_sale_is_passed_over),
	    ROW(test_alone),
	    ROW(test_alone_no_more),
	    ROW(test_needs_clerk),
	    ROW(test_take_late),
	    ROW(test_idle_clerk_is_enough),
	    ROW(test_close_wakes),
	    ROW(test_push_wakes),
	    ROW(test_give_back_wakes),
	    ROW(test_claim_wakes),
	    ROW(test_pop_calls_the_next),
	    ROW(test_call_after_take),
	    ROW(test_busy),
	};

	alarm(ALARM_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
