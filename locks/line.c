/* SPDX-License-Identifier: BSD-2-Clause */
/* The line is a robust mutex: its holder is the head. */
#include "locks/line.h"

#include <sys/param.h>

#include "locks/lock.h"
#include "locks/robust.h"
#include "locks/shared.h"

struct lines {
	pthread_mutex_t heads[LOCK_SLOTS];
};

struct lines *
lines_new(void)
{
	struct lines *lines = shared_new(sizeof(*lines));
	unsigned slot;

	for (slot = 0; lines != NULL && slot < LOCK_SLOTS; slot++)
		robust_init(&lines->heads[slot]);
	return lines;
}

void
lines_free(struct lines *lines)
{
	shared_free(lines, sizeof(*lines));
}

bool
line_enter(struct lines *lines, unsigned slot, int64_t deadline_ns)
{
	pthread_mutex_t *head = &lines->heads[slot];
	const int64_t until_ns =
	    MIN(deadline_ns, clock_now_ns() + LINE_PATIENCE_NS);
	const enum lock_result result = robust_lock(head, until_ns);

	if (result == LOCK_INHERITED)
		robust_repaired(head);
	return result <= LOCK_INHERITED;
}

void
line_leave(struct lines *lines, unsigned slot)
{
	robust_unlock(&lines->heads[slot]);
}
