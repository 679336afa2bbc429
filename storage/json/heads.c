/* SPDX-License-Identifier: BSD-2-Clause */
/* What the processes share of each sale, and the latches. */
#include "storage/json/heads.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "locks/robust.h"
#include "storage/json/files.h"
#include "storage/json/table.h"

struct heads *
heads_of(const struct store_user *user)
{
	return user->store->shared;
}

struct slot *
heads_slot(const struct store_user *user, unsigned slot)
{
	return &heads_of(user)->slot[slot];
}

/*
 * Any thread, no lock.  If `published` did not move meanwhile, the writer can
 * have touched the other copy only.
 */
struct head
heads_read(struct slot *slot)
{
	union head_words words;
	uint64_t number;
	size_t i;

	do {
		number = atomic_load(&slot->published);
		for (i = 0; i < HEAD_WORDS; i++)
			words.word[i] = atomic_load_explicit(
			    &slot->copy[number % 2][i], memory_order_acquire);
	} while (atomic_load(&slot->published) != number);
	return words.head;
}

/* The latch's holder. */
void
heads_publish(struct slot *slot, const struct head *head)
{
	const uint64_t number = atomic_load(&slot->published) + 1;
	union head_words words;
	size_t i;

	/* First: killed in between, it leaves a hint too many, not a sale that
	 * cannot be found. */
	if (head->state.birth != 0)
		atomic_store(&slot->name, table_hash(head->state.settings.id,
					      strlen(head->state.settings.id)));
	memset(&words, 0, sizeof(words));
	words.head = *head;
	for (i = 0; i < HEAD_WORDS; i++)
		atomic_store_explicit(&slot->copy[number % 2][i], words.word[i],
		    memory_order_release);
	atomic_store(&slot->published, number);
}

/* The slot of the sale `id`; -1: there is none. */
int
heads_find(struct heads *shared, const char *id, struct head *head)
{
	const uint64_t name = table_hash(id, strlen(id));
	const unsigned slots = atomic_load(&shared->slots);
	unsigned i;

	for (i = 0; i < slots; i++) {
		if (atomic_load_explicit(
			&shared->slot[i].name, memory_order_acquire) != name)
			continue;
		*head = heads_read(&shared->slot[i]);
		if (head->state.birth != 0 &&
		    strcmp(head->state.settings.id, id) == 0)
			return (int)i;
	}
	return -1;
}

/*
 * The last holder was killed.  Nothing beyond the mark was acknowledged: cut
 * it.  A change or removal may have reached the disk before it could be
 * published: finish it.
 */
static enum store_result
settle(struct store_user *user, struct slot *slot)
{
	struct head head = heads_read(slot);
	const struct store_state published = head.state;
	const char *id = published.settings.id;
	int fd;

	if (published.birth == 0)
		return STORE_OK;
	switch (files_load_settings(user->store, id, &head.state)) {
	case -1:
		head.state.birth = 0;
		break;
	case -2:
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" SETTINGS " cannot be read", user->store->dir, id);
	default:
		head.state.settings.capacity = published.settings.capacity;
		/* One of the two is older; nothing may be written under it. */
		if (head.state.epoch != published.epoch)
			head.state.epoch = store_random();
		fd = files_open_ledger(user->store, id, O_RDWR);
		if (fd == -1)
			return files_fail(user, id, "open");
		if (ftruncate(fd, head.mark) != 0) {
			close(fd);
			return files_fail(user, id, "truncate");
		}
		close(fd);
	}
	heads_publish(slot, &head);
	return STORE_OK;
}

/* BUSY: the deadline came first. */
static enum store_result
latch(struct store_user *user, pthread_mutex_t *mutex, int64_t deadline_ns,
    bool *inherited)
{
	*inherited = false;
	switch (robust_lock(mutex, deadline_ns)) {
	case ROBUST_INHERITED:
		*inherited = true;
		return STORE_OK;
	case ROBUST_HELD:
		return STORE_OK;
	case ROBUST_TIMED_OUT:
		return STORE_BUSY;
	case ROBUST_FAILED:
		break;
	}
	return store_fail(user, STORE_FAILED, "latch: %s", strerror(errno));
}

/* Enter a sale's latch, and settle what a dead holder left. */
enum store_result
heads_latch(struct store_user *user, struct slot *slot, int64_t deadline_ns)
{
	enum store_result result;
	bool inherited;

	result = latch(user, &slot->latch, deadline_ns, &inherited);
	if (result != STORE_OK)
		return result;
	if (inherited) {
		result = settle(user, slot);
		if (result != STORE_OK) /* then recovery must */
			atomic_store(user->store->is_poisoned, true);
		robust_repaired(&slot->latch);
	}
	if (result == STORE_OK && store_poisoned(user->store))
		result = store_refuse_poisoned(user);
	if (result != STORE_OK)
		robust_unlock(&slot->latch);
	return result;
}

/* Run in the catalogue's latch; a dead holder left nothing to settle. */
enum store_result
heads_latch_catalogue(struct store_user *user, int64_t deadline_ns)
{
	pthread_mutex_t *catalogue = &heads_of(user)->catalogue;
	enum store_result result;
	bool inherited;

	result = latch(user, catalogue, deadline_ns, &inherited);
	if (inherited)
		robust_repaired(catalogue);
	return result;
}

/* What a write or change is refused for, in the latch. */
enum store_result
heads_check(const struct head *head, const struct store_state *state)
{
	if (head->state.birth != state->birth)
		return STORE_GONE;
	if (head->state.epoch != state->epoch)
		return STORE_MOVED;
	return STORE_OK;
}

int
heads_reset(struct heads *shared, bool keep_heads)
{
	const struct head none = {0};
	unsigned i;

	if (robust_init(&shared->catalogue) != 0 ||
	    robust_init(&shared->tidying) != 0)
		return -1;
	for (i = 0; i < STORE_SALES_MAX; i++) {
		if (robust_init(&shared->slot[i].latch) != 0)
			return -1;
		if (!keep_heads)
			heads_publish(&shared->slot[i], &none);
	}
	return 0;
}
