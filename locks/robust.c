/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A robust pthread mutex.  Locking one whose holder has died returns
 * EOWNERDEAD, which means "locked"; only this file knows that error, and that
 * ThreadSanitizer does not know every way to lock.
 */
#include "locks/robust.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "locks/clock.h"
#include "locks/tsan.h"

void
robust_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	if (pthread_mutexattr_init(&attr) != 0 ||
	    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0 ||
	    pthread_mutex_init(mutex, &attr) != 0)
		abort(); /* cannot fail: Linux has had them since 2.6.17 */
	pthread_mutexattr_destroy(&attr);
}

/* ThreadSanitizer does not know clocklock and would report every use. */
static int
lock_until(pthread_mutex_t *mutex, int64_t deadline_ns)
{
	struct timespec ts;
	int error;

	if (deadline_ns <= 0)
		return pthread_mutex_trylock(mutex);
	if (TSAN_ON) {
		ts = clock_timespec(deadline_ns - clock_now_ns() +
				    clock_read_ns(CLOCK_REALTIME));
		error = pthread_mutex_timedlock(mutex, &ts);
		if (error == EOWNERDEAD)
			TSAN_INHERITED(mutex);
		return error;
	}
	ts = clock_timespec(deadline_ns);
	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &ts);
}

enum lock_result
robust_lock(pthread_mutex_t *mutex, int64_t deadline_ns)
{
	const int error = lock_until(mutex, deadline_ns);

	switch (error) {
	case 0:
		return LOCK_HELD;
	case EOWNERDEAD:
		return LOCK_INHERITED;
	case EBUSY:
	case ETIMEDOUT:
		return LOCK_TIMED_OUT;
	default:
		errno = error;
		return LOCK_FAILED;
	}
}

void
robust_repaired(pthread_mutex_t *mutex)
{
	const int error = pthread_mutex_consistent(mutex);

	assert(error == 0);
	(void)error;
}

void
robust_unlock(pthread_mutex_t *mutex)
{
	const int error = pthread_mutex_unlock(mutex);

	assert(error == 0);
	(void)error;
}
