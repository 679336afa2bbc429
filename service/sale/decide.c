/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decision, without the danger: it works on the copy that was read, and
 * the only thing it asks the store is whether a key was used before.  One
 * order after the other takes its seats from what the last one left.
 */
#include "service/sale/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/sale/seats.h"

/* ----------------------------------------------- the same order once more --
 */

static void
fail(struct order *order, const char *error)
{
	order->outcome = OUTCOME_STORE_ERROR;
	snprintf(order->error, sizeof(order->error), "%s", error);
}

/* The line that bears the order's key: is it the same order, or another? */
static void
replay(struct order *order, const struct store_line *line)
{
	if (strcmp(order->buyer, line->buyer) != 0 ||
	    order->quantity != line->quantity) {
		order->outcome = OUTCOME_KEY_REUSED;
		return;
	}
	free(order->replayed_trail);
	order->replayed_trail = strdup(line->trail);
	if (order->replayed_trail == NULL) {
		fail(order, "out of memory");
		return;
	}
	order->outcome = OUTCOME_REPLAYED;
	order_fill_receipt(&order->receipt, line);
}

/* A visit of lines that bear keys of the batch. */
static bool
replay_line(const struct store_line *line, void *arg)
{
	struct desk *desk = arg;
	size_t i;

	for (i = 0; i < desk->count; i++)
		if (strcmp(desk->batch[i]->key, line->key) == 0)
			replay(desk->batch[i], line);
	return true;
}

/* Were orders with these keys sold before?  Then they are decided. */
static void
replay_sold(struct desk *desk, const struct store_state *seen)
{
	const char *keys[SELL_BATCH_MAX];
	size_t count = 0, i;

	for (i = 0; i < desk->count; i++)
		if (desk->batch[i]->key[0] != '\0')
			keys[count++] = desk->batch[i]->key;
	if (count == 0 || store_find_keys(desk->store, seen, keys, count,
			      replay_line, desk) == STORE_OK)
		return;
	for (i = 0; i < desk->count; i++)
		if (desk->batch[i]->key[0] != '\0')
			fail(desk->batch[i], store_error(desk->store));
}

/* Is an order with this key about to be sold, in this batch? */
static bool
key_is_taken(const struct desk *desk, const char *key)
{
	size_t i;

	for (i = 0; i < desk->taken; i++)
		if (desk->lines[i].key != NULL &&
		    strcmp(desk->lines[i].key, key) == 0)
			return true;
	return false;
}

/* -------------------------------------------------------------- new orders --
 */

/* The order gets seats from what remains: a line, and less in `left`. */
static void
take_seats(struct desk *desk, struct order *order, struct store_state *left)
{
	struct store_line *line = desk_add_line(desk, order);
	const struct sell_env *env = desk->env;

	*line = (struct store_line){
	    .kind = STORE_SOLD,
	    .seat = seats_take(left->settings.capacity, left->remaining),
	    .quantity = order->quantity,
	    .remaining = left->remaining - order->quantity,
	    .capacity = left->settings.capacity,
	    .buyer = order->buyer,
	    .key = order->key[0] != '\0' ? order->key : NULL,
	    .lock = order->state.settings.lock, /* lives as long as the order */
	    .worker = desk->worker,
	    .clerk = desk->clerk,
	    .sold_at_ms = env->wall_ms(env->arg),
	};
	order_print_id(line->order, line->sold_at_ms, env->random(env->arg),
	    env->random(env->arg));
	left->remaining = line->remaining;
	left->version++; /* as it will be, if nobody else writes */
}

/* Is the sale another one than the buyer's If-Match says? */
static bool
has_changed(const struct order *order, const struct store_state *left)
{
	return order->has_if_match &&
	       (order->match_epoch != left->epoch ||
		   order->match_version != left->version);
}

static void
decide(struct desk *desk, struct order *order, struct store_state *left)
{
	if (has_changed(order, left))
		order->outcome = OUTCOME_CHANGED;
	else if (left->remaining == 0)
		order->outcome = OUTCOME_SOLD_OUT;
	else if (left->remaining < order->quantity)
		order->outcome = OUTCOME_NOT_ENOUGH;
	else
		take_seats(desk, order, left);
}

void
decide_batch(struct desk *desk, const struct store_state *seen)
{
	struct store_state left = *seen;
	size_t i;

	counting_batch(desk->counting, desk->count);
	desk->taken = 0;
	replay_sold(desk, seen);
	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		order->state = left;
		if (order->outcome == OUTCOME_NONE &&
		    !key_is_taken(desk, order->key))
			decide(desk, order, &left);
	}
}

bool
decide_wants_check(const struct desk *desk)
{
	size_t i;

	for (i = 0; i < desk->count; i++)
		if (desk->batch[i]->outcome == OUTCOME_SOLD &&
		    desk->batch[i]->has_if_match)
			return true;
	return false;
}
