/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the stress test's flags, what the class script sets, and which
 * flags do not go together.
 */
#include "tests/stress/flags.h"

#include <inttypes.h>
#include <string.h>

#include "locks/clock.h"
#include "service/duration.h"
#include "service/sale/sell.h"
#include "service/version.h"
#include "storage/store.h"

#define MOST INT64_C(1000000000)
#define TIMEOUT_MS 5000  /* of the service's orders, if not given */
#define PATIENCE_MS 2000 /* longer than that */
#define ROUND_MS 10      /* a round of the price, at least */

static const char *
all_locks(void)
{
	return strategies_list(lock_count(), NULL);
}

static bool
set_path(void *place, const char *text)
{
	*(const char **)place = text;
	return text[0] == '/';
}

#define AT(member) OPTIONS_AT(struct flags, member)
#define LIST(member, number) OPTIONS_LIST(struct flags, member, number)
#define OURS .given = offsetof(struct flags, ours)
#define AXIS .given = offsetof(struct flags, axis)

/* clang-format off */
static const struct options_row rows[] = {
	{ "locks", "all|LIST", "all", "strategies: none,mutex,semaphore:3 …",
	  LIST(locks, lock_count), AXIS, .set = strategies_set, .all = all_locks,
	  .section = "What is compared: a row for each combination",
	  .valid = "all, or a list of ", .words = lock_names },
	{ "stores", "LIST", NULL,
	  " (json and sqlite;\nwith --hosts postgres)", OPTIONS_CHOICE,
	  LIST(stores, store_count), OURS, .names = store_at,
	  .valid = ", with commas" },
	{ "hosts", "N", "1",
	  "services, all on one PostgreSQL: of the stores it\n"
	  "is postgres, in a cluster of the test's own",
	  OPTIONS_NUMBER, 1, FLAGS_HOSTS_MAX, AT(hosts), OURS },
	{ "workers", "LIST", "2", "worker processes", OPTIONS_NUMBER,
	  1, LOCK_WORKERS_MAX, LIST(workers, worker_count), OURS },
	{ "clerks", "LIST", "4", "clerk threads in each", OPTIONS_NUMBER,
	  1, LOCK_CLERKS_MAX, LIST(clerks, clerk_count), OURS },
	{ "batch", "LIST", "64", "orders that one turn may carry",
	  OPTIONS_NUMBER, 1, SELL_BATCH_MAX, LIST(batches, batch_count), OURS },
	{ "delay", "LIST", "2ms",
	  "between reading and writing, in the race (2ms);\n"
	  "a range of two is drawn from: 1s-3s",
	  OPTIONS_RANGE, LIST(delays, delay_count), AXIS,
	  .valid = "durations or ranges, with commas: 0, 5ms, 1s-3s" },
	{ "runs", "N", "1", "races for each row",
	  OPTIONS_NUMBER, 1, 100000, AT(runs) },

	{ "buyers", "N", "200", "how many, all at once",
	  OPTIONS_NUMBER, 1, 20000, AT(buyers),
	  .section = "The buyers: each looks, and then buys" },
	{ "tickets", "N", "50", "tickets in the race",
	  OPTIONS_NUMBER, 1, STORE_CAPACITY_MAX, AT(tickets) },
	{ "orders", "N", NULL, "orders in the race, all together (one a buyer)",
	  OPTIONS_NUMBER, 1, MOST, AT(orders) },
	{ "quantity", "N", "1", "tickets in an order",
	  OPTIONS_NUMBER, 1, 1000, AT(quantity) },
	{ "duration", "TIME", "1s", "how long the price is measured (1s; 0: no price)",
	  OPTIONS_DURATION, AT(duration_ms),
	  .valid = "a duration up to 1h: 0, 500ms, 10s" },
	{ "rounds", "N", "5",
	  "that in N parts, over all rows in turn; how much\n"
	  "they differ is the ± of the price (5)",
	  OPTIONS_NUMBER, 1, FLAGS_ROUNDS_MAX, AT(rounds) },
	{ "warmup", "TIME", "100ms", "before each of them, and not measured",
	  OPTIONS_DURATION, AT(warmup_ms),
	  .valid = "a duration up to 1h: 0, 500ms, 10s" },
	{ "rate", "N", NULL,
	  "price: N orders a second, due at even times, and\n"
	  "waits count from then (each buyer in his turn)",
	  OPTIONS_NUMBER, 1, 1000000, AT(rate) },
	{ "seed", "N", NULL,
	  "keys, moments, and how clerks dawdle (the clock's)",
	  OPTIONS_NUMBER, 0, INT64_MAX, AT(seed) },
	{ "jitter", "auto|off|steps|deep", "auto",
	  "\nin the race clerks dawdle at their steps; deep: also\n"
	  "between the instructions of a lock (auto: of those\n"
	  "that turnstile does not have itself)",
	  OPTIONS_CHOICE, AT(jitter), OURS },
	{ "patience", "TIME", NULL,
	  "a row in which nothing is sold or refused for so\n"
	  "long is HUNG (the --timeout, and 2s)",
	  OPTIONS_DURATION, 1, 0, AT(patience_ms),
	  .valid = "a duration from 1ms to 1h: 500ms, 5s" },
	{ "classroom", NULL, NULL,
	  "the class script: 10 buyers, 1 ticket, json, none\n"
	  "then mutex, 2 x 10 clerks, 200 ms; no price",
	  OPTIONS_FLAG, AT(classroom) },

	{ "kill", "N", NULL, "kill N workers in each race, at random moments",
	  OPTIONS_NUMBER, 0, 32, AT(kills), OURS,
	  .section = "Misfortune, on a service of its own" },
	{ "kill-holder", "N", NULL, "kill N that are just about to write",
	  OPTIONS_NUMBER, 0, 16, AT(holders), OURS },
	{ "kill-database", "N", NULL, "kill the PostgreSQL N times",
	  OPTIONS_NUMBER, 0, 16, AT(databases), OURS },
	{ "pause-holder", "TIME", NULL, "stop one that is just about to write",
	  OPTIONS_DURATION, 1, 0, AT(pause_ms), OURS,
	  .valid = "a duration up to 1h: 500ms, 2s" },

	{ "expect", "TEXT", NULL,
	  "of every row: wrong==0, p99<50ms, sold/s>1000,\n"
	  "later==0 (503s), unsent==0, p50 p95 p99.9 max\n"
	  "refused/s unknown stop; of --compare: slower==0,\n"
	  "ratio>0.9 (sold/s), p99-ratio<1.2; repeatable",
	  OPTIONS_TEXT, LIST(expects, expect_count),
	  .valid = "given 16 times at most",
	  .section = "What comes out" },
	{ "json", NULL, NULL,
	  "the result as JSON, and nothing else; the schema is\n"
	  "tests/stress/report.schema.json",
	  OPTIONS_FLAG, AT(json) },
	{ "compare", "FILE", NULL,
	  "prices against those of an older --json, and whether\n"
	  "a difference is more than noise",
	  OPTIONS_TEXT, AT(compare) },
	{ "markdown", "FILE", NULL, "the table as Markdown",
	  OPTIONS_TEXT, AT(markdown) },
	{ "trace", "FILE", NULL, "every clerk's steps, for ui.perfetto.dev",
	  OPTIONS_TEXT, AT(trace) },
	{ "plot", "FILE", NULL, "verdict and price of each strategy, as an SVG",
	  OPTIONS_TEXT, AT(plot) },
	{ "history", "FILE", NULL,
	  "what buyers of the races were told, and when, as\n"
	  "JSON lines for history-check and other checkers",
	  OPTIONS_TEXT, AT(history) },

	{ "service", "PROGRAM", NULL, "what to start (turnstile, beside this program)",
	  OPTIONS_TEXT, AT(service), OURS, .section = "The service" },
	{ "data", "DIR", NULL,
	  "where data directories are made, and removed\n"
	  "(beside this program; if installed, in TMPDIR)",
	  OPTIONS_TEXT, AT(data), OURS },
	{ "database", "CONNINFO", NULL, "a PostgreSQL that runs already",
	  OPTIONS_TEXT, AT(database), OURS },
	{ "timeout", "TIME", NULL, "its orders' deadline (5s)",
	  OPTIONS_DURATION, 1, 0, AT(timeout_ms), OURS,
	  .valid = "a duration from 1ms to 1h: 500ms, 5s" },
	{ "url", "URL", NULL,
	  "one that runs already; of the axes only --locks and\n"
	  "--delay are left, on sales that the test opens",
	  OPTIONS_TEXT, AT(url) },
	{ "token", "TOKEN", NULL, "its admin token", OPTIONS_TEXT, AT(token) },
	{ "sale", "ID", NULL, "this sale, as it is; needs --url",
	  OPTIONS_TEXT, AT(sale) },

	{ "flood", "PATH", NULL, "how much the client itself can ask, with GET PATH",
	  AT(flood), .set = set_path, .section = "And",
	  .valid = "a path that begins with /" },
};
/* clang-format on */

static void
print_tail(FILE *out)
{
	char name[LOCK_NAME_SIZE];
	size_t i;

	fprintf(out, "\nStrategies; all is each of these, and semaphore:3\n");
	for (i = 0; i < lock_count(); i++) {
		lock_print(lock_at(i), name);
		fprintf(out, "  %-15s%s%s\n", name, lock_summary(lock_at(i)),
		    lock_is_safe(lock_at(i), LOCK_REACH_HOST) ? ""
							      : " (WRONG)");
	}
	fprintf(out,
	    "\nExit status: 0 every strategy kept its promise, and the "
	    "controls were wrong\nwhere there was a delay; 1 something was not "
	    "so; 2 usage, or no service.\n");
}

static const char head[] =
    "turnstile-stress: buyers all at once, and what became of the tickets\n\n"
    "Starts a service for each row, lets real buyers at it over HTTP, and "
    "holds their\nreceipts, the ledger, the counter and the capacity against "
    "each other: a race\nfor the verdict, then, where it is correct, the "
    "price.\n\n"
    "usage: stress [flags]\n\n"
    "  stress                                  every strategy, both stores\n"
    "  stress --classroom                      the class script, and its "
    "cure\n"
    "  stress --locks none --runs 20 --delay 0 --jitter off\n"
    "                                          how often it shows by itself\n"
    "  stress --locks mutex,flock --kill 3     while workers die\n"
    "  stress --locks mutex --rate 2000 --expect 'p99<50ms'\n"
    "                                          a load that does not wait\n"
    "  stress --url http://localhost:8080      a service that runs already\n";

static const struct options_table table = {.rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .program = "stress",
    .version = "turnstile-stress " TURNSTILE_VERSION,
    .noun = "flag",
    .letters = ":h",
    .before_value = " ",
    .after_value = ": must be ",
    .column = 24,
    .head = head,
    .print_tail = print_tail};

/* The class script's three seconds need more than five of patience. */
static void
settle_timeout(struct flags *flags)
{
	size_t i;

	if (flags->timeout_ms == 0) {
		flags->timeout_ms = TIMEOUT_MS;
		for (i = 0; i < flags->delay_count; i++)
			while (flags->timeout_ms < flags->delays[i].max_ms * 4)
				flags->timeout_ms *= 2;
	}
	if (flags->patience_ms == 0)
		flags->patience_ms =
		    flags->timeout_ms + flags->pause_ms + PATIENCE_MS;
}

bool
flags_drill(const struct flags *flags)
{
	return flags->kills > 0 || flags->holders > 0 || flags->databases > 0 ||
	       flags->pause_ms > 0;
}

bool
flags_price(const struct flags *flags)
{
	return flags->duration_ms > 0 && flags->sale == NULL &&
	       flags->flood == NULL && !flags_drill(flags);
}

static bool
check_url(const struct flags *flags, FILE *err)
{
	if (flags->sale != NULL && flags->url == NULL)
		fprintf(err, "stress: --sale needs --url\n");
	else if (flags->url != NULL && flags->ours != NULL)
		fprintf(err,
		    "stress: --%s cannot be chosen on a service that runs "
		    "already (--url)\n",
		    flags->ours);
	else if (flags->sale != NULL && flags->axis != NULL)
		fprintf(err, "stress: --sale is taken as it is: no --locks, no "
			     "--delay\n");
	else
		return true;
	return false;
}

/* What would be dropped without a word. */
static bool
check_price(const struct flags *flags, FILE *err)
{
	const char *name = flags->rate > 0 ? "rate" : "compare";
	const char *why = flags->sale != NULL  ? "--sale has none"
			  : flags_drill(flags) ? "a drill has none"
					       : "--duration 0 measures none";

	if ((flags->rate == 0 && flags->compare == NULL) || flags_price(flags))
		return true;
	fprintf(err, "stress: --%s is of the price, and %s\n", name, why);
	return false;
}

uint64_t
flags_round_orders(const struct flags *flags)
{
	return flags->rate * (uint64_t)flags->duration_ms / 1000 /
	       flags->rounds;
}

static int64_t
round_up(int64_t number, int64_t by)
{
	return (number + by - 1) / by;
}

/* A round in which next to nothing happens has no price. */
static bool
check_rounds(const struct flags *flags, FILE *err)
{
	const int64_t orders_ms =
	    FLAGS_ROUND_ORDERS * INT64_C(1000) * flags->rounds;
	char least[DURATION_RANGE_SIZE];

	if (!flags_price(flags))
		return true;
	if (flags->duration_ms < ROUND_MS * (int64_t)flags->rounds) {
		fprintf(err,
		    "stress: --duration is too short for --rounds %u: must be "
		    "%ums or more, or 0\n",
		    flags->rounds, ROUND_MS * flags->rounds);
		return false;
	}
	if (flags->rate == 0 || flags_round_orders(flags) >= FLAGS_ROUND_ORDERS)
		return true;
	duration_range_print(round_up(orders_ms, (int64_t)flags->rate),
	    round_up(orders_ms, (int64_t)flags->rate), least);
	fprintf(err,
	    "stress: --rate is too low for --rounds %u: must be %" PRId64
	    " or more, or --duration %s,\nso that each has %d orders\n",
	    flags->rounds, round_up(orders_ms, flags->duration_ms), least,
	    FLAGS_ROUND_ORDERS);
	return false;
}

static bool
check_flood(const struct flags *flags, FILE *err)
{
	const char *name = flags->json               ? "json"
			   : flags->markdown != NULL ? "markdown"
			   : flags->trace != NULL    ? "trace"
			   : flags->plot != NULL     ? "plot"
			   : flags->history != NULL  ? "history"
			   : flags->compare != NULL  ? "compare"
			   : flags->expect_count > 0 ? "expect"
			   : flags->rate > 0         ? "rate"
						     : NULL;

	if (flags->flood == NULL || name == NULL)
		return true;
	fprintf(err, "stress: --flood prints one line: no --%s\n", name);
	return false;
}

/* "http://host:8080/" is the same as without: paths begin with a slash. */
static void
strip_slashes(struct flags *flags)
{
	static char url[512];
	size_t n = strlen(flags->url);

	if (n >= sizeof(url))
		return;
	while (n > 0 && flags->url[n - 1] == '/')
		n--;
	snprintf(url, sizeof(url), "%.*s", (int)n, flags->url);
	flags->url = url;
}

/* On a service that runs, rows differ in strategy and delay only. */
static void
settle_url(struct flags *flags)
{
	if (flags->url == NULL)
		return;
	strip_slashes(flags);
	flags->store_count = 1;
	flags->stores[0] = "";
	flags->workers[0] = flags->clerks[0] = flags->batches[0] = 0;
	if (flags->sale != NULL) /* until the sale is read */
		flags->lock_count = lock_parse("none", &flags->locks[0]);
}

uint64_t
flags_orders(const struct flags *flags)
{
	return flags->orders > 0 ? (uint64_t)flags->orders : flags->buyers;
}

/* Of a service that runs already it is that one's to say what fits. */
static bool
fits(const struct flags *f, size_t lock, size_t store)
{
	return f->url != NULL ||
	       strategies_fit(f->locks[lock], f->stores[store]);
}

/* Rows for each pair of a store and a strategy. */
static size_t
settings_of_pair(const struct flags *f)
{
	return f->worker_count * f->clerk_count * f->batch_count *
	       f->delay_count;
}

/* The pairs that fit, and of the `nth` of them store and strategy. */
static size_t
pairs(const struct flags *f, size_t nth, size_t *store, size_t *lock)
{
	size_t count = 0, i, j;

	for (i = 0; i < f->store_count; i++)
		for (j = 0; j < f->lock_count; j++) {
			if (!fits(f, j, i))
				continue;
			if (count++ == nth) {
				*store = i;
				*lock = j;
			}
		}
	return count;
}

size_t
flags_settings(const struct flags *f)
{
	size_t store, lock;

	return pairs(f, SIZE_MAX, &store, &lock) * settings_of_pair(f);
}

/* The digits of `i`, each to the base of its axis. */
struct setting
flags_setting(const struct flags *f, size_t i)
{
	struct setting s = {0};
	size_t store = 0, lock = 0;

	pairs(f, i / settings_of_pair(f), &store, &lock);
	s.delay_min_ms = f->delays[i % f->delay_count].min_ms;
	s.delay_max_ms = f->delays[i % f->delay_count].max_ms;
	i /= f->delay_count;
	s.batch = f->batches[i % f->batch_count];
	i /= f->batch_count;
	s.clerks = f->clerks[i % f->clerk_count];
	i /= f->clerk_count;
	s.workers = f->workers[i % f->worker_count];
	s.strategy = f->locks[lock];
	if (f->sale != NULL)
		snprintf(s.lock, sizeof(s.lock), "its own");
	else
		lock_print(s.strategy, s.lock);
	snprintf(s.store, sizeof(s.store), "%s", f->stores[store]);
	return s;
}

/* As it was given in class; other flags come on top of it. */
static void
set_classroom(struct flags *flags)
{
	static char *const args[] = {"stress", "--locks=none,mutex",
	    "--stores=json", "--clerks=10", "--delay=200ms", "--buyers=10",
	    "--tickets=1", "--duration=0", NULL};
	const struct options_line line = {
	    sizeof(args) / sizeof(args[0]) - 1, args, stdout, stderr};

	options_parse(&table, flags, &line);
	flags->ours = flags->axis = NULL; /* nobody gave them */
}

/* Those that need nobody; with several hosts, those that these can share. */
static void
settle_stores(struct flags *flags)
{
	const char *kind;
	size_t i;

	if (flags->store_count > 0 || flags->url != NULL)
		return;
	for (i = 0; (kind = store_at(i)) != NULL; i++)
		if (store_has_hosts(kind) == (flags->hosts > 1))
			flags->stores[flags->store_count++] = kind;
}

static bool
check_hosts(const struct flags *f, FILE *err)
{
	size_t i;

	for (i = 0; i < f->store_count && f->hosts > 1; i++)
		if (!store_has_hosts(f->stores[i])) {
			fprintf(err,
			    "stress: --hosts %u: the store %s is one host's\n",
			    f->hosts, f->stores[i]);
			return false;
		}
	if (f->hosts == 1 || f->store_count > 0 || f->url != NULL)
		return true;
	fprintf(err, "stress: --hosts: it was built without PostgreSQL "
		     "(libpq-dev)\n");
	return false;
}

/* A strategy whose lock is in a store needs one that has it. */
static bool
check_locks(const struct flags *f, FILE *err)
{
	char name[LOCK_NAME_SIZE];
	size_t i, j;

	if (f->url != NULL ||             /* it is that one's to say */
	    f->lock_count > lock_count()) /* all: of those, what fits */
		return true;
	for (i = 0; i < f->lock_count; i++) {
		for (j = 0; j < f->store_count; j++)
			if (fits(f, i, j))
				break;
		if (j < f->store_count)
			continue;
		lock_print(f->locks[i], name);
		fprintf(err,
		    "stress: --locks %s: its lock is in the store, and none "
		    "of --stores has it\n",
		    name);
		return false;
	}
	return true;
}

static enum options_result
parse(struct flags *flags, bool in_class, const struct options_line *line)
{
	*flags = (struct flags){
	    .seed = (uint64_t)clock_read_ns(CLOCK_REALTIME) >> 10};
	options_set_usual(&table, flags);
	if (in_class)
		set_classroom(flags);
	return options_parse(&table, flags, line);
}

enum options_result
flags_parse(
    struct flags *flags, int argc, char *const argv[], FILE *out, FILE *err)
{
	const struct options_line line = {argc, argv, out, err};
	enum options_result result = parse(flags, false, &line);

	if (result == OPTIONS_OK && flags->classroom)
		result = parse(flags, true, &line);
	if (result != OPTIONS_OK)
		return result;
	settle_stores(flags);
	if (!check_hosts(flags, err) || !check_locks(flags, err) ||
	    !check_url(flags, err) || !check_flood(flags, err) ||
	    !check_price(flags, err) || !check_rounds(flags, err))
		return OPTIONS_WRONG;
	settle_timeout(flags);
	settle_url(flags);
	return OPTIONS_OK;
}
