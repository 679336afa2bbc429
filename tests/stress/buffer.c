/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/stress/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *memory)
{
	if (memory != NULL)
		return memory;
	fprintf(stderr, "stress: out of memory\n");
	exit(2);
}

size_t
tape_add(struct tape *tape, const void *bytes, size_t size)
{
	const size_t at = tape->size;

	if (tape->room - tape->size < size) {
		tape->room = tape->room * 2 + size + 4096;
		tape->bytes = must(realloc(tape->bytes, tape->room));
	}
	if (size > 0)
		memcpy(tape->bytes + at, bytes, size);
	tape->size += size;
	return at;
}

void
tape_free(struct tape *tape)
{
	free(tape->bytes);
	*tape = (struct tape){0};
}

void *
list_grow(void *list, size_t count, size_t size)
{
	/* Only when the count is 0 or a power of two is it full. */
	if ((count & (count - 1)) != 0)
		return list;
	return must(realloc(list, (count == 0 ? 1 : count * 2) * size));
}

char *
text_copy(const char *text)
{
	return text == NULL ? NULL : must(strdup(text));
}
