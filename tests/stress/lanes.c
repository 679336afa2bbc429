/* SPDX-License-Identifier: BSD-2-Clause */
/* From the highest version down, with the latest time that is still free. */
#include "tests/stress/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "tests/stress/buffer.h"

#define NO_STEP SIZE_MAX
#define UNKNOWN_NS 1000 /* how long a write took of which nothing is known */

/* A receipt's trail is longer than the ledger's: it has the commit. */
static const char *
trail_of(const struct evidence *e, const struct store_line *line)
{
	size_t i;

	for (i = 0; i < e->answer_count; i++)
		if (e->answers[i].trail != NULL &&
		    strcmp(e->answers[i].order, line->order) == 0)
			return e->answers[i].trail;
	return line->trail;
}

/* The stamp of a trail's step; of none, `otherwise`. */
static int64_t
stamp_of(const struct lane *lane, size_t step, int64_t otherwise)
{
	return step < json_array_size(lane->trail)
		   ? web_number(json_array_get(lane->trail, step), "at_ns")
		   : otherwise;
}

/* False: it does not say when it read and wrote. */
static bool
find_steps(struct lane *lane)
{
	const json_t *step;
	size_t i;

	lane->read = lane->write = NO_STEP;
	json_array_foreach(lane->trail, i, step)
	{
		const char *kind = web_text(step, "step");

		if (strcmp(kind, "read") == 0)
			lane->read = i;
		else if (strcmp(kind, "write") == 0)
			lane->write = i;
	}
	if (lane->read == NO_STEP || lane->write == NO_STEP)
		return false;
	lane->read_version =
	    web_number(json_array_get(lane->trail, lane->read), "version");
	lane->read_ns = stamp_of(lane, lane->read, 0);
	lane->read_by_ns = stamp_of(lane, lane->read + 1, 0);
	lane->begun_ns = stamp_of(lane, lane->write, 0);
	return true;
}

/* Of a turn the longest trail first: its lead's, who had waited. */
static int
by_turn(const void *a, const void *b)
{
	const struct lane *x = a, *y = b;
	const size_t xs = json_array_size(x->trail);
	const size_t ys = json_array_size(y->trail);

	if (x->line->host != y->line->host)
		return x->line->host < y->line->host ? -1 : 1;
	if (x->line->worker != y->line->worker)
		return x->line->worker < y->line->worker ? -1 : 1;
	if (x->line->clerk != y->line->clerk)
		return x->line->clerk < y->line->clerk ? -1 : 1;
	if (x->read_ns != y->read_ns)
		return x->read_ns < y->read_ns ? -1 : 1;
	return xs > ys ? -1 : xs < ys;
}

/* Orders of one turn have one read. */
static size_t
join_turns(struct lane *lanes, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++) {
		struct lane *lane = kept > 0 ? &lanes[kept - 1] : NULL;

		if (lane == NULL || lane->line->host != lanes[i].line->host ||
		    lane->line->worker != lanes[i].line->worker ||
		    lane->line->clerk != lanes[i].line->clerk ||
		    lane->read_ns != lanes[i].read_ns) {
			lanes[kept++] = lanes[i];
			continue;
		}
		lane->batch++;
		if (lanes[i].last_version > lane->last_version)
			lane->last_version = lanes[i].last_version;
		if (lanes[i].line->version < lane->line->version)
			lane->line = lanes[i].line;
		json_decref(lanes[i].trail);
	}
	return kept;
}

static int
by_read(const void *a, const void *b)
{
	const struct lane *x = *(struct lane *const *)a;
	const struct lane *y = *(struct lane *const *)b;

	return x->read_version > y->read_version
		   ? -1
		   : x->read_version < y->read_version;
}

static int
by_version(const void *a, const void *b)
{
	const struct lane *x = *(struct lane *const *)a;
	const struct lane *y = *(struct lane *const *)b;

	return x->last_version > y->last_version
		   ? -1
		   : x->last_version < y->last_version;
}

/* Their addresses, in an order; the caller frees them. */
static struct lane **
ordered(struct lane *lanes, size_t count,
    int (*compare)(const void *, const void *))
{
	struct lane **list = buffer_must(calloc(count, sizeof(struct lane *)));
	size_t i;

	for (i = 0; i < count; i++)
		list[i] = &lanes[i];
	qsort(list, count, sizeof(struct lane *), compare);
	return list;
}

static void
place_writes(struct lane *lanes, size_t count)
{
	struct lane **readers = ordered(lanes, count, by_read);
	struct lane **writers = ordered(lanes, count, by_version);
	int64_t latest_ns = INT64_MAX;
	size_t i, r = 0;

	for (i = 0; i < count; i++) {
		struct lane *w = writers[i];

		for (; r < count && readers[r]->read_version >= w->last_version;
		     r++)
			if (readers[r]->read_by_ns < latest_ns)
				latest_ns = readers[r]->read_by_ns;
		w->seen_ns =
		    stamp_of(w, w->write + 1, w->begun_ns + UNKNOWN_NS);
		if (w->seen_ns > latest_ns)
			w->seen_ns = latest_ns;
		latest_ns = w->seen_ns;
	}
	free(readers);
	free(writers);
}

struct lane *
lanes_new(const struct evidence *e, size_t *count)
{
	struct lane *lanes = NULL;
	size_t i;

	*count = 0;
	for (i = 0; i < e->line_count; i++) {
		const struct store_line *line = &e->lines[i];
		struct lane lane = {
		    .line = line, .batch = 1, .last_version = line->version};

		if (line->kind != STORE_SOLD || line->trail == NULL ||
		    line->worker == 0)
			continue;
		lane.trail = json_loads(trail_of(e, line), 0, NULL);
		if (!find_steps(&lane)) {
			json_decref(lane.trail);
			continue;
		}
		lanes = buffer_grow(lanes, *count, sizeof(*lanes));
		lanes[(*count)++] = lane;
	}
	if (*count == 0)
		return lanes;
	qsort(lanes, *count, sizeof(*lanes), by_turn);
	*count = join_turns(lanes, *count);
	place_writes(lanes, *count);
	return lanes;
}

void
lanes_free(struct lane *lanes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		json_decref(lanes[i].trail);
	free(lanes);
}
