/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk that can lose its power.  It is fed with a tape's records, knows what
 * processes see, and what of it a power cut may leave:
 *
 *   1. a synced file has its bytes and its size;
 *   2. of a file that was written since, each sector of 512 bytes is, on its
 *      own, as it was synced or as after any write since;
 *   3. its size is the synced one or any since, or a page border on the way up,
 *      whatever its sectors are; what was never written reads as zeros;
 *   4. names (create, rename, unlink, mkdir) are there when their *directory*
 *      was synced, whatever was synced of the file;
 *   5. of the names since, a journal keeps the first ones of each directory; a
 *      *lenient* file system, as POSIX allows it, any of them;
 *   6. what a failed sync left behind is never synced by a later one, unless
 *      its page is written anew.
 *
 * SQLite's -shm files are no part of it.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/torture/tamper.h"

struct disk;

/* `root`: a directory, in whose present state all is durable.  NULL: errno. */
struct disk *disk_new(const char *root);
void disk_free(struct disk *disk);

/* What was done next.  Not called for marks. */
void disk_apply(struct disk *disk, const struct tape_record *record);

/* Is what processes see what is really in `root`?  If not, where. */
bool disk_is_true(const struct disk *disk, char *why, size_t why_size);

/* One image; what it points to is the disk's, until the visit returns. */
struct disk_image {
	int64_t number;   /* in its order of visit, from 1 */
	uint64_t hash;    /* of names and contents */
	bool lenient;     /* only a lenient file system leaves it */
	const char *lost; /* in words: what is not as processes saw it */
	const struct disk_tree *tree;
};

/* False stops it. */
typedef bool disk_visit_fn(const struct disk_image *image, void *arg);

/*
 * Visit what a power cut could leave now: all images if there are at most
 * `most`, else first those where all is lost, nothing is, or one thing is
 * chosen, and then others by chance (`seed`).  Two may be the same.
 */
void disk_images(struct disk *disk, int64_t most, uint64_t seed,
    disk_visit_fn *visit, void *arg);

/* Build it in `path`, which is emptied, or made. */
bool disk_build(const struct disk_image *image, const char *path);

#endif
