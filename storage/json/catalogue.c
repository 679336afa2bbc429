/* SPDX-License-Identifier: BSD-2-Clause */
/* Sales come, change and go. */
#include "storage/json/catalogue.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "locks/robust.h"
#include "storage/json/files.h"
#include "storage/json/heads.h"

/* fsync the data directory, after which a sale is there or gone for good. */
static enum store_result
sync_data(struct store_user *user)
{
	if (store_sync_dir(user->store->dir) == 0)
		return STORE_OK;
	return store_fail(user, STORE_UNKNOWN, "%s: fsync: %s",
	    user->store->dir, strerror(errno));
}

static enum store_result
make_files(struct store_user *user, const struct store_state *state)
{
	const char *id = state->settings.id;
	enum store_result result;
	char dir[PATH_SIZE];
	int fd;

	files_path(dir, user->store, id, "");
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return files_fail(user, id, "mkdir");
	fd = files_open_ledger(user->store, id, O_RDWR | O_CREAT | O_TRUNC);
	if (fd == -1)
		return files_fail(user, id, LEDGER);
	if (fsync(fd) != 0) {
		close(fd);
		return files_fail(user, id, LEDGER);
	}
	close(fd);
	/* With this file it is a sale; without it, leftovers. */
	result = files_save_settings(user, state);
	return result == STORE_OK ? sync_data(user) : result;
}

static enum store_result
create_in_slot(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	struct heads *heads = heads_of(user);
	struct slot *slot = &heads->slot[state->slot];
	const struct head head = {.state = *state};
	enum store_result result;

	result = heads_latch(user, slot, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = make_files(user, state);
	if (result == STORE_OK) {
		if (atomic_load(&heads->slots) <= state->slot)
			atomic_store(&heads->slots, state->slot + 1);
		heads_publish(slot, &head);
	}
	robust_unlock(&slot->latch);
	return result;
}

static enum store_result
create_latched(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	struct heads *heads = heads_of(user);
	struct store_state created = *state;
	struct head other;
	unsigned i;

	if (heads_find(heads, state->settings.id, &other) != -1)
		return STORE_DUPLICATE;
	for (i = 0; i < STORE_SALES_MAX; i++)
		if (heads_read(&heads->slot[i]).state.birth == 0)
			break;
	if (i == STORE_SALES_MAX)
		return store_no_slot(user);
	created.slot = i;
	return create_in_slot(user, &created, deadline_ns);
}

enum store_result
catalogue_create(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	pthread_mutex_t *catalogue = &heads_of(user)->catalogue;
	enum store_result result;

	/* Nothing to settle: slots have latches of their own. */
	result = store_latch(user, catalogue, deadline_ns, NULL, NULL);
	if (result != STORE_OK)
		return result;
	result = create_latched(user, state, deadline_ns);
	robust_unlock(catalogue);
	return result;
}

/* The rename is the moment: under its new name no recovery takes it up. */
enum store_result
catalogue_remove(struct store_user *user, const struct store_state *now)
{
	const struct head none = {0};
	char from[PATH_SIZE], to[PATH_SIZE], name[32];
	enum store_result result;

	snprintf(name, sizeof(name), ".gone-%016" PRIx64, now->birth);
	files_path(from, user->store, now->settings.id, "");
	files_path(to, user->store, name, "");
	if (rename(from, to) != 0)
		return files_fail(user, now->settings.id, "rename");
	heads_publish(heads_slot(user, now->slot), &none);
	result = sync_data(user);
	if (result == STORE_OK)
		files_remove_tree(to);
	return result;
}
