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
 * A connection for each thread, opened after the fork.  Nothing else in the
 * process may open the file: closing it would drop SQLite's locks.
 */
#include "storage/store_impl.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "locks/robust.h"

#define DATABASE "turnstile.db"
#define FORMAT_VERSION 2
#define APPLICATION_ID 0x7475726e /* "turn" */
#define BUSY_TIMEOUT_MS 2000      /* a safety net: the latch excludes */
#define CHECKPOINT_PAGES 2000

/* A ledger line's rowid: the sale's number, then the version. */
#define VERSION_BITS 40

/* clang-format off */
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
	"CREATE INDEX ledger_order ON ledger (order_id)"
	"  WHERE order_id <> '';"
	"CREATE UNIQUE INDEX ledger_key ON ledger (sale, key)"
	"  WHERE key IS NOT NULL;";

enum statement {
	BEGIN, COMMIT, ROLLBACK,
	READ, LIST, INSERT_LINE, SET_STATE,
	FIND_ORDER, FIND_KEY, EACH, INSERT_SALE,
	DELETE_LINES, DELETE_SALE,
	STATEMENTS
};

#define SALE_COLUMNS \
	"number, id, slot, birth, epoch, capacity, remaining, version," \
	" lock, delay_min_ms, delay_max_ms, highest"
#define LINE_COLUMNS \
	"row, kind, base, nth, seat, quantity, remaining, capacity," \
	" order_id, buyer, key, lock, worker, clerk, sold_at_ms, trail"

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
	[FIND_ORDER] = "SELECT " LINE_COLUMNS " FROM ledger"
		" WHERE sale = ? AND order_id = ? AND order_id <> ''",
	[FIND_KEY] = "SELECT " LINE_COLUMNS " FROM ledger"
		" WHERE sale = ? AND key = ?",
	[EACH] = "SELECT " LINE_COLUMNS " FROM ledger"
		" WHERE row > ? AND row <= ? ORDER BY row",
	[INSERT_SALE] = "INSERT INTO sale (slot, id, birth, epoch, capacity,"
		" remaining, version, lock, delay_min_ms, delay_max_ms)"
		" SELECT n, ?, ?, ?, ?, ?, 0, ?, ?, ? FROM (SELECT 0 AS n"
		" UNION ALL SELECT slot + 1 FROM sale)"
		" WHERE n NOT IN (SELECT slot FROM sale) AND n < ?"
		" ORDER BY n LIMIT 1",
	[DELETE_LINES] = "DELETE FROM ledger WHERE row > ? AND row <= ?",
	[DELETE_SALE] = "DELETE FROM sale WHERE number = ?",
};
/* clang-format on */

struct sqlite_own {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	int wal_pages;  /* after this connection's last commit */
	int64_t number; /* of the sale that was read last */
	uint64_t birth; /* of that sale */
};

/* ----------------------------------------------------------- statements -- */

static struct sqlite_own *
own_of(const struct store_user *user)
{
	return user->own;
}

static pthread_mutex_t *
latch_of(const struct store_user *user)
{
	return user->store->shared;
}

static sqlite3_stmt *
statement(const struct store_user *user, enum statement which)
{
	return own_of(user)->statement[which];
}

/* What the connection's last error means where nothing was written. */
static enum store_result
fail_sqlite(struct store_user *user, const char *what)
{
	sqlite3 *db = own_of(user)->db;
	const int code = sqlite3_errcode(db) & 0xff;

	return store_fail(user,
	    code == SQLITE_FULL   ? STORE_FULL
	    : code == SQLITE_BUSY ? STORE_BUSY
				  : STORE_FAILED,
	    "%s: %s: %s", DATABASE, what, sqlite3_errmsg(db));
}

/* Step once and let go of everything; true if that did it. */
static bool
run(struct store_user *user, enum statement which)
{
	sqlite3_stmt *s = statement(user, which);
	int rc;

	rc = sqlite3_step(s);
	if (sqlite3_reset(s) != SQLITE_OK)
		return false;
	return rc == SQLITE_DONE;
}

static void
bind_text(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

static const char *
column_text(sqlite3_stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s, i);
}

/* A row of SALE_COLUMNS; the sale's number is returned. */
static int64_t
state_of_row(sqlite3_stmt *s, struct store_state *state)
{
	struct store_settings *settings = &state->settings;

	memset(state, 0, sizeof(*state));
	snprintf(settings->id, STORE_ID_SIZE, "%s", column_text(s, 1));
	state->slot = (unsigned)sqlite3_column_int(s, 2);
	state->birth = (uint64_t)sqlite3_column_int64(s, 3);
	state->epoch = (uint64_t)sqlite3_column_int64(s, 4);
	settings->capacity = sqlite3_column_int64(s, 5);
	state->remaining = sqlite3_column_int64(s, 6);
	state->version = sqlite3_column_int64(s, 7);
	snprintf(settings->lock, STORE_LOCK_SIZE, "%s", column_text(s, 8));
	settings->delay_min_ms = sqlite3_column_int64(s, 9);
	settings->delay_max_ms = sqlite3_column_int64(s, 10);
	state->highest = sqlite3_column_int64(s, 11);
	return sqlite3_column_int64(s, 0);
}

static enum store_result
sqlite_read(struct store_user *user, const char *id, struct store_state *state)
{
	sqlite3_stmt *s = statement(user, READ);
	int rc;

	bind_text(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		own_of(user)->number = state_of_row(s, state);
		own_of(user)->birth = state->birth;
	}
	if (sqlite3_reset(s) != SQLITE_OK)
		return fail_sqlite(user, "read");
	return rc == SQLITE_ROW ? STORE_OK : STORE_GONE;
}

static enum store_result
sqlite_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	sqlite3_stmt *s = statement(user, LIST);
	struct store_state state;

	while (sqlite3_step(s) == SQLITE_ROW) {
		state_of_row(s, &state);
		if (!visit(&state, arg))
			break;
	}
	if (sqlite3_reset(s) != SQLITE_OK)
		return fail_sqlite(user, "list");
	return STORE_OK;
}

/* --------------------------------------------------------------- ledger -- */

static int64_t
row_of(int64_t number, int64_t version)
{
	return number << VERSION_BITS | version;
}

static struct store_line
line_of_row(sqlite3_stmt *s)
{
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
	    .buyer = column_text(s, 9),
	    .key = column_text(s, 10),
	    .lock = column_text(s, 11),
	    .worker = (unsigned)sqlite3_column_int(s, 12),
	    .clerk = (unsigned)sqlite3_column_int(s, 13),
	    .sold_at_ms = sqlite3_column_int64(s, 14),
	    .trail = column_text(s, 15),
	};

	snprintf(line.order, STORE_ORDER_SIZE, "%s", column_text(s, 8));
	return line;
}

/* Read the sale again, which makes `number` its number. */
static enum store_result
turn_to(struct store_user *user, const struct store_state *state)
{
	struct store_state now = {0};
	enum store_result result;

	result = sqlite_read(user, state->settings.id, &now);
	return now.birth == state->birth || result != STORE_OK ? result
							       : STORE_GONE;
}

static enum store_result
sqlite_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	sqlite3_stmt *s =
	    statement(user, by == STORE_BY_KEY ? FIND_KEY : FIND_ORDER);
	enum store_result result = STORE_OK;
	int rc;

	if (own_of(user)->birth != state->birth)
		result = turn_to(user, state);
	if (result != STORE_OK)
		return result;
	sqlite3_bind_int64(s, 1, own_of(user)->number);
	bind_text(s, 2, value);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		const struct store_line line = line_of_row(s);

		visit(&line, arg);
	}
	if (sqlite3_reset(s) != SQLITE_OK)
		return fail_sqlite(user, "find");
	return rc == SQLITE_ROW ? STORE_OK : STORE_GONE;
}

static enum store_result
sqlite_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	sqlite3_stmt *s = statement(user, EACH);
	enum store_result result;

	result = turn_to(user, state);
	if (result != STORE_OK)
		return result;
	sqlite3_bind_int64(s, 1, row_of(own_of(user)->number, after));
	sqlite3_bind_int64(s, 2, row_of(own_of(user)->number, state->version));
	while (sqlite3_step(s) == SQLITE_ROW) {
		const struct store_line line = line_of_row(s);

		if (!visit(&line, arg))
			break;
	}
	if (sqlite3_reset(s) != SQLITE_OK)
		return fail_sqlite(user, "walk");
	return STORE_OK;
}

static bool
insert_line(struct store_user *user, const struct store_line *line)
{
	const int64_t number = own_of(user)->number;
	sqlite3_stmt *s = statement(user, INSERT_LINE);

	sqlite3_bind_int64(s, 1, row_of(number, line->version));
	sqlite3_bind_int(s, 2, (int)line->kind);
	sqlite3_bind_int64(s, 3, line->base);
	sqlite3_bind_int(s, 4, (int)line->nth);
	sqlite3_bind_int64(s, 5, line->seat);
	sqlite3_bind_int64(s, 6, line->quantity);
	sqlite3_bind_int64(s, 7, line->remaining);
	sqlite3_bind_int64(s, 8, line->capacity);
	bind_text(s, 9, line->order);
	bind_text(s, 10, line->buyer);
	bind_text(s, 11, line->key); /* NULL binds NULL */
	bind_text(s, 12, line->lock);
	sqlite3_bind_int(s, 13, (int)line->worker);
	sqlite3_bind_int(s, 14, (int)line->clerk);
	sqlite3_bind_int64(s, 15, line->sold_at_ms);
	bind_text(s, 16, line->trail);
	sqlite3_bind_int64(s, 17, number);
	return run(user, INSERT_LINE);
}

/* -------------------------------------------------- latch, transactions -- */

/* Passive, and in the latch: no other connection can be writing. */
static void
checkpoint_if_due(struct store_user *user)
{
	struct sqlite_own *own = own_of(user);

	if (own->wal_pages < CHECKPOINT_PAGES)
		return;
	own->wal_pages = 0;
	/* What it could not do, the next one does. */
	sqlite3_wal_checkpoint_v2(
	    own->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* Enter the latch and a transaction. */
static enum store_result
begin(struct store_user *user, int64_t deadline_ns)
{
	enum store_result result;
	int64_t wait_ms;

	/* SQLite itself rolls back what a dead holder left. */
	result = store_latch(user, latch_of(user), deadline_ns, NULL, NULL);
	if (result != STORE_OK)
		return result;
	wait_ms = (deadline_ns - clock_now_ns()) / NS_PER_MS;
	if (wait_ms < 1)
		wait_ms = 1;
	if (wait_ms > BUSY_TIMEOUT_MS)
		wait_ms = BUSY_TIMEOUT_MS;
	sqlite3_busy_timeout(own_of(user)->db, (int)wait_ms);
	if (run(user, BEGIN))
		return STORE_OK;
	result = fail_sqlite(user, "begin");
	robust_unlock(latch_of(user));
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
	store_fail(
	    user, result, "%s: commit: %s", DATABASE, sqlite3_errmsg(db));
	if (!sqlite3_get_autocommit(db))
		run(user, ROLLBACK);
	return result;
}

/* Commit if all went well, else roll back; either way leave the latch. */
static enum store_result
sqlite_end(struct store_user *user, const struct store_state *state,
    enum store_result result)
{
	(void)state;
	if (result == STORE_OK)
		result = commit_transaction(user);
	else if (!sqlite3_get_autocommit(own_of(user)->db))
		run(user, ROLLBACK);
	checkpoint_if_due(user);
	robust_unlock(latch_of(user));
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
	sqlite3_stmt *s = statement(user, SET_STATE);

	sqlite3_bind_int64(s, 1, after->version);
	sqlite3_bind_int64(s, 2, after->remaining);
	sqlite3_bind_int64(s, 3, settings->capacity);
	sqlite3_bind_int64(s, 4, (int64_t)after->epoch);
	bind_text(s, 5, settings->lock);
	sqlite3_bind_int64(s, 6, settings->delay_min_ms);
	sqlite3_bind_int64(s, 7, settings->delay_max_ms);
	sqlite3_bind_int64(s, 8, after->highest);
	sqlite3_bind_int64(s, 9, own_of(user)->number);
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

/* ------------------------------------------------------ create, remove -- */

/* In the first slot that no sale has. */
static enum store_result
insert_sale(struct store_user *user, const struct store_state *state)
{
	const struct store_settings *settings = &state->settings;
	sqlite3 *db = own_of(user)->db;
	sqlite3_stmt *s = statement(user, INSERT_SALE);

	bind_text(s, 1, settings->id);
	sqlite3_bind_int64(s, 2, (int64_t)state->birth);
	sqlite3_bind_int64(s, 3, (int64_t)state->epoch);
	sqlite3_bind_int64(s, 4, settings->capacity);
	sqlite3_bind_int64(s, 5, state->remaining);
	bind_text(s, 6, settings->lock);
	sqlite3_bind_int64(s, 7, settings->delay_min_ms);
	sqlite3_bind_int64(s, 8, settings->delay_max_ms);
	sqlite3_bind_int(s, 9, STORE_SALES_MAX);
	if (run(user, INSERT_SALE))
		return sqlite3_changes(db) == 1 ? STORE_OK
						: store_no_slot(user);
	return sqlite3_extended_errcode(db) == SQLITE_CONSTRAINT_UNIQUE
		   ? STORE_DUPLICATE
		   : fail_sqlite(user, "insert");
}

static enum store_result
sqlite_create(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns)
{
	enum store_result result;

	result = begin(user, deadline_ns);
	if (result != STORE_OK)
		return result;
	return sqlite_end(user, state, insert_sale(user, state));
}

static enum store_result
sqlite_remove(struct store_user *user, const struct store_state *now)
{
	const int64_t number = own_of(user)->number;
	sqlite3_stmt *s = statement(user, DELETE_LINES);

	sqlite3_bind_int64(s, 1, row_of(number, 0));
	sqlite3_bind_int64(s, 2, row_of(number, now->version));
	if (!run(user, DELETE_LINES))
		return fail_sqlite(user, "delete");
	s = statement(user, DELETE_SALE);
	sqlite3_bind_int64(s, 1, number);
	return run(user, DELETE_SALE) ? STORE_OK : fail_sqlite(user, "delete");
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
	snprintf(error, error_size, "%s: %s", path,
	    db == NULL ? "out of memory" : sqlite3_errmsg(db));
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
 * recovered it: it must be on disk before anybody is told of it.
 */
static bool
sync_log(struct store_user *user)
{
	sqlite3 *db = own_of(user)->db;
	sqlite3_file *log = NULL;

	/* The first read recovers, and opens the log. */
	if (sqlite3_exec(db, "SELECT count(*) FROM sale", NULL, NULL, NULL) !=
		SQLITE_OK ||
	    sqlite3_file_control(
		db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK) {
		fail_sqlite(user, "recovery");
		return false;
	}
	if (log == NULL || log->pMethods == NULL ||
	    log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK)
		return true;
	store_fail(user, STORE_FAILED, DATABASE "-wal: it cannot be synced");
	return false;
}

static int
sqlite_open(struct store_user *user)
{
	struct sqlite_own *own;
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
			fail_sqlite(user, texts[i]);
			sqlite_close(user);
			return -1;
		}
	if (!sync_log(user)) {
		sqlite_close(user);
		return -1;
	}
	return 0;
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
/* clang-format on */

/* From format 1, which had no highest seats. */
/* clang-format off */
static const char upgrade[] =
	"BEGIN;"
	"ALTER TABLE sale ADD COLUMN highest INTEGER NOT NULL DEFAULT 0;"
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
		return "another version of turnstile made it";
	if (query_number(db, count_faults) != 0)
		return "it is damaged; restore the directory from a backup";
	if (query_number(db, count_broken) != 0)
		return "it is damaged: a ledger and its sale disagree; "
		       "restore the directory from a backup";
	return NULL;
}

/* Alone, so a truncating checkpoint is safe; it also makes durable what a
 * failed commit may have left in the log. */
static int
sqlite_prepare(struct store *store, char *error, size_t error_size)
{
	const char *why;
	sqlite3 *db;

	robust_init(store->shared);
	db = connect(store, SQLITE_OPEN_CREATE, error, error_size);
	if (db == NULL)
		return -1;
	why = create_or_check(db);
	if (why == NULL &&
	    (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
		 NULL, NULL) != SQLITE_OK ||
		store_sync_dir(store->dir) != 0))
		why = sqlite3_errmsg(db);
	if (why != NULL)
		snprintf(
		    error, error_size, "%s/%s: %s", store->dir, DATABASE, why);
	sqlite3_close(db);
	return why == NULL ? 0 : -1;
}

const struct store_impl store_sqlite = {
    .name = "sqlite",
    .shared_size = sizeof(pthread_mutex_t), /* the latch */
    .share = store_share_nothing,
    .unshare = store_unshare_nothing,
    .prepare = sqlite_prepare,
    .open = sqlite_open,
    .close = sqlite_close,
    .read = sqlite_read,
    .list = sqlite_list,
    .tidy = store_do_nothing, /* checkpoints follow commits, in the latch */
    .find = sqlite_find,
    .each = sqlite_each,
    .create = sqlite_create,
    .begin = sqlite_begin,
    .append = sqlite_append,
    .remove = sqlite_remove,
    .end = sqlite_end,
};
