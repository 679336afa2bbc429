/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heads are published in turn in two copies, word by word: who reads while
 * one is written sees that `published` moved, and reads again.
 */
#include "storage/json/heads.h"

#include <string.h>

#include "locks/robust.h"
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

/* If `published` did not move meanwhile, only the other copy was written. */
struct head
heads_read(struct slot *slot)
{
	uint64_t number, word[HEAD_WORDS] = {0};
	struct head head;
	size_t i;

	do {
		number = atomic_load(&slot->published);
		for (i = 0; i < HEAD_WORDS; i++)
			word[i] = atomic_load_explicit(
			    &slot->copy[number % 2][i], memory_order_acquire);
	} while (atomic_load(&slot->published) != number);
	memcpy(&head, word, sizeof(head));
	return head;
}

/* A hint only: it need not be secret. */
static uint64_t
hash_of(const char *id)
{
	static const uint64_t seed[2] = {UINT64_C(0x9e3779b97f4a7c15), 0};

	return table_hash(seed, id, strlen(id));
}

void
heads_publish(struct slot *slot, const struct head *head)
{
	const uint64_t number = atomic_load(&slot->published) + 1;
	uint64_t word[HEAD_WORDS] = {0};
	size_t i;

	/* First: killed in between, it leaves a hint too many, not a sale that
	 * cannot be found. */
	if (head->state.birth != 0)
		atomic_store(&slot->name, hash_of(head->state.settings.id));
	memcpy(word, head, sizeof(*head));
	for (i = 0; i < HEAD_WORDS; i++)
		atomic_store_explicit(
		    &slot->copy[number % 2][i], word[i], memory_order_release);
	atomic_store(&slot->published, number);
}

int
heads_find(struct heads *heads, const char *id, struct head *head)
{
	const uint64_t name = hash_of(id);
	const unsigned slots = atomic_load(&heads->slots);
	unsigned i;

	for (i = 0; i < slots; i++) {
		if (atomic_load_explicit(
			&heads->slot[i].name, memory_order_acquire) != name)
			continue;
		*head = heads_read(&heads->slot[i]);
		if (head->state.birth != 0 &&
		    strcmp(head->state.settings.id, id) == 0)
			return (int)i;
	}
	return -1;
}

void
heads_reset(struct heads *heads)
{
	const struct head none = {0};
	unsigned i;

	robust_init(&heads->catalogue);
	robust_init(&heads->tidying);
	for (i = 0; i < STORE_SALES_MAX; i++) {
		robust_init(&heads->slot[i].latch);
		heads_publish(&heads->slot[i], &none);
	}
}
