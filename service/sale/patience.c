/* SPDX-License-Identifier: BSD-2-Clause */
/* A sale is slow on purpose, and its buyers are told what that comes to. */
#include "service/sale/patience.h"

#include <inttypes.h>
#include <stdio.h>

#include "service/duration.h"

static void
print(int64_t ms, char text[DURATION_RANGE_SIZE])
{
	duration_range_print(ms, ms, text);
}

bool
patience_warn(int64_t delay_ms, int64_t timeout_ms, char text[PATIENCE_SIZE])
{
	char delay[DURATION_RANGE_SIZE], timeout[DURATION_RANGE_SIZE];
	const bool only_one = delay_ms >= timeout_ms;

	if (delay_ms * 2 < timeout_ms)
		return false;
	print(delay_ms, delay);
	print(timeout_ms, timeout);
	snprintf(text, PATIENCE_SIZE,
	    "the delay is half the orders' timeout or more (%s, of %s): under "
	    "a lock only %s of several buyers at once %s served in time, the "
	    "others are told 503%s",
	    delay, timeout, only_one ? "one" : "two", only_one ? "is" : "are",
	    delay_ms > timeout_ms
		? "; and a stop may leave buyers without an answer"
		: "");
	return true;
}
