/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is to say about a collision, said once: the text, the JSON and
 * the page show these steps, this one at which it went wrong, and this why.
 */
#include "service/audit/audit.h"

#include <inttypes.h>
#include <string.h>

#include "service/audit/columns.h"

#define NAME_COLUMNS 14
#define MISTAKE_SIZE 64

/* --------------------------------------------------------------- names -- */

/* Names that fit, and that differ. */
static void
name_witnesses(
    struct audit_told *told, const struct audit_subject *subject, size_t count)
{
	char fitting[3][32];
	size_t i, j;

	for (i = 0; i < count; i++)
		if (subject->with_names)
			columns_copy(fitting[i], sizeof(fitting[i]),
			    subject->witnesses[i].buyer, NAME_COLUMNS);
		else
			snprintf(fitting[i], sizeof(fitting[i]), "buyer %c",
			    (int)('A' + i));
	for (i = 0; i < count; i++) {
		for (j = 0; j < count; j++)
			if (i != j && strcmp(fitting[i], fitting[j]) == 0)
				break;
		if (j == count)
			memcpy(told->names[i], fitting[i], sizeof(fitting[i]));
		else
			snprintf(told->names[i], sizeof(told->names[i]),
			    "%.31s (%c)", fitting[i], (int)('1' + i));
	}
}

/* --------------------------------------------------------------- times -- */

/*
 * A clerk reads before the stamp of his own write.  Whose read is known to be
 * later than that by the others' stamps goes by another clock.
 */
static bool
clocks_agree(const struct audit_told *told)
{
	size_t i, j;

	for (i = 0; i < told->step_count; i++)
		for (j = i + 1; j < told->step_count; j++)
			if (told->steps[i].act == AUDIT_READS &&
			    told->steps[j].column == told->steps[i].column &&
			    told->steps[j].stamp_ns < told->steps[i].at_ns)
				return false;
	return true;
}

/* ------------------------------------------------------ what went wrong -- */

/* A column's last step of that kind: 1, 2 …; 0: none. */
static size_t
find_step(const struct audit_told *told, enum audit_act act, size_t column)
{
	size_t i;

	for (i = told->step_count; i > 0; i--)
		if (told->steps[i - 1].act == act &&
		    told->steps[i - 1].column == column)
			break;
	return i;
}

/* Both had read before either wrote: it went wrong at the later read. */
static void
tell_readers(struct audit_told *told)
{
	const size_t reads[2] = {
	    find_step(told, AUDIT_READS, 0), find_step(told, AUDIT_READS, 1)};
	const size_t late = reads[0] > reads[1] ? 0 : 1;
	int64_t number, held;

	if (reads[0] == 0 || reads[1] == 0)
		return;
	told->wrong_step = reads[late];
	number = told->steps[reads[late] - 1].remaining;
	held = told->steps[reads[1 - late] - 1].remaining;
	snprintf(told->wrong, sizeof(told->wrong),
	    "%s read %" PRId64 " while %s held %s%" PRId64
	    ", not written back yet",
	    told->names[late], number, told->names[1 - late],
	    number == held ? "the same " : "", held);
}

static void
tell_late_writer(struct audit_told *told)
{
	told->wrong_step = find_step(told, AUDIT_WRITES, 1);
	if (told->wrong_step > 0)
		snprintf(told->wrong, sizeof(told->wrong),
		    "%s wrote back a number that was out of date",
		    told->names[1]);
}

/* What the strategy did wrong by which the first two met; "": unknown. */
static void
name_mistake(const struct audit_witness *witnesses, char mistake[MISTAKE_SIZE])
{
	static const char *const counts[LOCK_PERMITS_MAX + 1] = {"none", "one",
	    "two", "three", "four", "five", "six", "seven", "eight"};
	const char *lock = witnesses[1].lock;
	struct lock_strategy strategy;
	struct lock_facts facts;
	bool two_hosts;

	mistake[0] = '\0';
	if (!lock_parse(lock, &strategy))
		return;
	facts = lock_facts(strategy);
	two_hosts = witnesses[0].line.host != witnesses[1].line.host;
	if (facts.checks_write)
		snprintf(
		    mistake, MISTAKE_SIZE, "%s's check let it pass: ", lock);
	else if (!facts.holds)
		snprintf(mistake, MISTAKE_SIZE, "nobody took turns: ");
	else if (strategy.permits > 1)
		snprintf(mistake, MISTAKE_SIZE,
		    "%s were let in at once: ", counts[strategy.permits]);
	else if (!facts.excludes_hosts && two_hosts)
		snprintf(mistake, MISTAKE_SIZE,
		    "two hosts, and a %s on each: ", lock);
	else if (!facts.excludes_processes &&
		 witnesses[0].line.worker != witnesses[1].line.worker)
		snprintf(mistake, MISTAKE_SIZE, "two processes, two mutexes: ");
	else
		snprintf(mistake, MISTAKE_SIZE, "%s let both in: ", lock);
}

static void
tell_why(struct audit_told *told, const struct audit_collision *c,
    const struct audit_witness *witnesses)
{
	char mistake[MISTAKE_SIZE];

	name_mistake(witnesses, mistake);
	if (!c->explained)
		snprintf(told->why, sizeof(told->why),
		    "no write in the ledger explains it; something else "
		    "changed the counter");
	else if (c->count == 2)
		snprintf(told->why, sizeof(told->why),
		    "%s%s and %s were both between reading and writing",
		    mistake, told->names[0], told->names[1]);
	else
		snprintf(told->why, sizeof(told->why),
		    "%s%s's late write put the counter back to where it was "
		    "before %s, and %s believed it",
		    mistake, told->names[1], told->names[0], told->names[2]);
}

/* ---------------------------------------------------------- once more -- */

/* A look and a change of each column, and nothing else. */
static bool
is_whole(const struct audit_told *told, size_t columns)
{
	size_t acts[3][AUDIT_WRITES + 1] = {{0}}, i;

	for (i = 0; i < told->step_count; i++)
		acts[told->steps[i].column][told->steps[i].act]++;
	for (i = 0; i < columns; i++)
		if (acts[i][AUDIT_READS] != 1 || acts[i][AUDIT_WRITES] != 1)
			return false;
	return true;
}

/* What each wants: " --quantities 2,1", or nothing if it is one. */
static void
print_quantities(const struct audit_witness *witnesses, size_t count,
    char *text, size_t size)
{
	size_t i, n = 0;
	bool are_one = true;

	text[0] = '\0';
	for (i = 0; i < count; i++)
		are_one &= witnesses[i].line.quantity == 1;
	for (i = 0; i < count && !are_one; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%" PRId64,
		    i == 0 ? " --quantities " : ",",
		    witnesses[i].line.quantity);
}

/* There are as many tickets as they saw at most. */
static void
tell_again(struct audit_told *told, const struct audit_collision *c,
    const struct audit_witness *witnesses)
{
	char quantities[48];
	int64_t tickets = 0;
	size_t i, n = 0;

	if (!c->explained || !is_whole(told, c->count))
		return;
	for (i = 0; i < told->step_count; i++) {
		const struct audit_step *step = &told->steps[i];

		if (step->act == AUDIT_LOCKS)
			continue;
		if (step->act == AUDIT_READS && step->remaining > tickets)
			tickets = step->remaining;
		told->schedule[n++] = (char)('A' + step->column);
	}
	print_quantities(witnesses, c->count, quantities, sizeof(quantities));
	snprintf(told->again, sizeof(told->again),
	    "turnstile-lab --tickets %" PRId64 "%s --schedule %s --cures",
	    tickets, quantities, told->schedule);
}

void
audit_told(const struct audit_report *report,
    const struct audit_subject *subject, struct audit_told *told)
{
	const struct audit_collision *c = &report->collision;

	*told = (struct audit_told){0};
	name_witnesses(told, subject, c->count);
	told->step_count =
	    audit_steps(subject->witnesses, c->count, told->steps);
	told->has_times = clocks_agree(told);
	if (c->explained && c->count == 2)
		tell_readers(told);
	else if (c->explained)
		tell_late_writer(told);
	tell_why(told, c, subject->witnesses);
	tell_again(told, c, subject->witnesses);
}
