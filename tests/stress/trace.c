/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of the trace is a worker in a race, a thread is a clerk.  A step
 * lasts until the next one of the same order, the last one is a moment; time in
 * the queue is nobody's
 * lane and is left out.  Orders of one batch did the same: one of them is
 * drawn, with how many they were.  A write lasts until all can see it, so that
 * nobody who starts to read after its end has read an older version.
 */
#include "tests/stress/trace.h"
#include "tests/stress/flags.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "locks/lock.h"
#include "tests/stress/buffer.h"
#include "tests/stress/lanes.h"

#define WORKERS 100 /* process ids of a host */
static_assert(WORKERS > LOCK_WORKERS_MAX, "hosts do not share process ids");
#define HOSTS (FLAGS_HOSTS_MAX + 1) /* of a race; 0: it has one */

struct trace {
	FILE *file;
	bool comma;
	int64_t start_ns; /* of the first race; 0: none yet */
	unsigned number;  /* of races that are in it */
};

struct trace *
trace_new(const char *path)
{
	FILE *file = fopen(path, "we");
	struct trace *trace;

	if (file == NULL)
		return NULL;
	fprintf(file, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
	trace = buffer_must(malloc(sizeof(*trace)));
	*trace = (struct trace){.file = file};
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

/* Perfetto's number of a worker. */
static int
pid_of(const struct trace *trace, const struct lane *lane)
{
	return (
	    int)((trace->number * HOSTS + lane->line->host % HOSTS) * WORKERS +
		 lane->line->worker);
}

/* Of a worker or, if `clerk` is not 0, of a clerk; `value` is taken. */
static void
write_fact(struct trace *trace, const struct lane *lane, unsigned clerk,
    const char *what, const char *member, json_t *value)
{
	write_event(trace, json_pack("{s:s, s:s, s:i, s:i, s:{s:o}}", "name",
			       what, "ph", "M", "pid", pid_of(trace, lane),
			       "tid", (int)clerk, "args", member, value));
}

/* A step at its time; what lasts has a "dur" as well. */
static json_t *
step_event(
    const struct trace *trace, const struct lane *lane, const json_t *step)
{
	const struct store_line *line = lane->line;

	return json_pack("{s:s, s:s, s:f, s:i, s:i, s:{s:s, s:s, s:I, s:I, "
			 "s:I, s:i, s:O*}}",
	    "name", web_text(step, "step"), "cat", "step", "ts",
	    (double)(web_number(step, "at_ns") - trace->start_ns) / 1e3, "pid",
	    pid_of(trace, lane), "tid", (int)line->clerk, "args", "buyer",
	    line->buyer, "order", line->order, "seat", (json_int_t)line->seat,
	    "version", (json_int_t)line->version, "base",
	    (json_int_t)lane->read_version, "batch", (int)lane->batch,
	    "remaining", json_object_get(step, "remaining"));
}

/* From its time to the next one's. */
static void
write_step(struct trace *trace, const struct lane *lane, const json_t *step,
    int64_t until_ns)
{
	json_t *event = step_event(trace, lane, step);
	const int64_t ns = until_ns - web_number(step, "at_ns");

	json_object_set_new(event, "ph", json_string("X"));
	json_object_set_new(event, "dur", json_real((double)ns / 1e3));
	write_event(trace, event);
}

/* The last one: when it ended was not measured, so it is a moment. */
static void
write_moment(struct trace *trace, const struct lane *lane, const json_t *step)
{
	json_t *event = step_event(trace, lane, step);

	json_object_set_new(event, "ph", json_string("i"));
	json_object_set_new(event, "s", json_string("t"));
	write_event(trace, event);
}

static void
write_lane(struct trace *trace, const struct lane *lane)
{
	const json_t *step, *next;
	size_t i;

	json_array_foreach(lane->trail, i, step)
	{
		if (strcmp(web_text(step, "step"), "queued") == 0)
			continue;
		next = json_array_get(lane->trail, i + 1);
		if (i == lane->write)
			write_step(trace, lane, step, lane->seen_ns);
		else if (next != NULL)
			write_step(
			    trace, lane, step, web_number(next, "at_ns"));
		else
			write_moment(trace, lane, step);
	}
}

static json_t *
name_worker(const char *race, const struct store_line *line)
{
	if (line->host == 0)
		return json_sprintf("%s · worker %u", race, line->worker);
	return json_sprintf(
	    "%s · host %u · worker %u", race, line->host, line->worker);
}

void
trace_add(
    struct trace *trace, const char *name, const struct evidence *evidence)
{
	unsigned clerk = 0;
	int pid = -1;
	struct lane *lanes, *lane;
	size_t count;

	if (trace->start_ns == 0 && evidence->answer_count > 0)
		trace->start_ns = evidence->answers[0].sent_ns;
	lanes = lanes_new(evidence, &count);
	for (lane = lanes; lane < lanes + count; lane++) {
		if (pid_of(trace, lane) != pid) {
			clerk = 0;
			pid = pid_of(trace, lane);
			write_fact(trace, lane, 0, "process_name", "name",
			    name_worker(name, lane->line));
			write_fact(trace, lane, 0, "process_sort_index",
			    "sort_index", json_integer(pid_of(trace, lane)));
		}
		if (lane->line->clerk != clerk) {
			clerk = lane->line->clerk;
			write_fact(trace, lane, clerk, "thread_name", "name",
			    json_sprintf("clerk %u", clerk));
		}
		write_lane(trace, lane);
	}
	lanes_free(lanes, count);
	trace->number++;
}
