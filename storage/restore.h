/* SPDX-License-Identifier: BSD-2-Clause */
/* A data directory is made of a backup, for any store. */
#ifndef RESTORE_H
#define RESTORE_H

#include "storage/backup.h"

/*
 * Make `dir`, which is empty or is not there, a data directory of the store
 * `kind` with all that the backup `path` has.  It is read as a start would read
 * it before it is one, so that a service begins on all of it or on nothing.
 * One process, with one thread.  0, or -1 with one line in `error`; then what
 * is left in `dir` is no data directory.
 */
int restore_from(const char *path, const char *kind, const char *dir,
    struct backup_count *count, char *error, size_t error_size);

#endif
