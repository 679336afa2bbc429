/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service, broken on purpose: what an oracle must find.  A second binary,
 * turnstile-broken, is linked with these tables of stores and of locks in place
 * of the real ones: each row is the real store, or the real mutex, but for what
 * TURNSTILE_BROKEN names.
 *
 *     lock        the mutex does nothing
 *     unlock      the lock is released before the write
 *     receipt     some receipts are not written, their seats are gone
 *     twice       some sales decrement the counter twice
 *     sold-out    some who read the counter see 0
 *     retry       keys are forgotten: a retry is a new order
 *     stale       some queries tell an old counter
 *     busy        some sales are written, and answered with 503; found by
 *                 tests/history, as buyers here ask again by their key
 */
#include <sys/mman.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "locks/lock_impl.h"
#include "storage/store_impl.h"

#define EVERY 7 /* "some" */

extern const struct store_impl store_json, store_sqlite;
static const struct store_impl *const real[] = {&store_json, &store_sqlite};
#define ROWS (sizeof(real) / sizeof(real[0]))

/* Filled before main(). */
static struct store_impl rows[ROWS];
const struct store_impl *const store_rows[] = {&rows[0], &rows[1]};
const size_t store_rows_count = ROWS;

static_assert(
    sizeof(store_rows) / sizeof(store_rows[0]) == ROWS, "a row for each store");

extern const struct lock_impl lock_none, lock_mutex;
static struct lock_impl mutex;
const struct lock_impl *const lock_rows[] = {&lock_none, &mutex};
const size_t lock_rows_count = sizeof(lock_rows) / sizeof(lock_rows[0]);

/* Shared by all workers: made before main() forks them. */
static struct shared {
	_Atomic unsigned reads, writes;
	_Atomic int64_t lost; /* tickets on receipts that were not written */
} * shared;

/* The hold that "unlock" releases too early; own NULL: none. */
static _Thread_local struct {
	void *own;
	unsigned slot, permits;
} held;

static bool
broken(const char *what)
{
	const char *name = getenv("TURNSTILE_BROKEN");

	return name != NULL && strcmp(name, what) == 0;
}

static bool
is_clerk(void)
{
	char name[16] = "";

	pthread_getname_np(pthread_self(), name, sizeof(name));
	return strncmp(name, "clerk", 5) == 0;
}

static const struct store_impl *
real_of(const struct store_user *user)
{
	return real[user->store->impl - rows];
}

static enum lock_result
broken_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	enum lock_result result;

	if (broken("lock"))
		return LOCK_HELD;
	result = lock_mutex.acquire(own, slot, permits, deadline_ns);
	if (result == LOCK_HELD) {
		held.own = own;
		held.slot = slot;
		held.permits = permits;
	}
	return result;
}

static void
broken_release(void *own, unsigned slot, unsigned permits)
{
	if (held.own != NULL)
		lock_mutex.release(own, slot, permits);
	held.own = NULL;
}

static enum store_result
broken_read(struct store_user *user, const char *id, struct store_state *state)
{
	const enum store_result result = real_of(user)->read(user, id, state);
	unsigned n;

	if (result != STORE_OK || strncmp(id, "stress-", 7) != 0)
		return result;
	state->remaining -= atomic_load(&shared->lost);
	n = atomic_fetch_add(&shared->reads, 1);
	if (broken("sold-out") && is_clerk() && n % EVERY == EVERY - 1)
		state->remaining = 0;
	if (broken("stale") && !is_clerk() && state->version > 3 &&
	    n % EVERY == EVERY - 1)
		state->remaining += 3;
	return result;
}

static enum store_result
broken_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	if (broken("retry") && by == STORE_BY_KEY)
		return STORE_GONE;
	return real_of(user)->find(user, state, by, value, visit, arg);
}

static enum store_result
broken_begin(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	if (broken("unlock") && held.own != NULL) {
		broken_release(held.own, held.slot, held.permits);
		clock_sleep_until(clock_now_ns() + 5 * NS_PER_MS);
	}
	return real_of(user)->begin(user, state, deadline_ns, now);
}

/* The lines as they are written; what the buyers are told stays as it is. */
static enum store_result
broken_append(struct store_user *user, const struct store_state *after,
    const struct store_line *lines, size_t count)
{
	const bool now =
	    !broken("busy") &&
	    atomic_fetch_add(&shared->writes, 1) % EVERY == EVERY - 1;
	struct store_line *written = calloc(count, sizeof(*written));
	struct store_state left = *after;
	enum store_result result = STORE_OK;
	size_t i;

	if (written == NULL)
		abort();
	memcpy(written, lines, count * sizeof(*lines));
	for (i = 0; i < count; i++) {
		if (broken("receipt") && now)
			atomic_fetch_add(&shared->lost, lines[i].quantity);
		if (broken("receipt"))
			written[i].remaining += atomic_load(&shared->lost);
		if (broken("retry"))
			written[i].key = NULL;
		if (broken("twice") && now && lines[i].remaining > 0)
			written[i].remaining--;
	}
	left.remaining = written[count - 1].remaining;
	if (!broken("receipt") || !now)
		result = real_of(user)->append(user, &left, written, count);
	free(written);
	return result;
}

/* Only a sale is written by who holds a lock. */
static enum store_result
broken_end(struct store_user *user, const struct store_state *state,
    enum store_result result)
{
	result = real_of(user)->end(user, state, result);
	if (broken("busy") && result == STORE_OK && held.own != NULL &&
	    atomic_fetch_add(&shared->writes, 1) % EVERY == EVERY - 1)
		return STORE_FULL;
	return result;
}

__attribute__((constructor)) static void
break_rows(void)
{
	size_t i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	mutex = lock_mutex;
	mutex.acquire = broken_acquire;
	mutex.release = broken_release;
	for (i = 0; i < ROWS; i++) {
		rows[i] = *real[i];
		rows[i].read = broken_read;
		rows[i].find = broken_find;
		rows[i].begin = broken_begin;
		rows[i].append = broken_append;
		rows[i].end = broken_end;
	}
}
