/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upgrade: shared to look, and exclusive, without letting go, to change.
 *
 * Excludes:     writers and readers from each other.
 * Holder dies:  its share stays taken.
 * Fails:        two who look both want to change, and each waits for the other
 *               to stop looking: a deadlock.
 * Cure:         ask for the exclusive lock at once where a change may follow;
 *               or let one of the two be refused, as SQLite does with
 *               SQLITE_BUSY, and look again.
 */
#include "tests/lab/museum/museum.h"

/* word[0]: who looks, a bit each; word[1]: who changes. */
static enum lock_result
upgrade_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct visitor *v = own;

	(void)permits;
	(void)deadline_ns;
	if (atomic_load(&v->words->word[slot][1]) != 0)
		return LOCK_TIMED_OUT;
	atomic_fetch_or(&v->words->word[slot][0], 1u << v->name);
	return LOCK_HELD;
}

static uint32_t
others_of(const struct visitor *v, unsigned slot)
{
	return atomic_load(&v->words->word[slot][0]) & ~(1u << v->name);
}

static void
upgrade_before(void *own, unsigned slot, enum step step)
{
	struct visitor *v = own;
	uint32_t others;

	if (step != STEP_WRITE)
		return;
	while ((others = others_of(v, slot)) != 0)
		museum_blocked("a share", (uint32_t)__builtin_ctz(others));
	atomic_store(&v->words->word[slot][1], v->name);
}

static void
upgrade_release(void *own, unsigned slot, unsigned permits)
{
	struct visitor *v = own;

	(void)permits;
	if (atomic_load(&v->words->word[slot][1]) == v->name)
		atomic_store(&v->words->word[slot][1], 0);
	atomic_fetch_and(&v->words->word[slot][0], ~(1u << v->name));
}

const struct exhibit upgrade_exhibit = {
    .impl = {.name = "upgrade",
	.summary = "a shared lock that is made exclusive to write",
	.when_killed = "its share stays taken",
	.facts = {MUSEUM_CLAIMS},
	.acquire = upgrade_acquire,
	.release = upgrade_release,
	MUSEUM_SHARED},
    .says = "but readers need not wait for each other",
    .why = "two who look both wait for the other to stop looking",
    .cure = "exclusive from the start, where a change may follow",
    .met_in = "https://www.sqlite.org/lang_transaction.html",
    .before = upgrade_before,
};
