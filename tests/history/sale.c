/* SPDX-License-Identifier: BSD-2-Clause */
/* One function for each operation, each a short list of what must be so. */
#include "tests/history/sale.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool
sale_init(struct sale *sale, int texts)
{
	*sale = (struct sale){.now = {.receipts = NOT_TOLD}};
	sale->keys = calloc((size_t)texts + 1, sizeof(*sale->keys));
	sale->retired = calloc((size_t)texts + 1, sizeof(*sale->retired));
	if (sale->keys != NULL && sale->retired != NULL)
		return true;
	sale_clear(sale);
	return false;
}

void
sale_clear(struct sale *sale)
{
	free(sale->keys);
	free(sale->retired);
	sale->keys = NULL;
	sale->retired = NULL;
}

/* --------------------------------------------------------------- hashes -- */

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ (hash >> 32);
}

static void
toggle_key(struct sale *sale, int key)
{
	const struct sold_key *k = &sale->keys[key];
	int i;

	for (i = 0; i < 2; i++) {
		uint64_t h = mix(0x5eed + (uint64_t)i, (uint64_t)key);

		h = mix(h, (uint64_t)k->buyer);
		h = mix(h, (uint64_t)k->order);
		h = mix(h, (uint64_t)k->quantity);
		h = mix(h, (uint64_t)k->seat);
		h = mix(h, (uint64_t)k->remaining);
		sale->now.keys_hash[i] ^= mix(h, (uint64_t)k->version);
	}
}

void
sale_hash(const struct sale *sale, uint64_t hash[2])
{
	const struct sale_now *s = &sale->now;
	int i;

	for (i = 0; i < 2; i++) {
		uint64_t h = mix(0xfeed + (uint64_t)i, s->exists);

		if (s->exists) {
			h = mix(h, (uint64_t)s->capacity);
			h = mix(h, (uint64_t)s->remaining);
			h = mix(h, (uint64_t)s->version);
			h = mix(h, (uint64_t)s->receipts);
			h = mix(h, (uint64_t)s->lock);
			h = mix(h, (uint64_t)s->epoch);
			h = mix(h, s->keys_hash[i]);
		}
		hash[i] = mix(h, s->retired_hash[i]);
	}
}

/* ------------------------------------------------------------- judging -- */

static enum fit
no_fit(struct reason *reason, enum misfit misfit, int64_t told, int64_t here)
{
	*reason = (struct reason){.misfit = misfit, .told = told, .here = here};
	return FIT_NOT;
}

/* A number that was told is the one that is here. */
static bool
told_is(int64_t told, int64_t here, enum misfit misfit, struct reason *reason)
{
	if (told == NOT_TOLD || told == here)
		return true;
	no_fit(reason, misfit, told, here);
	return false;
}

/* The same of a text, and of one that may not be known here. */
static bool
told_is_text(int told, int here, enum misfit misfit, struct reason *reason)
{
	return told == 0 || here == 0 || told_is(told, here, misfit, reason);
}

/* Could the sale's epoch be this one? */
static bool
may_be_epoch(const struct sale *sale, int epoch)
{
	if (sale->now.epoch != 0)
		return sale->now.epoch == epoch;
	return !sale->retired[epoch];
}

static bool
told_is_epoch(const struct sale *sale, int told, struct reason *reason)
{
	if (told == 0 || may_be_epoch(sale, told))
		return true;
	no_fit(reason, MISFIT_EPOCH, told, sale->now.epoch);
	return false;
}

/* It fits; an epoch that was told is known from now on. */
static enum fit
fits(struct sale *sale, int epoch)
{
	if (epoch == 0 || sale->now.epoch != 0)
		return FIT_SAME;
	sale->now.epoch = epoch;
	return FIT_CHANGED;
}

/* The epoch ends. */
static void
retire(struct sale *sale, struct undo *undo)
{
	const int epoch = sale->now.epoch;
	int i;

	sale->now.epoch = 0;
	if (epoch == 0)
		return;
	undo->retired = epoch;
	sale->retired[epoch] = true;
	for (i = 0; i < 2; i++)
		sale->now.retired_hash[i] ^=
		    mix(0xe70c + (uint64_t)i, (uint64_t)epoch);
}

static void
set_key(
    struct sale *sale, int key, const struct sold_key *sold, struct undo *undo)
{
	undo->key = key;
	undo->sold = sale->keys[key];
	if (sale->keys[key].life == sale->now.life)
		toggle_key(sale, key);
	sale->keys[key] = *sold;
	toggle_key(sale, key);
}

/* -------------------------------------------------------------- looking -- */

static enum fit
look(struct sale *sale, const struct op *op, struct reason *reason)
{
	const struct sale_now *s = &sale->now;

	if (op->answer == ANSWER_NO_SALE)
		return s->exists ? no_fit(reason, MISFIT_IS_SALE, 0, 0)
				 : FIT_SAME;
	if (op->answer != ANSWER_DONE)
		return no_fit(reason, MISFIT_ODD, op->odd, 0);
	if (!s->exists)
		return no_fit(reason, MISFIT_NO_SALE, 0, 0);
	if (!told_is(op->version, s->version, MISFIT_VERSION, reason) ||
	    !told_is(op->capacity, s->capacity, MISFIT_CAPACITY, reason) ||
	    !told_is(op->remaining, s->remaining, MISFIT_REMAINING, reason) ||
	    !told_is_text(op->lock, s->lock, MISFIT_LOCK, reason) ||
	    !told_is_epoch(sale, op->epoch, reason) ||
	    !told_is(op->tickets, s->capacity - s->remaining, MISFIT_TICKETS,
		reason) ||
	    (s->receipts != NOT_TOLD &&
		!told_is(op->receipts, s->receipts, MISFIT_RECEIPTS, reason)))
		return FIT_NOT;
	return fits(sale, op->epoch);
}

/* --------------------------------------------------------------- buying -- */

static const struct sold_key *
receipt_of(const struct sale *sale, int key)
{
	const struct sold_key *sold = &sale->keys[key];

	return key != 0 && sold->life == sale->now.life ? sold : NULL;
}

/* The key has a receipt: that is the answer, for the same order. */
static enum fit
replay(struct sale *sale, const struct op *op, const struct sold_key *sold,
    struct undo *undo, struct reason *reason)
{
	const bool same =
	    op->buyer == sold->buyer && op->quantity == sold->quantity;
	struct sold_key known = *sold;

	if (op->answer == ANSWER_NONE)
		return no_fit(reason, MISFIT_NO_EFFECT, 0, 0);
	if (op->answer == ANSWER_KEY_REUSED && !same)
		return FIT_SAME;
	if (op->answer != ANSWER_DONE || !same)
		return no_fit(reason, MISFIT_KEY, sold->seat, sold->version);
	if (!told_is(op->version, sold->version, MISFIT_KEY, reason) ||
	    !told_is(op->seat, sold->seat, MISFIT_KEY, reason) ||
	    !told_is(op->seats, sold->quantity, MISFIT_KEY, reason) ||
	    !told_is(op->remaining, sold->remaining, MISFIT_KEY, reason) ||
	    !told_is_text(op->order, sold->order, MISFIT_KEY, reason))
		return no_fit(reason, MISFIT_KEY, sold->seat, sold->version);
	if (op->order == 0 || sold->order != 0)
		return FIT_SAME;
	known.order = op->order;
	set_key(sale, op->key, &known, undo);
	return FIT_CHANGED;
}

/* If-Match names another state than this one. */
static bool
mismatches(const struct sale *sale, const struct op *op)
{
	return op->match_epoch != 0 &&
	       (op->match_version != sale->now.version ||
		   !may_be_epoch(sale, op->match_epoch));
}

static enum fit
refuse(struct sale *sale, const struct op *op, struct reason *reason)
{
	const struct sale_now *s = &sale->now;

	if (op->answer == ANSWER_KEY_REUSED)
		return no_fit(reason, MISFIT_NO_KEY, op->key, 0);
	if (op->answer != ANSWER_SOLD_OUT && op->answer != ANSWER_NOT_ENOUGH &&
	    op->answer != ANSWER_CHANGED)
		return no_fit(reason, MISFIT_ODD, op->odd, 0);
	if (!told_is(op->version, s->version, MISFIT_VERSION, reason) ||
	    !told_is(op->remaining, s->remaining, MISFIT_REMAINING, reason) ||
	    !told_is_epoch(sale, op->epoch, reason))
		return FIT_NOT;
	if (op->answer == ANSWER_CHANGED) {
		/* An epoch that is not known may be any but the one told. */
		if (op->match_epoch == 0 ||
		    (op->match_version == s->version &&
			(op->match_epoch == s->epoch ||
			    op->match_epoch == op->epoch)))
			return no_fit(reason, MISFIT_MATCHES, 0, 0);
		return fits(sale, op->epoch);
	}
	if (mismatches(sale, op))
		return no_fit(reason, MISFIT_MATCH, 0, s->version);
	if (op->answer == ANSWER_SOLD_OUT
		? s->remaining > 0
		: s->remaining >= op->quantity || s->remaining == 0)
		return no_fit(
		    reason, MISFIT_ENOUGH, op->quantity, s->remaining);
	return fits(sale, op->match_epoch != 0 ? op->match_epoch : op->epoch);
}

/* The only rule for seats: they are numbered from what remains. */
static enum fit
sell(struct sale *sale, const struct op *op, struct undo *undo,
    struct reason *reason)
{
	struct sale_now *s = &sale->now;
	const struct sold_key sold = {.life = s->life,
	    .buyer = op->buyer,
	    .order = op->order,
	    .quantity = op->quantity,
	    .seat = s->capacity - s->remaining + 1,
	    .remaining = s->remaining - op->quantity,
	    .version = s->version + 1};

	if (mismatches(sale, op))
		return no_fit(reason, MISFIT_MATCH, 0, s->version);
	if (s->remaining < op->quantity)
		return no_fit(
		    reason, MISFIT_TOO_FEW, op->quantity, s->remaining);
	if (!told_is(op->version, sold.version, MISFIT_VERSION, reason) ||
	    !told_is(op->seat, sold.seat, MISFIT_SEAT, reason) ||
	    !told_is(op->seats, sold.quantity, MISFIT_SEATS, reason) ||
	    !told_is(op->remaining, sold.remaining, MISFIT_REMAINING, reason))
		return FIT_NOT;
	fits(sale, op->match_epoch);
	s->remaining = sold.remaining;
	s->version = sold.version;
	if (s->receipts != NOT_TOLD)
		s->receipts++;
	if (op->key != 0)
		set_key(sale, op->key, &sold, undo);
	return FIT_CHANGED;
}

static enum fit
buy(struct sale *sale, const struct op *op, struct undo *undo,
    struct reason *reason)
{
	const struct sold_key *sold = receipt_of(sale, op->key);

	if (op->answer == ANSWER_NO_SALE)
		return sale->now.exists ? no_fit(reason, MISFIT_IS_SALE, 0, 0)
					: FIT_SAME;
	if (!sale->now.exists)
		return no_fit(reason, MISFIT_NO_SALE, 0, 0);
	if (sold != NULL)
		return replay(sale, op, sold, undo, reason);
	if (op->answer == ANSWER_DONE || op->answer == ANSWER_NONE)
		return sell(sale, op, undo, reason);
	return refuse(sale, op, reason);
}

/* -------------------------------------------------- opening and changing -- */

/*
 * Could it be that the epoch stays?  It does if nothing changes, and of a
 * sale's delay nothing is known here.
 */
static bool
may_change_nothing(const struct sale_now *s, const struct op *op, int64_t raise)
{
	return raise == 0 &&
	       (op->wish_lock == 0 || s->lock == 0 || op->wish_lock == s->lock);
}

/* It fits: do it.  The epoch is then the one that was told. */
static enum fit
do_change(
    struct sale *sale, const struct op *op, int64_t raise, struct undo *undo)
{
	struct sale_now *s = &sale->now;
	const bool stays = may_change_nothing(s, op, raise) &&
			   op->answer == ANSWER_DONE &&
			   (op->epoch == 0 || op->epoch == s->epoch);

	if (stays && op->epoch != 0 &&
	    (op->wish_lock == 0 || op->wish_lock == s->lock))
		return FIT_SAME;
	if (!stays)
		retire(sale, undo);
	s->epoch = op->epoch;
	s->version += raise > 0;
	s->capacity += raise;
	s->remaining += raise;
	if (op->wish_lock != 0)
		s->lock = op->wish_lock;
	return FIT_CHANGED;
}

static enum fit
change(struct sale *sale, const struct op *op, struct undo *undo,
    struct reason *reason)
{
	struct sale_now *s = &sale->now;
	const int64_t raise =
	    op->wish_capacity == NOT_TOLD ? 0 : op->wish_capacity - s->capacity;

	if (op->answer == ANSWER_NO_SALE)
		return s->exists ? no_fit(reason, MISFIT_IS_SALE, 0, 0)
				 : FIT_SAME;
	if (!s->exists)
		return no_fit(reason, MISFIT_NO_SALE, 0, 0);
	if (op->answer == ANSWER_BAD_VALUE && raise < 0)
		return FIT_SAME;
	if (op->answer == ANSWER_BAD_VALUE || raise < 0)
		return no_fit(
		    reason, MISFIT_TOO_SMALL, op->wish_capacity, s->capacity);
	if (op->answer != ANSWER_DONE && op->answer != ANSWER_NONE)
		return no_fit(reason, MISFIT_ODD, op->odd, 0);
	/* A new epoch is new. */
	if (op->epoch != 0 &&
	    (sale->retired[op->epoch] ||
		(op->epoch == s->epoch && !may_change_nothing(s, op, raise))))
		return no_fit(reason, MISFIT_EPOCH, op->epoch, s->epoch);
	if (!told_is(op->version, s->version + (raise > 0), MISFIT_VERSION,
		reason) ||
	    !told_is(
		op->capacity, s->capacity + raise, MISFIT_CAPACITY, reason) ||
	    !told_is(op->remaining, s->remaining + raise, MISFIT_REMAINING,
		reason) ||
	    !told_is_text(op->lock,
		op->wish_lock != 0 ? op->wish_lock : s->lock, MISFIT_LOCK,
		reason))
		return FIT_NOT;
	return do_change(sale, op, raise, undo);
}

static void
open_sale(struct sale_now *s, int64_t capacity, int lock)
{
	s->exists = true;
	s->life++;
	s->capacity = s->remaining = capacity;
	s->version = s->receipts = 0;
	s->lock = lock;
	s->epoch = 0;
	s->keys_hash[0] = s->keys_hash[1] = 0;
}

static enum fit
create(struct sale *sale, const struct op *op, struct reason *reason)
{
	if (op->answer == ANSWER_SALE_EXISTS)
		return sale->now.exists ? FIT_SAME
					: no_fit(reason, MISFIT_NO_SALE, 0, 0);
	if (op->answer != ANSWER_DONE && op->answer != ANSWER_NONE)
		return no_fit(reason, MISFIT_ODD, op->odd, 0);
	if (sale->now.exists)
		return no_fit(reason, MISFIT_IS_SALE, 0, 0);
	open_sale(&sale->now, op->wish_capacity, op->wish_lock);
	return FIT_CHANGED;
}

static enum fit
start(struct sale *sale, const struct op *op)
{
	struct sale_now *s = &sale->now;

	open_sale(s, op->capacity, op->lock);
	s->epoch = op->epoch;
	s->remaining = op->remaining;
	s->version = op->version;
	s->receipts = op->version == 0 ? 0 : op->receipts;
	return FIT_CHANGED;
}

static enum fit
delete_sale(struct sale *sale, const struct op *op, struct undo *undo,
    struct reason *reason)
{
	struct sale_now *s = &sale->now;
	const bool may = op->force || s->remaining == s->capacity;

	if (op->answer == ANSWER_NO_SALE)
		return s->exists ? no_fit(reason, MISFIT_IS_SALE, 0, 0)
				 : FIT_SAME;
	if (!s->exists)
		return no_fit(reason, MISFIT_NO_SALE, 0, 0);
	if (op->answer == ANSWER_HAS_RECEIPTS && !may)
		return told_is(op->remaining, s->remaining, MISFIT_REMAINING,
			   reason)
			   ? FIT_SAME
			   : FIT_NOT;
	if (op->answer == ANSWER_HAS_RECEIPTS || !may)
		return no_fit(reason, MISFIT_TOO_FEW, 0, s->remaining);
	if (op->answer != ANSWER_DONE && op->answer != ANSWER_NONE)
		return no_fit(reason, MISFIT_ODD, op->odd, 0);
	retire(sale, undo);
	s->exists = false;
	return FIT_CHANGED;
}

/* ------------------------------------------------------------------ all -- */

enum fit
sale_apply(struct sale *sale, const struct op *op, struct undo *undo,
    struct reason *reason)
{
	undo->now = sale->now;
	undo->key = 0;
	undo->retired = 0;
	*reason = (struct reason){.misfit = MISFIT_NONE};
	if (op->answer == ANSWER_ODD)
		return no_fit(reason, MISFIT_ODD, op->odd, 0);
	switch (op->kind) {
	case OP_START:
		return start(sale, op);
	case OP_LOOK:
	case OP_AUDIT:
		return look(sale, op, reason);
	case OP_BUY:
		return buy(sale, op, undo, reason);
	case OP_PATCH:
		return change(sale, op, undo, reason);
	case OP_CREATE:
		return create(sale, op, reason);
	case OP_DELETE:
		return delete_sale(sale, op, undo, reason);
	}
	abort(); /* every kind is in the switch */
}

void
sale_undo(struct sale *sale, const struct undo *undo)
{
	sale->now = undo->now;
	if (undo->key != 0)
		sale->keys[undo->key] = undo->sold;
	if (undo->retired != 0)
		sale->retired[undo->retired] = false;
}

/* ---------------------------------------------------------------- words -- */

/* %1 is what was told, %2 what is here; as texts where they are texts. */
enum style { STYLE_WORDS, STYLE_NUMBERS, STYLE_TEXTS, STYLE_HERE, STYLE_KEY };

static const struct {
	enum style style;
	const char *words;
} misfits[] = {
    [MISFIT_NONE] = {STYLE_WORDS, "it fits"},
    [MISFIT_NO_SALE] = {STYLE_WORDS, "here there is no sale"},
    [MISFIT_IS_SALE] = {STYLE_WORDS, "here there is a sale"},
    [MISFIT_CAPACITY] = {STYLE_NUMBERS, "capacity"},
    [MISFIT_REMAINING] = {STYLE_NUMBERS, "tickets left"},
    [MISFIT_VERSION] = {STYLE_NUMBERS, "version"},
    [MISFIT_LOCK] = {STYLE_TEXTS, "strategy"},
    [MISFIT_EPOCH] = {STYLE_TEXTS, "epoch"},
    [MISFIT_RECEIPTS] = {STYLE_NUMBERS, "receipts"},
    [MISFIT_TICKETS] = {STYLE_NUMBERS, "tickets sold"},
    [MISFIT_SEAT] = {STYLE_NUMBERS, "seat"},
    [MISFIT_SEATS] = {STYLE_NUMBERS, "seats in number"},
    [MISFIT_ENOUGH] = {STYLE_HERE, "refused, and here %lld are left"},
    [MISFIT_TOO_FEW] = {STYLE_HERE, "here %lld are left"},
    [MISFIT_MATCHES] = {STYLE_WORDS,
	"refused for its If-Match, which is right here"},
    [MISFIT_MATCH] = {STYLE_HERE,
	"its If-Match is not right here, at version %lld"},
    [MISFIT_KEY] = {STYLE_KEY, ""},
    [MISFIT_NO_KEY] = {STYLE_WORDS,
	"refused for its key, which has no receipt here"},
    [MISFIT_TOO_SMALL] = {STYLE_HERE, "here the capacity is %lld"},
    [MISFIT_ODD] = {STYLE_WORDS, "no sale answers like that"},
    [MISFIT_NO_EFFECT] = {STYLE_WORDS, "here it can do nothing"},
};

void
sale_print_reason(
    const struct history *history, const struct reason *reason, FILE *out)
{
	const char *words = misfits[reason->misfit].words;
	const long long told = reason->told, here = reason->here;

	switch (misfits[reason->misfit].style) {
	case STYLE_WORDS:
		fprintf(out, "%s", words);
		break;
	case STYLE_NUMBERS:
		fprintf(
		    out, "told %s %lld, here it is %lld", words, told, here);
		break;
	case STYLE_TEXTS:
		fprintf(out, "told %s %s, here it is %s", words,
		    history_text(history, (int)told),
		    here == 0 ? "another" : history_text(history, (int)here));
		break;
	case STYLE_HERE:
		fprintf(out, words, here);
		break;
	case STYLE_KEY:
		fprintf(out, "its key has a receipt: seat %lld, version %lld",
		    told, here);
		break;
	}
}
