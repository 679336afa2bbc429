/* SPDX-License-Identifier: BSD-2-Clause */
/* Letters as they are done, and what the orders' trails say of each. */
#include "tests/lab/tell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REASON_SIZE 96
#define LINE_SIZE 96

/* How a schedule was followed, under one strategy. */
struct way {
	struct schedule done; /* what was done; the text, or more, or less */
	char reason[REASON_SIZE];  /* why a letter was none; "" */
	bool ended_early, went_on; /* the text, though no letter was none */
	enum stop stop;
	struct end end;
};

/* Somebody who hears what happens. */
struct listener {
	void (*hear)(void *arg, const struct world *world, struct letter letter,
	    size_t trail_before);
	void (*blocked)(void *arg, struct letter letter, const char *reason);
	void *arg;
};

static int
holder(const struct world *world, unsigned buyers)
{
	unsigned i;

	for (i = 0; i < buyers; i++)
		if (world_standing(world, i).holds)
			return (int)i;
	return -1;
}

/* "letter 2: B waits, A holds the lock" */
static void
say_blocked(const struct world *world, unsigned buyers, unsigned buyer,
    size_t number, char reason[REASON_SIZE])
{
	const int who = holder(world, buyers);
	const bool is_dead =
	    who != -1 && world_standing(world, (unsigned)who).dead;
	char holds[48] = "";

	if (who != -1)
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
	do_rest(world, search, way, listener);
	way->ended_early = way->done.length > length;
	way->stop = world_stop(world);
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
	char text[LINE_SIZE];
	bool is_first = true;
	size_t i;

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
	for (i = trail_before; i < trail_length(trail); i++) {
		word_step(trail, i, text);
		if (text[0] == '\0')
			continue;
		print_cell(teller, letter.buyer, is_first, letter, text);
		is_first = false;
	}
	if (letter.deed == DEED_KILL)
		print_cell(teller, letter.buyer, is_first, letter, "is killed");
	else if (world_standing(world, letter.buyer).done) {
		word_outcome(order, text);
		print_cell(teller, letter.buyer, is_first, letter, text);
	} else if (is_first) { /* a step of the lock's own */
		print_cell(teller, letter.buyer, true, letter, "...");
	}
}

static void
hear_blocked(void *arg, struct letter letter, const char *reason)
{
	struct teller *teller = arg;

	teller->number++;
	print_cell(teller, letter.buyer, true, letter, strchr(reason, ':') + 2);
}

static void
tell_one(struct world *world, const struct flags *flags,
    const struct search *search, const struct schedule *schedule,
    struct way *way, FILE *out)
{
	struct teller teller = {.out = out,
	    .width = flags->buyers == 2 ? 29 : 22,
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
}

static void
tell_cures(struct world *world, const struct flags *flags,
    const struct schedule *schedule, FILE *out)
{
	size_t i;

	for (i = 0; i < flags->lock_count; i++) {
		const struct search search =
		    flags_search(flags, flags->locks[i]);
		char done[SCHEDULE_MAX + 1];
		struct way way;

		follow(world, &search, schedule, &way, NULL);
		schedule_print(&way.done, done);
		fprintf(out, "  %-14s %-14s %-10s %s\n", search.setting.lock,
		    verdict_of(&way), done,
		    way.reason[0] == '\0' ? "followed" : way.reason);
	}
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
