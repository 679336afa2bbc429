/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * none: clerks do not take turns.
 *
 * Excludes:     nobody.
 * Holder dies:  there is no holder.
 * Fails:        whenever two buyers overlap, which is what it is for.  It is
 *               the control: tests that pass under it prove nothing.
 */
#include "locks/lock_impl.h"

const struct lock_impl lock_none = {
    .name = "none",
    .summary = "no lock: everybody reads, then everybody writes",
    .when_killed = "nothing is held",
    .permits_max = 1,
    .facts = {.wrong_on_purpose = true},
    .prepare = lock_prepare_nothing,
    .attach = lock_attach_shared,
    .acquire = lock_acquire_nothing,
    .release = lock_release_nothing,
    .detach = lock_free_nothing,
    .force_release = lock_force_release_nothing,
    .destroy = lock_free_nothing,
};
