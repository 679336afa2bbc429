/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex between processes that survives the death of its holder: POSIX's
 * PTHREAD_PROCESS_SHARED with PTHREAD_MUTEX_ROBUST.  The strategy `mutex` and
 * the stores' latches are made of it.
 *
 * It must live in memory that was mapped shared *before* the fork and is
 * never unmapped while a worker lives: glibc and the kernel write to it on
 * behalf of the dead.  It must not live in a file that outlasts a reboot: the
 * thread id in a stale word would never be found dead.
 */
#ifndef ROBUST_H
#define ROBUST_H

#include "locks/lock.h"
#include <pthread.h>

/* Make `mutex` ready.  Once, before the fork. */
void robust_init(pthread_mutex_t *mutex);

/*
 * Wait for `mutex` until `deadline_ns` at the latest; a deadline in the past
 * is a try that never sleeps.  After LOCK_INHERITED the caller repairs what
 * the mutex protects and then calls robust_repaired(); if it dies or unlocks
 * before, the next holder inherits (dies) or fails (unlocks) in its turn.
 *
 * Only the thread that holds the mutex may call the last two; they assert it.
 */
enum lock_result robust_lock(pthread_mutex_t *mutex, int64_t deadline_ns);
void robust_repaired(pthread_mutex_t *mutex);
void robust_unlock(pthread_mutex_t *mutex);

#endif
