/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger is read, and what a killed writer left at its end is cut; damage is
 * told, not mended.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include "storage/json/heads.h"

#define RECOVERY_ALL INT64_MAX

/*
 * Read what stands behind the head's mark, cut what does not count, for good,
 * and make the head that of the last line that does.  The lines of changes up
 * to version `changes` must be there, and those behind it do not count;
 * RECOVERY_ALL: all do.  OK; FULL or FAILED: `*head` is as it was.
 */
enum store_result recovery_read(
    struct store_user *user, struct head *head, int64_t changes);

/*
 * The same lines of the ledger that is open as `fd`, up to byte `to`, for
 * `copy`: nothing is cut, and a line for which it says false is the last.  The
 * head becomes that of the last line.  OK, FAILED.
 */
enum store_result recovery_copy(struct store_user *user, struct head *head,
    int64_t changes, int fd, int64_t to, const struct store_copy *copy);

#endif
