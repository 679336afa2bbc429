/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strategies by name, from the table in lock_rows.c, and the wrappers that
 * callers use: they check the contract and the deadline, so that no lock has
 * to.
 */
#include "locks/lock_impl.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "locks/line.h"

static_assert(LOCK_PERMITS_MAX <= 9, "permits are one digit");

/* Made before the fork and not changed after it; by row. */
struct locks {
	struct lines *lines;
	size_t prepared; /* rows */
	void *shared[LOCK_ROWS_MAX];
};

/* One thread's. */
struct lock_user {
	bool holding, was_refused;
	struct lines *lines;
	size_t attached; /* rows */
	void *own[LOCK_ROWS_MAX];
};

size_t
lock_count(void)
{
	assert(lock_rows_count <= LOCK_ROWS_MAX);
	return lock_rows_count;
}

struct lock_strategy
lock_at(size_t i)
{
	assert(i < lock_count());
	return (struct lock_strategy){.impl = lock_rows[i], .permits = 1};
}

unsigned
lock_row(struct lock_strategy strategy)
{
	unsigned i;

	for (i = 0; i < lock_count(); i++)
		if (lock_rows[i] == strategy.impl)
			return i;
	assert(false && "a strategy that lock_parse() did not make");
	abort();
}

bool
lock_variant(size_t i, struct lock_strategy *variant)
{
	*variant = lock_at(i);
	variant->permits = variant->impl->permits_shown;
	return variant->permits > 1;
}

bool
lock_parse(const char *name, struct lock_strategy *strategy)
{
	const size_t length = strcspn(name, ":");
	size_t i;

	for (i = 0; i < lock_count(); i++) {
		const struct lock_impl *impl = lock_rows[i];

		if (strlen(impl->name) != length ||
		    memcmp(impl->name, name, length) != 0)
			continue;
		*strategy = lock_at(i);
		if (name[length] == '\0')
			return true;
		if (impl->permits_max == 1 || name[length + 1] < '1' ||
		    name[length + 1] > '0' + (int)impl->permits_max ||
		    name[length + 2] != '\0')
			return false;
		strategy->permits = (unsigned)(name[length + 1] - '0');
		return true;
	}
	return false;
}

void
lock_print(struct lock_strategy strategy, char name[LOCK_NAME_SIZE])
{
	const char permits = (char)('0' + strategy.permits);
	const char suffix[] = {permits == '1' ? '\0' : ':', permits, '\0'};
	const int length =
	    snprintf(name, LOCK_NAME_SIZE, "%s%s", strategy.impl->name, suffix);

	assert(length < LOCK_NAME_SIZE);
	(void)length;
}

struct lock_facts
lock_facts(struct lock_strategy strategy)
{
	struct lock_facts facts = strategy.impl->facts;

	if (strategy.permits > 1) {
		facts.excludes_threads = facts.excludes_processes =
		    facts.excludes_hosts = false;
		facts.wrong_on_purpose = true;
	}
	return facts;
}

const char *
lock_summary(struct lock_strategy strategy)
{
	return strategy.impl->summary;
}

const char *
lock_when_killed(struct lock_strategy strategy)
{
	return strategy.impl->when_killed;
}

enum lock_reach
lock_reach(struct lock_strategy strategy)
{
	const struct lock_facts facts = lock_facts(strategy);

	/* A write that the store checks is checked for whoever writes there. */
	if (facts.checks_write || facts.excludes_hosts)
		return LOCK_REACH_HOSTS;
	if (!facts.excludes_threads)
		return LOCK_REACH_NOBODY;
	return facts.excludes_processes ? LOCK_REACH_HOST : LOCK_REACH_THREADS;
}

const char *
lock_reach_name(enum lock_reach reach)
{
	static const char *const names[] = {
	    "nobody", "threads", "host", "hosts"};

	return names[reach];
}

bool
lock_is_safe(struct lock_strategy strategy, enum lock_reach needed)
{
	return lock_reach(strategy) >= needed;
}

static char names[LOCK_ROWS_MAX * (2 * LOCK_NAME_SIZE + 24)];

static void
make_names(void)
{
	size_t i, n = 0;

	for (i = 0; i < lock_count(); i++) {
		const struct lock_impl *impl = lock_rows[i];

		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
		    i == 0 ? "" : ", ", impl->name);
		if (impl->permits_max > 1)
			n += (size_t)snprintf(names + n, sizeof(names) - n,
			    ", %s:N (N from 2 to %u)", impl->name,
			    impl->permits_max);
	}
}

const char *
lock_names(void)
{
	static pthread_once_t made = PTHREAD_ONCE_INIT;

	pthread_once(&made, make_names);
	return names;
}

struct locks *
locks_prepare(const struct lock_config *config)
{
	struct locks *locks;
	size_t i;

	assert(config->workers <= LOCK_WORKERS_MAX);
	assert(config->clerks <= LOCK_CLERKS_MAX);
	locks = calloc(1, sizeof(*locks));
	if (locks == NULL)
		return NULL;
	locks->lines = lines_new();
	for (i = 0; locks->lines != NULL && i < lock_count(); i++) {
		if (lock_rows[i]->prepare(config, &locks->shared[i]) != 0)
			break;
		locks->prepared++;
	}
	if (locks->prepared == lock_count())
		return locks;
	locks_free(locks);
	return NULL;
}

void
locks_free(struct locks *locks)
{
	size_t i;

	if (locks == NULL)
		return;
	for (i = 0; i < locks->prepared; i++)
		lock_rows[i]->destroy(locks->shared[i]);
	lines_free(locks->lines);
	free(locks);
}

struct lock_user *
locks_attach(struct locks *locks, unsigned worker, unsigned clerk)
{
	struct lock_user *user;
	size_t i;

	assert(worker < LOCK_WORKERS_MAX && clerk < LOCK_CLERKS_MAX);
	user = calloc(1, sizeof(*user));
	if (user == NULL)
		return NULL;
	user->lines = locks->lines;
	for (i = 0; i < lock_count(); i++) {
		if (lock_rows[i]->attach(
			locks->shared[i], worker, clerk, &user->own[i]) != 0) {
			locks_detach(user);
			return NULL;
		}
		user->attached++;
	}
	return user;
}

void
locks_detach(struct lock_user *user)
{
	size_t i;

	if (user == NULL)
		return;
	for (i = 0; i < user->attached; i++)
		lock_rows[i]->detach(user->own[i]);
	free(user);
}

/* A try; then a wait that ends in time. */
static enum lock_result
acquire(const struct lock_impl *impl, void *own, unsigned slot,
    unsigned permits, int64_t deadline_ns)
{
	enum lock_result result = impl->acquire(own, slot, permits, 0);

	if (result != LOCK_TIMED_OUT || clock_now_ns() >= deadline_ns)
		return result;
	result = impl->acquire(own, slot, permits, deadline_ns);
	if (result > LOCK_INHERITED || clock_now_ns() <= deadline_ns)
		return result;
	impl->release(own, slot, permits);
	return LOCK_TIMED_OUT;
}

enum lock_result
lock_acquire(struct lock_user *user, struct lock_strategy strategy,
    unsigned slot, int64_t deadline_ns, struct lock_hold *hold)
{
	const struct lock_impl *impl = strategy.impl;
	enum lock_result result;
	bool is_head;

	assert(hold->user == NULL && !user->holding);
	assert(slot < LOCK_SLOTS);
	is_head = impl->overtakes && line_enter(user->lines, slot, deadline_ns);
	result = acquire(impl, user->own[lock_row(strategy)], slot,
	    strategy.permits, deadline_ns);
	user->holding = result <= LOCK_INHERITED;
	if (is_head && !(user->holding && user->was_refused)) {
		line_leave(user->lines, slot);
		is_head = false;
	}
	user->was_refused = false;
	if (user->holding)
		*hold = (struct lock_hold){.user = user,
		    .strategy = strategy,
		    .slot = slot,
		    .is_head = is_head};
	return result;
}

void
lock_refused(const struct lock_hold *hold)
{
	hold->user->was_refused = true;
}

void
lock_release(struct lock_hold *hold)
{
	const struct lock_impl *impl = hold->strategy.impl;

	assert(hold->user != NULL);
	impl->release(hold->user->own[lock_row(hold->strategy)], hold->slot,
	    hold->strategy.permits);
	if (hold->is_head)
		line_leave(hold->user->lines, hold->slot);
	hold->user->holding = false;
	hold->user = NULL;
}

unsigned
locks_force_release(struct locks *locks, unsigned worker)
{
	unsigned permits = 0;
	size_t i;

	assert(worker < LOCK_WORKERS_MAX);
	for (i = 0; i < lock_count(); i++)
		permits +=
		    lock_rows[i]->force_release(locks->shared[i], worker);
	return permits;
}
