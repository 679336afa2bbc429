/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list is full when its count is 0 or a power of two, so that no room needs
 * to be kept beside it.
 */
#include "tests/stress/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
buffer_must(void *memory)
{
	if (memory != NULL)
		return memory;
	fprintf(stderr, "stress: out of memory\n");
	exit(2);
}

size_t
buffer_add(struct buffer *buffer, const void *bytes, size_t size)
{
	const size_t at = buffer->size;

	if (buffer->room - buffer->size < size) {
		buffer->room = buffer->room * 2 + size + 4096;
		buffer->bytes =
		    buffer_must(realloc(buffer->bytes, buffer->room));
	}
	if (size > 0)
		memcpy(buffer->bytes + at, bytes, size);
	buffer->size += size;
	return at;
}

size_t
buffer_write(char *bytes, size_t size, size_t count, void *buffer)
{
	buffer_add(buffer, bytes, size * count);
	return size * count;
}

void *
buffer_grow(void *list, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return list;
	return buffer_must(realloc(list, (count == 0 ? 1 : count * 2) * size));
}
