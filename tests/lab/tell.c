/* SPDX-License-Identifier: BSD-2-Clause */
/* What the orders' trails say of each letter. */
#include "tests/lab/tell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/follow.h"
#include "tests/lab/museum/museum.h"

#define LINE_SIZE 96

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
		    follow_is_refused(trail, i) ? "would write" : "writes",
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
		    !follow_is_refused(trail, i))
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
hear_blocked(void *arg, const struct world *world, struct letter letter,
    const char *reason)
{
	struct teller *teller = arg;
	const unsigned bit = 1u << letter.buyer;

	(void)world;
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
	    follow_verdict(way), way->end.tickets, flags->tickets,
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
	    follow_verdict(&way), done,
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
