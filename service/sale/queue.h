/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The orders that wait in one worker: bounded, first in first out, with a way
 * to take more of the same sale.  Any thread of the worker may call.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "service/sale/order.h"

struct queue;

struct queue *queue_new(size_t most);
void queue_free(struct queue *queue);

/* False: it is full, or closed. */
bool queue_push(struct queue *queue, struct order *order);

/* Waits for an order; NULL: the queue is closed and empty. */
struct order *queue_pop(struct queue *queue);

/*
 * Up to `most` orders for `sale`, in their order; if `share` is not 0, at
 * most one `share`th of what waits.  Never waits.
 */
size_t queue_take(struct queue *queue, const char *sale, size_t share,
    struct order **orders, size_t most);

/* Back to the front, in their order; also when it is full or closed. */
void queue_give_back(struct queue *queue, struct order **orders, size_t count);

size_t queue_length(struct queue *queue);
bool queue_is_closed(struct queue *queue);

/* Refuse new orders; those that wait are still served. */
void queue_close(struct queue *queue);

#endif
