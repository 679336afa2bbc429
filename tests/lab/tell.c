/* SPDX-License-Identifier: BSD-2-Clause */
/* Letters as they are done, and what the orders' trails say of each. */
#include "tests/lab/tell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/museum/museum.h"

#define REASON_SIZE 96
#define LINE_SIZE 96

/* How a schedule was followed, under one strategy. */
struct way {
	struct schedule done; /* what was done; the text, or more, or less */
	char reason[REASON_SIZE];  /* why a letter was none; "" */
	bool ended_early, went_on; /* the text, though no letter was none */
	enum stop stop;
	char circle[LINE_SIZE]; /* who waits for whom; "": nobody */
	struct end end;
};

/* Somebody who hears what happens. */
struct listener {
	void (*hear)(void *arg, const struct world *world, struct letter letter,
	    size_t trail_before);
	void (*blocked)(void *arg, struct letter letter, const char *reason);
	void *arg;
};

/* Who has the lock that the buyer waits for; -1: nobody. */
static int
holder(const struct world *world, unsigned buyers, unsigned buyer)
{
	unsigned i;

	for (i = 0; i < buyers; i++)
		if (i != buyer && world_standing(world, i).holds)
			return (int)i;
	return -1;
}

/* "letter 2: B waits, A holds the lock"; "A waits for lock 2, B has it" */
static void
say_blocked(const struct world *world, unsigned buyers, unsigned buyer,
    size_t number, char reason[REASON_SIZE])
{
	const struct standing standing = world_standing(world, buyer);
	const int who = holder(world, buyers, buyer);
	const bool is_dead =
	    who != -1 && world_standing(world, (unsigned)who).dead;
	char holds[48] = "";

	if (standing.thing != NULL)
		snprintf(holds, sizeof(holds), " for %s, %c has it",
		    standing.thing, 'A' + (int)standing.whom);
	else if (who != -1)
		snprintf(holds, sizeof(holds), ", %c %s the lock", 'A' + who,
		    is_dead ? "died with" : "holds");
	snprintf(reason, REASON_SIZE, "letter %zu: %c waits%s", number,
	    'A' + (int)buyer, holds);
}

/* False: the letter was none; why, if it is the first, is in the way. */
static bool
do_letter(struct world *world, const struct search *search,
    struct letter letter, size_t number, struct way *way,
    const struct listener *listener)
{
	const size_t before =
	    trail_length(&world_order(world, letter.buyer)->trail);
	char reason[REASON_SIZE] = "";
	bool moved = true;

	switch (letter.deed) {
	case DEED_GO:
	case DEED_KILL:
		if (world_is_over(world, letter.buyer)) {
			snprintf(reason, sizeof(reason),
			    "letter %zu: %c was done before", number,
			    'A' + (int)letter.buyer);
			way->went_on |= way->reason[0] == '\0';
			moved = false;
			break;
		}
		moved = letter.deed == DEED_GO
			    ? world_go(world, letter.buyer)
			    : world_kill(world, letter.buyer);
		if (!moved)
			say_blocked(world, search->setting.buyers, letter.buyer,
			    number, reason);
		break;
	case DEED_SUPERVISE:
		(void)world_supervise(world);
		break;
	case DEED_TIME:
		world_pass_time(world);
		break;
	case DEED_PATCH:
		world_patch(world, search->patch);
		break;
	}
	if (!moved) {
		if (way->reason[0] == '\0')
			memcpy(way->reason, reason, REASON_SIZE);
		if (listener != NULL)
			listener->blocked(listener->arg, letter, reason);
		return false;
	}
	way->done.letters[way->done.length++] = letter;
	if (listener != NULL)
		listener->hear(listener->arg, world, letter, before);
	return true;
}

/* What the text leaves over: one after the other. */
static void
do_rest(struct world *world, const struct search *search, struct way *way,
    const struct listener *listener)
{
	bool moved = true;
	unsigned i;

	while (moved) {
		moved = false;
		for (i = 0; i < search->setting.buyers; i++)
			while (!world_is_over(world, i) &&
			       way->done.length < SCHEDULE_MAX &&
			       do_letter(world, search,
				   (struct letter){DEED_GO, i},
				   way->done.length + 1, way, listener))
				moved = true;
	}
}

/* "A --lock 2--> B --lock 1--> A", if it is known what they wait for. */
static void
draw_circle(const struct world *world, unsigned buyers, char circle[LINE_SIZE])
{
	unsigned first = 0, next, i;
	int length;

	while (world_is_over(world, first))
		first++;
	next = first;
	length = snprintf(circle, LINE_SIZE, "%c", 'A' + (int)first);
	for (i = 0; i < buyers && (i == 0 || next != first); i++) {
		const struct standing standing = world_standing(world, next);

		if (standing.thing == NULL) {
			circle[0] = '\0';
			return;
		}
		next = standing.whom;
		length += snprintf(circle + length, LINE_SIZE - (size_t)length,
		    " --%s--> %c", standing.thing, 'A' + (int)next);
	}
}

/*
 * What the text leaves over: one after the other, and the supervisor where
 * nobody can go on.
 */
static void
finish(struct world *world, const struct search *search, struct way *way,
    const struct listener *listener)
{
	do_rest(world, search, way, listener);
	if (world_stop(world) == STOP_STUCK && !search->alone) {
		(void)do_letter(world, search,
		    (struct letter){.deed = DEED_SUPERVISE},
		    way->done.length + 1, way, listener);
		do_rest(world, search, way, listener);
	}
}

static void
follow(struct world *world, const struct search *search,
    const struct schedule *text, struct way *way,
    const struct listener *listener)
{
	size_t i, length;

	*way = (struct way){.done = {.length = 0}};
	world_begin(world, &search->setting);
	for (i = 0; i < text->length && way->done.length < SCHEDULE_MAX; i++)
		(void)do_letter(
		    world, search, text->letters[i], i + 1, way, listener);
	length = way->reason[0] == '\0' ? way->done.length : SCHEDULE_MAX;
	finish(world, search, way, listener);
	way->ended_early = way->done.length > length;
	way->stop = world_stop(world);
	if (way->stop == STOP_DEADLOCK)
		draw_circle(world, search->setting.buyers, way->circle);
	world_end(world, &way->end);
}

static const char *
verdict_of(const struct way *way)
{
	if (way->stop != STOP_DONE)
		return way->stop == STOP_STUCK ? "stuck" : "deadlock";
	if (way->end.oversold || way->end.double_booked)
		return way->end.oversold ? "oversold" : "double-booked";
	return way->end.stranded ? "stranded" : "correct";
}

/* --------------------------------------------------------------- telling -- */

/* Columns: a buyer each, and the counter behind the first one. */
struct teller {
	FILE *out;
	int width; /* of a buyer's column */
	size_t number;
	size_t given;     /* letters; what comes behind them is the rest */
	unsigned waiting; /* who was said to wait, a bit each */
	int64_t left;
};

static void
print_cell(const struct teller *teller, unsigned column, bool is_first,
    struct letter letter, const char *text)
{
	unsigned i;

	if (is_first)
		fprintf(teller->out, "  %3zu %c  ", teller->number,
		    schedule_letter(letter));
	else
		fprintf(teller->out, "  %3s %c  ", "", ' ');
	for (i = 0; i <= column; i++) {
		if (i == column) {
			fprintf(teller->out, "%s", text);
			if (i == 0 && is_first)
				fprintf(teller->out, "%*s%5" PRId64,
				    teller->width - (int)strlen(text), "",
				    teller->left);
			continue;
		}
		fprintf(teller->out, "%*s", teller->width, "");
		if (i == 0 && is_first)
			fprintf(teller->out, "%5" PRId64 "   ", teller->left);
		else if (i == 0)
			fprintf(teller->out, "%8s", "");
	}
	fprintf(teller->out, "\n");
}

/* A write that changed nothing: what it was decided on is not so any more. */
static bool
is_refused(const struct trail *trail, size_t i)
{
	const enum step next = i + 1 < trail_length(trail)
				   ? trail_at(trail, i + 1)->step
				   : STEP_COMMIT;

	return next == STEP_CONFLICT || next == STEP_SWITCH;
}

static void
word_step(const struct trail *trail, size_t i, char text[LINE_SIZE])
{
	const struct trail_step *step = trail_at(trail, i);

	switch (step->step) {
	case STEP_LOCK:
		snprintf(text, LINE_SIZE, "gets the lock");
		break;
	case STEP_RECOVER:
		snprintf(text, LINE_SIZE, "inherits the lock");
		break;
	case STEP_READ:
		snprintf(text, LINE_SIZE,
		    "reads %" PRId64 " left (v%" PRId64 ")", step->remaining,
		    step->version);
		break;
	case STEP_WRITE:
		snprintf(text, LINE_SIZE, "%s %" PRId64 " left",
		    is_refused(trail, i) ? "would write" : "writes",
		    step->remaining);
		break;
	case STEP_CONFLICT:
		snprintf(text, LINE_SIZE, "is refused: another was first");
		break;
	case STEP_SWITCH:
		snprintf(text, LINE_SIZE, "the strategy was changed: again");
		break;
	default:
		text[0] = '\0';
	}
}

/* What it was told, after its last letter. */
static void
word_outcome(const struct order *order, char text[LINE_SIZE])
{
	const struct receipt *receipt = &order->receipt;

	if (order->outcome == OUTCOME_SOLD && receipt->quantity > 1)
		snprintf(text, LINE_SIZE,
		    "has seats %" PRId64 "-%" PRId64 " (v%" PRId64 ")",
		    receipt->seat, receipt->seat + receipt->quantity - 1,
		    receipt->version);
	else if (order->outcome == OUTCOME_SOLD)
		snprintf(text, LINE_SIZE, "has seat %" PRId64 " (v%" PRId64 ")",
		    receipt->seat, receipt->version);
	else
		snprintf(text, LINE_SIZE, "is told: %s",
		    order_outcome_name(order->outcome));
}

static void
hear(void *arg, const struct world *world, struct letter letter,
    size_t trail_before)
{
	struct teller *teller = arg;
	const struct order *order = world_order(world, letter.buyer);
	const struct trail *trail = &order->trail;
	const struct standing standing = world_standing(world, letter.buyer);
	char text[LINE_SIZE];
	bool is_first = true;
	size_t i;

	teller->waiting = 0;
	teller->number++;
	if (letter.deed == DEED_SUPERVISE || letter.deed == DEED_PATCH ||
	    letter.deed == DEED_TIME) {
		fprintf(teller->out, "  %3zu %c  %s\n", teller->number,
		    schedule_letter(letter),
		    letter.deed == DEED_PATCH ? "PATCH: the strategy is changed"
		    : letter.deed == DEED_TIME
			? "ten seconds pass"
			: "the supervisor hands back what the dead held");
		return;
	}
	for (i = trail_before; i < trail_length(trail); i++)
		if (trail_at(trail, i)->step == STEP_WRITE &&
		    !is_refused(trail, i))
			teller->left = trail_at(trail, i)->remaining;
	if (standing.did != NULL) {
		print_cell(teller, letter.buyer, true, letter, standing.did);
		is_first = false;
	}
	for (i = trail_before; i < trail_length(trail); i++) {
		word_step(trail, i, text);
		if (text[0] == '\0')
			continue;
		print_cell(teller, letter.buyer, is_first, letter, text);
		is_first = false;
	}
	if (letter.deed == DEED_KILL)
		print_cell(teller, letter.buyer, is_first, letter, "is killed");
	else if (standing.done) {
		word_outcome(order, text);
		print_cell(teller, letter.buyer, is_first, letter, text);
	}
}

static void
hear_blocked(void *arg, struct letter letter, const char *reason)
{
	struct teller *teller = arg;
	const unsigned bit = 1u << letter.buyer;

	if (teller->number >= teller->given && (teller->waiting & bit) != 0)
		return;
	teller->waiting |= bit;
	teller->number++;
	print_cell(teller, letter.buyer, true, letter, strchr(reason, ':') + 2);
}

static void
tell_one(struct world *world, const struct flags *flags,
    const struct search *search, const struct schedule *schedule,
    struct way *way, FILE *out)
{
	struct teller teller = {.out = out,
	    .width = flags->buyers == 2 ? 32 : 22,
	    .given = schedule->length,
	    .left = flags->tickets};
	const struct listener listener = {
	    .hear = hear, .blocked = hear_blocked, .arg = &teller};
	unsigned i;

	fprintf(out, "%s under %s: %u buyers, %" PRId64 " ticket%s, %s\n\n",
	    flags->schedule, search->setting.lock, flags->buyers,
	    flags->tickets, flags->tickets == 1 ? "" : "s", flags->stores[0]);
	fprintf(out, "  %-7s", "");
	for (i = 0; i < flags->buyers; i++)
		fprintf(out, "%c%*s%s", 'A' + (int)i, teller.width - 1, "",
		    i == 0 ? " left   " : "");
	fprintf(out, "\n");
	follow(world, search, schedule, way, &listener);
	fprintf(out,
	    "\n%s: %" PRId64 " sold of %" PRId64 ", %" PRId64 " left%s\n",
	    verdict_of(way), way->end.tickets, flags->tickets,
	    way->end.remaining,
	    way->end.untold ? "; one was sold and never told" : "");
	if (way->circle[0] != '\0')
		fprintf(out, "each waits for the next: %s\n", way->circle);
}

static void
tell_cure(struct world *world, const struct flags *flags,
    struct lock_strategy strategy, const struct schedule *schedule, FILE *out)
{
	const struct search search = flags_search(flags, strategy);
	char done[SCHEDULE_MAX + 1];
	struct way way;

	follow(world, &search, schedule, &way, NULL);
	schedule_print(&way.done, done);
	fprintf(out, "  %-14s %-14s %-10s %s\n", search.setting.lock,
	    verdict_of(&way), done,
	    way.reason[0] == '\0' ? "followed" : way.reason);
}

/* An exhibit stands above, and behind it what cures it, if that is another. */
static void
tell_cures(struct world *world, const struct flags *flags,
    const struct schedule *schedule, FILE *out)
{
	const unsigned next = lock_row(flags->lock) + 1;
	size_t i;

	if (museum_of(flags->lock) != NULL) {
		tell_cure(world, flags, flags->lock, schedule, out);
		if (next < lock_count() &&
		    museum_of(lock_at(next))->cure[0] == '\0')
			tell_cure(world, flags, lock_at(next), schedule, out);
	}
	for (i = 0; i < flags->lock_count; i++)
		tell_cure(world, flags, flags->locks[i], schedule, out);
}

int
tell(const struct flags *flags, FILE *out)
{
	const struct search search = flags_search(flags, flags->lock);
	struct schedule schedule;
	struct world *world;
	struct way way;
	char error[256];
	size_t i;

	if (!schedule_parse(flags->schedule, flags->buyers, &schedule, error,
		sizeof(error))) {
		fprintf(
		    stderr, "lab: --schedule %s: %s\n", flags->schedule, error);
		return EXIT_USAGE;
	}
	for (i = 0; i < schedule.length; i++)
		if (schedule.letters[i].deed == DEED_PATCH &&
		    flags->patch == NULL) {
			fprintf(stderr,
			    "lab: --schedule %s: P needs --patch STRATEGY\n",
			    flags->schedule);
			return EXIT_USAGE;
		}
	world = world_new(flags->stores[0], error, sizeof(error));
	if (world == NULL) {
		fprintf(stderr, "lab: %s: %s\n", flags->stores[0], error);
		return EXIT_USAGE;
	}
	follow(world, &search, &schedule, &way, NULL);
	if (way.ended_early || way.went_on) {
		char done[SCHEDULE_MAX + 1];

		schedule_print(&way.done, done);
		if (way.ended_early)
			fprintf(stderr,
			    "lab: --schedule %s ends early: %s is whole\n",
			    flags->schedule, done);
		else
			fprintf(stderr, "lab: --schedule %s goes on: %s\n",
			    flags->schedule, way.reason);
		world_free(world);
		return EXIT_USAGE;
	}
	tell_one(world, flags, &search, &schedule, &way, out);
	if (flags->cures) {
		fprintf(out, "\n");
		tell_cures(world, flags, &schedule, out);
	}
	world_free(world);
	return EXIT_SUCCESS;
}
