/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can go wrong, as RFC 9457 problem details: one table, from which the
 * answers, the pages under /problems/ and the documents are made.
 */
#ifndef PROBLEM_H
#define PROBLEM_H

#include <jansson.h>
#include <stdint.h>

#include "service/http/reply.h"

enum problem {
	PROBLEM_BAD_REQUEST = 0,
	PROBLEM_BAD_BODY,
	PROBLEM_BAD_VALUE,
	PROBLEM_UNKNOWN_MEMBER,
	PROBLEM_FORBIDDEN,
	PROBLEM_TOKEN_NEEDED,
	PROBLEM_NOT_FOUND,
	PROBLEM_NO_SALE,
	PROBLEM_NO_ORDER,
	PROBLEM_METHOD,
	PROBLEM_SOLD_OUT,
	PROBLEM_NOT_ENOUGH,
	PROBLEM_SALE_EXISTS,
	PROBLEM_HAS_RECEIPTS,
	PROBLEM_CHANGED,
	PROBLEM_TOO_LARGE,
	PROBLEM_MEDIA_TYPE,
	PROBLEM_KEY_REUSED,
	PROBLEM_UNKNOWN_OUTCOME,
	PROBLEM_QUEUE_FULL,
	PROBLEM_QUEUE_TIMEOUT,
	PROBLEM_LOCK_TIMEOUT,
	PROBLEM_CONFLICTS,
	PROBLEM_CHANGES,
	PROBLEM_STORE_BUSY,
	PROBLEM_STORAGE_FULL,
	PROBLEM_STORAGE_ERROR,
	PROBLEM_TOO_MANY_AUDITS,
	PROBLEM_AUDIT_TIMEOUT,
	PROBLEM_NO_MEMORY,
	PROBLEM_DRAINING,
};
#define PROBLEMS (PROBLEM_DRAINING + 1)

struct problem_row {
	const char *name; /* "sold-out", as in its URL */
	int status;
	int retry_after_s; /* 0: trying again does not help */
	const char *title; /* a sentence, no full stop */
};

extern const struct problem_row problem_rows[PROBLEMS];

/* The problem of that name; PROBLEMS: there is none. */
enum problem problem_find(const char *name);

/*
 * Make the reply of the problem.  `extra` (a JSON object, may be NULL) adds
 * members, and its reference is taken.  The detail is printf-like, says what
 * to do.  Always false, so that a check can end with it.
 */
bool problem_reply(struct reply *reply, enum problem problem, json_t *extra,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A client's text for a detail: short, and nothing that could confuse. */
#define PROBLEM_SAFE_SIZE 48
void problem_print_safely(char text[PROBLEM_SAFE_SIZE], const char *value);

/* For `extra`: the member, the argument or the header that is at fault. */
json_t *problem_member(const char *name);

/* PROBLEM_BAD_VALUE: the member is no whole number from `min` to `max`. */
bool problem_number(
    struct reply *reply, const char *name, int64_t min, int64_t max);

#endif
