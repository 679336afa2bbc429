/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advisory: a lock that the database keeps for programs,
 * pg_advisory_xact_lock().
 *
 * Excludes:     everybody who asks for the same number, on whatever host; a
 *               number says nothing of rows, which others can read and
 *               change.  It is taken within the transaction of the read and
 *               the write, and goes with it: on a connection of its own it
 *               would be a lease without a fence.
 * Holder dies:  as with row: the transaction is undone, the lock is free.
 * Fails:        where the database has the function and it does nothing,
 *               which a start finds out (CockroachDB); and behind a pooler,
 *               if it were held for longer than a transaction.  Two sales
 *               whose ids hash to the same number wait for each other.
 *
 * PostgreSQL's manual, 13.3.5, "Advisory Locks".
 */
#include "locks/lock_impl.h"

const struct lock_impl lock_advisory = {
    .name = "advisory",
    .summary = "a lock of the database's, by number: pg_advisory_xact_lock()",
    .when_killed = "the server undoes the transaction",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.excludes_hosts = true,
	.turn = LOCK_TURN_ADVISORY},
    .prepare = lock_prepare_nothing,
    .attach = lock_attach_shared,
    .acquire = lock_acquire_nothing,
    .release = lock_release_nothing,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = lock_free_nothing,
};
