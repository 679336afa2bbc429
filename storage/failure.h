/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a backup or a restore failed, in one line.  What fails behind the first
 * failure follows from it, so only that is told.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include <stdbool.h>
#include <stddef.h>

/* One thread's.  The caller's buffer `error` has `size` bytes. */
struct failure {
	char *error;
	size_t size;
	bool is_told; /* the line is in `error` */
};

/* Both are always false, so that a check can end with them.  The second one
 * says "path: call: ", and the text of errno. */
bool failure_tell(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool failure_call(struct failure *failure, const char *path, const char *call);

#endif
