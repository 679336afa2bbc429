/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the clerks of a service are that does not sell any more: those that
 * dawdle (service/process/jitter.h) say so in the names of their threads.
 */
#ifndef HANG_H
#define HANG_H

#include "tests/stress/buyers.h"
#include "tests/stress/launch.h"

/*
 * In words: after how many receipts, who holds the lock, who waits for it; and
 * who sold last, if nobody holds it.  Of a service of others (pid 0) only what
 * the buyers know.  There were `tickets`, 0 if nobody knows.
 */
void hang_describe(const struct launch *launch, const struct buyers_log *log,
    int64_t tickets, char *text, size_t size);

#endif
