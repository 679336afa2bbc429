/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the service's options, the few that no row can describe, and
 * what follows from several together.
 */
#include "service/process/flags.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "locks/lock.h"
#include "service/http/cors.h"
#include "service/sale/sell.h"
#include "service/version.h"

/* [ADDR:]PORT, [IPV6]:PORT */
static bool
set_listen(void *place, const char *text)
{
	const char *colon = strrchr(text, ':'), *port = text;
	struct options *options = place;
	size_t length;
	int64_t number;

	if (colon != NULL) {
		length = (size_t)(colon - text);
		if (length > 1 && text[0] == '[' && colon[-1] == ']') {
			text++;
			length -= 2;
		} else if (memchr(text, ':', length) != NULL) {
			return false;
		}
		if (length >= sizeof(options->host))
			return false;
		memcpy(options->host, text, length);
		options->host[length] = '\0';
		port = colon + 1;
	}
	if (!options_parse_number(port, 0, 65535, &number))
		return false;
	options->port = (uint16_t)number;
	return true;
}

/* By its shortest name: semaphore:1 is the semaphore. */
static bool
set_lock(void *place, const char *text)
{
	struct lock_strategy strategy;

	if (!lock_parse(text, &strategy))
		return false;
	lock_print(strategy, place);
	return true;
}

/* The text stays the command line's, or the environment's. */
static bool
is_origin(void *place, const char *text)
{
	(void)place;
	return cors_is_list(text);
}

/* What this program lacks. */
static const char *
missing_stores(void)
{
	return store_known("postgres")
		   ? ""
		   : "; it was built without PostgreSQL's libpq-dev";
}

#define AT(member) OPTIONS_AT(struct options, member)
#define GIVEN(member) .given = offsetof(struct options, member)

/* clang-format off */
static const struct options_row rows[] = {
	{ "listen", "[ADDR:]PORT", "127.0.0.1:8080",
	  "where to listen; port 0 picks one",
	  .set = set_listen, .valid =
	  "PORT, :PORT, ADDR:PORT or [IPV6]:PORT, with a port from 0 to 65535" },
	{ "data", "DIR", "./data", "where sales are kept",
	  OPTIONS_TEXT, 1, 0, AT(data), .valid = "a directory" },
	{ "existing", NULL, NULL,
	  "start only if DIR has been turnstile's, as one restored has",
	  OPTIONS_FLAG, AT(existing) },
	{ "store", "", "sqlite", "\nhow they are kept (DIR's own, if new sqlite)",
	  OPTIONS_CHOICE, AT(store), GIVEN(store_given), .names = store_at,
	  .words = missing_stores },
	{ "database", "CONNINFO", NULL,
	  "where PostgreSQL is, for --store postgres:\n"
	  "'host=db dbname=turnstile' or postgresql://db/turnstile",
	  OPTIONS_TEXT, 1, 0, AT(database), .valid = "a connection string" },
	{ "lock", "NAME", "mutex",
	  "strategy of a new sale that does not choose one",
	  AT(lock), GIVEN(lock_given), .set = set_lock,
	  .valid = "one of ", .words = lock_names },
	{ "delay", "MIN[-MAX]", "0",
	  "delay of a new sale that does not choose one: 5ms, 1s-3s",
	  OPTIONS_RANGE, AT(delay_min_ms), GIVEN(delay_given),
	  .valid = "a duration or a range of two, up to 1h: 0, 5ms, 1s-3s" },
	{ "tickets", "N", "100",
	  "capacity of the sale \"demo\", opened if missing; 0: it is not",
	  OPTIONS_NUMBER, 0, STORE_CAPACITY_MAX, AT(tickets),
	  GIVEN(tickets_given) },
	{ "workers", "N", NULL, "worker processes (one for each core)",
	  OPTIONS_NUMBER, 1, LOCK_WORKERS_MAX, AT(workers) },
	{ "clerks", "N", "10", "clerk threads at one sale, in each worker",
	  OPTIONS_NUMBER, 1, LOCK_CLERKS_MAX, AT(clerks) },
	{ "batch", "N", "64",
	  "orders that one turn may carry, where there is no delay",
	  OPTIONS_NUMBER, 1, SELL_BATCH_MAX, AT(batch) },
	{ "queue", "N", "4096", "orders that may wait in a worker",
	  OPTIONS_NUMBER, 1, 1000000, AT(queue) },
	{ "timeout", "DURATION", "5s",
	  "an order's deadline, from its arrival",
	  OPTIONS_DURATION, 1, 0, AT(timeout_ms),
	  .valid = "a duration from 1ms to 1h: 500ms, 5s" },
	{ "audit-timeout", "DURATION", "30s",
	  "the deadline of an audit, or a ledger's page",
	  OPTIONS_DURATION, 1, 0, AT(audit_timeout_ms),
	  .valid = "a duration from 1ms to 1h: 500ms, 5s" },
	{ "max-quantity", "N", "100",
	  "tickets that one order may ask for",
	  OPTIONS_NUMBER, 1, 1000, AT(max_quantity) },
	{ "admin", "open|token|off", NULL,
	  "who may open, change and delete sales (open on a loopback\n"
	  "address, else token)",
	  OPTIONS_CHOICE, AT(admin), GIVEN(admin_given) },
	{ "allow-origin", "ORIGIN", NULL,
	  "a page of this origin may look and buy (none): give it once\n"
	  "for each, as https://shop.example; * is every origin",
	  OPTIONS_TEXT, .set = is_origin, .valid =
	  "SCHEME://HOST[:PORT] as a browser writes it (lower case, no path, "
	  "no usual port), or *; 16 at most",
	  OPTIONS_LIST(struct options, origins, origin_count) },
	{ "log", "text|json", "text", "how to write the log; json: and print nothing else",
	  OPTIONS_CHOICE, AT(log_json) },
};
/* clang-format on */

/* The words of a choice are in the order of its enum. */
static_assert(ADMIN_OPEN == 0 && ADMIN_TOKEN == 1 && ADMIN_OFF == 2,
    "--admin open|token|off");
static_assert(STORE_LOCK_SIZE >= LOCK_NAME_SIZE, "--lock fits");
static_assert(offsetof(struct options, delay_max_ms) ==
		  offsetof(struct options, delay_min_ms) + sizeof(int64_t),
    "a range is two numbers, one behind the other");

static void
print_tail(FILE *out)
{
	char name[LOCK_NAME_SIZE];
	size_t i;

	fprintf(out, "\nStrategies, for --lock:\n");
	for (i = 0; i < lock_count(); i++) {
		lock_print(lock_at(i), name);
		fprintf(out, "  %-16s%s%s\n", name, lock_summary(lock_at(i)),
		    lock_facts(lock_at(i)).wrong_on_purpose
			? " (WRONG, on purpose)"
			: "");
	}
	fprintf(out,
	    "\nEach option is also an environment variable: --max-quantity is "
	    "TURNSTILE_MAX_QUANTITY.\nA flag wins.\n\n"
	    "Signals: SIGTERM or SIGINT stop it, and what waits is answered; a "
	    "second one stops it\nat once. SIGHUP, SIGQUIT, SIGUSR1 and "
	    "SIGUSR2 change nothing.\n"
	    "The log goes to standard error.\n"
	    "Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot start, 2 "
	    "for a wrong option.\n");
}

/* Of the stress test's; see service.h. */
static const char *const others[] = {
    "TURNSTILE_DRILL", "TURNSTILE_JITTER", NULL};

static const struct options_table table = {.rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .program = "turnstile",
    .version = "turnstile " TURNSTILE_VERSION,
    .noun = "option",
    .letters = ":h",
    .prefix = "TURNSTILE_",
    .others = others,
    .before_value = ": \"",
    .after_value = "\" is not valid: use ",
    .column = 29,
    .head = "turnstile: sells the same seat twice, shows you why, and then "
	    "doesn't\n\n"
	    "usage: turnstile [options]\n"
	    "       turnstile backup [--data DIR] FILE     while it sells\n"
	    "       turnstile restore [--data DIR] [--store NAME] FILE\n\n",
    .print_tail = print_tail};

static unsigned
count_cores(void)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > LOCK_WORKERS_MAX ? LOCK_WORKERS_MAX : (unsigned)cores;
}

/* On an address that only this machine reaches, admin is open. */
static void
settle_admin(struct options *options)
{
	if (options->admin_given != NULL)
		return;
	options->admin = strncmp(options->host, "127.", 4) == 0 ||
				 strcmp(options->host, "localhost") == 0 ||
				 strcmp(options->host, "::1") == 0
			     ? ADMIN_OPEN
			     : ADMIN_TOKEN;
}

enum options_result
flags_parse(
    struct options *options, int argc, char *const argv[], FILE *out, FILE *err)
{
	const struct options_line line = {argc, argv, out, err};
	enum options_result result;

	*options = (struct options){.workers = count_cores()};
	options_set_usual(&table, options);
	result = options_parse(&table, options, &line);
	if (result == OPTIONS_OK)
		settle_admin(options);
	return result;
}

const char *
flags_stray(size_t *at)
{
	return options_stray(&table, at);
}
