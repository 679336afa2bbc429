/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of the trace is a worker of a row, a thread is a clerk.  A step
 * lasts until the next one of the same order; time in the queue is nobody's
 * lane and is left out.  Orders of one batch did the same: one of them is
 * drawn, with how many they were.
 */
#include "tests/stress/trace.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "locks/lock.h"
#include "tests/stress/buffer.h"

#define WORKERS 100       /* process ids of a row */
#define LAST_STEP_NS 1000 /* has no next one: drawn so long */
static_assert(WORKERS > LOCK_WORKERS_MAX, "rows do not share process ids");

static_assert(WORKERS > LOCK_WORKERS_MAX, "a number for each worker");

struct trace {
	FILE *file;
	bool comma;
	int64_t start_ns; /* of the first race; 0: none yet */
};

/* One order's way over its clerk's lane. */
struct lane {
	unsigned worker, clerk;
	const char *order, *buyer;
	const char *trail; /* JSON */
	int64_t at_ns;     /* its first step behind the queue */
	int64_t seat, version, base;
	unsigned batch; /* orders that did the same */
};

struct trace *
trace_new(const char *path)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (trace == NULL)
		return NULL;
	trace->file = fopen(path, "we");
	if (trace->file == NULL) {
		free(trace);
		return NULL;
	}
	fprintf(trace->file, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
	return trace;
}

bool
trace_close(struct trace *trace)
{
	bool good;

	fprintf(trace->file, "\n]}\n");
	good = !ferror(trace->file);
	good = fclose(trace->file) == 0 && good;
	free(trace);
	return good;
}

static void
write_event(struct trace *trace, json_t *event)
{
	if (trace->comma)
		fprintf(trace->file, ",\n");
	trace->comma = true;
	json_dumpf(event, trace->file, JSON_COMPACT);
	json_decref(event);
}

/* Perfetto's number of a worker: a row has WORKERS of them. */
static int
pid_of(unsigned number, unsigned worker)
{
	return (int)(number * WORKERS + worker);
}

/* The name of a process, or, if `clerk` is not 0, of a thread. */
static void
write_name(struct trace *trace, int pid, unsigned clerk, const char *name)
{
	write_event(
	    trace, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name",
		       clerk > 0 ? "thread_name" : "process_name", "ph", "M",
		       "pid", pid, "tid", (int)clerk, "args", "name", name));
}

static void
name_process(
    struct trace *trace, unsigned number, const char *name, unsigned worker)
{
	const int pid = pid_of(number, worker);
	char text[160];

	snprintf(text, sizeof(text), "%s · worker %u", name, worker);
	write_name(trace, pid, 0, text);
	write_event(trace, json_pack("{s:s, s:s, s:i, s:i, s:{s:i}}", "name",
			       "process_sort_index", "ph", "M", "pid", pid,
			       "tid", 0, "args", "sort_index", pid));
}

static void
name_thread(struct trace *trace, unsigned number, const struct lane *lane)
{
	char text[32];

	snprintf(text, sizeof(text), "clerk %u", lane->clerk);
	write_name(trace, pid_of(number, lane->worker), lane->clerk, text);
}

/* A step, from its time to the next one's. */
static void
write_step(struct trace *trace, unsigned number, const struct lane *lane,
    const json_t *step, int64_t until_ns)
{
	const int64_t at_ns = web_number(step, "at_ns");
	const json_t *remaining = json_object_get(step, "remaining");
	json_t *args;

	args = json_pack("{s:s, s:s, s:I, s:I, s:I, s:i}", "buyer", lane->buyer,
	    "order", lane->order, "seat", (json_int_t)lane->seat, "version",
	    (json_int_t)lane->version, "base", (json_int_t)lane->base, "batch",
	    (int)lane->batch);
	if (remaining != NULL)
		json_object_set_new(args, "remaining",
		    json_integer(json_integer_value(remaining)));
	write_event(
	    trace, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:o}", "name",
		       web_text(step, "step"), "cat", "step", "ph", "X", "ts",
		       (double)(at_ns - trace->start_ns) / 1e3, "dur",
		       (double)(until_ns - at_ns) / 1e3, "pid",
		       pid_of(number, lane->worker), "tid", (int)lane->clerk,
		       "args", args));
}

static void
write_lane(struct trace *trace, unsigned number, const struct lane *lane)
{
	json_t *trail = json_loads(lane->trail, 0, NULL);
	const json_t *step, *next;
	size_t i;

	json_array_foreach(trail, i, step)
	{
		if (strcmp(web_text(step, "step"), "queued") == 0)
			continue;
		next = json_array_get(trail, i + 1);
		write_step(trace, number, lane, step,
		    next != NULL ? web_number(next, "at_ns")
				 : web_number(step, "at_ns") + LAST_STEP_NS);
	}
	json_decref(trail);
}

/* When the order left the queue. */
static int64_t
first_step_ns(const char *text)
{
	json_t *trail = json_loads(text, 0, NULL);
	const int64_t at_ns = web_number(
	    json_array_get(trail, json_array_size(trail) > 1), "at_ns");

	json_decref(trail);
	return at_ns;
}

/* A receipt's trail is longer than the ledger's: it has the commit. */
static const char *
trail_of(const struct evidence *e, const struct store_line *line)
{
	size_t i;

	for (i = 0; i < e->answer_count; i++)
		if (e->answers[i].trail_at != 0 &&
		    strcmp(e->answers[i].order, line->order) == 0)
			return e->buffer.bytes + e->answers[i].trail_at;
	return line->trail;
}

static int
by_lane(const void *a, const void *b)
{
	const struct lane *x = a, *y = b;

	if (x->worker != y->worker)
		return x->worker < y->worker ? -1 : 1;
	if (x->clerk != y->clerk)
		return x->clerk < y->clerk ? -1 : 1;
	return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

static struct lane *
make_lanes(const struct evidence *e, size_t *count)
{
	struct lane *lanes = NULL;
	size_t i;

	*count = 0;
	for (i = 0; i < e->line_count; i++) {
		const struct store_line *line = &e->lines[i];

		if (line->kind != STORE_SOLD || line->trail == NULL ||
		    line->worker == 0)
			continue;
		lanes = buffer_grow(lanes, *count, sizeof(*lanes));
		lanes[(*count)++] = (struct lane){.worker = line->worker,
		    .clerk = line->clerk,
		    .order = line->order,
		    .buyer = line->buyer,
		    .trail = trail_of(e, line),
		    .at_ns = first_step_ns(line->trail),
		    .seat = line->seat,
		    .version = line->version,
		    .base = line->base,
		    .batch = 1};
	}
	if (*count > 0)
		qsort(lanes, *count, sizeof(*lanes), by_lane);
	return lanes;
}

void
trace_add(struct trace *trace, const char *name, unsigned number,
    const struct evidence *evidence)
{
	unsigned worker = 0, clerk = 0;
	struct lane *lanes;
	size_t i, j, count;

	if (trace->start_ns == 0 && evidence->answer_count > 0)
		trace->start_ns = evidence->answers[0].sent_ns;
	lanes = make_lanes(evidence, &count);
	for (i = 0; i < count; i = j) {
		for (j = i + 1; j < count; j++, lanes[i].batch++)
			if (lanes[j].at_ns != lanes[i].at_ns ||
			    lanes[j].worker != lanes[i].worker ||
			    lanes[j].clerk != lanes[i].clerk)
				break;
		if (lanes[i].worker != worker)
			name_process(trace, number, name, lanes[i].worker);
		if (lanes[i].worker != worker || lanes[i].clerk != clerk)
			name_thread(trace, number, &lanes[i]);
		worker = lanes[i].worker;
		clerk = lanes[i].clerk;
		write_lane(trace, number, &lanes[i]);
	}
	free(lanes);
}
