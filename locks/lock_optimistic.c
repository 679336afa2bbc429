/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * optimistic: nobody waits; the write is checked.
 *
 * Excludes:     nobody.  Its one fact, checks_write, makes the sale write
 *               with put_if, which the store refuses when the version is no
 *               longer the one that was read: compare-and-set.  Whoever is
 *               refused reads again and decides again, at once and ahead of
 *               all others (line.h): else the slower ones could lose again
 *               and again.
 * Holder dies:  nothing is held.
 * Fails:        never wrongly; but under contention with a delay most work
 *               is thrown away, and an order may run out of time
 *               (too-many-conflicts).
 *
 * Kung and Robinson, "On Optimistic Methods for Concurrency Control", 1981.
 */
#include "locks/lock_impl.h"

const struct lock_impl lock_optimistic = {
    .name = "optimistic",
    .summary = "no lock: the write is refused if the version has changed",
    .when_killed = "nothing is held",
    .permits_max = 1,
    .overtakes = true,
    .facts = {.checks_write = true},
    .prepare = lock_prepare_nothing,
    .attach = lock_attach_shared,
    .acquire = lock_acquire_nothing,
    .release = lock_release_nothing,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = lock_free_nothing,
};
