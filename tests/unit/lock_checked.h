/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checking lock: every strategy of locks/lock_rows.c, wrapped, so that
 * whoever breaks the contract of lock.h dies on the spot with a line on stderr
 * and SIGABRT.  It excludes, waits and fails as what it wraps does.
 *
 * A test gets it by being linked with lock_checked.o in the place of
 * lock_rows.o; in unit.mk:
 *
 *     CHECKED_TESTS += $(BUILD)/unit/test_yours
 *
 * Nothing else changes: strategies keep their names, rows and facts, and a new
 * row is wrapped, too.
 *
 * What is fatal:
 *   - to attach a worker or a clerk that locks_prepare() was not told of;
 *   - to use a handle on another thread than that which attached it;
 *   - to acquire while the handle holds a lock; a slot or a number of permits
 *     that there is not;
 *   - to release what the handle does not hold: nothing, another slot, another
 *     number of permits;
 *   - to detach while it holds a lock;
 *   - to free the locks while a thread of this process is attached.
 *
 * lock.h asserts some of this itself, for every program; here it is checked at
 * the lock, whatever the callers in between assert.
 */
#ifndef LOCK_CHECKED_H
#define LOCK_CHECKED_H

#include <stdbool.h>

#include "locks/lock.h"

/*
 * Is this thread between an acquire and its release, by any handle?  Under
 * every strategy, none among them; for tests that look at what happens inside
 * and what outside.
 */
bool lock_checked_is_held(void);

/* By a handle for the sale in `slot`. */
bool lock_checked_holds_slot(unsigned slot);

#endif
