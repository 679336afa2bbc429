/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that only grows: bytes that are written down now and read later, and
 * lists of things.  Without memory the test has no result: it prints a line
 * and exits with 2, so that nobody needs to check.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>

/* Zeroed it is empty. */
struct buffer {
	char *bytes; /* to be freed; may move with every buffer_add() */
	size_t size, room;
};

/* Append a copy; the offset at which it begins. */
size_t buffer_add(struct buffer *buffer, const void *bytes, size_t size);

/* The same, as libcurl's CURLOPT_WRITEFUNCTION. */
size_t buffer_write(char *bytes, size_t size, size_t count, void *buffer);

/*
 * Room for one more behind `count` things of `size` bytes: the list, perhaps
 * moved; to be freed by its owner.  It must have grown by this function only.
 */
void *buffer_grow(void *list, size_t count, size_t size);

/* The memory, or whatever else is NULL only for want of memory. */
void *buffer_must(void *memory);

#endif
