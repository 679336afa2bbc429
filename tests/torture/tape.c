/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processes do to files, in the order in which they do it.  A call that
 * changes something and its record are one step under a spin lock, so that
 * the order on the tape is the order on the disk.
 */
#include "tests/torture/tamper_impl.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/torture/raw.h"

#define PATH_SIZE 1024
#define SPINS_MOST 20000000

static long
raw(size_t row, const long *a)
{
	return raw_call(calls[row].number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---------------------------------------------------------- the records -- */

static void
hold(struct tamper *t)
{
	const int self = (int)raw_3(SYS_getpid, 0, 0, 0);
	int holder = 0;
	long spins;

	for (spins = 0; spins < SPINS_MOST; spins++) {
		holder = 0;
		if (atomic_compare_exchange_strong(
			&t->tape_holder, &holder, self))
			return;
		/* Killed from outside, in the middle of it. */
		if (raw_3(SYS_kill, holder, 0, 0) == -ESRCH &&
		    atomic_compare_exchange_strong(
			&t->tape_holder, &holder, self))
			return;
		raw_3(SYS_sched_yield, 0, 0, 0);
	}
}

static void
let_go(struct tamper *t)
{
	atomic_store(&t->tape_holder, 0);
}

/* Room for `length` bytes behind a record; NULL: the tape is full. */
static unsigned char *
add(struct tamper *t, struct tape_record record, size_t length)
{
	const size_t size = (sizeof(record) + length + 15) & ~(size_t)15;
	const size_t used = atomic_load(&t->tape_used);
	unsigned char *at = t->tape + used;

	if (size > TAMPER_TAPE_SIZE - used) {
		atomic_store(&t->tape_full, true);
		return NULL;
	}
	record.size = (uint32_t)size;
	record.length = (uint32_t)length;
	record.pid = (int32_t)raw_3(SYS_getpid, 0, 0, 0);
	memcpy(at, &record, sizeof(record));
	atomic_store(&t->tape_used, used + size);
	return at + sizeof(record);
}

static void
add_paths(struct tamper *t, enum tape_kind kind, uint64_t inode,
    const char *one, const char *two)
{
	const size_t length = strlen(one) + 1;
	const size_t more = two == NULL ? 0 : strlen(two) + 1;
	unsigned char *at;

	at =
	    add(t, (struct tape_record){.kind = (uint16_t)kind, .inode = inode},
		length + more);
	if (at == NULL)
		return;
	memcpy(at, one, length);
	if (two != NULL)
		memcpy(at + length, two, more);
}

static void
add_number(struct tamper *t, enum tape_kind kind, uint64_t inode, int64_t at,
    int error)
{
	add(t,
	    (struct tape_record){.kind = (uint16_t)kind,
		.inode = inode,
		.at = at,
		.result = (int16_t)error},
	    0);
}

static void
note_strange(struct tamper *t, size_t row)
{
	if (t->strange[0] == '\0')
		snprintf(t->strange, sizeof(t->strange), "%s", calls[row].name);
}

/* ------------------------------------------------------ paths and files -- */

static bool
is_below(const struct tamper *t, const char *path)
{
	const size_t length = strlen(t->root);

	return strncmp(path, t->root, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/* False: it is none of ours. */
static bool
resolve(const struct tamper *t, long fd, long text, char path[PATH_SIZE])
{
	const char *name = (const char *)text;
	char base[PATH_SIZE / 2];
	long n;

	if (name[0] == '/') {
		snprintf(path, PATH_SIZE, "%s", name);
		return is_below(t, path);
	}
	if ((int)fd == AT_FDCWD) {
		n = raw_3(SYS_getcwd, (long)base, sizeof(base), 0);
		if (n <= 0)
			return false;
	} else {
		raw_path_of((int)fd, base, sizeof(base));
	}
	snprintf(path, PATH_SIZE, "%s/%s", base, name);
	return is_below(t, path);
}

static bool
fd_is_ours(const struct tamper *t, long fd, struct stat *st)
{
	char path[PATH_SIZE];

	if (raw_3(SYS_fstat, fd, (long)st, 0) != 0 ||
	    (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
		return false;
	raw_path_of((int)fd, path, sizeof(path));
	return is_below(t, path);
}

/* ------------------------------------------------------------ the calls -- */

static long
do_open(struct tamper *t, size_t row, const long *a)
{
	const bool at = calls[row].number == SYS_openat;
	const long dir = at ? a[0] : AT_FDCWD, name = at ? a[1] : a[0];
	const long flags = calls[row].number == SYS_creat ? O_CREAT | O_TRUNC
			   : at                           ? a[2]
							  : a[1];
	char path[PATH_SIZE];
	struct stat st;
	bool existed;
	long fd;

	if (!(flags & (O_CREAT | O_TRUNC)) || !resolve(t, dir, name, path))
		return raw(row, a);
	if ((flags & O_TMPFILE) == O_TMPFILE)
		note_strange(t, row);
	existed = raw_call(SYS_newfstatat, dir, name, (long)&st, 0, 0, 0) == 0;
	fd = raw(row, a);
	if (fd < 0 || raw_3(SYS_fstat, fd, (long)&st, 0) != 0)
		return fd;
	if (!existed)
		add_paths(t, TAPE_CREATE, st.st_ino, path, NULL);
	else if (flags & O_TRUNC)
		add_number(t, TAPE_TRUNCATE, st.st_ino, 0, 0);
	return fd;
}

static long
do_mkdir(struct tamper *t, size_t row, const long *a)
{
	const bool at = calls[row].number == SYS_mkdirat;
	const long dir = at ? a[0] : AT_FDCWD, name = at ? a[1] : a[0];
	const long result = raw(row, a);
	char path[PATH_SIZE];
	struct stat st;

	if (result == 0 && resolve(t, dir, name, path) &&
	    raw_call(SYS_newfstatat, dir, name, (long)&st, 0, 0, 0) == 0)
		add_paths(t, TAPE_MKDIR, st.st_ino, path, NULL);
	return result;
}

static long
do_unlink(struct tamper *t, size_t row, const long *a)
{
	const bool at = calls[row].number == SYS_unlinkat;
	const long result = raw(row, a);
	char path[PATH_SIZE];

	if (result == 0 &&
	    resolve(t, at ? a[0] : AT_FDCWD, at ? a[1] : a[0], path))
		add_paths(t, TAPE_UNLINK, 0, path, NULL);
	return result;
}

/* rename and link, in all their forms */
static long
do_rename(struct tamper *t, size_t row, const long *a)
{
	const long number = calls[row].number;
	const bool plain = number == SYS_rename || number == SYS_link;
	const bool links = number == SYS_link || number == SYS_linkat;
	const long result = raw(row, a);
	char from[PATH_SIZE], to[PATH_SIZE];
	bool ours;

	if (result != 0)
		return result;
	if (number == SYS_renameat2 && a[4] > 1) /* not RENAME_NOREPLACE */
		note_strange(t, row);
	ours = resolve(t, plain ? AT_FDCWD : a[0], plain ? a[0] : a[1], from);
	if (resolve(t, plain ? AT_FDCWD : a[2], plain ? a[1] : a[3], to) !=
	    ours)
		note_strange(t, row);
	else if (ours)
		add_paths(t, links ? TAPE_LINK : TAPE_RENAME, 0, from, to);
	return result;
}

static void
copy_pieces(
    unsigned char *to, size_t left, const struct iovec *pieces, size_t count)
{
	size_t i;

	for (i = 0; i < count && left > 0; i++) {
		const size_t n =
		    pieces[i].iov_len < left ? pieces[i].iov_len : left;

		memcpy(to, pieces[i].iov_base, n);
		to += n;
		left -= n;
	}
}

static long
do_write(struct tamper *t, size_t row, const long *a)
{
	const struct iovec whole = {(void *)a[1], (size_t)a[2]};
	const bool vector = calls[row].number == SYS_writev;
	struct stat st;
	struct tape_record record = {.kind = TAPE_WRITE};
	const bool ours = fd_is_ours(t, a[0], &st);
	const long result = raw(row, a);
	unsigned char *bytes;
	long flags;

	if (!ours || result <= 0)
		return result;
	flags = raw_3(SYS_fcntl, a[0], F_GETFL, 0);
	record.inode = st.st_ino;
	if (calls[row].number != SYS_pwrite64)
		record.at = raw_3(SYS_lseek, a[0], 0, SEEK_CUR) - result;
	else if (flags & O_APPEND) /* wherever it was meant to go */
		record.at = st.st_size;
	else
		record.at = a[3];
	bytes = add(t, record, (size_t)result);
	if (bytes != NULL)
		copy_pieces(bytes, (size_t)result,
		    vector ? (const struct iovec *)a[1] : &whole,
		    vector ? (size_t)a[2] : 1);
	if (flags & O_DSYNC)
		add_number(t, TAPE_SYNC, st.st_ino, 0, 0);
	return result;
}

static long
do_truncate(struct tamper *t, size_t row, const long *a)
{
	const long result = raw(row, a);
	char path[PATH_SIZE];
	struct stat st;

	if (result == 0 && resolve(t, AT_FDCWD, a[0], path) &&
	    raw_3(SYS_stat, a[0], (long)&st, 0) == 0)
		add_number(t, TAPE_TRUNCATE, st.st_ino, st.st_size, 0);
	return result;
}

static long
do_resize(struct tamper *t, size_t row, const long *a)
{
	const long result = raw(row, a);
	struct stat st;

	if (result != 0 || !fd_is_ours(t, a[0], &st))
		return result;
	if (calls[row].number == SYS_fallocate &&
	    (a[1] & ~FALLOC_FL_KEEP_SIZE) != 0)
		note_strange(t, row);
	add_number(t, TAPE_TRUNCATE, st.st_ino, st.st_size, 0);
	return result;
}

static long
do_sync(struct tamper *t, size_t row, const long *a)
{
	const long number = calls[row].number;
	const long result = t->skip_syncs ? 0 : raw(row, a);
	struct stat st;

	if (number == SYS_sync_file_range)
		return result;
	if (number == SYS_sync || number == SYS_syncfs)
		add_number(t, TAPE_SYNC_ALL, 0, 0, (int)-result);
	else if (fd_is_ours(t, a[0], &st))
		add_number(t, TAPE_SYNC, st.st_ino, 0, (int)-result);
	return result;
}

/* Memory that is a file: only SQLite's -shm, which need not survive. */
static long
do_mmap(struct tamper *t, size_t row, const long *a)
{
	char path[PATH_SIZE];
	struct stat st;
	size_t length;

	if ((int)a[4] != -1 && (a[3] & MAP_SHARED) && (a[2] & PROT_WRITE) &&
	    fd_is_ours(t, a[4], &st)) {
		raw_path_of((int)a[4], path, sizeof(path));
		length = strlen(path);
		if (length < 4 || strcmp(path + length - 4, "-shm") != 0)
			note_strange(t, row);
	}
	return raw(row, a);
}

static long
do_strange(struct tamper *t, size_t row, const long *a)
{
	struct stat st;
	char path[PATH_SIZE];

	if (((calls[row].flags & CALL_PATH) &&
		resolve(t, AT_FDCWD, a[0], path)) ||
	    (!(calls[row].flags & CALL_PATH) &&
		(fd_is_ours(t, a[0], &st) || fd_is_ours(t, a[2], &st))))
		note_strange(t, row);
	return raw(row, a);
}

static long
record(struct tamper *t, size_t row, const long *a)
{
	switch (calls[row].number) {
	case SYS_open:
	case SYS_openat:
	case SYS_creat:
		return do_open(t, row, a);
	case SYS_mkdir:
	case SYS_mkdirat:
		return do_mkdir(t, row, a);
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rmdir:
		return do_unlink(t, row, a);
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_link:
	case SYS_linkat:
		return do_rename(t, row, a);
	case SYS_write:
	case SYS_pwrite64:
	case SYS_writev:
		return do_write(t, row, a);
	case SYS_truncate:
		return do_truncate(t, row, a);
	case SYS_ftruncate:
	case SYS_fallocate:
		return do_resize(t, row, a);
	case SYS_mmap:
		return do_mmap(t, row, a);
	default:
		break;
	}
	if (calls[row].flags & CALL_SYNCS)
		return do_sync(t, row, a);
	return do_strange(t, row, a);
}

/* Reading a pipe may block for ever: that is no step of ours. */
static bool
is_recorded(size_t row)
{
	return (calls[row].flags &
		   (CALL_CHANGES | CALL_STRANGE | CALL_SYNCS)) != 0 &&
	       calls[row].class != TAMPER_NET &&
	       calls[row].number != SYS_close &&
	       calls[row].number != SYS_fcntl && calls[row].number != SYS_flock;
}

static bool
is_pipe(size_t row, const long *a)
{
	struct stat st;

	return (calls[row].number == SYS_write ||
		   calls[row].number == SYS_writev) &&
	       raw_3(SYS_fstat, a[0], (long)&st, 0) == 0 &&
	       !S_ISREG(st.st_mode);
}

long
tape_call(struct tamper *t, size_t row, const long *arguments)
{
	long result;

	if (!atomic_load(&t->recording) || !is_recorded(row) ||
	    is_pipe(row, arguments)) {
		if ((calls[row].flags & CALL_SYNCS) && t->skip_syncs)
			return 0;
		return raw(row, arguments);
	}
	hold(t);
	result = record(t, row, arguments);
	let_go(t);
	return result;
}

void
tape_failed_sync(struct tamper *t, const long *arguments, int error)
{
	struct stat st;

	if (!atomic_load(&t->recording) || !fd_is_ours(t, arguments[0], &st))
		return;
	hold(t);
	add_number(t, TAPE_SYNC, st.st_ino, 0, error);
	let_go(t);
}

void
tape_mark(struct tamper *t, uint64_t number, int64_t at)
{
	hold(t);
	add_number(t, TAPE_MARK, number, at, 0);
	let_go(t);
}

const struct tape_record *
tape_next(const struct tamper *t, const struct tape_record *record)
{
	const unsigned char *at = t->tape;

	if (record != NULL)
		at = (const unsigned char *)record + record->size;
	return at < t->tape + t->tape_used ? (const struct tape_record *)at
					   : NULL;
}
