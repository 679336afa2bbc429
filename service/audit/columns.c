/* SPDX-License-Identifier: BSD-2-Clause */
/* By ranges of first bytes: no locale, no table. */
#include "service/audit/columns.h"

#include <string.h>

/* A character's columns, and its bytes in `*length`; UTF-8 is assumed. */
static int
character_width(const char *text, size_t *length)
{
	const unsigned char c = (unsigned char)*text;

	*length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	/* East Asian, and symbols: to think too wide is the safe error. */
	return c >= 0xe3 || (c == 0xe2 && (unsigned char)text[1] >= 0x8c) ||
		       (c == 0xe1 && (unsigned char)text[1] >= 0x84)
		   ? 2
		   : 1;
}

int
columns_of(const char *text)
{
	size_t length;
	int width = 0;

	for (; *text != '\0'; text += length)
		width += character_width(text, &length);
	return width;
}

void
columns_copy(char *to, size_t size, const char *from, int columns)
{
	size_t n = 0, length;

	for (; *from != '\0'; from += length) {
		columns -= character_width(from, &length);
		if (columns < 0 || n + length >= size)
			break;
		memcpy(to + n, from, length);
		n += length;
	}
	to[n] = '\0';
}

void
columns_wrap(FILE *out, char *text, int width, int indent)
{
	char *word, *rest;
	int column = 0;

	for (word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (column > 0 && column + 1 + columns_of(word) > width)
			column = fprintf(out, "\n%*s", indent, "") - 1;
		else if (column > 0)
			column += fprintf(out, " ");
		column += columns_of(word);
		fprintf(out, "%s", word);
	}
	fprintf(out, "\n");
}
