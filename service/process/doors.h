/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process leaves open to others, closed: files that it makes, what it
 * could become, what it would hand on.
 */
#ifndef DOORS_H
#define DOORS_H

#include <stdbool.h>

/*
 * In the supervisor, before it opens or makes anything, and before any fork:
 * new files are for their owner alone, descriptors that were inherited close
 * on exec, standard input, output and error are there, and nothing that is
 * executed gains privileges.  0, or -1 with errno set.
 */
int doors_close(void);

/* May others than its owner look into the directory, or go through it? */
bool doors_are_open(const char *dir);

#endif
