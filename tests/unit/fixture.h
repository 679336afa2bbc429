/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real store and real locks in a directory of the test's own, made as the
 * supervisor makes them; for the tests of what uses both.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "locks/clock.h"
#include "locks/lock.h"
#include "storage/store.h"
#include "tests/tree.h"
#include "tests/unit/database.h"

struct fixture {
	const char *kind; /* of the store */
	char dir[64];
	struct store *store;
	struct store_user *user; /* the test's own, to look and to change */
	struct locks *locks;
};

#define ok(call) assert_int_equal((call), STORE_OK)

/*
 * Run the tests over each store, or over that of the kind `only` alone, which
 * is their first state.  An argument is a pattern: only tests that match it,
 * with * and ?, are run.  How many failed.
 */
static inline int
run_over_stores(int argc, char **argv, const char *only,
    const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest *rows = calloc(count, sizeof(*rows));
	const char *kind;
	int failed = 0;
	size_t i, j;

	assert_non_null(rows);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (i = 0; (kind = store_at(i)) != NULL; i++) {
		if (only != NULL && strcmp(kind, only) != 0)
			continue;
		if (store_has_hosts(kind) && !database_is_there()) {
			print_message("# no database for the store %s: run it "
				      "by tests/cluster\n",
			    kind);
			failed++;
			continue;
		}
		for (j = 0; j < count; j++) {
			rows[j] = tests[j];
			rows[j].initial_state = (void *)(uintptr_t)kind;
		}
		print_message("The store %s:\n", kind);
		failed +=
		    _cmocka_run_group_tests(kind, rows, count, NULL, NULL);
	}
	free(rows);
	return failed;
}

/* The same over those that are files of one machine: their disk can fail. */
static inline int
run_over_local_stores(
    int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	const char *kind;
	int failed = 0;
	size_t i;

	for (i = 0; (kind = store_at(i)) != NULL; i++)
		if (!store_has_hosts(kind))
			failed +=
			    run_over_stores(argc, argv, kind, tests, count);
	return failed;
}

/* On the real clock: what locks and stores look at. */
static inline int64_t
in_ms(int64_t ms)
{
	return clock_now_ns() + ms * NS_PER_MS;
}

static inline void
prepare_in_child(struct fixture *f)
{
	char error[256];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (store_prepare(f->store, error, sizeof(error)) == 0)
			_exit(0);
		fprintf(stderr, "prepare: %s\n", error);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static inline struct store_user *
open_store(struct fixture *f)
{
	struct store_user *user;
	char error[256];

	user = store_open(f->store, error, sizeof(error));
	if (user == NULL)
		fail_msg("open: %s", error);
	return user;
}

static inline void
fixture_start(struct fixture *f, const char *kind)
{
	struct lock_config config = {.dir = f->dir, .workers = 2, .clerks = 2};

	*f = (struct fixture){.kind = kind};
	/* Not /tmp, which may be a tmpfs, where a sync does nothing. */
	(void)mkdir("build", 0755);
	snprintf(f->dir, sizeof(f->dir), "build/unit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->store = store_new(kind, f->dir);
	assert_non_null(f->store);
	if (store_has_hosts(kind))
		store_set_database(f->store, database_of(f->dir));
	prepare_in_child(f);
	f->locks = locks_prepare(&config);
	assert_non_null(f->locks);
	f->user = open_store(f);
}

static inline void
fixture_stop(struct fixture *f)
{
	store_close(f->user);
	locks_free(f->locks);
	store_free(f->store);
	if (store_has_hosts(f->kind))
		database_drop(f->dir);
	tree_remove(f->dir);
}

/* A sale without a delay. */
static inline void
create_sale(
    struct fixture *f, const char *id, int64_t capacity, const char *lock)
{
	struct store_settings settings = {.capacity = capacity};
	struct store_state state;

	snprintf(settings.id, sizeof(settings.id), "%s", id);
	snprintf(settings.lock, sizeof(settings.lock), "%s", lock);
	ok(store_create(f->user, &settings, in_ms(5000), &state));
}

static inline struct store_state
state_of(struct fixture *f, const char *id)
{
	struct store_state state;

	ok(store_read(f->user, id, &state));
	return state;
}

/* As PATCH does; NULL and -1 leave the lock, the delay as they are. */
static inline void
configure_sale(struct fixture *f, const char *id, const char *lock,
    int64_t delay_min_ms, int64_t delay_max_ms)
{
	struct store_state state = state_of(f, id);
	struct store_change change = {
	    .settings = state.settings, .trail = "[]"};

	if (lock != NULL)
		snprintf(change.settings.lock, STORE_LOCK_SIZE, "%s", lock);
	if (delay_min_ms != -1) {
		change.settings.delay_min_ms = delay_min_ms;
		change.settings.delay_max_ms = delay_max_ms;
	}
	ok(store_configure(f->user, &state, &change, in_ms(5000)));
}

#endif
