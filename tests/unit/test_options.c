/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on a table of its own; the service's table on top of it: flags,
 * environment, defaults; durations; and that every value which is not valid
 * is refused with words that name what is.
 */
#include "service/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "locks/lock.h"
#include "service/duration.h"
#include "service/process/flags.h"
#include "service/version.h"

#define ARGUMENTS_MAX 16

/* What one parse came to. */
struct parse {
	struct options options;
	enum options_result result;
	char *out, *err;
	size_t out_size, err_size;
};

static struct parse parse;

static void
forget(void)
{
	free(parse.out);
	free(parse.err);
	memset(&parse, 0, sizeof(parse));
}

/* A command line of flags, a list that ends with NULL. */
static void
open_parse(struct options_line *line, char *const flags[])
{
	static char name[] = "program";
	static char *argv[ARGUMENTS_MAX];
	int argc = 1;

	forget();
	memset(argv, 0, sizeof(argv));
	argv[0] = name;
	for (; *flags != NULL; flags++)
		argv[argc++] = *flags;
	assert_true(argc < ARGUMENTS_MAX);
	*line = (struct options_line){argc, argv,
	    open_memstream(&parse.out, &parse.out_size),
	    open_memstream(&parse.err, &parse.err_size)};
	assert_true(line->out != NULL && line->err != NULL);
}

static void
close_parse(const struct options_line *line)
{
	fclose(line->out);
	fclose(line->err);
}

static const struct options *
run(char *const flags[])
{
	struct options_line line;

	open_parse(&line, flags);
	parse.result = flags_parse(
	    &parse.options, line.argc, line.argv, line.out, line.err);
	close_parse(&line);
	return &parse.options;
}

#define RUN(...) run((char *[]){__VA_ARGS__})

static const struct options *
run_ok(char *const flags[])
{
	run(flags);
	if (parse.result != OPTIONS_OK)
		fail_msg("%s refused: %s", flags[0], parse.err);
	assert_string_equal(parse.out, "");
	assert_string_equal(parse.err, "");
	return &parse.options;
}

#define RUN_OK(...) run_ok((char *[]){__VA_ARGS__, NULL})

/* Refused, with one line that has all of `words`, which ends with NULL. */
static void
assert_wrong(const char *const words[])
{
	assert_int_equal(parse.result, OPTIONS_WRONG);
	assert_string_equal(parse.out, "");
	assert_memory_equal(parse.err, "turnstile: ", 11);
	assert_ptr_equal(
	    strchr(parse.err, '\n'), parse.err + parse.err_size - 1);
	for (; *words != NULL; words++)
		if (strstr(parse.err, *words) == NULL)
			fail_msg("no \"%s\" in: %s", *words, parse.err);
}

#define ASSERT_WRONG(...) assert_wrong((const char *const[]){__VA_ARGS__, NULL})

static int
setup(void **state)
{
	static const char *const names[] = {"LISTEN", "DATA", "STORE", "LOCK",
	    "DELAY", "TICKETS", "WORKERS", "CLERKS", "BATCH", "QUEUE",
	    "TIMEOUT", "MAX_QUANTITY", "ADMIN", "LOG", "ALLOW_ORIGIN"};
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "TURNSTILE_%s", names[i]);
		unsetenv(name);
	}
	return 0;
}

static int
teardown(void **state)
{
	forget();
	return setup(state);
}

/* ---------------------------------------------------------- the engine -- */

enum colour { RED, GREEN, BLUE };

/* A place for every kind. */
struct mine {
	bool loud;
	const char *name, *named, *what;
	unsigned small;
	int64_t large, pause_ms;
	struct {
		int64_t min_ms, max_ms;
	} delay;
	enum colour colour;
	char odd[8];
	unsigned sizes[3];
	size_t size_count;
	struct {
		int64_t min_ms, max_ms;
	} delays[2];
	size_t delay_count;
	const char *wishes[2];
	size_t wish_count;
	const char *fruit, *fruits[2];
	size_t fruit_count;
};

static bool
set_odd(void *place, const char *text)
{
	char *odd = place;

	if (strlen(text) % 2 == 0 || strlen(text) > 7)
		return false;
	strcpy(odd, text);
	return true;
}

/* Without a place of its own a setter gets the whole struct. */
static bool
set_what(void *place, const char *text)
{
	((struct mine *)place)->what = text;
	return text[0] != '?';
}

/* Of a text the setter only says whether it is valid. */
static bool
is_wish(void *place, const char *text)
{
	assert_ptr_equal(*(const char **)place, text);
	return text[0] != '!';
}

static const char *
odd_words(void)
{
	return "a, abc";
}

static const char *
all_sizes(void)
{
	return "1,2,3";
}

static const char *
fruit_at(size_t i)
{
	static const char *const fruits[] = {"apple", "pear", NULL};

	return fruits[i];
}

#define AT(member) OPTIONS_AT(struct mine, member)
#define LIST(member, number) OPTIONS_LIST(struct mine, member, number)

/* clang-format off */
static const struct options_row my_rows[] = {
	{ "loud", NULL, NULL, "say more", OPTIONS_FLAG, AT(loud) },
	{ "name", "TEXT", NULL, "a name", OPTIONS_TEXT, 2, 0, AT(name),
	  .given = offsetof(struct mine, named), .valid = "two letters" },
	{ "small", "N", "7", "an unsigned", OPTIONS_NUMBER, 3, 9, AT(small) },
	{ "large", "N", NULL, "an int64_t (none)", OPTIONS_NUMBER,
	  0, INT64_MAX, AT(large) },
	{ "pause", "TIME", "1s", "how long\nit waits", OPTIONS_DURATION,
	  2, 0, AT(pause_ms), .section = "Times", .valid = "2ms to 1h" },
	{ "delay", "MIN[-MAX]", "0", "drawn from (0 ms)", OPTIONS_RANGE,
	  AT(delay), .valid = "a range" },
	{ "colour", "red|green|blue", "green", "of the page", OPTIONS_CHOICE,
	  AT(colour) },
	{ "odd", "LETTERS", NULL, "odd ones", AT(odd), .set = set_odd,
	  .valid = "one of ", .words = odd_words },
	{ "what-else", "TEXT", NULL, "whole", .set = set_what,
	  .valid = "no question" },
	{ "sizes", "LIST", "4,5", "three at most", OPTIONS_NUMBER, 1, 6,
	  LIST(sizes, size_count), .all = all_sizes },
	{ "delays", "LIST", NULL, "two at most", OPTIONS_RANGE,
	  LIST(delays, delay_count), .valid = "ranges" },
	{ "wish", "TEXT", NULL, "two at most", OPTIONS_TEXT,
	  LIST(wishes, wish_count), .set = is_wish, .valid = "two wishes" },
	{ "fruit", "", "pear", "to eat", OPTIONS_CHOICE,
	  AT(fruit), .names = fruit_at },
	{ "fruits", "LIST", NULL, " (any)", OPTIONS_CHOICE,
	  LIST(fruits, fruit_count), .names = fruit_at, .valid = " or both" },
};
/* clang-format on */

static void
print_my_tail(FILE *out)
{
	fprintf(out, "tail\n");
}

static const struct options_table my_table = {.rows = my_rows,
    .count = sizeof(my_rows) / sizeof(my_rows[0]),
    .program = "mine",
    .version = "mine 1",
    .noun = "knob",
    .letters = ":",
    .prefix = "MINE_",
    .before_value = " <",
    .after_value = ">: want ",
    .column = 26,
    .head = "head\n",
    .print_tail = print_my_tail};

/* Like run(), on the table above. */
static const struct mine *
run_mine(char *const flags[])
{
	static struct mine mine;
	struct options_line line;

	mine = (struct mine){0};
	options_set_usual(&my_table, &mine);
	open_parse(&line, flags);
	parse.result = options_parse(&my_table, &mine, &line);
	close_parse(&line);
	return &mine;
}

#define MINE(...) run_mine((char *[]){__VA_ARGS__, NULL})

static void
assert_said(enum options_result result, const char *out, const char *err)
{
	assert_string_equal(parse.out, out);
	assert_string_equal(parse.err, err);
	assert_int_equal(parse.result, result);
}

static void
test_usual_values(void **state)
{
	const struct mine *m = MINE(NULL);

	(void)state;
	assert_said(OPTIONS_OK, "", "");
	assert_false(m->loud);
	assert_null(m->name);
	assert_null(m->named);
	assert_int_equal(m->small, 7);
	assert_int_equal(m->pause_ms, 1000);
	assert_int_equal(m->colour, GREEN);
	assert_int_equal(m->size_count, 2);
	assert_int_equal(m->sizes[1], 5);
	assert_int_equal(m->wish_count, 0);
	assert_string_equal(m->fruit, "pear");
}

static void
test_kinds(void **state)
{
	const struct mine *m;

	(void)state;
	m = MINE("--loud", "--name", "ab", "--small=9", "--colour=blue",
	    "--large=9223372036854775807", "--pause=2ms", "--delay=1s-3s",
	    "--odd=abc", "--what-else", "x", "--fruit=apple");
	assert_said(OPTIONS_OK, "", "");
	assert_true(m->loud);
	assert_string_equal(m->name, "ab");
	assert_string_equal(m->named, "name");
	assert_int_equal(m->small, 9);
	assert_true(m->large == INT64_MAX);
	assert_int_equal(m->pause_ms, 2);
	assert_int_equal(m->delay.min_ms, 1000);
	assert_int_equal(m->delay.max_ms, 3000);
	assert_int_equal(m->colour, BLUE);
	assert_string_equal(m->odd, "abc");
	assert_string_equal(m->what, "x");
	assert_ptr_equal(m->fruit, fruit_at(0));
}

static void
test_lists(void **state)
{
	const struct mine *m;

	(void)state;
	m = MINE("--sizes=6", "--delays=0,5ms-1s", "--wish=a,b", "--wish=c");
	assert_said(OPTIONS_OK, "", "");
	assert_int_equal(m->size_count, 1);
	assert_int_equal(m->sizes[0], 6);
	assert_int_equal(m->delay_count, 2);
	assert_int_equal(m->delays[0].max_ms, 0);
	assert_int_equal(m->delays[1].min_ms, 5);
	assert_int_equal(m->delays[1].max_ms, 1000);
	assert_int_equal(m->wish_count, 2);
	assert_string_equal(m->wishes[0], "a,b");
	assert_string_equal(m->wishes[1], "c");
	m = MINE("--sizes=all", "--fruits=pear");
	assert_int_equal(m->size_count, 3);
	assert_int_equal(m->sizes[2], 3);
	assert_int_equal(m->fruit_count, 1);
	assert_ptr_equal(m->fruits[0], fruit_at(1));
	m = MINE("--fruits=all");
	assert_int_equal(m->fruit_count, 2);
	assert_ptr_equal(m->fruits[0], fruit_at(0));
	assert_ptr_equal(m->fruits[1], fruit_at(1));
}

/* Every complaint, to the letter. */
static void
test_complaints(void **state)
{
	static const struct {
		const char *flag, *value, *err;
	} rows[] = {
	    {"--name", "a", "--name <a>: want two letters"},
	    {"--small", "2", "--small <2>: want a number from 3 to 9"},
	    {"--small", "10", "--small <10>: want a number from 3 to 9"},
	    {"--pause", "1ms", "--pause <1ms>: want 2ms to 1h"},
	    {"--delay", "3s-1s", "--delay <3s-1s>: want a range"},
	    {"--colour", "re", "--colour <re>: want red, green or blue"},
	    {"--colour", "redd", "--colour <redd>: want red, green or blue"},
	    {"--colour", "", "--colour <>: want red, green or blue"},
	    {"--odd", "ab", "--odd <ab>: want one of a, abc"},
	    {"--what-else", "?", "--what-else <?>: want no question"},
	    {"--sizes", "7",
		"--sizes <7>: want numbers with commas, from 1 to 6"},
	    {"--sizes", "1,2,3,4",
		"--sizes <1,2,3,4>: want numbers with commas, from 1 to 6"},
	    {"--sizes", "1,",
		"--sizes <1,>: want numbers with commas, from 1 to 6"},
	    {"--delays", "all", "--delays <all>: want ranges"},
	    {"--fruit", "plum", "--fruit <plum>: want apple or pear"},
	    {"--fruit", "all", "--fruit <all>: want apple or pear"},
	    {"--fruits", "pear,plum",
		"--fruits <pear,plum>: want apple, pear or both"},
	    {"--nix", NULL, "--nix: no such knob; see --help"},
	    {"--loud=1", NULL, "--loud=1: no such knob; see --help"},
	    {"-h", NULL, "-h: no such knob; see --help"},
	    {"-xy", NULL, "-x: no such knob; see --help"},
	    {"--small", NULL, "--small: needs a value; see --help"},
	    {"nix", NULL, "\"nix\": knobs begin with --; see --help"},
	};
	char err[160];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		MINE((char *)(uintptr_t)rows[i].flag,
		    (char *)(uintptr_t)rows[i].value);
		snprintf(err, sizeof(err), "mine: %s\n", rows[i].err);
		assert_said(OPTIONS_WRONG, "", err);
	}
	MINE("--wish=a", "--wish=b", "--wish=c");
	assert_said(OPTIONS_WRONG, "", "mine: --wish <c>: want two wishes\n");
	MINE("--wish=a", "--wish=!");
	assert_said(OPTIONS_WRONG, "", "mine: --wish <!>: want two wishes\n");
}

static void
test_variables(void **state)
{
	const struct mine *m;

	(void)state;
	setenv("MINE_WHAT_ELSE", "so", 1);
	setenv("MINE_NAME", "by variable", 1);
	setenv("MINE_SMALL", "3", 1);
	setenv("MINE_LOUD", "1", 1);
	m = MINE("--small=4");
	assert_said(OPTIONS_OK, "", "");
	assert_string_equal(m->what, "so");
	assert_string_equal(m->name, "by variable");
	assert_string_equal(m->named, "name");
	assert_int_equal(m->small, 4); /* a flag wins */
	assert_true(m->loud);
	setenv("MINE_LOUD", "0", 1);
	assert_false(MINE(NULL)->loud);
	setenv("MINE_LOUD", "yes", 1);
	MINE(NULL);
	assert_said(OPTIONS_WRONG, "", "mine: MINE_LOUD <yes>: want 1 or 0\n");
	setenv("MINE_LOUD", "0", 1);
	setenv("MINE_SMALL", "x", 1);
	MINE("--small=4");
	assert_said(OPTIONS_WRONG, "",
	    "mine: MINE_SMALL <x>: want a number from 3 to 9\n");
	unsetenv("MINE_WHAT_ELSE");
	unsetenv("MINE_NAME");
	unsetenv("MINE_SMALL");
	unsetenv("MINE_LOUD");
}

/* A list that grows does not grow from both: a flag wins here too. */
static void
test_variable_of_a_list(void **state)
{
	const struct mine *m;

	(void)state;
	setenv("MINE_WISH", "by variable", 1);
	m = MINE(NULL);
	assert_int_equal(m->wish_count, 1);
	assert_string_equal(m->wishes[0], "by variable");
	m = MINE("--wish=a", "--small=4", "--wish=b");
	assert_said(OPTIONS_OK, "", "");
	assert_int_equal(m->wish_count, 2);
	assert_string_equal(m->wishes[0], "a");
	assert_string_equal(m->wishes[1], "b");
	unsetenv("MINE_WISH");
}

static void
test_help_layout(void **state)
{
	(void)state;
	MINE("--help", "--small=x"); /* what stands behind it is not read */
	assert_said(OPTIONS_DONE,
	    "head\n"
	    "  --loud                  say more\n"
	    "  --name TEXT             a name\n"
	    "  --small N               an unsigned (7)\n"
	    "  --large N               an int64_t (none)\n"
	    "\n"
	    "Times\n"
	    "  --pause TIME            how long\n"
	    "                          it waits (1s)\n"
	    "  --delay MIN[-MAX]       drawn from (0 ms)\n"
	    "  --colour red|green|blue of the page (green)\n"
	    "  --odd LETTERS           odd ones\n"
	    "  --what-else TEXT        whole\n"
	    "  --sizes LIST            three at most (4,5)\n"
	    "  --delays LIST           two at most\n"
	    "  --wish TEXT             two at most\n"
	    "  --fruit apple|pear      to eat (pear)\n"
	    "  --fruits LIST           apple,pear (any)\n"
	    "  --version               print the version\n"
	    "  --help                  print this\n"
	    "tail\n",
	    "");
	MINE("--version");
	assert_said(OPTIONS_DONE, "mine 1\n", "");
}

static void
test_parse_number(void **state)
{
	int64_t number;

	(void)state;
	assert_true(options_parse_number("0", 0, 0, &number));
	assert_true(
	    options_parse_number("9223372036854775807", 0, INT64_MAX, &number));
	assert_true(number == INT64_MAX);
	assert_false(
	    options_parse_number("9223372036854775808", 0, INT64_MAX, &number));
	assert_false(options_parse_number("-1", -5, 5, &number));
	assert_false(options_parse_number("", 0, 5, &number));
	assert_false(options_parse_number("6", 0, 5, &number));
	assert_false(options_parse_number("4", 5, 9, &number));
}

/* ----------------------------------------------------- the service's own -- */

static void
test_defaults(void **state)
{
	const struct options *o = RUN(NULL);
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	assert_int_equal(parse.result, OPTIONS_OK);
	assert_string_equal(o->host, "127.0.0.1");
	assert_int_equal(o->port, 8080);
	assert_string_equal(o->data, "./data");
	assert_string_equal(o->store, "sqlite");
	assert_string_equal(o->lock, "mutex");
	assert_int_equal(o->delay_min_ms, 0);
	assert_int_equal(o->delay_max_ms, 0);
	assert_int_equal(o->tickets, 100);
	if (cores <= LOCK_WORKERS_MAX)
		assert_int_equal(o->workers, cores);
	assert_int_equal(o->clerks, 10);
	assert_int_equal(o->batch, 64);
	assert_int_equal(o->queue, 4096);
	assert_int_equal(o->timeout_ms, 5000);
	assert_int_equal(o->max_quantity, 100);
	assert_int_equal(o->admin, ADMIN_OPEN);
	assert_null(o->admin_given);
	assert_false(o->log_json);
	assert_null(o->lock_given);
	assert_null(o->delay_given);
	assert_null(o->tickets_given);
}

static void
test_flags(void **state)
{
	const struct options *o;

	(void)state;
	o = RUN_OK("--data", "/tmp/x", "--store=json", "--lock", "semaphore:3",
	    "--delay", "5ms-1s", "--tickets=7", "--log=json");
	assert_string_equal(o->data, "/tmp/x");
	assert_string_equal(o->store, "json");
	assert_string_equal(o->lock, "semaphore:3");
	assert_int_equal(o->delay_min_ms, 5);
	assert_int_equal(o->delay_max_ms, 1000);
	assert_int_equal(o->tickets, 7);
	assert_true(o->log_json);
	assert_string_equal(o->lock_given, "lock");
	assert_string_equal(o->delay_given, "delay");
	assert_string_equal(o->tickets_given, "tickets");

	o = RUN_OK("--workers=64", "--clerks=256", "--batch=1024",
	    "--queue=1000000", "--timeout=1ms", "--max-quantity=1000",
	    "--admin=off", "--log=text");
	assert_int_equal(o->workers, 64);
	assert_int_equal(o->clerks, 256);
	assert_int_equal(o->batch, 1024);
	assert_int_equal(o->queue, 1000000);
	assert_int_equal(o->timeout_ms, 1);
	assert_int_equal(o->max_quantity, 1000);
	assert_int_equal(o->admin, ADMIN_OFF);
	assert_non_null(o->admin_given);
	assert_false(o->log_json);
	assert_null(o->lock_given);
	assert_null(o->delay_given);
	assert_null(o->tickets_given);
}

static void
test_last_flag_wins(void **state)
{
	(void)state;
	assert_int_equal(RUN_OK("--tickets=7", "--tickets=8")->tickets, 8);
}

static void
test_environment(void **state)
{
	const struct options *o;

	(void)state;
	setenv("TURNSTILE_MAX_QUANTITY", "3", 1);
	setenv("TURNSTILE_LISTEN", "0.0.0.0:99", 1);
	setenv("TURNSTILE_LOCK", "none", 1);
	setenv("TURNSTILE_LOG", "json", 1);
	setenv("TURNSTILE_DATA", "/srv/tickets", 1);
	/* Unknown ones, and what is no setting. */
	setenv("TURNSTILE_PORT", "tcp://10.0.0.1:80", 1);
	setenv("TURNSTILE_VERSION", "9", 1);
	setenv("TURNSTILE_HELP", "1", 1);
	o = RUN_OK("--lock=flock");
	assert_int_equal(o->max_quantity, 3);
	assert_string_equal(o->host, "0.0.0.0");
	assert_int_equal(o->port, 99);
	assert_true(o->log_json);
	assert_string_equal(o->data, "/srv/tickets");
	assert_string_equal(o->lock, "flock"); /* a flag wins */
	assert_non_null(o->lock_given);
	unsetenv("TURNSTILE_PORT");
	unsetenv("TURNSTILE_VERSION");
	unsetenv("TURNSTILE_HELP");
}

static void
test_origins(void **state)
{
	static char *const good[] = {"*", "http://localhost:5173",
	    "https://shop.example", "https://shop.example:8443",
	    "http://shop.example:443", "https://shop.example:80",
	    "http://127.0.0.1:1", "http://[::1]:3000", "http://[fe80::1]",
	    "https://a.example,http://b.example:81,*", "https://x-1.example",
	    "capacitor://localhost", "chrome-extension://abcdef",
	    "https://xn--bcher-kva.example", "http://a_b.example:65535"};
	static char *const bad[] = {"", "null", "shop.example", "https://",
	    "https://shop.example/", "https://shop.example/path",
	    "https://Shop.example", "HTTPS://shop.example", "//shop.example",
	    "https:shop.example", "https://shop.example:", "https://a b",
	    "https://shop.example:443", "http://shop.example:80",
	    "https://shop.example:x", "https://shop.example:123456",
	    "https://*.shop.example", "https://a@shop.example", "https://[::1",
	    "https://[]", "http://[::1]x", "https://a.example,", "**",
	    ",https://a.example", "https://a.example, https://b.example",
	    "https://a.example,null", "https://b\xc3\xbc.example"};
	size_t i;

	(void)state;
	assert_int_equal(RUN(NULL)->origin_count, 0);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(
		    RUN_OK("--allow-origin", good[i])->origins[0], good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		RUN("--allow-origin", bad[i], NULL);
		ASSERT_WRONG("--allow-origin", bad[i], "SCHEME://HOST[:PORT]");
	}
	setenv(
	    "TURNSTILE_ALLOW_ORIGIN", "https://a.example,https://b.example", 1);
	assert_int_equal(RUN_OK("--log=text")->origin_count, 1);
	assert_int_equal(
	    RUN_OK("--allow-origin=*", "--allow-origin=*")->origin_count, 2);
	unsetenv("TURNSTILE_ALLOW_ORIGIN");
}

static void
test_wrong_environment(void **state)
{
	(void)state;
	setenv("TURNSTILE_MAX_QUANTITY", "many", 1);
	RUN(NULL);
	ASSERT_WRONG("TURNSTILE_MAX_QUANTITY", "\"many\"", "from 1 to 1000");
	unsetenv("TURNSTILE_MAX_QUANTITY");
	setenv("TURNSTILE_DATA", "", 1);
	RUN(NULL);
	ASSERT_WRONG("TURNSTILE_DATA", "directory");
}

static void
test_locks(void **state)
{
	char name[LOCK_NAME_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < lock_count(); i++) {
		lock_print(lock_at(i), name);
		assert_string_equal(RUN_OK("--lock", name)->lock, name);
	}
	assert_string_equal(RUN_OK("--lock", "semaphore:1")->lock, "semaphore");
}

static void
test_listen(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} rows[] = {
	    {"8081", "127.0.0.1", 8081},
	    {"0", "127.0.0.1", 0},
	    {"65535", "127.0.0.1", 65535},
	    {":8081", "", 8081},
	    {"localhost:8081", "localhost", 8081},
	    {"0.0.0.0:80", "0.0.0.0", 80},
	    {"[::1]:8081", "::1", 8081},
	    {"[::]:8081", "::", 8081},
	    {"tickets.example:1", "tickets.example", 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = strdup(rows[i].text);
		const struct options *o = RUN_OK("--listen", text);

		assert_string_equal(o->host, rows[i].host);
		assert_int_equal(o->port, rows[i].port);
		free(text);
	}
}

/* Open only where nobody but this machine comes in. */
static void
test_admin_by_address(void **state)
{
	static const struct {
		const char *listen;
		enum admin admin;
	} rows[] = {
	    {"80", ADMIN_OPEN},
	    {"127.0.0.1:80", ADMIN_OPEN},
	    {"127.8.9.10:80", ADMIN_OPEN},
	    {"localhost:80", ADMIN_OPEN},
	    {"[::1]:80", ADMIN_OPEN},
	    {":80", ADMIN_TOKEN},
	    {"0.0.0.0:80", ADMIN_TOKEN},
	    {"[::]:80", ADMIN_TOKEN},
	    {"192.168.1.2:80", ADMIN_TOKEN},
	    {"12.7.0.1:80", ADMIN_TOKEN},
	    {"localhost.example:80", ADMIN_TOKEN},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *listen = strdup(rows[i].listen);

		assert_int_equal(
		    RUN_OK("--listen", listen)->admin, rows[i].admin);
		assert_int_equal(
		    RUN_OK("--listen", listen, "--admin=open")->admin,
		    ADMIN_OPEN);
		assert_int_equal(
		    RUN_OK("--admin=token", "--listen", listen)->admin,
		    ADMIN_TOKEN);
		free(listen);
	}
}

static void
test_help(void **state)
{
	static const char *const flags[] = {"--listen [ADDR:]PORT",
	    "--data DIR", "--store json|sqlite", "--lock NAME",
	    "--delay MIN[-MAX]", "--tickets N", "--workers N", "--clerks N",
	    "--batch N", "--queue N", "--timeout DURATION", "--max-quantity N",
	    "--admin open|token|off", "--log text|json", "--version", "--help"};
	size_t i;

	(void)state;
	RUN("--help", NULL);
	assert_int_equal(parse.result, OPTIONS_DONE);
	assert_string_equal(parse.err, "");
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		assert_non_null(strstr(parse.out, flags[i]));
	for (i = 0; i < lock_count(); i++) {
		char name[LOCK_NAME_SIZE];

		lock_print(lock_at(i), name);
		assert_non_null(strstr(parse.out, name));
		assert_non_null(strstr(parse.out, lock_summary(lock_at(i))));
	}
}

static void
test_version(void **state)
{
	(void)state;
	RUN("--version", NULL);
	assert_int_equal(parse.result, OPTIONS_DONE);
	assert_string_equal(parse.out, "turnstile " TURNSTILE_VERSION "\n");
}

/* ---------------------------------------------------------- wrong values -- */

static void
test_wrong_numbers(void **state)
{
	static const struct {
		const char *flag, *below, *above, *valid;
	} rows[] = {
	    {"--tickets", "-1", "10000001", "from 0 to 10000000"},
	    {"--workers", "0", "65", "from 1 to 64"},
	    {"--clerks", "0", "257", "from 1 to 256"},
	    {"--batch", "0", "1025", "from 1 to 1024"},
	    {"--queue", "0", "1000001", "from 1 to 1000000"},
	    {"--max-quantity", "0", "1001", "from 1 to 1000"},
	};
	static const char *const never[] = {"", " 5", "5 ", "+5", "-5", "5.0",
	    "0x5", "1e2", "five", "5,", "99999999999999999999"};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *flag = strdup(rows[i].flag);

		RUN(flag, (char *)(uintptr_t)rows[i].below, NULL);
		ASSERT_WRONG(flag, rows[i].below, rows[i].valid);
		RUN(flag, (char *)(uintptr_t)rows[i].above, NULL);
		ASSERT_WRONG(flag, rows[i].above, rows[i].valid);
		for (j = 0; j < sizeof(never) / sizeof(never[0]); j++) {
			RUN(flag, (char *)(uintptr_t)never[j], NULL);
			ASSERT_WRONG(flag, rows[i].valid);
		}
		free(flag);
	}
}

static void
test_wrong_words(void **state)
{
	(void)state;
	RUN("--store", "oracle", NULL);
	ASSERT_WRONG("--store", "\"oracle\"", "json", "sqlite");
	RUN("--lock", "queue", NULL);
	ASSERT_WRONG("--lock", "\"queue\"", "none", "mutex-private", "flock",
	    "mutex", "semaphore", "spin", "ticket", "rwlock", "optimistic");
	RUN("--lock", "semaphore:9", NULL);
	ASSERT_WRONG("--lock", "semaphore:N");
	RUN("--lock", "Mutex", NULL);
	ASSERT_WRONG("--lock", "mutex");
	RUN("--lock", "", NULL);
	ASSERT_WRONG("--lock", "mutex");
	RUN("--admin", "yes", NULL);
	ASSERT_WRONG("--admin", "open, token or off");
	RUN("--log", "xml", NULL);
	ASSERT_WRONG("--log", "text or json");
	RUN("--data", "", NULL);
	ASSERT_WRONG("--data", "directory");
	RUN("--timeout", "0", NULL);
	ASSERT_WRONG("--timeout", "from 1ms to 1h");
	RUN("--timeout", "5", NULL);
	ASSERT_WRONG("--timeout", "500ms");
	RUN("--delay", "3s-1s", NULL);
	ASSERT_WRONG("--delay", "1s-3s");
	RUN("--delay", "5", NULL);
	ASSERT_WRONG("--delay", "5ms");
}

static void
test_wrong_listen(void **state)
{
	static const char *const texts[] = {"", ":", "localhost",
	    "localhost:", "65536", ":65536", "-1", "host:-1", "host: 80",
	    "::1:80", "::1", "[::1]", "[::1]80", "1:2:3", "80x",
	    "host:80:", "http://host:80"};
	char host[400];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		RUN("--listen", (char *)(uintptr_t)texts[i], NULL);
		ASSERT_WRONG("--listen", "[IPV6]:PORT", "0 to 65535");
	}
	memset(host, 'a', sizeof(host));
	memcpy(host + 300, ":80", 4);
	RUN("--listen", host, NULL);
	ASSERT_WRONG("--listen");
}

static void
test_wrong_flags(void **state)
{
	(void)state;
	RUN("--tikets=5", NULL);
	ASSERT_WRONG("--tikets=5", "no such option", "--help");
	RUN("--data", NULL);
	ASSERT_WRONG("--data", "needs a value");
	RUN("-x", NULL);
	ASSERT_WRONG("-x", "no such option");
	RUN("--store=json", "-xyz", NULL);
	ASSERT_WRONG("-x", "no such option");
	RUN("--store=json", "serve", NULL);
	ASSERT_WRONG("\"serve\"", "--help");
	RUN("--", "--store=json", NULL);
	ASSERT_WRONG("\"--store=json\"");
	/* The first that is wrong is named. */
	RUN("--clerks=0", "--workers=0", NULL);
	ASSERT_WRONG("--clerks");
}

/* ------------------------------------------------------------- durations -- */

static void
test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
	    {"0", 0},
	    {"0ms", 0},
	    {"0s", 0},
	    {"1ms", 1},
	    {"200ms", 200},
	    {"1s", 1000},
	    {"1.5s", 1500},
	    {"0.001s", 1},
	    {"2m", 120000},
	    {"0.5m", 30000},
	    {"60m", 3600000},
	    {"1h", 3600000},
	    {"3600s", 3600000},
	    {"3600000ms", 3600000},
	    {"0.6ms", 1},
	    {"007s", 7000},
	};
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!duration_parse(rows[i].text, &ms))
			fail_msg("refused: %s", rows[i].text);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void
test_wrong_durations(void **state)
{
	static const char *const texts[] = {"", "5", "00", "s", "ms", "-1s",
	    "+1s", " 1s", "1s ", "1 s", "1S", "1sec", "1d", "1us", "0x1s",
	    "1e1s", "1..5s", "1.5.5s", ".5s", "1,5s", "3601s", "61m", "2h",
	    "3600001ms", "infs", "nans", "99999999999999s", "1s2s",
	    "1.0000000000000s"};
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (duration_parse(texts[i], &ms))
			fail_msg("taken: \"%s\"", texts[i]);
}

static void
test_ranges(void **state)
{
	static const struct {
		const char *text;
		int64_t min_ms, max_ms;
		const char *printed;
	} rows[] = {
	    {"0", 0, 0, "0"},
	    {"0-0", 0, 0, "0"},
	    {"5ms", 5, 5, "5ms"},
	    {"1s-3s", 1000, 3000, "1s-3s"},
	    {"0-1.5s", 0, 1500, "0-1500ms"},
	    {"200ms-1m", 200, 60000, "200ms-60s"},
	    {"1s-1000ms", 1000, 1000, "1s"},
	    {"3599.999s-60m", 3599999, 3600000, "3599999ms-3600s"},
	};
	int64_t min_ms, max_ms;
	char text[48];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(
		    duration_range_parse(rows[i].text, &min_ms, &max_ms));
		assert_int_equal(min_ms, rows[i].min_ms);
		assert_int_equal(max_ms, rows[i].max_ms);
		duration_range_print(min_ms, max_ms, text);
		assert_string_equal(text, rows[i].printed);
		/* What was printed is understood. */
		assert_true(duration_range_parse(text, &min_ms, &max_ms));
		assert_int_equal(min_ms, rows[i].min_ms);
		assert_int_equal(max_ms, rows[i].max_ms);
	}
}

static void
test_wrong_ranges(void **state)
{
	static const char *const texts[] = {"", "-", "1s-", "-1s", "3s-1s",
	    "1s--3s", "1s-3s-5s", "1-3s", "1s - 3s", "1s–3s", "1s-61m",
	    "0.00000000000000001s-1s"};
	int64_t min_ms, max_ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (duration_range_parse(texts[i], &min_ms, &max_ms))
			fail_msg("taken: \"%s\"", texts[i]);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_usual_values),
	    ROW(test_kinds),
	    ROW(test_lists),
	    ROW(test_complaints),
	    ROW(test_variables),
	    ROW(test_variable_of_a_list),
	    ROW(test_help_layout),
	    ROW(test_parse_number),
	    ROW(test_defaults),
	    ROW(test_flags),
	    ROW(test_last_flag_wins),
	    ROW(test_environment),
	    ROW(test_origins),
	    ROW(test_wrong_environment),
	    ROW(test_locks),
	    ROW(test_listen),
	    ROW(test_admin_by_address),
	    ROW(test_help),
	    ROW(test_version),
	    ROW(test_wrong_numbers),
	    ROW(test_wrong_words),
	    ROW(test_wrong_listen),
	    ROW(test_wrong_flags),
	    ROW(test_durations),
	    ROW(test_wrong_durations),
	    ROW(test_ranges),
	    ROW(test_wrong_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
