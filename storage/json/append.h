/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines go to the end of a ledger, and to the disk. */
#ifndef APPEND_H
#define APPEND_H

#include "storage/json/heads.h"

enum store_result append_lines(struct store_user *user, struct head *head,
    const struct store_line *lines, size_t count);

#endif
