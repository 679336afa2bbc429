/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time.  Every moment in turnstile is a count of nanoseconds on the clock
 * that never jumps (CLOCK_MONOTONIC), which all processes of one machine
 * share; a deadline is such a moment.  The wall clock only dates receipts.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

static inline struct timespec
clock_timespec(int64_t ns)
{
	struct timespec ts;

	ts.tv_sec = (time_t)(ns / NS_PER_SEC);
	ts.tv_nsec = (long)(ns % NS_PER_SEC);
	return ts;
}

static inline int64_t
clock_read_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* Now, on the clock of deadlines. */
static inline int64_t
clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* Sleep until `until_ns`, whatever signals arrive meanwhile. */
static inline void
clock_sleep_until(int64_t until_ns)
{
	const struct timespec ts = clock_timespec(until_ns);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
		;
}

#endif
