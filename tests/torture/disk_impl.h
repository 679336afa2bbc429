/* SPDX-License-Identifier: BSD-2-Clause */
/* Between disk.c, which keeps the history, and images.c, which chooses. */
#ifndef DISK_IMPL_H
#define DISK_IMPL_H

#include "tests/torture/disk.h"

#define SECTOR 512
#define PAGE 4096
#define NO_INODE (-1)

/* A sector that was written since it was synced. */
struct sector {
	size_t number;
	size_t count;            /* versions; the first is the synced one */
	unsigned char *versions; /* of SECTOR bytes each */
	uint32_t *when;          /* the operation that made it */
	bool doubtful;           /* a sync of it failed … */
	bool rewritten;          /* … and its page was written since */
};

struct inode {
	uint64_t real; /* its number on the real disk */
	bool is_dir;
	/* A file: what processes see; zeros behind `size`. */
	unsigned char *bytes;
	size_t size, allocated;
	struct sector *sectors; /* ascending */
	size_t sector_count;
	struct file_size {
		size_t size;
		uint32_t when;
	} * sizes; /* the first is the synced one */
	size_t size_count;
	/* A directory. */
	struct entry *now, *kept;
	size_t now_count, kept_count;
};

struct entry {
	char *name;
	int inode;
};

/* A change of names: one entry, or two of a rename. */
struct name_op {
	struct name_change {
		int dir, inode; /* NO_INODE: the name is gone */
		char *name;
	} changes[2];
	size_t count;
	char *text; /* "rename a.new a" */
};

struct disk {
	char *root;
	struct inode *inodes; /* the first is the root */
	size_t inode_count;
	struct name_op *ops; /* whose directories were not synced since */
	size_t op_count;
	uint32_t now; /* operations so far */
};

/* Set or remove a name. */
void disk_set_name(
    struct entry **entries, size_t *count, const char *name, int inode);

/* `array` with room for one more of `size` bytes; never NULL. */
void *disk_grown(void *array, size_t count, size_t size);
void *disk_must(void *memory);

#endif
