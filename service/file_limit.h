/* SPDX-License-Identifier: BSD-2-Clause */
/* As many open files as may be: each connection is one. */
#ifndef FILE_LIMIT_H
#define FILE_LIMIT_H

#include <sys/resource.h>

/* Up to the hard limit; where that is refused, it stays as it is. */
static inline void
file_limit_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

#endif
