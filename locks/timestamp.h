/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wall-clock moments as text: RFC 3339, in UTC, with milliseconds, as in
 * 2026-11-21T13:40:00.123Z.  Any thread may call.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMESTAMP_SIZE 32

/* `ms` since 1970, not negative. */
static inline void
timestamp_print(int64_t ms, char text[TIMESTAMP_SIZE])
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	size_t length;

	gmtime_r(&seconds, &tm);
	length = strftime(text, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, TIMESTAMP_SIZE - length, ".%03uZ",
	    (unsigned)(ms % 1000));
}

/* Milliseconds since 1970; -1: not such a text. */
static inline int64_t
timestamp_parse(const char *text)
{
	struct tm tm = {0};
	const char *rest;

	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL || *rest != '.' || strspn(rest + 1, "0123456789") != 3)
		return -1;
	return (int64_t)timegm(&tm) * 1000 + strtol(rest + 1, NULL, 10);
}

#endif
