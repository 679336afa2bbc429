/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What makes the hand a library to preload: its start, and the functions that
 * are no system calls but points all the same: allocations, robust mutexes
 * and semaphores, fork and new threads.  The linker gives preload_malloc() the
 * name malloc, and so on (torture.mk).
 */
#include "tests/torture/tamper_impl.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

/* glibc's own names of what is replaced here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

typedef int mutex_fn(pthread_mutex_t *mutex);
typedef int timed_fn(pthread_mutex_t *mutex, const struct timespec *until);
typedef int clock_fn(
    pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until);
typedef int sem_fn(sem_t *sem);
typedef int sem_clock_fn(
    sem_t *sem, clockid_t clock, const struct timespec *until);
typedef int thread_fn(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *arg);

static mutex_fn *real_lock, *real_trylock, *real_unlock;
static timed_fn *real_timedlock;
static clock_fn *real_clocklock;
static sem_fn *real_wait, *real_trywait, *real_post;
static sem_clock_fn *real_clockwait;
static thread_fn *real_thread;
static pid_t (*real_fork)(void);

static void
find(void *function, const char *name)
{
	*(void **)function = dlsym(RTLD_NEXT, name);
	if (*(void **)function == NULL)
		abort();
}

/* Other libraries' constructors may come before ours. */
static void
find_all(void)
{
	if (real_fork != NULL)
		return;
	find((void *)&real_lock, "pthread_mutex_lock");
	find((void *)&real_trylock, "pthread_mutex_trylock");
	find((void *)&real_timedlock, "pthread_mutex_timedlock");
	find((void *)&real_clocklock, "pthread_mutex_clocklock");
	find((void *)&real_unlock, "pthread_mutex_unlock");
	find((void *)&real_wait, "sem_wait");
	find((void *)&real_trywait, "sem_trywait");
	find((void *)&real_clockwait, "sem_clockwait");
	find((void *)&real_post, "sem_post");
	find((void *)&real_thread, "pthread_create");
	find((void *)&real_fork, "fork");
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv(TAMPER_VARIABLE);
	struct stat st;
	void *memory;
	int fd;

	find_all();
	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) != 0)
		abort();
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED || !tamper_begin(memory))
		abort();
}

/* ---------------------------------------------------------- allocations -- */

static bool
has_memory(void)
{
	bool die_after;
	const int error = tamper_function(CALL_ALLOCATE, &die_after);

	if (error != 0)
		errno = error;
	return error == 0;
}

void *
preload_malloc(size_t size)
{
	return has_memory() ? __libc_malloc(size) : NULL;
}

void *
preload_calloc(size_t count, size_t size)
{
	return has_memory() ? __libc_calloc(count, size) : NULL;
}

void *
preload_realloc(void *memory, size_t size)
{
	return has_memory() ? __libc_realloc(memory, size) : NULL;
}

void *
preload_reallocarray(void *memory, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return preload_realloc(memory, bytes);
}

void *
preload_memalign(size_t alignment, size_t size)
{
	return has_memory() ? __libc_memalign(alignment, size) : NULL;
}

void *
preload_aligned_alloc(size_t alignment, size_t size)
{
	return preload_memalign(alignment, size);
}

int
preload_posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = preload_memalign(alignment, size);
	return *memory == NULL ? ENOMEM : 0;
}

/* ---------------------------------------------------------------- locks -- */

/* Only those that processes share: the others end with their process. */
static bool
is_robust(const pthread_mutex_t *mutex)
{
	return (mutex->__data.__kind & 16) != 0; /* PTHREAD_MUTEX_ROBUST_… */
}

static bool
before(enum call_function function)
{
	bool die_after;

	tamper_function(function, &die_after);
	return die_after;
}

#define AROUND(function, counts, call)                                         \
	bool die_after = false;                                                \
	int rc;                                                                \
                                                                               \
	find_all();                                                            \
	if (counts)                                                            \
		die_after = before(function);                                  \
	rc = call;                                                             \
	if (die_after)                                                         \
		tamper_die();                                                  \
	return rc

int
preload_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	AROUND(CALL_MUTEX_LOCK, is_robust(mutex), real_lock(mutex));
}

int
preload_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	AROUND(CALL_MUTEX_LOCK, is_robust(mutex), real_trylock(mutex));
}

int
preload_pthread_mutex_timedlock(
    pthread_mutex_t *mutex, const struct timespec *until)
{
	AROUND(CALL_MUTEX_LOCK, is_robust(mutex), real_timedlock(mutex, until));
}

int
preload_pthread_mutex_clocklock(
    pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	AROUND(CALL_MUTEX_LOCK, is_robust(mutex),
	    real_clocklock(mutex, clock, until));
}

int
preload_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	AROUND(CALL_MUTEX_UNLOCK, is_robust(mutex), real_unlock(mutex));
}

int
preload_sem_wait(sem_t *sem)
{
	AROUND(CALL_SEM_WAIT, true, real_wait(sem));
}

int
preload_sem_trywait(sem_t *sem)
{
	AROUND(CALL_SEM_WAIT, true, real_trywait(sem));
}

int
preload_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	AROUND(CALL_SEM_WAIT, true, real_clockwait(sem, clock, until));
}

int
preload_sem_post(sem_t *sem)
{
	AROUND(CALL_SEM_POST, true, real_post(sem));
}

/* ---------------------------------------------------- forks and threads -- */

pid_t
preload_fork(void)
{
	bool die_after;
	const int error = tamper_function(CALL_FORK, &die_after);

	find_all();
	if (error != 0) {
		errno = error;
		return -1;
	}
	return real_fork();
}

int
preload_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *arg)
{
	bool die_after;
	const int error = tamper_function(CALL_THREAD, &die_after);

	find_all();
	return error != 0 ? error : real_thread(thread, attr, run, arg);
}
