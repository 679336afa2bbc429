/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: plain files that people can read.  DATA/<sale>/ holds
 *
 *   sale.json     the settings, replaced whole by create and configure
 *   ledger.jsonl  one line a receipt, appended; the truth
 *   stock.json    the counter for people to `cat`; replaced off the hot
 *                 path, never read back
 *
 * The counter is what the ledger's last line says.  What processes share is a
 * `head` for each sale: that last line and the *durable mark*, the length of
 * the ledger that is known to be on disk.  A write, in the sale's latch:
 *
 *   cut what lies beyond the mark  (left by a writer that was killed)
 *   compare epoch, version, keys
 *   append, fdatasync, publish the new head
 *
 * Invariants:
 *   1. only the latch's holder looks beyond the mark;
 *   2. a head is published whole: readers copy it without a lock;
 *   3. up to the mark the ledger never changes, unless the sale is deleted;
 *   4. order of latches: catalogue, then sale.
 */
#include "storage/store_impl.h"

#include <pthread.h>
#include <stdlib.h>

#include "locks/robust.h"
#include "locks/shared.h"
#include "storage/json/append.h"
#include "storage/json/catalogue.h"
#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/index.h"
#include "storage/json/recovery.h"

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
write_latched(
    struct store_user *user, struct slot *slot, struct store_commit *commit)
{
	struct head head = heads_read(slot);
	enum store_result result;

	result = heads_check(&head, commit->state);
	if (result != STORE_OK)
		return result;
	if (commit->checked && head.state.version != commit->state->version)
		return STORE_CONFLICT;
	result = index_check_keys(user, commit);
	if (result != STORE_OK)
		return result;
	commit->overwrote = store_number(commit->lines, commit->count,
	    commit->state->version, head.state.version);
	result = append_lines(user, &head, commit->lines, commit->count);
	if (result == STORE_OK)
		heads_publish(slot, &head);
	return result;
}

static enum store_result
json_write(struct store_user *user, struct store_commit *commit)
{
	struct slot *slot = heads_slot(user, commit->state->slot);
	enum store_result result;

	result = heads_latch(user, slot, commit->deadline_ns);
	if (result != STORE_OK)
		return result;
	result = write_latched(user, slot, commit);
	robust_unlock(&slot->latch);
	return result;
}

static void
json_tidy(struct store_user *user)
{
	struct heads *shared = heads_of(user);
	const unsigned slots = atomic_load(&shared->slots);
	enum robust_result held;
	unsigned i;

	held = robust_lock(&shared->tidying, 0);
	if (held == ROBUST_INHERITED)
		robust_repaired(&shared->tidying);
	else if (held != ROBUST_HELD)
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

static int
json_share(struct store *store)
{
	struct json_local *local;
	unsigned i;

	store->shared = shared_new(sizeof(struct heads));
	if (store->shared == NULL)
		return -1;
	local = calloc(1, sizeof(*local));
	if (local == NULL) {
		shared_free(store->shared, sizeof(struct heads));
		return -1;
	}
	for (i = 0; i < STORE_SALES_MAX; i++) {
		pthread_mutex_init(&local->index[i].mutex, NULL);
		local->index[i].fd = -1;
	}
	store->local = local;
	return 0;
}

static void
json_unshare(struct store *store)
{
	struct json_local *local = store->local;
	unsigned i;

	for (i = 0; i < STORE_SALES_MAX; i++) {
		index_reset(&local->index[i]);
		pthread_mutex_destroy(&local->index[i].mutex);
	}
	free(local);
	shared_free(store->shared, sizeof(struct heads));
}

static int
json_open(struct store_user *user)
{
	user->own = NULL; /* everything is the process's */
	return 0;
}

static void
json_close(struct store_user *user)
{
	(void)user;
}

const struct store_impl store_json = {
    .name = "json",
    .share = json_share,
    .unshare = json_unshare,
    .prepare = recovery_prepare,
    .open = json_open,
    .close = json_close,
    .read = json_read,
    .abandon = store_abandon_nothing,
    .write = json_write,
    .find = index_find,
    .each = index_each,
    .create = catalogue_create,
    .configure = catalogue_configure,
    .remove = catalogue_remove,
    .list = json_list,
    .tidy = json_tidy,
};
