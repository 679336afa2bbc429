/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heart.  Five steps: take a turn, read the counter, decide, write it
 * back, end the turn.  Read attempt() first; everything above it is one of
 * its steps.
 *
 * The class-room bug is that two clerks read the same number before either
 * writes.  Whether they can is the strategy's doing; nothing here prevents it.
 */
#include "service/sale/sell.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

#define BACK_OFF_FIRST_NS (100 * NS_PER_US)
#define BACK_OFF_MOST_NS (5 * NS_PER_MS)

int64_t
seats_take(int64_t capacity, int64_t remaining)
{
	return capacity - remaining + 1;
}

static int64_t
now_ns(const struct desk *desk)
{
	return desk->env->now_ns(desk->env->arg);
}

/* Before each shared action: let a test step in, then stamp the trails. */
static void
step(struct desk *desk, enum step what)
{
	int64_t at_ns;
	size_t i;

	desk->env->step(desk->env->arg, what);
	at_ns = now_ns(desk);
	for (i = 0; i < desk->count; i++)
		trail_add(&desk->batch[i]->trail, what, at_ns);
}

/* What the batch's last step saw. */
static void
note(struct desk *desk, int64_t remaining, int64_t version)
{
	size_t i;

	for (i = 0; i < desk->count; i++)
		trail_note(&desk->batch[i]->trail, remaining, version);
}

/* The same for the whole batch: an error, no such sale, or not decided. */
static void
decide_all(struct desk *desk, enum outcome outcome, const char *error)
{
	size_t i;

	for (i = 0; i < desk->count; i++) {
		desk->batch[i]->outcome = outcome;
		snprintf(desk->batch[i]->error, sizeof(desk->batch[i]->error),
		    "%s", error);
	}
}

static void
undecide_all(struct desk *desk)
{
	decide_all(desk, OUTCOME_NONE, "");
}

/* Queued orders of the same sale, behind those that are at the desk. */
static void
gather(struct desk *desk, bool only_share)
{
	if (desk->count < desk->batch_most)
		desk->count += desk->env->gather(desk->env->arg, desk->batch[0],
		    only_share, desk->batch + desk->count,
		    desk->batch_most - desk->count);
}

/* A delay belongs to one order: keep the first, return the others. */
static void
keep_one(struct desk *desk)
{
	desk->env->give_back(desk->env->arg, desk->batch + 1, desk->count - 1);
	desk->count = 1;
}

/* ------------------------------------------------------------ deciding -- */

static void
fill_receipt(struct receipt *r, const struct store_line *line)
{
	snprintf(r->order, sizeof(r->order), "%s", line->order);
	snprintf(r->buyer, sizeof(r->buyer), "%s", line->buyer);
	snprintf(r->lock, sizeof(r->lock), "%s", line->lock);
	r->seat = line->seat;
	r->quantity = line->quantity;
	r->remaining = line->remaining;
	r->version = line->version;
	r->base = line->base;
	r->sold_at_ms = line->sold_at_ms;
	r->worker = line->worker;
	r->clerk = line->clerk;
}

/* The line that bears the order's key: the same order, or another? */
static bool
replay_line(const struct store_line *line, void *arg)
{
	struct order *order = arg;

	if (strcmp(order->buyer, line->buyer) != 0 ||
	    order->quantity != line->quantity) {
		order->outcome = OUTCOME_KEY_REUSED;
		return true;
	}
	order->outcome = OUTCOME_REPLAYED;
	fill_receipt(&order->receipt, line);
	free(order->replayed_trail);
	order->replayed_trail = strdup(line->trail);
	return true;
}

/* Was an order with this key sold before?  Then it is decided. */
static void
replay(struct desk *desk, const struct store_state *state, struct order *order)
{
	if (store_find(desk->store, state, STORE_BY_KEY, order->key,
		replay_line, order) != STORE_FAILED)
		return;
	order->outcome = OUTCOME_STORE_ERROR;
	snprintf(
	    order->error, sizeof(order->error), "%s", store_error(desk->store));
}

static bool
key_is_among(const struct store_line *lines, size_t count, const char *key)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (lines[i].key != NULL && strcmp(lines[i].key, key) == 0)
			return true;
	return false;
}

static void
new_order_id(const struct desk *desk, char id[STORE_ORDER_SIZE])
{
	const struct sell_env *env = desk->env;

	snprintf(id, STORE_ORDER_SIZE, "%016llx%016llx",
	    (unsigned long long)env->random(env->arg),
	    (unsigned long long)env->random(env->arg));
}

/* The order gets seats from what remains: a line, and the new `*seen`. */
static void
take_seats(struct desk *desk, struct order *order, struct store_state *seen,
    struct store_line *line)
{
	*line = (struct store_line){
	    .kind = STORE_SOLD,
	    .seat = seats_take(seen->settings.capacity, seen->remaining),
	    .quantity = order->quantity,
	    .remaining = seen->remaining - order->quantity,
	    .capacity = seen->settings.capacity,
	    .buyer = order->buyer,
	    .key = order->key[0] != '\0' ? order->key : NULL,
	    .lock = order->state.settings.lock, /* outlives `seen` */
	    .worker = desk->worker,
	    .clerk = desk->clerk,
	    .sold_at_ms = desk->env->wall_ms(desk->env->arg),
	};
	new_order_id(desk, line->order);
	seen->remaining = line->remaining;
	seen->version++; /* as it will be, if nobody else writes */
	order->outcome = OUTCOME_SOLD;
}

/*
 * Decide the batch on `state`: how many lines it makes.  An order whose key
 * is already in this batch stays undecided; the next attempt finds its line.
 */
static size_t
decide(struct desk *desk, const struct store_state *state)
{
	struct store_state seen = *state;
	size_t i, taken = 0;

	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		order->state = seen;
		if (order->key[0] != '\0') {
			if (key_is_among(desk->lines, taken, order->key))
				continue;
			replay(desk, state, order);
		}
		if (order->outcome != OUTCOME_NONE)
			continue;
		if (order->has_if_match &&
		    (order->match_epoch != seen.epoch ||
			order->match_version != seen.version))
			order->outcome = OUTCOME_CHANGED;
		else if (seen.remaining == 0)
			order->outcome = OUTCOME_SOLD_OUT;
		else if (seen.remaining < order->quantity)
			order->outcome = OUTCOME_NOT_ENOUGH;
		else
			take_seats(desk, order, &seen, &desk->lines[taken++]);
	}
	return taken;
}

/* ------------------------------------------------------------- writing -- */

/* The simulated slowness between reading and writing; not the order's time. */
static int64_t
delay(struct desk *desk, const struct store_settings *settings)
{
	const struct sell_env *env = desk->env;
	const int64_t span = settings->delay_max_ms - settings->delay_min_ms;
	int64_t ms = settings->delay_min_ms;

	if (settings->delay_max_ms == 0)
		return 0;
	if (span > 0)
		ms += (int64_t)(env->random(env->arg) % (uint64_t)(span + 1));
	step(desk, STEP_DELAY);
	env->pause_ns(env->arg, ms * NS_PER_MS);
	desk->batch[0]->deadline_ns += ms * NS_PER_MS;
	return ms * NS_PER_MS;
}

/* Stamp the write, and put each sold order's trail up to here in its line. */
static void
step_write(struct desk *desk, int64_t base)
{
	size_t i, n = 0;

	step(desk, STEP_WRITE);
	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		if (order->outcome != OUTCOME_SOLD)
			continue;
		trail_note(&order->trail, desk->lines[n].remaining, base);
		trail_print(&order->trail, desk->trails[n]);
		desk->lines[n].trail = desk->trails[n];
		n++;
	}
}

/* The lines are in the ledger: they are the receipts. */
static void
make_receipts(struct desk *desk)
{
	size_t i, n = 0;

	step(desk, STEP_COMMIT);
	for (i = 0; i < desk->count; i++) {
		struct order *order = desk->batch[i];

		if (order->outcome != OUTCOME_SOLD)
			continue;
		fill_receipt(&order->receipt, &desk->lines[n]);
		trail_note(&order->trail, desk->lines[n].remaining,
		    desk->lines[n].version);
		n++;
	}
}

static bool
wants_check(const struct desk *desk)
{
	size_t i;

	for (i = 0; i < desk->count; i++)
		if (desk->batch[i]->outcome == OUTCOME_SOLD &&
		    desk->batch[i]->has_if_match)
			return true;
	return false;
}

/*
 * Write the lines: trusting the lock, or checked where there is none to
 * trust.  NONE: it is done, or every order got the error.  Else it must be
 * decided again, and what comes back is the reason.
 */
static enum outcome
write_lines(struct desk *desk, const struct store_state *state, size_t count,
    struct lock_strategy strategy)
{
	const unsigned row = counting_row(strategy);
	const int64_t deadline_ns = desk->batch[0]->deadline_ns;
	enum store_result result;
	bool overwrote = false;

	step_write(desk, state->version);
	if (lock_facts(strategy).checks_write || wants_check(desk))
		result = store_put_if(
		    desk->store, state, desk->lines, count, deadline_ns);
	else
		result = store_put(desk->store, state, desk->lines, count,
		    deadline_ns, &overwrote);
	switch (result) {
	case STORE_OK:
		if (overwrote)
			counting_add(&desk->counting->overwrites[row], 1);
		make_receipts(desk);
		return OUTCOME_NONE;
	case STORE_CONFLICT:
	case STORE_DUPLICATE:
		counting_add(&desk->counting->conflicts[row], 1);
		undecide_all(desk);
		step(desk, STEP_CONFLICT);
		return OUTCOME_CONFLICTS;
	case STORE_MOVED:
	case STORE_GONE:
		undecide_all(desk);
		step(desk, STEP_SWITCH);
		return OUTCOME_CONFLICTS;
	case STORE_BUSY:
		undecide_all(desk);
		return OUTCOME_STORE_BUSY;
	case STORE_FULL:
		decide_all(desk, OUTCOME_STORE_FULL, store_error(desk->store));
		return OUTCOME_NONE;
	case STORE_FAILED:
		decide_all(desk, OUTCOME_STORE_ERROR, store_error(desk->store));
		return OUTCOME_NONE;
	case STORE_UNKNOWN:
		decide_all(desk, OUTCOME_UNKNOWN, store_error(desk->store));
		return OUTCOME_NONE;
	}
	abort(); /* every result is in the switch */
}

/* ------------------------------------------------------------ answering -- */

static void
answer(struct desk *desk, struct order *order)
{
	if (order->outcome != OUTCOME_SOLD &&
	    order->outcome != OUTCOME_REPLAYED) { /* who refused it */
		order->receipt.worker = desk->worker;
		order->receipt.clerk = desk->clerk;
	}
	counting_order(desk->counting, order);
	desk->env->answer(desk->env->arg, order);
}

/* Answer those that are decided, and keep the rest. */
static void
answer_decided(struct desk *desk)
{
	size_t i, kept = 0;

	for (i = 0; i < desk->count; i++)
		if (desk->batch[i]->outcome == OUTCOME_NONE)
			desk->batch[kept++] = desk->batch[i];
		else
			answer(desk, desk->batch[i]);
	desk->count = kept;
}

/* Those whose time is over get the reason why it took so long. */
static void
answer_expired(struct desk *desk, enum outcome reason)
{
	const int64_t now = now_ns(desk);
	size_t i;

	for (i = 0; i < desk->count; i++)
		if (now >= desk->batch[i]->deadline_ns)
			desk->batch[i]->outcome = reason;
	answer_decided(desk);
}

/* -------------------------------------------------------------- turns -- */

/* False: every order at the desk is decided, there is no such sale. */
static bool
read_sale(struct desk *desk, struct store_state *state)
{
	switch (store_read(desk->store, desk->batch[0]->sale, state)) {
	case STORE_OK:
		return true;
	case STORE_GONE:
		decide_all(desk, OUTCOME_NO_SALE, "");
		return false;
	default:
		decide_all(desk, OUTCOME_STORE_ERROR, store_error(desk->store));
		return false;
	}
}

/* NONE: held.  Else not held, and the reason; perhaps all are decided. */
static enum outcome
take_turn(struct desk *desk, struct lock_strategy strategy, unsigned slot,
    struct lock_hold *hold)
{
	const unsigned row = counting_row(strategy);
	const bool holds = lock_facts(strategy).holds;
	const int64_t from_ns = now_ns(desk);
	enum lock_result result;

	if (holds)
		step(desk, STEP_WAIT);
	result = lock_acquire(
	    desk->locks, strategy, slot, desk->batch[0]->deadline_ns, hold);
	if (holds)
		counting_time(
		    &desk->counting->lock_wait[row], now_ns(desk) - from_ns);
	switch (result) {
	case LOCK_INHERITED:
		counting_add(&desk->counting->inherited[row], 1);
		step(desk, STEP_RECOVER);
		return OUTCOME_NONE;
	case LOCK_HELD:
		if (holds)
			step(desk, STEP_LOCK);
		return OUTCOME_NONE;
	case LOCK_TIMED_OUT:
		return OUTCOME_LOCK_TIMEOUT;
	case LOCK_FAILED:
		break;
	}
	decide_all(desk, OUTCOME_STORE_ERROR, strerror(errno));
	return OUTCOME_STORE_ERROR;
}

/*
 * In turn: read, decide, write.  What comes back is as with write_lines().
 */
static enum outcome
serve(struct desk *desk, const struct store_state *guess,
    struct lock_strategy strategy, int64_t *delayed_ns)
{
	struct store_state state;
	size_t taken;

	step(desk, STEP_READ);
	if (!read_sale(desk, &state))
		return OUTCOME_NONE;
	note(desk, state.remaining, state.version);
	if (state.epoch != guess->epoch) { /* perhaps the wrong lock */
		store_abandon(desk->store, &state);
		step(desk, STEP_SWITCH);
		return OUTCOME_CONFLICTS;
	}

	counting_batch(desk->counting, desk->count);
	taken = decide(desk, &state);
	if (taken == 0) {
		store_abandon(desk->store, &state);
		return OUTCOME_NONE;
	}
	*delayed_ns = delay(desk, &state.settings);
	return write_lines(desk, &state, taken, strategy);
}

/*
 * One turn for the orders at the desk.  NONE: those that have an outcome may
 * be answered.  Else nobody may, and what comes back is the reason.
 */
static enum outcome
attempt(struct desk *desk)
{
	struct lock_hold hold = {0};
	struct lock_strategy strategy;
	struct store_state guess;
	int64_t held_ns, delayed_ns = 0;
	enum outcome outcome;

	/* Which strategy?  A guess; serve() checks it. */
	if (!read_sale(desk, &guess))
		return OUTCOME_NONE;
	store_abandon(desk->store, &guess);
	if (!lock_parse(guess.settings.lock, &strategy)) {
		decide_all(desk, OUTCOME_STORE_ERROR, "unknown strategy");
		return OUTCOME_NONE;
	}

	outcome = take_turn(desk, strategy, guess.slot, &hold);
	if (outcome != OUTCOME_NONE)
		return outcome;
	held_ns = now_ns(desk);
	atomic_fetch_add(&desk->counting->holding, lock_facts(strategy).holds);

	if (guess.settings.delay_max_ms > 0)
		keep_one(desk);
	else
		gather(desk, !lock_facts(strategy).excludes_threads);
	answer_expired(desk, OUTCOME_QUEUE_TIMEOUT);
	if (desk->count > 0)
		outcome = serve(desk, &guess, strategy, &delayed_ns);

	if (lock_facts(strategy).holds) {
		step(desk, STEP_UNLOCK);
		counting_time(
		    &desk->counting->lock_hold[counting_row(strategy)],
		    now_ns(desk) - held_ns - delayed_ns);
	}
	atomic_fetch_sub(&desk->counting->holding, lock_facts(strategy).holds);
	lock_release(&hold);
	return outcome;
}

/* A random part of a time that doubles, so that rivals do not meet again. */
static void
back_off(struct desk *desk)
{
	const struct sell_env *env = desk->env;
	int64_t most_ns = BACK_OFF_MOST_NS;

	if (desk->attempts < 6)
		most_ns = BACK_OFF_FIRST_NS << desk->attempts;
	desk->attempts++;
	env->pause_ns(
	    env->arg, (int64_t)(env->random(env->arg) % (uint64_t)most_ns));
}

void
sell(struct desk *desk, struct order *order)
{
	enum outcome reason = OUTCOME_QUEUE_TIMEOUT;

	desk->batch[0] = order;
	desk->count = 1;
	desk->attempts = 0;
	for (;;) {
		answer_expired(desk, reason);
		if (desk->count == 0)
			return;
		reason = attempt(desk);
		if (reason == OUTCOME_NONE)
			answer_decided(desk);
		else if (reason == OUTCOME_CONFLICTS)
			back_off(desk);
		if (desk->count == 0)
			return;
	}
}
