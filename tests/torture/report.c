/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MOST 4096
#define SHOWN_OF_A_KIND 2
#define SHOWN_OF_ONE 12 /* where a case was asked for by name */
#define KIND_SIZE 256

static const struct settings *settings;
static const char *part;
static FILE *red;
static int64_t cases, failed;

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
	cases = failed = 0;
	kind_count = 0;
	if (s->red != NULL && red == NULL) {
		red = fopen(s->red, "ae");
		if (red == NULL)
			perror(s->red);
	}
}

bool
report_wants(const char *name)
{
	const char *only = settings->only;
	const size_t length = strlen(name);

	if (only == NULL || strncmp(name, only, strlen(only)) == 0)
		return true;
	/* A branch on the way to it. */
	return strncmp(name, only, length) == 0 &&
	       (only[length] == '/' || (length > 0 && name[length - 1] == '/'));
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
	const int seen = seen_of_kind(name, expected);
	char got[4096];
	va_list args;

	cases++;
	failed++;
	va_start(args, format);
	vsnprintf(got, sizeof(got), format, args);
	va_end(args);
	if (red != NULL) {
		fprintf(red, "%s: expected %s, got %s\n", name, expected, got);
		fflush(red);
	}
	if (seen <= (settings->only != NULL ? SHOWN_OF_ONE : SHOWN_OF_A_KIND))
		printf("RED %s: expected %s, got %s\n", name, expected, got);
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
	printf("%s%s%s: %" PRId64 " cases, %" PRId64 " failed\n", part,
	    settings->store == NULL ? "" : " ",
	    settings->store == NULL ? "" : settings->store, cases, failed);
	fflush(stdout);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
