/* SPDX-License-Identifier: BSD-2-Clause */
/* Thresholds, as load tools have them: "p99<50ms". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stress/result.h"

struct expectation {
	char name[24];
	char operator[3];
	double value; /* in ms, where it is a time */
};

/* NAN: the row has none. */
struct quantity {
	const char *name;
	bool is_time; /* of a price, in ms */
	double (*of)(const struct row *row);
};

static double
wrong_of(const struct row *row)
{
	return row->wrong_runs;
}

static double
unknown_of(const struct row *row)
{
	return (double)row->unknown;
}

static double
stop_of(const struct row *row)
{
	return row->stop.wanted > 0 ? row->stop.longest_s * 1e3 : NAN;
}

static double
sold_of(const struct row *row)
{
	return row->price.known ? row->price.sold_per_s : NAN;
}

static double
refused_of(const struct row *row)
{
	return row->price.known ? row->price.refused_per_s : NAN;
}

static double
p50_of(const struct row *row)
{
	return row->price.known ? row->price.sold.p50_ms : NAN;
}

static double
p95_of(const struct row *row)
{
	return row->price.known ? row->price.sold.p95_ms : NAN;
}

static double
p99_of(const struct row *row)
{
	return row->price.known ? row->price.sold.p99_ms : NAN;
}

static double
max_of(const struct row *row)
{
	return row->price.known ? row->price.sold.max_ms : NAN;
}

static const struct quantity quantities[] = {{"wrong", false, wrong_of},
    {"unknown", false, unknown_of}, {"stop", true, stop_of},
    {"sold/s", false, sold_of}, {"refused/s", false, refused_of},
    {"p50", true, p50_of}, {"p95", true, p95_of}, {"p99", true, p99_of},
    {"max", true, max_of}};

static const struct quantity *
find_quantity(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(quantities) / sizeof(quantities[0]); i++)
		if (strcmp(quantities[i].name, name) == 0)
			return &quantities[i];
	return NULL;
}

static bool
parse_value(const char *text, bool is_time, double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (end == text || !isfinite(*value))
		return false;
	if (is_time && strcmp(end, "s") == 0)
		*value *= 1000;
	else if (is_time && strcmp(end, "us") == 0)
		*value /= 1000;
	else if (*end != '\0' && !(is_time && strcmp(end, "ms") == 0))
		return false;
	return true;
}

static bool
parse(const char *text, struct expectation *e)
{
	static const char *const operators[] = {
	    "==", "!=", "<=", ">=", "<", ">"};
	const struct quantity *quantity;
	char value[32];
	size_t i, name, skip;

	name = strcspn(text, "=!<> ");
	if (name == 0 || name >= sizeof(e->name))
		return false;
	snprintf(e->name, sizeof(e->name), "%.*s", (int)name, text);
	text += name + strspn(text + name, " ");
	quantity = find_quantity(e->name);
	for (i = 0; quantity != NULL && i < 6; i++) {
		const size_t length = strlen(operators[i]);

		if (strncmp(text, operators[i], length) != 0)
			continue;
		snprintf(e->operator, sizeof(e->operator), "%s", operators[i]);
		skip = length + strspn(text + length, " ");
		snprintf(value, sizeof(value), "%s", text + skip);
		return parse_value(value, quantity->is_time, &e->value);
	}
	return false;
}

bool
expect_is_valid(const char *text)
{
	struct expectation e;

	return parse(text, &e);
}

static bool
compare(double found, const char *operator, double wanted)
{
	const bool same = fabs(found - wanted) < 1e-9;

	switch (operator[0]) {
	case '=':
		return same;
	case '!':
		return !same;
	case '<':
		return found < wanted || (operator[1] == '=' && same);
	default:
		return found > wanted || (operator[1] == '=' && same);
	}
}

bool
expect_holds(const struct result *result, const char *text, char found[96])
{
	const struct quantity *quantity;
	char label[RESULT_LABEL_SIZE];
	struct expectation e;
	size_t i, seen = 0;
	double value;

	if (!parse(text, &e))
		return false;
	quantity = find_quantity(e.name);
	for (i = 0; i < result->count; i++) {
		value = quantity->of(&result->rows[i]);
		if (isnan(value))
			continue;
		seen++;
		if (compare(value, e.operator, e.value))
			continue;
		result_label(result, &result->rows[i], label);
		snprintf(found, 96, "%s, %s: %.4g%s", label,
		    result->rows[i].setting.store, value,
		    quantity->is_time ? " ms" : "");
		return false;
	}
	snprintf(
	    found, 96, seen > 0 ? "in all of %zu rows" : "no row has it", seen);
	return seen > 0;
}
