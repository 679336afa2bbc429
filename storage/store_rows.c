/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of stores, in the order in which every list shows them.  To add
 * one, add its file and its row here; see README.md.
 *
 * It is a file of its own so that a program can link another table instead.
 */
#include "storage/store_impl.h"

extern const struct store_impl store_json;
extern const struct store_impl store_sqlite;
#ifdef HAVE_LIBPQ
extern const struct store_impl store_postgres;
#endif

const struct store_impl *const store_rows[] = {
    &store_json,
    &store_sqlite,
#ifdef HAVE_LIBPQ
    &store_postgres,
#endif
};
const size_t store_rows_count = sizeof(store_rows) / sizeof(store_rows[0]);
