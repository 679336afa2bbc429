/* SPDX-License-Identifier: BSD-2-Clause */
/* A sale's directory, DATA/<id>: its paths, its settings, its view. */
#ifndef FILES_H
#define FILES_H

#include "storage/store_impl.h"

#define SETTINGS "sale.json"
#define LEDGER "ledger.jsonl"
#define VIEW "stock.json"
#define PATH_SIZE 4096

void files_path(char path[PATH_SIZE], const struct store *store, const char *id,
    const char *name);

/* open() with `flags`, and O_CLOEXEC. */
int files_open_ledger(const struct store *store, const char *id, int flags);

/* store_fail() for `what` that set errno: FULL if that means so, or FAILED. */
enum store_result files_fail(
    struct store_user *user, const char *id, const char *what);

/* Settings, birth and epoch go to disk.  OK, FULL, FAILED, UNKNOWN. */
enum store_result files_save_settings(
    struct store_user *user, const struct store_state *state);

/* Cut what stands beyond `mark`.  0, or -1 with errno set. */
int files_cut_ledger(const struct store *store, const char *id, int64_t mark);

/*
 * Settings, birth and epoch from disk; the rest of `*state` stays.  0; -1: no
 * such file; -2: it is damaged.
 */
int files_load_settings(
    const struct store *store, const char *id, struct store_state *state);

/* Replace what people look at; if that fails there is an old view, or none. */
void files_make_view(
    const struct store *store, const struct store_state *state);

/* Delete a sale's directory, as far as it can be done. */
void files_remove_tree(const char *dir);

#endif
