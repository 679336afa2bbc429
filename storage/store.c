/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores by name, from the table in store_rows.c, and the wrappers that
 * callers use.  What a write is refused for, how lines are numbered and what a
 * change does to the counter is decided here, for all stores.
 */
#include "storage/store_impl.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "locks/shared.h"

#define WALK_PART 4096 /* lines of a ledger in one snapshot */

static const struct store_impl *
impl_named(const char *kind)
{
	size_t i;

	for (i = 0; i < store_rows_count; i++)
		if (strcmp(store_rows[i]->name, kind) == 0)
			return store_rows[i];
	return NULL;
}

bool
store_known(const char *kind)
{
	return impl_named(kind) != NULL;
}

static void
free_shared(struct store *store)
{
	shared_free(store->shared, store->impl->shared_size);
	shared_free((void *)store->is_poisoned, sizeof(*store->is_poisoned));
	shared_free((void *)store->is_down, sizeof(*store->is_down));
	free(store);
}

struct store *
store_new(const char *kind, const char *dir)
{
	struct store *store;

	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return NULL;
	store->impl = impl_named(kind);
	assert(store->impl != NULL);
	store->dir = dir;
	store->is_poisoned = shared_new(sizeof(*store->is_poisoned));
	store->is_down = shared_new(sizeof(*store->is_down));
	store->shared = shared_new(store->impl->shared_size);
	if (store->is_poisoned != NULL && store->is_down != NULL &&
	    store->shared != NULL && store->impl->share(store) == 0)
		return store;
	free_shared(store);
	return NULL;
}

void
store_free(struct store *store)
{
	if (store == NULL)
		return;
	store->impl->unshare(store);
	free_shared(store);
}

void
store_set_database(struct store *store, const char *database)
{
	store->database = database;
}

bool
store_gives(const char *kind, enum store_turn turn)
{
	const struct store_impl *impl = impl_named(kind);

	assert(impl != NULL);
	return turn == STORE_TURN_NONE ||
	       (impl->turns & STORE_TURN_BIT(turn)) != 0;
}

bool
store_has_hosts(const char *kind)
{
	const struct store_impl *impl = impl_named(kind);

	assert(impl != NULL);
	return impl->many_hosts;
}

const char *
store_at(size_t i)
{
	return i < store_rows_count ? store_rows[i]->name : NULL;
}

const char *
store_kind(const struct store *store)
{
	return store->impl->name;
}

const char *
store_kind_of(const struct store_user *user)
{
	return store_kind(user->store);
}

bool
store_id_is_valid(const char *id)
{
	const size_t length = strlen(id);

	return length > 0 && length < STORE_ID_SIZE &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length;
}

/* ---------------------------------------------------- the data directory -- */

/* Anything but what a fresh or hidden file makes: somebody else's directory. */
static int
is_strange(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       strcmp(entry->d_name, "lost+found") != 0;
}

/* How many, -1: errno says why that is not known. */
static int
count_strange_files(const char *dir)
{
	struct dirent **entries;
	int count, i;

	count = scandir(dir, &entries, is_strange, NULL);
	for (i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	return count;
}

#define OWNER_SIZE 16

/* 0: whose it is; 1: nobody's yet; -1: errno says why that is not known. */
static int
read_owner(const char *path, char owner[OWNER_SIZE])
{
	bool failed;
	FILE *file;

	file = fopen(path, "re");
	if (file == NULL)
		return errno == ENOENT ? 1 : -1;
	if (fgets(owner, OWNER_SIZE, file) == NULL)
		owner[0] = '\0';
	failed = ferror(file) != 0;
	fclose(file);
	if (failed)
		errno = EIO;
	owner[strcspn(owner, "\n")] = '\0';
	return failed ? -1 : 0;
}

static int refuse(char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int
refuse(char *error, size_t error_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_size, format, args);
	va_end(args);
	return -1;
}

/* A directory that is nobody's yet. */
static int
claim_new(
    const struct store *store, const char *path, char *error, size_t error_size)
{
	const int strange = count_strange_files(store->dir);
	const char *call;
	char line[OWNER_SIZE + 1];

	if (strange == -1)
		return refuse(error, error_size, "%s: scandir: %s", store->dir,
		    strerror(errno));
	if (strange > 0)
		return refuse(error, error_size,
		    "%s holds files that are not turnstile's: use an empty "
		    "directory for --data",
		    store->dir);
	snprintf(line, sizeof(line), "%s\n", store->impl->name);
	if (store_replace_file(path, line, true, &call) != 0)
		return refuse(error, error_size, "%s: %s: %s", path, call,
		    strerror(errno));
	return 0;
}

/* Claim the directory for this store, or say whose it is. */
static int
claim(const struct store *store, char *error, size_t error_size)
{
	char path[4096], owner[OWNER_SIZE];

	snprintf(path, sizeof(path), "%s/" STORE_OWNER_FILE, store->dir);
	switch (read_owner(path, owner)) {
	case -1:
		return refuse(
		    error, error_size, "%s: %s", path, strerror(errno));
	case 1:
		return claim_new(store, path, error, error_size);
	}
	if (strcmp(owner, store->impl->name) != 0)
		return refuse(error, error_size,
		    "%s belongs to the store \"%s\", not \"%s\": use --store "
		    "%s or another --data",
		    store->dir, owner, store->impl->name,
		    store_known(owner) ? owner : store->impl->name);
	/* Who claimed it may have been killed before that was on disk. */
	if (store_sync_dir(store->dir) != 0)
		return refuse(error, error_size, "%s: fsync: %s", store->dir,
		    strerror(errno));
	return 0;
}

const char *
store_owner(const char *dir, char *error, size_t error_size)
{
	char path[4096], owner[OWNER_SIZE];
	const struct store_impl *impl;

	snprintf(path, sizeof(path), "%s/" STORE_OWNER_FILE, dir);
	switch (read_owner(path, owner)) {
	case -1:
		refuse(error, error_size, "%s: %s", path, strerror(errno));
		return NULL;
	case 1:
		refuse(error, error_size,
		    "%s is no data directory of turnstile's", dir);
		return NULL;
	}
	impl = impl_named(owner);
	if (impl != NULL)
		return impl->name;
	refuse(error, error_size, "%s belongs to a store \"%s\"", dir, owner);
	return NULL;
}

int
store_prepare(struct store *store, char *error, size_t error_size)
{
	if (claim(store, error, error_size) != 0 ||
	    store->impl->prepare(store, error, error_size) != 0)
		return -1;
	atomic_store(store->is_poisoned, false);
	return 0;
}

struct store_user *
store_open(struct store *store, char *error, size_t error_size)
{
	struct store_user *user;

	user = calloc(1, sizeof(*user));
	if (user == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	user->store = store;
	if (store->impl->open(user) != 0) {
		snprintf(error, error_size, "%s", user->error);
		free(user);
		return NULL;
	}
	return user;
}

void
store_close(struct store_user *user)
{
	if (user == NULL)
		return;
	user->store->impl->close(user);
	free(user);
}

const char *
store_error(const struct store_user *user)
{
	return user->error;
}

enum store_result
store_read(struct store_user *user, const char *id, struct store_state *state)
{
	return user->store->impl->read(user, id, state);
}

/*
 * Enter the latch, if what was decided on `state` may still be written:
 * `*now` is the sale as it is.  Not OK: the latch is left again.
 */
static enum store_result
begin(struct store_user *user, const struct store_state *state,
    bool same_version, int64_t deadline_ns, struct store_state *now)
{
	const struct store_impl *impl = user->store->impl;
	enum store_result result;

	result = impl->begin(user, state, deadline_ns, now);
	if (result != STORE_OK)
		return result;
	if (now->birth != state->birth)
		result = STORE_GONE;
	else if (now->epoch != state->epoch)
		result = STORE_MOVED;
	else if (same_version && now->version != state->version)
		result = STORE_CONFLICT;
	return result == STORE_OK ? result : impl->end(user, state, result);
}

static bool
visit_nothing(const struct store_line *line, void *arg)
{
	(void)line;
	(void)arg;
	return false;
}

/* In the latch.  OK: no line of the ledger bears one of these keys. */
static enum store_result
check_keys(struct store_user *user, const struct store_state *now,
    const struct store_line *lines, size_t count)
{
	enum store_result result = STORE_GONE;
	size_t i;

	for (i = 0; i < count && result == STORE_GONE; i++)
		if (lines[i].key != NULL)
			result = user->store->impl->find(user, now,
			    STORE_BY_KEY, lines[i].key, visit_nothing, NULL);
	if (result == STORE_GONE)
		return STORE_OK;
	return result == STORE_OK ? STORE_DUPLICATE : result;
}

/* In the latch: number `lines` behind `now`, which becomes what they leave. */
static void
number(struct store_state *now, struct store_line *lines, size_t count,
    int64_t base)
{
	size_t i;

	store_number(lines, count, base, now->version);
	for (i = 0; i < count; i++)
		store_follow(now, &lines[i]);
}

enum store_result
store_put_in_steps(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, enum store_check check,
    int64_t deadline_ns, bool *overwrote)
{
	struct store_state now;
	enum store_result result;

	assert(check != STORE_DECIDED);
	result = begin(user, state, check == STORE_CHECKED, deadline_ns, &now);
	if (result != STORE_OK)
		return result;
	*overwrote = now.version != state->version;
	result = check_keys(user, &now, lines, count);
	if (result == STORE_OK) {
		number(&now, lines, count, state->version);
		result = user->store->impl->append(user, &now, lines, count);
	}
	return user->store->impl->end(user, state, result);
}

static enum store_result
put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, enum store_check check,
    int64_t deadline_ns, bool *overwrote)
{
	assert(count > 0);
	*overwrote = false;
	return user->store->impl->put(
	    user, state, lines, count, check, deadline_ns, overwrote);
}

enum store_result
store_put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns,
    bool *overwrote)
{
	return put(
	    user, state, lines, count, STORE_TRUSTED, deadline_ns, overwrote);
}

enum store_result
store_put_if(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns)
{
	bool overwrote; /* never */

	return put(
	    user, state, lines, count, STORE_CHECKED, deadline_ns, &overwrote);
}

enum store_result
store_take(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns)
{
	bool overwrote; /* never */

	assert(store_gives(store_kind(user->store), STORE_TURN_ATOMIC));
	return put(
	    user, state, lines, count, STORE_DECIDED, deadline_ns, &overwrote);
}

enum store_result
store_take_turn(struct store_user *user, const char *id, enum store_turn turn,
    int64_t deadline_ns)
{
	assert(turn == STORE_TURN_ROW || turn == STORE_TURN_ADVISORY);
	assert(store_gives(store_kind(user->store), turn));
	return user->store->impl->take_turn(user, id, turn, deadline_ns);
}

void
store_end_turn(struct store_user *user)
{
	user->store->impl->end_turn(user);
}

enum store_result
store_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	return user->store->impl->find(user, state, by, value, visit, arg);
}

enum store_result
store_find_keys(struct store_user *user, const struct store_state *state,
    const char *const *keys, size_t count, store_visit_fn *visit, void *arg)
{
	return user->store->impl->find_keys(
	    user, state, keys, count, visit, arg);
}

/* A visit that knows whether it was ended. */
struct walk {
	store_visit_fn *visit;
	void *arg;
	bool goes_on;
};

static bool
visit_line(const struct store_line *line, void *arg)
{
	struct walk *walk = arg;

	walk->goes_on = walk->visit(line, walk->arg);
	return walk->goes_on;
}

/*
 * In parts, so that no store keeps a snapshot for the whole of a long walk:
 * lines up to a version never change.
 */
enum store_result
store_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	struct walk walk = {.visit = visit, .arg = arg, .goes_on = true};
	struct store_state part = *state;
	enum store_result result;

	part.version = after < state->version ? after : state->version;
	do {
		const int64_t from = part.version;

		part.version = state->version - from > WALK_PART
				   ? from + WALK_PART
				   : state->version;
		result = user->store->impl->each(
		    user, &part, from, visit_line, &walk);
	} while (result == STORE_OK && walk.goes_on &&
		 part.version < state->version);
	return result;
}

enum store_result
store_create(struct store_user *user, const struct store_settings *settings,
    int64_t deadline_ns, struct store_state *state)
{
	*state = (struct store_state){.settings = *settings,
	    .birth = store_random(),
	    .epoch = store_random(),
	    .remaining = settings->capacity};
	return user->store->impl->create(user, state, deadline_ns);
}

/* The ledger lines that a change makes of `state`: how many are in `lines`. */
static size_t
change_lines(const struct store_state *state, const struct store_change *change,
    struct store_line lines[2])
{
	const int64_t raise =
	    change->settings.capacity - state->settings.capacity;
	struct store_line line = {.remaining = state->remaining,
	    .capacity = state->settings.capacity,
	    .buyer = "",
	    .lock = change->settings.lock,
	    .sold_at_ms = change->at_ms,
	    .trail = change->trail};
	size_t count = 0;

	if (change->recount &&
	    line.capacity - state->highest != state->remaining) {
		line.kind = STORE_RECOUNTED;
		line.remaining = line.capacity - state->highest;
		lines[count++] = line;
	}
	if (raise > 0) {
		line.kind = STORE_RAISED;
		line.remaining += raise;
		line.capacity += raise;
		lines[count++] = line;
	}
	return count;
}

/* In the latch. */
static enum store_result
configure(struct store_user *user, struct store_state *now,
    const struct store_change *change)
{
	struct store_line lines[2];
	const size_t count = change_lines(now, change, lines);

	number(now, lines, count, now->version);
	memcpy(now->settings.lock, change->settings.lock, STORE_LOCK_SIZE);
	now->settings.delay_min_ms = change->settings.delay_min_ms;
	now->settings.delay_max_ms = change->settings.delay_max_ms;
	now->epoch = store_random();
	return user->store->impl->append(user, now, lines, count);
}

enum store_result
store_configure(struct store_user *user, struct store_state *state,
    const struct store_change *change, int64_t deadline_ns)
{
	struct store_state now;
	enum store_result result;

	assert(change->settings.capacity >= state->settings.capacity);
	result = begin(user, state, change->same_version, deadline_ns, &now);
	if (result != STORE_OK)
		return result;
	result = configure(user, &now, change);
	result = user->store->impl->end(user, state, result);
	if (result == STORE_OK)
		*state = now;
	return result;
}

enum store_result
store_remove(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	const struct store_impl *impl = user->store->impl;
	struct store_state now;
	enum store_result result;

	result = begin(user, state, true, deadline_ns, &now);
	if (result != STORE_OK)
		return result;
	return impl->end(user, state, impl->remove(user, &now));
}

enum store_result
store_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	return user->store->impl->list(user, visit, arg);
}

/* All sales of one moment. */
struct sales {
	struct store_state *states;
	size_t count;
};

static bool
keep_state(const struct store_state *state, void *arg)
{
	struct sales *sales = arg;

	sales->states[sales->count++] = *state;
	return sales->count < STORE_SALES_MAX;
}

/* Lines do not change, so they are of that moment whenever they are read. */
static enum store_result
copy_sale(struct store_user *user, const struct store_state *state,
    const struct store_copy *copy)
{
	enum store_result result;

	if (!copy->begin(state->settings.id, copy->arg))
		return STORE_FAILED;
	result = store_each(user, state, 0, copy->line, copy->arg);
	if (result == STORE_GONE)
		return STORE_OK; /* deleted meanwhile */
	if (result == STORE_OK && !copy->end(state, copy->arg))
		result = STORE_FAILED;
	return result;
}

/*
 * Not SQLite's own backup, nor VACUUM INTO: either keeps one snapshot for as
 * long as it takes, or begins anew at each commit.  Beside a snapshot the log
 * cannot be copied back, and who sells next when it ends has all of that to do
 * at once, in the latch.
 */
enum store_result
store_copy_walking(struct store_user *user, const struct store_copy *copy)
{
	struct sales sales = {0};
	enum store_result result;
	size_t i;

	sales.states = calloc(STORE_SALES_MAX, sizeof(sales.states[0]));
	if (sales.states == NULL)
		return store_no_memory(user);
	result = store_list(user, keep_state, &sales);
	for (i = 0; i < sales.count && result == STORE_OK; i++)
		result = copy_sale(user, &sales.states[i], copy);
	free(sales.states);
	return result;
}

enum store_result
store_copy(struct store_user *user, const struct store_copy *copy)
{
	return user->store->impl->copy(user, copy);
}

void
store_tidy(struct store_user *user)
{
	if (!store_poisoned(user->store))
		user->store->impl->tidy(user);
}
