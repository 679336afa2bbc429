/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder of a test's own goes, with all that is in it. */
#ifndef TREE_H
#define TREE_H

#include <sys/stat.h>

#include <ftw.h>
#include <stdio.h>

static inline int
tree_remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* It and all below it, if it is there.  No link is followed. */
static inline void
tree_remove(const char *path)
{
	nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
