/* SPDX-License-Identifier: BSD-2-Clause */
/* Depth first: the path of the last run, and what each of its forks has left */
#include "tests/lab/explore.h"

#include <stdio.h>
#include <stdlib.h>

#include "locks/clock.h"
#include "service/splitmix.h"

/* Choices at a fork: a buyer goes; it dies; the strategy is changed; time
 * passes. */
#define PATCH_CHOICE (2 * LAB_BUYERS_MAX)
#define TIME_CHOICE (2 * LAB_BUYERS_MAX + 1)

/* Sets of choices are bits. */
typedef unsigned choices;

struct fork {
	choices todo;       /* not tried yet */
	choices sleep;      /* need not be tried: what commutes came before */
	choices waiting;    /* buyers that were blocked here */
	unsigned choice;    /* the last run's */
	bool is_supervised; /* before it the supervisor had its turn */
};

struct explorer {
	struct world *world;
	const struct search *search;
	struct fork path[SCHEDULE_MAX];

	/* The run. */
	struct schedule schedule;
	unsigned deaths;
	unsigned times;
	bool patched;
	choices waiting; /* who was blocked, and nothing has happened since */
	choices asleep;  /* at the next fork */
	int last;        /* who did the last letter, -1: nobody */
};

/* --------------------------------------------------------------- a fork -- */

static choices
go(unsigned buyer)
{
	return 1u << buyer;
}

static choices
kill_of(unsigned buyer)
{
	return 1u << (LAB_BUYERS_MAX + buyer);
}

/* Can it do a letter, as far as is known? */
static bool
can_go(const struct explorer *x, unsigned buyer)
{
	return !world_is_over(x->world, buyer) && (x->waiting & go(buyer)) == 0;
}

/* What may happen here. */
static choices
list_choices(const struct explorer *x)
{
	const struct search *search = x->search;
	choices found = 0;
	unsigned i;

	for (i = 0; i < search->setting.buyers; i++) {
		if (!can_go(x, i))
			continue;
		found |= go(i);
		if (x->deaths < search->deaths)
			found |= kill_of(i);
	}
	if (search->patch != NULL && !x->patched && found != 0)
		found |= 1u << PATCH_CHOICE;
	if (x->times < search->times && !world_all_over(x->world))
		found |= 1u << TIME_CHOICE;
	return found;
}

static bool
is_before_lock(const struct explorer *x, unsigned choice)
{
	return choice < LAB_BUYERS_MAX &&
	       world_standing(x->world, choice).next == STEP_WAIT;
}

/*
 * Those that may be blocked come first: to try them costs nothing then.  Of
 * these, and of the others, the one that went last.
 */
static unsigned
first_of(const struct explorer *x, choices todo)
{
	choices before_lock = 0;
	unsigned i;

	for (i = 0; i < LAB_BUYERS_MAX; i++)
		if ((todo & go(i)) != 0 && is_before_lock(x, i))
			before_lock |= go(i);
	if (before_lock != 0)
		todo = before_lock;
	if (x->last != -1 && (todo & go((unsigned)x->last)) != 0)
		return (unsigned)x->last;
	for (i = 0; (todo & (1u << i)) == 0; i++)
		;
	return i;
}

static unsigned
buyer_of(unsigned choice)
{
	return choice % LAB_BUYERS_MAX;
}

/* Would the choice be one preemption too many? */
static bool
is_too_many(const struct explorer *x, unsigned choice)
{
	return x->search->preemptions >= 0 && choice < PATCH_CHOICE &&
	       x->last != -1 && (int)buyer_of(choice) != x->last &&
	       can_go(x, (unsigned)x->last) &&
	       x->schedule.preemptions >= (unsigned)x->search->preemptions;
}

/* --------------------------------------------------------------- letters -- */

static void
write_letter(struct explorer *x, enum deed deed, unsigned buyer)
{
	struct schedule *schedule = &x->schedule;

	if (schedule->length == SCHEDULE_MAX)
		abort();
	schedule->letters[schedule->length++] =
	    (struct letter){.deed = deed, .buyer = buyer};
}

/* False: blocked, and nothing has happened. */
static bool
perform(struct explorer *x, unsigned choice)
{
	const unsigned buyer = buyer_of(choice);
	const bool went_on = x->last == -1 || x->last == (int)buyer ||
			     !can_go(x, (unsigned)x->last);
	bool moved;

	if (choice == TIME_CHOICE) {
		world_pass_time(x->world);
		write_letter(x, DEED_TIME, 0);
		x->times++;
		x->waiting = 0;
		return true;
	}
	if (choice == PATCH_CHOICE) {
		world_patch(x->world, x->search->patch);
		write_letter(x, DEED_PATCH, 0);
		x->patched = true;
		x->waiting = 0;
		return true;
	}
	if (choice < LAB_BUYERS_MAX)
		moved = world_go(x->world, buyer);
	else
		moved = world_kill(x->world, buyer);
	if (!moved) {
		x->waiting |= go(buyer);
		return false;
	}
	x->deaths += choice >= LAB_BUYERS_MAX;
	x->schedule.preemptions += !went_on;
	write_letter(x, choice < LAB_BUYERS_MAX ? DEED_GO : DEED_KILL, buyer);
	x->last = (int)buyer;
	x->waiting = 0;
	return true;
}

/* A look without a lock: what it does not change, and nobody waits for. */
static bool
is_look(const struct explorer *x, unsigned choice)
{
	return choice < LAB_BUYERS_MAX &&
	       world_standing(x->world, choice).next == STEP_READ &&
	       !x->search->setting.every_step;
}

/* Of those that sleep, who sleeps on: what commutes with the choice. */
static choices
still_asleep(const struct explorer *x, choices asleep, unsigned choice)
{
	choices left = 0;
	unsigned i;

	if (!x->search->reduced || !is_look(x, choice))
		return 0;
	for (i = 0; i < LAB_BUYERS_MAX; i++)
		if ((asleep & go(i)) != 0 && i != choice && is_look(x, i))
			left |= go(i);
	return left;
}

/* ------------------------------------------------------------------ runs -- */

/* Hand back what the dead hold.  False: there is nothing, or nobody to do it.
 */
static bool
supervise(struct explorer *x)
{
	if (x->search->alone || !world_supervise(x->world))
		return false;
	write_letter(x, DEED_SUPERVISE, 0);
	x->waiting = 0;
	return true;
}

/* Let the run end somehow: it is one that was counted before. */
static void
drain(struct explorer *x)
{
	bool moved = true;
	unsigned i;

	while (moved) {
		moved = false;
		for (i = 0; i < x->search->setting.buyers; i++)
			while (can_go(x, i) && perform(x, i))
				moved = true;
	}
}

/*
 * The next choice of a fork that can be done, and is.  False: none; what is
 * left in `todo` could not be done, or needs not be.
 */
static bool
take_branch(struct explorer *x, struct fork *fork)
{
	choices left;

	while ((left = fork->todo & ~fork->sleep) != 0) {
		const unsigned choice = first_of(x, left);
		const choices asleep = still_asleep(x, fork->sleep, choice);

		fork->todo &= ~(1u << choice);
		if (is_too_many(x, choice))
			continue;
		if (perform(x, choice)) {
			fork->choice = choice;
			x->asleep = asleep;
			return true;
		}
		fork->todo &=
		    ~(go(buyer_of(choice)) | kill_of(buyer_of(choice)));
		fork->waiting = x->waiting;
	}
	return false;
}

/* What the last run did here. */
static void
repeat(struct explorer *x, const struct fork *fork)
{
	if (fork->is_supervised)
		(void)supervise(x);
	x->waiting = fork->waiting;
	x->asleep = still_asleep(x, fork->sleep, fork->choice);
	if (!perform(x, fork->choice)) {
		fprintf(stderr, "lab: the same letters did something else\n");
		abort();
	}
}

static void
begin_run(struct explorer *x)
{
	world_begin(x->world, &x->search->setting);
	x->schedule = (struct schedule){.length = 0};
	x->deaths = 0;
	x->patched = false;
	x->times = 0;
	x->waiting = x->asleep = 0;
	x->last = -1;
}

/* A fork that no run has come to before.  False: nobody can go. */
static bool
new_fork(struct explorer *x, struct fork *fork)
{
	*fork = (struct fork){.sleep = x->asleep, .todo = list_choices(x)};
	if (fork->todo != 0)
		return true;
	fork->is_supervised = supervise(x);
	fork->todo = list_choices(x);
	return fork->todo != 0;
}

enum fate { ENDED, GOES_ON, REDUNDANT };

/* One letter more than any run before. */
static enum fate
grow(struct explorer *x, struct fork *fork)
{
	for (;;) {
		if (!new_fork(x, fork))
			return ENDED;
		if (take_branch(x, fork))
			return GOES_ON;
		if (list_choices(x) != 0) /* asleep, or one too many */
			return REDUNDANT;
		/* All are blocked; but perhaps by the dead. */
	}
}

/*
 * From the first letter to the end.  `*depth` forks are there, and all but the
 * last are repeated; as many are there then as were passed.  REDUNDANT: it was
 * no schedule of its own.
 */
static enum fate
run(struct explorer *x, size_t *depth)
{
	const size_t known = *depth;
	enum fate fate;
	struct fork *fork;

	begin_run(x);
	for (*depth = 0; *depth + 1 < known; (*depth)++)
		repeat(x, &x->path[*depth]);
	if (known > 0) {
		fork = &x->path[*depth];
		if (fork->is_supervised)
			(void)supervise(x);
		x->waiting = fork->waiting;
		if (!take_branch(x, fork))
			return REDUNDANT;
		(*depth)++;
	}
	for (;; (*depth)++) {
		if (*depth == SCHEDULE_MAX)
			abort();
		fate = grow(x, &x->path[*depth]);
		if (fate != GOES_ON)
			return fate;
	}
}

/* To the last fork that has something left. */
static size_t
back_up(struct explorer *x, size_t depth)
{
	for (; depth > 0; depth--) {
		struct fork *fork = &x->path[depth - 1];

		if (x->search->reduced && fork->choice < LAB_BUYERS_MAX)
			fork->sleep |= go(fork->choice);
		if ((fork->todo & ~fork->sleep) != 0)
			return depth;
	}
	return 0;
}

/* --------------------------------------------------------- an estimate -- */

#define PROBES 64
#define PROBES_FIRST 8
#define SHORT_S 1.0 /* nobody asks how long that takes */

/* Will it be blocked?  A guess, as only a try can tell. */
static bool
seems_blocked(const struct explorer *x, unsigned choice)
{
	struct lock_strategy strategy;
	unsigned i;

	if (choice >= PATCH_CHOICE || !is_before_lock(x, buyer_of(choice)) ||
	    !lock_parse(x->search->setting.lock, &strategy) ||
	    !lock_facts(strategy).excludes_processes)
		return false;
	for (i = 0; i < x->search->setting.buyers; i++)
		if (world_standing(x->world, i).holds)
			return true;
	return false;
}

/* Of those that are left, the ones that will probably be runs. */
static choices
likely(const struct explorer *x, choices left)
{
	choices open = 0, found = 0;
	unsigned choice;

	for (choice = 0; choice <= TIME_CHOICE; choice++) {
		if ((left & (1u << choice)) == 0 || is_too_many(x, choice))
			continue;
		open |= 1u << choice;
		if (!seems_blocked(x, choice))
			found |= 1u << choice;
	}
	return found != 0 ? found : open;
}

static unsigned
pick(choices left, uint64_t *chance)
{
	unsigned skip = (unsigned)(splitmix_next(chance) %
				   (unsigned)__builtin_popcount(left));
	unsigned choice = (unsigned)__builtin_ctz(left);

	for (; skip > 0; skip--) {
		left &= left - 1;
		choice = (unsigned)__builtin_ctz(left);
	}
	return choice;
}

/* What explore() would have tried before that choice, and so let sleep. */
static choices
tried_before(const struct explorer *x, choices left, unsigned choice)
{
	choices tried = 0;
	unsigned first;

	for (; (first = first_of(x, left)) != choice; left &= ~(1u << first))
		if (first < LAB_BUYERS_MAX)
			tried |= go(first);
	return tried;
}

/* One branch, by chance; `*weight` grows by how many there are. */
static bool
take_chance(
    struct explorer *x, struct fork *fork, uint64_t *chance, double *weight)
{
	choices left;

	while ((left = likely(x, fork->todo & ~fork->sleep)) != 0) {
		const unsigned choice = pick(left, chance);
		const choices asleep = still_asleep(
		    x, fork->sleep | tried_before(x, left, choice), choice);

		if (perform(x, choice)) {
			x->asleep = asleep;
			*weight *= __builtin_popcount(left);
			return true;
		}
		fork->todo &=
		    ~(go(buyer_of(choice)) | kill_of(buyer_of(choice)));
	}
	return false;
}

/* One run, by chance: how many there are, if all are as this one is. */
static double
probe(struct explorer *x, uint64_t *chance)
{
	double weight = 1;
	struct fork fork;
	struct end end;

	begin_run(x);
	while (new_fork(x, &fork))
		if (!take_chance(x, &fork, chance, &weight) &&
		    list_choices(x) != 0)
			break; /* asleep, or one too many */
	drain(x);
	world_end(x->world, &end);
	return weight;
}

struct estimate
explore_estimate(struct world *world, const struct search *search)
{
	struct explorer x = {.world = world, .search = search};
	const int64_t from_ns = clock_now_ns();
	struct estimate estimate = {.runs = 0};
	uint64_t chance = 0;
	double sum = 0;
	int i;

	for (i = 1; i <= PROBES; i++) {
		sum += probe(&x, &chance);
		estimate.runs = sum / i;
		estimate.seconds = estimate.runs *
				   (double)(clock_now_ns() - from_ns) / i /
				   NS_PER_SEC;
		if (i == PROBES_FIRST && estimate.seconds < SHORT_S)
			break;
	}
	return estimate;
}

/* -------------------------------------------------------------- all of them --
 */

bool
explore(struct world *world, const struct search *search, explore_fn *visit,
    void *arg)
{
	struct explorer x = {.world = world, .search = search};
	struct run ended = {.schedule = &x.schedule};
	size_t depth = 0;
	bool goes_on = true;

	do {
		const enum fate fate = run(&x, &depth);

		if (fate == REDUNDANT)
			drain(&x);
		ended.stop = world_stop(world);
		world_end(world, &ended.end);
		if (fate == ENDED)
			goes_on = visit(&ended, arg);
		depth = back_up(&x, depth);
	} while (goes_on && depth > 0);
	return goes_on;
}
