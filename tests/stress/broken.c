/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service, broken on purpose: what an oracle must find.  Linked into a
 * second binary, turnstile-broken, in front of the real functions (the
 * linker's --wrap); TURNSTILE_BROKEN names what is broken.
 *
 *     lock        the mutex does nothing
 *     unlock      the lock is released before the write
 *     receipt     some receipts are not written, their seats are gone
 *     twice       some sales decrement the counter twice
 *     sold-out    some who read the counter see 0
 *     retry       keys are forgotten: a retry is a new order
 *     stale       some queries tell an old counter
 */
#include <sys/mman.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "locks/lock.h"
#include "storage/store.h"

#define EVERY 7 /* "some" */

enum lock_result __real_lock_acquire(struct lock_user *user,
    struct lock_strategy strategy, unsigned slot, int64_t deadline_ns,
    struct lock_hold *hold);
enum lock_result __wrap_lock_acquire(struct lock_user *user,
    struct lock_strategy strategy, unsigned slot, int64_t deadline_ns,
    struct lock_hold *hold);
void __real_lock_release(struct lock_hold *hold);
void __wrap_lock_release(struct lock_hold *hold);
enum store_result __real_store_put(struct store_user *user,
    const struct store_state *state, struct store_line *lines, size_t count,
    int64_t deadline_ns, bool *overwrote);
enum store_result __wrap_store_put(struct store_user *user,
    const struct store_state *state, struct store_line *lines, size_t count,
    int64_t deadline_ns, bool *overwrote);
enum store_result __real_store_read(
    struct store_user *user, const char *id, struct store_state *state);
enum store_result __wrap_store_read(
    struct store_user *user, const char *id, struct store_state *state);
enum store_result __real_store_find(struct store_user *user,
    const struct store_state *state, enum store_by by, const char *value,
    store_visit_fn *visit, void *arg);
enum store_result __wrap_store_find(struct store_user *user,
    const struct store_state *state, enum store_by by, const char *value,
    store_visit_fn *visit, void *arg);

/* Shared by all workers: made before main() forks them. */
static struct shared {
	_Atomic unsigned reads, puts;
	_Atomic int64_t lost; /* tickets on receipts that were not written */
} * shared;

/* The hold that "unlock" releases too early. */
static _Thread_local struct lock_hold *held;

__attribute__((constructor)) static void
share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
}

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

enum lock_result
__wrap_lock_acquire(struct lock_user *user, struct lock_strategy strategy,
    unsigned slot, int64_t deadline_ns, struct lock_hold *hold)
{
	held = hold;
	if (broken("lock"))
		lock_parse("none", &strategy);
	return __real_lock_acquire(user, strategy, slot, deadline_ns, hold);
}

void
__wrap_lock_release(struct lock_hold *hold)
{
	if (hold->user != NULL)
		__real_lock_release(hold);
}

enum store_result
__wrap_store_read(
    struct store_user *user, const char *id, struct store_state *state)
{
	const enum store_result result = __real_store_read(user, id, state);
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

enum store_result
__wrap_store_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	if (broken("retry") && by == STORE_BY_KEY)
		return STORE_GONE;
	return __real_store_find(user, state, by, value, visit, arg);
}

enum store_result
__wrap_store_put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns,
    bool *overwrote)
{
	const bool now =
	    atomic_fetch_add(&shared->puts, 1) % EVERY == EVERY - 1;
	enum store_result result;
	size_t i;

	if (broken("unlock") && held->user != NULL) {
		__real_lock_release(held);
		clock_sleep_until(clock_now_ns() + 5 * NS_PER_MS);
	}
	if (broken("receipt") && now) {
		for (i = 0; i < count; i++) {
			lines[i].version = state->version + 1;
			atomic_fetch_add(&shared->lost, lines[i].quantity);
		}
		return STORE_OK;
	}
	for (i = 0; i < count; i++) {
		if (broken("receipt"))
			lines[i].remaining += atomic_load(&shared->lost);
		if (broken("retry"))
			lines[i].key = NULL;
		if (broken("twice") && now && lines[i].remaining > 0)
			lines[i].remaining--;
	}
	result =
	    __real_store_put(user, state, lines, count, deadline_ns, overwrote);
	for (i = 0; i < count; i++)
		if (broken("receipt"))
			lines[i].remaining -= atomic_load(&shared->lost);
	return result;
}
