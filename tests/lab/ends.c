/* SPDX-License-Identifier: BSD-2-Clause */
/* A sorted array: there are few ends, however many schedules. */
#include "tests/lab/ends.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
ends_print(const struct run *run, unsigned buyers, char *text)
{
	static const char *const stops[] = {[STOP_DONE] = "",
	    [STOP_DEADLOCK] = "; deadlock",
	    [STOP_STUCK] = "; stuck"};
	size_t n = 0;
	unsigned i;

	for (i = 0; i < buyers; i++) {
		const struct bought *bought = &run->end.bought[i];

		n += (size_t)snprintf(text + n, ENDS_TEXT_SIZE - n,
		    "%s%c %s%s v%" PRId64 " on v%" PRId64, i == 0 ? "" : "; ",
		    'A' + (int)i,
		    bought->outcome == OUTCOME_NONE
			? "untold"
			: order_outcome_name(bought->outcome),
		    bought->sold ? "!" : "", bought->version, bought->base);
	}
	snprintf(text + n, ENDS_TEXT_SIZE - n, "%s", stops[run->stop]);
}

/* Where it is, or belongs. */
static size_t
find(const struct ends *ends, const char *text)
{
	size_t low = 0, high = ends->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (strcmp(ends->texts[middle], text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
ends_has(const struct ends *ends, const char *text)
{
	const size_t at = find(ends, text);

	return at < ends->count && strcmp(ends->texts[at], text) == 0;
}

bool
ends_add(struct ends *ends, const char *text)
{
	const size_t at = find(ends, text);

	if (at < ends->count && strcmp(ends->texts[at], text) == 0)
		return false;
	if (ends->count == ends->room) {
		ends->room = ends->room == 0 ? 64 : 2 * ends->room;
		ends->texts =
		    realloc(ends->texts, ends->room * sizeof(*ends->texts));
		if (ends->texts == NULL)
			abort();
	}
	memmove(&ends->texts[at + 1], &ends->texts[at],
	    (ends->count - at) * sizeof(*ends->texts));
	snprintf(ends->texts[at], ENDS_TEXT_SIZE, "%s", text);
	ends->count++;
	return true;
}

void
ends_free(struct ends *ends)
{
	free(ends->texts);
	*ends = (struct ends){.count = 0};
}
