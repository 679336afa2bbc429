/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines go through the store's own steps of a write, as they are: versions,
 * bases, settings and random numbers are those of the backup.
 */
#include "storage/restore.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "storage/failure.h"
#include "storage/json/files.h"
#include "storage/json/ledger.h"
#include "storage/json/lines.h"
#include "storage/store_impl.h"
#include "storage/tar.h"

#define BATCH_LINES 512 /* in one write … */
#define BATCH_TEXTS (1024 * 1024)
#define WRITE_NS (60 * NS_PER_SEC) /* … for which nobody else waits */

/* Where a sale's files are in the archive; -1: it has none. */
struct place {
	char id[STORE_ID_SIZE];
	int64_t settings_at, settings_size, lines_at, lines_size;
};

struct restore {
	int fd; /* the archive */
	const char *path;
	struct place *places;
	size_t places_count;
	struct store_user *user;
	struct files_saved saved;  /* of the sale that is written */
	struct store_state state;  /* as far as it is written */
	struct store_state behind; /* as the batch leaves it */
	struct store_line lines[BATCH_LINES];
	size_t batched, used;
	char *texts; /* the lines' */
	struct backup_count *count;
	struct failure why;
};

/* ------------------------------------------------ what is in the archive -- */

/* All of it; what is not there is not. */
static bool
read_at(struct restore *r, int64_t at, char *bytes, size_t size)
{
	const ssize_t got = pread(r->fd, bytes, size, at);

	if (got == (ssize_t)size)
		return true;
	if (got == -1)
		return failure_call(&r->why, r->path, "read");
	return failure_tell(&r->why, "%s is cut short", r->path);
}

/* Of the sale `id`, which is valid; NULL: there are too many. */
static struct place *
place_of(struct restore *r, const char *id)
{
	struct place *place;
	size_t i;

	for (i = 0; i < r->places_count; i++)
		if (strcmp(r->places[i].id, id) == 0)
			return &r->places[i];
	if (r->places_count == STORE_SALES_MAX)
		return NULL;
	place = &r->places[r->places_count++];
	memcpy(place->id, id, strlen(id) + 1);
	place->settings_at = place->lines_at = -1;
	return place;
}

/* What is no sale's is passed over: a view, a directory, a name. */
static bool
take_member(struct restore *r, const struct tar_member *member, int64_t at)
{
	const char *name = member->name, *slash;
	struct place *place;
	char id[TAR_NAME_SIZE];

	if (strncmp(name, "./", 2) == 0)
		name += 2;
	slash = strchr(name, '/');
	if (member->type != '0' || slash == NULL)
		return true;
	snprintf(id, sizeof(id), "%.*s", (int)(slash - name), name);
	if (!store_id_is_valid(id))
		return true;
	place = place_of(r, id);
	if (place == NULL)
		return failure_tell(&r->why,
		    "%s has more sales than there is room for", r->path);
	if (strcmp(slash + 1, SETTINGS) == 0) {
		place->settings_at = at;
		place->settings_size = member->size;
	} else if (strcmp(slash + 1, LEDGER) == 0) {
		place->lines_at = at;
		place->lines_size = member->size;
	}
	return true;
}

static bool
read_places(struct restore *r)
{
	struct tar_member member;
	char block[TAR_BLOCK];
	int64_t at = 0;

	if (lseek(r->fd, 0, SEEK_END) < TAR_BLOCK)
		return failure_tell(
		    &r->why, "%s is no backup of turnstile's", r->path);
	for (;;) {
		if (!read_at(r, at, block, sizeof(block)))
			return false;
		at += TAR_BLOCK;
		switch (tar_parse(block, &member)) {
		case TAR_ZEROS:
			return true;
		case TAR_WRONG:
			return failure_tell(&r->why,
			    at == TAR_BLOCK ? "%s is no backup of turnstile's"
					    : "%s is damaged",
			    r->path);
		case TAR_MEMBER:
			break;
		}
		if (!take_member(r, &member, at))
			return false;
		at += member.size + tar_padding(member.size);
	}
}

static bool
read_settings(struct restore *r, const struct place *place)
{
	char text[4096];
	const size_t size = (size_t)place->settings_size;
	const bool fits = size <= sizeof(text);

	if (place->settings_at == -1 || place->lines_at == -1)
		return failure_tell(&r->why,
		    "%s has not all files of the sale %s", r->path, place->id);
	if (fits && !read_at(r, place->settings_at, text, size))
		return false;
	return (fits && files_parse_settings(text, size, &r->saved) &&
		   strcmp(r->saved.settings.id, place->id) == 0) ||
	       failure_tell(&r->why, "%s: %s/" SETTINGS " is damaged", r->path,
		   place->id);
}

/* ---------------------------------------------------------------- a sale -- */

static bool
fail_store(struct restore *r, enum store_result result)
{
	return failure_tell(&r->why, "the sale %s: %s", r->saved.settings.id,
	    result == STORE_BUSY        ? "busy"
	    : result == STORE_DUPLICATE ? "it is there twice"
					: store_error(r->user));
}

/* With the lines of the batch, or only with its settings. */
static bool
write_sale(struct restore *r)
{
	const struct store_impl *impl = r->user->store->impl;
	enum store_result result;
	struct store_state now;

	result =
	    impl->begin(r->user, &r->state, clock_now_ns() + WRITE_NS, &now);
	if (result == STORE_OK)
		result = impl->end(r->user, &r->state,
		    impl->append(r->user, &r->behind, r->lines, r->batched));
	if (result != STORE_OK)
		return fail_store(r, result);
	r->state = r->behind;
	r->batched = r->used = 0;
	return true;
}

/* A store_visit_fn. */
static bool
take_line(const struct store_line *line, void *arg)
{
	struct restore *r = arg;

	if (line->version != r->behind.version + 1)
		return false;
	r->lines[r->batched++] = *line;
	store_follow(&r->behind, line);
	r->count->receipts += line->kind == STORE_SOLD;
	return true;
}

/* A lines_take_fn.  The text is copied: it lives as long as the batch. */
static bool
take_text(char *text, size_t length, void *arg)
{
	struct restore *r = arg;
	const char *why;
	bool good = false;
	char *copy;

	if ((r->batched == BATCH_LINES || length > BATCH_TEXTS - r->used) &&
	    r->batched > 0 && !write_sale(r))
		return false;
	if (length > BATCH_TEXTS)
		return failure_tell(&r->why, "%s: a line is too long", r->path);
	copy = memcpy(r->texts + r->used, text, length);
	r->used += length;
	if (ledger_decode(copy, length, take_line, r, &good, &why) && good)
		return true;
	return failure_tell(&r->why,
	    "%s: %s/" LEDGER ", line %" PRId64 ", is damaged: %s", r->path,
	    r->saved.settings.id, r->behind.version + 1,
	    why != NULL ? why : "its version is not the last one's plus 1");
}

static bool
write_lines(struct restore *r, const struct place *place)
{
	const enum lines_result result = lines_walk(r->fd, place->lines_at,
	    place->lines_at + place->lines_size, take_text, r);

	if (result == LINES_FAILED)
		return failure_call(&r->why, r->path, "read");
	if (result == LINES_SHORT)
		return failure_tell(&r->why, "%s is cut short", r->path);
	if (!r->why.is_told && r->saved.version != FILES_UNSAID &&
	    r->behind.version < r->saved.version)
		return failure_tell(&r->why, "%s: %s/" LEDGER " is cut short",
		    r->path, place->id);
	return !r->why.is_told;
}

/* It has its own epoch last, and with it the version that its settings say. */
static bool
restore_sale(struct restore *r, const struct place *place)
{
	enum store_result result;

	if (!read_settings(r, place))
		return false;
	r->state = files_first_state(&r->saved);
	r->state.epoch = store_random();
	result = r->user->store->impl->create(
	    r->user, &r->state, clock_now_ns() + WRITE_NS);
	if (result != STORE_OK)
		return fail_store(r, result);
	r->behind = r->state;
	if (!write_lines(r, place))
		return false;
	r->behind.epoch = r->saved.epoch;
	r->count->sales++;
	return write_sale(r);
}

/* ------------------------------------------------------- the directory -- */

static int
is_in_the_way(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0 &&
	       strcmp(entry->d_name, "lost+found") != 0;
}

static bool
is_empty(struct restore *r, const char *dir)
{
	struct dirent **entries;
	int count, i;

	count = scandir(dir, &entries, is_in_the_way, NULL);
	if (count == -1)
		return failure_call(&r->why, dir, "scandir");
	for (i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return count == 0 ||
	       failure_tell(&r->why,
		   "%s is not empty: restore into a new directory", dir);
}

/* No service begins there meanwhile: this is the first file that it makes. */
static bool
take_dir(struct restore *r, const char *dir, int *lock_fd)
{
	char path[PATH_SIZE];

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return failure_call(&r->why, dir, "mkdir");
	if (!is_empty(r, dir))
		return false;
	snprintf(path, sizeof(path), "%s/" STORE_LOCK_FILE, dir);
	*lock_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*lock_fd == -1)
		return failure_call(&r->why, path, "open");
	if (flock(*lock_fd, LOCK_EX | LOCK_NB) != 0)
		return failure_tell(&r->why, "%s is in use", dir);
	dprintf(*lock_fd, "%d\n", getpid()); /* for who is told so */
	return true;
}

static bool
write_sales(struct restore *r, struct store *store)
{
	size_t i;

	if (store->impl->prepare(store, r->why.error, r->why.size) != 0)
		return !(r->why.is_told = true);
	r->user = store_open(store, r->why.error, r->why.size);
	if (r->user == NULL)
		return !(r->why.is_told = true);
	for (i = 0; i < r->places_count && !r->why.is_told; i++)
		restore_sale(r, &r->places[i]);
	store_close(r->user);
	return !r->why.is_told;
}

/* With a store that knows nothing yet. */
static bool
with_store(struct restore *r, const char *kind, const char *dir,
    bool (*run)(struct restore *r, struct store *store))
{
	struct store *store;

	store = store_new(kind, dir);
	if (store == NULL)
		return failure_call(&r->why, dir, "memory");
	run(r, store);
	store_free(store);
	return !r->why.is_told;
}

/* As a start does. */
static bool
read_again(struct restore *r, struct store *store)
{
	if (store->impl->prepare(store, r->why.error, r->why.size) != 0)
		r->why.is_told = true;
	return !r->why.is_told;
}

/* From here on it is a data directory, and for good. */
static bool
claim_dir(struct restore *r, const char *kind, const char *dir)
{
	char path[PATH_SIZE], line[32];
	const char *call;

	snprintf(path, sizeof(path), "%s/" STORE_OWNER_FILE, dir);
	snprintf(line, sizeof(line), "%s\n", kind);
	if (store_replace_file(path, line, true, &call) != 0)
		return failure_call(&r->why, path, call);
	snprintf(path, sizeof(path), "%s/..", dir);
	return store_sync_dir(path) == 0 ||
	       failure_call(&r->why, path, "fsync");
}

static bool
fill_dir(struct restore *r, const char *kind, const char *dir)
{
	int lock_fd = -1;
	const bool good = take_dir(r, dir, &lock_fd) &&
			  with_store(r, kind, dir, write_sales) &&
			  with_store(r, kind, dir, read_again) &&
			  claim_dir(r, kind, dir);

	if (lock_fd != -1)
		close(lock_fd);
	return good;
}

/* The archive is looked at before anything is made. */
static bool
restore(struct restore *r, const char *kind, const char *dir)
{
	bool good;

	r->places = calloc(STORE_SALES_MAX, sizeof(r->places[0]));
	r->texts = malloc(BATCH_TEXTS);
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (r->places == NULL || r->texts == NULL)
		good = failure_tell(&r->why, "out of memory");
	else if (r->fd == -1)
		good = failure_call(&r->why, r->path, "open");
	else
		good = read_places(r) && fill_dir(r, kind, dir);
	if (r->fd != -1)
		close(r->fd);
	free(r->texts);
	free(r->places);
	return good;
}

int
restore_from(const char *path, const char *kind, const char *dir,
    struct backup_count *count, char *error, size_t error_size)
{
	struct restore *r;
	bool good;

	*count = (struct backup_count){0};
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		snprintf(error, error_size, "out of memory");
		return -1;
	}
	r->path = path;
	r->count = count;
	r->why = (struct failure){error, error_size, false};
	good = restore(r, kind, dir);
	free(r);
	return good ? 0 : -1;
}
