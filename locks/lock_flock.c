/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flock: flock(2) on a file of the sale's own, DATA/.locks/<slot>.
 *
 * Excludes:     threads and processes, because every clerk opens the file
 *               itself, after the fork: the lock belongs to the open file
 *               description, and one that is inherited or dup()ed excludes
 *               nobody.
 * Holder dies:  the kernel closes its descriptors, which releases the lock;
 *               nobody is told.
 * Fails:        where the file system only pretends (some network and
 *               virtual ones); if the locked file were ever replaced, which
 *               is why it is never the data and is never unlinked.
 *
 * flock has no timed form.  A periodic timer interrupts the wait with a
 * signal; periodic, so that one that fires just before the call is not the
 * last.
 */
#include "locks/lock_impl.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/tsan.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define WAKE_SIGNAL (SIGRTMIN + 1)
#define WAKE_AGAIN_NS (10 * NS_PER_MS)

struct flock_shared {
	char dir[4096];
	char order[LOCK_SLOTS]; /* addresses for ThreadSanitizer, no data */
};

struct flock_own {
	struct flock_shared *shared;
	timer_t timer;
	int fd;        /* of the slot used last, -1 for none */
	unsigned slot; /* which fd is open on */
};

static void
wake(int signal)
{
	(void)signal; /* its arrival ends flock() with EINTR */
}

static int
flock_prepare(const struct lock_config *config, void **shared)
{
	const struct sigaction action = {.sa_handler = wake};
	struct flock_shared *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	if (snprintf(s->dir, sizeof(s->dir), "%s/.locks", config->dir) >=
	    (int)sizeof(s->dir)) {
		errno = ENAMETOOLONG;
		goto undo;
	}
	if (mkdir(s->dir, 0700) != 0 && errno != EEXIST)
		goto undo;
	if (sigaction(WAKE_SIGNAL, &action, NULL) != 0)
		goto undo;
	*shared = s;
	return 0;
undo:
	free(s);
	return -1;
}

/* A clerk may have blocked every signal: this one must reach it. */
static void
unblock_wake(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int
flock_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct sigevent event;
	struct flock_own *o;

	(void)worker;
	(void)clerk;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = WAKE_SIGNAL;
	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &o->timer) != 0) {
		free(o);
		return -1;
	}
	unblock_wake();
	o->shared = shared;
	o->fd = -1;
	*own = o;
	return 0;
}

static void
flock_detach(void *own)
{
	struct flock_own *o = own;

	timer_delete(o->timer);
	if (o->fd != -1)
		close(o->fd);
	free(o);
}

/* Make o->fd the lock file of `slot`.  0, or -1 with errno set. */
static int
open_slot(struct flock_own *o, unsigned slot)
{
	char path[sizeof(o->shared->dir) + 16];

	if (o->fd != -1 && o->slot == slot)
		return 0;
	if (o->fd != -1)
		close(o->fd);
	snprintf(path, sizeof(path), "%s/%u", o->shared->dir, slot);
	o->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	o->slot = slot;
	return o->fd == -1 ? -1 : 0;
}

static void
set_timer(struct flock_own *o, int64_t first_ns, int64_t then_ns)
{
	const struct itimerspec when = {.it_value = clock_timespec(first_ns),
	    .it_interval = clock_timespec(then_ns)};

	timer_settime(o->timer, TIMER_ABSTIME, &when, NULL);
}

static enum lock_result
wait_for(struct flock_own *o, int64_t deadline_ns)
{
	int rc, error;

	set_timer(o, deadline_ns, WAKE_AGAIN_NS);
	do
		rc = flock(o->fd, LOCK_EX);
	while (rc != 0 && errno == EINTR && clock_now_ns() < deadline_ns);
	error = errno;
	set_timer(o, 0, 0);
	errno = error;
	if (rc == 0)
		return LOCK_HELD;
	return errno == EINTR ? LOCK_TIMED_OUT : LOCK_FAILED;
}

static enum lock_result
flock_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct flock_own *o = own;
	enum lock_result result;

	(void)permits;
	if (open_slot(o, slot) != 0)
		return LOCK_FAILED;
	if (flock(o->fd, LOCK_EX | LOCK_NB) == 0)
		result = LOCK_HELD;
	else if (errno != EWOULDBLOCK && errno != EINTR)
		result = LOCK_FAILED;
	else if (deadline_ns <= clock_now_ns())
		result = LOCK_TIMED_OUT;
	else
		result = wait_for(o, deadline_ns);
	if (result == LOCK_HELD)
		TSAN_ACQUIRE(&o->shared->order[slot]);
	return result;
}

static void
flock_release(void *own, unsigned slot, unsigned permits)
{
	struct flock_own *o = own;

	(void)permits;
	TSAN_RELEASE(&o->shared->order[slot]);
	/* It can only fail by a signal on NFS; closing releases as well. */
	if (flock(o->fd, LOCK_UN) != 0) {
		close(o->fd);
		o->fd = -1;
	}
}

const struct lock_impl lock_flock = {
    .name = "flock",
    .summary = "flock(2) on a file, opened by each clerk itself",
    .when_killed = "the kernel releases it",
    .permits_max = 1,
    .overtakes = true,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true},
    .prepare = flock_prepare,
    .attach = flock_attach,
    .acquire = flock_acquire,
    .release = flock_release,
    .detach = flock_detach,
    .force_release = lock_force_release_nothing,
    .destroy = free,
};
