/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

#define KINDS_MOST 4096
#define SHOWN_OF_A_KIND 2
#define SHOWN_OF_ONE 12 /* where a case was asked for by name */
#define KIND_SIZE 256
#define RED_SIZE 4600
#define UNCOUNTED (INT64_C(1) << 40) /* late, and nobody knows how many */

static const struct settings *settings;
static const char *part;
static FILE *red;
static int64_t cases, failed;
static int64_t undrawn, late; /* that did not begin: by chance, for time */
static int64_t until_ns; /* no case begins behind it; 0: time does not matter */

/* How often each kind of failure was seen. */
static struct kind {
	char text[KIND_SIZE];
	int count;
} kinds[KINDS_MOST];
static size_t kind_count;

void
report_begin(const struct settings *s, const char *name)
{
	settings = s;
	part = name;
	cases = failed = undrawn = late = 0;
	until_ns =
	    s->seconds == 0 ? 0 : clock_now_ns() + s->seconds * NS_PER_SEC;
	kind_count = 0;
	if (s->red != NULL && red == NULL) {
		red = fopen(s->red, "ae");
		if (red == NULL)
			perror(s->red);
	}
}

/* Counting what is left out must end, too. */
#define COUNTING_NS (30 * NS_PER_SEC)

bool
report_is_over(void)
{
	return until_ns != 0 && clock_now_ns() > until_ns;
}

static bool
is_under(const char *name, const char *branch)
{
	return strncmp(name, branch, strlen(branch)) == 0;
}

bool
report_enters(const char *branch)
{
	const char *only = settings->only;

	if (until_ns != 0 && clock_now_ns() > until_ns + COUNTING_NS) {
		if (late < UNCOUNTED)
			printf("out of time: what is in %s and behind it is "
			       "not counted either\n",
			    branch);
		late = late < UNCOUNTED ? late + UNCOUNTED : late;
		return false;
	}
	return only == NULL || is_under(branch, only) || is_under(only, branch);
}

uint64_t
report_chance(const char *name)
{
	uint64_t hash = settings->seed + UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash >> 33;
}

static bool
is_drawn(const char *name)
{
	return settings->one_in <= 1 || settings->only != NULL ||
	       report_chance(name) % (uint64_t)settings->one_in == 0;
}

bool
report_wants(const char *name)
{
	if (settings->only != NULL && !is_under(name, settings->only))
		return false;
	if (!is_drawn(name)) {
		undrawn++;
		return false;
	}
	if (!report_is_over())
		return true;
	if (late == 0)
		printf("out of time: from %s on, all is left out\n", name);
	late++;
	return false;
}

void
report_green(const char *name)
{
	(void)name;
	cases++;
}

/* The name without its numbers, and what was expected. */
static void
name_kind(const char *name, const char *expected, char text[KIND_SIZE])
{
	size_t used = 0;

	for (; *name != '\0' && used < KIND_SIZE - 1; name++)
		if (*name < '0' || *name > '9')
			text[used++] = *name;
		else if (used == 0 || text[used - 1] != '#')
			text[used++] = '#';
	snprintf(text + used, KIND_SIZE - used, ": %s", expected);
}

static int
seen_of_kind(const char *name, const char *expected)
{
	char text[KIND_SIZE];
	size_t i;

	name_kind(name, expected, text);
	for (i = 0; i < kind_count; i++)
		if (strcmp(kinds[i].text, text) == 0)
			return ++kinds[i].count;
	if (kind_count == KINDS_MOST)
		return 1;
	memcpy(kinds[kind_count].text, text, sizeof(text));
	return kinds[kind_count++].count = 1;
}

bool
report_red(const char *name, const char *expected, const char *format, ...)
{
	char text[RED_SIZE];
	va_list args;
	int used;

	cases++;
	used = snprintf(
	    text, sizeof(text), "%s: expected %s, got ", name, expected);
	va_start(args, format);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, args);
	va_end(args);
	failed++;
	if (red != NULL) {
		fprintf(red, "%s\n", text);
		fflush(red);
	}
	if (seen_of_kind(name, expected) <=
	    (settings->only != NULL ? SHOWN_OF_ONE : SHOWN_OF_A_KIND))
		printf("RED %s\n", text);
	fflush(stdout);
	return failed == 1;
}

int
report_end(void)
{
	size_t i;

	for (i = 0; i < kind_count; i++)
		printf(
		    "%6d red of the kind %s\n", kinds[i].count, kinds[i].text);
	if (undrawn > 0)
		printf("%6" PRId64 " cases were not drawn: one in %" PRId64
		       " is, by the seed\n",
		    undrawn, settings->one_in);
	if (late > 0)
		printf("%6" PRId64 " cases%s were left out for time: %s%s%s\n",
		    late % UNCOUNTED, late < UNCOUNTED ? "" : " and more", part,
		    settings->store == NULL ? "" : "-",
		    settings->store == NULL ? "" : settings->store);
	printf("%s%s%s: %" PRId64 " cases, %" PRId64 " failed\n", part,
	    settings->store == NULL ? "" : "-",
	    settings->store == NULL ? "" : settings->store, cases, failed);
	fflush(stdout);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
