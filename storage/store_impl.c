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

enum store_result
store_take_no_turn(struct store_user *user, const char *id,
    enum store_turn turn, int64_t deadline_ns)
{
	(void)id;
	(void)turn;
	(void)deadline_ns;
	return store_fail(user, STORE_FAILED, "the store %s gives no turns",
	    user->store->impl->name);
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

void
store_poison(struct store *store)
{
	atomic_store(store->is_poisoned, true);
}

bool
store_is_down(const struct store *store)
{
	return atomic_load(store->is_down);
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
		store_poison(user->store);
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
	else if (held == LOCK_INHERITED && settle != NULL &&
		 settle(user, arg) != STORE_OK)
		result = STORE_FAILED; /* of the caller's nothing was written */
	if (held == LOCK_INHERITED && result == STORE_OK)
		robust_repaired(latch);
	else if (held == LOCK_INHERITED)
		atomic_store(user->store->is_poisoned, true);
	if (result != STORE_OK)
		robust_unlock(latch);
	return result;
}

enum store_result
store_find_each_key(struct store_user *user, const struct store_state *state,
    const char *const *keys, size_t count, store_visit_fn *visit, void *arg)
{
	enum store_result result = STORE_GONE;
	size_t i;

	for (i = 0; i < count && result != STORE_FAILED; i++)
		result = user->store->impl->find(
		    user, state, STORE_BY_KEY, keys[i], visit, arg);
	return result == STORE_FAILED ? result : STORE_OK;
}

void
store_follow(struct store_state *state, const struct store_line *line)
{
	const int64_t last = line->seat + line->quantity - 1;

	state->version = line->version;
	state->remaining = line->remaining;
	state->settings.capacity = line->capacity;
	if (line->kind == STORE_SOLD && last > state->highest)
		state->highest = last;
}

enum store_result
store_read_same(struct store_user *user, const struct store_state *state)
{
	struct store_state now = {0};
	enum store_result result;

	result = user->store->impl->read(user, state->settings.id, &now);
	return now.birth == state->birth || result != STORE_OK ? result
							       : STORE_GONE;
}

int64_t
store_count_seats(const struct store_line *lines, size_t count)
{
	int64_t seats = 0;
	size_t i;

	for (i = 0; i < count; i++)
		seats += lines[i].quantity;
	return seats;
}

void
store_seat(
    struct store_line *lines, size_t count, int64_t had, int64_t capacity)
{
	size_t i;

	for (i = 0; i < count; i++) {
		lines[i].seat = capacity - had + 1;
		had -= lines[i].quantity;
		lines[i].remaining = had;
		lines[i].capacity = capacity;
	}
}

void
store_number(struct store_line *lines, size_t count, int64_t base, int64_t last)
{
	size_t i;

	for (i = 0; i < count; i++) {
		lines[i].base = base;
		lines[i].version = last + (int64_t)i + 1;
		lines[i].nth = (unsigned)i + 1;
	}
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
	int fd, rc, error;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = fsync(fd);
	error = errno;
	close(fd);
	errno = error;
	return rc;
}

/* The new file, beside the old one.  -1: there is none. */
static int
write_file(const char *path, const char *text, bool durable, const char **call)
{
	const size_t length = strlen(text);
	ssize_t written;
	int fd, error;

	*call = "open";
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	*call = "write";
	written = write(fd, text, length);
	if (written >= 0)
		errno = ENOSPC; /* what a short write means */
	if (written == (ssize_t)length) {
		*call = "fsync";
		if (!durable || fsync(fd) == 0) {
			close(fd);
			return 0;
		}
	}
	error = errno;
	close(fd);
	unlink(path);
	errno = error;
	return -1;
}

int
store_sync_dir_of(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL)
		return store_sync_dir(".");
	slash[slash == path] = '\0'; /* the root's own is its name */
	return store_sync_dir(path);
}

int
store_replace_file(
    const char *path, const char *text, bool durable, const char **call)
{
	char temporary[4096];
	int error;

	*call = "open";
	errno = ENAMETOOLONG;
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >=
		(int)sizeof(temporary) ||
	    write_file(temporary, text, durable, call) != 0)
		return -1;
	*call = "rename";
	if (rename(temporary, path) != 0) {
		error = errno;
		unlink(temporary);
		errno = error;
		return -1;
	}
	*call = "fsync of its directory";
	return durable && store_sync_dir_of(temporary) != 0 ? -2 : 0;
}
