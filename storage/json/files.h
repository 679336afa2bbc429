/* SPDX-License-Identifier: BSD-2-Clause */
/* A sale's directory: its paths, its settings, its view. */
#ifndef FILES_H
#define FILES_H

#include "storage/store_impl.h"

#define SETTINGS "sale.json"
#define LEDGER "ledger.jsonl"
#define VIEW "stock.json"
#define PATH_SIZE 4096

void files_path(char path[PATH_SIZE], const struct store *store, const char *id,
    const char *name);

int files_open_ledger(const struct store *store, const char *id, int flags);

enum store_result files_fail(
    struct store_user *user, const char *id, const char *what);

int files_save_settings(
    const struct store *store, const struct store_state *state);

/*
 * Settings, birth and epoch from disk; the rest of `*state` stays.  0; -1: no
 * such file; -2: it is damaged.
 */
int files_load_settings(
    const struct store *store, const char *id, struct store_state *state);

void files_remove_tree(const char *dir);

void files_make_view(
    const struct store *store, const struct store_state *state);

#endif
