/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The spread of a run is that of its ten tenths; their mean, which is what is
 * compared, is off by less.  Twice that is what two runs of the same may
 * differ by, on a machine that does nothing else.
 */
#include "tests/stress/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TENTHS 10.0

json_t *
compare_load(const char *path, char error[LAUNCH_ERROR_SIZE])
{
	json_error_t why;
	json_t *old = json_load_file(path, JSON_REJECT_DUPLICATES, &why);

	if (old == NULL)
		snprintf(error, LAUNCH_ERROR_SIZE, "%s: %s", path, why.text);
	else if (!json_is_array(json_object_get(old, "rows")))
		snprintf(error, LAUNCH_ERROR_SIZE,
		    "%s: it is no report of stress --json", path);
	else
		return old;
	json_decref(old);
	return NULL;
}

static bool
is_text(const json_t *row, const char *name, const char *value)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text != NULL && strcmp(text, value) == 0;
}

static bool
is_number(const json_t *row, const char *name, int64_t value)
{
	return json_integer_value(json_object_get(row, name)) == value;
}

static bool
is_same(const json_t *row, const struct setting *s)
{
	const json_t *delay = json_object_get(row, "delay_ms");

	return is_text(row, "store", s->store) &&
	       is_text(row, "lock", s->lock) &&
	       is_number(row, "workers", s->workers) &&
	       is_number(row, "clerks", s->clerks) &&
	       is_number(row, "batch", s->batch) &&
	       json_integer_value(json_array_get(delay, 0)) ==
		   s->delay_min_ms &&
	       json_integer_value(json_array_get(delay, 1)) == s->delay_max_ms;
}

static double
real_of(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

bool
compare_row(const json_t *old, const struct row *row, struct compared *compared)
{
	const json_t *rows = json_object_get(old, "rows"), *item, *price = NULL;
	double spread;
	size_t i;

	json_array_foreach(rows, i, item) if (is_same(item, &row->setting))
	    price = json_object_get(item, "price");
	*compared = (struct compared){
	    .old_sold_per_s = real_of(price, "sold_per_s"),
	    .old_p99_ms = real_of(json_object_get(price, "sold"), "p99_ms")};
	if (!row->price.known || compared->old_sold_per_s <= 0 ||
	    compared->old_p99_ms <= 0)
		return false;
	spread = real_of(price, "spread");
	compared->sold = row->price.sold_per_s / compared->old_sold_per_s;
	compared->p99 = row->price.sold.p99_ms / compared->old_p99_ms;
	spread = sqrt(spread * spread + row->price.spread * row->price.spread);
	compared->noise = compared->sold * 2 * spread / sqrt(TENTHS);
	compared->differs = fabs(compared->sold - 1) > compared->noise;
	return true;
}

const char *
compare_unlike(const json_t *old, const struct flags *flags)
{
	if (!is_number(old, "buyers", flags->buyers))
		return "buyers";
	if (!is_number(old, "price_ms", flags->duration_ms))
		return "duration";
	if (!is_number(old, "rate", (int64_t)flags->rate))
		return "rate";
	return NULL;
}
