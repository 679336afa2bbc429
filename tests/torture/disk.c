/* SPDX-License-Identifier: BSD-2-Clause */
/* The history of a disk: what processes see, and what is not synced of it. */
#include "tests/torture/disk_impl.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
disk_must(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "torture: out of memory\n");
		abort();
	}
	return memory;
}

void *
disk_grown(void *array, size_t count, size_t size)
{
	/* At powers of two only. */
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return disk_must(realloc(array, (count == 0 ? 1 : count * 2) * size));
}

void
disk_set_name(
    struct entry **entries, size_t *count, const char *name, int inode)
{
	size_t i;

	for (i = 0; i < *count; i++)
		if (strcmp((*entries)[i].name, name) == 0)
			break;
	if (i < *count) {
		(*entries)[i].inode = inode;
		if (inode == NO_INODE) {
			free((*entries)[i].name);
			(*entries)[i] = (*entries)[--*count];
		}
	} else if (inode != NO_INODE) {
		*entries = disk_grown(*entries, *count, sizeof(**entries));
		(*entries)[*count].name = disk_must(strdup(name));
		(*entries)[(*count)++].inode = inode;
	}
}

/* --------------------------------------------------------------- inodes -- */

static int
new_inode(struct disk *disk, uint64_t real, bool is_dir)
{
	struct inode *inode;

	disk->inodes =
	    disk_grown(disk->inodes, disk->inode_count, sizeof(*disk->inodes));
	inode = &disk->inodes[disk->inode_count];
	memset(inode, 0, sizeof(*inode));
	inode->real = real;
	inode->is_dir = is_dir;
	inode->sizes = disk_must(calloc(1, sizeof(*inode->sizes)));
	inode->size_count = 1;
	return (int)disk->inode_count++;
}

/* Numbers are used again: the last one is meant. */
static struct inode *
inode_of(struct disk *disk, uint64_t real)
{
	size_t i;

	for (i = disk->inode_count; i > 0; i--)
		if (disk->inodes[i - 1].real == real)
			return &disk->inodes[i - 1];
	return NULL;
}

static int
look_up(const struct inode *dir, const char *name)
{
	size_t i;

	for (i = 0; i < dir->now_count; i++)
		if (strcmp(dir->now[i].name, name) == 0)
			return dir->now[i].inode;
	return NO_INODE;
}

/*
 * The directory of an absolute path, and in `name` its last part.  The root
 * itself has none.
 */
static int
find_dir(const struct disk *disk, const char *path, char name[256])
{
	char *copy = disk_must(strdup(path + strlen(disk->root))), *save = NULL;
	char *part = strtok_r(copy, "/", &save), *next;
	int dir = part == NULL ? NO_INODE : 0;

	for (; dir != NO_INODE; part = next) {
		next = strtok_r(NULL, "/", &save);
		if (next == NULL) {
			snprintf(name, 256, "%s", part);
			break;
		}
		if (strcmp(part, ".") != 0)
			dir = look_up(&disk->inodes[dir], part);
	}
	free(copy);
	return dir;
}

/* ---------------------------------------------------------------- names -- */

static struct name_op *new_op(struct disk *disk, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static struct name_op *
new_op(struct disk *disk, const char *format, ...)
{
	struct name_op *op;
	va_list args;

	disk->ops = disk_grown(disk->ops, disk->op_count, sizeof(*disk->ops));
	op = &disk->ops[disk->op_count++];
	*op = (struct name_op){0};
	va_start(args, format);
	if (vasprintf(&op->text, format, args) < 0)
		disk_must(NULL);
	va_end(args);
	return op;
}

static void
change_name(
    struct disk *disk, struct name_op *op, int dir, const char *name, int inode)
{
	struct inode *d = &disk->inodes[dir];

	op->changes[op->count++] = (struct name_change){
	    .dir = dir, .inode = inode, .name = disk_must(strdup(name))};
	disk_set_name(&d->now, &d->now_count, name, inode);
}

static void
free_op(struct name_op *op)
{
	size_t i;

	for (i = 0; i < op->count; i++)
		free(op->changes[i].name);
	free(op->text);
}

/* What it changes is durable. */
static void
keep_op(struct disk *disk, const struct name_op *op)
{
	size_t i;

	for (i = 0; i < op->count; i++) {
		const struct name_change *c = &op->changes[i];
		struct inode *dir = &disk->inodes[c->dir];

		disk_set_name(&dir->kept, &dir->kept_count, c->name, c->inode);
	}
}

static bool
op_is_in(const struct name_op *op, int dir)
{
	return op->changes[0].dir == dir ||
	       (op->count == 2 && op->changes[1].dir == dir);
}

/* -1: every directory */
static void
sync_dir(struct disk *disk, int dir)
{
	size_t i, left = 0;

	for (i = 0; i < disk->op_count; i++)
		if (dir == -1 || op_is_in(&disk->ops[i], dir)) {
			keep_op(disk, &disk->ops[i]);
			free_op(&disk->ops[i]);
		} else {
			disk->ops[left++] = disk->ops[i];
		}
	disk->op_count = left;
}

static void
create(struct disk *disk, const struct tape_record *record, const char *path)
{
	const bool is_dir = record->kind == TAPE_MKDIR;
	const char *below = path + strlen(disk->root) + 1;
	char name[256];
	const int dir = find_dir(disk, path, name);
	struct name_op *op;

	if (dir == NO_INODE)
		return;
	op = new_op(disk, "%s %s", is_dir ? "mkdir" : "create", below);
	change_name(
	    disk, op, dir, name, new_inode(disk, record->inode, is_dir));
}

static void
remove_name(struct disk *disk, const char *path)
{
	char name[256];
	const int dir = find_dir(disk, path, name);

	if (dir != NO_INODE)
		change_name(disk,
		    new_op(disk, "remove %s", path + strlen(disk->root) + 1),
		    dir, name, NO_INODE);
}

static void
move(struct disk *disk, const char *from, const char *to, bool links)
{
	const size_t skip = strlen(disk->root) + 1;
	char old[256], new[256];
	const int from_dir = find_dir(disk, from, old);
	const int to_dir = find_dir(disk, to, new);
	struct name_op *op;
	int inode;

	if (from_dir == NO_INODE || to_dir == NO_INODE)
		return;
	inode = look_up(&disk->inodes[from_dir], old);
	op = new_op(disk, "%s %s %s", links ? "link" : "rename", from + skip,
	    to + skip);
	if (!links)
		change_name(disk, op, from_dir, old, NO_INODE);
	change_name(disk, op, to_dir, new, inode);
}

/* ---------------------------------------------------------------- bytes -- */

static void
make_room(struct inode *file, size_t size)
{
	size_t wanted = file->allocated;

	while (wanted < size)
		wanted = wanted == 0 ? PAGE : wanted * 2;
	if (wanted == file->allocated)
		return;
	file->bytes = disk_must(realloc(file->bytes, wanted));
	memset(file->bytes + file->allocated, 0, wanted - file->allocated);
	file->allocated = wanted;
}

/* The sector's history; begun with what it holds now, if there is none. */
static struct sector *
sector_of(struct inode *file, size_t number)
{
	size_t i = file->sector_count;
	struct sector *s;

	while (i > 0 && file->sectors[i - 1].number >= number)
		i--;
	if (i < file->sector_count && file->sectors[i].number == number)
		return &file->sectors[i];
	file->sectors = disk_grown(
	    file->sectors, file->sector_count, sizeof(*file->sectors));
	memmove(&file->sectors[i + 1], &file->sectors[i],
	    (file->sector_count++ - i) * sizeof(*file->sectors));
	s = &file->sectors[i];
	*s = (struct sector){.number = number, .count = 1};
	s->versions = disk_must(malloc(SECTOR));
	memcpy(s->versions, file->bytes + number * SECTOR, SECTOR);
	s->when = disk_must(calloc(1, sizeof(*s->when)));
	return s;
}

/* The sector has been changed: what it holds now is one more version. */
static void
add_version(struct disk *disk, struct inode *file, size_t number)
{
	const unsigned char *bytes = file->bytes + number * SECTOR;
	struct sector *s = sector_of(file, number);

	s->rewritten = true;
	if (memcmp(s->versions + (s->count - 1) * SECTOR, bytes, SECTOR) == 0)
		return;
	s->versions = disk_must(realloc(s->versions, (s->count + 1) * SECTOR));
	s->when =
	    disk_must(realloc(s->when, (s->count + 1) * sizeof(*s->when)));
	memcpy(s->versions + s->count * SECTOR, bytes, SECTOR);
	s->when[s->count++] = disk->now;
}

/* A page is written as a whole: its doubtful sectors are written anew. */
static void
rewrite_pages(struct inode *file, size_t from, size_t to)
{
	const size_t per_page = PAGE / SECTOR;
	size_t i;

	for (i = 0; i < file->sector_count; i++)
		if (file->sectors[i].number / per_page >= from / PAGE &&
		    file->sectors[i].number / per_page <= (to - 1) / PAGE)
			file->sectors[i].rewritten = true;
}

static void
set_size(struct disk *disk, struct inode *file, size_t size)
{
	if (file->size == size)
		return;
	file->size = size;
	file->sizes =
	    disk_grown(file->sizes, file->size_count, sizeof(*file->sizes));
	file->sizes[file->size_count++] =
	    (struct file_size){.size = size, .when = disk->now};
}

/* Change `length` bytes at `at`, to zeros if `bytes` is NULL. */
static void
write_bytes(struct disk *disk, struct inode *file, size_t at,
    const unsigned char *bytes, size_t length)
{
	const size_t first = at / SECTOR, last = (at + length - 1) / SECTOR;
	size_t i;

	if (length == 0)
		return;
	make_room(file, (last + 1) * SECTOR);
	for (i = first; i <= last; i++)
		sector_of(file, i);
	if (bytes != NULL)
		memcpy(file->bytes + at, bytes, length);
	else
		memset(file->bytes + at, 0, length);
	for (i = first; i <= last; i++)
		add_version(disk, file, i);
	rewrite_pages(file, at, at + length);
}

static void
resize(struct disk *disk, struct inode *file, size_t size)
{
	if (size < file->size)
		write_bytes(disk, file, size, NULL, file->size - size);
	make_room(file, (size + SECTOR - 1) / SECTOR * SECTOR);
	set_size(disk, file, size);
}

static void
sync_file(struct inode *file)
{
	size_t i, left = 0;

	for (i = 0; i < file->sector_count; i++) {
		struct sector *s = &file->sectors[i];

		if (s->doubtful && !s->rewritten) {
			file->sectors[left++] = *s;
			continue;
		}
		free(s->versions);
		free(s->when);
	}
	file->sector_count = left;
	file->sizes[0] = (struct file_size){.size = file->size};
	file->size_count = 1;
}

static void
fail_sync(struct inode *file)
{
	size_t i;

	for (i = 0; i < file->sector_count; i++) {
		file->sectors[i].doubtful = true;
		file->sectors[i].rewritten = false;
	}
}

static void
sync_inode(struct disk *disk, struct inode *inode, int error)
{
	if (inode == NULL)
		return;
	if (inode->is_dir && error == 0)
		sync_dir(disk, (int)(inode - disk->inodes));
	else if (!inode->is_dir && error == 0)
		sync_file(inode);
	else if (!inode->is_dir)
		fail_sync(inode);
}

static void
sync_all(struct disk *disk)
{
	size_t i;

	for (i = 0; i < disk->inode_count; i++)
		if (!disk->inodes[i].is_dir)
			sync_file(&disk->inodes[i]);
	sync_dir(disk, -1);
}

static void
write_on(
    struct disk *disk, struct inode *inode, const struct tape_record *record)
{
	const size_t at = (size_t)record->at;

	write_bytes(disk, inode, at, (const unsigned char *)(record + 1),
	    record->length);
	if (inode->size < at + record->length)
		set_size(disk, inode, at + record->length);
}

void
disk_apply(struct disk *disk, const struct tape_record *record)
{
	const char *text = (const char *)(record + 1);
	struct inode *inode = inode_of(disk, record->inode);

	disk->now++;
	switch ((enum tape_kind)record->kind) {
	case TAPE_CREATE:
	case TAPE_MKDIR:
		create(disk, record, text);
		break;
	case TAPE_UNLINK:
		remove_name(disk, text);
		break;
	case TAPE_RENAME:
	case TAPE_LINK:
		move(disk, text, text + strlen(text) + 1,
		    record->kind == TAPE_LINK);
		break;
	case TAPE_WRITE:
		if (inode != NULL)
			write_on(disk, inode, record);
		break;
	case TAPE_TRUNCATE:
		if (inode != NULL)
			resize(disk, inode, (size_t)record->at);
		break;
	case TAPE_SYNC:
		sync_inode(disk, inode, record->result);
		break;
	case TAPE_SYNC_ALL:
		if (record->result == 0)
			sync_all(disk);
		break;
	case TAPE_MARK:
		break;
	}
}

/* ------------------------------------------------------- the real thing -- */

/* The whole file; NULL with errno set. */
static unsigned char *
read_file(const char *path, size_t size)
{
	unsigned char *bytes = disk_must(malloc(size + 1));
	FILE *file = fopen(path, "re");

	if (file == NULL || fread(bytes, 1, size + 1, file) != size) {
		free(bytes);
		bytes = NULL;
	}
	if (file != NULL)
		fclose(file);
	return bytes;
}

static bool
is_left_out(const char *name)
{
	const size_t length = strlen(name);

	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       (length >= 4 && strcmp(name + length - 4, "-shm") == 0);
}

static bool
scan_file(struct disk *disk, int number, const char *path, size_t size)
{
	struct inode *file = &disk->inodes[number];
	unsigned char *bytes = read_file(path, size);

	if (bytes == NULL)
		return false;
	make_room(file, (size + SECTOR) / SECTOR * SECTOR);
	memcpy(file->bytes, bytes, size);
	free(bytes);
	file->size = file->sizes[0].size = size;
	return true;
}

static bool
scan_dir(struct disk *disk, int dir, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	bool good = d != NULL;

	while (good && (entry = readdir(d)) != NULL) {
		char below[4096];
		struct stat st;
		struct inode *in;
		int number;

		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (is_left_out(entry->d_name))
			continue;
		good = lstat(below, &st) == 0;
		if (!good)
			break;
		number = new_inode(disk, st.st_ino, S_ISDIR(st.st_mode));
		in = &disk->inodes[dir];
		disk_set_name(&in->now, &in->now_count, entry->d_name, number);
		disk_set_name(
		    &in->kept, &in->kept_count, entry->d_name, number);
		good = S_ISDIR(st.st_mode)
			   ? scan_dir(disk, number, below)
			   : scan_file(disk, number, below, (size_t)st.st_size);
	}
	if (d != NULL)
		closedir(d);
	return good;
}

struct disk *
disk_new(const char *root)
{
	struct disk *disk = disk_must(calloc(1, sizeof(*disk)));
	struct stat st;

	disk->root = disk_must(strdup(root));
	if (stat(root, &st) != 0 ||
	    !scan_dir(disk, new_inode(disk, st.st_ino, true), root)) {
		disk_free(disk);
		return NULL;
	}
	return disk;
}

static void
free_inode(struct inode *inode)
{
	size_t i;

	for (i = 0; i < inode->sector_count; i++) {
		free(inode->sectors[i].versions);
		free(inode->sectors[i].when);
	}
	for (i = 0; i < inode->now_count; i++)
		free(inode->now[i].name);
	for (i = 0; i < inode->kept_count; i++)
		free(inode->kept[i].name);
	free(inode->sectors);
	free(inode->sizes);
	free(inode->bytes);
	free(inode->now);
	free(inode->kept);
}

void
disk_free(struct disk *disk)
{
	size_t i;

	if (disk == NULL)
		return;
	for (i = 0; i < disk->inode_count; i++)
		free_inode(&disk->inodes[i]);
	for (i = 0; i < disk->op_count; i++)
		free_op(&disk->ops[i]);
	free(disk->inodes);
	free(disk->ops);
	free(disk->root);
	free(disk);
}

/* Not as the disk says: for the tape's own test. */
static bool
file_is_true(const struct inode *file, const char *path)
{
	unsigned char *bytes = read_file(path, file->size);
	const bool same =
	    bytes != NULL && memcmp(bytes, file->bytes, file->size) == 0;

	free(bytes);
	return same || (file->size == 0 && bytes != NULL);
}

static size_t
count_names(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	while (d != NULL && (entry = readdir(d)) != NULL)
		count += !is_left_out(entry->d_name);
	if (d != NULL)
		closedir(d);
	return count;
}

static bool
dir_is_true(const struct disk *disk, const struct inode *dir, const char *path,
    char *why, size_t why_size)
{
	size_t i, names = 0;

	for (i = 0; i < dir->now_count; i++) {
		const struct inode *inode = &disk->inodes[dir->now[i].inode];
		char below[4096];

		if (is_left_out(dir->now[i].name))
			continue;
		names++;
		snprintf(below, sizeof(below), "%s/%s", path, dir->now[i].name);
		if (inode->is_dir
			? dir_is_true(disk, inode, below, why, why_size)
			: file_is_true(inode, below))
			continue;
		if (why[0] == '\0')
			snprintf(why, why_size, "%s", below);
		return false;
	}
	if (names == count_names(path))
		return true;
	snprintf(why, why_size, "names in %s", path);
	return false;
}

bool
disk_is_true(const struct disk *disk, char *why, size_t why_size)
{
	why[0] = '\0';
	return dir_is_true(disk, &disk->inodes[0], disk->root, why, why_size);
}
