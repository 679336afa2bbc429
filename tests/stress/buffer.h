/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that only grows: bytes that are written down now and read later, and
 * lists of things.  Without memory the test has no result: it stops.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>

struct buffer {
	char *bytes;
	size_t size, room;
};

/* Append; where it begins. */
size_t buffer_add(struct buffer *buffer, const void *bytes, size_t size);
void buffer_free(struct buffer *buffer);

/* Room for one more of `size` bytes each: the list, perhaps moved. */
void *buffer_grow(void *list, size_t count, size_t size);

/* strdup() that does not fail; of NULL it is NULL. */
char *buffer_copy(const char *text);

#endif
