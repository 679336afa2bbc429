/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the laboratory's flags, and which do not go together. */
#include "tests/lab/flags.h"

#include <ctype.h>
#include <string.h>

#include "service/version.h"
#include "tests/lab/museum/museum.h"

static const char *
all_locks(void)
{
	return strategies_list(
	    lock_count() - museum_count(), strategies_store_at(0));
}

/* As it was written, if it is one. */
static bool
set_patch(void *place, const char *text)
{
	struct lock_strategy strategy;

	*(const char **)place = text;
	return lock_parse(text, &strategy);
}

#define AT(member) OPTIONS_AT(struct flags, member)
#define LIST(member, number) OPTIONS_LIST(struct flags, member, number)

/* clang-format off */
static const struct options_row rows[] = {
	{ "census", NULL, NULL,
	  "every schedule of every strategy, and what comes\n"
	  "of them; what is done if nothing else is said",
	  OPTIONS_FLAG, AT(census), .section = "What is done" },
	{ "schedule", "TEXT", NULL,
	  "this one, step by step: ABBA is A looks, B looks,\n"
	  "B changes, A changes; a: it is killed in it; S: the\n"
	  "supervisor hands back what the dead held; P: --patch;\n"
	  "A2B is AAB",
	  OPTIONS_TEXT, AT(schedule) },
	{ "cures", NULL, NULL, "the same under every strategy",
	  OPTIONS_FLAG, AT(cures) },
	{ "museum", NULL, NULL,
	  "the museum of wrong fixes: what people write who\n"
	  "mean to cure it; --lock and --locks take them, too",
	  OPTIONS_FLAG, AT(museum) },
	{ "catalogue", NULL, NULL,
	  "each schedule of none, and what it becomes under\n"
	  "every strategy, as JSON: the page's every order",
	  OPTIONS_FLAG, AT(catalogue) },

	{ "buyers", "N", "2", "how many (2; as many as a schedule names)",
	  OPTIONS_NUMBER, LAB_BUYERS_MIN, LAB_BUYERS_MAX, AT(buyers),
	  .given = offsetof(struct flags, buyers_given),
	  .section = "Who buys what" },
	{ "tickets", "N", "1", "that there are",
	  OPTIONS_NUMBER, 1, STORE_CAPACITY_MAX, AT(tickets) },
	{ "quantities", "LIST", "1", "how many each wants: 1,2,1 (1)",
	  OPTIONS_NUMBER, 1, 100, LIST(quantities, quantity_count) },
	{ "locks", "all|LIST", "all", "strategies: none,mutex,semaphore:3 …",
	  LIST(locks, lock_count), .set = strategies_set, .all = all_locks,
	  .given = offsetof(struct flags, locks_given),
	  .valid = "all, or a list of ", .words = lock_names },
	{ "lock", "STRATEGY", "none", "one of them; of a schedule (none)",
	  AT(lock), .set = strategies_set,
	  .given = offsetof(struct flags, lock_given), .valid = "one of ", .words = lock_names },
	{ "stores", "LIST", "json", "", OPTIONS_CHOICE,
	  LIST(stores, store_count), .names = strategies_store_at,
	  .valid = " or both, with a comma" },

	{ "grain", "letter|step", "letter",
	  "where a buyer may be left for another: before it\n"
	  "looks and before it changes, or before each step",
	  OPTIONS_CHOICE, AT(grain), .section = "How far it goes" },
	{ "preemptions", "N", NULL, "leave nobody who could go on more often",
	  OPTIONS_NUMBER, 0, PREEMPTIONS_ANY, AT(preemptions) },
	{ "classes", NULL, NULL,
	  "of those schedules that differ by the order of two\n"
	  "looks only, one",
	  OPTIONS_FLAG, AT(classes) },
	{ "crash", NULL, NULL, "one buyer may be killed, at each of its letters",
	  OPTIONS_FLAG, AT(crash) },
	{ "alone", NULL, NULL, "without a supervisor", OPTIONS_FLAG, AT(alone) },
	{ "patch", "STRATEGY", NULL, "change to it, once, at each position",
	  AT(patch), .set = set_patch,
	  .valid = "one of ", .words = lock_names },

	{ "json", NULL, NULL, "the census as JSON, and nothing else",
	  OPTIONS_FLAG, AT(json), .section = "What comes out" },
	{ "markdown", "FILE", NULL, "its table as Markdown",
	  OPTIONS_TEXT, AT(markdown) },
};
/* clang-format on */

static void
print_tail(FILE *out)
{
	fprintf(out,
	    "\nExit status: 0 the strategies that are right were right in "
	    "every schedule; 1 one\nwas not; 2 usage, or it cannot be done "
	    "here.\n");
}

static const char head[] =
    "turnstile-lab: every interleaving of the real sell()\n\n"
    "Two to four buyers, each a process of its own, on the real locks and "
    "stores; one\nruns at a time, in every order. It says how many orders "
    "there are, how many end\nwrong, and shows the shortest.\n\n"
    "usage: lab [flags]\n\n"
    "  lab                                      two buyers, one ticket\n"
    "  lab --buyers 3 --tickets 2               90 schedules under none\n"
    "  lab --schedule ABBA --cures              one of them, and its cures\n"
    "  lab --crash --alone --locks semaphore    who takes the permit along\n";

static const struct options_table table = {.rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .program = "lab",
    .version = "turnstile-lab " TURNSTILE_VERSION,
    .noun = "flag",
    .letters = ":h",
    .before_value = " ",
    .after_value = ": must be ",
    .column = 24,
    .head = head,
    .print_tail = print_tail};

/* The highest of its letters, whose other faults are told later. */
static void
count_buyers(struct flags *flags)
{
	const char *c;

	if (flags->schedule == NULL || flags->buyers_given != NULL)
		return;
	for (c = flags->schedule; *c != '\0'; c++) {
		const int number = toupper((unsigned char)*c) - 'A' + 1;

		if (number > (int)flags->buyers && number <= LAB_BUYERS_MAX)
			flags->buyers = (unsigned)number;
	}
}

static bool
check(const struct flags *flags, FILE *err)
{
	if (flags->census + flags->museum + flags->catalogue +
		(flags->schedule != NULL) >
	    1)
		fprintf(err, "lab: --census, --schedule, --museum and "
			     "--catalogue: choose one\n");
	else if (flags->cures && flags->schedule == NULL)
		fprintf(err, "lab: --cures needs a --schedule\n");
	else if (flags->locks_given != NULL && flags->schedule != NULL &&
		 !flags->cures)
		fprintf(err, "lab: --schedule goes with --lock, one strategy; "
			     "--locks is for its --cures\n");
	else if (flags->lock_given != NULL && flags->locks_given != NULL &&
		 flags->schedule == NULL)
		fprintf(err, "lab: --lock and --locks: choose one\n");
	else if (flags->patch != NULL && flags->schedule != NULL &&
		 strchr(flags->schedule, 'P') == NULL)
		fprintf(err, "lab: --patch: there is no P in --schedule %s\n",
		    flags->schedule);
	else if (flags->alone && !flags->crash && flags->schedule == NULL)
		fprintf(err, "lab: --alone needs --crash: nobody dies\n");
	else if (flags->quantity_count > 1 &&
		 flags->quantity_count != flags->buyers)
		fprintf(err,
		    "lab: --quantities: there are %u buyers and %zu "
		    "quantities\n",
		    flags->buyers, flags->quantity_count);
	else if (flags->store_count > 1 && flags->schedule != NULL)
		fprintf(err, "lab: --schedule: choose one of --stores\n");
	else
		return true;
	return false;
}

/* Of two stores, the laboratory plays what both have. */
static bool
check_locks(const struct flags *flags, FILE *err)
{
	char name[LOCK_NAME_SIZE];
	size_t i, j;

	for (i = 0; i < flags->lock_count; i++)
		for (j = 0; j < flags->store_count; j++) {
			if (strategies_fit(flags->locks[i], flags->stores[j]))
				continue;
			lock_print(flags->locks[i], name);
			fprintf(err,
			    "lab: %s: its lock is in the store, and %s has "
			    "none\n",
			    name, flags->stores[j]);
			return false;
		}
	return true;
}

enum options_result
flags_parse(struct flags *flags, const struct options_line *line)
{
	enum options_result result;

	*flags = (struct flags){.preemptions = PREEMPTIONS_ANY};
	options_set_usual(&table, flags);
	result = options_parse(&table, flags, line);
	count_buyers(flags);
	if (flags->lock_given != NULL && flags->locks_given == NULL &&
	    flags->schedule == NULL) {
		flags->locks[0] = flags->lock;
		flags->lock_count = 1;
	}
	if (result == OPTIONS_OK &&
	    (!check(flags, line->err) || !check_locks(flags, line->err)))
		result = OPTIONS_WRONG;
	return result;
}

struct search
flags_search(const struct flags *flags, struct lock_strategy strategy)
{
	const struct exhibit *exhibit = museum_of(strategy);
	struct search search = {.reduced = flags->classes,
	    .preemptions = flags->preemptions == PREEMPTIONS_ANY
			       ? -1
			       : (int)flags->preemptions,
	    .deaths = flags->crash ? 1 : 0,
	    .alone = flags->alone,
	    .patch = flags->patch,
	    .times = exhibit != NULL && exhibit->ends_by_itself ? 1 : 0};
	unsigned i;

	lock_print(strategy, search.setting.lock);
	search.setting.buyers = flags->buyers;
	search.setting.tickets = flags->tickets;
	search.setting.every_step = flags->grain == GRAIN_STEP;
	for (i = 0; i < flags->buyers; i++)
		search.setting.quantities[i] =
		    flags->quantities[flags->quantity_count > 1 ? i : 0];
	return search;
}
