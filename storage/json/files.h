/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sale's directory, DATA/<id>: its paths, its settings, its view.  What
 * fails leaves one line in store_error().
 */
#ifndef FILES_H
#define FILES_H

#include "storage/store_impl.h"

#define SETTINGS "sale.json"
#define LEDGER "ledger.jsonl"
#define VIEW "stock.json"
#define GONE_PREFIX ".gone-" /* of a removed sale's name; its birth */
#define PATH_SIZE 4096

void files_path(char path[PATH_SIZE], const struct store *store, const char *id,
    const char *name);

/* open() with `flags`, and O_CLOEXEC. */
int files_open_ledger(const struct store *store, const char *id, int flags);

/* store_fail() for `what` that set errno: FULL if that means so, or FAILED. */
enum store_result files_fail(
    struct store_user *user, const char *id, const char *what);

/*
 * Settings, birth, epoch and version go to disk: from the rename on they are
 * the sale's.  OK, FULL, FAILED, UNKNOWN.
 */
enum store_result files_save_settings(
    struct store_user *user, const struct store_state *state);

/* What was saved. */
struct files_saved {
	struct store_settings settings;
	uint64_t birth, epoch;
	int64_t version; /* of the ledger's last line then */
};

#define FILES_UNSAID INT64_MAX /* the version in a file of turnstile 0.1 */

#define FILES_SETTINGS_SIZE 512 /* of their text, and NUL */

/* Their text, which is returned. */
const char *files_print_settings(
    char text[FILES_SETTINGS_SIZE], const struct store_state *state);

/* False: that is none. */
bool files_parse_settings(
    const char *text, size_t length, struct files_saved *saved);

/* The sale before its ledger's first line. */
struct store_state files_first_state(const struct files_saved *saved);

/* OK; GONE: there is no such file; FAILED: it is damaged or unreadable. */
enum store_result files_load_settings(
    struct store_user *user, const char *id, struct files_saved *saved);

/* A directory without settings: OK if nothing was sold in it, or FAILED. */
enum store_result files_check_leftover(struct store_user *user, const char *id);

/* Nothing stands beyond `mark`, for good.  OK, FULL, FAILED. */
enum store_result files_cut_ledger(
    struct store_user *user, const char *id, int64_t mark);

/* Where the sale born `birth` is once it is removed. */
void files_gone_path(
    char path[PATH_SIZE], const struct store *store, uint64_t birth);

/* fsync the sale's directory, or the data directory.  OK, UNKNOWN. */
enum store_result files_sync_sale(struct store_user *user, const char *id);
enum store_result files_sync_data(struct store_user *user);

/* Replace what people look at; if that fails there is an old view, or none. */
void files_make_view(
    const struct store *store, const struct store_state *state);

/* Delete what turnstile makes in a sale's directory, and that if it is empty
 * then; as far as it can be done. */
void files_remove_tree(const char *dir);

#endif
