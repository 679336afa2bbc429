/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heart.  A turn is five steps: lock, read, decide, write, unlock.
 *
 * The class-room bug is that two clerks read the same number before either
 * writes it back.  They can meet between read_counter() and write_counter(),
 * and nowhere else.  Whether they do is the strategy's doing, which
 * lock_sale() takes; nothing else here prevents it.
 */
#include "service/sale/sell.h"

#include <errno.h>
#include <string.h>

#include "service/sale/decide.h"
#include "service/sale/turn.h"

struct attempt {
	struct desk *desk;
	enum turn before, turn;   /* how the one before ended; how this does */
	struct store_state guess; /* the sale, before it was locked */
	struct store_state seen;  /* the sale, as it is decided on */
	struct lock_strategy strategy;
	struct lock_facts facts;   /* of the strategy */
	unsigned row;              /* of the strategy, in what is counted */
	enum store_result refused; /* the turn, if the store gives it */
	struct lock_hold hold;
	int64_t held_ns, delayed_ns;
};

static enum turn attempt(struct desk *desk, enum turn before);
static bool lock_sale(struct attempt *a);
static bool read_counter(struct attempt *a);
static bool decide(struct attempt *a);
static void write_counter(struct attempt *a);
static void unlock_sale(struct attempt *a);

void
sell(struct desk *desk, struct order *order)
{
	enum turn turn = TURN_DONE;

	desk->batch[0] = order;
	desk->count = 1;
	for (;;) {
		desk_answer_late(desk, turn_why_late(turn));
		if (desk->count == 0)
			return;
		turn = attempt(desk, turn);
		if (turn == TURN_DONE)
			desk_answer(desk);
	}
}

static enum turn
attempt(struct desk *desk, enum turn before)
{
	struct attempt a = {.desk = desk, .before = before};

	if (lock_sale(&a) &&    /* wait for our turn */
	    read_counter(&a) && /* from here … */
	    decide(&a))
		write_counter(&a); /* … to here nobody may come between */
	unlock_sale(&a);
	return a.turn;
}

/* False: there is no such sale, or it cannot be read; all are decided. */
static bool
read_sale(struct attempt *a, struct store_state *state)
{
	struct order *lead = a->desk->batch[0];
	const enum store_result result =
	    store_read(a->desk->store, lead->sale, state);

	if (result == STORE_OK)
		lead->state = *state; /* whose lock it waits for */
	else
		desk_refuse(a->desk, result);
	return result == STORE_OK;
}

/* ----------------------------------------------------------------- lock -- */

/* Is the lock not here but in the store, and held from read to write? */
static bool
is_in_store(const struct attempt *a)
{
	return a->facts.turn == LOCK_TURN_ROW ||
	       a->facts.turn == LOCK_TURN_ADVISORY;
}

/* Where a lock is in the store, the one here is nobody's to wait for. */
static enum lock_result
acquire(struct attempt *a)
{
	struct desk *desk = a->desk;
	const struct order *lead = desk->batch[0];

	if (is_in_store(a))
		a->refused = store_take_turn(desk->store, lead->sale,
		    turn_of(a->strategy), lead->deadline_ns);
	if (a->refused != STORE_OK)
		return a->refused == STORE_BUSY ? LOCK_TIMED_OUT : LOCK_FAILED;
	return lock_acquire(desk->locks, a->strategy, a->guess.slot,
	    lead->deadline_ns, &a->hold);
}

/* False: the lock is not held. */
static bool
take_lock(struct attempt *a)
{
	struct desk *desk = a->desk;
	const int64_t from_ns = desk_now_ns(desk);
	enum lock_result result;

	if (a->facts.holds)
		desk_step(desk, STEP_WAIT);
	result = acquire(a);
	if (a->facts.holds)
		counting_time(&desk->counting->lock_wait[a->row],
		    desk_now_ns(desk) - from_ns);
	switch (result) {
	case LOCK_INHERITED:
		counting_add(&desk->counting->inherited[a->row], 1);
		desk_step(desk, STEP_RECOVER);
		return true;
	case LOCK_HELD:
		if (a->facts.holds)
			desk_step(desk, STEP_LOCK);
		return true;
	case LOCK_TIMED_OUT:
		a->turn = TURN_TIMED_OUT;
		return false;
	case LOCK_FAILED:
		break;
	}
	if (a->refused != STORE_OK)
		desk_refuse(desk, a->refused);
	else
		desk_decide(desk, OUTCOME_STORE_ERROR, strerror(errno));
	return false;
}

/* Does the strategy say that nobody else is inside?  A turn of the store's ends
 * with the write, before we are out. */
static bool
excludes_all(const struct attempt *a)
{
	return a->facts.excludes_threads && a->facts.excludes_processes &&
	       !is_in_store(a);
}

/* Whoever says that it excludes everybody is held to it: see inside.h. */
static void
enter(const struct attempt *a)
{
	const struct desk *desk = a->desk;

	if (excludes_all(a))
		inside_enter(desk->inside, a->guess.slot, a->row,
		    inside_name(desk->worker, desk->clerk));
}

static void
leave(const struct attempt *a)
{
	const struct desk *desk = a->desk;

	if (excludes_all(a) &&
	    !inside_leave(desk->inside, a->guess.slot, a->row,
		inside_name(desk->worker, desk->clerk)))
		counting_add(&desk->counting->trespasses[a->row], 1);
}

/*
 * Without a delay one clerk of a worker takes all that waits.  Others could
 * only wait with it for the lock, or be refused by the check.  Where neither
 * would happen, clerks share the queue, so that they can meet.
 */
static bool
takes_all(const struct attempt *a)
{
	return a->guess.settings.delay_max_ms == 0 &&
	       (a->facts.excludes_threads || a->facts.checks_write);
}

/*
 * Which lock it is can only be guessed before it is held; read_counter()
 * checks that.  Who shares the turn is chosen after, so that nobody waits for
 * the lock twice.
 */
static bool
lock_sale(struct attempt *a)
{
	struct desk *desk = a->desk;

	if (!read_sale(a, &a->guess))
		return false;
	if (!lock_parse(a->guess.settings.lock, &a->strategy)) {
		desk_decide(desk, OUTCOME_STORE_ERROR, "unknown strategy");
		return false;
	}
	a->facts = lock_facts(a->strategy);
	if (!turn_fits(a->strategy, store_kind_of(desk->store))) {
		desk_decide(desk, OUTCOME_STORE_ERROR,
		    "the store has no such lock: change the sale's");
		return false;
	}
	a->row = counting_row(a->strategy);
	desk_claim(desk, takes_all(a));
	if (!take_lock(a))
		return false;
	enter(a);
	a->held_ns = desk_now_ns(desk);
	counting_add(&desk->counting->holding, a->facts.holds);
	if (a->guess.settings.delay_max_ms > 0)
		desk_keep_lead(desk);
	else
		desk_gather(desk, !takes_all(a));
	desk_answer_late(desk, turn_why_late(a->before));
	return desk->count > 0;
}

/* ----------------------------------------------------------------- read -- */

static bool
read_counter(struct attempt *a)
{
	desk_step(a->desk, STEP_READ);
	if (!read_sale(a, &a->seen))
		return false;
	desk_note(a->desk, a->seen.remaining, a->seen.version);
	if (a->seen.epoch == a->guess.epoch)
		return true;
	/* The settings changed meanwhile: perhaps it is the wrong lock. */
	desk_step(a->desk, STEP_SWITCH);
	a->turn = TURN_MOVED;
	return false;
}

/* --------------------------------------------------------------- decide -- */

/* False: nobody gets a ticket, so there is nothing to write. */
static bool
decide(struct attempt *a)
{
	decide_batch(a->desk, &a->seen);
	return a->desk->taken > 0;
}

/* ---------------------------------------------------------------- write -- */

/* Checked where there is no lock to trust, or where a buyer insists. */
static enum store_result
put(struct attempt *a)
{
	struct desk *desk = a->desk;
	const int64_t deadline_ns = desk->batch[0]->deadline_ns;
	enum store_result result;
	bool overwrote;

	if (a->facts.turn == LOCK_TURN_ATOMIC && !decide_wants_check(desk))
		return store_take(desk->store, &a->seen, desk->lines,
		    desk->taken, deadline_ns);
	if (a->facts.checks_write || decide_wants_check(desk))
		return store_put_if(desk->store, &a->seen, desk->lines,
		    desk->taken, deadline_ns);
	result = store_put(desk->store, &a->seen, desk->lines, desk->taken,
	    deadline_ns, &overwrote);
	counting_add(&desk->counting->overwrites[a->row],
	    result == STORE_OK && overwrote);
	return result;
}

/* Nothing was written, and what was decided does not hold any more. */
static void
decide_again(struct attempt *a)
{
	desk_undecide(a->desk);
	if (a->turn == TURN_CONFLICT) {
		counting_add(&a->desk->counting->conflicts[a->row], 1);
		lock_refused(&a->hold);
		desk_step(a->desk, STEP_CONFLICT);
	} else if (a->turn == TURN_MOVED) {
		desk_step(a->desk, STEP_SWITCH);
	}
}

static void
write_counter(struct attempt *a)
{
	enum store_result result;

	a->delayed_ns = desk_delay(a->desk, &a->seen);
	desk_step_write(a->desk, a->facts.turn == LOCK_TURN_ATOMIC
				     ? DESK_BASE_UNKNOWN
				     : a->seen.version);
	result = put(a);
	a->turn = turn_after(result);
	if (a->turn != TURN_DONE) {
		decide_again(a);
	} else if (result != STORE_OK) {
		desk_refuse(a->desk, result);
	} else {
		desk_step(a->desk, STEP_COMMIT);
		desk_make_receipts(a->desk);
	}
}

/* --------------------------------------------------------------- unlock -- */

static void
unlock_sale(struct attempt *a)
{
	struct counting *counting = a->desk->counting;

	if (is_in_store(a))
		store_end_turn(a->desk->store);
	if (a->hold.user == NULL)
		return;
	if (a->facts.holds) {
		desk_step(a->desk, STEP_UNLOCK);
		counting_time(&counting->lock_hold[a->row],
		    desk_now_ns(a->desk) - a->held_ns - a->delayed_ns);
		atomic_fetch_sub(&counting->holding, 1);
	}
	leave(a);
	lock_release(&a->hold);
}
