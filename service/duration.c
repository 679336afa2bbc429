/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A number and a unit.  The text is checked character by character before
 * strtod() sees it, which would also take "0x1", "1e3" and "inf".
 */
#include "service/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
duration_parse(const char *text, int64_t *ms)
{
	double number;
	char *end;

	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return true;
	}
	if (!isdigit((unsigned char)text[0]) ||
	    strspn(text, "0123456789.") > 12)
		return false;
	/* Digits and a point only: no hex, no exponent, no locale. */
	number = strtod(text, &end);
	if ((size_t)(end - text) != strspn(text, "0123456789."))
		return false;
	if (strcmp(end, "s") == 0)
		number *= 1000;
	else if (strcmp(end, "m") == 0)
		number *= 60000;
	else if (strcmp(end, "h") == 0)
		number *= 3600000;
	else if (strcmp(end, "ms") != 0)
		return false;
	if (number > (double)DURATION_MAX_MS)
		return false;
	*ms = (int64_t)(number + 0.5);
	return true;
}

bool
duration_range_parse(const char *text, int64_t *min_ms, int64_t *max_ms)
{
	const char *dash = strchr(text, '-');
	char first[16];

	if (dash == NULL) {
		if (!duration_parse(text, min_ms))
			return false;
		*max_ms = *min_ms;
		return true;
	}
	/* What is cut off was no duration either. */
	snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	return duration_parse(first, min_ms) &&
	       duration_parse(dash + 1, max_ms) && *min_ms <= *max_ms;
}

static int
print_one(int64_t ms, char *text, size_t size)
{
	if (ms == 0)
		return snprintf(text, size, "0");
	if (ms % 1000 == 0)
		return snprintf(text, size, "%" PRId64 "s", ms / 1000);
	return snprintf(text, size, "%" PRId64 "ms", ms);
}

void
duration_range_print(int64_t min_ms, int64_t max_ms, char text[48])
{
	int n = print_one(min_ms, text, 23);

	if (max_ms != min_ms) {
		text[n++] = '-';
		print_one(max_ms, text + n, 23);
	}
}
