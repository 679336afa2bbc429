/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wrappers that callers use, and what the stores share: a data directory
 * that knows whose it is, random numbers, files that are replaced whole.
 */
#include "storage/store_impl.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/shared.h"

#define OWNER_FILE ".store" /* names the store that made the directory */

static const struct store_impl *const impls[] = {&store_json, &store_sqlite};
#define IMPLS (sizeof(impls) / sizeof(impls[0]))

static const struct store_impl *
impl_named(const char *kind)
{
	size_t i;

	for (i = 0; i < IMPLS; i++)
		if (strcmp(impls[i]->name, kind) == 0)
			return impls[i];
	return NULL;
}

bool
store_known(const char *kind)
{
	return impl_named(kind) != NULL;
}

struct store *
store_new(const char *kind, const char *dir)
{
	struct store *store;

	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return NULL;
	store->impl = impl_named(kind);
	assert(store->impl != NULL);
	store->dir = dir;
	store->is_poisoned = shared_new(sizeof(*store->is_poisoned));
	if (store->is_poisoned == NULL)
		goto undo_store;
	if (store->impl->share(store) != 0)
		goto undo_poisoned;
	return store;
undo_poisoned:
	shared_free((void *)store->is_poisoned, sizeof(*store->is_poisoned));
undo_store:
	free(store);
	return NULL;
}

void
store_free(struct store *store)
{
	if (store == NULL)
		return;
	store->impl->unshare(store);
	shared_free((void *)store->is_poisoned, sizeof(*store->is_poisoned));
	free(store);
}

const char *
store_kind(const struct store *store)
{
	return store->impl->name;
}

bool
store_poisoned(const struct store *store)
{
	return atomic_load(store->is_poisoned);
}

/* Anything but what a fresh or hidden file makes: somebody else's directory. */
static bool
has_strange_files(const char *dir)
{
	struct dirent *entry;
	bool strange = false;
	DIR *d;

	d = opendir(dir);
	if (d == NULL)
		return false;
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' &&
		    strcmp(entry->d_name, "lost+found") != 0)
			strange = true;
	closedir(d);
	return strange;
}

/* Claim the directory for this store, or say whose it is. */
static int
claim(const struct store *store, char *error, size_t error_size)
{
	char path[4096], owner[16] = "", line[16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", store->dir, OWNER_FILE);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(owner, sizeof(owner), file) == NULL)
			owner[0] = '\0';
		fclose(file);
		owner[strcspn(owner, "\n")] = '\0';
		if (strcmp(owner, store->impl->name) == 0)
			return 0;
		snprintf(error, error_size,
		    "%s belongs to the store \"%s\", not \"%s\": use --store "
		    "%s or another --data",
		    store->dir, owner, store->impl->name,
		    store_known(owner) ? owner : store->impl->name);
		return -1;
	}
	if (errno != ENOENT) {
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (has_strange_files(store->dir)) {
		snprintf(error, error_size,
		    "%s holds files that are not turnstile's: use an empty "
		    "directory for --data",
		    store->dir);
		return -1;
	}
	snprintf(line, sizeof(line), "%s\n", store->impl->name);
	if (store_replace_file(store->dir, OWNER_FILE, line, true) != 0) {
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

int
store_prepare(struct store *store, char *error, size_t error_size)
{
	if (claim(store, error, error_size) != 0 ||
	    store->impl->prepare(store, error, error_size) != 0)
		return -1;
	atomic_store(store->is_poisoned, false);
	return 0;
}

struct store_user *
store_open(struct store *store, char *error, size_t error_size)
{
	struct store_user *user;

	user = calloc(1, sizeof(*user));
	if (user == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	user->store = store;
	if (store->impl->open(user) != 0) {
		snprintf(error, error_size, "%s", user->error);
		free(user);
		return NULL;
	}
	return user;
}

void
store_close(struct store_user *user)
{
	if (user == NULL)
		return;
	user->store->impl->close(user);
	free(user);
}

const char *
store_error(const struct store_user *user)
{
	return user->error;
}

enum store_result
store_read(struct store_user *user, const char *id, struct store_state *state)
{
	return user->store->impl->read(user, id, state);
}

void
store_abandon(struct store_user *user, const struct store_state *state)
{
	user->store->impl->abandon(user, state);
}

enum store_result
store_refuse_poisoned(struct store_user *user)
{
	return store_fail(user, STORE_FAILED, "the store is being recovered");
}

static enum store_result
store_write(struct store_user *user, struct store_commit *commit)
{
	assert(commit->count > 0);
	if (store_poisoned(user->store))
		return store_refuse_poisoned(user);
	return user->store->impl->write(user, commit);
}

enum store_result
store_put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns,
    bool *overwrote)
{
	struct store_commit commit = {.state = state,
	    .lines = lines,
	    .count = count,
	    .deadline_ns = deadline_ns};
	enum store_result result;

	result = store_write(user, &commit);
	*overwrote = commit.overwrote;
	return result;
}

enum store_result
store_put_if(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns)
{
	struct store_commit commit = {.state = state,
	    .lines = lines,
	    .count = count,
	    .deadline_ns = deadline_ns,
	    .checked = true};

	return store_write(user, &commit);
}

enum store_result
store_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	return user->store->impl->find(user, state, by, value, visit, arg);
}

enum store_result
store_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	return user->store->impl->each(user, state, after, visit, arg);
}

enum store_result
store_create(struct store_user *user, const struct store_settings *settings,
    int64_t deadline_ns)
{
	if (store_poisoned(user->store))
		return store_refuse_poisoned(user);
	return user->store->impl->create(user, settings, deadline_ns);
}

enum store_result
store_configure(struct store_user *user, struct store_state *state,
    const struct store_change *change, int64_t deadline_ns)
{
	assert(change->settings.capacity >= state->settings.capacity);
	if (store_poisoned(user->store))
		return store_refuse_poisoned(user);
	return user->store->impl->configure(user, state, change, deadline_ns);
}

enum store_result
store_remove(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	if (store_poisoned(user->store))
		return store_refuse_poisoned(user);
	return user->store->impl->remove(user, state, deadline_ns);
}

enum store_result
store_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	return user->store->impl->list(user, visit, arg);
}

void
store_tidy(struct store_user *user)
{
	if (!store_poisoned(user->store))
		user->store->impl->tidy(user);
}

void
store_abandon_nothing(struct store_user *user, const struct store_state *state)
{
	(void)user;
	(void)state;
}

enum store_result
store_fail(
    struct store_user *user, enum store_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(user->error, sizeof(user->error), format, args);
	va_end(args);
	return result;
}

enum store_result
store_poison(struct store_user *user, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(user->error, sizeof(user->error), format, args);
	va_end(args);
	atomic_store(user->store->is_poisoned, true);
	return STORE_UNKNOWN;
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

static bool
raise_highest(const struct store_line *line, void *arg)
{
	int64_t *highest = arg;
	const int64_t last = line->seat + line->quantity - 1;

	if (line->kind == STORE_SOLD && last > *highest)
		*highest = last;
	return true;
}

int64_t
store_highest_seat(struct store_user *user, const struct store_state *state)
{
	int64_t highest = 0;

	if (user->store->impl->each(user, state, 0, raise_highest, &highest) !=
	    STORE_OK)
		return -1;
	return highest;
}

size_t
store_change_lines(const struct store_state *state,
    const struct store_change *change, int64_t highest_seat,
    struct store_line lines[2])
{
	const int64_t raise =
	    change->settings.capacity - state->settings.capacity;
	struct store_line line = {.remaining = state->remaining,
	    .capacity = state->settings.capacity,
	    .buyer = "",
	    .lock = change->settings.lock,
	    .sold_at_ms = change->at_ms,
	    .trail = change->trail};
	size_t count = 0;

	if (change->recount &&
	    line.capacity - highest_seat != state->remaining) {
		line.kind = STORE_RECOUNTED;
		line.remaining = line.capacity - highest_seat;
		lines[count++] = line;
	}
	if (raise > 0) {
		line.kind = STORE_RAISED;
		line.remaining += raise;
		line.capacity += raise;
		lines[count++] = line;
	}
	return count;
}

bool
store_number(struct store_line *lines, size_t count, int64_t base, int64_t last)
{
	size_t i;

	for (i = 0; i < count; i++) {
		lines[i].base = base;
		lines[i].version = last + 1 + (int64_t)i;
		lines[i].nth = (unsigned)i + 1;
	}
	return base != last;
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
	return durable ? store_sync_dir(dir) : 0;
}
