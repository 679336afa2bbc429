/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backup is a tar file of a data directory as the store json has it, whatever
 * store it is of:
 *
 *     .store                "json"
 *     <sale>/ledger.jsonl   its lines
 *     <sale>/sale.json      its settings; `version` is the last line's
 *
 * So `tar xf` makes a data directory of it, and people can read it.
 */
#ifndef BACKUP_H
#define BACKUP_H

#include <stddef.h>
#include <stdint.h>

/* What is in it. */
struct backup_count {
	int64_t sales, receipts;
};

/*
 * Write all that is in the data directory `dir` to the file `path`, which is
 * whole and on disk on return, or as it was before.  Any process, while a
 * service sells there or while none does; `kind` is the kind of its store, or
 * NULL.  What was acknowledged before the call is in it, each sale as of one
 * moment.  0, or -1 with one line in `error`.
 */
int backup_write(const char *kind, const char *dir, const char *path,
    struct backup_count *count, char *error, size_t error_size);

#endif
