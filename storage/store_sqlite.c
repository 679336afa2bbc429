/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sqlite: one database, DATA/turnstile.db, in WAL mode with synchronous=FULL.
 *
 * A transaction goes round the write only.  With the read inside it, SQLite's
 * own lock would exclude everybody and hide what `none` does; and there is no
 * UNIQUE on seats, which would be a strategy by another name.
 *
 * The latch is one for the store, since SQLite has one writer anyway; waiting
 * in it is fairer than SQLite's busy handler, which sleeps and starves.
 * Checkpoints run in the latch too: SQLite before 3.51.3 can corrupt a
 * database when one overlaps another connection's commit.
 *
 * Nothing in the latch grows with a ledger: a sale that is deleted is gone at
 * once, its lines follow in slices.  And no reader keeps its transaction while
 * a ledger is looked at: the log could not start anew meanwhile, and grows.
 *
 * A connection for each thread, opened after the fork.  Nothing else in the
 * process may open the file meanwhile: closing it would drop SQLite's locks.
 * What a connection has read it may tell again for as long as nobody has begun
 * to write since, which a counter in shared memory says (a seqlock): a read
 * transaction of SQLite's is two system calls.
 */
#include "storage/store_impl.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/robust.h"

#define DATABASE "turnstile.db"
#define FORMAT_VERSION 2
#define OTHER_FORMAT "another version of turnstile made it"
#define APPLICATION_ID 0x7475726e  /* "turn" */
#define BUSY_TIMEOUT_MS 2000       /* a safety net: the latch excludes */
#define CHECKPOINT_PAGES 500       /* 2 MB: some 20 ms in the latch */
#define SLICE_LINES 100            /* are deleted at once: some 5 ms */
#define SLICES_NS (20 * NS_PER_MS) /* a turn of slices */
#define PAGE_LINES 256             /* are read at once */
#define PAGE_TEXTS (64 * 1024)
#define KNOWN_SALES 16
#define READ_AHEAD (128 * 1024) /* as much as Linux takes at least */

/* A ledger line's rowid: the sale's number, then the version. */
#define VERSION_BITS 40

/* clang-format off */
/* Deleted sales that have lines yet: versions 1 to `version`. */
#define GONE_TABLE \
	"CREATE TABLE gone (" \
	"  number INTEGER PRIMARY KEY," \
	"  version INTEGER NOT NULL" \
	") STRICT;"

static const char schema[] =
	"CREATE TABLE sale ("
	"  number INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  id TEXT NOT NULL UNIQUE,"
	"  slot INTEGER NOT NULL UNIQUE,"
	"  birth INTEGER NOT NULL,"
	"  epoch INTEGER NOT NULL,"
	"  capacity INTEGER NOT NULL CHECK (capacity > 0),"
	"  remaining INTEGER NOT NULL CHECK (remaining >= 0),"
	"  version INTEGER NOT NULL,"
	"  lock TEXT NOT NULL,"
	"  delay_min_ms INTEGER NOT NULL,"
	"  delay_max_ms INTEGER NOT NULL,"
	"  highest INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE TABLE ledger ("
	"  row INTEGER PRIMARY KEY," /* sale.number << 40 | version */
	"  sale INTEGER NOT NULL,"
	"  kind INTEGER NOT NULL,"
	"  base INTEGER NOT NULL,"
	"  nth INTEGER NOT NULL,"
	"  seat INTEGER NOT NULL,"
	"  quantity INTEGER NOT NULL,"
	"  remaining INTEGER NOT NULL,"
	"  capacity INTEGER NOT NULL,"
	"  order_id TEXT NOT NULL,"
	"  buyer TEXT NOT NULL,"
	"  key TEXT,"
	"  lock TEXT NOT NULL,"
	"  worker INTEGER NOT NULL,"
	"  clerk INTEGER NOT NULL,"
	"  sold_at_ms INTEGER NOT NULL,"
	"  trail TEXT NOT NULL"
	") STRICT;"
	GONE_TABLE
	"CREATE INDEX ledger_order ON ledger (order_id)"
	"  WHERE order_id <> '';"
	"CREATE UNIQUE INDEX ledger_key ON ledger (sale, key)"
	"  WHERE key IS NOT NULL;";

enum statement {
	BEGIN, COMMIT, ROLLBACK,
	READ, LIST, INSERT_LINE, SET_STATE, TAKE,
	FIND_ORDER, FIND_KEY, EACH, INSERT_SALE,
	NOTE_GONE, DELETE_SALE,
	READ_GONE, DELETE_LINES, SHRINK_GONE, FORGET_GONE,
	STATEMENTS
};

#define SALE_COLUMNS \
	"number, id, slot, birth, epoch, capacity, remaining, version," \
	" lock, delay_min_ms, delay_max_ms, highest"
#define LINE_COLUMNS \
	"row, kind, base, nth, seat, quantity, remaining, capacity," \
	" order_id, buyer, key, lock, worker, clerk, sold_at_ms, trail"

/* Of the sale of that id and birth; none: it is gone. */
#define THE_NUMBER "(SELECT number FROM sale WHERE id = ? AND birth = ?)"

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[READ] = "SELECT " SALE_COLUMNS " FROM sale WHERE id = ?",
	[LIST] = "SELECT " SALE_COLUMNS " FROM sale ORDER BY id",
	[INSERT_LINE] = "INSERT INTO ledger (" LINE_COLUMNS ", sale)"
		" VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SET_STATE] = "UPDATE sale SET version = ?, remaining = ?,"
		" capacity = ?, epoch = ?, lock = ?, delay_min_ms = ?,"
		" delay_max_ms = ?, highest = ? WHERE number = ?",
	[TAKE] = "UPDATE sale SET version = version + ?1,"
		" remaining = remaining - ?2,"
		" highest = max(highest, capacity - remaining + ?2)"
		" WHERE id = ?3 AND birth = ?4 AND epoch = ?5"
		" AND remaining >= ?2"
		" RETURNING number, version - ?1, remaining + ?2, capacity",
	[FIND_ORDER] = "SELECT " LINE_COLUMNS " FROM ledger"
		" WHERE sale = " THE_NUMBER
		" AND order_id = ? AND order_id <> ''",
	[FIND_KEY] = "SELECT " LINE_COLUMNS " FROM ledger"
		" WHERE sale = " THE_NUMBER " AND key = ?",
	[EACH] = "SELECT " LINE_COLUMNS " FROM ledger"
		" WHERE row > ? AND row <= ? ORDER BY row",
	[INSERT_SALE] = "INSERT INTO sale (slot, id, birth, epoch, capacity,"
		" remaining, version, lock, delay_min_ms, delay_max_ms)"
		" SELECT n, ?, ?, ?, ?, ?, 0, ?, ?, ? FROM (SELECT 0 AS n"
		" UNION ALL SELECT slot + 1 FROM sale)"
		" WHERE n NOT IN (SELECT slot FROM sale) AND n < ?"
		" ORDER BY n LIMIT 1",
	[NOTE_GONE] = "INSERT INTO gone (number, version) VALUES (?, ?)",
	[DELETE_SALE] = "DELETE FROM sale WHERE number = ?",
	[READ_GONE] = "SELECT number, version FROM gone LIMIT 1",
	[DELETE_LINES] = "DELETE FROM ledger WHERE row > ? AND row <= ?",
	[SHRINK_GONE] = "UPDATE gone SET version = ? WHERE number = ?",
	[FORGET_GONE] = "DELETE FROM gone WHERE number = ?",
};
/* clang-format on */

struct shared {
	pthread_mutex_t latch;
	int checkpointed; /* pages of the log; under the latch */
	/* Odd while somebody writes, or was killed at it; 0: not prepared, so
	 * others may write who do not count here. */
	_Atomic uint64_t writes;
};

/* What was read of a sale, and `writes` then; 0: nothing. */
struct known {
	uint64_t writes;
	int64_t number;
	struct store_state state;
};

struct sqlite_own {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	bool
	    no_memory; /* to bind or to read a value, since the last let_go() */
	int wal_pages; /* after this connection's last commit */
	int64_t number;                  /* of the sale that was read last */
	struct known known[KNOWN_SALES]; /* each in the place of its id */
};

/* ----------------------------------------------------------- statements -- */

static struct sqlite_own *
own_of(const struct store_user *user)
{
	return user->own;
}

static struct shared *
shared_of(const struct store_user *user)
{
	return user->store->shared;
}

/*
 * What the connection's last error means where nothing was written.  SQLite
 * opens the log's index to read only where it may not write it at that moment,
 * and so it stays for the whole process: it must be opened anew.
 */
static enum store_result
fail_sqlite(struct store_user *user, const char *what)
{
	sqlite3 *db = own_of(user)->db;
	const int code = sqlite3_errcode(db) & 0xff;

	if (code == SQLITE_READONLY)
		store_poison(user->store);
	return store_fail(user,
	    code == SQLITE_FULL   ? STORE_FULL
	    : code == SQLITE_BUSY ? STORE_BUSY
				  : STORE_FAILED,
	    "%s: %s: %s", DATABASE, what, sqlite3_errmsg(db));
}

static void
bind_number(
    struct store_user *user, enum statement which, int i, int64_t number)
{
	struct sqlite_own *own = own_of(user);

	if (sqlite3_bind_int64(own->statement[which], i, number) != SQLITE_OK)
		own->no_memory = true;
}

/* NULL binds NULL. */
static void
bind_text(
    struct store_user *user, enum statement which, int i, const char *text)
{
	struct sqlite_own *own = own_of(user);

	if (sqlite3_bind_text(
		own->statement[which], i, text, -1, SQLITE_STATIC) != SQLITE_OK)
		own->no_memory = true;
}

/* Of the row that was stepped to, in a column that is not NULL; never NULL. */
static const char *
column_text(struct store_user *user, enum statement which, int i)
{
	struct sqlite_own *own = own_of(user);
	const unsigned char *text =
	    sqlite3_column_text(own->statement[which], i);

	if (text == NULL)
		own->no_memory = true;
	return text != NULL ? (const char *)text : "";
}

/* SQLITE_ROW, SQLITE_DONE or an error. */
static int
step(struct store_user *user, enum statement which)
{
	struct sqlite_own *own = own_of(user);

	return own->no_memory ? SQLITE_NOMEM
			      : sqlite3_step(own->statement[which]);
}

/*
 * Let go of what a statement holds, after its last step() yielded `rc`.
 * False: there was an error somewhere on the way.
 */
static bool
let_go(struct store_user *user, enum statement which, int rc)
{
	struct sqlite_own *own = own_of(user);
	const int code = sqlite3_reset(own->statement[which]);
	const bool good = code == SQLITE_OK && !own->no_memory &&
			  (rc == SQLITE_ROW || rc == SQLITE_DONE);

	own->no_memory = false;
	return good;
}

/* Step once and let go of everything; true if that did it. */
static bool
run(struct store_user *user, enum statement which)
{
	const int rc = step(user, which);

	return let_go(user, which, rc) && rc == SQLITE_DONE;
}

/* A row of SALE_COLUMNS; the sale's number is returned. */
static int64_t
state_of_row(
    struct store_user *user, enum statement which, struct store_state *state)
{
	sqlite3_stmt *s = own_of(user)->statement[which];
	struct store_settings *settings = &state->settings;

	memset(state, 0, sizeof(*state));
	snprintf(
	    settings->id, STORE_ID_SIZE, "%s", column_text(user, which, 1));
	state->slot = (unsigned)sqlite3_column_int(s, 2);
	state->birth = (uint64_t)sqlite3_column_int64(s, 3);
	state->epoch = (uint64_t)sqlite3_column_int64(s, 4);
	settings->capacity = sqlite3_column_int64(s, 5);
	state->remaining = sqlite3_column_int64(s, 6);
	state->version = sqlite3_column_int64(s, 7);
	snprintf(
	    settings->lock, STORE_LOCK_SIZE, "%s", column_text(user, which, 8));
	settings->delay_min_ms = sqlite3_column_int64(s, 9);
	settings->delay_max_ms = sqlite3_column_int64(s, 10);
	state->highest = sqlite3_column_int64(s, 11);
	return sqlite3_column_int64(s, 0);
}

static struct known *
known_of(struct sqlite_own *own, const char *id)
{
	unsigned hash = 5381;

	for (; *id != '\0'; id++)
		hash = hash * 33 + (unsigned char)*id;
	return &own->known[hash % KNOWN_SALES];
}

/* The writes there were; who is in the latch does not count its own. */
static uint64_t
count_writes(const struct store_user *user)
{
	const uint64_t writes = atomic_load(&shared_of(user)->writes);

	return sqlite3_get_autocommit(own_of(user)->db) ? writes : writes - 1;
}

static enum store_result
read_row(struct store_user *user, const char *id, struct store_state *state)
{
	struct sqlite_own *own = own_of(user);
	int rc;

	bind_text(user, READ, 1, id);
	rc = step(user, READ);
	if (rc == SQLITE_ROW)
		own->number = state_of_row(user, READ, state);
	if (!let_go(user, READ, rc))
		return fail_sqlite(user, "read");
	return rc == SQLITE_ROW ? STORE_OK : STORE_GONE;
}

static enum store_result
sqlite_read(struct store_user *user, const char *id, struct store_state *state)
{
	struct sqlite_own *own = own_of(user);
	const uint64_t writes = count_writes(user);
	struct known *known = known_of(own, id);
	enum store_result result;

	if (known->writes == writes && writes % 2 == 0 && writes != 0 &&
	    strcmp(known->state.settings.id, id) == 0) {
		own->number = known->number;
		*state = known->state;
		return STORE_OK;
	}
	result = read_row(user, id, state);
	if (result == STORE_OK && count_writes(user) == writes)
		*known = (struct known){
		    .writes = writes, .number = own->number, .state = *state};
	return result;
}

static enum store_result
sqlite_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	struct store_state state;
	bool more = true;
	int rc;

	while (more && (rc = step(user, LIST)) == SQLITE_ROW) {
		state_of_row(user, LIST, &state);
		more = !own_of(user)->no_memory && visit(&state, arg);
	}
	if (!let_go(user, LIST, rc))
		return fail_sqlite(user, "list");
	return STORE_OK;
}

/* --------------------------------------------------------------- ledger -- */

static int64_t
row_of(int64_t number, int64_t version)
{
	return number << VERSION_BITS | version;
}

/* A row of LINE_COLUMNS; its texts are the statement's. */
static struct store_line
line_of_row(struct store_user *user, enum statement which)
{
	sqlite3_stmt *s = own_of(user)->statement[which];
	const bool has_key = sqlite3_column_type(s, 10) != SQLITE_NULL;
	struct store_line line = {
	    .version =
		sqlite3_column_int64(s, 0) & ((INT64_C(1) << VERSION_BITS) - 1),
	    .kind = (enum store_kind)sqlite3_column_int(s, 1),
	    .base = sqlite3_column_int64(s, 2),
	    .nth = (unsigned)sqlite3_column_int(s, 3),
	    .seat = sqlite3_column_int64(s, 4),
	    .quantity = sqlite3_column_int64(s, 5),
	    .remaining = sqlite3_column_int64(s, 6),
	    .capacity = sqlite3_column_int64(s, 7),
	    .buyer = column_text(user, which, 9),
	    .key = has_key ? column_text(user, which, 10) : NULL,
	    .lock = column_text(user, which, 11),
	    .worker = (unsigned)sqlite3_column_int(s, 12),
	    .clerk = (unsigned)sqlite3_column_int(s, 13),
	    .sold_at_ms = sqlite3_column_int64(s, 14),
	    .trail = column_text(user, which, 15),
	};

	snprintf(
	    line.order, STORE_ORDER_SIZE, "%s", column_text(user, which, 8));
	return line;
}

static enum store_result
sqlite_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	const enum statement which = by == STORE_BY_KEY ? FIND_KEY : FIND_ORDER;
	struct store_line line;
	int rc;

	bind_text(user, which, 1, state->settings.id);
	bind_number(user, which, 2, (int64_t)state->birth);
	bind_text(user, which, 3, value);
	rc = step(user, which);
	if (rc == SQLITE_ROW) {
		line = line_of_row(user, which);
		if (!own_of(user)->no_memory)
			visit(&line, arg);
	}
	if (!let_go(user, which, rc))
		return fail_sqlite(user, "find");
	return rc == SQLITE_ROW ? STORE_OK : STORE_GONE;
}

/* Lines that were read at once, and are looked at when that is over. */
struct page {
	struct store_line lines[PAGE_LINES];
	size_t count;
	char *texts; /* the lines' */
	size_t size, used;
};

/* False: the page is full.  Only one without lines may move its texts. */
static bool
has_room(struct page *page, size_t size)
{
	char *moved;

	if (size <= page->size - page->used)
		return true;
	if (page->count > 0)
		return false;
	size = size > PAGE_TEXTS ? size : PAGE_TEXTS;
	moved = realloc(page->texts, size);
	if (moved == NULL)
		return false;
	page->texts = moved;
	page->size = size;
	return true;
}

static const char *
copy_text(struct page *page, const char *text)
{
	char *copy = page->texts + page->used;
	const size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	page->used += size;
	return copy;
}

/* False: there is no room for it. */
static bool
copy_line(struct page *page, const struct store_line *line)
{
	struct store_line *copy = &page->lines[page->count];
	const char *key = line->key != NULL ? line->key : "";

	if (page->count == PAGE_LINES ||
	    !has_room(page, strlen(line->buyer) + strlen(key) +
				strlen(line->lock) + strlen(line->trail) + 4))
		return false;
	*copy = *line;
	copy->buyer = copy_text(page, line->buyer);
	copy->key = line->key != NULL ? copy_text(page, key) : NULL;
	copy->lock = copy_text(page, line->lock);
	copy->trail = copy_text(page, line->trail);
	page->count++;
	return true;
}

/* A line is missing: its sale was deleted meanwhile, or there is damage. */
static enum store_result
fail_gap(
    struct store_user *user, const struct store_state *state, int64_t version)
{
	const enum store_result result = store_read_same(user, state);

	if (result != STORE_OK)
		return result;
	return store_fail(user, STORE_FAILED,
	    "%s: line %" PRId64 " of the sale %s is missing", DATABASE, version,
	    state->settings.id);
}

/* The lines after version `after`, at least one, as many as there is room. */
static enum store_result
read_page(struct store_user *user, const struct store_state *state,
    int64_t after, struct page *page)
{
	const int64_t number = own_of(user)->number;
	bool in_turn = false, room = true;
	int rc;

	page->count = page->used = 0;
	bind_number(user, EACH, 1, row_of(number, after));
	bind_number(user, EACH, 2, row_of(number, state->version));
	while (room && (rc = step(user, EACH)) == SQLITE_ROW) {
		const struct store_line line = line_of_row(user, EACH);

		in_turn = line.version == after + (int64_t)page->count + 1;
		room = in_turn && copy_line(page, &line);
	}
	if (!let_go(user, EACH, rc))
		return fail_sqlite(user, "walk");
	if (page->count > 0)
		return STORE_OK;
	return in_turn ? store_no_memory(user)
		       : fail_gap(user, state, after + 1);
}

/* False: the visitor has seen enough. */
static bool
visit_page(const struct page *page, store_visit_fn *visit, void *arg)
{
	size_t i;

	for (i = 0; i < page->count; i++)
		if (!visit(&page->lines[i], arg))
			return false;
	return true;
}

static enum store_result
sqlite_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	enum store_result result;
	struct page *page;
	bool more = true;

	result = store_read_same(user, state);
	if (result != STORE_OK)
		return result;
	page = calloc(1, sizeof(*page));
	if (page == NULL)
		return store_no_memory(user);
	while (more && result == STORE_OK && after < state->version) {
		result = read_page(user, state, after, page);
		if (result == STORE_OK)
			more = visit_page(page, visit, arg);
		after += (int64_t)page->count;
	}
	free(page->texts);
	free(page);
	return result;
}

static bool
insert_line(struct store_user *user, const struct store_line *line)
{
	const int64_t number = own_of(user)->number;

	bind_number(user, INSERT_LINE, 1, row_of(number, line->version));
	bind_number(user, INSERT_LINE, 2, (int64_t)line->kind);
	bind_number(user, INSERT_LINE, 3, line->base);
	bind_number(user, INSERT_LINE, 4, line->nth);
	bind_number(user, INSERT_LINE, 5, line->seat);
	bind_number(user, INSERT_LINE, 6, line->quantity);
	bind_number(user, INSERT_LINE, 7, line->remaining);
	bind_number(user, INSERT_LINE, 8, line->capacity);
	bind_text(user, INSERT_LINE, 9, line->order);
	bind_text(user, INSERT_LINE, 10, line->buyer);
	bind_text(user, INSERT_LINE, 11, line->key);
	bind_text(user, INSERT_LINE, 12, line->lock);
	bind_number(user, INSERT_LINE, 13, line->worker);
	bind_number(user, INSERT_LINE, 14, line->clerk);
	bind_number(user, INSERT_LINE, 15, line->sold_at_ms);
	bind_text(user, INSERT_LINE, 16, line->trail);
	bind_number(user, INSERT_LINE, 17, number);
	return run(user, INSERT_LINE);
}

/* -------------------------------------------------- latch, transactions -- */

/*
 * Passive, and in the latch: no other connection can be writing.  Readers are
 * short, so hardly anything is left to the next one: CHECKPOINT_PAGES and the
 * last commit are the most that one has to do.
 */
static void
checkpoint_if_due(struct store_user *user)
{
	struct sqlite_own *own = own_of(user);
	int *checkpointed = &shared_of(user)->checkpointed, done = 0;

	if (own->wal_pages < *checkpointed)
		*checkpointed = 0; /* the log has started anew */
	if (own->wal_pages - *checkpointed < CHECKPOINT_PAGES)
		return;
	if (sqlite3_wal_checkpoint_v2(own->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
		NULL, &done) == SQLITE_OK)
		*checkpointed = done;
}

/*
 * Roll back what is open.  If even that fails, SQLite's write lock stays with
 * this connection: it must be closed, and the poison sees to that.
 */
static void
roll_back(struct store_user *user)
{
	sqlite3 *db = own_of(user)->db;

	if (sqlite3_get_autocommit(db) || run(user, ROLLBACK) ||
	    sqlite3_get_autocommit(db))
		return;
	store_fail(user, STORE_UNKNOWN, "%s: rollback: %s", DATABASE,
	    sqlite3_errmsg(db));
}

/* Odd, also behind one who was killed between these two. */
static void
begin_writing(const struct store_user *user)
{
	_Atomic uint64_t *writes = &shared_of(user)->writes;

	atomic_store(writes, (atomic_load(writes) + 1) | 1);
}

static void
end_writing(const struct store_user *user)
{
	atomic_fetch_add(&shared_of(user)->writes, 1);
}

/* Enter the latch and a transaction. */
static enum store_result
begin(struct store_user *user, int64_t deadline_ns)
{
	pthread_mutex_t *latch = &shared_of(user)->latch;
	enum store_result result;
	int64_t wait_ms;

	/* SQLite itself rolls back what a dead holder left. */
	result = store_latch(user, latch, deadline_ns, NULL, NULL);
	if (result != STORE_OK)
		return result;
	wait_ms = (deadline_ns - clock_now_ns()) / NS_PER_MS;
	if (wait_ms < 1)
		wait_ms = 1;
	if (wait_ms > BUSY_TIMEOUT_MS)
		wait_ms = BUSY_TIMEOUT_MS;
	sqlite3_busy_timeout(own_of(user)->db, (int)wait_ms);
	begin_writing(user);
	if (run(user, BEGIN))
		return STORE_OK;
	result = fail_sqlite(user, "begin");
	roll_back(user);
	end_writing(user);
	robust_unlock(latch);
	return result;
}

static enum store_result
commit_transaction(struct store_user *user)
{
	sqlite3 *db = own_of(user)->db;
	enum store_result result;

	if (run(user, COMMIT))
		return STORE_OK;
	/* Out of space fails before the commit's last page is written. */
	result = (sqlite3_errcode(db) & 0xff) == SQLITE_FULL ? STORE_FULL
							     : STORE_UNKNOWN;
	return store_fail(
	    user, result, "%s: commit: %s", DATABASE, sqlite3_errmsg(db));
}

/* Commit if all went well, else roll back; either way leave the latch. */
static enum store_result
sqlite_end(struct store_user *user, const struct store_state *state,
    enum store_result result)
{
	(void)state;
	if (result == STORE_OK)
		result = commit_transaction(user);
	if (result == STORE_OK)
		checkpoint_if_due(user);
	else
		roll_back(user);
	end_writing(user);
	robust_unlock(&shared_of(user)->latch);
	return result;
}

static enum store_result
sqlite_begin(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	enum store_result result;

	result = begin(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = sqlite_read(user, state->settings.id, now);
	return result == STORE_OK ? result : sqlite_end(user, state, result);
}

static enum store_result
update_sale(struct store_user *user, const struct store_state *after)
{
	const struct store_settings *settings = &after->settings;

	bind_number(user, SET_STATE, 1, after->version);
	bind_number(user, SET_STATE, 2, after->remaining);
	bind_number(user, SET_STATE, 3, settings->capacity);
	bind_number(user, SET_STATE, 4, (int64_t)after->epoch);
	bind_text(user, SET_STATE, 5, settings->lock);
	bind_number(user, SET_STATE, 6, settings->delay_min_ms);
	bind_number(user, SET_STATE, 7, settings->delay_max_ms);
	bind_number(user, SET_STATE, 8, after->highest);
	bind_number(user, SET_STATE, 9, own_of(user)->number);
	return run(user, SET_STATE) ? STORE_OK : fail_sqlite(user, "update");
}

static enum store_result
sqlite_append(struct store_user *user, const struct store_state *after,
    const struct store_line *lines, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!insert_line(user, &lines[i]))
			return fail_sqlite(user, "insert");
	return update_sale(user, after);
}

/* ---------------------------------------------------------- the decision -- */

/* Nothing was taken: why? */
static enum store_result
why_not(struct store_user *user, const struct store_state *state)
{
	struct store_state now;
	enum store_result result;

	result = sqlite_read(user, state->settings.id, &now);
	if (result != STORE_OK)
		return result;
	if (now.birth != state->birth)
		return STORE_GONE;
	return now.epoch != state->epoch ? STORE_MOVED : STORE_CONFLICT;
}

/* In the latch: the decision, as one statement, whose WHERE it is. */
static enum store_result
take(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count)
{
	struct sqlite_own *own = own_of(user);
	sqlite3_stmt *s = own->statement[TAKE];
	int64_t last;
	int rc;

	bind_number(user, TAKE, 1, (int64_t)count);
	bind_number(user, TAKE, 2, store_count_seats(lines, count));
	bind_text(user, TAKE, 3, state->settings.id);
	bind_number(user, TAKE, 4, (int64_t)state->birth);
	bind_number(user, TAKE, 5, (int64_t)state->epoch);
	rc = step(user, TAKE);
	if (rc == SQLITE_ROW) {
		own->number = sqlite3_column_int64(s, 0);
		last = sqlite3_column_int64(s, 1);
		store_number(lines, count, last, last);
		store_seat(lines, count, sqlite3_column_int64(s, 2),
		    sqlite3_column_int64(s, 3));
	}
	if (!let_go(user, TAKE, rc))
		return fail_sqlite(user, "take");
	return rc == SQLITE_ROW ? STORE_OK : why_not(user, state);
}

static enum store_result
sqlite_take(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, int64_t deadline_ns)
{
	enum store_result result;
	size_t i;

	result = begin(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = take(user, state, lines, count);
	for (i = 0; i < count && result == STORE_OK; i++)
		if (!insert_line(user, &lines[i]))
			result = sqlite3_extended_errcode(own_of(user)->db) ==
					 SQLITE_CONSTRAINT_UNIQUE
				     ? STORE_DUPLICATE /* a key */
				     : fail_sqlite(user, "insert");
	return sqlite_end(user, state, result);
}

static enum store_result
sqlite_put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, enum store_check check,
    int64_t deadline_ns, bool *overwrote)
{
	return check == STORE_DECIDED
		   ? sqlite_take(user, state, lines, count, deadline_ns)
		   : store_put_in_steps(user, state, lines, count, check,
			 deadline_ns, overwrote);
}

/* ------------------------------------------------------ create, remove -- */

/* In the first slot that no sale has. */
static enum store_result
insert_sale(struct store_user *user, const struct store_state *state)
{
	const struct store_settings *settings = &state->settings;
	sqlite3 *db = own_of(user)->db;

	bind_text(user, INSERT_SALE, 1, settings->id);
	bind_number(user, INSERT_SALE, 2, (int64_t)state->birth);
	bind_number(user, INSERT_SALE, 3, (int64_t)state->epoch);
	bind_number(user, INSERT_SALE, 4, settings->capacity);
	bind_number(user, INSERT_SALE, 5, state->remaining);
	bind_text(user, INSERT_SALE, 6, settings->lock);
	bind_number(user, INSERT_SALE, 7, settings->delay_min_ms);
	bind_number(user, INSERT_SALE, 8, settings->delay_max_ms);
	bind_number(user, INSERT_SALE, 9, STORE_SALES_MAX);
	if (run(user, INSERT_SALE))
		return sqlite3_changes(db) == 1 ? STORE_OK
						: store_no_slot(user);
	return sqlite3_extended_errcode(db) == SQLITE_CONSTRAINT_UNIQUE
		   ? STORE_DUPLICATE
		   : fail_sqlite(user, "insert");
}

static enum store_result
sqlite_create(
    struct store_user *user, struct store_state *state, int64_t deadline_ns)
{
	enum store_result result;

	result = begin(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	result = insert_sale(user, state);
	if (result == STORE_OK) /* its slot */
		result = sqlite_read(user, state->settings.id, state);
	return sqlite_end(user, state, result);
}

/* Its number is never given out again (AUTOINCREMENT), so its lines can wait.
 */
static enum store_result
sqlite_remove(struct store_user *user, const struct store_state *now)
{
	const int64_t number = own_of(user)->number;

	bind_number(user, NOTE_GONE, 1, number);
	bind_number(user, NOTE_GONE, 2, now->version);
	bind_number(user, DELETE_SALE, 1, number);
	return run(user, NOTE_GONE) && run(user, DELETE_SALE)
		   ? STORE_OK
		   : fail_sqlite(user, "delete");
}

/* False: no sale is gone and has lines yet. */
static bool
read_gone(struct store_user *user, int64_t *number, int64_t *version)
{
	sqlite3_stmt *s = own_of(user)->statement[READ_GONE];
	const int rc = step(user, READ_GONE);

	if (rc == SQLITE_ROW) {
		*number = sqlite3_column_int64(s, 0);
		*version = sqlite3_column_int64(s, 1);
	}
	return let_go(user, READ_GONE, rc) && rc == SQLITE_ROW;
}

/* In the latch: the last lines of a sale that is gone, and at last itself. */
static enum store_result
delete_slice(struct store_user *user)
{
	int64_t number, version, left;

	if (!read_gone(user, &number, &version))
		return STORE_GONE; /* another worker was faster */
	left = version > SLICE_LINES ? version - SLICE_LINES : 0;
	bind_number(user, DELETE_LINES, 1, row_of(number, left));
	bind_number(user, DELETE_LINES, 2, row_of(number, version));
	bind_number(user, SHRINK_GONE, 1, left);
	bind_number(user, SHRINK_GONE, 2, number);
	bind_number(user, FORGET_GONE, 1, number);
	return run(user, DELETE_LINES) &&
		       run(user, left > 0 ? SHRINK_GONE : FORGET_GONE)
		   ? STORE_OK
		   : fail_sqlite(user, "tidy");
}

/* Slice by slice, and buyers between them; what fails, the next time. */
static void
sqlite_tidy(struct store_user *user)
{
	const int64_t until_ns = clock_now_ns() + SLICES_NS;
	enum store_result result = STORE_OK;
	int64_t number, version;

	while (result == STORE_OK && clock_now_ns() < until_ns &&
	       read_gone(user, &number, &version)) {
		result = begin(user, until_ns);
		if (result == STORE_OK)
			result = sqlite_end(user, NULL, delete_slice(user));
	}
}

/* -------------------------------------------------- connect and prepare -- */

static int
note_wal_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_own *own = arg;

	(void)db;
	(void)name;
	own->wal_pages = pages;
	return SQLITE_OK;
}

/* A connection as all of them must be.  NULL with a line in `error`. */
static sqlite3 *
connect(const struct store *store, int flags, char *error, size_t error_size)
{
	static const char pragmas[] = "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA wal_autocheckpoint = 0;"
				      "PRAGMA mmap_size = 0;";
	sqlite3 *db = NULL;
	char path[4096];
	int cause;

	snprintf(path, sizeof(path), "%s/%s", store->dir, DATABASE);
	if (sqlite3_open_v2(path, &db,
		flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		NULL) == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
		/* Closing would checkpoint outside the latch. */
		sqlite3_db_config(
		    db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		if (sqlite3_exec(db, pragmas, NULL, NULL, NULL) == SQLITE_OK)
			return db;
	}
	cause = db == NULL ? 0 : sqlite3_system_errno(db);
	snprintf(error, error_size, "%s: %s%s%s", path,
	    db == NULL ? "out of memory" : sqlite3_errmsg(db),
	    cause == 0 ? "" : ": ", cause == 0 ? "" : strerror(cause));
	sqlite3_close(db);
	return NULL;
}

static void
sqlite_close(struct store_user *user)
{
	struct sqlite_own *own = own_of(user);
	int i;

	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(own->statement[i]);
	sqlite3_close(own->db);
	free(own);
}

/*
 * Who is killed in its COMMIT leaves a frame in the log that may be whole and
 * was never synced.  If nobody else had the database open, connecting has
 * recovered it: it must be on disk before anybody is told of it.  NULL, or why
 * it is not.
 */
static const char *
sync_log(sqlite3 *db)
{
	sqlite3_file *log = NULL;

	/* The first read recovers, and opens the log. */
	if (sqlite3_exec(db, "SELECT count(*) FROM sale", NULL, NULL, NULL) !=
		SQLITE_OK ||
	    sqlite3_file_control(
		db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
		return sqlite3_errmsg(db);
	if (log == NULL || log->pMethods == NULL ||
	    log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK)
		return NULL;
	return "the log cannot be synced";
}

/* The single value a query yields; -1: it yields none. */
static int64_t
query_number(sqlite3 *db, const char *text)
{
	sqlite3_stmt *s = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

/* Only who opens it without store_prepare() meets another format. */
static void
fail_to_prepare(struct store_user *user, const char *text)
{
	fail_sqlite(user, text);
	if (query_number(own_of(user)->db, "PRAGMA user_version") !=
	    FORMAT_VERSION)
		store_fail(user, STORE_FAILED, "%s/" DATABASE ": " OTHER_FORMAT,
		    user->store->dir);
}

static int
sqlite_open(struct store_user *user)
{
	struct sqlite_own *own;
	const char *why;
	int i;

	own = calloc(1, sizeof(*own));
	if (own == NULL) {
		store_no_memory(user);
		return -1;
	}
	own->db = connect(user->store, 0, user->error, sizeof(user->error));
	if (own->db == NULL) {
		free(own);
		return -1;
	}
	sqlite3_wal_hook(own->db, note_wal_pages, own);
	user->own = own;
	for (i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(own->db, texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &own->statement[i],
			NULL) != SQLITE_OK) {
			fail_to_prepare(user, texts[i]);
			sqlite_close(user);
			return -1;
		}
	why = sync_log(own->db);
	if (why == NULL)
		return 0;
	store_fail(user, STORE_FAILED, "%s: %s", DATABASE, why);
	sqlite_close(user);
	return -1;
}

/* clang-format off */
static const char count_faults[] =
	"SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check <> 'ok'";
/* Sales whose ledger has a gap, or whose counter is not its last line's. */
static const char count_broken[] =
	"SELECT count(*) FROM sale WHERE version <>"
	" (SELECT count(*) FROM ledger WHERE row > sale.number << 40"
	"  AND row <= (sale.number << 40 | sale.version))"
	" OR EXISTS (SELECT 1 FROM ledger"
	"  WHERE row > (sale.number << 40 | sale.version)"
	"  AND row < (sale.number + 1) << 40)"
	" OR remaining <> ifnull((SELECT remaining FROM ledger"
	"  WHERE row = (sale.number << 40 | sale.version)), capacity)";
/* Numbers that ledger lines have, and neither a sale nor one that is gone. */
static const char count_strays[] =
	"WITH RECURSIVE has_lines (number) AS ("
	" SELECT min(row) >> 40 FROM ledger"
	" UNION ALL"
	" SELECT (SELECT min(row) >> 40 FROM ledger"
	"  WHERE row >= (has_lines.number + 1) << 40)"
	" FROM has_lines WHERE number IS NOT NULL)"
	"SELECT count(*) FROM has_lines WHERE number IS NOT NULL"
	" AND number NOT IN (SELECT number FROM sale)"
	" AND number NOT IN (SELECT number FROM gone)";
/* clang-format on */

/* From format 1, which had no highest seats, and deleted at once. */
/* clang-format off */
static const char upgrade[] =
	"BEGIN;"
	"ALTER TABLE sale ADD COLUMN highest INTEGER NOT NULL DEFAULT 0;"
	GONE_TABLE
	"UPDATE sale SET highest = ifnull((SELECT max(seat + quantity - 1)"
	"  FROM ledger WHERE kind = 0 AND row > number << 40"
	"  AND row <= (number << 40 | version)), 0);"
	"PRAGMA user_version = 2;"
	"COMMIT;";
/* clang-format on */

static const char *
create_or_check(sqlite3 *db)
{
	char text[128];

	if (query_number(db, "SELECT count(*) FROM sqlite_schema") == 0) {
		snprintf(text, sizeof(text),
		    "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		    APPLICATION_ID, FORMAT_VERSION);
		if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
			return sqlite3_errmsg(db);
		return NULL;
	}
	if (query_number(db, "PRAGMA application_id") != APPLICATION_ID)
		return "it is not a turnstile database";
	if (query_number(db, "PRAGMA user_version") == 1 &&
	    sqlite3_exec(db, upgrade, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite3_errmsg(db);
	if (query_number(db, "PRAGMA user_version") != FORMAT_VERSION)
		return OTHER_FORMAT;
	if (query_number(db, count_faults) != 0)
		return "it is damaged; restore the directory from a backup";
	if (query_number(db, count_broken) != 0 ||
	    query_number(db, count_strays) != 0)
		return "it is damaged: a ledger and its sale disagree; "
		       "restore the directory from a backup";
	return NULL;
}

/*
 * Make durable what is in the log.  Alone, so that a checkpoint that empties it
 * is safe; where there is no space for that, it stays, and is synced.
 */
static const char *
settle_log(sqlite3 *db)
{
	const int rc = sqlite3_wal_checkpoint_v2(
	    db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if ((rc & 0xff) == SQLITE_FULL)
		return sync_log(db);
	return rc == SQLITE_OK ? NULL : sqlite3_errmsg(db);
}

/* False: errno says why. */
static bool
copy_onto_itself(int fd)
{
	char part[64 * 1024];
	ssize_t got, put = 0;
	off_t at = 0;

	while ((got = pread(fd, part, sizeof(part), at)) > 0) {
		put = pwrite(fd, part, (size_t)got, at);
		if (put != got)
			break;
		at += got;
	}
	if (put > 0 && put < got)
		errno = ENOSPC; /* what a short write means */
	return got == 0 && fsync(fd) == 0;
}

/*
 * Behind a failed sync the page cache shows frames of the log that no later
 * sync writes.  A checkpoint copies them into the database, and a power cut
 * meanwhile would leave a database half copied and no log to copy it from.  So
 * the log is written once more.  Nobody has it open.
 */
static int
write_log_anew(const struct store *store, char *error, size_t error_size)
{
	char path[4096];
	bool good;
	int fd, why;

	snprintf(path, sizeof(path), "%s/" DATABASE "-wal", store->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	good = fd == -1 ? errno == ENOENT : copy_onto_itself(fd);
	why = errno;
	if (fd != -1)
		close(fd);
	/* A full disk that copies on write is no reason not to start. */
	if (good || (why == ENOSPC && !store_poisoned(store)))
		return 0;
	snprintf(error, error_size, "%s: %s", path, strerror(why));
	return -1;
}

/*
 * The check walks over trees, whose pages lie anywhere: after a restart of the
 * machine it would read them one by one, and wait for each.  So the disk is
 * asked for all of them first, in their order.  Nobody has the database open.
 */
static void
read_ahead(const struct store *store)
{
	char path[4096];
	struct stat st;
	off_t at;
	int fd;

	snprintf(path, sizeof(path), "%s/" DATABASE, store->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0)
		for (at = 0; at < st.st_size; at += READ_AHEAD)
			posix_fadvise(fd, at, READ_AHEAD, POSIX_FADV_WILLNEED);
	close(fd);
}

static int
sqlite_prepare(struct store *store, char *error, size_t error_size)
{
	struct shared *shared = store->shared;
	const char *why;
	sqlite3 *db;

	robust_init(&shared->latch);
	shared->checkpointed = 0;
	atomic_store(&shared->writes, (atomic_load(&shared->writes) | 1) + 1);
	if (write_log_anew(store, error, error_size) != 0)
		return -1;
	read_ahead(store);
	db = connect(store, SQLITE_OPEN_CREATE, error, error_size);
	if (db == NULL)
		return -1;
	why = create_or_check(db);
	if (why == NULL)
		why = settle_log(db);
	if (why == NULL && store_sync_dir(store->dir) != 0)
		why = strerror(errno);
	if (why != NULL)
		snprintf(
		    error, error_size, "%s/%s: %s", store->dir, DATABASE, why);
	sqlite3_close(db);
	return why == NULL ? 0 : -1;
}

const struct store_impl store_sqlite = {
    .name = "sqlite",
    .turns = STORE_TURN_BIT(STORE_TURN_ATOMIC),
    .shared_size = sizeof(struct shared),
    .share = store_share_nothing,
    .unshare = store_unshare_nothing,
    .prepare = sqlite_prepare,
    .open = sqlite_open,
    .close = sqlite_close,
    .read = sqlite_read,
    .list = sqlite_list,
    .tidy = sqlite_tidy,
    .find = sqlite_find,
    .find_keys = store_find_each_key,
    .each = sqlite_each,
    .copy = store_copy_walking,
    .create = sqlite_create,
    .put = sqlite_put,
    .take_turn = store_take_no_turn,
    .end_turn = store_do_nothing,
    .begin = sqlite_begin,
    .append = sqlite_append,
    .remove = sqlite_remove,
    .end = sqlite_end,
};
