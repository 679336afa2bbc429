/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine for option tables.  A program says in one row what an option is
 * called, what it takes, what it is for and where its value goes; parsing,
 * --help, variables of the environment and complaints are made from the row.
 *
 *     static const struct options_row rows[] = {
 *         {"tickets", "N", "100", "tickets to sell", OPTIONS_NUMBER, 1, 1000,
 *             OPTIONS_AT(struct mine, tickets)},
 *     };
 *
 * An option that occurs twice keeps its last value (a list of texts keeps all),
 * and a flag wins over its variable.  Every program also has --version and
 * --help.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_ROWS_MAX 62  /* rows in a table; more assert */
#define OPTIONS_ITEM_SIZE 64 /* bytes of an item in a list; longer is cut */

enum options_kind {
	OPTIONS_ODD = 0,  /* the row's `set` reads it */
	OPTIONS_FLAG,     /* bool; takes no value, its variable 1 or 0 */
	OPTIONS_TEXT,     /* const char *, of at least `min` bytes; a `set`
			     only says whether it is valid */
	OPTIONS_NUMBER,   /* unsigned or [u]int64_t, from `min` to `max` */
	OPTIONS_DURATION, /* int64_t in ms, from `min` to an hour */
	OPTIONS_RANGE,    /* int64_t[2] in ms: the least, the most */
	OPTIONS_CHOICE,   /* bool or enum: which word of `value`, "a|b|c";
			     const char *: one of `names` */
};

/* Read `text` into `place`; false: it is not valid. */
typedef bool options_set_fn(void *place, const char *text);

/* Words that only the program knows: a list of them, as text. */
typedef const char *options_words_fn(void);

struct options_row {
	const char *name;  /* without dashes */
	const char *value; /* "N", "a|b": what it takes; NULL: nothing */
	/* The value if none is given; NULL: the struct is left as it is. */
	const char *usual;
	/*
	 * Lines, separated by '\n'.  --help shows the usual value behind them
	 * unless they speak of it themselves, in parentheses.
	 */
	const char *help;
	enum options_kind kind;
	int64_t min, max;
	/*
	 * Where the value goes: bytes from the beginning of the program's
	 * struct, and its size.  A `set` without them gets the whole struct.
	 */
	size_t at, size;
	/*
	 * most > 0: an array with room for so many, and where the count of
	 * them is, a size_t.  The values come with commas; texts, which may
	 * have some and which `set` may check, one with each time that the
	 * option is given.
	 */
	size_t most, count;
	/* Where a const char * is that gets the name, if given; 0: nowhere. */
	size_t given;
	const char *section; /* heading of the rows from here on, or NULL */
	/* What to say when the value is not valid; NULL: made of the row. */
	const char *valid;
	options_words_fn *words; /* said behind `valid`, or NULL */
	options_words_fn *all;   /* what "all" means in a list, or NULL */
	options_set_fn *set;
	/*
	 * Of a choice: names from a table, the i-th from 0 and NULL behind the
	 * last, 64 bytes together (asserted).  They stand where `value` is "",
	 * and of a list in front of `help` and `valid`.
	 */
	const char *(*names)(size_t i);
};

/* clang-format off */
#define OPTIONS_AT(type, member) \
	.at = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define OPTIONS_LIST(type, member, number) \
	.at = offsetof(type, member), .size = sizeof(((type *)0)->member[0]), \
	.most = sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]), \
	.count = offsetof(type, number)
/* clang-format on */

/* A program's options, and how it speaks of them. */
struct options_table {
	const struct options_row *rows;
	size_t count;
	const char *program; /* "turnstile": begins each complaint */
	const char *version; /* all that --version prints */
	const char *noun;    /* "option": what it calls them */
	const char *letters; /* getopt()'s: ":h", or ":" if -h is not --help */
	const char *prefix; /* "TURNSTILE_" of variables; NULL: none are read */
	/*
	 * Variables with that prefix that are no options, NULL behind the last.
	 * If there is a list, one that is in neither is a stray: refused where
	 * it looks like an option that was mistyped, see options_stray().
	 * NULL: strays are passed over.
	 */
	const char *const *others;
	/* Around a value that is refused, in front of what is valid. */
	const char *before_value, *after_value;
	/* "FILE": the one word that is no option and must be there, and where a
	 * const char * is that gets it; NULL: there is none. */
	const char *operand;
	size_t operand_at;
	int column;                    /* of --help, where the words begin */
	const char *head;              /* of --help, before the options */
	void (*print_tail)(FILE *out); /* of --help, after them */
};

/* What was typed, and where to print: help to `out`, complaints to `err`. */
struct options_line {
	int argc;
	char *const *argv;
	FILE *out, *err;
};

enum options_result {
	OPTIONS_OK = 0,
	OPTIONS_DONE,  /* help or version was printed */
	OPTIONS_WRONG, /* what is wrong, and what is valid, was printed */
};

/* The usual values, into the struct `values`; call it before all else. */
void options_set_usual(const struct options_table *table, void *values);

/*
 * Variables first, then the command line.  Texts are not copied: they stay
 * those of the environment, `argv` and the table.
 */
enum options_result options_parse(const struct options_table *table,
    void *values, const struct options_line *line);

/*
 * After options_parse(): the next stray from the `*at`-th variable on, which
 * is 0 at first, as it stands in the environment, "NAME=value"; NULL: there are
 * no more.  What Kubernetes sets for a service that has the program's name
 * (TURNSTILE_SERVICE_HOST, TURNSTILE_PORT_80_TCP) is none.
 */
const char *options_stray(const struct options_table *table, size_t *at);

/* Digits and nothing else, from `min` to `max`; false: it is not that. */
bool options_parse_number(
    const char *text, int64_t min, int64_t max, int64_t *number);

#endif
