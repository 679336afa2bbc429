/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One buffer, which grows for a line that is longer.  What is left of a line
 * at its end goes to its front, and the file is read on behind it.
 */
#include "storage/json/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (256 * 1024) /* at first, if there is as much to read */

struct buffer {
	char *text;
	size_t size, used;
	bool ended; /* the walk, by its caller */
};

/* Give away the whole lines; true if there was one. */
static bool
take_whole(struct buffer *buffer, lines_take_fn *take, void *arg)
{
	char *line = buffer->text, *end = buffer->text + buffer->used, *newline;

	while (!buffer->ended &&
	       (newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		buffer->ended = !take(line, (size_t)(newline + 1 - line), arg);
		line = newline + 1;
	}
	buffer->used = (size_t)(end - line);
	memmove(buffer->text, line, buffer->used);
	return line != buffer->text;
}

/* A line that is longer than the buffer. */
static bool
grow(struct buffer *buffer)
{
	char *text = realloc(buffer->text, buffer->size * 2);

	if (text == NULL)
		return false;
	buffer->text = text;
	buffer->size *= 2;
	return true;
}

/* The next bytes: how many, 0: the file has no more, -1: errno says why. */
static ssize_t
fill(struct buffer *buffer, int fd, int64_t from, int64_t to)
{
	const size_t room = buffer->size - buffer->used;
	ssize_t got;

	do
		got = pread(fd, buffer->text + buffer->used,
		    to - from < (int64_t)room ? (size_t)(to - from) : room,
		    from);
	while (got == -1 && errno == EINTR);
	if (got > 0)
		buffer->used += (size_t)got;
	return got;
}

static enum lines_result
walk(struct buffer *buffer, int fd, int64_t from, int64_t to,
    lines_take_fn *take, void *arg)
{
	ssize_t got = 0;

	for (; !buffer->ended && from < to; from += got) {
		got = fill(buffer, fd, from, to);
		if (got == -1)
			return LINES_FAILED;
		if (got == 0)
			break;
		if (!take_whole(buffer, take, arg) &&
		    buffer->used == buffer->size && !grow(buffer))
			return LINES_FAILED;
	}
	if (!buffer->ended && buffer->used > 0)
		buffer->ended = !take(buffer->text, buffer->used, arg);
	return buffer->ended || from == to ? LINES_OK : LINES_SHORT;
}

enum lines_result
lines_walk(int fd, int64_t from, int64_t to, lines_take_fn *take, void *arg)
{
	const int64_t all = to - from;
	struct buffer buffer = {
	    .size = all < BUFFER_SIZE ? (size_t)all + 1 : BUFFER_SIZE};
	enum lines_result result;

	buffer.text = malloc(buffer.size);
	if (buffer.text == NULL)
		return LINES_FAILED;
	result = walk(&buffer, fd, from, to, take, arg);
	free(buffer.text);
	return result;
}
