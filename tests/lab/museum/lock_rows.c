/* SPDX-License-Identifier: BSD-2-Clause */
/* The laboratory's table of strategies: the service's, and the exhibits. */
#include "tests/lab/museum/museum.h"

/* clang-format off */
#define ROWS(ROW)                     \
	ROW(lock_none)                \
	ROW(lock_mutex_private)       \
	ROW(lock_flock)               \
	ROW(lock_mutex)               \
	ROW(lock_semaphore)           \
	ROW(lock_optimistic)

#define EXHIBITS(ROW)                 \
	ROW(flag_exhibit)             \
	ROW(twice_exhibit)            \
	ROW(late_exhibit)             \
	ROW(early_exhibit)            \
	ROW(two_exhibit)              \
	ROW(two_ordered)              \
	ROW(upgrade_exhibit)          \
	ROW(lease_exhibit)            \
	ROW(lease_fenced)
/* clang-format on */

#define DECLARE(row) extern const struct lock_impl row;
#define LIST(row) &(row),
#define DECLARE_EXHIBIT(row) extern const struct exhibit row;
#define LIST_EXHIBIT(row) &(row).impl,

ROWS(DECLARE)
EXHIBITS(DECLARE_EXHIBIT)

const struct lock_impl *const lock_rows[] = {ROWS(LIST) EXHIBITS(LIST_EXHIBIT)};
const size_t lock_rows_count = sizeof(lock_rows) / sizeof(lock_rows[0]);
