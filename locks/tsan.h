/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ThreadSanitizer knows pthread mutexes but not flock(2): these tell it what
 * a lock orders.  Only locks that do exclude may use them; an annotation
 * anywhere else would hide the races this project exists to show.
 */
#ifndef TSAN_H
#define TSAN_H

#if defined(__SANITIZE_THREAD__)
#define TSAN_ON 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN_ON 1
#endif
#endif
#ifndef TSAN_ON
#define TSAN_ON 0
#endif

#if TSAN_ON
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
void __tsan_mutex_pre_lock(void *addr, unsigned flags);
void __tsan_mutex_post_lock(void *addr, unsigned flags, int recursion);
#define TSAN_ACQUIRE(addr) __tsan_acquire(addr)
#define TSAN_RELEASE(addr) __tsan_release(addr)
/* It overlooks that EOWNERDEAD from timedlock means locked. */
#define TSAN_INHERITED(mutex)                                                  \
	do {                                                                   \
		__tsan_mutex_pre_lock(mutex, 1u << 4);     /* try_lock */      \
		__tsan_mutex_post_lock(mutex, 1u << 4, 0); /* it did */        \
	} while (0)
#else
#define TSAN_ACQUIRE(addr) ((void)(addr))
#define TSAN_RELEASE(addr) ((void)(addr))
#define TSAN_INHERITED(mutex) ((void)(mutex))
#endif

#endif
