/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/history/clash.h"

#include <stdlib.h>
#include <string.h>

#include "tests/history/sale.h"

#define NOBODY SIZE_MAX

struct finder {
	const struct partition *p;
	int texts;
	size_t *uses; /* by key: how many orders bear it */
	size_t *some; /* scratch: by text, or by version, or in an order */
	size_t room;
	int64_t base; /* no version is below */
	struct clash *clash;
};

static bool
is_receipt(const struct op *op)
{
	return op->kind == OP_BUY && op->answer == ANSWER_DONE;
}

/* One that can only be the first of its key. */
static bool
is_fresh(const struct finder *f, const struct op *op)
{
	return is_receipt(op) && (op->key == 0 || f->uses[op->key] == 1);
}

static bool
found(struct finder *f, enum clash_kind kind, size_t a, size_t b)
{
	const bool a_is_last = f->p->ops[a].returned > f->p->ops[b].returned;

	*f->clash = (struct clash){.kind = kind,
	    .op = a_is_last ? a : b,
	    .against = a_is_last ? b : a};
	return true;
}

static void
clear(struct finder *f)
{
	memset(f->some, 0xff, f->room * sizeof(*f->some));
}

/* -------------------------------------------------- receipts: keys, seats --
 */

static bool
same_receipt(const struct op *a, const struct op *b)
{
	return a->seat == b->seat && a->seats == b->seats &&
	       a->version == b->version && a->remaining == b->remaining &&
	       (a->order == 0 || b->order == 0 || a->order == b->order);
}

static bool
clash_of_keys(struct finder *f)
{
	size_t i, first;

	clear(f);
	for (i = 0; i < f->p->count; i++) {
		const struct op *op = &f->p->ops[i];

		if (!is_receipt(op) || op->key == 0)
			continue;
		first = f->some[op->key];
		if (first == NOBODY)
			f->some[op->key] = i;
		else if (!same_receipt(&f->p->ops[first], op))
			return found(f, CLASH_KEY, first, i);
	}
	return false;
}

static int
by_seat(const void *a, const void *b, void *arg)
{
	const struct op *ops = arg;
	const size_t *x = a, *y = b;

	if (ops[*x].seat != ops[*y].seat)
		return ops[*x].seat < ops[*y].seat ? -1 : 1;
	return *x < *y ? -1 : 1;
}

/* Two of one key are one receipt. */
static bool
is_other(const struct op *a, const struct op *b)
{
	return a->key == 0 || a->key != b->key;
}

static bool
clash_of_seats(struct finder *f)
{
	const struct op *ops = f->p->ops;
	size_t i, n = 0, last = NOBODY;

	for (i = 0; i < f->p->count; i++)
		if (is_receipt(&ops[i]))
			f->some[n++] = i;
	qsort_r(f->some, n, sizeof(*f->some), by_seat, f->p->ops);
	for (i = 0; i < n; i++) {
		const struct op *op = &ops[f->some[i]];

		if (last != NOBODY && is_other(&ops[last], op) &&
		    op->seat < ops[last].seat + ops[last].seats)
			return found(f,
			    op->version == ops[last].version ? CLASH_GONE
							     : CLASH_SEAT,
			    last, f->some[i]);
		last = f->some[i];
	}
	return false;
}

/* ------------------------------------------------------------ versions -- */

/* Where a version has its place; NOBODY: nowhere, it is too large. */
static size_t
place(const struct finder *f, int64_t version)
{
	return version >= f->base && version - f->base < (int64_t)f->room
		   ? (size_t)(version - f->base)
		   : NOBODY;
}

static bool
clash_of_versions(struct finder *f)
{
	size_t i, at, first;

	clear(f);
	for (i = 0; i < f->p->count; i++) {
		const struct op *op = &f->p->ops[i];

		at = is_receipt(op) ? place(f, op->version) : NOBODY;
		if (at == NOBODY)
			continue;
		first = f->some[at];
		if (first == NOBODY)
			f->some[at] = i;
		else if (is_other(&f->p->ops[first], op))
			return found(f, CLASH_VERSION, first, i);
	}
	return false;
}

static bool
clash_of_left(struct finder *f)
{
	size_t i, at, first;

	clear(f);
	for (i = 0; i < f->p->count; i++) {
		const struct op *op = &f->p->ops[i];

		at = (history_tells_version(op) || is_receipt(op)) &&
			     op->remaining != NOT_TOLD
			 ? place(f, op->version)
			 : NOBODY;
		if (at == NOBODY)
			continue;
		first = f->some[at];
		if (first == NOBODY)
			f->some[at] = i;
		else if (f->p->ops[first].remaining != op->remaining)
			return found(f, CLASH_LEFT, first, i);
	}
	return false;
}

/* ----------------------------------------------------------------- time -- */

static int
by_answer(const void *a, const void *b, void *arg)
{
	const struct op *ops = arg;
	const size_t *x = a, *y = b;

	return ops[*x].returned < ops[*y].returned ? -1 : 1;
}

/* Those with an answer, in the order of answers. */
static size_t
sort_by_answer(struct finder *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->p->count; i++)
		if (f->p->ops[i].answer != ANSWER_NONE)
			f->some[n++] = i;
	qsort_r(f->some, n, sizeof(*f->some), by_answer, f->p->ops);
	return n;
}

/* Who asks after an answer knows at least that answer's version. */
static bool
clash_of_time(struct finder *f)
{
	const struct op *ops = f->p->ops;
	const size_t n = sort_by_answer(f);
	size_t i, answered = 0, newest = NOBODY;

	for (i = 0; i < f->p->count; i++) {
		for (; answered < n &&
		       ops[f->some[answered]].returned < ops[i].invoked;
		     answered++) {
			const struct op *op = &ops[f->some[answered]];

			if ((history_tells_version(op) || is_receipt(op)) &&
			    (newest == NOBODY ||
				op->version > ops[newest].version))
				newest = f->some[answered];
		}
		if (newest == NOBODY)
			continue;
		if ((history_tells_version(&ops[i]) || is_fresh(f, &ops[i])) &&
		    ops[i].version < ops[newest].version)
			return found(f, CLASH_OLD, newest, i);
		if (is_fresh(f, &ops[i]) &&
		    ops[i].version == ops[newest].version)
			return found(f, CLASH_NOT_NEW, newest, i);
	}
	return false;
}

/* The epoch that the sale had between question and answer; 0: not told. */
static int
epoch_of(const struct op *op)
{
	return op->kind != OP_CREATE && op->kind != OP_START ? op->epoch : 0;
}

/*
 * An epoch is one stretch of time: between one answer that tells of it and
 * one who asks later and is told of it, nobody can be told of another.
 */
static bool
clash_of_epochs(struct finder *f)
{
	const struct op *ops = f->p->ops;
	size_t i, j;

	clear(f);
	for (i = 0; i < f->p->count; i++) /* the last to ask, by epoch */
		if (epoch_of(&ops[i]) != 0)
			f->some[epoch_of(&ops[i])] = i;
	for (i = 0; i < f->p->count; i++) {
		const int epoch = epoch_of(&ops[i]);
		const size_t last = epoch == 0 ? i : f->some[epoch];

		if (ops[last].invoked < ops[i].returned)
			continue;
		for (j = i + 1; j < last; j++)
			if (epoch_of(&ops[j]) != 0 &&
			    epoch_of(&ops[j]) != epoch &&
			    ops[j].invoked > ops[i].returned &&
			    ops[j].returned < ops[last].invoked)
				return found(f, CLASH_OLD_EPOCH, j, last);
	}
	return false;
}

/* And it is one stretch of versions. */
static bool
clash_of_stretches(struct finder *f)
{
	const struct op *ops = f->p->ops;
	size_t i, *low = f->some, *high = f->uses, lowest, highest;

	clear(f);
	memset(high, 0xff, f->room * sizeof(*high));
	for (i = 0; i < f->p->count; i++) {
		const int epoch = epoch_of(&ops[i]);

		if (epoch == 0 || !history_tells_version(&ops[i]))
			continue;
		if (low[epoch] == NOBODY ||
		    ops[i].version < ops[low[epoch]].version)
			low[epoch] = i;
		if (high[epoch] == NOBODY ||
		    ops[i].version > ops[high[epoch]].version)
			high[epoch] = i;
	}
	for (i = 0; i < (size_t)f->texts + 1; i++) {
		size_t j;

		lowest = low[i];
		highest = high[i];
		if (lowest == NOBODY)
			continue;
		for (j = 0; j < f->p->count; j++)
			if (epoch_of(&ops[j]) != 0 &&
			    epoch_of(&ops[j]) != (int)i &&
			    history_tells_version(&ops[j]) &&
			    ops[j].version > ops[lowest].version &&
			    ops[j].version < ops[highest].version)
				return found(f, CLASH_AMID, j, highest);
	}
	return false;
}

/* ------------------------------------------------------------------ all -- */

static bool
find(struct finder *f)
{
	size_t i;

	for (i = 0; i < f->p->count; i++) {
		const struct op *op = &f->p->ops[i];

		if (op->kind == OP_BUY)
			f->uses[op->key]++;
		if (op->kind == OP_START)
			f->base = op->version;
	}
	return clash_of_keys(f) || clash_of_seats(f) || clash_of_versions(f) ||
	       clash_of_time(f) || clash_of_left(f) || clash_of_epochs(f) ||
	       clash_of_stretches(f); /* the last: it uses up `uses` */
}

bool
clash_find(const struct partition *partition, int texts, struct clash *clash)
{
	struct finder f = {.p = partition,
	    .texts = texts,
	    .room = partition->count + (size_t)texts + 2,
	    .clash = clash};
	bool is = false;

	if (!history_lives_once(partition))
		return false;
	f.uses = calloc(f.room, sizeof(*f.uses));
	f.some = calloc(f.room, sizeof(*f.some));
	if (f.uses != NULL && f.some != NULL)
		is = find(&f);
	free(f.uses);
	free(f.some);
	return is;
}

const char *
clash_words(enum clash_kind kind)
{
	switch (kind) {
	case CLASH_KEY:
		return "has another receipt for the same key: it was sold "
		       "twice";
	case CLASH_GONE:
		return "has the same seat and the same version: one of the "
		       "two is gone";
	case CLASH_SEAT:
		return "has the same seat: it was sold twice";
	case CLASH_VERSION:
		return "has the same version";
	case CLASH_LEFT:
		return "saw the same version with another number left";
	case CLASH_OLD:
		return "was answered before that was asked, and had a later "
		       "version";
	case CLASH_NOT_NEW:
		return "was answered before that was asked, and knew that "
		       "version already";
	case CLASH_AMID:
		return "has another epoch than those at the versions before "
		       "and after it";
	case CLASH_OLD_EPOCH:
		return "was answered before that was asked, and the epoch was "
		       "over by then";
	}
	abort(); /* every kind is in the switch */
}
