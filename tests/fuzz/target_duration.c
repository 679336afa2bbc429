/* SPDX-License-Identifier: BSD-2-Clause */
/* Durations: what was understood is printed, and then understood the same. */
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <string.h>

#include "service/duration.h"

static void
print_and_parse(int64_t min_ms, int64_t max_ms)
{
	char text[DURATION_RANGE_SIZE];
	int64_t min_again, max_again;

	duration_range_print(min_ms, max_ms, text);
	claim(memchr(text, '\0', sizeof(text)) != NULL);
	claim(duration_range_parse(text, &min_again, &max_again));
	claim(min_again == min_ms && max_again == max_ms);
}

/* Any two numbers are a range, too. */
static void
take_numbers(const char *data, size_t size)
{
	uint32_t a, b;

	if (size < sizeof(a) + sizeof(b))
		return;
	memcpy(&a, data, sizeof(a));
	memcpy(&b, data + sizeof(a), sizeof(b));
	a %= DURATION_MAX_MS + 1;
	b %= DURATION_MAX_MS + 1;
	print_and_parse(a < b ? a : b, a < b ? b : a);
}

/* Whole numbers of a unit are what they say. */
static void
claim_value(const char *text, int64_t ms)
{
	static const struct {
		const char *name;
		long ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	const long number = strtol(text, &end, 10);
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].name) == 0)
			claim(ms == number * units[i].ms);
}

void
target_duration(const char *data, size_t size)
{
	int64_t one, min_ms, max_ms;

	if (duration_range_parse(data, &min_ms, &max_ms)) {
		claim(0 <= min_ms && min_ms <= max_ms);
		claim(max_ms <= DURATION_MAX_MS);
		print_and_parse(min_ms, max_ms);
	}
	if (duration_parse(data, &one)) {
		claim(strpbrk(data, " \t\n+-eExX") == NULL);
		claim_value(data, one);
		claim(duration_range_parse(data, &min_ms, &max_ms));
		claim(min_ms == one && max_ms == one);
	}
	take_numbers(data, size);
}
