/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: plain files that people can read; README.md says what is in them, and
 * which invariants hold.  Here: reading, the steps of a write, and the table
 * of functions.
 */
#include "storage/store_impl.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/robust.h"
#include "storage/json/catalogue.h"
#include "storage/json/copy.h"
#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/index.h"
#include "storage/json/ledger.h"
#include "storage/json/prepare.h"
#include "storage/json/segments.h"
#include "storage/json/settle.h"

static enum store_result
json_read(struct store_user *user, const char *id, struct store_state *state)
{
	struct head head;

	if (heads_find(heads_of(user), id, &head) == -1)
		return STORE_GONE;
	*state = head.state;
	return STORE_OK;
}

static enum store_result
json_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	struct heads *shared = heads_of(user);
	const unsigned slots = atomic_load(&shared->slots);
	unsigned i;

	for (i = 0; i < slots; i++) {
		const struct head head = heads_read(&shared->slot[i]);

		if (head.state.birth != 0 && !visit(&head.state, arg))
			break;
	}
	return STORE_OK;
}

static enum store_result
json_begin(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	struct slot *slot = heads_slot(user, state->slot);
	enum store_result result;

	result = settle_latch(user, slot, deadline_ns);
	if (result == STORE_OK)
		*now = heads_read(slot).state;
	return result;
}

/* -------------------------------------------------------------- append -- */

/*
 * What was written is not to stay, and `result` is why: it is cut for good.
 * Else a power cut could bring back lines of which it was said that they were
 * not written.
 */
static enum store_result
cut_back(
    struct store_user *user, enum store_result result, int fd, int64_t mark)
{
	if (ftruncate(fd, mark) == 0 && fdatasync(fd) == 0)
		return result;
	return store_fail(user, STORE_UNKNOWN,
	    "what failed could not be cut back: %s", strerror(errno));
}

/* Make `text` the ledger's durable end. */
static enum store_result
write_text(struct store_user *user, const struct head *head, int fd,
    const char *text, size_t size)
{
	const char *id = head->state.settings.id;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return files_fail(user, id, "stat");
	if (st.st_size != head->mark && ftruncate(fd, head->mark) != 0)
		return files_fail(user, id, "truncate");
	errno = ENOSPC; /* what a short write means */
	if (write(fd, text, size) != (ssize_t)size)
		return cut_back(
		    user, files_fail(user, id, "write"), fd, head->mark);
	if (fdatasync(fd) == 0)
		return STORE_OK;
	store_fail(user, STORE_UNKNOWN, "%s/%s/" LEDGER ": fdatasync: %s",
	    user->store->dir, id, strerror(errno));
	/* The page cache now shows what may not be on disk; if this fails
	 * too, recovery cuts it. */
	(void)!ftruncate(fd, head->mark);
	return STORE_UNKNOWN;
}

/* Lines that are durable and that no head shows yet can be found from now. */
static void
index_lines(struct store_user *user, const struct head *head,
    const struct store_line *lines, size_t count, const char *text)
{
	const char *line = text;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct segments_line kept =
		    segments_line(user->store->local, head->state.slot,
			&lines[i], head->mark + (line - text));

		segments_add(user->store->local, head->state.slot, &kept);
		line = strchr(line, '\n') + 1;
	}
}

/* All memory is had before anything is written. */
static enum store_result
append_lines(struct store_user *user, struct head *head, int fd,
    const struct store_line *lines, size_t count)
{
	enum store_result result;
	size_t size;
	char *text;

	if (!segments_reserve(user->store->local, &head->state, count))
		return store_no_memory(user);
	text = ledger_encode(lines, count, &size);
	if (text == NULL)
		return store_no_memory(user);
	result = write_text(user, head, fd, text, size);
	if (result == STORE_OK)
		index_lines(user, head, lines, count, text);
	free(text);
	head->mark += (int64_t)size;
	return result;
}

/* Lines and settings go to `fd`'s ledger and to disk, or neither does. */
static enum store_result
append_to(struct store_user *user, const struct store_state *after,
    const struct store_line *lines, size_t count, int fd)
{
	struct slot *slot = heads_slot(user, after->slot);
	struct head head = heads_read(slot);
	const int64_t mark = head.mark;
	enum store_result result = STORE_OK;

	if (count > 0)
		result = append_lines(user, &head, fd, lines, count);
	if (result == STORE_OK && after->epoch != head.state.epoch) {
		result = files_save_settings(user, after);
		if (result == STORE_FULL || result == STORE_FAILED)
			result = cut_back(user, result, fd, mark);
	}
	if (result == STORE_OK) {
		head.state = *after;
		heads_publish(slot, &head);
	}
	return result;
}

static enum store_result
json_append(struct store_user *user, const struct store_state *after,
    const struct store_line *lines, size_t count)
{
	const char *id = after->settings.id;
	enum store_result result;
	int fd;

	fd = files_open_ledger(user->store, id, O_WRONLY | O_APPEND);
	if (fd == -1)
		return files_fail(user, id, "open " LEDGER);
	result = append_to(user, after, lines, count, fd);
	close(fd);
	return result;
}

static enum store_result
json_end(struct store_user *user, const struct store_state *state,
    enum store_result result)
{
	struct slot *slot = heads_slot(user, state->slot);

	atomic_store(&slot->is_unsettled, result == STORE_UNKNOWN);
	robust_unlock(&slot->latch);
	return result;
}

static void
json_tidy(struct store_user *user)
{
	struct heads *shared = heads_of(user);
	const unsigned slots = atomic_load(&shared->slots);
	unsigned i;

	if (store_latch(user, &shared->tidying, 0, NULL, NULL) != STORE_OK)
		return;
	for (i = 0; i < slots; i++) {
		struct slot *slot = &shared->slot[i];
		const uint64_t published = atomic_load(&slot->published);
		struct head head;

		if (atomic_load(&slot->viewed) == published)
			continue;
		head = heads_read(slot);
		if (head.state.birth != 0)
			files_make_view(user->store, &head.state);
		atomic_store(&slot->viewed, published);
	}
	robust_unlock(&shared->tidying);
}

/* All processes have it at the same place. */
static int
json_share(struct store *store)
{
	store->local = segments_new();
	return store->local == NULL ? -1 : 0;
}

static void
json_unshare(struct store *store)
{
	segments_free(store->local);
}

const struct store_impl store_json = {
    .name = "json",
    .shared_size = sizeof(struct heads),
    .share = json_share,
    .unshare = json_unshare,
    .prepare = prepare_store,
    .open = settle_open,
    .close = store_do_nothing,
    .read = json_read,
    .list = json_list,
    .tidy = json_tidy,
    .find = index_find,
    .find_keys = store_find_each_key,
    .each = index_each,
    .copy = copy_store,
    .create = catalogue_create,
    .put = store_put_in_steps,
    .take_turn = store_take_no_turn,
    .end_turn = store_do_nothing,
    .begin = json_begin,
    .append = json_append,
    .remove = catalogue_remove,
    .end = json_end,
};
