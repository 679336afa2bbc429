/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The orders that wait in one worker: bounded, first in first out, with a way
 * to take more of the same sale.  Any thread of the worker may call.
 *
 * Sales do not share a fate: only so many clerks are at one sale at a time, and
 * whoever comes for an order passes over those of a sale that has as many, or
 * one who wants to be alone there.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "locks/lock.h"
#include "service/sale/order.h"

struct queue;

/* Room for `most` orders, and at most `clerks` clerks at a sale. */
struct queue *queue_new(size_t most, unsigned clerks);
void queue_free(struct queue *queue);

/* False: it is full, or closed.  Clerks that sleep go on sleeping. */
bool queue_push(struct queue *queue, struct order *order);

/*
 * Wake them for what was pushed since: once for many orders, as one clerk may
 * take them all, and the first one calls the next where that is not so.
 */
void queue_call_clerks(struct queue *queue);

/*
 * Clerk number `clerk`, below LOCK_CLERKS_MAX, is done with its last order and
 * waits for another, at whose sale it is from then on.  NULL: the queue is
 * closed, and nothing is left for it.
 */
struct order *queue_pop(struct queue *queue, unsigned clerk);

/*
 * Is the clerk alone at its sale, as it takes all that waits?  Until it is at
 * another one, or says that it is not; there may be others who came before.
 */
void queue_claim(struct queue *queue, unsigned clerk, bool alone);

/*
 * Up to `most` orders for `sale`, in their order; if `share` is not 0, at
 * most one `share`th of what waits.  Never waits.
 */
size_t queue_take(struct queue *queue, const char *sale, size_t share,
    struct order **orders, size_t most);

/* Back to the front, in their order; also when it is full or closed. */
void queue_give_back(struct queue *queue, struct order **orders, size_t count);

/*
 * Take those out whose deadline is past, into `late`.  Returns the moment of
 * the next deadline, INT64_MAX if nobody waits.
 */
int64_t queue_take_late(
    struct queue *queue, int64_t now_ns, struct order_list *late);

/*
 * Does an order wait since `since_ns` or longer that a further clerk could
 * take, while no clerk is idle?
 */
bool queue_needs_clerk(struct queue *queue, int64_t since_ns);

size_t queue_length(struct queue *queue);
bool queue_is_closed(struct queue *queue);

/* Refuse new orders; those that wait are still served. */
void queue_close(struct queue *queue);

#endif
