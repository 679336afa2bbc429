/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All sales open, or nothing does, and the one line of error says which file
 * is why.
 */
#include "storage/json/prepare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/recovery.h"
#include "storage/json/settle.h"

/*
 * What is served from here on must outlast a power cut, also where the last
 * generation was killed before it had synced it.  One syncfs() costs what is
 * dirty; to sync each file of each sale costs a flush each, 12 s for 4096
 * sales that are clean.
 */
static enum store_result
sync_all(struct store_user *user)
{
	const char *dir = user->store->dir;
	int fd, rc, error;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return store_fail(
		    user, STORE_FAILED, "%s: open: %s", dir, strerror(errno));
	rc = syncfs(fd);
	error = errno;
	close(fd);
	if (rc == 0)
		return STORE_OK;
	return store_fail(
	    user, STORE_FAILED, "%s: syncfs: %s", dir, strerror(error));
}

/* What backups and file systems leave beside the sales is none of them. */
static int
name_is_sale(const struct dirent *entry)
{
	const bool may_be_dir = entry->d_type == DT_DIR ||
				entry->d_type == DT_LNK ||
				entry->d_type == DT_UNKNOWN;

	return may_be_dir && store_id_is_valid(entry->d_name);
}

static int
name_is_gone(const struct dirent *entry)
{
	return strncmp(entry->d_name, GONE_PREFIX, strlen(GONE_PREFIX)) == 0;
}

static enum store_result
each_name(struct store_user *user, int (*filter)(const struct dirent *),
    prepare_name_fn *visit, void *arg)
{
	enum store_result result = STORE_OK;
	struct dirent **entries;
	int count, i;

	count = scandir(user->store->dir, &entries, filter, alphasort);
	if (count < 0)
		return store_fail(user, STORE_FAILED, "%s: scandir: %s",
		    user->store->dir, strerror(errno));
	for (i = 0; i < count; i++) {
		if (result == STORE_OK)
			result = visit(user, entries[i]->d_name, arg);
		free(entries[i]);
	}
	free(entries);
	return result;
}

enum store_result
prepare_each_sale(struct store_user *user, prepare_name_fn *visit, void *arg)
{
	return each_name(user, name_is_sale, visit, arg);
}

static enum store_result
remove_gone(struct store_user *user, const char *name, void *arg)
{
	char path[PATH_SIZE];

	(void)arg;
	files_path(path, user->store, name, "");
	files_remove_tree(path);
	return STORE_OK;
}

static enum store_result
open_name(struct store_user *user, const char *id, void *arg)
{
	struct heads *heads = heads_of(user);
	const unsigned slot = atomic_load(&heads->slots);
	struct files_saved saved;
	enum store_result result;
	struct head head = {0};

	(void)arg;
	result = files_load_settings(user, id, &saved);
	if (result == STORE_GONE)
		return files_check_leftover(user, id);
	if (result != STORE_OK)
		return result;
	if (slot == STORE_SALES_MAX)
		return store_no_slot(user);
	head.state = files_first_state(&saved);
	head.state.slot = slot;
	result = recovery_read(user, &head, saved.version);
	if (result != STORE_OK)
		return result;
	heads_publish(&heads->slot[slot], &head);
	atomic_store(&heads->slots, slot + 1);
	return STORE_OK;
}

/* The sync comes first: what was renamed is emptied only when it is so for
 * good. */
static enum store_result
open_all(struct store_user *user)
{
	struct heads *heads = heads_of(user);
	enum store_result result;

	heads_reset(heads);
	atomic_store(&heads->slots, 0);
	result = sync_all(user);
	if (result == STORE_OK)
		result = each_name(user, name_is_gone, remove_gone, NULL);
	if (result == STORE_OK)
		result = prepare_each_sale(user, open_name, NULL);
	return result;
}

int
prepare_store(struct store *store, char *error, size_t error_size)
{
	struct heads *heads = store->shared;
	struct store_user user = {.store = store};
	enum store_result result;

	if (atomic_load(&heads->are_known))
		result = settle_all(&user);
	else
		result = open_all(&user);
	if (result == STORE_OK) {
		atomic_store(&heads->are_known, true);
		return 0;
	}
	snprintf(error, error_size, "%s", user.error);
	return -1;
}
