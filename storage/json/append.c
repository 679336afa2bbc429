/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines go to the end of a ledger, and to the disk. */
#include "storage/json/append.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/index.h"
#include "storage/json/ledger.h"

static char *
encode_lines(const struct store_line *lines, size_t count, size_t *size)
{
	char *text = NULL;
	FILE *out;
	size_t i;

	*size = 0;
	out = open_memstream(&text, size);
	if (out == NULL)
		return NULL;
	for (i = 0; i < count; i++)
		ledger_encode(&lines[i], out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/*
 * Append `lines` at the mark and make them durable; in the latch.  On OK
 * `head` has the new mark, version, counter and capacity, not yet published.
 */
static enum store_result
append(struct store_user *user, int fd, struct head *head,
    const struct store_line *lines, size_t count)
{
	const char *id = head->state.settings.id;
	const struct store_line *last = &lines[count - 1];
	struct stat st;
	ssize_t written;
	size_t size;
	char *text;

	/* A failed write that could not be cut back is cut now. */
	if (fstat(fd, &st) != 0)
		return files_fail(user, id, "stat");
	if (st.st_size != head->mark && ftruncate(fd, head->mark) != 0)
		return files_fail(user, id, "truncate");
	text = encode_lines(lines, count, &size);
	if (text == NULL)
		return index_no_memory(user);
	errno = ENOSPC; /* what a short write means */
	written = write(fd, text, size);
	free(text);
	if (written != (ssize_t)size) {
		const int error = errno;

		if (ftruncate(fd, head->mark) != 0)
			return store_poison(user,
			    "%s: a failed write could not be cut back: %s", id,
			    strerror(errno));
		errno = error;
		return files_fail(user, id, "write");
	}
	if (fdatasync(fd) != 0) {
		store_poison(user, "%s/%s/" LEDGER ": fdatasync: %s",
		    user->store->dir, id, strerror(errno));
		/* The page cache now shows what may not be on disk; if this
		 * fails too, recovery cuts it. */
		(void)!ftruncate(fd, head->mark);
		return STORE_UNKNOWN;
	}
	head->mark += (int64_t)size;
	head->state.version = last->version;
	head->state.remaining = last->remaining;
	head->state.settings.capacity = last->capacity;
	return STORE_OK;
}

enum store_result
append_lines(struct store_user *user, struct head *head,
    const struct store_line *lines, size_t count)
{
	enum store_result result;
	struct index *index;
	int fd;

	result = index_enter(user, &head->state, false, &index);
	if (result != STORE_OK)
		return result;
	/* Nobody closes it: the sale cannot go while we hold its latch. */
	fd = index->fd;
	pthread_mutex_unlock(&index->mutex);
	return append(user, fd, head, lines, count);
}
