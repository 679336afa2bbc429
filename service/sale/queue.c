/* SPDX-License-Identifier: BSD-2-Clause */
/* A list, a mutex, a condition; nothing clever. */
#include "service/sale/queue.h"

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
	size_t length, most;
	bool closed;
};

struct queue *
queue_new(size_t most)
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

bool
queue_push(struct queue *queue, struct order *order)
{
	bool pushed = false;

	pthread_mutex_lock(&queue->mutex);
	if (!queue->closed && queue->length < queue->most) {
		TAILQ_INSERT_TAIL(&queue->list, order, link);
		queue->length++;
		pushed = true;
		pthread_cond_signal(&queue->not_empty);
	}
	pthread_mutex_unlock(&queue->mutex);
	return pushed;
}

static void
take_out(struct queue *queue, struct order *order)
{
	TAILQ_REMOVE(&queue->list, order, link);
	queue->length--;
}

struct order *
queue_pop(struct queue *queue)
{
	struct order *order;

	pthread_mutex_lock(&queue->mutex);
	while ((order = TAILQ_FIRST(&queue->list)) == NULL && !queue->closed) {
		const struct timespec until =
		    clock_timespec(clock_now_ns() + LOOK_AGAIN_NS);

		pthread_cond_timedwait(
		    &queue->not_empty, &queue->mutex, &until);
	}
	if (order != NULL)
		take_out(queue, order);
	pthread_mutex_unlock(&queue->mutex);
	return order;
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
		pthread_cond_signal(&queue->not_empty);
	}
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
