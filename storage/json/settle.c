/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a writer did is told from the disk: sale.json, which is replaced by a
 * rename, and the directory, which is renamed, are each as before or as after.
 */
#include "storage/json/settle.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "locks/robust.h"
#include "storage/json/files.h"
#include "storage/json/recovery.h"
#include "storage/json/segments.h"

/* A hidden directory is nobody's, whatever is in it. */
static enum store_result
undo_create(struct store_user *user, struct slot *slot)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	enum store_result result;

	files_path(from, user->store, slot->making, "");
	files_gone_path(to, user->store, store_random());
	if (rename(from, to) != 0 && errno != ENOENT)
		return files_fail(user, slot->making, "rename");
	result = files_sync_data(user);
	if (result != STORE_OK)
		return result;
	files_remove_tree(to);
	slot->making[0] = '\0';
	return STORE_OK;
}

enum store_result
settle_removed(struct store_user *user, const struct store_state *gone)
{
	const struct head none = {0};
	enum store_result result;
	char path[PATH_SIZE];

	result = files_sync_data(user);
	if (result != STORE_OK)
		return result;
	heads_publish(heads_slot(user, gone->slot), &none);
	segments_drop(user->store->local, gone->slot);
	files_gone_path(path, user->store, gone->birth);
	files_remove_tree(path);
	return STORE_OK;
}

/* There is no sale.json: the sale was removed, or that is damage. */
static enum store_result
finish_remove(struct store_user *user, const struct head *head)
{
	const char *id = head->state.settings.id;
	char path[PATH_SIZE];
	struct stat st;

	files_gone_path(path, user->store, head->state.birth);
	if (stat(path, &st) != 0)
		return files_fail(user, id,
		    errno == ENOENT ? SETTINGS : "stat of what was removed");
	return settle_removed(user, &head->state);
}

/*
 * sale.json was replaced, after the change's lines were synced.  Behind a
 * failed fsync only what is written anew is on disk for certain.
 */
static enum store_result
finish_change(struct store_user *user, struct slot *slot, struct head *head,
    const struct files_saved *saved)
{
	const char *id = saved->settings.id;
	enum store_result result;

	head->state.settings = saved->settings;
	head->state.epoch = saved->epoch;
	result = recovery_read(user, head, saved->version);
	if (result != STORE_OK)
		return result;
	result = store_poisoned(user->store)
		     ? files_save_settings(user, &head->state)
		     : files_sync_sale(user, id);
	if (result == STORE_OK)
		heads_publish(slot, head);
	return result;
}

static enum store_result
settle_sale(struct store_user *user, struct slot *slot, struct head *head)
{
	const char *id = head->state.settings.id;
	struct files_saved saved;
	enum store_result result;

	result = files_load_settings(user, id, &saved);
	if (result == STORE_GONE)
		return finish_remove(user, head);
	if (result != STORE_OK)
		return result;
	if (saved.birth != head->state.birth)
		return store_fail(user, STORE_FAILED,
		    "%s/%s is another sale of that name", user->store->dir, id);
	if (saved.epoch != head->state.epoch)
		return finish_change(user, slot, head, &saved);
	return files_cut_ledger(user, id, head->mark);
}

/* In its latch: a store_settle_fn. */
static enum store_result
settle(struct store_user *user, void *arg)
{
	enum store_result result = STORE_OK;
	struct slot *slot = arg;
	struct head head = heads_read(slot);

	if (head.state.birth != 0) {
		slot->making[0] = '\0'; /* it was published */
		result = settle_sale(user, slot, &head);
	} else if (slot->making[0] != '\0') {
		result = undo_create(user, slot);
	}
	if (result == STORE_OK)
		atomic_store(&slot->is_unsettled, false);
	return result;
}

enum store_result
settle_latch(struct store_user *user, struct slot *slot, int64_t deadline_ns)
{
	return store_latch(user, &slot->latch, deadline_ns, settle, slot);
}

/* Whose latch is held lives. */
enum store_result
settle_dead(struct store_user *user)
{
	struct heads *heads = heads_of(user);
	const unsigned slots = atomic_load(&heads->slots);
	enum store_result result;
	unsigned i;

	for (i = 0; i < slots; i++) {
		result = settle_latch(user, &heads->slot[i], 0);
		if (result == STORE_OK)
			robust_unlock(&heads->slot[i].latch);
		else if (result != STORE_BUSY)
			return result;
	}
	return STORE_OK;
}

/* What cannot be settled poisons the store, which opens all the same. */
int
settle_open(struct store_user *user)
{
	(void)settle_dead(user);
	return 0;
}

/* A latch that its last holder left unsettled cannot be locked any more. */
static enum store_result
settle_slot(struct store_user *user, struct slot *slot)
{
	const enum lock_result held = robust_lock(&slot->latch, 0);
	const bool is_held = held == LOCK_HELD || held == LOCK_INHERITED;
	enum store_result result = STORE_OK;

	if (held != LOCK_HELD || atomic_load(&slot->is_unsettled))
		result = settle(user, slot);
	if (held == LOCK_INHERITED && result == STORE_OK)
		robust_repaired(&slot->latch);
	if (is_held)
		robust_unlock(&slot->latch);
	else if (result == STORE_OK)
		robust_init(&slot->latch);
	return result;
}

enum store_result
settle_all(struct store_user *user)
{
	struct heads *heads = heads_of(user);
	const unsigned slots = atomic_load(&heads->slots);
	enum store_result result = STORE_OK;
	unsigned i;

	robust_init(&heads->catalogue);
	robust_init(&heads->tidying);
	for (i = 0; i < slots && result == STORE_OK; i++)
		result = settle_slot(user, &heads->slot[i]);
	return result;
}
