/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The write: one statement.  Its UPDATE waits for the row's lock, which is the
 * latch, and finds no row if what the lines were decided on does not hold any
 * more; the INSERT numbers the lines behind the version that it found.  Of the
 * shapes that were measured this one, with an array for each column, wrote
 * most lines a second under eight connections: 1.8 times a pipeline's, twice
 * COPY's, 6.8 times what a round trip for each line does.
 */
#include "storage/postgres/write.h"

#include <stdlib.h>

#include "locks/clock.h"

/* clang-format off */
#define COLUMNS "sale, version, nth, base, kind, seat, quantity, remaining," \
	" capacity, order_id, buyer, key, lock, host, worker, clerk," \
	" sold_at_ms, trail"

/* The lines, as arrays that begin with $n; each has its number, nth. */
#define LINES(a, b, c, d, e, f, g, h, i, j, k, l, m) \
	" unnest($" #a "::bigint[], $" #b "::bigint[], $" #c "::bigint[]," \
	" $" #d "::bigint[], $" #e "::bigint[], $" #f "::text[]," \
	" $" #g "::text[], $" #h "::text[], $" #i "::text[]," \
	" $" #j "::bigint[], $" #k "::bigint[], $" #l "::bigint[]," \
	" $" #m "::text[]) WITH ORDINALITY AS t" \
	" (kind, seat, quantity, remaining, capacity, order_id, buyer, key," \
	" lock, worker, clerk, sold_at_ms, trail, nth)"

/* $1 number, $2 version before, $3 base, $4 host, $5 … lines */
static const struct session_statement insert_sql = {.text =
	"INSERT INTO ledger (" COLUMNS ")"
	" SELECT $1::bigint, $2::bigint + nth, nth, $3::bigint, kind, seat,"
	" quantity, remaining, capacity, order_id, buyer, key, lock,"
	" $4::bigint, worker, clerk, sold_at_ms, trail FROM"
	LINES(5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)};

/* $1 id, $2 birth, $3 epoch, $4 base, $5 host, $6 how many lines, $7 the
 * version that it must be or null, $8 remaining, $9 highest, $10 … lines */
static const struct session_statement put_sql = {.text =
	"WITH s AS (UPDATE sale SET version = version + $6::bigint,"
	"  remaining = $8::bigint, highest = greatest(highest, $9::bigint)"
	"  WHERE id = $1 AND birth = $2::bigint AND epoch = $3::bigint"
	"  AND ($7::bigint IS NULL OR version = $7::bigint)"
	"  RETURNING number, version - $6::bigint AS last),"
	" i AS (INSERT INTO ledger (" COLUMNS ")"
	"  SELECT s.number, s.last + nth, nth, $4::bigint, kind, seat,"
	"  quantity, t.remaining, capacity, order_id, buyer, key, lock,"
	"  $5::bigint, worker, clerk, sold_at_ms, trail FROM s,"
	LINES(10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22) ")"
	" SELECT last FROM s"};

/*
 * The decision is in the WHERE: enough remain.  The seats follow from what
 * was there when the row was locked, and that version is the base.  $1 id,
 * $2 birth, $3 epoch, $4 host, $5 how many lines, $6 how many seats, $7 …
 * lines, of which seat, remaining and capacity are not looked at.
 */
static const struct session_statement take_sql = {.text =
	"WITH s AS (UPDATE sale SET version = version + $5::bigint,"
	"  remaining = remaining - $6::bigint,"
	"  highest = greatest(highest, capacity - remaining + $6::bigint)"
	"  WHERE id = $1 AND birth = $2::bigint AND epoch = $3::bigint"
	"  AND remaining >= $6::bigint"
	"  RETURNING number, version - $5::bigint AS last,"
	"  remaining + $6::bigint AS had, capacity AS all_of_it),"
	" i AS (INSERT INTO ledger (" COLUMNS ")"
	"  SELECT s.number, s.last + nth, nth, s.last, kind,"
	"  all_of_it - had + 1 + sum(quantity) OVER (ORDER BY nth) - quantity,"
	"  quantity, had - sum(quantity) OVER (ORDER BY nth), all_of_it,"
	"  order_id, buyer, key, lock, $4::bigint, worker, clerk, sold_at_ms,"
	"  trail FROM s,"
	LINES(7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19) ")"
	" SELECT last, had, all_of_it FROM s"};

static const struct session_statement look_sql = {.text =
	"SELECT birth, epoch FROM sale WHERE id = $1"};
static const struct session_statement fence_sql = {.text =
	"UPDATE sale SET epoch = $3::bigint WHERE id = $1"
	" AND birth = $2::bigint"};
static const struct session_statement first_sql = {.text =
	"SELECT version - 1, remaining + quantity, capacity FROM ledger"
	" WHERE order_id = $3 AND sale = " THE_NUMBER};
/* clang-format on */

/* ---------------------------------------------------------- the arrays -- */

enum { ARRAYS = 13 };

/* Where each begins in own->pack.  False: no memory. */
static bool
pack_lines(struct pack *pack, const struct store_line *lines, size_t count,
    size_t at[ARRAYS + 1])
{
	size_t n = 0, i;

	pack_begin(pack);
#define NUMBERS(member)                                                        \
	at[n++] = pack_numbers(pack, count);                                   \
	for (i = 0; i < count; i++)                                            \
	pack_number(pack, lines[i].member)
#define TEXTS(member)                                                          \
	at[n++] = pack_texts(pack, count);                                     \
	for (i = 0; i < count; i++)                                            \
	pack_text(pack, lines[i].member)
	NUMBERS(kind);
	NUMBERS(seat);
	NUMBERS(quantity);
	NUMBERS(remaining);
	NUMBERS(capacity);
	TEXTS(order);
	TEXTS(buyer);
	TEXTS(key);
	TEXTS(lock);
	NUMBERS(worker);
	NUMBERS(clerk);
	NUMBERS(sold_at_ms);
	TEXTS(trail);
#undef NUMBERS
#undef TEXTS
	at[n] = pack->used;
	return !pack->no_memory;
}

static bool
values_lines(struct values *values, struct pack *pack,
    const struct store_line *lines, size_t count)
{
	size_t at[ARRAYS + 1], i;

	if (!pack_lines(pack, lines, count, at))
		return false;
	for (i = 0; i < ARRAYS; i++)
		values_binary(values, pack->bytes + at[i], at[i + 1] - at[i]);
	return true;
}

bool
write_insert(struct postgres_own *own, struct values *values,
    const struct store_line *lines, size_t count, int64_t number)
{
	values->run->statement = &insert_sql;
	values_number(values, number);
	values_number(values, count == 0 ? 0 : lines[0].version - 1);
	values_number(values, count == 0 ? 0 : lines[0].base);
	values_number(values, 0);
	return values_lines(values, &own->pack, lines, count);
}

/* ------------------------------------------------------------ the write -- */

/* How long the server's own wait for the row may take (lock_timeout in
 * session.c): who gave up before would not know how it ended. */
#define WAIT_NS (1200 * NS_PER_MS)
#define SETTLE_NS (2 * NS_PER_SEC) /* for it, also behind the deadline */

struct write {
	struct store_user *user;
	const struct store_state *state;
	struct store_line *lines;
	size_t count;
	enum store_check check;
	bool *overwrote;
};

static int64_t
last_seat(const struct write *w)
{
	int64_t last = 0;
	size_t i;

	for (i = 0; i < w->count; i++)
		if (w->lines[i].seat + w->lines[i].quantity - 1 > last)
			last = w->lines[i].seat + w->lines[i].quantity - 1;
	return last;
}

/* False: no memory. */
static bool
bind_write(const struct write *w, struct values *values)
{
	const struct store_state *state = w->state;

	values_text(values, state->settings.id);
	values_number(values, (int64_t)state->birth);
	values_number(values, (int64_t)state->epoch);
	if (w->check != STORE_DECIDED)
		values_number(values, state->version);
	values_number(values, postgres_shared(w->user)->host);
	values_number(values, (int64_t)w->count);
	if (w->check == STORE_DECIDED) {
		values_number(values, store_count_seats(w->lines, w->count));
	} else {
		if (w->check == STORE_CHECKED)
			values_number(values, state->version);
		else
			values_text(values, NULL);
		values_number(values, w->lines[w->count - 1].remaining);
		values_number(values, last_seat(w));
	}
	return values_lines(
	    values, &postgres_own(w->user)->pack, w->lines, w->count);
}

/*
 * The lines are in the ledger, behind the version in the first column; where
 * the store decided, the others say what was there then: seats follow.
 */
static void
complete(const struct write *w, const PGresult *result)
{
	const bool decided = w->check == STORE_DECIDED;
	const int64_t last = postgres_number(result, 0, 0);
	size_t i;

	store_number(
	    w->lines, w->count, decided ? last : w->state->version, last);
	for (i = 0; i < w->count; i++)
		w->lines[i].host = postgres_shared(w->user)->host;
	if (decided)
		store_seat(w->lines, w->count, postgres_number(result, 0, 1),
		    postgres_number(result, 0, 2));
	*w->overwrote = !decided && last != w->state->version;
}

/* There was no such row, so nothing was written: why? */
static enum store_result
why_not(const struct write *w)
{
	struct session_run run = {.statement = &look_sql};
	struct values values = {.run = &run};
	enum store_result result;

	values_text(&values, w->state->settings.id);
	result = postgres_read(w->user, &run, 1);
	if (result != STORE_OK)
		return result;
	if (PQntuples(run.result) == 0 ||
	    postgres_number(run.result, 0, 0) != (int64_t)w->state->birth)
		result = STORE_GONE;
	else if (postgres_number(run.result, 0, 1) != (int64_t)w->state->epoch)
		result = STORE_MOVED;
	else
		result = STORE_CONFLICT;
	session_clear(&run, 1);
	return result;
}

/* Each is a transaction: the second sees what the first one waited for. */
static bool
settle_once(const struct write *w, struct session_run runs[2])
{
	const int64_t until_ns = clock_now_ns() + WAIT_NS;

	if (postgres_run(w->user, &runs[0], 1, until_ns) == SESSION_DONE &&
	    postgres_run(w->user, &runs[1], 1, until_ns) == SESSION_DONE)
		return true;
	session_clear(runs, 2);
	return false;
}

/*
 * Nobody knows whether the write is done.  With another epoch it cannot be
 * done any more, if it is not: this waits for one that is under way, and one
 * that comes late is refused.  So its first line is there now, or never.
 */
static enum store_result
settle(const struct write *w, int64_t deadline_ns)
{
	struct session_run runs[2] = {
	    {.statement = &fence_sql}, {.statement = &first_sql}};
	struct values fence = {.run = &runs[0]}, first = {.run = &runs[1]};
	enum store_result result = STORE_MOVED;

	values_text(&fence, w->state->settings.id);
	values_number(&fence, (int64_t)w->state->birth);
	values_number(&fence, (int64_t)store_random());
	values_text(&first, w->state->settings.id);
	values_number(&first, (int64_t)w->state->birth);
	values_text(&first, w->lines[0].order);
	while (!settle_once(w, runs)) {
		if (clock_now_ns() > deadline_ns)
			return postgres_doubt(w->user);
		clock_sleep_until(clock_now_ns() + 10 * NS_PER_MS);
	}
	if (PQntuples(runs[1].result) > 0) {
		complete(w, runs[1].result);
		result = STORE_OK;
	}
	session_clear(runs, 2);
	return result;
}

static enum store_result
end_write(const struct write *w, const struct session_run *run,
    enum session_end end, int64_t deadline_ns)
{
	const int64_t least_ns = clock_now_ns() + SETTLE_NS;

	switch (end) {
	case SESSION_DONE:
		if (PQntuples(run->result) == 0)
			return why_not(w);
		complete(w, run->result);
		return STORE_OK;
	case SESSION_UNSYNCED: /* it is there, but may not last */
		return postgres_doubt(w->user);
	case SESSION_LOST:
		return settle(
		    w, deadline_ns > least_ns ? deadline_ns : least_ns);
	default:
		return postgres_fail(w->user, end);
	}
}

/*
 * In a turn's transaction, which ends with it, or in one of its own; there it
 * waits for the row until the deadline, but no longer than a session does.
 */
enum store_result
write_put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, enum store_check check,
    int64_t deadline_ns, bool *overwrote)
{
	const struct write w = {.user = user,
	    .state = state,
	    .lines = lines,
	    .count = count,
	    .check = check,
	    .overwrote = overwrote};
	struct postgres_own *own = postgres_own(user);
	struct session_run runs[3] = {{.statement = &values_waiting},
	    {.statement = check == STORE_DECIDED ? &take_sql : &put_sql},
	    {.statement = &postgres_commit}};
	struct values wait = {.run = &runs[0]}, values = {.run = &runs[1]};
	const bool in_turn = own->in_turn;
	const size_t first = in_turn || deadline_ns > clock_now_ns() + WAIT_NS;
	enum store_result result;
	enum session_end end;

	own->in_turn = own->has_seen = false;
	if (in_turn && !session_in_transaction(own->session))
		return STORE_CONFLICT; /* the turn was lost, and undone */
	if (!bind_write(&w, &values))
		return store_no_memory(user);
	values_wait(&wait, deadline_ns);
	end = postgres_run(user, runs + first, (in_turn ? 3 : 2) - first,
	    clock_now_ns() + WAIT_NS);
	result = end_write(&w, &runs[1], end, deadline_ns);
	session_clear(runs, 3);
	session_roll_back(own->session, clock_now_ns() + READ_NS);
	return result;
}
