/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomic: the statement that writes decides,
 *     UPDATE sale SET remaining = remaining - n WHERE ... AND remaining >= n.
 *
 * Excludes:     nobody.  What was read before does not matter: the database
 *               locks the row for that one statement, looks at what remains
 *               then, and says from where the seats go.  It answers the
 *               question why one needs a lock at all: one does, where the
 *               decision cannot be said in the statement (a price, a rule, a
 *               question to somebody else).
 * Holder dies:  nothing is held.
 * Fails:        never wrongly.  What sell() decided is a filter before it: who
 *               gets nothing by that is not written, and where less is left
 *               than it thought, the statement finds no row and it decides
 *               again.
 */
#include "locks/lock_impl.h"

const struct lock_impl lock_atomic = {
    .name = "atomic",
    .summary = "no lock: one statement decides and writes, in the store",
    .when_killed = "nothing is held",
    .permits_max = 1,
    .facts = {.checks_write = true, .turn = LOCK_TURN_ATOMIC},
    .prepare = lock_prepare_nothing,
    .attach = lock_attach_shared,
    .acquire = lock_acquire_nothing,
    .release = lock_release_nothing,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = lock_free_nothing,
};
