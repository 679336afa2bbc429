/* SPDX-License-Identifier: BSD-2-Clause */
/* A schedule, letter by letter, and why one of them was none. */
#include "tests/lab/follow.h"

#include <stdio.h>
#include <string.h>

int
follow_holder(const struct world *world, unsigned buyers, unsigned buyer)
{
	unsigned i;

	for (i = 0; i < buyers; i++)
		if (i != buyer && world_standing(world, i).holds)
			return (int)i;
	return -1;
}

bool
follow_is_refused(const struct trail *trail, size_t i)
{
	return i + 1 < trail_length(trail) &&
	       (trail_at(trail, i + 1)->step == STEP_CONFLICT ||
		   trail_at(trail, i + 1)->step == STEP_SWITCH);
}

/* "letter 2: B waits, A holds the lock"; "A waits for lock 2, B has it" */
static void
say_blocked(const struct world *world, unsigned buyers, unsigned buyer,
    size_t number, char reason[FOLLOW_REASON_SIZE])
{
	const struct standing standing = world_standing(world, buyer);
	const int who = follow_holder(world, buyers, buyer);
	const bool is_dead =
	    who != -1 && world_standing(world, (unsigned)who).dead;
	char holds[48] = "";

	if (standing.thing != NULL)
		snprintf(holds, sizeof(holds), " for %s, %c has it",
		    standing.thing, 'A' + (int)standing.whom);
	else if (who != -1)
		snprintf(holds, sizeof(holds), ", %c %s the lock", 'A' + who,
		    is_dead ? "died with" : "holds");
	snprintf(reason, FOLLOW_REASON_SIZE, "letter %zu: %c waits%s", number,
	    'A' + (int)buyer, holds);
}

/* A letter of a buyer's own.  False without a reason: it was blocked. */
static bool
do_buyers(struct world *world, struct letter letter, size_t number,
    struct way *way, char reason[FOLLOW_REASON_SIZE])
{
	if (world_is_over(world, letter.buyer)) {
		snprintf(reason, FOLLOW_REASON_SIZE,
		    "letter %zu: %c was done before", number,
		    'A' + (int)letter.buyer);
		way->went_on |= way->reason[0] == '\0';
		return false;
	}
	return letter.deed == DEED_GO ? world_go(world, letter.buyer)
				      : world_kill(world, letter.buyer);
}

/* False: the letter was none, for that reason. */
static bool
try_letter(struct world *world, const struct search *search,
    struct letter letter, size_t number, struct way *way,
    char reason[FOLLOW_REASON_SIZE])
{
	reason[0] = '\0';
	switch (letter.deed) {
	case DEED_GO:
	case DEED_KILL:
		if (do_buyers(world, letter, number, way, reason))
			return true;
		if (reason[0] == '\0')
			say_blocked(world, search->setting.buyers, letter.buyer,
			    number, reason);
		return false;
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
	return true;
}

/* False: the letter was none; why, if it is the first, is in the way. */
static bool
do_letter(struct world *world, const struct search *search,
    struct letter letter, size_t number, struct way *way,
    const struct listener *listener)
{
	const size_t before =
	    trail_length(&world_order(world, letter.buyer)->trail);
	char reason[FOLLOW_REASON_SIZE];

	if (!try_letter(world, search, letter, number, way, reason)) {
		if (way->reason[0] == '\0')
			memcpy(way->reason, reason, FOLLOW_REASON_SIZE);
		if (listener != NULL)
			listener->blocked(listener->arg, world, letter, reason);
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
draw_circle(
    const struct world *world, unsigned buyers, char circle[FOLLOW_REASON_SIZE])
{
	unsigned first = 0, next, i;
	int length;

	while (world_is_over(world, first))
		first++;
	next = first;
	length = snprintf(circle, FOLLOW_REASON_SIZE, "%c", 'A' + (int)first);
	for (i = 0; i < buyers && (i == 0 || next != first); i++) {
		const struct standing standing = world_standing(world, next);

		if (standing.thing == NULL) {
			circle[0] = '\0';
			return;
		}
		next = standing.whom;
		length += snprintf(circle + length,
		    FOLLOW_REASON_SIZE - (size_t)length, " --%s--> %c",
		    standing.thing, 'A' + (int)next);
	}
}

static bool
dead_hold(const struct world *world, unsigned buyers)
{
	unsigned i;

	for (i = 0; i < buyers; i++)
		if (world_standing(world, i).dead &&
		    world_standing(world, i).holds)
			return true;
	return false;
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
	if (dead_hold(world, search->setting.buyers) && !search->alone &&
	    world_stop(world) == STOP_STUCK) {
		(void)do_letter(world, search,
		    (struct letter){.deed = DEED_SUPERVISE},
		    way->done.length + 1, way, listener);
		do_rest(world, search, way, listener);
	}
}

void
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

const char *
follow_verdict(const struct way *way)
{
	if (way->stop != STOP_DONE)
		return way->stop == STOP_STUCK ? "stuck" : "deadlock";
	if (way->end.oversold || way->end.double_booked)
		return way->end.oversold ? "oversold" : "double-booked";
	return way->end.stranded ? "stranded" : "correct";
}
