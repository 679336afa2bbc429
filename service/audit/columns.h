/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many columns of a terminal a text takes.  Texts are UTF-8; a character
 * whose width is in doubt counts as wide.
 */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <stddef.h>
#include <stdio.h>

int columns_of(const char *text);

/* Copy whole characters, as many as fit in `columns` and, with NUL, `size`. */
void columns_copy(char *to, size_t size, const char *from, int columns);

/*
 * The words of `text` in lines of at most `width` columns; all but the first
 * begin with `indent` spaces.  The text is taken apart.
 */
void columns_wrap(FILE *out, char *text, int width, int indent);

#endif
