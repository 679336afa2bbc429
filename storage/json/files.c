/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small files are replaced whole, by a rename.  Settings are written by hand,
 * since every text in them is of characters that JSON need not escape.
 */
#include "storage/json/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
files_path(char path[PATH_SIZE], const struct store *store, const char *id,
    const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s/%s", store->dir, id, name);
}

int
files_open_ledger(const struct store *store, const char *id, int flags)
{
	char path[PATH_SIZE];

	files_path(path, store, id, LEDGER);
	return open(path, flags | O_CLOEXEC, 0644);
}

int
files_cut_ledger(const struct store *store, const char *id, int64_t mark)
{
	char path[PATH_SIZE];

	files_path(path, store, id, LEDGER);
	return truncate(path, mark);
}

enum store_result
files_fail(struct store_user *user, const char *id, const char *what)
{
	const int error = errno;
	const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;

	return store_fail(user, full ? STORE_FULL : STORE_FAILED,
	    "%s/%s: %s: %s", user->store->dir, id, what, strerror(error));
}

enum store_result
files_save_settings(struct store_user *user, const struct store_state *state)
{
	const struct store_settings *s = &state->settings;
	char path[PATH_SIZE], text[512], what[64];
	const char *call;
	int rc;

	files_path(path, user->store, s->id, SETTINGS);
	snprintf(text, sizeof(text),
	    "{\"v\": 1, \"id\": \"%s\", \"capacity\": %" PRId64
	    ", \"lock\": \"%s\", \"delay_min_ms\": %" PRId64
	    ", \"delay_max_ms\": %" PRId64 ", \"birth\": \"%016" PRIx64
	    "\", \"epoch\": \"%016" PRIx64 "\"}\n",
	    s->id, s->capacity, s->lock, s->delay_min_ms, s->delay_max_ms,
	    state->birth, state->epoch);
	rc = store_replace_file(path, text, true, &call);
	if (rc == 0)
		return STORE_OK;
	snprintf(what, sizeof(what), SETTINGS ": %s", call);
	return rc == -2 ? store_fail(user, STORE_UNKNOWN, "%s: %s: %s", path,
			      call, strerror(errno))
			: files_fail(user, s->id, what);
}

static bool
unpack_settings(json_t *object, const char *id, struct store_state *state)
{
	struct store_settings *settings = &state->settings;
	const char *name, *lock, *birth, *epoch;
	json_int_t v, capacity, min, max;

	if (json_unpack(object, "{s:I, s:s, s:I, s:s, s:I, s:I, s:s, s:s}", "v",
		&v, "id", &name, "capacity", &capacity, "lock", &lock,
		"delay_min_ms", &min, "delay_max_ms", &max, "birth", &birth,
		"epoch", &epoch) != 0 ||
	    v != 1 || strcmp(name, id) != 0 || strlen(lock) >= STORE_LOCK_SIZE)
		return false;
	snprintf(settings->id, STORE_ID_SIZE, "%s", id);
	snprintf(settings->lock, STORE_LOCK_SIZE, "%s", lock);
	settings->capacity = capacity;
	settings->delay_min_ms = min;
	settings->delay_max_ms = max;
	state->birth = strtoull(birth, NULL, 16);
	state->epoch = strtoull(epoch, NULL, 16);
	return true;
}

int
files_load_settings(
    const struct store *store, const char *id, struct store_state *state)
{
	char path[PATH_SIZE];
	json_t *object;
	bool whole;

	files_path(path, store, id, SETTINGS);
	if (access(path, F_OK) != 0)
		return -1;
	object = json_load_file(path, 0, NULL);
	whole = object != NULL && unpack_settings(object, id, state);
	json_decref(object);
	return whole ? 0 : -2;
}

void
files_remove_tree(const char *dir)
{
	static const char *const names[] = {LEDGER, VIEW, SETTINGS,
	    LEDGER ".new", VIEW ".new", SETTINGS ".new"};
	char path[PATH_SIZE + 32];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

void
files_make_view(const struct store *store, const struct store_state *state)
{
	char path[PATH_SIZE], text[256];
	const char *call;

	files_path(path, store, state->settings.id, VIEW);
	snprintf(text, sizeof(text),
	    "{\"sale\": \"%s\", \"capacity\": %" PRId64
	    ", \"remaining\": %" PRId64 ", \"version\": %" PRId64 "}\n",
	    state->settings.id, state->settings.capacity, state->remaining,
	    state->version);
	(void)store_replace_file(path, text, false, &call); /* only a view */
}
