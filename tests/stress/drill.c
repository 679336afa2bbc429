/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each hit waits for its mark, is armed if it needs a holder to stop by
 * itself, and is done; the buyers' loop moves it on, so there is no thread.
 */
#include "tests/stress/drill.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "locks/clock.h"

#define LATE_MOST_NS (4 * NS_PER_MS)

static uint64_t
draw(struct drill *drill, uint64_t below)
{
	return (uint64_t)nrand48(drill->random) % (below > 0 ? below : 1);
}

/* Receipts that a sale can give. */
static uint64_t
most_receipts(const struct flags *flags)
{
	const uint64_t orders = flags_orders(flags);
	const uint64_t lots = (uint64_t)flags->tickets / flags->quantity;

	return lots < orders ? lots : orders;
}

static void
add_hits(
    struct drill *drill, enum drill_what what, unsigned count, uint64_t within)
{
	unsigned i;

	for (i = 0; i < count; i++)
		drill->hits[drill->count++] = (struct drill_hit){.what = what,
		    .mark = draw(drill, within),
		    .late_ns = what == DRILL_KILL
				   ? (int64_t)draw(drill, LATE_MOST_NS)
				   : 0};
}

void
drill_begin(struct drill *drill, const struct flags *flags, uint64_t seed,
    const struct launch *launch)
{
	const uint64_t within = most_receipts(flags) * 3 / 4;

	*drill = (struct drill){.launch = launch,
	    .cluster = flags->cluster,
	    .pause_ns = flags->pause_ms * NS_PER_MS,
	    .random = {(uint16_t)(seed >> 32), (uint16_t)(seed >> 16),
		(uint16_t)seed}};
	add_hits(drill, DRILL_KILL, flags->kills, within);
	add_hits(drill, DRILL_KILL_HOLDER, flags->holders, within);
	add_hits(drill, DRILL_PAUSE_HOLDER, flags->pause_ms > 0, within);
	if (flags->cluster != NULL)
		add_hits(drill, DRILL_KILL_DATABASE, flags->databases, within);
}

/* One of them; if none lives, the next look tries again. */
static void
kill_any(struct drill *drill, struct drill_hit *hit)
{
	pid_t pids[LAUNCH_WORKERS_MAX];
	const size_t living = launch_workers(drill->launch, pids);

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
	pid_t pids[LAUNCH_WORKERS_MAX];
	size_t n = launch_workers(drill->launch, pids);

	while (n > 0 && pids[n - 1] != pid)
		n--;
	return n > 0;
}

/* The first hit in that state; NULL: there is none. */
static struct drill_hit *
find_hit(struct drill *drill, enum drill_state state)
{
	size_t i;

	for (i = 0; i < drill->count; i++)
		if (drill->hits[i].state == state)
			return &drill->hits[i];
	return NULL;
}

/* Somebody says that it stands still: the hit that is armed. */
static void
read_report(struct drill *drill)
{
	struct drill_hit *hit = find_hit(drill, HIT_ARMED);
	char line[64] = "";

	if (read(drill->launch->report[0], line, sizeof(line) - 1) <= 0 ||
	    hit == NULL || sscanf(line, "%d", &hit->pid) != 1 ||
	    !is_worker(drill, hit->pid))
		return;
	hit->at_ns = clock_now_ns();
	hit->state = HIT_STOPPED;
}

static void
let_go(const struct drill *drill, struct drill_hit *hit)
{
	if (is_worker(drill, hit->pid))
		kill(hit->pid,
		    hit->what == DRILL_PAUSE_HOLDER ? SIGCONT : SIGKILL);
	hit->state = HIT_DONE;
}

static void
advance(struct drill *drill, struct drill_hit *hit, uint64_t sold)
{
	const int64_t now_ns = clock_now_ns();

	switch (hit->state) {
	case HIT_WAITS:
		if (sold < hit->mark)
			break;
		if (hit->what == DRILL_KILL_DATABASE) {
			hit->at_ns = now_ns;
			cluster_kill(drill->cluster);
			hit->state = HIT_DONE;
		} else if (hit->what == DRILL_KILL) {
			if (hit->at_ns == 0)
				hit->at_ns = now_ns + hit->late_ns;
			if (now_ns >= hit->at_ns)
				kill_any(drill, hit);
		} else if (find_hit(drill, HIT_ARMED) == NULL &&
			   find_hit(drill, HIT_STOPPED) == NULL &&
			   write(drill->launch->order[1], "x", 1) == 1) {
			/* One at a time: else whose byte was read? */
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

	read_report(drill);
	if (drill->cluster != NULL)
		cluster_tend(drill->cluster);
	for (i = 0; i < drill->count; i++)
		advance(drill, &drill->hits[i], sold);
}

void
drill_end(struct drill *drill)
{
	struct drill_hit *hit;
	char byte;

	/* A byte that nobody has read would stop somebody later. */
	while (read(drill->launch->order[0], &byte, 1) == 1)
		;
	read_report(drill);
	while ((hit = find_hit(drill, HIT_STOPPED)) != NULL)
		let_go(drill, hit);
	if (drill->cluster != NULL)
		cluster_await(drill->cluster);
}
