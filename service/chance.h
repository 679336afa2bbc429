/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers, the kernel's, drawn some dozens at a time: a system call for
 * each is a tenth of what a request costs here.
 *
 * A chance is one thread's and begins as {0}.  It is not for both sides of a
 * fork: they would draw the same.
 */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANCE_NUMBERS 32 /* 256 bytes: more could be interrupted */

struct chance {
	uint64_t numbers[CHANCE_NUMBERS];
	size_t left; /* of them, from the first on */
};

/* False: the kernel has none; once it has booted that cannot be. */
bool chance_draw(struct chance *chance, uint64_t *number);

#endif
