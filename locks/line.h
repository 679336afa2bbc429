/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line before each lock, for strategies in which whoever runs overtakes
 * whoever sleeps.  There a clerk that comes back for the next batch would get
 * the lock again and again, while the one that was woken for it is still on
 * its way to a processor: on two busy cores somebody waited for thirty turns.
 *
 * Only the head of the line goes to the lock; who comes back is behind it.
 * That is order, not exclusion: nobody is in the line while in the lock, and
 * without the line the strategy is as right as with it.  So whoever does not
 * reach its head in LINE_PATIENCE_NS goes without: the head may be stopped, or
 * the lock be held through a long delay.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/clock.h"

#define LINE_PATIENCE_NS (20 * NS_PER_MS)

/* A line for each slot. */
struct lines;

/* Supervisor, before the fork; NULL with errno set. */
struct lines *lines_new(void);
void lines_free(struct lines *lines);

/*
 * Any thread; what died in the line is not in it any more.  False: not at the
 * head of the slot's line, in that time or until the deadline.
 */
bool line_enter(struct lines *lines, unsigned slot, int64_t deadline_ns);

/* Who is at its head. */
void line_leave(struct lines *lines, unsigned slot);

#endif
