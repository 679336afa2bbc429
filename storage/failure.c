/* SPDX-License-Identifier: BSD-2-Clause */
/* The first one counts. */
#include "storage/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
failure_tell(struct failure *failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!failure->is_told)
		vsnprintf(failure->error, failure->size, format, args);
	va_end(args);
	failure->is_told = true;
	return false;
}

bool
failure_call(struct failure *failure, const char *path, const char *call)
{
	return failure_tell(failure, "%s: %s: %s", path, call, strerror(errno));
}
