/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For those who implement a lock; callers include lock.h.
 *
 * A lock is one file with one `const struct lock_impl` at its bottom, and a
 * row in lock_rows.c.  It inherits the contract tests and the stress test.
 * Every slot of the table is filled; the no-ops at the end are for sharing.
 */
#ifndef LOCK_IMPL_H
#define LOCK_IMPL_H

#include "locks/lock.h"

/*
 * Supervisor, before the fork: make what all processes share, in `*shared`.
 * 0, or -1 with errno set.
 */
typedef int lock_prepare_fn(const struct lock_config *config, void **shared);

/*
 * Each clerk, after the fork: open what is its own, in `*own`.  0, or -1 with
 * errno set.
 */
typedef int lock_attach_fn(
    void *shared, unsigned worker, unsigned clerk, void **own);

/* Let go of what attach or prepare made, `own` or `shared`; by who made it. */
typedef void lock_free_fn(void *made);

/*
 * Clerk.  `deadline_ns` 0 is a try and must not sleep; the wrapper tries
 * before it waits and looks at the deadline again after a late grant.
 */
typedef enum lock_result lock_acquire_fn(
    void *own, unsigned slot, unsigned permits, int64_t deadline_ns);
typedef void lock_release_fn(void *own, unsigned slot, unsigned permits);

/* Supervisor, `worker` reaped and not yet replaced: permits handed back. */
typedef unsigned lock_force_release_fn(void *shared, unsigned worker);

struct lock_impl {
	const char *name;        /* [a-z-], with ":8" below LOCK_NAME_SIZE */
	const char *summary;     /* one line: what it is */
	const char *when_killed; /* one line: what becomes of a dead hold */
	unsigned permits_max;    /* 1: takes no ":N" */
	unsigned permits_shown;  /* the N of lock_variant(); 0: none */
	bool overtakes;          /* who runs, whoever sleeps: see line.h */
	struct lock_facts facts; /* with one permit */
	lock_prepare_fn *prepare;
	lock_attach_fn *attach;
	lock_acquire_fn *acquire;
	lock_release_fn *release;
	lock_free_fn *detach;
	lock_force_release_fn *force_release;
	lock_free_fn *destroy;
};

/*
 * The table: lock_rows.c's, or that of a file which a program links in its
 * place, with at most LOCK_ROWS_MAX rows.
 */
extern const struct lock_impl *const lock_rows[];
extern const size_t lock_rows_count;

/* Shared no-ops, for locks that need nothing there. */
lock_prepare_fn lock_prepare_nothing;
lock_attach_fn lock_attach_shared; /* own is shared */
lock_acquire_fn lock_acquire_nothing;
lock_release_fn lock_release_nothing;
lock_free_fn lock_free_nothing;
lock_force_release_fn lock_force_release_nothing;

#endif
