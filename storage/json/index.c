/* SPDX-License-Identifier: BSD-2-Clause */
/* What one process knows of the ledgers: where each line is. */
#include "storage/json/index.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/ledger.h"
#include "storage/json/table.h"

void
index_reset(struct index *index)
{
	if (index->birth != 0)
		close(index->fd);
	free(index->offset);
	table_clear(&index->orders);
	table_clear(&index->keys);
	index->birth = 0;
	index->fd = -1;
	index->end = 0;
	index->lines = 0;
	index->offset = NULL;
	index->allocated = 0;
}

static bool
index_add(struct index *index, const char *text, size_t length)
{
	const int64_t version = index->lines + 1;
	const char *value;
	size_t size;

	if ((size_t)index->lines == index->allocated) {
		const size_t wanted = index->allocated * 2 + 64;
		int64_t *offset =
		    realloc(index->offset, wanted * sizeof(*index->offset));

		if (offset == NULL)
			return false;
		index->offset = offset;
		index->allocated = wanted;
	}
	value = ledger_member(text, length, "order", &size);
	if (value != NULL && size > 0 &&
	    !table_add(&index->orders, table_hash(value, size), version))
		return false;
	value = ledger_member(text, length, "key", &size);
	if (value != NULL &&
	    !table_add(&index->keys, table_hash(value, size), version))
		return false;
	index->offset[version - 1] = index->end;
	index->end += (int64_t)length;
	index->lines = version;
	return true;
}

static enum store_result
read_error(struct store_user *user, const char *id)
{
	return store_fail(user, STORE_FAILED, "%s/%s/" LEDGER ": %s",
	    user->store->dir, id, errno != 0 ? strerror(errno) : "cut short");
}

enum store_result
index_no_memory(struct store_user *user)
{
	return store_fail(user, STORE_FAILED, "out of memory");
}

/* Follow the ledger up to the head's mark.  Index mutex held. */
static enum store_result
index_follow(struct store_user *user, struct index *index, struct head *head)
{
	char *chunk = NULL;
	size_t size = 256 * 1024;
	enum store_result result = STORE_OK;

	while (result == STORE_OK && index->end < head->mark) {
		const int64_t left = head->mark - index->end;
		const size_t want = left < (int64_t)size ? (size_t)left : size;
		const char *line = chunk, *newline;
		ssize_t got;

		if (chunk == NULL)
			line = chunk = malloc(size);
		if (chunk == NULL)
			return index_no_memory(user);
		errno = 0;
		got = pread(index->fd, chunk, want, index->end);
		if (got <= 0) {
			result = read_error(user, head->state.settings.id);
			break;
		}
		while ((newline = memchr(line, '\n',
			    (size_t)(chunk + got - line))) != NULL) {
			if (!index_add(
				index, line, (size_t)(newline + 1 - line)))
				result = index_no_memory(user);
			line = newline + 1;
		}
		if (line == chunk) { /* a line longer than the chunk */
			free(chunk);
			chunk = NULL;
			size *= 2;
		}
	}
	free(chunk);
	return result;
}

/*
 * Enter the process's index of the sale, open and (if `follow`) up to date
 * with the head, which is read anew.  On OK the caller unlocks it.
 */
enum store_result
index_enter(struct store_user *user, const struct store_state *state,
    bool follow, struct index **entered)
{
	struct json_local *local = user->store->local;
	struct index *index = &local->index[state->slot];
	struct head head;
	enum store_result result = STORE_OK;

	pthread_mutex_lock(&index->mutex);
	head = heads_read(heads_slot(user, state->slot));
	if (head.state.birth == 0 || head.state.birth != state->birth) {
		result = STORE_GONE;
	} else if (index->birth != head.state.birth) {
		index_reset(index);
		index->fd = files_open_ledger(
		    user->store, head.state.settings.id, O_RDWR | O_APPEND);
		if (index->fd == -1)
			result = files_fail(
			    user, head.state.settings.id, "open " LEDGER);
		else
			index->birth = head.state.birth;
	}
	if (result == STORE_OK && follow)
		result = index_follow(user, index, &head);
	if (result != STORE_OK)
		pthread_mutex_unlock(&index->mutex);
	else
		*entered = index;
	return result;
}

/* Read and decode one line.  Index mutex held, or the fd one's own. */
static enum store_result
decode_at(struct store_user *user, const char *id, int fd, int64_t from,
    int64_t to, store_visit_fn *visit, void *arg, bool *go_on)
{
	const size_t length = (size_t)(to - from);
	const char *why = NULL;
	char *text;
	bool good;

	text = malloc(length);
	if (text == NULL)
		return index_no_memory(user);
	errno = 0;
	if (pread(fd, text, length, from) != (ssize_t)length) {
		free(text);
		return read_error(user, id);
	}
	good = ledger_decode(text, length, visit, arg, go_on, &why);
	free(text);
	if (!good)
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" LEDGER ", byte %" PRId64 ": %s", user->store->dir,
		    id, from, why);
	return STORE_OK;
}

struct wanted {
	enum store_by by;
	const char *value;
	bool found;
	store_visit_fn *visit;
	void *arg;
};

static bool
is_wanted(const struct store_line *line, void *arg)
{
	struct wanted *wanted = arg;
	const char *value =
	    wanted->by == STORE_BY_KEY ? line->key : line->order;

	wanted->found = value != NULL && strcmp(value, wanted->value) == 0;
	if (wanted->found && wanted->visit != NULL)
		wanted->visit(line, wanted->arg);
	return true;
}

/* Hashes are of the text as it stands in the ledger: quoted. */
static uint64_t
hash_of_value(const char *value)
{
	char *quoted = ledger_quote(value);
	uint64_t hash = 0;

	if (quoted != NULL)
		hash = table_hash(quoted + 1, strlen(quoted) - 2);
	free(quoted);
	return hash;
}

/* Index mutex held and followed.  OK, GONE or FAILED. */
static enum store_result
find_in(struct store_user *user, const char *id, struct index *index,
    struct wanted *wanted)
{
	const struct table *table =
	    wanted->by == STORE_BY_KEY ? &index->keys : &index->orders;
	const uint64_t hash = hash_of_value(wanted->value);
	size_t at = SIZE_MAX;
	int64_t version;

	while ((version = table_next(table, hash, &at)) != 0) {
		assert(index->offset != NULL && version <= index->lines);
		const int64_t end = version == index->lines
					? index->end
					: index->offset[version];
		enum store_result result;

		result = decode_at(user, id, index->fd,
		    index->offset[version - 1], end, is_wanted, wanted, NULL);
		if (result != STORE_OK || wanted->found)
			return result;
	}
	return STORE_GONE;
}

enum store_result
index_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	struct wanted wanted = {
	    .by = by, .value = value, .visit = visit, .arg = arg};
	enum store_result result;
	struct index *index;

	result = index_enter(user, state, true, &index);
	if (result != STORE_OK)
		return result;
	result = find_in(user, state->settings.id, index, &wanted);
	pthread_mutex_unlock(&index->mutex);
	return result;
}

enum store_result
index_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	const int64_t count = state->version - after;
	enum store_result result;
	struct index *index;
	int64_t *offset = NULL, i;
	bool go_on = true;
	int fd;

	result = index_enter(user, state, count > 0, &index);
	if (result != STORE_OK)
		return result;
	if (count <= 0) {
		pthread_mutex_unlock(&index->mutex);
		return STORE_OK;
	}
	/* Copy where the lines are, so that a long walk holds up nobody. */
	assert(index->lines >= state->version);
	offset = malloc((size_t)(count + 1) * sizeof(*offset));
	fd = fcntl(index->fd, F_DUPFD_CLOEXEC, 0);
	if (offset != NULL) {
		memcpy(offset, index->offset + after,
		    (size_t)count * sizeof(*offset));
		offset[count] = state->version == index->lines
				    ? index->end
				    : index->offset[state->version];
	}
	pthread_mutex_unlock(&index->mutex);
	if (offset == NULL || fd == -1)
		result = index_no_memory(user);
	for (i = 0; offset != NULL && i < count && go_on && result == STORE_OK;
	     i++)
		result = decode_at(user, state->settings.id, fd, offset[i],
		    offset[i + 1], visit, arg, &go_on);
	free(offset);
	if (fd != -1)
		close(fd);
	return result;
}

/* Does a line of the ledger bear one of these keys?  OK: none does. */
enum store_result
index_check_keys(struct store_user *user, const struct store_commit *commit)
{
	const struct store_state *state = commit->state;
	enum store_result result = STORE_GONE;
	struct index *index;
	size_t i;

	for (i = 0; i < commit->count && commit->lines[i].key == NULL; i++)
		;
	if (i == commit->count)
		return STORE_OK;
	result = index_enter(user, state, true, &index);
	if (result != STORE_OK)
		return result;
	result = STORE_GONE;
	for (; i < commit->count && result == STORE_GONE; i++) {
		struct wanted wanted = {
		    .by = STORE_BY_KEY, .value = commit->lines[i].key};

		if (wanted.value != NULL)
			result =
			    find_in(user, state->settings.id, index, &wanted);
	}
	pthread_mutex_unlock(&index->mutex);
	switch (result) {
	case STORE_GONE:
		return STORE_OK;
	case STORE_OK:
		return STORE_DUPLICATE;
	default:
		return result;
	}
}
