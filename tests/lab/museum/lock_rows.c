/* SPDX-License-Identifier: BSD-2-Clause */
/* The laboratory's table of strategies: the service's, and the exhibits. */
#include "tests/lab/museum/museum.h"

/* Its rows, whoever has added to them; its table goes by another name here. */
#define lock_rows lock_rows_of_service
#define lock_rows_count lock_rows_of_service_count
#include "locks/lock_rows.c" /* NOLINT(bugprone-suspicious-include) */
#undef lock_rows
#undef lock_rows_count

/* clang-format off */
#define EXHIBITS(ROW)                 \
	ROW(flag_exhibit)             \
	ROW(flag_twice)               \
	ROW(late_exhibit)             \
	ROW(early_exhibit)            \
	ROW(two_exhibit)              \
	ROW(two_ordered)              \
	ROW(upgrade_exhibit)          \
	ROW(lease_exhibit)            \
	ROW(lease_fenced)
/* clang-format on */

#define DECLARE_EXHIBIT(row) extern const struct exhibit row;
#define LIST_EXHIBIT(row) &(row).impl,

EXHIBITS(DECLARE_EXHIBIT)

const struct lock_impl *const lock_rows[] = {ROWS(LIST) EXHIBITS(LIST_EXHIBIT)};
const size_t lock_rows_count = sizeof(lock_rows) / sizeof(lock_rows[0]);
