/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a service start on that directory, and what is in it then? */
#ifndef CHECK_H
#define CHECK_H

#include "tests/torture/stage.h"

/* Shared memory. */
struct check_told {
	bool prepared; /* the first start did not refuse */
	bool done;
	char error[1024];
	char dump[STAGE_DUMP];
};

/*
 * In a forked child, whose syncs do nothing: start, look, (`twice`) start
 * again, look again, and sell one ticket.  True: all that worked, and
 * `told->dump` is what was seen; else `told->error` says what did not, "hangs"
 * among others.
 */
bool check_directory(const char *store, const char *dir, bool twice,
    struct tamper *tamper, struct check_told *told);

#endif
