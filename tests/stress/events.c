/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer is a question and its end.  An order whose answer was lost, and
 * that was asked for again by its key, is two: one that may have happened, and
 * the one that was answered; both were asked when the first attempt was.  Who
 * loses an answer asks no more, so what was lost has a process of its own.
 */
#include "tests/stress/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stress/buffer.h"

#define PROCESS_LOST 1000000 /* from here on those whose answer was lost */

struct event {
	int64_t ns;
	bool is_question;
	char *text;
};

struct events {
	FILE *file;
	int lost; /* processes so far */
	/* Of the race. */
	const char *sale;
	struct event *list;
	size_t count;
};

struct events *
events_new(const char *path)
{
	FILE *file = fopen(path, "we");
	struct events *events;

	if (file == NULL)
		return NULL;
	events = buffer_must(malloc(sizeof(*events)));
	*events = (struct events){.file = file};
	return events;
}

bool
events_close(struct events *events)
{
	bool good = !ferror(events->file);

	good = fclose(events->file) == 0 && good;
	free(events);
	return good;
}

/* `value` is the event's from now on; NULL: there is none. */
static void
add_event(struct events *events, int64_t ns, int process, const char *type,
    const char *f, json_t *value)
{
	const bool is_question = strcmp(type, "invoke") == 0;
	json_t *event;

	event = buffer_must(json_pack("{s:I, s:i, s:s, s:s, s:s*, s:o*}",
	    "time", (json_int_t)ns, "process", process, "type", type, "f", f,
	    "sale", is_question ? events->sale : NULL, "value", value));
	events->list =
	    buffer_grow(events->list, events->count, sizeof(*events->list));
	events->list[events->count++] = (struct event){.ns = ns,
	    .is_question = is_question,
	    .text = buffer_must(json_dumps(event, JSON_COMPACT))};
	json_decref(event);
}

static json_t *
wish_of(const struct answer *answer, const struct buyers_plan *plan)
{
	char key[BUYERS_KEY_SIZE], name[BUYERS_NAME_SIZE];

	if (answer->look)
		return NULL;
	buyers_key(plan->seed, answer->request, key);
	buyers_name(answer->buyer, name);
	return json_pack("{s:I, s:s, s:s}", "quantity",
	    (json_int_t)answer->quantity, "buyer", name, "key", key);
}

static json_t *
seats_of(const struct answer *answer)
{
	json_t *list = json_array();
	int64_t i;

	for (i = 0; i < answer->quantity; i++)
		json_array_append_new(list, json_integer(answer->seat + i));
	return list;
}

/* What an answer with an end in it says; NULL: nothing. */
static json_t *
told_by(const struct answer *answer)
{
	json_t *value;

	if (answer->kind == ANSWER_LATER || answer->kind == ANSWER_NONE)
		return NULL;
	value =
	    json_pack("{s:I, s:I}", "remaining", (json_int_t)answer->remaining,
		"version", (json_int_t)answer->version);
	if (answer->kind == ANSWER_SOLD) {
		json_object_set_new(value, "seats", seats_of(answer));
		json_object_set_new(value, "order", json_string(answer->order));
	} else if (answer->kind == ANSWER_REFUSED) {
		json_object_set_new(value, "refused",
		    json_string(
			answer->remaining == 0 ? "sold-out" : "not-enough"));
	} else if (answer->kind == ANSWER_NONSENSE) {
		json_decref(value);
		value = json_pack("{s:s}", "refused", "nonsense");
	}
	return value;
}

static const char *
type_of(const struct answer *answer)
{
	switch (answer->kind) {
	case ANSWER_LATER:
		return "fail";
	case ANSWER_NONE:
		return "info";
	case ANSWER_LEFT:
	case ANSWER_SOLD:
	case ANSWER_REFUSED:
	case ANSWER_NONSENSE:
		break;
	}
	return "ok";
}

static void
add_answer(struct events *events, const struct answer *answer,
    const struct buyers_plan *plan)
{
	const char *f = answer->look ? "look" : "buy";
	int process = (int)answer->buyer;

	if (answer->was_unknown && answer->kind != ANSWER_NONE) {
		process = PROCESS_LOST + events->lost++;
		add_event(events, answer->sent_ns, process, "invoke", f,
		    wish_of(answer, plan));
	}
	if (answer->was_unknown || answer->kind == ANSWER_NONE)
		process = PROCESS_LOST + events->lost++;
	add_event(events, answer->sent_ns, process, "invoke", f,
	    wish_of(answer, plan));
	add_event(events, answer->done_ns, process, type_of(answer), f,
	    told_by(answer));
}

/* What the sale was when nobody had bought yet. */
static void
add_start(struct events *events, const struct evidence *evidence)
{
	const int process = PROCESS_LOST + events->lost++;
	json_t *value = json_pack("{s:I, s:I, s:I, s:s}", "capacity",
	    (json_int_t)evidence->capacity_before, "remaining",
	    (json_int_t)evidence->remaining_before, "version",
	    (json_int_t)evidence->version_before, "lock", evidence->lock);

	add_event(
	    events, evidence->start_ns - 2, process, "invoke", "start", NULL);
	add_event(
	    events, evidence->start_ns - 1, process, "ok", "start", value);
}

/* At one instant questions go first: then the two were at the same time. */
static int
by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return (int)y->is_question - (int)x->is_question;
}

void
events_add(struct events *events, const struct evidence *evidence,
    const struct buyers_plan *plan)
{
	size_t i;

	events->sale = strrchr(evidence->path, '/') + 1;
	add_start(events, evidence);
	for (i = 0; i < evidence->answer_count; i++)
		add_answer(events, &evidence->answers[i], plan);
	qsort(events->list, events->count, sizeof(*events->list), by_time);
	for (i = 0; i < events->count; i++) {
		fprintf(events->file, "%s\n", events->list[i].text);
		free(events->list[i].text);
	}
	free(events->list);
	events->list = NULL;
	events->count = 0;
}
