/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checking lock lets pass what is right and dies of what is wrong.  The
 * wrong is done in a child, at the rows themselves: the wrappers of lock.h
 * would die of some of it first.
 */
#include <sys/wait.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "locks/lock_impl.h"
#include "tests/unit/lock_checked.h"

#define SLOT 7

/* The mutex, for worker 0 of one, with two clerks' handles. */
static const struct lock_impl *row;
static void *shared, *own, *other;

typedef void wrong_fn(void);

static int
set_up(void **state)
{
	const struct lock_config config = {
	    .dir = "/tmp", .workers = 1, .clerks = 2};
	struct lock_strategy mutex;

	(void)state;
	if (!lock_parse("mutex", &mutex))
		return -1;
	row = mutex.impl;
	if (row->prepare(&config, &shared) != 0 ||
	    row->attach(shared, 0, 0, &own) != 0)
		return -1;
	return row->attach(shared, 0, 1, &other);
}

static int
tear_down(void **state)
{
	(void)state;
	row->detach(own);
	row->detach(other);
	row->destroy(shared);
	return 0;
}

static void
acquire(void)
{
	assert_int_equal(row->acquire(own, SLOT, 1, 0), LOCK_HELD);
}

static void
release(void)
{
	row->release(own, SLOT, 1);
}

static void
test_what_is_right_passes(void **state)
{
	(void)state;
	assert_false(lock_checked_is_held());
	acquire();
	assert_true(lock_checked_is_held());
	assert_true(lock_checked_holds_slot(SLOT));
	assert_false(lock_checked_holds_slot(SLOT + 1));
	assert_int_equal(row->acquire(other, SLOT, 1, 0), LOCK_TIMED_OUT);
	assert_int_equal(row->acquire(other, SLOT + 1, 1, 0), LOCK_HELD);
	assert_true(lock_checked_holds_slot(SLOT + 1));
	release(); /* not in the order of the acquires */
	assert_true(lock_checked_is_held());
	assert_false(lock_checked_holds_slot(SLOT));
	row->release(other, SLOT + 1, 1);
	assert_false(lock_checked_is_held());
	assert_int_equal(row->force_release(shared, 0), 0);
}

static void *
see_nothing(void *arg)
{
	*(bool *)arg = !lock_checked_is_held();
	return NULL;
}

static void
test_another_thread_holds_nothing(void **state)
{
	bool seen = false;
	pthread_t thread;

	(void)state;
	acquire();
	assert_int_equal(pthread_create(&thread, NULL, see_nothing, &seen), 0);
	pthread_join(thread, NULL);
	assert_true(seen);
	release();
}

/* All of lock.h's table is there, under its names and with its facts. */
static void
test_every_row_is_wrapped(void **state)
{
	size_t i;

	(void)state;
	assert_true(lock_count() > 1);
	for (i = 0; i < lock_count(); i++) {
		assert_ptr_equal(lock_rows[i]->acquire, row->acquire);
		assert_non_null(strstr(lock_names(), lock_rows[i]->name));
	}
	assert_true(row->facts.tells_death);
}

/*
 * What is wrong.
 */

static void
acquire_twice(void)
{
	acquire();
	row->acquire(own, SLOT + 1, 1, 0);
}

static void
acquire_beyond_slots(void)
{
	row->acquire(own, LOCK_SLOTS, 1, 0);
}

static void
acquire_three_permits(void)
{
	row->acquire(own, SLOT, 3, 0);
}

static void
release_twice(void)
{
	acquire();
	release();
	release();
}

static void
release_another_slot(void)
{
	acquire();
	row->release(own, SLOT + 1, 1);
}

static void
detach_while_it_holds(void)
{
	acquire();
	row->detach(own);
}

static void
free_while_attached(void)
{
	row->detach(own);
	row->destroy(shared);
}

static void
attach_a_third_clerk(void)
{
	void *third;

	row->attach(shared, 0, 2, &third);
}

static void
attach_a_second_worker(void)
{
	void *second;

	row->attach(shared, 1, 0, &second);
}

static void
hand_back_for_nobody(void)
{
	row->force_release(shared, 1);
}

static void *
acquire_here(void *arg)
{
	(void)arg;
	acquire();
	return NULL;
}

static void
acquire_on_another_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, acquire_here, NULL);
	pthread_join(thread, NULL);
}

static void *
release_here(void *arg)
{
	(void)arg;
	release();
	return NULL;
}

static void
release_on_another_thread(void)
{
	pthread_t thread;

	acquire();
	pthread_create(&thread, NULL, release_here, NULL);
	pthread_join(thread, NULL);
}

/* The child's handle is its parent's. */
static void
acquire_after_a_fork(void)
{
	acquire();
}

static const struct wrong {
	const char *name, *said;
	wrong_fn *wrong;
} wrongs[] = {
    {"acquire while it holds", "acquired while it holds", acquire_twice},
    {"acquire: a slot", "no such slot", acquire_beyond_slots},
    {"acquire: permits", "no such number of permits", acquire_three_permits},
    {"release twice", "not held", release_twice},
    {"release another slot", "another lock", release_another_slot},
    {"detach while it holds", "detached while it holds", detach_while_it_holds},
    {"free while attached", "while a thread is attached", free_while_attached},
    {"attach: a clerk", "that there is not", attach_a_third_clerk},
    {"attach: a worker", "that there is not", attach_a_second_worker},
    {"hand back: a worker", "no such worker", hand_back_for_nobody},
    {"acquire on another thread", "of another thread",
	acquire_on_another_thread},
    {"release on another thread", "of another thread",
	release_on_another_thread},
    {"acquire after a fork", "of another thread", acquire_after_a_fork},
};
#define WRONGS (sizeof(wrongs) / sizeof(wrongs[0]))

/* Has the handles of its own, but where it is about its parent's. */
static void
do_wrong(const struct wrong *wrong, int stderr_fd)
{
	dup2(stderr_fd, STDERR_FILENO);
	if (wrong->wrong != acquire_after_a_fork && set_up(NULL) != 0)
		_exit(1);
	wrong->wrong();
	_exit(0);
}

static void
test_what_is_wrong_is_fatal(void **state)
{
	const struct wrong *wrong = *state;
	char said[256] = "";
	int ends[2], status = 0;
	pid_t pid;

	assert_int_equal(set_up(NULL), 0);
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		do_wrong(wrong, ends[1]);
	close(ends[1]);
	waitpid(pid, &status, 0);
	assert_true(read(ends[0], said, sizeof(said) - 1) >= 0);
	close(ends[0]);
	tear_down(NULL);
	assert_non_null(strstr(said, "lock_checked: mutex: "));
	assert_non_null(strstr(said, wrong->said));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest right[] = {
	    cmocka_unit_test_setup_teardown(
		test_what_is_right_passes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_another_thread_holds_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_every_row_is_wrapped, set_up, tear_down),
	};
	struct CMUnitTest wrong[WRONGS];
	size_t i;

	for (i = 0; i < WRONGS; i++)
		wrong[i] = (struct CMUnitTest){wrongs[i].name,
		    test_what_is_wrong_is_fatal, NULL, NULL,
		    (void *)(uintptr_t)&wrongs[i]};
	return cmocka_run_group_tests(right, NULL, NULL) +
	       cmocka_run_group_tests(wrong, NULL, NULL);
}
