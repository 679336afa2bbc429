/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of strategies, in the order in which every list shows them.  To
 * add one, add its file and its row here; see README.md.
 *
 * It is a file of its own so that a program can link another table instead.
 */
#include "locks/lock_impl.h"

#include <assert.h>

/* clang-format off */
#define ROWS(ROW)                \
	ROW(lock_none)           \
	ROW(lock_mutex_private)  \
	ROW(lock_flock)          \
	ROW(lock_mutex)          \
	ROW(lock_semaphore)      \
	ROW(lock_spin)           \
	ROW(lock_ticket)         \
	ROW(lock_rwlock)         \
	ROW(lock_optimistic)     \
	ROW(lock_atomic)         \
	ROW(lock_row_impl)       \
	ROW(lock_advisory)
/* clang-format on */

#define DECLARE(row) extern const struct lock_impl row;
#define LIST(row) &(row),

ROWS(DECLARE)

const struct lock_impl *const lock_rows[] = {ROWS(LIST)};
const size_t lock_rows_count = sizeof(lock_rows) / sizeof(lock_rows[0]);

static_assert(sizeof(lock_rows) / sizeof(lock_rows[0]) <= LOCK_ROWS_MAX,
    "more strategies than LOCK_ROWS_MAX");
