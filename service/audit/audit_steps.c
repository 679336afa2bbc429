/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the witnesses of a collision did, as one list: reads and writes by the
 * versions that they saw and made, then each lock among them.
 */
#include "service/audit/audit.h"

#include <stdlib.h>
#include <string.h>

struct list {
	struct audit_step *steps;
	size_t count;
};

static int64_t
number_of(const json_t *step, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(step, name);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* False: it says nothing about the collision. */
static bool
parse_act(const char *kind, enum audit_act *act)
{
	if (strcmp(kind, "lock") == 0)
		*act = AUDIT_LOCKS;
	else if (strcmp(kind, "read") == 0)
		*act = AUDIT_READS;
	else if (strcmp(kind, "write") == 0)
		*act = AUDIT_WRITES;
	else
		return false;
	return true;
}

static void
add_steps(struct list *list, const struct audit_witness *witness, size_t column)
{
	const struct store_line *line = &witness->line;
	const size_t first = list->count;
	const json_t *step;
	enum audit_act act;
	size_t i;

	json_array_foreach(witness->trail, i, step)
	{
		const char *kind =
		    json_string_value(json_object_get(step, "step"));

		if (kind == NULL)
			continue;
		/* A try that was refused has written nothing: forget it. */
		if (strcmp(kind, "conflict") == 0 ||
		    strcmp(kind, "switch") == 0)
			list->count = first;
		if (list->count == AUDIT_STEPS_MAX || !parse_act(kind, &act))
			continue;
		list->steps[list->count++] =
		    (struct audit_step){.column = column,
			.act = act,
			.version = act == AUDIT_WRITES
				       ? line->version
				       : number_of(step, "version", line->base),
			.remaining = number_of(step, "remaining", 0),
			.stamp_ns = number_of(step, "at_ns", 0)};
	}
}

/* Locks last; of one version first its write, then those who read it. */
static int
by_version(const void *a, const void *b)
{
	const struct audit_step *x = a, *y = b;

	if ((x->act == AUDIT_LOCKS) != (y->act == AUDIT_LOCKS))
		return x->act == AUDIT_LOCKS ? 1 : -1;
	if (x->act != AUDIT_LOCKS && x->version != y->version)
		return x->version < y->version ? -1 : 1;
	if (x->act != y->act)
		return x->act == AUDIT_WRITES ? -1 : 1;
	if (x->stamp_ns != y->stamp_ns)
		return x->stamp_ns < y->stamp_ns ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* Put the lock, which stands behind `count` steps, where it belongs. */
static void
place_lock(struct audit_step *steps, size_t count)
{
	struct audit_step lock = steps[count];
	size_t i = 0;

	while (i < count && steps[i].at_ns <= lock.stamp_ns &&
	       (steps[i].act == AUDIT_LOCKS || steps[i].column != lock.column))
		i++;
	memmove(&steps[i + 1], &steps[i], (count - i) * sizeof(*steps));
	lock.at_ns = lock.stamp_ns;
	steps[i] = lock;
}

size_t
audit_steps(const struct audit_witness *witnesses, size_t count,
    struct audit_step steps[AUDIT_STEPS_MAX])
{
	struct list list = {.steps = steps};
	int64_t at_ns = INT64_MIN;
	size_t i;

	for (i = 0; i < count; i++)
		add_steps(&list, &witnesses[i], i);
	qsort(steps, list.count, sizeof(*steps), by_version);
	for (i = 0; i < list.count && steps[i].act != AUDIT_LOCKS; i++) {
		if (steps[i].stamp_ns > at_ns)
			at_ns = steps[i].stamp_ns;
		steps[i].at_ns = at_ns;
	}
	for (; i < list.count; i++)
		place_lock(steps, i);
	return list.count;
}
