/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting where nobody wakes: look, sleep, look again, and sleep twice as
 * long each time, so that who waits for long takes no processor from whom it
 * waits for.
 */
#ifndef NAP_H
#define NAP_H

#include <sys/param.h>

#include <stdbool.h>

#include "locks/clock.h"

#define NAP_FIRST_NS (20 * NS_PER_US)
#define NAP_MOST_NS NS_PER_MS

/*
 * Sleep for `*ns`, which is NAP_FIRST_NS at first, but not beyond
 * `deadline_ns`.  False: that is past, and it has not slept.
 */
static inline bool
nap(int64_t *ns, int64_t deadline_ns)
{
	const int64_t now_ns = clock_now_ns();

	if (now_ns >= deadline_ns)
		return false;
	clock_sleep_until(MIN(now_ns + *ns, deadline_ns));
	*ns = MIN(2 * *ns, NAP_MOST_NS);
	return true;
}

#endif
