/* SPDX-License-Identifier: BSD-2-Clause */
/* Folders as a whole. */
#ifndef TORTURE_TREE_H
#define TORTURE_TREE_H

#include <stdbool.h>

#include "tests/tree.h"

/* `to` becomes a copy of the folder `from`.  False: errno says why. */
bool tree_copy(const char *from, const char *to);

#endif
