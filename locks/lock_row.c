/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row: the sale's row in the database, SELECT … FOR UPDATE.
 *
 * Excludes:     everybody who locks that row, on whatever host.  The read, the
 *               decision and the write are one transaction; here is nothing to
 *               do but to say so (turn), and sell() has the store do it.
 * Holder dies:  the server sees the connection end, undoes the transaction
 *               and gives the row to the next.  Nobody need be told, as
 *               nothing is half done.  A holder that is only silent, stopped
 *               or cut off, is ended by the server after five seconds
 *               (idle_in_transaction_session_timeout): that is a lease, and
 *               the transaction is its fence, since what it would write later
 *               finds no transaction.
 * Fails:        never wrongly; but who holds the row holds a connection, and
 *               all who wait hold one each.  Nobody changes the sale either
 *               between a buyer's read and write, an operator no more than a
 *               buyer.
 *
 * Gray and others, "Granularity of Locks and Degrees of Consistency in a
 * Shared Data Base", 1976.
 */
#include "locks/lock_impl.h"

const struct lock_impl lock_row_impl = {
    .name = "row",
    .summary = "the database locks the sale's row: SELECT ... FOR UPDATE",
    .when_killed = "the server undoes the transaction",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.excludes_hosts = true,
	.turn = LOCK_TURN_ROW},
    .prepare = lock_prepare_nothing,
    .attach = lock_attach_shared,
    .acquire = lock_acquire_nothing,
    .release = lock_release_nothing,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = lock_free_nothing,
};
