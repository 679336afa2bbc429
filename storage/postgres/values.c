/* SPDX-License-Identifier: BSD-2-Clause */
/* As text, which PostgreSQL takes for any type. */
#include "storage/postgres/values.h"

#include <inttypes.h>
#include <stdio.h>

#include "locks/clock.h"

const struct session_statement values_waiting = {
    .text = "SELECT set_config('lock_timeout', $1, true)"};

void
values_text(struct values *values, const char *text)
{
	struct session_run *run = values->run;

	run->values[run->count++] = text;
}

void
values_number(struct values *values, int64_t number)
{
	char *text = values->texts[values->run->count];

	snprintf(text, sizeof(values->texts[0]), "%" PRId64, number);
	values_text(values, text);
}

void
values_binary(struct values *values, const char *bytes, size_t size)
{
	struct session_run *run = values->run;

	run->values[run->count] = bytes;
	run->lengths[run->count] = (int)size;
	run->formats[run->count++] = 1;
}

void
values_wait(struct values *values, int64_t deadline_ns)
{
	const int64_t left_ms = (deadline_ns - clock_now_ns()) / NS_PER_MS;

	values_number(values, left_ms < 1 ? 1 : left_ms); /* 0 is for ever */
}
