/* SPDX-License-Identifier: BSD-2-Clause */
/* Sales come, change and go. */
#include "storage/json/catalogue.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "locks/robust.h"
#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/settle.h"

/* The directory is there: OK if a killed create left it, or FAILED. */
static enum store_result
check_dir(struct store_user *user, const char *id)
{
	struct files_saved saved;
	enum store_result result;

	result = files_load_settings(user, id, &saved);
	if (result == STORE_OK)
		return store_fail(user, STORE_FAILED,
		    "%s/%s has come since the start: start again to open it",
		    user->store->dir, id);
	return result == STORE_GONE ? files_check_leftover(user, id) : result;
}

/* A directory that is new, and so holds nothing of anybody's. */
static enum store_result
make_dir(struct store_user *user, const char *id)
{
	enum store_result result;
	char dir[PATH_SIZE];

	files_path(dir, user->store, id, "");
	if (mkdir(dir, 0755) == 0)
		return STORE_OK;
	if (errno != EEXIST)
		return files_fail(user, id, "mkdir");
	result = check_dir(user, id);
	if (result != STORE_OK)
		return result;
	files_remove_tree(dir);
	if (mkdir(dir, 0755) == 0)
		return STORE_OK;
	return store_fail(user, STORE_FAILED,
	    "%s is no sale and cannot be made one: mkdir: %s", dir,
	    strerror(errno));
}

static enum store_result
make_ledger(struct store_user *user, const char *id)
{
	enum store_result result = STORE_OK;
	int fd;

	fd = files_open_ledger(user->store, id, O_RDWR | O_CREAT | O_EXCL);
	if (fd == -1)
		return files_fail(user, id, LEDGER ": open");
	if (fsync(fd) != 0)
		result = files_fail(user, id, LEDGER ": fsync");
	close(fd);
	return result;
}

/*
 * With sale.json it is a sale; without it, leftovers.  So the ledger's name is
 * on disk before.
 */
static enum store_result
make_files(struct store_user *user, const struct store_state *state)
{
	const char *id = state->settings.id;
	enum store_result result;
	char dir[PATH_SIZE];

	files_path(dir, user->store, id, "");
	result = make_ledger(user, id);
	if (result == STORE_OK && store_sync_dir(dir) != 0)
		result = files_fail(user, id, "fsync");
	if (result == STORE_OK)
		result = files_save_settings(user, state);
	if (result == STORE_OK)
		result = files_sync_data(user);
	return result;
}

/* In the slot's latch.  What was made is taken back, if it is known. */
static enum store_result
make_sale(
    struct store_user *user, struct slot *slot, const struct store_state *state)
{
	const char *id = state->settings.id;
	const struct head head = {.state = *state};
	enum store_result result;
	char dir[PATH_SIZE];

	result = make_dir(user, id);
	if (result != STORE_OK)
		return result;
	memcpy(slot->making, id, STORE_ID_SIZE);
	result = make_files(user, state);
	if (result == STORE_UNKNOWN)
		return result;
	if (result == STORE_OK) {
		heads_publish(slot, &head);
	} else {
		files_path(dir, user->store, id, "");
		files_remove_tree(dir);
	}
	slot->making[0] = '\0';
	return result;
}

static enum store_result
create_in_slot(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	struct heads *heads = heads_of(user);
	struct slot *slot = &heads->slot[state->slot];
	enum store_result result;

	if (atomic_load(&heads->slots) <= state->slot)
		atomic_store(&heads->slots, state->slot + 1);
	result = settle_latch(user, slot, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = make_sale(user, slot, state);
	atomic_store(&slot->is_unsettled, result == STORE_UNKNOWN);
	robust_unlock(&slot->latch);
	return result;
}

static enum store_result
create_latched(
    struct store_user *user, struct store_state *state, int64_t deadline_ns)
{
	struct heads *heads = heads_of(user);
	struct head other;
	unsigned i;

	if (heads_find(heads, state->settings.id, &other) != -1)
		return STORE_DUPLICATE;
	for (i = 0; i < STORE_SALES_MAX; i++)
		if (heads_read(&heads->slot[i]).state.birth == 0)
			break;
	if (i == STORE_SALES_MAX)
		return store_no_slot(user);
	state->slot = i;
	return create_in_slot(user, state, deadline_ns);
}

/* Who died here may have left a sale's files, which are in a slot's latch. */
static enum store_result
settle_catalogue(struct store_user *user, void *arg)
{
	(void)arg;
	return settle_dead(user);
}

enum store_result
catalogue_create(
    struct store_user *user, struct store_state *state, int64_t deadline_ns)
{
	pthread_mutex_t *catalogue = &heads_of(user)->catalogue;
	enum store_result result;

	result =
	    store_latch(user, catalogue, deadline_ns, settle_catalogue, NULL);
	if (result != STORE_OK)
		return result;
	result = create_latched(user, state, deadline_ns);
	robust_unlock(catalogue);
	return result;
}

/* The rename is the moment: under its new name no start takes it up. */
enum store_result
catalogue_remove(struct store_user *user, const struct store_state *now)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	files_path(from, user->store, now->settings.id, "");
	files_gone_path(to, user->store, now->birth);
	if (rename(from, to) != 0)
		return files_fail(user, now->settings.id, "rename");
	return settle_removed(user, now);
}
