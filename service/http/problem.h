/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can go wrong, as RFC 9457 problem details: one table, from which the
 * answers, the pages under /problems/ and the documents are made.
 */
#ifndef PROBLEM_H
#define PROBLEM_H

#include <jansson.h>

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
	PROBLEM_NOT_SOLD_OUT,
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
	PROBLEM_DRAINING,
};
#define PROBLEMS (PROBLEM_DRAINING + 1)

int problem_status(enum problem problem);        /* of HTTP */
const char *problem_name(enum problem problem);  /* "sold-out", as in its URL */
const char *problem_title(enum problem problem); /* a sentence, no full stop */

/* False: there is none of that name. */
bool problem_named(const char *name, enum problem *problem);

/*
 * Make the reply of the problem.  `extra` (a JSON object, may be NULL) adds
 * members, and its reference is taken.  The detail is printf-like, says what
 * to do, and is cut at 511 bytes.
 */
void problem_reply(struct reply *reply, enum problem problem, json_t *extra,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * The same, about the member (or the argument, or the header) that is at
 * fault.  Always false, so that a check can end with it.
 */
bool problem_of_member(struct reply *reply, enum problem problem,
    const char *member, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
