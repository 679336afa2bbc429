/* SPDX-License-Identifier: BSD-2-Clause */
/* One table of flags; help and parsing are made from it. */
#include "tests/stress/flags.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "service/options.h"
#include "service/sale/sell.h"

enum flag_id {
	LOCKS = 1,
	STORES,
	WORKERS,
	CLERKS,
	BATCH,
	DELAY,
	RUNS,
	BUYERS,
	TICKETS,
	ORDERS,
	QUANTITY,
	DURATION,
	SEED,
	CLASSROOM,
	KILL,
	KILL_HOLDER,
	PAUSE_HOLDER,
	EXPECT,
	JSON,
	MARKDOWN,
	TRACE,
	PLOT,
	SERVICE,
	DATA,
	TIMEOUT,
	URL,
	TOKEN,
	SALE,
	FLOOD,
	VERSION,
	HELP,
};

struct flag_row {
	enum flag_id id;
	bool ours_only;      /* not with --url */
	const char *section; /* that begins here; NULL: none does */
	const char *name, *value, *help;
	const char *valid; /* what to say when the value is not */
	int64_t min, max;  /* of a number */
};

#define MOST INT64_C(1000000000)

/* clang-format off */
static const struct flag_row rows[] = {
	{ LOCKS, false, "What is compared: a row for each combination", "locks",
	  "all|LIST", "strategies: none,mutex,semaphore:3 … (all)",
	  NULL, 0, 0 },
	{ STORES, true, NULL, "stores", "LIST", "json,sqlite (both)",
	  "json, sqlite or both, with a comma", 0, 0 },
	{ WORKERS, true, NULL, "workers", "LIST", "worker processes (2)",
	  "numbers with commas", 1, LOCK_WORKERS_MAX },
	{ CLERKS, true, NULL, "clerks", "LIST", "clerk threads in each (4)",
	  "numbers with commas", 1, LOCK_CLERKS_MAX },
	{ BATCH, true, NULL, "batch", "LIST",
	  "orders that one turn may carry (64)",
	  "numbers with commas", 1, SELL_BATCH_MAX },
	{ DELAY, false, NULL, "delay", "LIST",
	  "between reading and writing, in the race (2ms);\n"
	  "a range of two is drawn from: 1s-3s",
	  "durations or ranges, with commas: 0, 5ms, 1s-3s", 0, 0 },
	{ RUNS, false, NULL, "runs", "N", "races for each row (1)",
	  NULL, 1, 100000 },

	{ BUYERS, false, "The buyers: each looks, and then buys", "buyers", "N",
	  "how many, all at once (200)", NULL, 1, 20000 },
	{ TICKETS, false, NULL, "tickets", "N", "tickets in the race (50)",
	  NULL, 1, STORE_CAPACITY_MAX },
	{ ORDERS, false, NULL, "orders", "N",
	  "orders in the race, all together (one a buyer)",
	  NULL, 1, MOST },
	{ QUANTITY, false, NULL, "quantity", "N", "tickets in an order (1)",
	  NULL, 1, 1000 },
	{ DURATION, false, NULL, "duration", "TIME",
	  "how long the price is measured (1s; 0: no price)",
	  "a duration up to 1h: 0, 500ms, 10s", 0, 0 },
	{ SEED, false, NULL, "seed", "N", "keys and moments (from the clock)",
	  NULL, 0, INT64_MAX },
	{ CLASSROOM, false, NULL, "classroom", NULL,
	  "the class script: 10 buyers, 1 ticket, json, none\n"
	  "then mutex, 2 x 10 clerks, 200 ms; no price",
	  NULL, 0, 0 },

	{ KILL, true, "Misfortune, on a service of its own", "kill", "N",
	  "kill N workers in each race, at random moments",
	  NULL, 0, 32 },
	{ KILL_HOLDER, true, NULL, "kill-holder", "N",
	  "kill N that are just about to write", NULL, 0, 16 },
	{ PAUSE_HOLDER, true, NULL, "pause-holder", "TIME",
	  "stop one that is just about to write",
	  "a duration up to 1h: 500ms, 2s", 0, 0 },

	{ EXPECT, false, "What comes out", "expect", "TEXT",
	  "of every row: wrong==0, p99<50ms, sold/s>1000,\n"
	  "p50 p95 max refused/s unknown stop; may be repeated",
	  NULL, 0, 0 },
	{ JSON, false, NULL, "json", NULL, "the result as JSON, and nothing else",
	  NULL, 0, 0 },
	{ MARKDOWN, false, NULL, "markdown", "FILE", "the table as Markdown",
	  NULL, 0, 0 },
	{ TRACE, false, NULL, "trace", "FILE",
	  "every clerk's steps, for ui.perfetto.dev", NULL, 0, 0 },
	{ PLOT, false, NULL, "plot", "FILE",
	  "verdict and price of each strategy, as an SVG",
	  NULL, 0, 0 },

	{ SERVICE, true, "The service", "service", "PROGRAM",
	  "what to start (turnstile, beside this program)",
	  NULL, 0, 0 },
	{ DATA, true, NULL, "data", "DIR",
	  "where data directories are made, and removed\n"
	  "(beside this program; if installed, in TMPDIR)", NULL, 0, 0 },
	{ TIMEOUT, true, NULL, "timeout", "TIME", "its orders' deadline (5s)",
	  "a duration from 1ms to 1h: 500ms, 5s", 0, 0 },
	{ URL, false, NULL, "url", "URL",
	  "one that runs already; of the axes only --locks and\n"
	  "--delay are left, on sales that the test opens",
	  NULL, 0, 0 },
	{ TOKEN, false, NULL, "token", "TOKEN", "its admin token", NULL, 0, 0 },
	{ SALE, false, NULL, "sale", "ID", "this sale, as it is; needs --url",
	  NULL, 0, 0 },

	{ FLOOD, false, "And", "flood", "PATH",
	  "how much the client itself can ask, with GET PATH",
	  NULL, 0, 0 },
	{ VERSION, false, NULL, "version", NULL, "print the version",
	  NULL, 0, 0 },
	{ HELP, false, NULL, "help", NULL, "print this", NULL, 0, 0 },
};
/* clang-format on */
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---------------------------------------------------------------- help -- */

static void
print_flag(const struct flag_row *row, FILE *out)
{
	const char *at = row->help;
	char name[64];

	if (row->section != NULL)
		fprintf(out, "\n%s\n", row->section);
	snprintf(name, sizeof(name), "--%s %s", row->name,
	    row->value != NULL ? row->value : "");
	fprintf(out, "  %-22s", name);
	while (*at != '\0') {
		const int length = (int)strcspn(at, "\n");

		fprintf(out, "%.*s\n", length, at);
		at += length;
		if (*at == '\n') {
			at++;
			fprintf(out, "%24s", "");
		}
	}
}

static void
add_lock(struct flags *flags, struct lock_strategy strategy)
{
	if (flags->lock_count < FLAGS_LIST_MAX)
		flags->locks[flags->lock_count++] = strategy;
}

/* Each of them, and behind the semaphore the one that lets three in. */
static void
add_all_locks(struct flags *flags)
{
	struct lock_strategy strategy, three;
	char name[LOCK_NAME_SIZE];
	size_t i;

	flags->lock_count = 0;
	for (i = 0; i < lock_count(); i++) {
		strategy = lock_at(i);
		add_lock(flags, strategy);
		lock_print(strategy, name);
		if (strcmp(name, "semaphore") == 0 &&
		    lock_parse("semaphore:3", &three))
			add_lock(flags, three);
	}
}

/* From the locks' own table. */
static void
print_strategies(FILE *out)
{
	char name[LOCK_NAME_SIZE];
	size_t i;

	fprintf(out, "\nStrategies; all is each of these, and semaphore:3\n");
	for (i = 0; i < lock_count(); i++) {
		lock_print(lock_at(i), name);
		fprintf(out, "  %-15s%s%s\n", name, lock_summary(lock_at(i)),
		    lock_is_safe(lock_at(i)) ? "" : " (WRONG)");
	}
}

static void
print_help(FILE *out)
{
	size_t i;

	fprintf(out,
	    "turnstile-stress: buyers all at once, and what became of the "
	    "tickets\n\n"
	    "Starts a service for each row, lets real buyers at it over HTTP, "
	    "and holds their\nreceipts, the ledger, the counter and the "
	    "capacity against each other: a race\nfor the verdict, then, where "
	    "it is correct, the price.\n\n"
	    "usage: stress [flags]\n\n"
	    "  stress                                  every strategy, both "
	    "stores\n"
	    "  stress --classroom                      the class script, and "
	    "its cure\n"
	    "  stress --locks none --runs 20 --delay 0 how often it shows by "
	    "itself\n"
	    "  stress --locks mutex,flock --kill 3     while workers die\n"
	    "  stress --url http://localhost:8080      a service that runs "
	    "already\n");
	for (i = 0; i < ROWS; i++)
		print_flag(&rows[i], out);
	print_strategies(out);
	fprintf(out,
	    "\nExit status: 0 every strategy kept its promise, and the "
	    "controls were wrong\nwhere there was a delay; 1 something was not "
	    "so; 2 usage, or no service.\n");
}

/* --------------------------------------------------------------- values -- */

static bool
parse_number(const char *text, int64_t min, int64_t max, int64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *number >= min && *number <= max;
}

/* The next item of a list with commas; NULL: there is no more. */
static const char *
next_item(const char *list, char item[64])
{
	const size_t length = strcspn(list, ",");

	snprintf(item, 64, "%.*s", (int)length, list);
	return list[length] == ',' ? list + length + 1 : NULL;
}

static bool
parse_numbers(const struct flag_row *row, const char *list,
    unsigned numbers[FLAGS_LIST_MAX], size_t *count)
{
	char item[64];
	int64_t number;

	for (*count = 0; list != NULL; numbers[(*count)++] = (unsigned)number) {
		list = next_item(list, item);
		if (*count == FLAGS_LIST_MAX ||
		    !parse_number(item, row->min, row->max, &number))
			return false;
	}
	return true;
}

static bool
parse_locks(struct flags *flags, const char *list)
{
	struct lock_strategy strategy;
	char item[64];

	if (strcmp(list, "all") == 0) {
		add_all_locks(flags);
		return true;
	}
	for (flags->lock_count = 0; list != NULL;) {
		list = next_item(list, item);
		if (flags->lock_count == FLAGS_LIST_MAX ||
		    !lock_parse(item, &strategy))
			return false;
		add_lock(flags, strategy);
	}
	return true;
}

static bool
parse_stores(struct flags *flags, const char *list)
{
	char item[64];

	if (strcmp(list, "all") == 0)
		list = "json,sqlite";
	for (flags->store_count = 0; list != NULL;) {
		list = next_item(list, item);
		if (flags->store_count == 2 || !store_known(item))
			return false;
		flags->stores[flags->store_count++] =
		    strcmp(item, "json") == 0 ? "json" : "sqlite";
	}
	return true;
}

static bool
parse_delays(struct flags *flags, const char *list)
{
	char item[64];

	for (flags->delay_count = 0; list != NULL; flags->delay_count++) {
		const size_t n = flags->delay_count;

		list = next_item(list, item);
		if (n == FLAGS_LIST_MAX ||
		    !duration_range_parse(item, &flags->delays[n].min_ms,
			&flags->delays[n].max_ms))
			return false;
	}
	return true;
}

static bool
add_expect(struct flags *flags, const char *text)
{
	if (flags->expect_count == FLAGS_EXPECT_MAX)
		return false;
	flags->expects[flags->expect_count++] = text;
	return true;
}

static bool
set(struct flags *flags, const struct flag_row *row, const char *value)
{
	int64_t number = 0;

	if (row->max > 0 && row->valid == NULL &&
	    !parse_number(value, row->min, row->max, &number))
		return false;
	switch (row->id) {
	case LOCKS:
		return parse_locks(flags, value);
	case STORES:
		return parse_stores(flags, value);
	case WORKERS:
		return parse_numbers(
		    row, value, flags->workers, &flags->worker_count);
	case CLERKS:
		return parse_numbers(
		    row, value, flags->clerks, &flags->clerk_count);
	case BATCH:
		return parse_numbers(
		    row, value, flags->batches, &flags->batch_count);
	case DELAY:
		return parse_delays(flags, value);
	case RUNS:
		flags->runs = (unsigned)number;
		return true;
	case BUYERS:
		flags->buyers = (unsigned)number;
		return true;
	case TICKETS:
		flags->tickets = number;
		return true;
	case ORDERS:
		flags->orders = number;
		return true;
	case QUANTITY:
		flags->quantity = (unsigned)number;
		return true;
	case DURATION:
		return duration_parse(value, &flags->duration_ms);
	case SEED:
		flags->seed = (uint64_t)number;
		return true;
	case CLASSROOM:
		return true; /* set before all others */
	case KILL:
		flags->kills = (unsigned)number;
		return true;
	case KILL_HOLDER:
		flags->holders = (unsigned)number;
		return true;
	case PAUSE_HOLDER:
		return duration_parse(value, &flags->pause_ms) &&
		       flags->pause_ms > 0;
	case EXPECT:
		return add_expect(flags, value);
	case JSON:
		flags->json = true;
		return true;
	case MARKDOWN:
		flags->markdown = value;
		return true;
	case TRACE:
		flags->trace = value;
		return true;
	case PLOT:
		flags->plot = value;
		return true;
	case SERVICE:
		flags->service = value;
		return true;
	case DATA:
		flags->data = value;
		return true;
	case TIMEOUT:
		return duration_parse(value, &flags->timeout_ms) &&
		       flags->timeout_ms > 0;
	case URL:
		flags->url = value;
		return true;
	case TOKEN:
		flags->token = value;
		return true;
	case SALE:
		flags->sale = value;
		return true;
	case FLOOD:
		flags->flood = value;
		return value[0] == '/';
	case VERSION:
	case HELP:
		break;
	}
	return true;
}

static void
complain(const struct flag_row *row, const char *value, FILE *err)
{
	fprintf(err, "stress: --%s %s: must be ", row->name, value);
	if (row->id == LOCKS)
		fprintf(err, "all, or a list of %s\n", lock_names());
	else if (row->valid != NULL && row->max > 0)
		fprintf(err, "%s, from %" PRId64 " to %" PRId64 "\n",
		    row->valid, row->min, row->max);
	else if (row->valid != NULL)
		fprintf(err, "%s\n", row->valid);
	else if (row->id == FLOOD)
		fprintf(err, "a path that begins with /\n");
	else
		fprintf(err, "a number from %" PRId64 " to %" PRId64 "\n",
		    row->min, row->max);
}

/* ------------------------------------------------------------- defaults -- */

static void
set_defaults(struct flags *flags)
{
	*flags = (struct flags){.runs = 1,
	    .buyers = 200,
	    .quantity = 1,
	    .tickets = 50,
	    .duration_ms = 1000,
	    .seed = (uint64_t)clock_read_ns(CLOCK_REALTIME) >> 10,
	    .timeout_ms = 5000,
	    .stores = {"json", "sqlite"},
	    .store_count = 2,
	    .workers = {2},
	    .worker_count = 1,
	    .clerks = {4},
	    .clerk_count = 1,
	    .batches = {64},
	    .batch_count = 1,
	    .delays = {{2, 2}},
	    .delay_count = 1};
	add_all_locks(flags);
}

/* As it was given in class; other flags come on top of it. */
static void
set_classroom(struct flags *flags)
{
	flags->classroom = true;
	flags->buyers = 10;
	flags->tickets = 1;
	flags->store_count = 1;
	flags->clerks[0] = 10;
	flags->delays[0].min_ms = flags->delays[0].max_ms = 200;
	flags->duration_ms = 0;
	parse_locks(flags, "none,mutex");
}

/* The class script's three seconds need more than five of patience. */
static void
settle_timeout(struct flags *flags, bool given)
{
	size_t i;

	for (i = 0; i < flags->delay_count && !given; i++)
		while (flags->timeout_ms < flags->delays[i].max_ms * 4)
			flags->timeout_ms *= 2;
}

static bool
check_url(const struct flags *flags, const struct flag_row *ours,
    bool axis_given, FILE *err)
{
	if (flags->sale != NULL && flags->url == NULL)
		fprintf(err, "stress: --sale needs --url\n");
	else if (flags->url != NULL && ours != NULL)
		fprintf(err,
		    "stress: --%s cannot be chosen on a service that runs "
		    "already (--url)\n",
		    ours->name);
	else if (flags->sale != NULL && axis_given)
		fprintf(err, "stress: --sale is taken as it is: no --locks, no "
			     "--delay\n");
	else
		return true;
	return false;
}

/* On a service that runs, rows differ in strategy and delay only. */
static void
settle_url(struct flags *flags)
{
	if (flags->url == NULL)
		return;
	flags->store_count = 1;
	flags->stores[0] = "";
	flags->workers[0] = flags->clerks[0] = flags->batches[0] = 0;
	if (flags->sale != NULL)
		parse_locks(flags, "none"); /* until the sale is read */
}

bool
flags_drill(const struct flags *flags)
{
	return flags->kills > 0 || flags->holders > 0 || flags->pause_ms > 0;
}

/* ---------------------------------------------------------------- parse -- */

static bool
is_given(int argc, char *const argv[], const char *flag)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

static const struct flag_row *
row_of(int id)
{
	size_t i;

	for (i = 0; i < ROWS - 1; i++)
		if ((int)rows[i].id == id)
			break;
	return &rows[i];
}

enum flags_result
flags_parse(
    struct flags *flags, int argc, char *const argv[], FILE *out, FILE *err)
{
	struct option long_options[ROWS + 1] = {0};
	const struct flag_row *row, *ours = NULL;
	bool axis_given = false, timeout_given = false;
	size_t i;
	int c;

	for (i = 0; i < ROWS; i++)
		long_options[i] = (struct option){.name = rows[i].name,
		    .has_arg =
			rows[i].value != NULL ? required_argument : no_argument,
		    .val = (int)rows[i].id};
	set_defaults(flags);
	if (is_given(argc, argv, "--classroom"))
		set_classroom(flags);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (c == '?' || c == ':') {
			fprintf(err, "stress: %s: %s; see --help\n",
			    argv[optind - 1],
			    c == '?' ? "no such flag" : "needs a value");
			return FLAGS_WRONG;
		}
		row = row_of(c);
		if (row->id == HELP)
			print_help(out);
		if (row->id == VERSION)
			fprintf(
			    out, "turnstile-stress " TURNSTILE_VERSION "\n");
		if (row->id == HELP || row->id == VERSION)
			return FLAGS_DONE;
		if (!set(flags, row, optarg)) {
			complain(row, optarg, err);
			return FLAGS_WRONG;
		}
		if (row->ours_only)
			ours = row;
		axis_given |= row->id == LOCKS || row->id == DELAY;
		timeout_given |= row->id == TIMEOUT;
	}
	if (optind < argc) {
		fprintf(err,
		    "stress: \"%s\": flags begin with --; see "
		    "--help\n",
		    argv[optind]);
		return FLAGS_WRONG;
	}
	if (!check_url(flags, ours, axis_given, err))
		return FLAGS_WRONG;
	settle_timeout(flags, timeout_given);
	settle_url(flags);
	return FLAGS_OK;
}
