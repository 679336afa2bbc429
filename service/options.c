/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows are only walked here: nothing in this file knows an option by name but
 * --version and --help, which stand behind the rows of every table.
 */
#include "service/options.h"

#include <sys/param.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/duration.h"

#define LONG_OPTION 256 /* getopt_long()'s values for rows; below: letters */
#define NAMES_SIZE 64

static const struct options_row own[] = {
    {.name = "version", .help = "print the version"},
    {.name = "help", .help = "print this"},
};
#define OWN (sizeof(own) / sizeof(own[0]))

static const struct options_row *
row_at(const struct options_table *table, size_t i)
{
	return i < table->count ? &table->rows[i] : &own[i - table->count];
}

/* The names of a row, with `between` between them, into `text`. */
static const char *
join_names(const struct options_row *row, const char *between, char *text)
{
	size_t i, n = 0;

	for (i = 0; row->names(i) != NULL; i++) {
		n += (size_t)snprintf(text + n, NAMES_SIZE - n, "%s%s",
		    i > 0 ? between : "", row->names(i));
		assert(n < NAMES_SIZE);
	}
	return text;
}

/* Of a choice: "open|token|off". */
static const char *
words_of(const struct options_row *row, char *text)
{
	return row->names != NULL ? join_names(row, "|", text) : row->value;
}

/* ---------------------------------------------------------------- help -- */

static void
print_row(
    const struct options_table *table, const struct options_row *row, FILE *out)
{
	const char *at = row->help, *value = row->value;
	char name[64], text[NAMES_SIZE];

	if (row->section != NULL)
		fprintf(out, "\n%s\n", row->section);
	if (value != NULL && value[0] == '\0')
		value = words_of(row, text);
	snprintf(name, sizeof(name), "--%s %s", row->name,
	    value != NULL ? value : "");
	fprintf(out, "  %-*s", table->column - 2, name);
	if (row->names != NULL && row->most > 0)
		fputs(join_names(row, ",", text), out);
	for (; *at != '\0'; at++) {
		fputc(*at, out);
		if (*at == '\n')
			fprintf(out, "%*s", table->column, "");
	}
	if (row->usual != NULL && strchr(row->help, '(') == NULL)
		fprintf(out, " (%s)", row->usual);
	fputc('\n', out);
}

static void
print_help(const struct options_table *table, FILE *out)
{
	size_t i;

	fputs(table->head, out);
	for (i = 0; i < table->count + OWN; i++)
		print_row(table, row_at(table, i), out);
	table->print_tail(out);
}

/* -------------------------------------------------------------- values -- */

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

/* Which of "open|token|off" the text is; false: none of them. */
static bool
find_choice(const char *words, const char *text, int64_t *number)
{
	const size_t length = strlen(text);

	for (*number = 0;; (*number)++) {
		const size_t word = strcspn(words, "|");

		if (word == length && memcmp(words, text, word) == 0)
			return true;
		if (words[word] == '\0')
			return false;
		words += word + 1;
	}
}

static bool
write_number(const struct options_row *row, void *place, int64_t number)
{
	if (row->size == sizeof(bool))
		*(bool *)place = number != 0;
	else if (row->size == sizeof(unsigned))
		*(unsigned *)place = (unsigned)number;
	else if (row->size == sizeof(int64_t))
		*(int64_t *)place = number;
	else
		assert(false && "a number has no such size");
	return true;
}

static bool
read_value(const struct options_row *row, void *place, const char *text)
{
	int64_t number = 1, *range = place;
	char words[NAMES_SIZE];

	switch (row->kind) {
	case OPTIONS_ODD:
		return row->set(place, text);
	case OPTIONS_FLAG: /* only a variable has a text */
		return (text == NULL || strcmp(text, "1") == 0) &&
		       write_number(row, place, number);
	case OPTIONS_TEXT:
		*(const char **)place = text;
		return strlen(text) >= (size_t)row->min &&
		       (row->set == NULL || row->set(place, text));
	case OPTIONS_NUMBER:
		return options_parse_number(
			   text, row->min, row->max, &number) &&
		       write_number(row, place, number);
	case OPTIONS_DURATION:
		return duration_parse(text, &number) && number >= row->min &&
		       write_number(row, place, number);
	case OPTIONS_RANGE:
		return duration_range_parse(text, &range[0], &range[1]);
	case OPTIONS_CHOICE:
		if (!find_choice(words_of(row, words), text, &number))
			return false;
		if (row->names == NULL)
			return write_number(row, place, number);
		*(const char **)place = row->names((size_t)number);
		return true;
	}
	return false;
}

/* One more value of a list; false: it is not valid, or the list is full. */
static bool
add_value(const struct options_row *row, char *values, const char *text)
{
	size_t *count = (size_t *)(void *)(values + row->count);

	return *count < row->most &&
	       read_value(row, values + row->at + (*count)++ * row->size, text);
}

static bool
read_list(const struct options_row *row, char *values, const char *text)
{
	char item[OPTIONS_ITEM_SIZE], names[NAMES_SIZE];
	size_t length;

	if (row->names != NULL && strcmp(text, "all") == 0)
		text = join_names(row, ",", names);
	if (row->all != NULL && strcmp(text, "all") == 0)
		text = row->all();
	*(size_t *)(void *)(values + row->count) = 0;
	for (;; text += length + 1) {
		length = strcspn(text, ",");
		snprintf(item, sizeof(item), "%.*s", (int)length, text);
		if (!add_value(row, values, item))
			return false;
		if (text[length] == '\0')
			return true;
	}
}

static bool
set(const struct options_row *row, char *values, const char *text)
{
	if (row->most == 0)
		return read_value(row, values + row->at, text);
	if (row->kind == OPTIONS_TEXT)
		return add_value(row, values, text);
	return read_list(row, values, text);
}

void
options_set_usual(const struct options_table *table, void *values)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		if (table->rows[i].usual != NULL &&
		    !set(&table->rows[i], values, table->rows[i].usual))
			assert(false && "a usual value that is not valid");
}

/* ---------------------------------------------------------- complaints -- */

/* "open|token|off" as "open, token or off". */
static void
print_choice(const char *words, FILE *err)
{
	const char *bar, *from = words;

	for (; (bar = strchr(from, '|')) != NULL; from = bar + 1)
		fprintf(err, "%s%.*s", from == words ? "" : ", ",
		    (int)(bar - from), from);
	fprintf(err, " or %s", from);
}

static void
print_valid(const struct options_row *row, FILE *err)
{
	char text[NAMES_SIZE];

	if (row->names != NULL && row->most > 0)
		fputs(join_names(row, ", ", text), err);
	if (row->valid != NULL)
		fputs(row->valid, err);
	else if (row->kind == OPTIONS_FLAG)
		fputs("1 or 0", err);
	else if (row->kind == OPTIONS_CHOICE)
		print_choice(words_of(row, text), err);
	else
		fprintf(err, "%s from %" PRId64 " to %" PRId64,
		    row->most > 0 ? "numbers with commas," : "a number",
		    row->min, row->max);
	if (row->words != NULL)
		fputs(row->words(), err);
}

/* Set what was given; `label` is how: "--store", "TURNSTILE_STORE". */
static bool
take(const struct options_table *table, const struct options_row *row,
    char *values, const char *label, const char *text, FILE *err)
{
	if (set(row, values, text)) {
		if (row->given != 0)
			*(const char **)(void *)(values + row->given) =
			    row->name;
		return true;
	}
	fprintf(err, "%s: %s%s%s%s", table->program, label, table->before_value,
	    text, table->after_value);
	print_valid(row, err);
	fputc('\n', err);
	return false;
}

/* What getopt_long() refused; in "-xy" it still stands before the argument. */
static void
complain_unknown(
    const struct options_table *table, int c, const char *argument, FILE *err)
{
	const char letter[] = {'-', (char)optopt, '\0'};

	if (c == '?' && optopt > 0 && optopt < LONG_OPTION)
		argument = letter;
	fprintf(err, "%s: %s: ", table->program, argument);
	if (c == '?')
		fprintf(err, "no such %s; see --help\n", table->noun);
	else
		fprintf(err, "needs a value; see --help\n");
}

/* --------------------------------------------------------------- parse -- */

/* TURNSTILE_MAX_QUANTITY for max-quantity. */
static void
variable_name(const char *prefix, const char *name, char text[64])
{
	size_t i;

	snprintf(text, 64, "%s%s", prefix, name);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = text[i] == '-'
			      ? '_'
			      : (char)toupper((unsigned char)text[i]);
}

static bool
read_environment(const struct options_table *table, char *values, FILE *err)
{
	const char *text;
	char label[64];
	size_t i;

	for (i = 0; table->prefix != NULL && i < table->count; i++) {
		const struct options_row *row = &table->rows[i];

		variable_name(table->prefix, row->name, label);
		text = getenv(label);
		if (row->kind == OPTIONS_FLAG && text != NULL &&
		    strcmp(text, "0") == 0)
			continue;
		if (text != NULL && !take(table, row, values, label, text, err))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------- strays -- */

/* TURNSTILE_SERVICE_HOST=…, TURNSTILE_PORT=tcp://…, TURNSTILE_PORT_80_TCP=… */
static bool
is_service_link(const char *variable)
{
	const char *value = strchr(variable, '='), *port;

	port = strstr(variable, "_PORT");
	return strstr(variable, "_SERVICE_HOST=") != NULL ||
	       strstr(variable, "_SERVICE_PORT") != NULL ||
	       (port != NULL && port < value &&
		   (port[5] == '_' || strstr(value, "://") != NULL));
}

static bool
is_variable(const char *variable, const char *name)
{
	const size_t length = strlen(name);

	return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

static bool
is_stray(const struct options_table *table, const char *variable)
{
	char name[64];
	size_t i;

	if (strncmp(variable, table->prefix, strlen(table->prefix)) != 0 ||
	    is_service_link(variable))
		return false;
	for (i = 0; i < table->count; i++) {
		variable_name(table->prefix, table->rows[i].name, name);
		if (is_variable(variable, name))
			return false;
	}
	for (i = 0; table->others[i] != NULL; i++)
		if (is_variable(variable, table->others[i]))
			return false;
	return true;
}

const char *
options_stray(const struct options_table *table, size_t *at)
{
	assert(table->prefix != NULL && table->others != NULL);
	if (environ == NULL) /* so clearenv() leaves it */
		return NULL;
	while (environ[*at] != NULL)
		if (is_stray(table, environ[(*at)++]))
			return environ[*at - 1];
	return NULL;
}

/*
 * How many letters of `a` must be changed, left out or put in to make `b`
 * (Levenshtein), if `b` has fewer than 64; `a` is `length` long.
 */
static size_t
distance(const char *a, size_t length, const char *b)
{
	const size_t width = strlen(b);
	size_t row[64], i, j, last, above;

	for (j = 0; j < 64; j++)
		row[j] = j;
	for (i = 1; i <= length; i++) {
		last = row[0];
		row[0] = i;
		for (j = 1; j <= width; j++) {
			above = row[j];
			row[j] = MIN(last + (a[i - 1] != b[j - 1]),
			    MIN(above, row[j - 1]) + 1);
			last = above;
		}
	}
	return row[width];
}

/* The option's variable that somebody meant, into `name`; false: none. */
static bool
find_meant(const struct options_table *table, const char *stray, char name[64])
{
	const size_t prefix = strlen(table->prefix);
	const size_t length = strcspn(stray, "=") - prefix;
	size_t i;

	for (i = 0; i < table->count; i++) {
		variable_name(table->prefix, table->rows[i].name, name);
		if (distance(stray + prefix, length, name + prefix) <=
		    (strlen(name + prefix) > 4 ? 2U : 1U))
			return true;
	}
	return false;
}

/* False: one looks like an option, and that was said. */
static bool
check_strays(const struct options_table *table, FILE *err)
{
	const char *stray;
	char meant[64];
	size_t at = 0;

	if (table->others == NULL)
		return true;
	while ((stray = options_stray(table, &at)) != NULL)
		if (find_meant(table, stray, meant)) {
			fprintf(err,
			    "%s: %.*s: no such %s: is it %s? see --help\n",
			    table->program, (int)strcspn(stray, "="), stray,
			    table->noun, meant);
			return false;
		}
	return true;
}

/* ------------------------------------------------------------- options -- */

/* A list of texts that grew from the environment begins anew. */
static void
forget(const struct options_row *row, char *values)
{
	if (row->most > 0)
		*(size_t *)(void *)(values + row->count) = 0;
}

/*
 * What getopt_long() found: OPTIONS_OK is to go on.  `flags` has a bit for each
 * row that was given before.
 */
static enum options_result
take_option(const struct options_table *table, char *values, int c,
    const struct options_line *line, uint64_t *flags)
{
	const size_t i =
	    c == 'h' ? table->count + 1 : (size_t)(c - LONG_OPTION);
	char label[64];

	if (c == '?' || c == ':') {
		complain_unknown(table, c, line->argv[optind - 1], line->err);
		return OPTIONS_WRONG;
	}
	if (i == table->count)
		fprintf(line->out, "%s\n", table->version);
	if (i == table->count + 1)
		print_help(table, line->out);
	if (i >= table->count)
		return OPTIONS_DONE;
	if ((*flags & UINT64_C(1) << i) == 0)
		forget(&table->rows[i], values);
	*flags |= UINT64_C(1) << i;
	snprintf(label, sizeof(label), "--%s", table->rows[i].name);
	return take(table, &table->rows[i], values, label, optarg, line->err)
		   ? OPTIONS_OK
		   : OPTIONS_WRONG;
}

/* What stands behind the options. */
static enum options_result
take_rest(const struct options_table *table, char *values,
    const struct options_line *line)
{
	const char *word = optind < line->argc ? line->argv[optind] : NULL;

	if (table->operand == NULL && word == NULL)
		return OPTIONS_OK;
	if (table->operand == NULL) {
		fprintf(line->err,
		    "%s: \"%s\": %ss begin with --; see --help\n",
		    table->program, word, table->noun);
		return OPTIONS_WRONG;
	}
	if (word == NULL || word[0] == '\0' || optind + 1 < line->argc) {
		fprintf(line->err, "%s: give it one %s; see --help\n",
		    table->program, table->operand);
		return OPTIONS_WRONG;
	}
	*(const char **)(void *)(values + table->operand_at) = word;
	return OPTIONS_OK;
}

enum options_result
options_parse(const struct options_table *table, void *values,
    const struct options_line *line)
{
	struct option longs[OPTIONS_ROWS_MAX + OWN + 1] = {0};
	enum options_result result;
	uint64_t flags = 0;
	size_t i;
	int c;

	assert(table->count <= OPTIONS_ROWS_MAX);
	for (i = 0; i < table->count + OWN; i++)
		longs[i] = (struct option){.name = row_at(table, i)->name,
		    .has_arg = row_at(table, i)->value != NULL,
		    .val = LONG_OPTION + (int)i};
	if (!read_environment(table, values, line->err) ||
	    !check_strays(table, line->err))
		return OPTIONS_WRONG;
	optind = 0; /* start over: tests parse more than once */
	opterr = 0;
	while ((c = getopt_long(line->argc, line->argv, table->letters, longs,
		    NULL)) != -1) {
		result = take_option(table, values, c, line, &flags);
		if (result != OPTIONS_OK)
			return result;
	}
	return take_rest(table, values, line);
}
