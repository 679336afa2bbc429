/* SPDX-License-Identifier: BSD-2-Clause */
/* Silence, counted in looks. */
#include "service/process/watch.h"

#include <stdio.h>

int64_t
watch_kill_ns(int64_t timeout_ms)
{
	const int64_t twice_ns = 2 * timeout_ms * NS_PER_MS;

	return twice_ns > WATCH_KILL_LEAST_NS ? twice_ns : WATCH_KILL_LEAST_NS;
}

/* Since the last look, as far as it counts. */
static int64_t
since_ns(const struct watch *watch, int64_t now_ns)
{
	const int64_t passed_ns = now_ns - watch->looked_ns;

	return passed_ns < NS_PER_SEC ? passed_ns : NS_PER_SEC;
}

enum watch_news
watch_look(struct watch *watch, uint64_t turns, int64_t now_ns, int64_t kill_ns)
{
	const bool was_stuck = watch->stuck;

	if (watch->looked_ns == 0 || turns != watch->turns)
		watch->silent_ns = 0;
	else
		watch->silent_ns += since_ns(watch, now_ns);
	watch->turns = turns;
	watch->looked_ns = now_ns;
	watch->stuck = watch->silent_ns >= WATCH_STUCK_NS;
	if (watch->stuck != was_stuck)
		return watch->stuck ? WATCH_STUCK : WATCH_GOES_ON;
	return watch->silent_ns >= kill_ns ? WATCH_KILL : WATCH_NOTHING;
}

bool
watch_is_traced(int pid)
{
	char path[32], line[128];
	int tracer = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	fclose(file);
	return tracer != 0;
}
