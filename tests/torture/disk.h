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

#endif
