/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories for targets' files: in the one that FUZZ_SCRATCH names, or in
 * memory, if there is some; they need last no longer than the program.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "storage/store.h"

/* A new one; gone when the program exits.  The caller keeps it. */
const char *scratch_new(void);

/* A json store there, with the sale demo, and a handle to it. */
struct store *scratch_store(const char *dir);
struct store_user *scratch_user(struct store *store);

/*
 * The sale demo as it was at first, with so many tickets, if it is gone or
 * has sold 200.
 */
struct store_state scratch_demo(struct store_user *user, int64_t capacity);

#endif
