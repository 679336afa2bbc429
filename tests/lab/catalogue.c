/* SPDX-License-Identifier: BSD-2-Clause */
/* Most runs are alike under several strategies, and are kept once. */
#include "tests/lab/catalogue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/follow.h"

/* Texts in the order in which they came; owned. */
struct texts {
	char **texts;
	size_t count, room;
};

struct collector {
	const struct flags *flags;
	const volatile sig_atomic_t *stop;
	struct world *world;
	struct texts schedules; /* of none */
	struct texts runs;      /* as JSON */
	size_t *numbers;        /* of runs: a row for each schedule, owned */
};

/* `text` becomes the list's. */
static size_t
add(struct texts *list, char *text)
{
	if (list->count == list->room) {
		list->room = 2 * list->room + 64;
		list->texts =
		    realloc(list->texts, list->room * sizeof(*list->texts));
		if (list->texts == NULL)
			abort();
	}
	list->texts[list->count] = text;
	return list->count++;
}

/* The number of such a text; `text` becomes the list's, or is freed. */
static size_t
number_of(struct texts *list, char *text)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (strcmp(list->texts[i], text) == 0) {
			free(text);
			return i;
		}
	return add(list, text);
}

static void
forget(struct texts *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->texts[i]);
	free(list->texts);
}

/* -------------------------------------------------------------- one run -- */

/* A stream into a text; both end the program if there is no memory. */
struct scribe {
	FILE *out;
	char *text;
	size_t size;
	unsigned buyers;
};

static void
write_step(FILE *out, char who, const struct order *order, size_t i)
{
	const struct trail_step *step = trail_at(&order->trail, i);

	if (step->step == STEP_LOCK)
		fprintf(out, " %c!", who);
	else if (step->step == STEP_READ)
		fprintf(out, " %c<%" PRId64 ".%" PRId64, who, step->remaining,
		    step->version);
	else if (step->step == STEP_WRITE &&
		 follow_is_refused(&order->trail, i))
		fprintf(out, " %c=%" PRId64, who, step->remaining);
	else if (step->step == STEP_WRITE)
		fprintf(out, " %c>%" PRId64 ".%" PRId64 ".%" PRId64, who,
		    step->remaining, order->receipt.version,
		    order->receipt.seat);
}

static void
hear(void *arg, const struct world *world, struct letter letter,
    size_t trail_before)
{
	const struct scribe *scribe = arg;
	const struct order *order = world_order(world, letter.buyer);
	size_t i;

	for (i = trail_before; i < trail_length(&order->trail); i++)
		write_step(scribe->out, (char)('A' + letter.buyer), order, i);
}

static void
hear_blocked(void *arg, const struct world *world, struct letter letter,
    const char *reason)
{
	const struct scribe *scribe = arg;
	const int who = follow_holder(world, scribe->buyers, letter.buyer);
	char holder[2] = "";

	(void)reason;
	if (who != -1)
		holder[0] = (char)('A' + who);
	if (world_is_over(world, letter.buyer))
		fprintf(scribe->out, " %c;", schedule_letter(letter));
	else
		fprintf(scribe->out, " %c?%s", schedule_letter(letter), holder);
}

/* ["oversold", "A<1.0 B<1.0 B>0.1.1 A>0.2.1"], to be freed. */
static char *
take_run(struct collector *collector, const struct search *search,
    const struct schedule *schedule)
{
	struct scribe steps = {.buyers = collector->flags->buyers};
	const struct listener listener = {
	    .hear = hear, .blocked = hear_blocked, .arg = &steps};
	struct way way;
	char *text;

	steps.out = open_memstream(&steps.text, &steps.size);
	if (steps.out == NULL)
		abort();
	follow(collector->world, search, schedule, &way, &listener);
	if (fclose(steps.out) != 0 ||
	    asprintf(&text, "[\"%s\",\"%s\"]", follow_verdict(&way),
		steps.text + (steps.text[0] == ' ')) == -1)
		abort();
	free(steps.text);
	return text;
}

/* ----------------------------------------------------------- all of them -- */

static bool
take_schedule(const struct run *run, void *arg)
{
	struct collector *collector = arg;
	char text[SCHEDULE_MAX + 1];

	schedule_print(run->schedule, text);
	(void)add(&collector->schedules, strdup(text));
	return !*collector->stop;
}

/* False: it was stopped. */
static bool
take_runs(struct collector *collector)
{
	const struct flags *flags = collector->flags;
	const size_t schedules = collector->schedules.count;
	size_t i, j;

	collector->numbers =
	    calloc(schedules * flags->lock_count, sizeof(size_t));
	if (collector->numbers == NULL)
		abort();
	for (i = 0; i < schedules * flags->lock_count; i++) {
		struct schedule schedule;
		struct search search;
		char error[96];

		j = i % flags->lock_count;
		search = flags_search(flags, flags->locks[j]);
		if (*collector->stop != 0 ||
		    !schedule_parse(
			collector->schedules.texts[i / flags->lock_count],
			flags->buyers, &schedule, error, sizeof(error)))
			return false;
		collector->numbers[i] = number_of(
		    &collector->runs, take_run(collector, &search, &schedule));
	}
	return true;
}

static void
print(const struct collector *collector, FILE *out)
{
	const struct flags *flags = collector->flags;
	size_t i, j;
	char name[LOCK_NAME_SIZE];

	fprintf(out, "{\"buyers\":%u,\"tickets\":%" PRId64 ",\"locks\":[",
	    flags->buyers, flags->tickets);
	for (i = 0; i < flags->lock_count; i++) {
		lock_print(flags->locks[i], name);
		fprintf(out, "%s\"%s\"", i == 0 ? "" : ",", name);
	}
	fprintf(out, "],\n\"runs\":[");
	for (i = 0; i < collector->runs.count; i++)
		fprintf(
		    out, "%s%s", i == 0 ? "" : ",\n", collector->runs.texts[i]);
	fprintf(out, "],\n\"orders\":{");
	for (i = 0; i < collector->schedules.count; i++) {
		fprintf(out, "%s\"%s\":", i == 0 ? "" : ",\n",
		    collector->schedules.texts[i]);
		for (j = 0; j < flags->lock_count; j++)
			fprintf(out, "%c%zu", j == 0 ? '[' : ',',
			    collector->numbers[i * flags->lock_count + j]);
		fprintf(out, "]");
	}
	fprintf(out, "}}\n");
}

int
catalogue(
    const struct flags *flags, const volatile sig_atomic_t *stop, FILE *out)
{
	struct collector collector = {.flags = flags, .stop = stop};
	struct lock_strategy none;
	struct search search;
	char error[256];

	collector.world = world_new(flags->stores[0], error, sizeof(error));
	if (collector.world == NULL) {
		fprintf(stderr, "lab: %s: %s\n", flags->stores[0], error);
		return EXIT_USAGE;
	}
	if (!lock_parse("none", &none))
		abort();
	search = flags_search(flags, none);
	if (explore(collector.world, &search, take_schedule, &collector) &&
	    take_runs(&collector))
		print(&collector, out);
	world_free(collector.world);
	forget(&collector.schedules);
	forget(&collector.runs);
	free(collector.numbers);
	return EXIT_SUCCESS;
}
