/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json: plain files that people can read.  DATA/<sale>/ holds
 *
 *   sale.json     the settings, replaced whole by create and configure
 *   ledger.jsonl  one line a receipt, appended; the truth
 *   stock.json    the counter for people to `cat`; replaced off the hot
 *                 path, never read back
 *
 * The counter is what the ledger's last line says.  What processes share is a
 * `head` for each sale: that last line and the *durable mark*, the length of
 * the ledger that is known to be on disk.  A write, in the sale's latch:
 *
 *   cut what lies beyond the mark  (left by a writer that was killed)
 *   compare epoch, version, keys
 *   append, fdatasync, publish the new head
 *
 * Invariants:
 *   1. only the latch's holder looks beyond the mark;
 *   2. a head is published whole: readers copy it without a lock;
 *   3. up to the mark the ledger never changes, unless the sale is deleted;
 *   4. order of latches: catalogue, then sale.
 */
#include "storage/store_impl.h"

#include <sys/stat.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/robust.h"
#include "locks/shared.h"
#include "storage/json/ledger.h"
#include "storage/json/table.h"

#define SETTINGS "sale.json"
#define LEDGER "ledger.jsonl"
#define VIEW "stock.json"
#define PATH_SIZE 4096

/* A sale as everybody may see it; birth 0: the slot is free. */
struct head {
	struct store_state state;
	int64_t mark; /* bytes of ledger that are durable */
};

#define HEAD_WORDS ((sizeof(struct head) + 7) / 8)

union head_words {
	struct head head;
	uint64_t word[HEAD_WORDS];
};

struct slot {
	pthread_mutex_t latch;
	_Atomic uint64_t name; /* hash of the sale's id, also the last's */
	/* Head number n stands in copy[n % 2]; n grows in the latch only. */
	_Atomic uint64_t published;
	_Atomic uint64_t copy[2][HEAD_WORDS];
	_Atomic uint64_t viewed; /* `published` when stock.json was made */
};

struct json_shared {
	pthread_mutex_t catalogue; /* creating and removing sales */
	pthread_mutex_t tidying;   /* making views: one at a time */
	_Atomic unsigned slots;    /* those beyond were never used */
	struct slot slot[STORE_SALES_MAX];
};

/* What one process knows of one ledger; all under `mutex`. */
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

struct json_local {
	struct index index[STORE_SALES_MAX];
};

/* ------------------------------------------------------------- heads -- */

static struct json_shared *
shared_of(const struct store_user *user)
{
	return user->store->shared;
}

static struct slot *
slot_of(const struct store_user *user, unsigned slot)
{
	return &shared_of(user)->slot[slot];
}

/*
 * Any thread, no lock.  If `published` did not move meanwhile, the writer can
 * have touched the other copy only.
 */
static struct head
head_read(struct slot *slot)
{
	union head_words words;
	uint64_t number;
	size_t i;

	do {
		number = atomic_load(&slot->published);
		for (i = 0; i < HEAD_WORDS; i++)
			words.word[i] = atomic_load_explicit(
			    &slot->copy[number % 2][i], memory_order_acquire);
	} while (atomic_load(&slot->published) != number);
	return words.head;
}

/* The latch's holder. */
static void
head_publish(struct slot *slot, const struct head *head)
{
	const uint64_t number = atomic_load(&slot->published) + 1;
	union head_words words;
	size_t i;

	/* First: killed in between, it leaves a hint too many, not a sale that
	 * cannot be found. */
	if (head->state.birth != 0)
		atomic_store(&slot->name, table_hash(head->state.settings.id,
					      strlen(head->state.settings.id)));
	memset(&words, 0, sizeof(words));
	words.head = *head;
	for (i = 0; i < HEAD_WORDS; i++)
		atomic_store_explicit(&slot->copy[number % 2][i], words.word[i],
		    memory_order_release);
	atomic_store(&slot->published, number);
}

/* The slot of the sale `id`; -1: there is none. */
static int
find_slot(struct json_shared *shared, const char *id, struct head *head)
{
	const uint64_t name = table_hash(id, strlen(id));
	const unsigned slots = atomic_load(&shared->slots);
	unsigned i;

	for (i = 0; i < slots; i++) {
		if (atomic_load_explicit(
			&shared->slot[i].name, memory_order_acquire) != name)
			continue;
		*head = head_read(&shared->slot[i]);
		if (head->state.birth != 0 &&
		    strcmp(head->state.settings.id, id) == 0)
			return (int)i;
	}
	return -1;
}

static enum store_result
json_read(struct store_user *user, const char *id, struct store_state *state)
{
	struct head head;

	if (find_slot(shared_of(user), id, &head) == -1)
		return STORE_GONE;
	*state = head.state;
	return STORE_OK;
}

static enum store_result
json_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	struct json_shared *shared = shared_of(user);
	const unsigned slots = atomic_load(&shared->slots);
	unsigned i;

	for (i = 0; i < slots; i++) {
		const struct head head = head_read(&shared->slot[i]);

		if (head.state.birth != 0 && !visit(&head.state, arg))
			break;
	}
	return STORE_OK;
}

/* ---------------------------------------------------- files and settings */

static void
path_in(char path[PATH_SIZE], const struct store *store, const char *id,
    const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s/%s", store->dir, id, name);
}

static int
open_ledger(const struct store *store, const char *id, int flags)
{
	char path[PATH_SIZE];

	path_in(path, store, id, LEDGER);
	return open(path, flags | O_CLOEXEC, 0644);
}

static enum store_result
result_of_errno(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG
		   ? STORE_FULL
		   : STORE_FAILED;
}

static enum store_result
fail_errno(struct store_user *user, const char *id, const char *what)
{
	const int error = errno;

	return store_fail(user, result_of_errno(error), "%s/%s: %s: %s",
	    user->store->dir, id, what, strerror(error));
}

static int
save_settings(const struct store *store, const struct store_state *state)
{
	const struct store_settings *s = &state->settings;
	char dir[PATH_SIZE], text[512];

	path_in(dir, store, s->id, "");
	snprintf(text, sizeof(text),
	    "{\"v\": 1, \"id\": \"%s\", \"capacity\": %" PRId64
	    ", \"lock\": \"%s\", \"delay_min_ms\": %" PRId64
	    ", \"delay_max_ms\": %" PRId64 ", \"birth\": \"%016" PRIx64
	    "\", \"epoch\": \"%016" PRIx64 "\"}\n",
	    s->id, s->capacity, s->lock, s->delay_min_ms, s->delay_max_ms,
	    state->birth, state->epoch);
	return store_replace_file(dir, SETTINGS, text, true);
}

/*
 * Settings, birth and epoch from disk; the rest of `*state` stays.  0; -1: no
 * such file; -2: it is damaged.
 */
static int
load_settings(
    const struct store *store, const char *id, struct store_state *state)
{
	char path[PATH_SIZE];
	const char *name, *lock, *birth, *epoch;
	json_int_t v, capacity, min, max;
	json_t *object;
	int rc = -2;

	path_in(path, store, id, SETTINGS);
	if (access(path, F_OK) != 0)
		return -1;
	object = json_load_file(path, 0, NULL);
	if (object != NULL &&
	    json_unpack(object, "{s:I, s:s, s:I, s:s, s:I, s:I, s:s, s:s}", "v",
		&v, "id", &name, "capacity", &capacity, "lock", &lock,
		"delay_min_ms", &min, "delay_max_ms", &max, "birth", &birth,
		"epoch", &epoch) == 0 &&
	    v == 1 && strcmp(name, id) == 0 && strlen(lock) < STORE_LOCK_SIZE) {
		snprintf(state->settings.id, STORE_ID_SIZE, "%s", id);
		snprintf(state->settings.lock, STORE_LOCK_SIZE, "%s", lock);
		state->settings.capacity = capacity;
		state->settings.delay_min_ms = min;
		state->settings.delay_max_ms = max;
		state->birth = strtoull(birth, NULL, 16);
		state->epoch = strtoull(epoch, NULL, 16);
		rc = 0;
	}
	json_decref(object);
	return rc;
}

static void
remove_tree(const char *dir)
{
	static const char *const names[] = {LEDGER, VIEW, SETTINGS,
	    LEDGER ".new", VIEW ".new", SETTINGS ".new"};
	char path[PATH_SIZE + 32];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* ------------------------------------------------------------- latches -- */

/*
 * The last holder was killed.  Nothing beyond the mark was acknowledged: cut
 * it.  A change or removal may have reached the disk before it could be
 * published: finish it.
 */
static enum store_result
settle(struct store_user *user, struct slot *slot)
{
	struct head head = head_read(slot);
	const struct store_state published = head.state;
	const char *id = published.settings.id;
	int fd;

	if (published.birth == 0)
		return STORE_OK;
	switch (load_settings(user->store, id, &head.state)) {
	case -1:
		head.state.birth = 0;
		break;
	case -2:
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" SETTINGS " cannot be read", user->store->dir, id);
	default:
		head.state.settings.capacity = published.settings.capacity;
		/* One of the two is older; nothing may be written under it. */
		if (head.state.epoch != published.epoch)
			head.state.epoch = store_random();
		fd = open_ledger(user->store, id, O_RDWR);
		if (fd == -1)
			return fail_errno(user, id, "open");
		if (ftruncate(fd, head.mark) != 0) {
			close(fd);
			return fail_errno(user, id, "truncate");
		}
		close(fd);
	}
	head_publish(slot, &head);
	return STORE_OK;
}

/* BUSY: the deadline came first. */
static enum store_result
latch(struct store_user *user, pthread_mutex_t *mutex, int64_t deadline_ns,
    bool *inherited)
{
	*inherited = false;
	switch (robust_lock(mutex, deadline_ns)) {
	case ROBUST_INHERITED:
		*inherited = true;
		return STORE_OK;
	case ROBUST_HELD:
		return STORE_OK;
	case ROBUST_TIMED_OUT:
		return STORE_BUSY;
	case ROBUST_FAILED:
		break;
	}
	return store_fail(user, STORE_FAILED, "latch: %s", strerror(errno));
}

/* Enter a sale's latch, and settle what a dead holder left. */
static enum store_result
latch_sale(struct store_user *user, struct slot *slot, int64_t deadline_ns)
{
	enum store_result result;
	bool inherited;

	result = latch(user, &slot->latch, deadline_ns, &inherited);
	if (result != STORE_OK)
		return result;
	if (inherited) {
		result = settle(user, slot);
		if (result != STORE_OK) /* then recovery must */
			atomic_store(user->store->is_poisoned, true);
		robust_repaired(&slot->latch);
	}
	if (result == STORE_OK && store_poisoned(user->store))
		result = store_refuse_poisoned(user);
	if (result != STORE_OK)
		robust_unlock(&slot->latch);
	return result;
}

/* What a write or change is refused for, in the latch. */
static enum store_result
check_state(const struct head *head, const struct store_state *state)
{
	if (head->state.birth != state->birth)
		return STORE_GONE;
	if (head->state.epoch != state->epoch)
		return STORE_MOVED;
	return STORE_OK;
}

/* --------------------------------------------------------------- index -- */

static void
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

static enum store_result
out_of_memory(struct store_user *user)
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
			return out_of_memory(user);
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
				result = out_of_memory(user);
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
static enum store_result
index_enter(struct store_user *user, const struct store_state *state,
    bool follow, struct index **entered)
{
	struct json_local *local = user->store->local;
	struct index *index = &local->index[state->slot];
	struct head head;
	enum store_result result = STORE_OK;

	pthread_mutex_lock(&index->mutex);
	head = head_read(slot_of(user, state->slot));
	if (head.state.birth == 0 || head.state.birth != state->birth) {
		result = STORE_GONE;
	} else if (index->birth != head.state.birth) {
		index_reset(index);
		index->fd = open_ledger(
		    user->store, head.state.settings.id, O_RDWR | O_APPEND);
		if (index->fd == -1)
			result = fail_errno(
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
		return out_of_memory(user);
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
index_find(struct store_user *user, const char *id, struct index *index,
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

static enum store_result
json_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	struct wanted wanted = {
	    .by = by, .value = value, .visit = visit, .arg = arg};
	enum store_result result;
	struct index *index;

	result = index_enter(user, state, true, &index);
	if (result != STORE_OK)
		return result;
	result = index_find(user, state->settings.id, index, &wanted);
	pthread_mutex_unlock(&index->mutex);
	return result;
}

static enum store_result
json_each(struct store_user *user, const struct store_state *state,
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
		result = out_of_memory(user);
	for (i = 0; offset != NULL && i < count && go_on && result == STORE_OK;
	     i++)
		result = decode_at(user, state->settings.id, fd, offset[i],
		    offset[i + 1], visit, arg, &go_on);
	free(offset);
	if (fd != -1)
		close(fd);
	return result;
}

/* --------------------------------------------------------------- writes -- */

/* Does a line of the ledger bear one of these keys?  OK: none does. */
static enum store_result
check_keys(struct store_user *user, const struct store_commit *commit)
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
			result = index_find(
			    user, state->settings.id, index, &wanted);
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
		return fail_errno(user, id, "stat");
	if (st.st_size != head->mark && ftruncate(fd, head->mark) != 0)
		return fail_errno(user, id, "truncate");
	text = encode_lines(lines, count, &size);
	if (text == NULL)
		return out_of_memory(user);
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
		return fail_errno(user, id, "write");
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

static enum store_result
append_to(struct store_user *user, struct head *head,
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

static enum store_result
write_latched(
    struct store_user *user, struct slot *slot, struct store_commit *commit)
{
	struct head head = head_read(slot);
	enum store_result result;

	result = check_state(&head, commit->state);
	if (result != STORE_OK)
		return result;
	if (commit->checked && head.state.version != commit->state->version)
		return STORE_CONFLICT;
	result = check_keys(user, commit);
	if (result != STORE_OK)
		return result;
	commit->overwrote = store_number(commit->lines, commit->count,
	    commit->state->version, head.state.version);
	result = append_to(user, &head, commit->lines, commit->count);
	if (result == STORE_OK)
		head_publish(slot, &head);
	return result;
}

static enum store_result
json_write(struct store_user *user, struct store_commit *commit)
{
	struct slot *slot = slot_of(user, commit->state->slot);
	enum store_result result;

	result = latch_sale(user, slot, commit->deadline_ns);
	if (result != STORE_OK)
		return result;
	result = write_latched(user, slot, commit);
	robust_unlock(&slot->latch);
	return result;
}

/* ------------------------------------------ create, configure, remove -- */

/*
 * save_settings() failed.  Once the new file has the name it is not undone,
 * and whether it lasts is not known.
 */
static enum store_result
fail_settings(struct store_user *user, const struct store_state *state)
{
	const char *id = state->settings.id;
	const int error = errno;
	struct store_state found = {0};

	if (load_settings(user->store, id, &found) == 0 &&
	    found.epoch == state->epoch)
		return store_poison(user, "%s/%s: %s: %s", user->store->dir, id,
		    SETTINGS, strerror(error));
	errno = error;
	return fail_errno(user, id, SETTINGS);
}

/* fsync the data directory, after which a sale is there or gone for good. */
static enum store_result
sync_data(struct store_user *user)
{
	if (store_sync_dir(user->store->dir) == 0)
		return STORE_OK;
	return store_poison(
	    user, "%s: fsync: %s", user->store->dir, strerror(errno));
}

static enum store_result
make_files(struct store_user *user, const struct store_state *state)
{
	const char *id = state->settings.id;
	char dir[PATH_SIZE];
	int fd;

	path_in(dir, user->store, id, "");
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return fail_errno(user, id, "mkdir");
	fd = open_ledger(user->store, id, O_RDWR | O_CREAT | O_TRUNC);
	if (fd == -1)
		return fail_errno(user, id, LEDGER);
	if (fsync(fd) != 0) {
		close(fd);
		return fail_errno(user, id, LEDGER);
	}
	close(fd);
	/* With this file it is a sale; without it, leftovers. */
	if (save_settings(user->store, state) != 0)
		return fail_settings(user, state);
	return sync_data(user);
}

static enum store_result
create_in_catalogue(struct store_user *user,
    const struct store_settings *settings, int64_t deadline_ns)
{
	struct json_shared *shared = shared_of(user);
	struct head head = {.state = {.settings = *settings,
				.birth = store_random(),
				.epoch = store_random(),
				.remaining = settings->capacity}};
	enum store_result result;
	struct head other;
	unsigned i;

	if (find_slot(shared, settings->id, &other) != -1)
		return STORE_DUPLICATE;
	for (i = 0; i < STORE_SALES_MAX; i++)
		if (head_read(&shared->slot[i]).state.birth == 0)
			break;
	if (i == STORE_SALES_MAX)
		return store_fail(user, STORE_FULL,
		    "there are %d sales, and there is room for no more",
		    STORE_SALES_MAX);
	head.state.slot = i;
	result = latch_sale(user, &shared->slot[i], deadline_ns);
	if (result != STORE_OK)
		return result;
	result = make_files(user, &head.state);
	if (result == STORE_OK) {
		if (atomic_load(&shared->slots) <= i)
			atomic_store(&shared->slots, i + 1);
		head_publish(&shared->slot[i], &head);
	}
	robust_unlock(&shared->slot[i].latch);
	return result;
}

/* Run in the catalogue's latch; a dead holder left nothing to settle. */
static enum store_result
latch_catalogue(struct store_user *user, int64_t deadline_ns)
{
	pthread_mutex_t *catalogue = &shared_of(user)->catalogue;
	enum store_result result;
	bool inherited;

	result = latch(user, catalogue, deadline_ns, &inherited);
	if (inherited)
		robust_repaired(catalogue);
	return result;
}

static enum store_result
json_create(struct store_user *user, const struct store_settings *settings,
    int64_t deadline_ns)
{
	enum store_result result;

	result = latch_catalogue(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = create_in_catalogue(user, settings, deadline_ns);
	robust_unlock(&shared_of(user)->catalogue);
	return result;
}

/*
 * First the lines, published under the old settings but an epoch of their
 * own: if the settings then cannot be saved, the sale has a better counter
 * and its old strategy, and what was decided on the old counter is refused.
 */
static enum store_result
configure_latched(struct store_user *user, struct slot *slot,
    const struct store_state *state, const struct store_change *change)
{
	struct head head = head_read(slot);
	struct store_line lines[2];
	enum store_result result;
	int64_t highest;
	size_t count;

	result = check_state(&head, state);
	if (result != STORE_OK)
		return result;
	highest = change->recount ? store_highest_seat(user, &head.state) : 0;
	if (highest == -1)
		return STORE_FAILED;
	count = store_change_lines(&head.state, change, highest, lines);
	if (count > 0) {
		store_number(
		    lines, count, head.state.version, head.state.version);
		result = append_to(user, &head, lines, count);
		if (result != STORE_OK)
			return result;
		head.state.epoch = store_random();
		head_publish(slot, &head);
	}
	memcpy(
	    head.state.settings.lock, change->settings.lock, STORE_LOCK_SIZE);
	head.state.settings.delay_min_ms = change->settings.delay_min_ms;
	head.state.settings.delay_max_ms = change->settings.delay_max_ms;
	head.state.epoch = store_random();
	if (save_settings(user->store, &head.state) != 0)
		return fail_settings(user, &head.state);
	head_publish(slot, &head);
	return STORE_OK;
}

static enum store_result
json_configure(struct store_user *user, struct store_state *state,
    const struct store_change *change, int64_t deadline_ns)
{
	struct slot *slot = slot_of(user, state->slot);
	enum store_result result;

	result = latch_sale(user, slot, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = configure_latched(user, slot, state, change);
	if (result == STORE_OK)
		*state = head_read(slot).state;
	robust_unlock(&slot->latch);
	return result;
}

static enum store_result
remove_latched(
    struct store_user *user, struct slot *slot, const struct store_state *state)
{
	struct head head = head_read(slot);
	char from[PATH_SIZE], to[PATH_SIZE], name[32];
	enum store_result result;

	result = check_state(&head, state);
	if (result != STORE_OK)
		return result;
	if (head.state.version != state->version)
		return STORE_CONFLICT;
	snprintf(name, sizeof(name), ".gone-%016" PRIx64, state->birth);
	path_in(from, user->store, state->settings.id, "");
	path_in(to, user->store, name, "");
	if (rename(from, to) != 0)
		return fail_errno(user, state->settings.id, "rename");
	head.state.birth = 0;
	head_publish(slot, &head);
	result = sync_data(user);
	if (result == STORE_OK)
		remove_tree(to);
	return result;
}

static enum store_result
json_remove(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	struct slot *slot = slot_of(user, state->slot);
	enum store_result result;

	result = latch_catalogue(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = latch_sale(user, slot, deadline_ns);
	if (result == STORE_OK) {
		result = remove_latched(user, slot, state);
		robust_unlock(&slot->latch);
	}
	robust_unlock(&shared_of(user)->catalogue);
	return result;
}

/* ----------------------------------------------------------------- tidy -- */

static void
make_view(const struct store *store, const struct store_state *state)
{
	char dir[PATH_SIZE], text[256];

	path_in(dir, store, state->settings.id, "");
	snprintf(text, sizeof(text),
	    "{\"sale\": \"%s\", \"capacity\": %" PRId64
	    ", \"remaining\": %" PRId64 ", \"version\": %" PRId64 "}\n",
	    state->settings.id, state->settings.capacity, state->remaining,
	    state->version);
	(void)store_replace_file(dir, VIEW, text, false); /* only a view */
}

static void
json_tidy(struct store_user *user)
{
	struct json_shared *shared = shared_of(user);
	const unsigned slots = atomic_load(&shared->slots);
	enum robust_result held;
	unsigned i;

	held = robust_lock(&shared->tidying, 0);
	if (held == ROBUST_INHERITED)
		robust_repaired(&shared->tidying);
	else if (held != ROBUST_HELD)
		return;
	for (i = 0; i < slots; i++) {
		struct slot *slot = &shared->slot[i];
		const uint64_t published = atomic_load(&slot->published);
		struct head head;

		if (atomic_load(&slot->viewed) == published)
			continue;
		head = head_read(slot);
		if (head.state.birth != 0)
			make_view(user->store, &head.state);
		atomic_store(&slot->viewed, published);
	}
	robust_unlock(&shared->tidying);
}

/* -------------------------------------------------------------- prepare -- */

struct recovery {
	struct head head;
	const char *why; /* what is wrong with the last line looked at */
	int64_t number;  /* the line's number in the file */
};

static bool
recover_line(const struct store_line *line, void *arg)
{
	struct recovery *r = arg;

	if (line->version != r->head.state.version + 1) {
		r->why = "its version is not the last one's plus 1";
		return true;
	}
	r->head.state.version = line->version;
	r->head.state.remaining = line->remaining;
	r->head.state.settings.capacity = line->capacity;
	r->why = NULL;
	return true;
}

/*
 * Read the whole ledger.  A bad last line is what a killed writer leaves; a
 * bad line with a good one behind it is damage.
 */
static int
recover_ledger(struct recovery *r, FILE *file)
{
	const char *bad_why = NULL;
	char *text = NULL;
	size_t size = 0;
	ssize_t length;
	int64_t bad_number = 0;

	while ((length = getline(&text, &size, file)) > 0) {
		r->number++;
		if (bad_why == NULL) {
			if (ledger_decode(text, (size_t)length, recover_line, r,
				NULL, &bad_why) &&
			    r->why == NULL) {
				r->head.mark += length;
				bad_why = NULL;
				continue;
			}
			if (bad_why == NULL)
				bad_why = r->why;
			bad_number = r->number;
			if (r->why == NULL)
				continue; /* a torn tail, perhaps */
		} else {
			struct recovery rest = {0};
			const char *why = NULL;

			if (!ledger_decode(text, (size_t)length, recover_line,
				&rest, NULL, &why))
				continue;
		}
		r->why = bad_why; /* damage */
		r->number = bad_number;
		free(text);
		return -1;
	}
	free(text);
	r->why = NULL;
	return 0;
}

static int
recover_sale(struct store *store, const char *id, unsigned slot, char *error,
    size_t error_size)
{
	struct json_shared *shared = store->shared;
	struct recovery r = {.head = {.state = {.slot = slot}}};
	struct head old;
	FILE *file;
	int fd, rc = -1;

	if (load_settings(store, id, &r.head.state) != 0) {
		snprintf(error, error_size, "%s/%s/" SETTINGS " is damaged",
		    store->dir, id);
		return -1;
	}
	r.head.state.remaining = r.head.state.settings.capacity;
	fd = open_ledger(store, id, O_RDWR);
	if (fd == -1) {
		snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir,
		    id, strerror(errno));
		return -1;
	}
	/* After a failed fdatasync nothing beyond the mark is to be trusted. */
	if (store_poisoned(store) && find_slot(shared, id, &old) != -1 &&
	    old.state.birth == r.head.state.birth &&
	    ftruncate(fd, old.mark) != 0) {
		snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir,
		    id, strerror(errno));
		close(fd);
		return -1;
	}
	file = fdopen(fd, "r+e");
	if (recover_ledger(&r, file) != 0)
		snprintf(error, error_size,
		    "%s/%s/" LEDGER ", line %" PRId64
		    ", is damaged: %s; restore the directory from a backup",
		    store->dir, id, r.number, r.why);
	else if (ftruncate(fd, r.head.mark) != 0 || fsync(fd) != 0)
		snprintf(error, error_size, "%s/%s/" LEDGER ": %s", store->dir,
		    id, strerror(errno));
	else
		rc = 0;
	fclose(file);
	if (rc == 0)
		head_publish(&shared->slot[slot], &r.head);
	return rc;
}

static int
reset_slots(struct json_shared *shared, bool keep_heads)
{
	const struct head none = {0};
	unsigned i;

	if (robust_init(&shared->catalogue) != 0 ||
	    robust_init(&shared->tidying) != 0)
		return -1;
	for (i = 0; i < STORE_SALES_MAX; i++) {
		if (robust_init(&shared->slot[i].latch) != 0)
			return -1;
		if (!keep_heads)
			head_publish(&shared->slot[i], &none);
	}
	return 0;
}

static int
name_is_sale(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
name_is_gone(const struct dirent *entry)
{
	return strncmp(entry->d_name, ".gone-", 6) == 0;
}

static void
remove_gone(const struct store *store)
{
	struct dirent **entries;
	char path[PATH_SIZE];
	int count, i;

	count = scandir(store->dir, &entries, name_is_gone, alphasort);
	for (i = 0; i < count; i++) {
		path_in(path, store, entries[i]->d_name, "");
		remove_tree(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* While poisoned: a removal that was killed before it was published. */
static void
free_vanished(struct store *store)
{
	struct json_shared *shared = store->shared;
	const struct head none = {0};
	struct store_state state;
	unsigned i;

	for (i = 0; i < STORE_SALES_MAX; i++) {
		const struct head head = head_read(&shared->slot[i]);

		if (head.state.birth != 0 &&
		    load_settings(store, head.state.settings.id, &state) == -1)
			head_publish(&shared->slot[i], &none);
	}
}

/* A name in the data directory; `*slot` and those before it are taken. */
static int
recover_name(struct store *store, const char *id, unsigned *slot, char *error,
    size_t error_size)
{
	struct json_shared *shared = store->shared;
	struct store_state state;
	struct head old;
	int at;

	if (load_settings(store, id, &state) == -1)
		return 0; /* leftovers */
	at = find_slot(shared, id, &old);
	if (at != -1)
		return recover_sale(store, id, (unsigned)at, error, error_size);
	while (*slot < STORE_SALES_MAX &&
	       head_read(&shared->slot[*slot]).state.birth != 0)
		++*slot;
	if (*slot == STORE_SALES_MAX) {
		snprintf(error, error_size, "%s holds more than %d sales",
		    store->dir, STORE_SALES_MAX);
		return -1;
	}
	return recover_sale(store, id, *slot, error, error_size);
}

/*
 * Slots are given out anew.  While poisoned, the old heads are still wanted
 * for their marks: nobody reads them now, and each is replaced in turn.
 */
static int
json_prepare(struct store *store, char *error, size_t error_size)
{
	struct json_shared *shared = store->shared;
	struct dirent **entries;
	int count, i, rc = 0;
	unsigned slot = 0;

	remove_gone(store);
	if (reset_slots(shared, store_poisoned(store)) != 0) {
		snprintf(error, error_size, "%s", strerror(errno));
		return -1;
	}
	free_vanished(store);
	count = scandir(store->dir, &entries, name_is_sale, alphasort);
	if (count < 0) {
		snprintf(
		    error, error_size, "%s: %s", store->dir, strerror(errno));
		return -1;
	}
	for (i = 0; i < count; i++) {
		if (rc == 0)
			rc = recover_name(store, entries[i]->d_name, &slot,
			    error, error_size);
		free(entries[i]);
	}
	free(entries);
	for (slot = STORE_SALES_MAX; slot > 0; slot--)
		if (head_read(&shared->slot[slot - 1]).state.birth != 0)
			break;
	atomic_store(&shared->slots, slot);
	return rc;
}

/* ----------------------------------------------------- share, open, close */

static int
json_share(struct store *store)
{
	struct json_local *local;
	unsigned i;

	store->shared = shared_new(sizeof(struct json_shared));
	if (store->shared == NULL)
		return -1;
	local = calloc(1, sizeof(*local));
	if (local == NULL) {
		shared_free(store->shared, sizeof(struct json_shared));
		return -1;
	}
	for (i = 0; i < STORE_SALES_MAX; i++) {
		pthread_mutex_init(&local->index[i].mutex, NULL);
		local->index[i].fd = -1;
	}
	store->local = local;
	return 0;
}

static void
json_unshare(struct store *store)
{
	struct json_local *local = store->local;
	unsigned i;

	for (i = 0; i < STORE_SALES_MAX; i++) {
		index_reset(&local->index[i]);
		pthread_mutex_destroy(&local->index[i].mutex);
	}
	free(local);
	shared_free(store->shared, sizeof(struct json_shared));
}

static int
json_open(struct store_user *user)
{
	user->own = NULL; /* everything is the process's */
	return 0;
}

static void
json_close(struct store_user *user)
{
	(void)user;
}

const struct store_impl store_json = {
    .name = "json",
    .share = json_share,
    .unshare = json_unshare,
    .prepare = json_prepare,
    .open = json_open,
    .close = json_close,
    .read = json_read,
    .abandon = store_abandon_nothing,
    .write = json_write,
    .find = json_find,
    .each = json_each,
    .create = json_create,
    .configure = json_configure,
    .remove = json_remove,
    .list = json_list,
    .tidy = json_tidy,
};
