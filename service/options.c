/* SPDX-License-Identifier: BSD-2-Clause */
/* One table of options; help, flags and environment are made from it. */
#include "service/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/lock.h"
#include "service/sale/sell.h"

enum option_id {
	LISTEN = 1,
	DATA,
	STORE,
	LOCK,
	DELAY,
	TICKETS,
	WORKERS,
	CLERKS,
	BATCH,
	QUEUE,
	TIMEOUT,
	MAX_QUANTITY,
	ADMIN,
	LOG,
	VERSION,
	HELP,
};

struct option_row {
	enum option_id id;
	const char *name, *value, *help;
	const char *valid; /* what to say when the value is not */
	int64_t min, max;  /* of a number */
};

/* clang-format off */
static const struct option_row rows[] = {
	{ LISTEN, "listen", "[ADDR:]PORT",
	  "where to listen; port 0 picks one (127.0.0.1:8080)",
	  "PORT, :PORT, ADDR:PORT or [IPV6]:PORT, with a port from 0 to 65535",
	  0, 0 },
	{ DATA, "data", "DIR", "where sales are kept (./data)",
	  "a directory", 0, 0 },
	{ STORE, "store", "json|sqlite", "how they are kept (sqlite)",
	  "json or sqlite", 0, 0 },
	{ LOCK, "lock", "NAME",
	  "strategy of a new sale that does not choose one (mutex)",
	  "a strategy", 0, 0 },
	{ DELAY, "delay", "MIN[-MAX]",
	  "delay of a new sale that does not choose one: 5ms, 1s-3s (0)",
	  "a duration or a range of two, up to 1h: 0, 5ms, 1s-3s", 0, 0 },
	{ TICKETS, "tickets", "N",
	  "capacity of the sale \"demo\", opened if missing (100)",
	  NULL, 1, STORE_CAPACITY_MAX },
	{ WORKERS, "workers", "N", "worker processes (one for each core)",
	  NULL, 1, LOCK_WORKERS_MAX },
	{ CLERKS, "clerks", "N", "clerk threads in each worker (4)",
	  NULL, 1, LOCK_CLERKS_MAX },
	{ BATCH, "batch", "N",
	  "orders that one turn may carry, where there is no delay (64)",
	  NULL, 1, SELL_BATCH_MAX },
	{ QUEUE, "queue", "N", "orders that may wait in a worker (4096)",
	  NULL, 1, 1000000 },
	{ TIMEOUT, "timeout", "DURATION",
	  "an order's deadline, from its arrival (5s)",
	  "a duration from 1ms to 1h: 500ms, 5s", 0, 0 },
	{ MAX_QUANTITY, "max-quantity", "N",
	  "tickets that one order may ask for (100)", NULL, 1, 1000 },
	{ ADMIN, "admin", "open|token|off",
	  "who may open, change and delete sales (open on a loopback\n"
	  "                          address, else token)",
	  "open, token or off", 0, 0 },
	{ LOG, "log", "text|json", "how to write the log (text)",
	  "text or json", 0, 0 },
	{ VERSION, "version", NULL, "print the version", NULL, 0, 0 },
	{ HELP, "help", NULL, "print this", NULL, 0, 0 },
};
/* clang-format on */
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void
print_help(FILE *out)
{
	char name[64];
	size_t i;

	fprintf(out,
	    "turnstile: sells the same seat twice, shows you why, and then "
	    "doesn't\n\n"
	    "usage: turnstile [options]\n\n");
	for (i = 0; i < ROWS; i++) {
		snprintf(name, sizeof(name), "--%s %s", rows[i].name,
		    rows[i].value != NULL ? rows[i].value : "");
		fprintf(out, "  %-24s%s\n", name, rows[i].help);
	}
	fprintf(out, "\nStrategies, for --lock:\n");
	for (i = 0; i < lock_count(); i++) {
		char lock[LOCK_NAME_SIZE];

		lock_print(lock_at(i), lock);
		fprintf(out, "  %-16s%s%s\n", lock, lock_summary(lock_at(i)),
		    lock_facts(lock_at(i)).wrong_on_purpose
			? " (WRONG, on purpose)"
			: "");
	}
	fprintf(out,
	    "\nEach option is also an environment variable: --max-quantity is "
	    "TURNSTILE_MAX_QUANTITY.\nA flag wins.\n\n"
	    "Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot start, 2 "
	    "for a wrong option.\n");
}

bool
options_parse_number(
    const char *text, int64_t min, int64_t max, int64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *number >= min && *number <= max;
}

/* [ADDR:]PORT, [IPV6]:PORT */
static bool
parse_listen(struct options *options, const char *text)
{
	const char *colon = strrchr(text, ':'), *port = text;
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

static bool
parse_admin(struct options *options, const char *value)
{
	static const char *const names[] = {[ADMIN_OPEN] = "open",
	    [ADMIN_TOKEN] = "token",
	    [ADMIN_OFF] = "off"};
	int i;

	for (i = ADMIN_OPEN; i <= ADMIN_OFF; i++)
		if (strcmp(value, names[i]) == 0) {
			options->admin = (enum admin)i;
			options->admin_given = true;
			return true;
		}
	return false;
}

static bool
set_lock(struct options *options, const char *value)
{
	struct lock_strategy strategy;

	if (!lock_parse(value, &strategy))
		return false;
	lock_print(strategy, options->lock);
	options->lock_given = true;
	return true;
}

static bool
set(struct options *options, const struct option_row *row, const char *value)
{
	int64_t number = 0;

	if (row->max > 0 &&
	    !options_parse_number(value, row->min, row->max, &number))
		return false;
	switch (row->id) {
	case LISTEN:
		return parse_listen(options, value);
	case DATA:
		options->data = value;
		return value[0] != '\0';
	case STORE:
		options->store = value;
		return store_known(value);
	case LOCK:
		return set_lock(options, value);
	case DELAY:
		options->delay_given = true;
		return duration_range_parse(
		    value, &options->delay_min_ms, &options->delay_max_ms);
	case TICKETS:
		options->tickets_given = true;
		options->tickets = number;
		return true;
	case WORKERS:
		options->workers = (unsigned)number;
		return true;
	case CLERKS:
		options->clerks = (unsigned)number;
		return true;
	case BATCH:
		options->batch = (unsigned)number;
		return true;
	case QUEUE:
		options->queue = (unsigned)number;
		return true;
	case TIMEOUT:
		return duration_parse(value, &options->timeout_ms) &&
		       options->timeout_ms > 0;
	case MAX_QUANTITY:
		options->max_quantity = number;
		return true;
	case ADMIN:
		return parse_admin(options, value);
	case LOG:
		options->log_json = strcmp(value, "json") == 0;
		return options->log_json || strcmp(value, "text") == 0;
	case VERSION:
	case HELP:
		return true;
	}
	return false;
}

static void
complain(const struct option_row *row, const char *prefix, const char *value,
    FILE *err)
{
	fprintf(err, "turnstile: %s: \"%s\" is not valid: use ", prefix, value);
	if (row->id == LOCK)
		fprintf(err, "one of %s\n", lock_names());
	else if (row->valid != NULL)
		fprintf(err, "%s\n", row->valid);
	else
		fprintf(err, "a number from %" PRId64 " to %" PRId64 "\n",
		    row->min, row->max);
}

/* What getopt_long() refused; in "-xy" it still stands before the argument. */
static void
complain_unknown(int c, const char *argument, FILE *err)
{
	const char letter[] = {'-', (char)optopt, '\0'};

	if (c == '?' && optopt > (int)HELP)
		argument = letter;
	fprintf(err, "turnstile: %s: %s; see --help\n", argument,
	    c == '?' ? "no such option" : "needs a value");
}

/* TURNSTILE_MAX_QUANTITY for max-quantity. */
static void
environment_name(const char *name, char text[64])
{
	size_t i;

	snprintf(text, 64, "TURNSTILE_%s", name);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = text[i] == '-'
			      ? '_'
			      : (char)toupper((unsigned char)text[i]);
}

static bool
read_environment(struct options *options, FILE *err)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		const char *value;
		char name[64];

		if (rows[i].value == NULL)
			continue;
		environment_name(rows[i].name, name);
		value = getenv(name);
		if (value != NULL && !set(options, &rows[i], value)) {
			complain(&rows[i], name, value, err);
			return false;
		}
	}
	return true;
}

static void
set_defaults(struct options *options)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);

	*options = (struct options){.host = "127.0.0.1",
	    .port = 8080,
	    .data = "./data",
	    .store = "sqlite",
	    .lock = "mutex",
	    .tickets = 100,
	    .workers = cores < 1                  ? 1
		       : cores > LOCK_WORKERS_MAX ? LOCK_WORKERS_MAX
						  : (unsigned)cores,
	    .clerks = 4,
	    .batch = 64,
	    .queue = 4096,
	    .timeout_ms = 5000,
	    .max_quantity = 100};
}

/* On an address that only this machine reaches, admin is open. */
static void
settle_admin(struct options *options)
{
	if (options->admin_given)
		return;
	options->admin = strncmp(options->host, "127.", 4) == 0 ||
				 strcmp(options->host, "localhost") == 0 ||
				 strcmp(options->host, "::1") == 0
			     ? ADMIN_OPEN
			     : ADMIN_TOKEN;
}

enum options_result
options_parse(
    struct options *options, int argc, char *const argv[], FILE *out, FILE *err)
{
	struct option long_options[ROWS + 1] = {0};
	const struct option_row *row;
	size_t i;
	int c;

	for (i = 0; i < ROWS; i++)
		long_options[i] = (struct option){.name = rows[i].name,
		    .has_arg =
			rows[i].value != NULL ? required_argument : no_argument,
		    .val = (int)rows[i].id};
	set_defaults(options);
	if (!read_environment(options, err))
		return OPTIONS_WRONG;
	optind = 0; /* start over: tests parse more than once */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (c == '?' || c == ':') {
			complain_unknown(c, argv[optind - 1], err);
			return OPTIONS_WRONG;
		}
		row = &rows[(c == 'h' ? HELP : c) - 1];
		if (row->id == HELP)
			print_help(out);
		if (row->id == VERSION)
			fprintf(out, "turnstile " TURNSTILE_VERSION "\n");
		if (row->value == NULL)
			return OPTIONS_DONE;
		if (!set(options, row, optarg)) {
			char flag[64];

			snprintf(flag, sizeof(flag), "--%s", row->name);
			complain(row, flag, optarg, err);
			return OPTIONS_WRONG;
		}
	}
	if (optind < argc) {
		fprintf(err,
		    "turnstile: \"%s\": options begin with --; see --help\n",
		    argv[optind]);
		return OPTIONS_WRONG;
	}
	settle_admin(options);
	return OPTIONS_OK;
}
