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
#include "storage/json/append.h"
#include "storage/json/files.h"
#include "storage/json/heads.h"

/*
 * files_save_settings() failed.  Once the new file has the name it is not
 * undone, and whether it lasts is not known.
 */
static enum store_result
fail_settings(struct store_user *user, const struct store_state *state)
{
	const char *id = state->settings.id;
	const int error = errno;
	struct store_state found = {0};

	if (files_load_settings(user->store, id, &found) == 0 &&
	    found.epoch == state->epoch)
		return store_poison(user, "%s/%s: %s: %s", user->store->dir, id,
		    SETTINGS, strerror(error));
	errno = error;
	return files_fail(user, id, SETTINGS);
}

/* fsync the data directory, after which a sale is there or gone for good. */
static enum store_result
sync_data(struct store_user *user)
{
	if (store_sync_dir(user->store->dir) == 0)
		return STORE_OK;
	return store_poison(
	    user, "%s: fsync: %s", user->store->dir, strerror(errno));
}

static enum store_result
make_files(struct store_user *user, const struct store_state *state)
{
	const char *id = state->settings.id;
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
	if (files_save_settings(user->store, state) != 0)
		return fail_settings(user, state);
	return sync_data(user);
}

static enum store_result
create_in_catalogue(struct store_user *user,
    const struct store_settings *settings, int64_t deadline_ns)
{
	struct heads *shared = heads_of(user);
	struct head head = {.state = {.settings = *settings,
				.birth = store_random(),
				.epoch = store_random(),
				.remaining = settings->capacity}};
	enum store_result result;
	struct head other;
	unsigned i;

	if (heads_find(shared, settings->id, &other) != -1)
		return STORE_DUPLICATE;
	for (i = 0; i < STORE_SALES_MAX; i++)
		if (heads_read(&shared->slot[i]).state.birth == 0)
			break;
	if (i == STORE_SALES_MAX)
		return store_fail(user, STORE_FULL,
		    "there are %d sales, and there is room for no more",
		    STORE_SALES_MAX);
	head.state.slot = i;
	result = heads_latch(user, &shared->slot[i], deadline_ns);
	if (result != STORE_OK)
		return result;
	result = make_files(user, &head.state);
	if (result == STORE_OK) {
		if (atomic_load(&shared->slots) <= i)
			atomic_store(&shared->slots, i + 1);
		heads_publish(&shared->slot[i], &head);
	}
	robust_unlock(&shared->slot[i].latch);
	return result;
}

enum store_result
catalogue_create(struct store_user *user, const struct store_settings *settings,
    int64_t deadline_ns)
{
	enum store_result result;

	result = heads_latch_catalogue(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = create_in_catalogue(user, settings, deadline_ns);
	robust_unlock(&heads_of(user)->catalogue);
	return result;
}

/*
 * First the lines, published under the old settings but an epoch of their
 * own: if the settings then cannot be saved, the sale has a better counter
 * and its old strategy, and what was decided on the old counter is refused.
 */
static enum store_result
configure_latched(struct store_user *user, struct slot *slot,
    const struct store_state *state, const struct store_change *change)
{
	struct head head = heads_read(slot);
	struct store_line lines[2];
	enum store_result result;
	int64_t highest;
	size_t count;

	result = heads_check(&head, state);
	if (result != STORE_OK)
		return result;
	highest = change->recount ? store_highest_seat(user, &head.state) : 0;
	if (highest == -1)
		return STORE_FAILED;
	count = store_change_lines(&head.state, change, highest, lines);
	if (count > 0) {
		store_number(
		    lines, count, head.state.version, head.state.version);
		result = append_lines(user, &head, lines, count);
		if (result != STORE_OK)
			return result;
		head.state.epoch = store_random();
		heads_publish(slot, &head);
	}
	memcpy(
	    head.state.settings.lock, change->settings.lock, STORE_LOCK_SIZE);
	head.state.settings.delay_min_ms = change->settings.delay_min_ms;
	head.state.settings.delay_max_ms = change->settings.delay_max_ms;
	head.state.epoch = store_random();
	if (files_save_settings(user->store, &head.state) != 0)
		return fail_settings(user, &head.state);
	heads_publish(slot, &head);
	return STORE_OK;
}

enum store_result
catalogue_configure(struct store_user *user, struct store_state *state,
    const struct store_change *change, int64_t deadline_ns)
{
	struct slot *slot = heads_slot(user, state->slot);
	enum store_result result;

	result = heads_latch(user, slot, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = configure_latched(user, slot, state, change);
	if (result == STORE_OK)
		*state = heads_read(slot).state;
	robust_unlock(&slot->latch);
	return result;
}

static enum store_result
remove_latched(
    struct store_user *user, struct slot *slot, const struct store_state *state)
{
	struct head head = heads_read(slot);
	char from[PATH_SIZE], to[PATH_SIZE], name[32];
	enum store_result result;

	result = heads_check(&head, state);
	if (result != STORE_OK)
		return result;
	if (head.state.version != state->version)
		return STORE_CONFLICT;
	snprintf(name, sizeof(name), ".gone-%016" PRIx64, state->birth);
	files_path(from, user->store, state->settings.id, "");
	files_path(to, user->store, name, "");
	if (rename(from, to) != 0)
		return files_fail(user, state->settings.id, "rename");
	head.state.birth = 0;
	heads_publish(slot, &head);
	result = sync_data(user);
	if (result == STORE_OK)
		files_remove_tree(to);
	return result;
}

enum store_result
catalogue_remove(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	struct slot *slot = heads_slot(user, state->slot);
	enum store_result result;

	result = heads_latch_catalogue(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = heads_latch(user, slot, deadline_ns);
	if (result == STORE_OK) {
		result = remove_latched(user, slot, state);
		robust_unlock(&slot->latch);
	}
	robust_unlock(&heads_of(user)->catalogue);
	return result;
}
