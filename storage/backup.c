/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A member's header is written when its size is known, behind it.  The file has
 * another name until all of it is on disk.
 */
#include "storage/backup.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "storage/failure.h"
#include "storage/json/files.h"
#include "storage/json/ledger.h"
#include "storage/store_impl.h"
#include "storage/tar.h"

#define PART ((off_t)64 * 1024) /* of what goes to the disk at once */

struct backup {
	FILE *file;
	off_t
	    written_out; /* up to here it is on its way to the disk, or there */
	const char *path;
	char temporary[PATH_SIZE];
	char id[STORE_ID_SIZE];  /* the sale that is written */
	off_t sale_at, ended_at; /* where it begins, and where the last ended */
	int64_t receipts;        /* so far, of the sale */
	int64_t now_s;
	struct backup_count *count;
	struct failure why;
};

static bool
fail_call(struct backup *b, const char *call)
{
	return failure_call(&b->why, b->path, call);
}

/* ---------------------------------------------------------- its members -- */

static bool
write_bytes(struct backup *b, const char *bytes, size_t size)
{
	if (b->why.is_told || fwrite(bytes, 1, size, b->file) == size)
		return !b->why.is_told;
	return fail_call(b, "write");
}

static bool
seek_to(struct backup *b, off_t at)
{
	if (b->why.is_told || fseeko(b->file, at, SEEK_SET) == 0)
		return !b->why.is_told;
	return fail_call(b, "write"); /* what was in the buffer */
}

static bool
write_header(struct backup *b, const char *name, int64_t size)
{
	char block[TAR_BLOCK];

	tar_print(block, name, size, b->now_s);
	return write_bytes(b, block, sizeof(block));
}

static bool
write_padding(struct backup *b, int64_t size)
{
	static const char zeros[TAR_BLOCK];

	return write_bytes(b, zeros, (size_t)tar_padding(size));
}

static bool
write_member(struct backup *b, const char *name, const char *text)
{
	const size_t size = strlen(text);

	return write_header(b, name, (int64_t)size) &&
	       write_bytes(b, text, size) && write_padding(b, (int64_t)size);
}

/* Of the sale's file. */
static const char *
name_of(const struct backup *b, const char *file, char name[TAR_NAME_SIZE])
{
	snprintf(name, TAR_NAME_SIZE, "%s/%s", b->id, file);
	return name;
}

/* -------------------------------------------------------------- a sale -- */

/* Over one that was not ended. */
static bool
begin_sale(const char *id, void *arg)
{
	struct backup *b = arg;
	char name[TAR_NAME_SIZE];

	snprintf(b->id, sizeof(b->id), "%s", id);
	b->sale_at = b->ended_at;
	b->receipts = 0;
	return seek_to(b, b->sale_at) &&
	       write_header(b, name_of(b, LEDGER, name), 0);
}

/*
 * Part by part: a sync of those who sell waits for what is on its way.  What
 * fails here, fsync() would not say again.
 */
static bool
write_out(struct backup *b)
{
	const off_t at = ftello(b->file);

	if (at < b->written_out) /* a sale was begun anew */
		b->written_out = at;
	if (at - b->written_out < PART)
		return true;
	if (fflush(b->file) != 0)
		return fail_call(b, "write");
	if (sync_file_range(fileno(b->file), b->written_out,
		at - b->written_out,
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		    SYNC_FILE_RANGE_WAIT_AFTER) != 0)
		return fail_call(b, "write");
	b->written_out = at;
	return true;
}

static bool
write_line(const struct store_line *line, void *arg)
{
	struct backup *b = arg;
	size_t size;
	char *text;
	bool good;

	text = ledger_encode(line, 1, &size);
	if (text == NULL)
		return failure_tell(&b->why, "out of memory");
	good = write_bytes(b, text, size) && write_out(b);
	free(text);
	b->receipts += line->kind == STORE_SOLD;
	return good;
}

static bool
end_sale(const struct store_state *state, void *arg)
{
	struct backup *b = arg;
	const off_t lines_at = b->sale_at + TAR_BLOCK, end = ftello(b->file);
	char name[TAR_NAME_SIZE], text[FILES_SETTINGS_SIZE];

	if (!write_padding(b, end - lines_at) || !seek_to(b, b->sale_at) ||
	    !write_header(b, name_of(b, LEDGER, name), end - lines_at) ||
	    !seek_to(b, end + tar_padding(end - lines_at)) ||
	    !write_member(b, name_of(b, SETTINGS, name),
		files_print_settings(text, state)))
		return false;
	b->ended_at = ftello(b->file);
	b->count->sales++;
	b->count->receipts += b->receipts;
	return true;
}

/* ---------------------------------------------------------- the archive -- */

static bool
copy_all(struct backup *b, struct store *store)
{
	const struct store_copy copy = {begin_sale, write_line, end_sale, b};
	struct store_user *user;
	char error[256];

	user = store_open(store, error, sizeof(error));
	if (user == NULL)
		return failure_tell(&b->why, "%s", error);
	if (store_copy(user, &copy) != STORE_OK)
		failure_tell(&b->why, "%s", store_error(user));
	store_close(user);
	return !b->why.is_told;
}

/* Nothing stands behind the two blocks; all of it is on disk. */
static bool
end_archive(struct backup *b)
{
	static const char zeros[2 * TAR_BLOCK];

	if (!seek_to(b, b->ended_at) || !write_bytes(b, zeros, sizeof(zeros)))
		return false;
	if (fflush(b->file) != 0 ||
	    ftruncate(fileno(b->file), ftello(b->file)) != 0)
		return fail_call(b, "write");
	return fsync(fileno(b->file)) == 0 || fail_call(b, "fsync");
}

static bool
write_archive(struct backup *b, struct store *store)
{
	if (!write_member(b, STORE_OWNER_FILE, "json\n"))
		return false;
	b->ended_at = ftello(b->file);
	return copy_all(b, store) && end_archive(b);
}

/* Without its new name it is of no use. */
static void
give_name(struct backup *b, bool is_whole)
{
	if (is_whole && rename(b->temporary, b->path) != 0)
		is_whole = fail_call(b, "rename");
	if (!is_whole)
		unlink(b->temporary);
	else if (store_sync_dir_of(b->temporary) != 0)
		fail_call(b, "it is there, but fsync of its directory");
}

/* What is there is replaced, if it is a file. */
static bool
open_temporary(struct backup *b)
{
	struct stat st;
	int fd;

	if (lstat(b->path, &st) == 0 && !S_ISREG(st.st_mode))
		return failure_tell(
		    &b->why, "%s is there and is no file", b->path);
	if (snprintf(b->temporary, sizeof(b->temporary), "%s.XXXXXX",
		b->path) >= (int)sizeof(b->temporary))
		return failure_tell(
		    &b->why, "%s: the name is too long", b->path);
	fd = mkostemp(b->temporary, O_CLOEXEC);
	if (fd == -1)
		return fail_call(b, "open");
	b->file = fdopen(fd, "w");
	if (b->file != NULL)
		return true;
	close(fd);
	unlink(b->temporary);
	return fail_call(b, "open");
}

static void
write_file(struct backup *b, struct store *store)
{
	bool is_whole;

	if (!open_temporary(b))
		return;
	is_whole = write_archive(b, store);
	fclose(b->file); /* on disk, or not wanted */
	give_name(b, is_whole);
}

int
backup_write(const char *kind, const char *dir, const char *path,
    struct backup_count *count, char *error, size_t error_size)
{
	struct backup b = {.path = path,
	    .now_s = time(NULL),
	    .count = count,
	    .why = {error, error_size, false}};
	const char *owner = store_owner(dir, error, error_size);
	struct store *store;

	*count = (struct backup_count){0};
	if (owner == NULL)
		return -1;
	if (kind != NULL && strcmp(kind, owner) != 0) {
		failure_tell(&b.why,
		    "%s belongs to the store \"%s\", not \"%s\"", dir, owner,
		    kind);
		return -1;
	}
	if (store_has_hosts(owner)) {
		failure_tell(&b.why,
		    "the sales of %s are in a database: back that up, by "
		    "pg_dump or as its operator does",
		    dir);
		return -1;
	}
	store = store_new(owner, dir);
	if (store == NULL) {
		fail_call(&b, "memory");
		return -1;
	}
	write_file(&b, store);
	store_free(store);
	return b.why.is_told ? -1 : 0;
}
