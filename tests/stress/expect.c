/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thresholds, as load tools have them: "p99<50ms" is a measure, an operator
 * and a number, held against every row that has that measure.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stress/result.h"

/* What can be expected; those from SOLD on are of the price. */
enum measure {
	WRONG,
	UNKNOWN,
	STOP,
	LATER,
	SOLD,
	UNSENT,
	REFUSED,
	P50,
	P95,
	P99,
	P999,
	MOST,
	RATIO,
	P99_RATIO,
	SLOWER
};

static const struct {
	const char *name;
	bool is_time; /* in ms */
} measures[] = {
    [WRONG] = {"wrong", false},
    [UNKNOWN] = {"unknown", false},
    [STOP] = {"stop", true},
    [LATER] = {"later", false},
    [SOLD] = {"sold/s", false},
    [UNSENT] = {"unsent", false},
    [REFUSED] = {"refused/s", false},
    [P50] = {"p50", true},
    [P95] = {"p95", true},
    [P99] = {"p99", true},
    [P999] = {"p99.9", true},
    [MOST] = {"max", true},
    [RATIO] = {"ratio", false},
    [P99_RATIO] = {"p99-ratio", false},
    [SLOWER] = {"slower", false},
};
#define MEASURES (sizeof(measures) / sizeof(measures[0]))

struct expectation {
	size_t measure;
	char operator[3];
	double value; /* in ms, where it is a time */
};

/*
 * Against --compare's report; a row that it does not have is not held to it.
 * INFINITY, with which nothing holds: it cannot be judged.
 */
static double
compared_of(const struct result *result, const struct row *row, size_t measure)
{
	struct compared c;
	double value;

	if (!compare_row(result->old, row, result->flags->rate > 0, &c))
		return NAN;
	if (measure == SLOWER)
		return c.noise < 1 ? INFINITY : c.verdict == COMPARED_WORSE;
	value = measure == RATIO ? c.sold : c.p99;
	return isnan(value) ? INFINITY : value;
}

/* NAN: the row has none. */
static double
value_of(const struct result *result, const struct row *row, size_t measure)
{
	const struct price *price = &row->price;
	const double values[MEASURES] = {
	    [WRONG] = row->wrong_runs,
	    [UNKNOWN] = (double)row->unknown,
	    [STOP] = row->stop.wanted > 0 ? row->stop.longest_s * 1e3 : NAN,
	    [LATER] = (double)(row->later + price->turned_away),
	    [SOLD] = price->sold_per_s,
	    [UNSENT] = (double)price->unsent,
	    [REFUSED] = price->refused_per_s,
	    [P50] = price->sold.p50_ms,
	    [P95] = price->sold.p95_ms,
	    [P99] = price->sold.p99_ms,
	    [P999] = price->sold.p999_ms,
	    [MOST] = price->sold.max_ms,
	};

	if (measure >= RATIO)
		return compared_of(result, row, measure);
	return measure >= SOLD && !price->known ? NAN : values[measure];
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
	else if (is_time && strcmp(end, "ms") != 0)
		return *end == '\0' && *value == 0; /* it needs no unit */
	else if (!is_time)
		return *end == '\0';
	return true;
}

static bool
parse(const char *text, struct expectation *e)
{
	char name[16];
	int length;

	if (sscanf(text, "%15[^=!<> ] %2[=!<>]%n", name,
		e->operator, & length) != 2 ||
	    (strcmp(e->operator, "<") != 0 && strcmp(e->operator, ">") != 0 &&
		e->operator[1] != '='))
		return false;
	for (e->measure = 0; e->measure < MEASURES; e->measure++)
		if (strcmp(measures[e->measure].name, name) == 0)
			return parse_value(text + length,
			    measures[e->measure].is_time, &e->value);
	return false;
}

const char *
expect_refuse(const struct flags *flags, const char *text)
{
	struct expectation e;

	if (!parse(text, &e))
		return "must be wrong, unknown, stop, later, unsent, sold/s, "
		       "refused/s,\np50, p95, p99, p99.9, max, or of "
		       "--compare ratio, p99-ratio, slower; then\n"
		       "== != < <= > or >=, then a number, of a time with its "
		       "unit: p99<50ms";
	if (e.measure == STOP && !flags_drill(flags))
		return "needs a drill: --kill, --kill-holder or --pause-holder";
	if (e.measure < SOLD)
		return NULL;
	if (!flags_price(flags))
		return "is of the price, and none is measured";
	if (e.measure >= RATIO && flags->compare == NULL)
		return "needs --compare";
	return NULL;
}

/*
 * Of orders that were never sent no time holds: the load that was asked for
 * did not take place.  Nor does one that never ended, whatever the operator.
 */
static bool
is_lost(const struct row *row, size_t measure, double value)
{
	return isinf(value) ||
	       (measure >= P50 && measure <= MOST && row->price.unsent > 0);
}

static void
say(const struct row *row, size_t measure, double value,
    char found[RESULT_FOUND])
{
	char failures[PRICE_FAILURES];

	if (measure >= RATIO && isinf(value))
		snprintf(found, RESULT_FOUND, "%s, %s: it cannot be judged",
		    row->label, row->setting.store);
	else if (is_lost(row, measure, value) &&
		 price_failures(&row->price, failures))
		snprintf(found, RESULT_FOUND, "%s, %s: %s", row->label,
		    row->setting.store, failures);
	else
		snprintf(found, RESULT_FOUND, "%s, %s: %.4g%s", row->label,
		    row->setting.store, value,
		    measures[measure].is_time ? " ms" : "");
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
expect_holds(
    const struct result *result, const char *text, char found[RESULT_FOUND])
{
	struct expectation e;
	size_t i, seen = 0;
	double value;

	if (!parse(text, &e))
		return false;
	for (i = 0; i < result->count; i++) {
		value = value_of(result, &result->rows[i], e.measure);
		if (isnan(value))
			continue;
		seen++;
		if (!is_lost(&result->rows[i], e.measure, value) &&
		    compare(value, e.operator, e.value))
			continue;
		say(&result->rows[i], e.measure, value, found);
		return false;
	}
	snprintf(found, RESULT_FOUND,
	    seen > 0 ? "in all of %zu rows" : "no row has it", seen);
	return seen > 0;
}
