/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/report.h"

#include <fnmatch.h>
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
#define KNOWN_MOST 64

static const struct settings *settings;
static const char *part;
static FILE *red;
static int64_t cases, failed, known_cases;
static int64_t until_ns; /* no case begins behind it; 0: time does not matter */
static bool is_over;

/* Patterns, as a shell has them, of what is red and known to be. */
static char *known[KNOWN_MOST];
static size_t known_count;

/* How often each kind of failure was seen. */
static struct kind {
	char text[KIND_SIZE];
	int count;
} kinds[KINDS_MOST];
static size_t kind_count;

/* A pattern a line; those that are empty, or begin with #, are for people. */
static void
read_known(const char *path)
{
	FILE *file = path == NULL ? NULL : fopen(path, "re");
	char line[512];

	known_count = 0;
	if (file == NULL) {
		if (path != NULL)
			perror(path);
		return;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#' &&
		    known_count < KNOWN_MOST)
			known[known_count++] = strdup(line);
	}
	fclose(file);
}

static bool
is_known(const char *text)
{
	size_t i;

	for (i = 0; i < known_count; i++)
		if (known[i] != NULL && fnmatch(known[i], text, 0) == 0)
			return true;
	return false;
}

void
report_begin(const struct settings *s, const char *name)
{
	settings = s;
	part = name;
	cases = failed = known_cases = 0;
	until_ns =
	    s->seconds == 0 ? 0 : clock_now_ns() + s->seconds * NS_PER_SEC;
	is_over = false;
	read_known(s->known);
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

	if (until_ns != 0 && clock_now_ns() > until_ns) {
		if (!is_over)
			printf(
			    "out of time: from %s on, all is left out\n", name);
		is_over = true;
		return false;
	}
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
	char text[RED_SIZE];
	va_list args;
	int used;

	cases++;
	used = snprintf(
	    text, sizeof(text), "%s: expected %s, got ", name, expected);
	va_start(args, format);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, args);
	va_end(args);
	if (is_known(text)) {
		known_cases++;
		return false;
	}
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
	if (known_cases > 0)
		printf("%6" PRId64 " red and known to be\n", known_cases);
	printf("%s%s%s: %" PRId64 " cases, %" PRId64 " failed\n", part,
	    settings->store == NULL ? "" : "-",
	    settings->store == NULL ? "" : settings->store, cases, failed);
	fflush(stdout);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
