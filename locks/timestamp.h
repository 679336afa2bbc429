/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wall-clock moments as text: RFC 3339, in UTC, with milliseconds, as in
 * 2026-11-21T13:40:00.123Z.  Any thread may call.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TIMESTAMP_SIZE 25 /* with NUL */
#define TIMESTAMP_DAY_MS INT64_C(86400000)
#define TIMESTAMP_ERA 146097 /* days in 400 years */

/* Days since 1970; a year that begins in March has its odd day last. */
static inline int64_t
timestamp_days(int64_t year, int64_t month, int64_t day)
{
	const int64_t y = month <= 2 ? year - 1 : year;
	const int64_t era = y / 400, of_era = y % 400;
	const int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * TIMESTAMP_ERA + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static inline void
timestamp_put(char *digits, int count, int64_t number)
{
	while (count-- > 0) {
		digits[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* `ms` since 1970, not negative, and before the year 10000. */
static inline void
timestamp_print(int64_t ms, char text[TIMESTAMP_SIZE])
{
	const int64_t days = ms / TIMESTAMP_DAY_MS + 719468;
	const int64_t era = days / TIMESTAMP_ERA, d = days % TIMESTAMP_ERA;
	const int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	const int64_t of_year = d - (365 * y + y / 4 - y / 100);
	const int64_t march = (5 * of_year + 2) / 153; /* months since March */
	const int64_t month = march < 10 ? march + 3 : march - 9;
	const int64_t of_day = ms % TIMESTAMP_DAY_MS;

	memcpy(text, "yyyy-mm-ddThh:mm:ss.nnnZ", TIMESTAMP_SIZE);
	timestamp_put(text, 4, era * 400 + y + (month <= 2));
	timestamp_put(text + 5, 2, month);
	timestamp_put(text + 8, 2, of_year - (153 * march + 2) / 5 + 1);
	timestamp_put(text + 11, 2, of_day / 3600000);
	timestamp_put(text + 14, 2, of_day / 60000 % 60);
	timestamp_put(text + 17, 2, of_day / 1000 % 60);
	timestamp_put(text + 20, 3, of_day % 1000);
}

/*
 * The number that `count` digits are, with `behind` behind them; else *good
 * becomes false.
 */
static inline int64_t
timestamp_number(const char **at, int count, char behind, bool *good)
{
	unsigned number = 0, digit;

	while (count-- > 0) {
		digit = (unsigned)*(*at)++ - '0';
		*good &= digit <= 9;
		number = number * 10 + digit;
	}
	*good &= *(*at)++ == behind;
	return number;
}

/* Milliseconds since 1970; -1: not such a text. */
static inline int64_t
timestamp_parse(const char *text)
{
	int64_t year, month, day, hour, minute, second, ms;
	bool good = true;

	if (strlen(text) != TIMESTAMP_SIZE - 1)
		return -1;
	year = timestamp_number(&text, 4, '-', &good);
	month = timestamp_number(&text, 2, '-', &good);
	day = timestamp_number(&text, 2, 'T', &good);
	hour = timestamp_number(&text, 2, ':', &good);
	minute = timestamp_number(&text, 2, ':', &good);
	second = timestamp_number(&text, 2, '.', &good);
	ms = timestamp_number(&text, 3, 'Z', &good);
	if (!good || month < 1 || month > 12 || day < 1 || day > 31 ||
	    hour > 23 || minute > 59 || second > 60)
		return -1;
	return timestamp_days(year, month, day) * TIMESTAMP_DAY_MS +
	       ((hour * 60 + minute) * 60 + second) * 1000 + ms;
}

#endif
