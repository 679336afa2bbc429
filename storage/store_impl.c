/* SPDX-License-Identifier: BSD-2-Clause */
/* What stores need that is the same in each: words, a latch, whole files. */
#include "storage/store_impl.h"

#include <sys/random.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/robust.h"

void
store_do_nothing(struct store_user *user)
{
	(void)user;
}

int
store_share_nothing(struct store *store)
{
	(void)store;
	return 0;
}

void
store_unshare_nothing(struct store *store)
{
	(void)store;
}

bool
store_poisoned(const struct store *store)
{
	return atomic_load(store->is_poisoned);
}

enum store_result
store_fail(
    struct store_user *user, enum store_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(user->error, sizeof(user->error), format, args);
	va_end(args);
	if (result == STORE_UNKNOWN)
		atomic_store(user->store->is_poisoned, true);
	return result;
}

enum store_result
store_no_memory(struct store_user *user)
{
	return store_fail(user, STORE_FAILED, "out of memory");
}

enum store_result
store_no_slot(struct store_user *user)
{
	return store_fail(user, STORE_FULL,
	    "there are %d sales, and there is room for no more",
	    STORE_SALES_MAX);
}

static enum store_result
refuse_poisoned(struct store_user *user)
{
	return store_fail(user, STORE_FAILED, "the store is being recovered");
}

enum store_result
store_latch(struct store_user *user, pthread_mutex_t *latch,
    int64_t deadline_ns, store_settle_fn *settle, void *arg)
{
	enum store_result result = STORE_OK;
	enum lock_result held;

	if (store_poisoned(user->store))
		return refuse_poisoned(user);
	held = robust_lock(latch, deadline_ns);
	if (held == LOCK_TIMED_OUT)
		return STORE_BUSY;
	if (held == LOCK_FAILED)
		return store_fail(
		    user, STORE_FAILED, "latch: %s", strerror(errno));
	if (store_poisoned(user->store)) /* meanwhile: recovery settles all */
		result = refuse_poisoned(user);
	else if (held == LOCK_INHERITED && settle != NULL)
		result = settle(user, arg);
	if (held == LOCK_INHERITED) {
		if (result != STORE_OK)
			atomic_store(user->store->is_poisoned, true);
		robust_repaired(latch);
	}
	if (result != STORE_OK)
		robust_unlock(latch);
	return result;
}

uint64_t
store_random(void)
{
	uint64_t number;

	do {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			abort(); /* cannot fail for 8 bytes after boot */
	} while (number == 0);
	return number;
}

int
store_sync_dir(const char *dir)
{
	int fd, rc;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int
store_replace_file(
    const char *dir, const char *name, const char *text, bool durable)
{
	char path[4096], temporary[4096 + 16];
	const size_t length = strlen(text);
	int fd, error;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	errno = ENOSPC; /* what a short write means */
	if (write(fd, text, length) != (ssize_t)length ||
	    (durable && fsync(fd) != 0) || rename(temporary, path) != 0) {
		error = errno;
		close(fd);
		unlink(temporary);
		errno = error;
		return -1;
	}
	close(fd);
	return durable && store_sync_dir(dir) != 0 ? -2 : 0;
}
