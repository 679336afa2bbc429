/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each hit waits for its mark, is armed if it needs a holder to stop by
 * itself, and is done; the buyers' loop moves it on, so there is no thread.
 */
#include "tests/stress/drill.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/lock.h"

#define LATE_MOST_NS (4 * NS_PER_MS)

/* xorshift64*: good enough for moments, and the same for the same seed. */
static uint64_t
draw(struct drill *drill, uint64_t below)
{
	drill->random ^= drill->random >> 12;
	drill->random ^= drill->random << 25;
	drill->random ^= drill->random >> 27;
	return (drill->random * UINT64_C(0x2545f4914f6cdd1d) >> 33) %
	       (below > 0 ? below : 1);
}

static void
add_hits(
    struct drill *drill, enum drill_what what, unsigned count, uint64_t within)
{
	unsigned i;

	for (i = 0; i < count && drill->count < DRILL_HITS_MAX; i++)
		drill->hits[drill->count++] = (struct drill_hit){.what = what,
		    .mark = draw(drill, within),
		    .late_ns = what == DRILL_KILL
				   ? (int64_t)draw(drill, LATE_MOST_NS)
				   : 0};
}

void
drill_begin(struct drill *drill, const struct drill_plan *plan,
    const struct launch *launch)
{
	*drill = (struct drill){.launch = launch,
	    .pause_ns = plan->pause_ms * NS_PER_MS,
	    .random = plan->seed * 2 + 1};
	draw(drill, 2);
	add_hits(drill, DRILL_KILL, plan->kills, plan->within);
	add_hits(drill, DRILL_KILL_HOLDER, plan->holders, plan->within);
	add_hits(drill, DRILL_PAUSE_HOLDER, plan->pause_ms > 0, plan->within);
}

static bool
is_zombie(pid_t pid)
{
	char path[64], text[256] = "";
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return true;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	at = strrchr(text, ')');
	return at == NULL || at[2] == 'Z';
}

/* The workers that live at this moment; how many. */
static size_t
living_workers(const struct drill *drill, pid_t pids[LOCK_WORKERS_MAX])
{
	const size_t count =
	    launch_workers(drill->launch, pids, LOCK_WORKERS_MAX);
	size_t i, living = 0;

	for (i = 0; i < count; i++)
		if (!is_zombie(pids[i]))
			pids[living++] = pids[i];
	return living;
}

/* One of them; if none lives, the next look tries again. */
static void
kill_any(struct drill *drill, struct drill_hit *hit)
{
	pid_t pids[LOCK_WORKERS_MAX];
	const size_t living = living_workers(drill, pids);

	if (living == 0)
		return;
	hit->pid = pids[draw(drill, living)];
	hit->at_ns = clock_now_ns();
	kill(hit->pid, SIGKILL);
	hit->state = HIT_DONE;
}

/* Is it one of ours?  Whoever wrote the line, we kill no other process. */
static bool
is_worker(const struct drill *drill, pid_t pid)
{
	pid_t pids[LOCK_WORKERS_MAX];
	size_t n = living_workers(drill, pids);

	while (n > 0 && pids[n - 1] != pid)
		n--;
	return n > 0;
}

/* Somebody says that it stands still: which hit is that? */
static void
read_report(struct drill *drill)
{
	char line[64];
	unsigned worker, clerk;
	ssize_t n;
	size_t i;
	int pid;

	n = read(drill->launch->report_fd, line, sizeof(line) - 1);
	if (n <= 0)
		return;
	line[n] = '\0';
	if (sscanf(line, "%d %u %u", &pid, &worker, &clerk) != 3 ||
	    !is_worker(drill, pid))
		return;
	for (i = 0; i < drill->count; i++)
		if (drill->hits[i].state == HIT_ARMED)
			break;
	if (i == drill->count)
		return;
	drill->hits[i].pid = pid;
	drill->hits[i].worker = worker;
	drill->hits[i].clerk = clerk;
	drill->hits[i].at_ns = clock_now_ns();
	drill->hits[i].state = HIT_STOPPED;
}

static void
let_go(const struct drill *drill, struct drill_hit *hit)
{
	if (is_worker(drill, hit->pid))
		kill(hit->pid,
		    hit->what == DRILL_PAUSE_HOLDER ? SIGCONT : SIGKILL);
	hit->state = HIT_DONE;
}

/* One holder at a time: else it is not known whose byte was read. */
static bool
holder_is_busy(const struct drill *drill)
{
	size_t i;

	for (i = 0; i < drill->count; i++)
		if (drill->hits[i].state == HIT_ARMED ||
		    drill->hits[i].state == HIT_STOPPED)
			return true;
	return false;
}

static void
advance(struct drill *drill, struct drill_hit *hit, uint64_t sold)
{
	const int64_t now_ns = clock_now_ns();

	switch (hit->state) {
	case HIT_WAITS:
		if (sold < hit->mark)
			break;
		if (hit->what == DRILL_KILL) {
			if (hit->at_ns == 0)
				hit->at_ns = now_ns + hit->late_ns;
			if (now_ns >= hit->at_ns)
				kill_any(drill, hit);
		} else if (!holder_is_busy(drill) &&
			   write(drill->launch->order_fd, "x", 1) == 1) {
			hit->state = HIT_ARMED;
		}
		break;
	case HIT_STOPPED:
		if (hit->what == DRILL_KILL_HOLDER ||
		    now_ns - hit->at_ns >= drill->pause_ns)
			let_go(drill, hit);
		break;
	case HIT_ARMED:
	case HIT_DONE:
		break;
	}
}

void
drill_watch(void *arg, uint64_t sold)
{
	struct drill *drill = arg;
	size_t i;

	if (drill->launch->report_fd != -1)
		read_report(drill);
	for (i = 0; i < drill->count; i++)
		advance(drill, &drill->hits[i], sold);
}

void
drill_end(struct drill *drill)
{
	char byte;
	size_t i;

	/* A byte that nobody has read would stop somebody later. */
	while (drill->launch->unread_fd != -1 &&
	       read(drill->launch->unread_fd, &byte, 1) == 1)
		;
	if (drill->launch->report_fd != -1)
		read_report(drill);
	for (i = 0; i < drill->count; i++)
		if (drill->hits[i].state == HIT_STOPPED)
			let_go(drill, &drill->hits[i]);
}

size_t
drill_struck(const struct drill *drill)
{
	size_t i, count = 0;

	for (i = 0; i < drill->count; i++)
		count += drill->hits[i].state == HIT_DONE;
	return count;
}
