/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that only grows: bytes that are written down now and read later, and
 * lists of things.  Without memory the test has no result: it stops.
 */
#ifndef TAPE_H
#define TAPE_H

#include <stddef.h>

struct tape {
	char *bytes;
	size_t size, room;
};

/* Append; where it begins. */
size_t tape_add(struct tape *tape, const void *bytes, size_t size);
void tape_free(struct tape *tape);

/* Room for one more of `size` bytes each: the list, perhaps moved. */
void *list_grow(void *list, size_t count, size_t size);

/* strdup() that does not fail; of NULL it is NULL. */
char *text_copy(const char *text);

#endif
