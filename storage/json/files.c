/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small files are replaced whole, by a rename.  Settings are written by hand,
 * since every text in them is of characters that JSON need not escape.
 */
#include "storage/json/files.h"

#include <sys/stat.h>

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

enum store_result
files_fail(struct store_user *user, const char *id, const char *what)
{
	const int error = errno;
	const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;

	return store_fail(user, full ? STORE_FULL : STORE_FAILED,
	    "%s/%s: %s: %s", user->store->dir, id, what, strerror(error));
}

const char *
files_print_settings(
    char text[FILES_SETTINGS_SIZE], const struct store_state *state)
{
	const struct store_settings *s = &state->settings;

	snprintf(text, FILES_SETTINGS_SIZE,
	    "{\"v\": 1, \"id\": \"%s\", \"capacity\": %" PRId64
	    ", \"lock\": \"%s\", \"delay_min_ms\": %" PRId64
	    ", \"delay_max_ms\": %" PRId64 ", \"birth\": \"%016" PRIx64
	    "\", \"epoch\": \"%016" PRIx64 "\", \"version\": %" PRId64 "}\n",
	    s->id, s->capacity, s->lock, s->delay_min_ms, s->delay_max_ms,
	    state->birth, state->epoch, state->version);
	return text;
}

enum store_result
files_save_settings(struct store_user *user, const struct store_state *state)
{
	char path[PATH_SIZE], text[FILES_SETTINGS_SIZE], what[64];
	const char *id = state->settings.id, *call;
	int rc;

	files_path(path, user->store, id, SETTINGS);
	rc = store_replace_file(
	    path, files_print_settings(text, state), true, &call);
	if (rc == 0)
		return STORE_OK;
	snprintf(what, sizeof(what), SETTINGS ": %s", call);
	return rc == -2 ? store_fail(user, STORE_UNKNOWN, "%s: %s: %s", path,
			      call, strerror(errno))
			: files_fail(user, id, what);
}

#define SMALL_SIZE 4096

/* A small file's length; -1: errno and `*call` say why it is not known. */
static ssize_t
read_small(const char *path, char text[SMALL_SIZE], const char **call)
{
	size_t length = 0;
	ssize_t got = 1;
	int fd, error;

	*call = "open";
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	*call = "read";
	while (got > 0 && length < SMALL_SIZE) {
		got = read(fd, text + length, SMALL_SIZE - length);
		if (got > 0)
			length += (size_t)got;
	}
	error = errno;
	close(fd);
	errno = error;
	return got == -1 ? -1 : (ssize_t)length;
}

/* Somebody edited them otherwise. */
static bool
are_in_range(const struct store_settings *s)
{
	return s->capacity >= 1 && s->capacity <= STORE_CAPACITY_MAX &&
	       s->delay_min_ms >= 0 && s->delay_min_ms <= s->delay_max_ms;
}

static bool
unpack_settings(json_t *object, struct files_saved *saved)
{
	const char *name, *lock, *birth, *epoch;
	json_int_t v, capacity, min, max, version = FILES_UNSAID;

	if (json_unpack(object, "{s:I, s:s, s:I, s:s, s:I, s:I, s:s, s:s, s?I}",
		"v", &v, "id", &name, "capacity", &capacity, "lock", &lock,
		"delay_min_ms", &min, "delay_max_ms", &max, "birth", &birth,
		"epoch", &epoch, "version", &version) != 0 ||
	    v != 1 || strlen(name) >= STORE_ID_SIZE ||
	    strlen(lock) >= STORE_LOCK_SIZE)
		return false;
	memcpy(saved->settings.id, name, strlen(name) + 1);
	memcpy(saved->settings.lock, lock, strlen(lock) + 1);
	saved->settings.capacity = capacity;
	saved->settings.delay_min_ms = min;
	saved->settings.delay_max_ms = max;
	saved->birth = strtoull(birth, NULL, 16);
	saved->epoch = strtoull(epoch, NULL, 16);
	saved->version = version;
	return are_in_range(&saved->settings) && version >= 0 &&
	       saved->birth != 0 && saved->epoch != 0;
}

bool
files_parse_settings(const char *text, size_t length, struct files_saved *saved)
{
	json_t *object;
	bool whole;

	object = json_loadb(text, length, 0, NULL);
	whole = object != NULL && unpack_settings(object, saved);
	json_decref(object);
	return whole;
}

struct store_state
files_first_state(const struct files_saved *saved)
{
	return (struct store_state){.settings = saved->settings,
	    .birth = saved->birth,
	    .epoch = saved->epoch,
	    .remaining = saved->settings.capacity};
}

enum store_result
files_load_settings(
    struct store_user *user, const char *id, struct files_saved *saved)
{
	char path[PATH_SIZE], text[SMALL_SIZE];
	const char *call;
	ssize_t length;

	files_path(path, user->store, id, SETTINGS);
	length = read_small(path, text, &call);
	if (length == -1 && errno == ENOENT)
		return STORE_GONE;
	if (length == -1)
		return store_fail(user, STORE_FAILED, "%s: %s: %s", path, call,
		    strerror(errno));
	if (!files_parse_settings(text, (size_t)length, saved))
		return store_fail(user, STORE_FAILED,
		    "%s is damaged: restore it from a backup", path);
	if (strcmp(saved->settings.id, id) != 0)
		return store_fail(user, STORE_FAILED,
		    "%s is that of the sale %s: a copy of a sale must not "
		    "stand here",
		    path, saved->settings.id);
	return STORE_OK;
}

enum store_result
files_check_leftover(struct store_user *user, const char *id)
{
	char path[PATH_SIZE];
	struct stat st;

	files_path(path, user->store, id, LEDGER);
	if (stat(path, &st) != 0)
		return errno == ENOENT ? STORE_OK
				       : files_fail(user, id, LEDGER ": stat");
	if (st.st_size == 0)
		return STORE_OK;
	return store_fail(user, STORE_FAILED,
	    "%s has lines, but there is no " SETTINGS
	    " beside it: restore that from a backup, or move %s/%s away",
	    path, user->store->dir, id);
}

/* The file is synced even if it was cut before: by whom and whether for good
 * is not known. */
static enum store_result
cut_at(struct store_user *user, const char *id, int fd, int64_t mark)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return files_fail(user, id, LEDGER ": fstat");
	if (st.st_size < mark)
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" LEDGER " ends at byte %" PRId64 " of %" PRId64
		    ": restore the directory from a backup",
		    user->store->dir, id, (int64_t)st.st_size, mark);
	if (st.st_size > mark && ftruncate(fd, mark) != 0)
		return files_fail(user, id, LEDGER ": ftruncate");
	if (fsync(fd) != 0)
		return files_fail(user, id, LEDGER ": fsync");
	return STORE_OK;
}

enum store_result
files_cut_ledger(struct store_user *user, const char *id, int64_t mark)
{
	enum store_result result;
	int fd;

	fd = files_open_ledger(user->store, id, O_RDWR);
	if (fd == -1)
		return files_fail(user, id, LEDGER ": open");
	result = cut_at(user, id, fd, mark);
	close(fd);
	return result;
}

void
files_gone_path(char path[PATH_SIZE], const struct store *store, uint64_t birth)
{
	snprintf(path, PATH_SIZE, "%s/" GONE_PREFIX "%016" PRIx64, store->dir,
	    birth);
}

static enum store_result
sync_dir(struct store_user *user, const char *dir)
{
	if (store_sync_dir(dir) == 0)
		return STORE_OK;
	return store_fail(
	    user, STORE_UNKNOWN, "%s: fsync: %s", dir, strerror(errno));
}

enum store_result
files_sync_sale(struct store_user *user, const char *id)
{
	char dir[PATH_SIZE];

	snprintf(dir, sizeof(dir), "%s/%s", user->store->dir, id);
	return sync_dir(user, dir);
}

enum store_result
files_sync_data(struct store_user *user)
{
	return sync_dir(user, user->store->dir);
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
