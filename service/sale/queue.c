/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list, a mutex, a condition; nothing clever.  Deadlines only rise from the
 * first order to the last: all have the same time from their arrival.
 */
#include "service/sale/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

/* glibc before 2.41 can lose a wake-up (bug 25847): look again. */
#define LOOK_AGAIN_NS (50 * NS_PER_MS)

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t not_empty;
	/* All below under `mutex`. */
	struct order_list list;
	struct order *fresh; /* the first that no clerk was called for */
	size_t length, most;
	bool closed;
	unsigned clerks_at_most; /* at one sale */
	unsigned clerks, idle;   /* that ever came; that wait */
	struct {
		char sale[STORE_ID_SIZE]; /* "": none */
		bool alone;
	} at[LOCK_CLERKS_MAX];
};

struct queue *
queue_new(size_t most, unsigned clerks)
{
	struct queue *queue;
	pthread_condattr_t attr;

	queue = calloc(1, sizeof(*queue));
	if (queue == NULL)
		return NULL;
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->not_empty, &attr);
	pthread_condattr_destroy(&attr);
	TAILQ_INIT(&queue->list);
	queue->most = most;
	queue->clerks_at_most = clerks;
	return queue;
}

void
queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	pthread_cond_destroy(&queue->not_empty);
	pthread_mutex_destroy(&queue->mutex);
	free(queue);
}

/* May another clerk come to the sale? */
static bool
has_room(const struct queue *queue, const char *sale)
{
	unsigned i, there = 0;

	for (i = 0; i < queue->clerks; i++) {
		if (queue->at[i].sale[0] == '\0' ||
		    strcmp(queue->at[i].sale, sale) != 0)
			continue;
		if (queue->at[i].alone)
			return false;
		there++;
	}
	return there < queue->clerks_at_most;
}

/* The first order from `order` on that another clerk may take; NULL: none. */
static struct order *
first_open(const struct queue *queue, struct order *order)
{
	const char *full = NULL; /* a sale without room, mostly the only one */

	for (; order != NULL; order = TAILQ_NEXT(order, link)) {
		if (full != NULL && strcmp(order->sale, full) == 0)
			continue;
		if (has_room(queue, order->sale))
			break;
		full = order->sale;
	}
	return order;
}

/* Who is not needed is not woken; whoever takes an order calls the next. */
static void
call_one(struct queue *queue, struct order *from)
{
	if (queue->idle > 0 && first_open(queue, from) != NULL)
		pthread_cond_signal(&queue->not_empty);
}

bool
queue_push(struct queue *queue, struct order *order)
{
	bool pushed = false;

	pthread_mutex_lock(&queue->mutex);
	if (!queue->closed && queue->length < queue->most) {
		order->queued_ns = clock_now_ns();
		TAILQ_INSERT_TAIL(&queue->list, order, link);
		queue->length++;
		if (queue->fresh == NULL)
			queue->fresh = order;
		pushed = true;
	}
	pthread_mutex_unlock(&queue->mutex);
	return pushed;
}

void
queue_call_clerks(struct queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	call_one(queue, queue->fresh);
	queue->fresh = NULL;
	pthread_mutex_unlock(&queue->mutex);
}

static void
take_out(struct queue *queue, struct order *order)
{
	if (queue->fresh == order)
		queue->fresh = TAILQ_NEXT(order, link);
	TAILQ_REMOVE(&queue->list, order, link);
	queue->length--;
}

/* When closed, whoever is at a full sale comes back for the rest of it. */
static struct order *
wait_for_order(struct queue *queue)
{
	struct order *order;

	queue->idle++;
	while ((order = first_open(queue, TAILQ_FIRST(&queue->list))) == NULL &&
	       !queue->closed) {
		const struct timespec until =
		    clock_timespec(clock_now_ns() + LOOK_AGAIN_NS);

		pthread_cond_timedwait(
		    &queue->not_empty, &queue->mutex, &until);
	}
	queue->idle--;
	return order;
}

struct order *
queue_pop(struct queue *queue, unsigned clerk)
{
	char was_alone_at[STORE_ID_SIZE] = "";
	struct order *order;

	assert(clerk < LOCK_CLERKS_MAX);
	pthread_mutex_lock(&queue->mutex);
	if (queue->clerks <= clerk)
		queue->clerks = clerk + 1;
	if (queue->at[clerk].alone)
		memcpy(was_alone_at, queue->at[clerk].sale, STORE_ID_SIZE);
	memset(&queue->at[clerk], 0, sizeof(queue->at[clerk]));
	order = wait_for_order(queue);
	if (order != NULL) {
		take_out(queue, order);
		memcpy(queue->at[clerk].sale, order->sale, STORE_ID_SIZE);
		queue->at[clerk].alone = strcmp(order->sale, was_alone_at) == 0;
		call_one(queue, TAILQ_FIRST(&queue->list));
	}
	pthread_mutex_unlock(&queue->mutex);
	return order;
}

void
queue_claim(struct queue *queue, unsigned clerk, bool alone)
{
	bool lets_others;

	pthread_mutex_lock(&queue->mutex);
	lets_others = queue->at[clerk].alone && !alone;
	queue->at[clerk].alone = alone;
	if (lets_others)
		call_one(queue, TAILQ_FIRST(&queue->list));
	pthread_mutex_unlock(&queue->mutex);
}

int64_t
queue_take_late(struct queue *queue, int64_t now_ns, struct order_list *late)
{
	int64_t next_ns = INT64_MAX;
	struct order *order, *next;

	pthread_mutex_lock(&queue->mutex);
	for (order = TAILQ_FIRST(&queue->list); order != NULL; order = next) {
		next = TAILQ_NEXT(order, link);
		if (order->deadline_ns > now_ns) {
			next_ns = order->deadline_ns;
			break;
		}
		take_out(queue, order);
		TAILQ_INSERT_TAIL(late, order, link);
	}
	pthread_mutex_unlock(&queue->mutex);
	return next_ns;
}

bool
queue_needs_clerk(struct queue *queue, int64_t since_ns)
{
	const struct order *order;
	bool needs;

	pthread_mutex_lock(&queue->mutex);
	order = queue->idle == 0 ? first_open(queue, TAILQ_FIRST(&queue->list))
				 : NULL;
	needs = order != NULL && order->queued_ns <= since_ns;
	pthread_mutex_unlock(&queue->mutex);
	return needs;
}

size_t
queue_take(struct queue *queue, const char *sale, size_t share,
    struct order **orders, size_t most)
{
	struct order *order, *next;
	size_t taken = 0;

	pthread_mutex_lock(&queue->mutex);
	if (share > 0) {
		const size_t fair = queue->length / share;

		if (most > fair)
			most = fair;
	}
	for (order = TAILQ_FIRST(&queue->list); order != NULL && taken < most;
	     order = next) {
		next = TAILQ_NEXT(order, link);
		if (strcmp(order->sale, sale) != 0)
			continue;
		take_out(queue, order);
		orders[taken++] = order;
	}
	pthread_mutex_unlock(&queue->mutex);
	return taken;
}

void
queue_give_back(struct queue *queue, struct order **orders, size_t count)
{
	pthread_mutex_lock(&queue->mutex);
	while (count-- > 0) {
		/* The macro looks at its argument more than once. */
		TAILQ_INSERT_HEAD(&queue->list, orders[count], link);
		queue->length++;
	}
	call_one(queue, TAILQ_FIRST(&queue->list));
	pthread_mutex_unlock(&queue->mutex);
}

size_t
queue_length(struct queue *queue)
{
	size_t length;

	pthread_mutex_lock(&queue->mutex);
	length = queue->length;
	pthread_mutex_unlock(&queue->mutex);
	return length;
}

bool
queue_is_closed(struct queue *queue)
{
	bool closed;

	pthread_mutex_lock(&queue->mutex);
	closed = queue->closed;
	pthread_mutex_unlock(&queue->mutex);
	return closed;
}

void
queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->closed = true;
	pthread_cond_broadcast(&queue->not_empty);
	pthread_mutex_unlock(&queue->mutex);
}
