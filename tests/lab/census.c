/* SPDX-License-Identifier: BSD-2-Clause */
/* Each run is counted, and forgotten but for its end. */
#include "tests/lab/census.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define SHOW_EVERY_NS (200 * NS_PER_MS)
#define LONG_S 60

struct counter {
	struct row *row;
	const struct flags *flags;
	const volatile sig_atomic_t *stop;
	int64_t shown_ns;
};

static void
show_progress(struct counter *counter, bool is_last)
{
	const struct row *row = counter->row;
	const int64_t now_ns = clock_now_ns();

	if (!isatty(STDERR_FILENO) ||
	    (!is_last && now_ns - counter->shown_ns < SHOW_EVERY_NS))
		return;
	counter->shown_ns = now_ns;
	if (is_last)
		fprintf(stderr, "\r\033[K");
	else
		fprintf(stderr, "\r\033[K%s, %s: %lu schedules", row->lock,
		    row->store, row->schedules);
}

static bool
count_run(const struct run *run, void *arg)
{
	struct counter *counter = arg;
	struct row *row = counter->row;
	const struct end *end = &run->end;
	const bool is_wrong = end->oversold || end->double_booked ||
			      end->stranded || run->stop != STOP_DONE;
	char text[ENDS_TEXT_SIZE];

	row->schedules++;
	row->correct += !is_wrong;
	row->oversold += end->oversold;
	row->double_booked += end->double_booked;
	row->stranded += end->stranded;
	row->deadlocked += run->stop == STOP_DEADLOCK;
	row->stuck += run->stop == STOP_STUCK;
	row->untold += end->untold;
	ends_print(run, counter->flags->buyers, text);
	ends_add(&row->ends, text);
	if (run->schedule->preemptions == 0)
		ends_add(&row->serial, text);
	if (is_wrong && (row->shortest.length == 0 ||
			    schedule_is_before(run->schedule, &row->shortest)))
		row->shortest = *run->schedule;
	show_progress(counter, false);
	return !*counter->stop;
}

static void
take_row(struct world *world, const struct flags *flags, struct row *row,
    const volatile sig_atomic_t *stop)
{
	const struct search search = flags_search(flags, row->strategy);
	struct counter counter = {.row = row, .flags = flags, .stop = stop};
	const int64_t from_ns = clock_now_ns();
	size_t i;

	row->is_whole = explore(world, &search, count_run, &counter);
	row->took_ns = clock_now_ns() - from_ns;
	row->end_count = row->ends.count;
	for (i = 0; i < row->ends.count; i++)
		row->strange += !ends_has(&row->serial, row->ends.texts[i]);
	show_progress(&counter, true);
}

/* What a PATCH makes of it; there may be none. */
static bool
is_safe_change(const char *patch)
{
	struct lock_strategy to;

	return patch == NULL ||
	       (lock_parse(patch, &to) && lock_is_safe(to, LOCK_REACH_HOST));
}

/* "about 18,000 schedules" of 17,761: it is a guess. */
static void
print_about(double number, FILE *out)
{
	double unit = 1;
	int64_t whole;

	if (number >= 1e9) {
		fprintf(out, "more than a billion schedules");
		return;
	}
	while (number / unit >= 100)
		unit *= 10;
	whole = (int64_t)(number / unit + 0.5) * (int64_t)unit;
	if (whole >= 1000000)
		fprintf(out, "about %" PRId64 " million schedules",
		    whole / 1000000);
	else
		fprintf(out, "about %" PRId64 ",%03" PRId64 " schedules",
		    whole / 1000, whole % 1000);
}

static void
print_duration(double seconds, FILE *out)
{
	const double hours = seconds / 3600, days = hours / 24;

	if (hours < 2)
		fprintf(out, "%.0f min", seconds / 60);
	else if (days < 2)
		fprintf(out, "%.0f hours", hours);
	else if (days < 1000)
		fprintf(out, "%.0f days", days);
	else
		fprintf(out, "years");
}

/* Who is about to wait for more than a minute is told, and what is faster. */
static void
say_how_long(struct world *world, const struct flags *flags)
{
	double runs = 0, seconds = 0;
	size_t i;

	for (i = 0; i < flags->lock_count; i++) {
		const struct search search =
		    flags_search(flags, flags->locks[i]);
		const struct estimate row = explore_estimate(world, &search);

		runs += row.runs * (double)flags->store_count;
		seconds += row.seconds * (double)flags->store_count;
	}
	if (seconds < LONG_S)
		return;
	fprintf(stderr, "lab: ");
	print_about(runs, stderr);
	fprintf(stderr, ", ");
	print_duration(seconds, stderr);
	fprintf(stderr,
	    ".  Faster: %s--preemptions 2, fewer --locks.\n"
	    "Ctrl-C ends it with what is known by then.\n",
	    flags->classes ? "" : "--classes (the same ends), ");
}

bool
census_take(struct census *census, const struct flags *flags,
    const volatile sig_atomic_t *stop)
{
	size_t i, j;

	*census = (struct census){.flags = flags};
	for (i = 0; i < flags->store_count && !*stop; i++) {
		char error[256];
		struct world *world =
		    world_new(flags->stores[i], error, sizeof(error));

		if (world == NULL) {
			fprintf(
			    stderr, "lab: %s: %s\n", flags->stores[i], error);
			return false;
		}
		if (i == 0)
			say_how_long(world, flags);
		for (j = 0; j < flags->lock_count && !*stop; j++) {
			struct row *row = &census->rows[census->count++];

			row->store = flags->stores[i];
			row->strategy = flags->locks[j];
			row->must_be_right =
			    lock_is_safe(row->strategy, LOCK_REACH_HOST) &&
			    is_safe_change(flags->patch);
			lock_print(row->strategy, row->lock);
			take_row(world, flags, row, stop);
		}
		world_free(world);
	}
	return true;
}

void
census_free(struct census *census)
{
	size_t i;

	for (i = 0; i < census->count; i++) {
		ends_free(&census->rows[i].ends);
		ends_free(&census->rows[i].serial);
	}
}

/* Without a supervisor nobody promised anything about the dead. */
static bool
is_good(const struct census *census, const struct row *row)
{
	return !row->must_be_right ||
	       (row->correct + (census->flags->alone ? row->stuck : 0) ==
		       row->schedules &&
		   row->strange == 0);
}

bool
census_is_good(const struct census *census)
{
	size_t i;

	for (i = 0; i < census->count; i++)
		if (!is_good(census, &census->rows[i]))
			return false;
	return true;
}

/* ---------------------------------------------------------------- text -- */

/* "3 buyers, 2 tickets; they want 1, 2, 1" */
static void
print_buyers(const struct flags *flags, FILE *out)
{
	size_t i;

	fprintf(out, "%u buyers, %" PRId64 " ticket%s", flags->buyers,
	    flags->tickets, flags->tickets == 1 ? "" : "s");
	if (flags->quantity_count == 1 && flags->quantities[0] == 1)
		return;
	fprintf(out, "; they want");
	for (i = 0; i < flags->quantity_count; i++)
		fprintf(out, "%s %u", i == 0 ? "" : ",", flags->quantities[i]);
	if (flags->quantity_count == 1)
		fprintf(out, " each");
}

static void
print_heading(const struct census *census, FILE *out)
{
	const struct flags *flags = census->flags;

	print_buyers(flags, out);
	fprintf(out, ": every %s%s", flags->classes ? "class of " : "",
	    flags->grain == GRAIN_STEP ? "order of their steps"
				       : "order of their looks and changes");
	if (flags->preemptions != PREEMPTIONS_ANY)
		fprintf(out, " with at most %u preemption%s",
		    flags->preemptions, flags->preemptions == 1 ? "" : "s");
	if (flags->crash)
		fprintf(out, ", one of them killed%s",
		    flags->alone ? ", and no supervisor" : "");
	if (flags->patch != NULL)
		fprintf(out, ", a PATCH to %s somewhere", flags->patch);
	fprintf(out, "\n\n");
}

/* A column of counts, which is left out where all of them are nought. */
struct column {
	const char *head;
	size_t at; /* in a row, an unsigned long */
	bool always;
};

#define AT(member) offsetof(struct row, member)

static const struct column columns[] = {
    {"schedules", AT(schedules), true},
    {"correct", AT(correct), true},
    {"oversold", AT(oversold), false},
    {"doubled", AT(double_booked), false},
    {"stranded", AT(stranded), false},
    {"deadlocked", AT(deadlocked), false},
    {"stuck", AT(stuck), false},
    {"untold", AT(untold), false},
    {"ends", AT(end_count), true},
    {"strange", AT(strange), false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static unsigned long
count_of(const struct row *row, const struct column *column)
{
	return *(const unsigned long *)((const char *)row + column->at);
}

static bool
is_shown(const struct census *census, const struct column *column)
{
	size_t i;

	for (i = 0; i < census->count; i++)
		if (count_of(&census->rows[i], column) > 0)
			return true;
	return column->always;
}

/* Nought is a point: it is not to be read. */
static void
print_row(const struct census *census, const struct row *row, FILE *out)
{
	char shortest[SCHEDULE_MAX + 1];
	size_t i;

	schedule_print(&row->shortest, shortest);
	fprintf(out, "  %-13s", row->lock);
	if (census->flags->store_count > 1)
		fprintf(out, "  %-6s", row->store);
	for (i = 0; i < COLUMNS; i++) {
		const unsigned long count = count_of(row, &columns[i]);
		const int width = (int)strlen(columns[i].head);

		if (!is_shown(census, &columns[i]))
			continue;
		if (count == 0)
			fprintf(out, "  %*s", width, ".");
		else
			fprintf(out, "  %*lu", width, count);
	}
	fprintf(out, "%s%s%s\n", shortest[0] == '\0' ? "" : "  ", shortest,
	    row->is_whole ? "" : "  (stopped: not all of them)");
}

void
census_print(const struct census *census, FILE *out)
{
	bool some_wrong = false, some_strange = false, some_untold = false;
	int64_t took_ns = 0;
	size_t i;

	print_heading(census, out);
	fprintf(out, "  %-13s%s", "strategy",
	    census->flags->store_count > 1 ? "  store " : "");
	for (i = 0; i < COLUMNS; i++)
		if (is_shown(census, &columns[i]))
			fprintf(out, "  %s", columns[i].head);
	fprintf(out, "  shortest\n");
	for (i = 0; i < census->count; i++) {
		print_row(census, &census->rows[i], out);
		took_ns += census->rows[i].took_ns;
		some_wrong |= census->rows[i].shortest.length > 0;
		some_strange |= census->rows[i].strange > 0;
		some_untold |= census->rows[i].untold > 0;
	}
	fprintf(out, "\n");
	if (some_wrong)
		fprintf(out, "shortest: of those that are wrong.\n");
	if (some_strange)
		fprintf(out,
		    "strange: ends that nobody comes to while each waits for "
		    "the one before.\n");
	if (some_untold)
		fprintf(out,
		    "untold: sold, and its buyer was killed before it was "
		    "told. That is what an\nIdempotency-Key is for.\n");
	fprintf(out, "%.2f s\n", (double)took_ns / NS_PER_SEC);
}

/* ------------------------------------------------------ JSON and Markdown --
 */

void
census_print_json(const struct census *census, FILE *out)
{
	const struct flags *flags = census->flags;
	size_t i, j;

	fprintf(out,
	    "{\n  \"buyers\": %u,\n  \"tickets\": %" PRId64
	    ",\n  \"quantities\": [",
	    flags->buyers, flags->tickets);
	for (i = 0; i < flags->buyers; i++)
		fprintf(out, "%s%u", i == 0 ? "" : ", ",
		    flags->quantities[flags->quantity_count > 1 ? i : 0]);
	fprintf(out, "],\n  \"rows\": [");
	for (i = 0; i < census->count; i++) {
		const struct row *row = &census->rows[i];
		char shortest[SCHEDULE_MAX + 1];

		schedule_print(&row->shortest, shortest);
		fprintf(out,
		    "%s\n    {\"store\": \"%s\", \"lock\": \"%s\", "
		    "\"schedules\": %lu, \"correct\": %lu, "
		    "\"oversold\": %lu, \"double_booked\": %lu, "
		    "\"stranded\": %lu, \"deadlocked\": %lu, \"stuck\": %lu, "
		    "\"untold\": %lu, \"ends\": %zu, \"strange\": %lu, "
		    "\"shortest_wrong\": ",
		    i == 0 ? "" : ",", row->store, row->lock, row->schedules,
		    row->correct, row->oversold, row->double_booked,
		    row->stranded, row->deadlocked, row->stuck, row->untold,
		    row->ends.count, row->strange);
		fprintf(out, row->shortest.length > 0 ? "\"%s\"" : "null",
		    shortest);
		fprintf(out, ", \"whole\": %s, \"took_ms\": %.1f",
		    row->is_whole ? "true" : "false",
		    (double)row->took_ns / NS_PER_MS);
		for (j = 0; j < row->ends.count; j++)
			fprintf(out, "%s\"%s\"",
			    j == 0 ? ",\n     \"each_end\": [" : ", ",
			    row->ends.texts[j]);
		fprintf(out, "%s}", j > 0 ? "]" : "");
	}
	fprintf(out, "\n  ]\n}\n");
}

void
census_print_markdown(const struct census *census, FILE *out)
{
	size_t i;

	print_heading(census, out);
	fprintf(out, "| strategy | store | schedules | correct | oversold | "
		     "doubled | deadlock | stuck | untold | ends | "
		     "shortest wrong |\n"
		     "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n");
	for (i = 0; i < census->count; i++) {
		const struct row *row = &census->rows[i];
		char shortest[SCHEDULE_MAX + 1];

		schedule_print(&row->shortest, shortest);
		fprintf(out,
		    "| `%s` | %s | %lu | %lu | %lu | %lu | %lu | %lu | %lu | "
		    "%zu | %s%s%s |\n",
		    row->lock, row->store, row->schedules, row->correct,
		    row->oversold, row->double_booked, row->deadlocked,
		    row->stuck, row->untold, row->ends.count,
		    shortest[0] == '\0' ? "" : "`", shortest,
		    shortest[0] == '\0' ? "" : "`");
	}
}
