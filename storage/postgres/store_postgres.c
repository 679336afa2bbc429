/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postgres: one database that any number of hosts sell from.
 *
 * A write is one statement, and one transaction: it updates the sale's row,
 * whose lock is the latch and reaches every host, and inserts the lines behind
 * the version that it found (write.c).  With the read inside it the database's
 * own lock would hide what `none` does, and there is no UNIQUE on seats.
 *
 * A turn (`row`, `advisory`) is a transaction around the read and the write.
 * Who holds it and loses the database, is stopped for too long or dies, has
 * nothing to hand back: the transaction is undone, so that what it decided
 * cannot be written any more.
 *
 * Nothing is poisoned: a write without an answer is settled by its own writer,
 * who makes the sale's epoch a new one, which nobody can write under who read
 * before, and then looks whether its line is there.
 */
#include "storage/postgres/postgres.h"
#include "storage/postgres/schema.h"
#include "storage/postgres/values.h"
#include "storage/postgres/write.h"

#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

#define PAGE_LINES 512     /* of a ledger, at once */
#define SLICE_LINES 1000   /* are deleted at once */
#define PING_NS NS_PER_SEC /* how often an idle host looks at the database */

#define LINE_COLUMNS                                                           \
	"version, kind, base, nth, seat, quantity, remaining, capacity,"       \
	" order_id, buyer, key, lock, host, worker, clerk, sold_at_ms, trail"

#define STATEMENT(name, sql)                                                   \
	static const struct session_statement name = {.text = (sql)}

/* clang-format off */
STATEMENT(begin_sql, "BEGIN");
STATEMENT(read_sql, "SELECT " SALE_COLUMNS " FROM sale WHERE id = $1");
STATEMENT(read_row_sql,
    "SELECT " SALE_COLUMNS " FROM sale WHERE id = $1 FOR UPDATE");
/* By the id, so that it can be taken before anything is read. */
STATEMENT(take_advisory_sql,
    "SELECT pg_advisory_xact_lock(hashtext('turnstile'), hashtext($1))");
STATEMENT(list_sql, "SELECT " SALE_COLUMNS " FROM sale ORDER BY id");
STATEMENT(find_order_sql, "SELECT " LINE_COLUMNS " FROM ledger"
    " WHERE sale = " THE_NUMBER " AND order_id = $3 AND order_id <> ''");
STATEMENT(find_key_sql, "SELECT " LINE_COLUMNS " FROM ledger"
    " WHERE sale = " THE_NUMBER " AND key = $3");
STATEMENT(find_keys_sql, "SELECT " LINE_COLUMNS " FROM ledger"
    " WHERE sale = " THE_NUMBER " AND key = ANY ($3::text[])");
STATEMENT(each_sql, "SELECT " LINE_COLUMNS " FROM ledger"
    " WHERE sale = $1 AND version > $2 AND version <= $3"
    " ORDER BY version LIMIT $4");
STATEMENT(insert_sale_sql,
    "INSERT INTO sale (id, slot, birth, epoch, capacity, remaining, version,"
    " lock, delay_min_ms, delay_max_ms)"
    " SELECT $1, n, $2::bigint, $3::bigint, $4::bigint, $5::bigint, 0, $6,"
    " $7::bigint, $8::bigint"
    " FROM (SELECT 0 AS n UNION ALL SELECT slot + 1 FROM sale) AS free"
    " WHERE n NOT IN (SELECT slot FROM sale) AND n < $9::bigint"
    " ORDER BY n LIMIT 1 RETURNING " SALE_COLUMNS);
STATEMENT(set_state_sql,
    "UPDATE sale SET version = $1, remaining = $2, capacity = $3, epoch = $4,"
    " lock = $5, delay_min_ms = $6, delay_max_ms = $7, highest = $8"
    " WHERE number = $9");
STATEMENT(note_gone_sql,
    "INSERT INTO gone (number, version) VALUES ($1, $2)");
STATEMENT(delete_sale_sql, "DELETE FROM sale WHERE number = $1");
STATEMENT(read_gone_sql, "SELECT number, version FROM gone LIMIT 1");
STATEMENT(delete_lines_sql, "DELETE FROM ledger"
    " WHERE sale = $1 AND version > $2 AND version <= $3");
STATEMENT(shrink_gone_sql,
    "UPDATE gone SET version = $2 WHERE number = $1 AND version > $2");
STATEMENT(forget_gone_sql, "DELETE FROM gone WHERE number = $1");
/* clang-format on */

/* A row of LINE_COLUMNS; its texts are the result's. */
static struct store_line
line_of_row(const PGresult *result, int row)
{
	struct store_line line = {
	    .version = postgres_number(result, row, 0),
	    .kind = (enum store_kind)postgres_number(result, row, 1),
	    .base = postgres_number(result, row, 2),
	    .nth = (unsigned)postgres_number(result, row, 3),
	    .seat = postgres_number(result, row, 4),
	    .quantity = postgres_number(result, row, 5),
	    .remaining = postgres_number(result, row, 6),
	    .capacity = postgres_number(result, row, 7),
	    .buyer = PQgetvalue(result, row, 9),
	    .key = PQgetisnull(result, row, 10) ? NULL
						: PQgetvalue(result, row, 10),
	    .lock = PQgetvalue(result, row, 11),
	    .host = (unsigned)postgres_number(result, row, 12),
	    .worker = (unsigned)postgres_number(result, row, 13),
	    .clerk = (unsigned)postgres_number(result, row, 14),
	    .sold_at_ms = postgres_number(result, row, 15),
	    .trail = PQgetvalue(result, row, 16),
	};

	snprintf(
	    line.order, STORE_ORDER_SIZE, "%s", PQgetvalue(result, row, 8));
	return line;
}

/* The sale in the last run's only row, if there is one. */
static enum store_result
take_state(struct store_user *user, struct session_run *runs, size_t count,
    struct store_state *state)
{
	const PGresult *result = runs[count - 1].result;
	const bool found = PQntuples(result) == 1;

	if (found)
		postgres_own(user)->number = postgres_state(result, 0, state);
	session_clear(runs, count);
	return found ? STORE_OK : STORE_GONE;
}

/* ----------------------------------------------------------------- reads -- */

static enum store_result
postgres_read_sale(
    struct store_user *user, const char *id, struct store_state *state)
{
	struct postgres_own *own = postgres_own(user);
	struct session_run run = {.statement = &read_sql};
	struct values values = {.run = &run};
	enum store_result result;

	if (own->has_seen && strcmp(own->seen.settings.id, id) == 0) {
		own->has_seen = false;
		*state = own->seen;
		return STORE_OK;
	}
	values_text(&values, id);
	result = postgres_read(user, &run, 1);
	return result == STORE_OK ? take_state(user, &run, 1, state) : result;
}

static enum store_result
postgres_list(struct store_user *user, store_sale_fn *visit, void *arg)
{
	struct session_run run = {.statement = &list_sql};
	struct store_state state;
	enum store_result result;
	bool more = true;
	int row;

	result = postgres_read(user, &run, 1);
	for (row = 0; result == STORE_OK && more && row < PQntuples(run.result);
	     row++) {
		postgres_state(run.result, row, &state);
		more = visit(&state, arg);
	}
	session_clear(&run, 1);
	return result;
}

static enum store_result
postgres_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	struct session_run run = {
	    .statement = by == STORE_BY_KEY ? &find_key_sql : &find_order_sql};
	struct values values = {.run = &run};
	enum store_result result;
	struct store_line line;

	values_text(&values, state->settings.id);
	values_number(&values, (int64_t)state->birth);
	values_text(&values, value);
	result = postgres_read(user, &run, 1);
	if (result != STORE_OK)
		return result;
	if (PQntuples(run.result) > 0) {
		line = line_of_row(run.result, 0);
		visit(&line, arg);
	} else {
		result = STORE_GONE;
	}
	session_clear(&run, 1);
	return result;
}

/* In one round trip. */
static enum store_result
postgres_find_keys(struct store_user *user, const struct store_state *state,
    const char *const *keys, size_t count, store_visit_fn *visit, void *arg)
{
	struct session_run run = {.statement = &find_keys_sql};
	struct pack *pack = &postgres_own(user)->pack;
	struct values values = {.run = &run};
	enum store_result result;
	struct store_line line;
	size_t i;
	int row;

	pack_begin(pack);
	pack_texts(pack, count);
	for (i = 0; i < count; i++)
		pack_text(pack, keys[i]);
	if (pack->no_memory)
		return store_no_memory(user);
	values_text(&values, state->settings.id);
	values_number(&values, (int64_t)state->birth);
	values_binary(&values, pack->bytes, pack->used);
	result = postgres_read(user, &run, 1);
	for (row = 0; result == STORE_OK && row < PQntuples(run.result);
	     row++) {
		line = line_of_row(run.result, row);
		visit(&line, arg);
	}
	session_clear(&run, 1);
	return result;
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
	    "line %" PRId64 " of the sale %s is missing in the database",
	    version, state->settings.id);
}

/* The lines after version `*after`, some of them; `*more` becomes false when
 * the visitor has seen enough. */
static enum store_result
visit_page(struct store_user *user, const struct store_state *state,
    int64_t *after, bool *more, store_visit_fn *visit, void *arg)
{
	struct session_run run = {.statement = &each_sql};
	struct values values = {.run = &run};
	enum store_result result;
	bool in_turn = true;
	int row;

	values_number(&values, postgres_own(user)->number);
	values_number(&values, *after);
	values_number(&values, state->version);
	values_number(&values, PAGE_LINES);
	result = postgres_read(user, &run, 1);
	if (result != STORE_OK)
		return result;
	for (row = 0; row < PQntuples(run.result) && *more && in_turn; row++) {
		const struct store_line line = line_of_row(run.result, row);

		in_turn = line.version == *after + 1;
		if (in_turn)
			*more = visit(&line, arg);
		*after += in_turn;
	}
	in_turn &= PQntuples(run.result) > 0;
	session_clear(&run, 1);
	return in_turn ? STORE_OK : fail_gap(user, state, *after + 1);
}

static enum store_result
postgres_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	enum store_result result = store_read_same(user, state);
	bool more = true;

	while (result == STORE_OK && more && after < state->version)
		result = visit_page(user, state, &after, &more, visit, arg);
	return result;
}

/* ----------------------------------------------------------------- turns -- */

/* Begin a transaction in which the sale is read, behind a lock. */
static enum store_result
begin_with(struct store_user *user, const char *id, bool advisory,
    int64_t deadline_ns, struct store_state *state)
{
	struct session_run runs[4] = {{.statement = &begin_sql},
	    {.statement = &values_waiting}, {.statement = &take_advisory_sql},
	    {.statement = &read_sql}};
	struct values wait = {.run = &runs[1]}, take = {.run = &runs[2]},
		      read = {.run = &runs[3]};
	size_t count = 4;
	enum store_result result;
	enum session_end end;

	values_wait(&wait, deadline_ns);
	values_text(&take, id);
	values_text(&read, id);
	if (!advisory) {
		runs[2].statement = &read_row_sql;
		count = 3;
	}
	end = postgres_run(user, runs, count, deadline_ns);
	if (end == SESSION_DONE)
		result = take_state(user, runs, count, state);
	else
		result = postgres_fail(user, end);
	if (result == STORE_OK)
		return result;
	session_roll_back(postgres_own(user)->session, deadline_ns);
	return result == STORE_CONFLICT ? STORE_BUSY : result;
}

static enum store_result
postgres_take_turn(struct store_user *user, const char *id,
    enum store_turn turn, int64_t deadline_ns)
{
	struct postgres_own *own = postgres_own(user);
	enum store_result result;

	if (turn == STORE_TURN_ADVISORY && !postgres_shared(user)->has_advisory)
		return store_fail(
		    user, STORE_FAILED, "this database has no advisory locks");
	result = begin_with(
	    user, id, turn == STORE_TURN_ADVISORY, deadline_ns, &own->seen);
	own->in_turn = own->has_seen = result == STORE_OK;
	return result;
}

static void
postgres_end_turn(struct store_user *user)
{
	struct postgres_own *own = postgres_own(user);

	own->in_turn = own->has_seen = false;
	session_roll_back(own->session, clock_now_ns() + READ_NS);
}

/* ------------------------------------------------- changes, in the latch -- */

static enum store_result
postgres_begin(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	return begin_with(user, state->settings.id, false, deadline_ns, now);
}

static enum store_result
postgres_append(struct store_user *user, const struct store_state *after,
    const struct store_line *lines, size_t count)
{
	const struct store_settings *settings = &after->settings;
	struct postgres_own *own = postgres_own(user);
	struct session_run runs[2] = {{.statement = &set_state_sql}, {0}};
	struct values set = {.run = &runs[0]}, insert = {.run = &runs[1]};
	enum session_end end;

	values_number(&set, after->version);
	values_number(&set, after->remaining);
	values_number(&set, settings->capacity);
	values_number(&set, (int64_t)after->epoch);
	values_text(&set, settings->lock);
	values_number(&set, settings->delay_min_ms);
	values_number(&set, settings->delay_max_ms);
	values_number(&set, after->highest);
	values_number(&set, own->number);
	if (!write_insert(own, &insert, lines, count, own->number))
		return store_no_memory(user);
	end = postgres_run(
	    user, runs, count > 0 ? 2 : 1, clock_now_ns() + READ_NS);
	session_clear(runs, 2);
	return end == SESSION_DONE ? STORE_OK : postgres_fail(user, end);
}

/* Its number is never given out again, so its lines can wait. */
static enum store_result
postgres_remove(struct store_user *user, const struct store_state *now)
{
	const int64_t number = postgres_own(user)->number;
	struct session_run runs[2] = {
	    {.statement = &note_gone_sql}, {.statement = &delete_sale_sql}};
	struct values note = {.run = &runs[0]}, delete = {.run = &runs[1]};
	enum session_end end;

	values_number(&note, number);
	values_number(&note, now->version);
	values_number(&delete, number);
	end = postgres_run(user, runs, 2, clock_now_ns() + READ_NS);
	session_clear(runs, 2);
	return end == SESSION_DONE ? STORE_OK : postgres_fail(user, end);
}

static enum store_result
postgres_end(struct store_user *user, const struct store_state *state,
    enum store_result result)
{
	struct session *session = postgres_own(user)->session;
	struct session_run run = {.statement = &postgres_commit};
	const int64_t deadline_ns = clock_now_ns() + READ_NS;
	enum session_end end;

	(void)state;
	if (result != STORE_OK) {
		session_roll_back(session, deadline_ns);
		return result;
	}
	if (!session_in_transaction(session)) /* it is gone, and undone */
		return postgres_fail(user, SESSION_LOST);
	end = postgres_run(user, &run, 1, deadline_ns);
	session_clear(&run, 1);
	switch (end) {
	case SESSION_DONE:
		return STORE_OK;
	case SESSION_UNSYNCED:
	case SESSION_LOST:
		return postgres_doubt(user);
	default:
		session_roll_back(session, deadline_ns);
		return postgres_fail(user, end);
	}
}

/* Two hosts may choose the same slot: the second one's turn is refused. */
static enum store_result
postgres_create(
    struct store_user *user, struct store_state *state, int64_t deadline_ns)
{
	const struct store_settings *settings = &state->settings;
	struct session *session = postgres_own(user)->session;
	struct session_run run = {.statement = &insert_sale_sql};
	struct values values = {.run = &run};
	enum store_result result;
	enum session_end end;

	values_text(&values, settings->id);
	values_number(&values, (int64_t)state->birth);
	values_number(&values, (int64_t)state->epoch);
	values_number(&values, settings->capacity);
	values_number(&values, state->remaining);
	values_text(&values, settings->lock);
	values_number(&values, settings->delay_min_ms);
	values_number(&values, settings->delay_max_ms);
	values_number(&values, STORE_SALES_MAX);
	do
		end = postgres_run(user, &run, 1, deadline_ns);
	while (end == SESSION_REFUSED &&
	       strcmp(session_constraint(session), "sale_slot_key") == 0 &&
	       clock_now_ns() < deadline_ns);
	if (end == SESSION_DONE) {
		result = take_state(user, &run, 1, state);
		return result == STORE_GONE ? store_no_slot(user) : result;
	}
	session_clear(&run, 1);
	if (end == SESSION_LOST || end == SESSION_UNSYNCED)
		return postgres_doubt(user);
	result = postgres_fail(user, end);
	return result == STORE_CONFLICT ? STORE_BUSY : result;
}

/* ------------------------------------------------------------------ tidy -- */

/* The last lines of a sale that is gone, and at last itself. */
static void
delete_slice(struct store_user *user, int64_t number, int64_t version)
{
	const int64_t left = version > SLICE_LINES ? version - SLICE_LINES : 0;
	struct session_run runs[2] = {{.statement = &delete_lines_sql},
	    {.statement = left > 0 ? &shrink_gone_sql : &forget_gone_sql}};
	struct values lines = {.run = &runs[0]}, gone = {.run = &runs[1]};

	values_number(&lines, number);
	values_number(&lines, left);
	values_number(&lines, version);
	values_number(&gone, number);
	if (left > 0)
		values_number(&gone, left);
	postgres_run(user, runs, 2, clock_now_ns() + READ_NS);
	session_clear(runs, 2);
}

/* A slice; if there is none, this is how an idle host sees that the database
 * is there, and that it is there again. */
static void
postgres_tidy(struct store_user *user)
{
	struct postgres_own *own = postgres_own(user);
	struct session_run run = {.statement = &read_gone_sql};
	const int64_t now_ns = clock_now_ns();

	if (now_ns < own->tidy_ns)
		return;
	own->tidy_ns = now_ns + PING_NS;
	if (postgres_read(user, &run, 1) != STORE_OK)
		return;
	if (PQntuples(run.result) > 0) {
		own->tidy_ns = 0;
		delete_slice(user, postgres_number(run.result, 0, 0),
		    postgres_number(run.result, 0, 1));
	}
	session_clear(&run, 1);
}

/* ------------------------------------------------------------ open, close --
 */

static void
postgres_close(struct store_user *user)
{
	struct postgres_own *own = postgres_own(user);

	session_free(own->session);
	pack_free(&own->pack);
	free(own);
}

/* The connection is made when it is needed: the database may be down now. */
static int
postgres_open(struct store_user *user)
{
	struct postgres_own *own = calloc(1, sizeof(*own));

	if (own != NULL)
		own->session = session_new(user->store->database);
	if (own != NULL && own->session != NULL) {
		user->own = own;
		return 0;
	}
	free(own);
	store_no_memory(user);
	return -1;
}

const struct store_impl store_postgres = {
    .name = "postgres",
    .shared_size = sizeof(struct postgres_shared),
    .many_hosts = true,
    .turns = STORE_TURN_BIT(STORE_TURN_ROW) |
	     STORE_TURN_BIT(STORE_TURN_ADVISORY) |
	     STORE_TURN_BIT(STORE_TURN_ATOMIC),
    .share = store_share_nothing,
    .unshare = store_unshare_nothing,
    .prepare = schema_prepare,
    .open = postgres_open,
    .close = postgres_close,
    .read = postgres_read_sale,
    .list = postgres_list,
    .tidy = postgres_tidy,
    .find = postgres_find,
    .find_keys = postgres_find_keys,
    .each = postgres_each,
    .copy = store_copy_walking,
    .create = postgres_create,
    .put = write_put,
    .take_turn = postgres_take_turn,
    .end_turn = postgres_end_turn,
    .begin = postgres_begin,
    .append = postgres_append,
    .remove = postgres_remove,
    .end = postgres_end,
};
