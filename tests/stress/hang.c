/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of all threads of all workers, from /proc. */
#include "tests/stress/hang.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MOST 6 /* clerks that wait; there may be hundreds */

static void
add_clerk(struct hang_clerks *clerks, unsigned worker, unsigned clerk)
{
	const size_t n = strlen(clerks->names);

	if (clerks->count++ < NAMED_MOST)
		snprintf(clerks->names + n, sizeof(clerks->names) - n,
		    "%s%u.%u", n > 0 ? ", " : "", worker, clerk);
	else if (clerks->count == NAMED_MOST + 1)
		snprintf(
		    clerks->names + n, sizeof(clerks->names) - n, " and more");
}

static void
look_at_thread(pid_t pid, int tid, void *arg)
{
	struct hang_scene *scene = arg;
	char path[64], name[32] = "", what = 0;
	unsigned worker, clerk;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(name, sizeof(name), file) != NULL &&
	    sscanf(name, "clerk %u.%u %c", &worker, &clerk, &what) == 3)
		add_clerk(what == 'h' ? &scene->holding : &scene->waiting,
		    worker, clerk);
	fclose(file);
}

/* The last receipt, and how many there are. */
static json_t *
last_receipt(const struct buyers_log *log, size_t *count)
{
	const struct reply *last = NULL;
	size_t i;

	*count = 0;
	for (i = 0; i < log->count; i++)
		if (!log->replies[i].look && log->replies[i].status == 201) {
			last = &log->replies[i];
			(*count)++;
		}
	if (last == NULL)
		return NULL;
	return json_loadb(log->buffer.bytes + last->at + last->timing_size,
	    last->body_size, 0, NULL);
}

static void
describe_clerks(
    const struct hang_scene *scene, json_t *last, char *text, size_t size)
{
	const struct hang_clerks *waiting = &scene->waiting;
	char holder[160];

	if (scene->holding.count > 0)
		snprintf(holder, sizeof(holder), "clerk%s %s hold%s the lock",
		    scene->holding.count == 1 ? "" : "s", scene->holding.names,
		    scene->holding.count == 1 ? "s" : "");
	else if (last != NULL)
		snprintf(holder, sizeof(holder),
		    "nobody is inside, clerk %d.%d was last",
		    (int)json_integer_value(json_object_get(last, "worker")),
		    (int)json_integer_value(json_object_get(last, "clerk")));
	else
		snprintf(holder, sizeof(holder), "nobody is inside");
	if (waiting->count == 0)
		snprintf(text, size, "; %s", holder);
	else
		snprintf(text, size, "; %s; clerk%s %s wait%s for it", holder,
		    waiting->count == 1 ? "" : "s", waiting->names,
		    waiting->count == 1 ? "s" : "");
}

void
hang_look(const struct launch *launch, struct hang_scene *scene)
{
	*scene = (struct hang_scene){0};
	if (launch->count > 0)
		launch_threads(launch, look_at_thread, scene);
}

void
hang_describe(const struct launch *launch, const struct buyers_log *log,
    const struct hang_scene *scene, int64_t tickets, char *text, size_t size)
{
	size_t count, n;
	json_t *last = last_receipt(log, &count);

	snprintf(text, size,
	    "%zu receipt%s%s, then nothing was sold or refused", count,
	    count == 1 ? "" : "s",
	    tickets > 0 && (int64_t)count > tickets
		? ", more than there are tickets"
		: "");
	n = strlen(text);
	if (launch->count > 0)
		describe_clerks(scene, last, text + n, size - n);
	json_decref(last);
}
