/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For each ledger the offsets of its lines, and two hash tables from order
 * and key to versions.  The tables keep no texts: what they name is read from
 * the ledger and compared.
 */
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

#define CHUNK_SIZE (256 * 1024) /* what is read at once; at first */

/* What this process knows of one ledger; all under `mutex`. */
struct index {
	pthread_mutex_t mutex;
	uint64_t birth; /* of the sale it is about, 0: of none yet */
	int fd;
	int64_t end;     /* bytes read */
	int64_t lines;   /* versions read: 1 … lines */
	int64_t *offset; /* where line version v begins: offset[v - 1] */
	size_t allocated;
	struct table orders, keys;
};

struct index_set {
	struct index index[STORE_SALES_MAX];
};

struct index_set *
index_new(void)
{
	struct index_set *set = calloc(1, sizeof(*set));
	unsigned i;

	for (i = 0; set != NULL && i < STORE_SALES_MAX; i++)
		pthread_mutex_init(&set->index[i].mutex, NULL);
	return set;
}

static void
reset(struct index *index)
{
	if (index->birth != 0)
		close(index->fd);
	free(index->offset);
	table_clear(&index->orders);
	table_clear(&index->keys);
	index->birth = 0;
	index->end = 0;
	index->lines = 0;
	index->offset = NULL;
	index->allocated = 0;
}

void
index_free(struct index_set *set)
{
	unsigned i;

	for (i = 0; i < STORE_SALES_MAX; i++) {
		reset(&set->index[i]);
		pthread_mutex_destroy(&set->index[i].mutex);
	}
	free(set);
}

/* Lines of a ledger. */
struct span {
	const char *id;
	int fd;           /* of an index that was entered, or one's own */
	int64_t from, to; /* `from` begins a line, `to` ends one */
};

/* Take a line, which begins at span->from.  What is not OK ends the walk. */
typedef enum store_result take_fn(struct store_user *user, struct span *span,
    const char *text, size_t length, void *arg);

static enum store_result
read_error(struct store_user *user, const char *id)
{
	return store_fail(user, STORE_FAILED, "%s/%s/" LEDGER ": %s",
	    user->store->dir, id, errno != 0 ? strerror(errno) : "cut short");
}

/* The lines that are whole among the next `size` bytes. */
static enum store_result
take_chunk(struct store_user *user, struct span *span, size_t size,
    take_fn *take, void *arg)
{
	enum store_result result = STORE_OK;
	char *chunk = malloc(size), *line = chunk, *newline;
	ssize_t got;

	if (chunk == NULL)
		return store_no_memory(user);
	errno = 0;
	got = pread(span->fd, chunk, size, span->from);
	if (got <= 0)
		result = read_error(user, span->id);
	while (result == STORE_OK && span->from < span->to &&
	       (newline = memchr(line, '\n', (size_t)(chunk + got - line))) !=
		   NULL) {
		const size_t length = (size_t)(newline + 1 - line);

		result = take(user, span, line, length, arg);
		span->from += (int64_t)length;
		line = newline + 1;
	}
	free(chunk);
	return result;
}

static enum store_result
take_lines(struct store_user *user, struct span *span, take_fn *take, void *arg)
{
	enum store_result result = STORE_OK;
	int64_t size = CHUNK_SIZE;

	while (result == STORE_OK && span->from < span->to) {
		const int64_t from = span->from, left = span->to - from;

		result = take_chunk(
		    user, span, (size_t)(left < size ? left : size), take, arg);
		if (result == STORE_OK && span->from == from && left <= size)
			return read_error(user, span->id);
		if (span->from == from) /* a line longer than the chunk */
			size *= 2;
	}
	return result;
}

/* A take_fn: add the line to the index, which is `arg`. */
static enum store_result
add_line(struct store_user *user, struct span *span, const char *text,
    size_t length, void *arg)
{
	struct index *index = arg;
	const int64_t version = index->lines + 1;
	const char *value;
	size_t size;

	if ((size_t)index->lines == index->allocated) {
		const size_t wanted = index->allocated * 2 + 64;
		int64_t *offset =
		    realloc(index->offset, wanted * sizeof(*index->offset));

		if (offset == NULL)
			return store_no_memory(user);
		index->offset = offset;
		index->allocated = wanted;
	}
	value = ledger_member(text, length, "order", &size);
	if (value != NULL && size > 0 &&
	    !table_add(&index->orders, table_hash(value, size), version))
		return store_no_memory(user);
	value = ledger_member(text, length, "key", &size);
	if (value != NULL &&
	    !table_add(&index->keys, table_hash(value, size), version))
		return store_no_memory(user);
	index->offset[version - 1] = span->from;
	index->end = span->from + (int64_t)length;
	index->lines = version;
	return STORE_OK;
}

/* Follow the ledger up to the head's mark. */
static enum store_result
follow(struct store_user *user, struct index *index, const struct head *head)
{
	struct span span = {.id = head->state.settings.id,
	    .fd = index->fd,
	    .from = index->end,
	    .to = head->mark};

	return take_lines(user, &span, add_line, index);
}

/* Make the index that of the sale which has the slot now. */
static enum store_result
turn_to(struct store_user *user, struct index *index, const struct head *head)
{
	const char *id = head->state.settings.id;

	if (index->birth == head->state.birth)
		return STORE_OK;
	reset(index);
	index->fd = files_open_ledger(user->store, id, O_RDWR | O_APPEND);
	if (index->fd == -1)
		return files_fail(user, id, "open " LEDGER);
	index->birth = head->state.birth;
	return STORE_OK;
}

static void
leave(struct index *index)
{
	pthread_mutex_unlock(&index->mutex);
}

/*
 * Enter the process's index of the sale, open and (if `to_the_end`) up to
 * date with the head, which is read anew.  On OK the caller leaves it.
 */
static enum store_result
enter(struct store_user *user, const struct store_state *state, bool to_the_end,
    struct index **entered)
{
	struct index_set *set = user->store->local;
	struct index *index = &set->index[state->slot];
	enum store_result result = STORE_GONE;
	struct head head;

	pthread_mutex_lock(&index->mutex);
	head = heads_read(heads_slot(user, state->slot));
	if (head.state.birth != 0 && head.state.birth == state->birth)
		result = turn_to(user, index, &head);
	if (result == STORE_OK && to_the_end)
		result = follow(user, index, &head);
	if (result != STORE_OK)
		leave(index);
	*entered = index;
	return result;
}

enum store_result
index_ledger(struct store_user *user, const struct store_state *state, int *fd)
{
	enum store_result result;
	struct index *index;

	result = enter(user, state, false, &index);
	if (result != STORE_OK)
		return result;
	*fd = index->fd;
	leave(index);
	return STORE_OK;
}

/* Who looks at lines. */
struct reader {
	store_visit_fn *visit;
	void *arg;
};

/* A take_fn: decode the line and show it to the reader, which is `arg`. */
static enum store_result
show_line(struct store_user *user, struct span *span, const char *text,
    size_t length, void *arg)
{
	const struct reader *reader = arg;
	const char *why;
	bool go_on;

	if (!ledger_decode(
		text, length, reader->visit, reader->arg, &go_on, &why))
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" LEDGER ", byte %" PRId64 ": %s", user->store->dir,
		    span->id, span->from, why);
	if (!go_on)
		span->to = span->from;
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
	if (wanted->found)
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

/* Where line `version` begins, and the one before it ends. */
static int64_t
start_of(const struct index *index, int64_t version)
{
	assert(index->offset != NULL && version <= index->lines + 1);
	return version <= index->lines ? index->offset[version - 1]
				       : index->end;
}

static enum store_result
find(struct store_user *user, struct index *index, const char *id,
    struct wanted *wanted)
{
	const struct table *table =
	    wanted->by == STORE_BY_KEY ? &index->keys : &index->orders;
	const uint64_t hash = hash_of_value(wanted->value);
	struct reader reader = {.visit = is_wanted, .arg = wanted};
	struct span span = {.id = id, .fd = index->fd};
	enum store_result result;
	size_t at = SIZE_MAX;
	int64_t version;

	while ((version = table_next(table, hash, &at)) != 0) {
		span.from = start_of(index, version);
		span.to = start_of(index, version + 1);
		result = take_lines(user, &span, show_line, &reader);
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

	result = enter(user, state, true, &index);
	if (result != STORE_OK)
		return result;
	result = find(user, index, state->settings.id, &wanted);
	leave(index);
	return result;
}

/* The index is left before the walk: a long one holds up nobody. */
enum store_result
index_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	const bool any = after < state->version;
	struct reader reader = {.visit = visit, .arg = arg};
	struct span span = {.id = state->settings.id};
	enum store_result result;
	struct index *index;

	result = enter(user, state, any, &index);
	if (result != STORE_OK)
		return result;
	if (any) {
		span.from = start_of(index, after + 1);
		span.to = start_of(index, state->version + 1);
	}
	span.fd = fcntl(index->fd, F_DUPFD_CLOEXEC, 0);
	leave(index);
	if (span.fd == -1)
		return files_fail(user, span.id, LEDGER);
	result = take_lines(user, &span, show_line, &reader);
	close(span.fd);
	return result;
}
