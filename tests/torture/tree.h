/* SPDX-License-Identifier: BSD-2-Clause */
/* Folders as a whole. */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>

/* It and all below it, if it is there. */
void tree_remove(const char *path);

/* `to` becomes a copy of the folder `from`.  False: errno says why. */
bool tree_copy(const char *from, const char *to);

#endif
