/* SPDX-License-Identifier: BSD-2-Clause */
/* Each order that becomes a line has the outcome SOLD, in the same order. */
#include "service/sale/desk.h"

#include <assert.h>
#include <stdio.h>

#include "locks/clock.h"

#define SLICE_NS (100 * NS_PER_MS) /* of a delay */

/* ------------------------------------------------------------- the batch -- */

void
desk_claim(struct desk *desk, bool alone)
{
	desk->env->claim(desk->env->arg, alone);
}

void
desk_gather(struct desk *desk, bool only_share)
{
	assert(desk->batch_most <= SELL_BATCH_MAX);
	if (desk->count < desk->batch_most)
		desk->count += desk->env->gather(desk->env->arg, desk->batch[0],
		    only_share, desk->batch + desk->count,
		    desk->batch_most - desk->count);
}

void
desk_keep_lead(struct desk *desk)
{
	desk->env->give_back(desk->env->arg, desk->batch + 1, desk->count - 1);
	desk->count = 1;
}

/* -------------------------------------------------------------- outcomes -- */

void
desk_decide(struct desk *desk, enum outcome outcome, const char *error)
{
	size_t i;

	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		order->outcome = outcome;
		snprintf(order->error, sizeof(order->error), "%s", error);
	}
}

void
desk_refuse(struct desk *desk, enum store_result result)
{
	static const enum outcome outcomes[] = {
	    [STORE_GONE] = OUTCOME_NO_SALE,
	    [STORE_FULL] = OUTCOME_STORE_FULL,
	    [STORE_FAILED] = OUTCOME_STORE_ERROR,
	    [STORE_UNKNOWN] = OUTCOME_UNKNOWN,
	};

	assert(outcomes[result] != OUTCOME_NONE);
	desk_decide(desk, outcomes[result],
	    result == STORE_GONE ? "" : store_error(desk->store));
}

void
desk_undecide(struct desk *desk)
{
	desk_decide(desk, OUTCOME_NONE, "");
}

struct store_line *
desk_add_line(struct desk *desk, struct order *order)
{
	order->outcome = OUTCOME_SOLD;
	return &desk->lines[desk->taken++];
}

void
desk_make_receipts(struct desk *desk)
{
	const struct store_line *line = desk->lines;
	size_t i;

	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		if (order->outcome != OUTCOME_SOLD)
			continue;
		order_fill_receipt(&order->receipt, line);
		trail_note(&order->trail, line->remaining, line->version);
		line++;
	}
}

static void
sign(const struct desk *desk, struct order *order)
{
	if (order->outcome != OUTCOME_SOLD &&
	    order->outcome != OUTCOME_REPLAYED) { /* who refused it */
		order->receipt.worker = desk->worker;
		order->receipt.clerk = desk->clerk;
	}
}

void
desk_answer(struct desk *desk)
{
	struct order *decided[SELL_BATCH_MAX];
	const int64_t now_ns = desk_now_ns(desk);
	size_t i, count = 0, kept = 0;

	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		if (order->outcome == OUTCOME_NONE) {
			desk->batch[kept++] = order;
			continue;
		}
		sign(desk, order);
		counting_order(desk->counting, order, now_ns);
		decided[count++] = order;
	}
	desk->count = kept;
	if (count > 0)
		desk->env->answer(desk->env->arg, decided, count);
}

void
desk_answer_late(struct desk *desk, enum outcome reason)
{
	const int64_t now_ns = desk_now_ns(desk);
	size_t i;

	for (i = 0; i < desk->count; i++)
		if (now_ns >= desk->batch[i]->deadline_ns)
			desk->batch[i]->outcome = reason;
	desk_answer(desk);
}

/* ----------------------------------------------------- time and the trails */

int64_t
desk_now_ns(const struct desk *desk)
{
	return desk->env->now_ns(desk->env->arg);
}

void
desk_step(struct desk *desk, enum step step)
{
	int64_t at_ns;
	size_t i;

	desk->env->step(desk->env->arg, step);
	at_ns = desk_now_ns(desk);
	for (i = 0; i < desk->count; i++)
		trail_add(&desk->batch[i]->trail, step, at_ns);
}

void
desk_note(struct desk *desk, int64_t remaining, int64_t version)
{
	size_t i;

	for (i = 0; i < desk->count; i++)
		trail_note(&desk->batch[i]->trail, remaining, version);
}

void
desk_step_write(struct desk *desk, int64_t base)
{
	size_t i, n = 0;

	desk_step(desk, STEP_WRITE);
	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		if (order->outcome != OUTCOME_SOLD)
			continue;
		if (base != DESK_BASE_UNKNOWN)
			trail_note(
			    &order->trail, desk->lines[n].remaining, base);
		trail_print(&order->trail, desk->trails[n]);
		desk->lines[n].trail = desk->trails[n];
		n++;
	}
}

/* Or did somebody change or delete the sale meanwhile? */
static bool
is_as_seen(struct desk *desk, const struct store_state *seen)
{
	struct store_state now;

	return store_read(desk->store, seen->settings.id, &now) == STORE_OK &&
	       now.epoch == seen->epoch;
}

int64_t
desk_delay(struct desk *desk, const struct store_state *seen)
{
	const struct store_settings *settings = &seen->settings;
	const struct sell_env *env = desk->env;
	const uint64_t choices =
	    (uint64_t)(settings->delay_max_ms - settings->delay_min_ms + 1);
	int64_t delay_ns = settings->delay_min_ms * NS_PER_MS;
	int64_t slice_ns, delayed_ns = 0;

	if (settings->delay_max_ms == 0)
		return 0;
	if (choices > 1)
		delay_ns +=
		    (int64_t)(env->random(env->arg) % choices) * NS_PER_MS;
	desk_step(desk, STEP_DELAY);
	do {
		slice_ns = delay_ns < SLICE_NS ? delay_ns : SLICE_NS;
		env->pause_ns(env->arg, slice_ns);
		delay_ns -= slice_ns;
		delayed_ns += slice_ns;
	} while (delay_ns > 0 && is_as_seen(desk, seen));
	desk->batch[0]->deadline_ns += delayed_ns;
	return delayed_ns;
}
