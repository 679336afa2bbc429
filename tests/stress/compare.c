/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judged is the logarithm of the ratio, so that twice as fast and half as fast
 * are as far from the same.  Noise comes from the rounds of both reports, which
 * were interleaved with those of other rows: the error of the difference of
 * their means, by Welch, and Student's 99 % of that.
 */
#include "tests/stress/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * Logarithms of rounds: how many, their mean, their variance.  None, if one of
 * them has no logarithm: nothing was sold in it, or a tail never ended.
 */
struct sample {
	size_t count;
	double mean, variance;
};

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

/* null: it never ended. */
static double
real_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? INFINITY : json_number_value(value);
}

static struct sample
sample_of(const double *values, size_t count)
{
	struct sample sample = {.count = count};
	size_t i;

	for (i = 0; i < count; i++)
		if (!(values[i] > 0) || !isfinite(values[i]))
			return (struct sample){0};
	for (i = 0; i < count; i++)
		sample.mean += log(values[i]) / (double)count;
	for (i = 0; i < count && count > 1; i++)
		sample.variance +=
		    pow(log(values[i]) - sample.mean, 2) / (double)(count - 1);
	return sample;
}

static struct sample
old_sample(const json_t *price, bool by_p99)
{
	const json_t *rounds = json_object_get(price, "rounds"), *round;
	double values[FLAGS_ROUNDS_MAX];
	size_t i, count = 0;

	json_array_foreach(rounds, i, round) if (i < FLAGS_ROUNDS_MAX)
	    values[count++] = real_of(round, by_p99 ? "p99_ms" : "sold_per_s");
	return sample_of(values, count);
}

/* Student's t that 99 of 100 stay under, on both sides; by Cornish-Fisher. */
static double
student(double freedom)
{
	const double z = 2.5758, z3 = pow(z, 3), z5 = pow(z, 5);

	if (freedom < 1.5)
		return 63.66;
	if (freedom < 2.5)
		return 9.92;
	return z + (z3 + z) / (4 * freedom) +
	       (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom) +
	       (3 * pow(z, 7) + 19 * z5 + 17 * z3 - 15 * z) /
		   (384 * pow(freedom, 3));
}

/* How many times more or less two of the same may be; 0: not known. */
static double
noise_of(const struct sample *a, const struct sample *b)
{
	double x, y, freedom;

	if (a->count < 2 || b->count < 2)
		return 0;
	x = a->variance / (double)a->count;
	y = b->variance / (double)b->count;
	if (x + y <= 0)
		return 1;
	freedom = pow(x + y, 2) / (pow(x, 2) / (double)(a->count - 1) +
				      pow(y, 2) / (double)(b->count - 1));
	return exp(student(freedom) * sqrt(x + y));
}

static void
judge(struct compared *c, const struct sample *now, const struct sample *then)
{
	const double up =
	    c->by_p99 ? then->mean - now->mean : now->mean - then->mean;

	c->noise = noise_of(now, then);
	if (c->noise >= 1 && fabs(up) > log(c->noise))
		c->verdict = up > 0 ? COMPARED_BETTER : COMPARED_WORSE;
}

bool
compare_row(const json_t *old, const struct row *row, bool by_p99,
    struct compared *compared)
{
	const json_t *rows = json_object_get(old, "rows"), *item, *price = NULL;
	const struct rounds *rounds = &row->price.sold_rounds;
	struct sample now, then;
	size_t i;

	json_array_foreach(rows, i, item) if (is_same(item, &row->setting))
	    price = json_object_get(item, "price");
	*compared = (struct compared){.by_p99 = by_p99,
	    .old_sold_per_s = real_of(price, "sold_per_s"),
	    .old_p99_ms = real_of(json_object_get(price, "sold"), "p99_ms")};
	if (!row->price.known || !json_is_object(price))
		return false;
	compared->sold = row->price.sold_per_s / compared->old_sold_per_s;
	compared->p99 = row->price.sold.p99_ms / compared->old_p99_ms;
	now = sample_of(by_p99 ? rounds->p99_ms : rounds->per_s, rounds->count);
	then = old_sample(price, by_p99);
	judge(compared, &now, &then);
	return true;
}

/* The cores, the kernel: what stands before the versions of programs. */
static bool
is_same_machine(const json_t *old, const char *machine)
{
	const char *then = json_string_value(json_object_get(old, "machine"));
	const size_t n = strcspn(machine, ",;");

	return then != NULL && strcspn(then, ",;") == n &&
	       strncmp(then, machine, strcspn(machine, ";")) == 0;
}

bool
compare_unlike(const json_t *old, const struct compare_with *now,
    char text[COMPARE_UNLIKE])
{
	const struct flags *f = now->flags;
	const struct {
		const char *name;
		bool same;
	} parts[] = {{"buyers", is_number(old, "buyers", f->buyers)},
	    {"tickets", is_number(old, "tickets", f->tickets)},
	    {"quantity", is_number(old, "quantity", f->quantity)},
	    {"duration", is_number(old, "price_ms", f->duration_ms)},
	    {"rounds", is_number(old, "rounds", f->rounds)},
	    {"warm-up", is_number(old, "warmup_ms", f->warmup_ms)},
	    {"timeout", is_number(old, "timeout_ms", f->timeout_ms)},
	    {"rate", is_number(old, "rate", (int64_t)f->rate)},
	    {"machine", is_same_machine(old, now->machine)},
	    {"file system", is_text(old, "file_system", now->file_system)}};
	size_t i;

	text[0] = '\0';
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!parts[i].same)
			snprintf(text + strlen(text),
			    COMPARE_UNLIKE - strlen(text), "%s%s",
			    text[0] != '\0' ? ", " : "", parts[i].name);
	return text[0] != '\0';
}
