/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only a database does: turns, decisions in a statement, answers that
 * never come, and starts that it refuses.
 */
#include "tests/unit/vault.h"

#include <errno.h>
#include <sys/socket.h>

#include "tests/unit/database.h"

/* ----------------------------------------------------------------- turns -- */

static struct store_user *
open_another(struct vault *f)
{
	char error[ERROR_SIZE];
	struct store_user *user = store_open(f->store, error, sizeof(error));

	assert_non_null(user);
	return user;
}

static const enum store_turn turns[] = {STORE_TURN_ROW, STORE_TURN_ADVISORY};

/* One at a time; a write ends it, and so does the end of it. */
static void
test_turns(void **state)
{
	struct vault *f = *state;
	struct store_user *other = open_another(f);
	struct store_state a = create(f, SALE);
	size_t i;

	for (i = 0; i < 2; i++) {
		ok(store_take_turn(f->user, SALE, turns[i], soon()));
		assert_int_equal(
		    store_take_turn(other, SALE, turns[i], in_ms(50)),
		    STORE_BUSY);
		a = read_sale(f, SALE);
		ok(put_for(f->user, &a, "alice"));
		ok(store_take_turn(other, SALE, turns[i], soon()));
		assert_int_equal(
		    store_take_turn(f->user, SALE, turns[i], in_ms(50)),
		    STORE_BUSY);
		store_end_turn(other);
		ok(store_take_turn(f->user, SALE, turns[i], soon()));
		store_end_turn(f->user);
	}
	assert_int_equal(
	    store_take_turn(f->user, "none", STORE_TURN_ROW, soon()),
	    STORE_GONE);
	ok(store_take_turn(other, SALE, STORE_TURN_ROW, soon()));
	store_end_turn(other);
	store_close(other);
	assert_true(tally(f->user, SALE).in_turn);
}

/* What a turn has read is what its write is decided on; nobody came between. */
static void
test_turn_reads(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	size_t i;

	for (i = 0; i < 2; i++) {
		ok(buy(f->user, SALE, "alice"));
		ok(store_take_turn(f->user, SALE, turns[i], soon()));
		a = read_sale(f, SALE);
		assert_int_equal(a.version, 2 * (int64_t)i + 1);
		ok(put_for(f->user, &a, "bob"));
		a = read_sale(f, SALE);
		assert_int_equal(a.version, 2 * (int64_t)i + 2);
	}
}

/* A holder whose connection is ended has lost its turn, and cannot write. */
static void
test_lost_turn(void **state)
{
	struct vault *f = *state;
	struct store_user *other = open_another(f);
	struct store_state a = create(f, SALE), now;
	size_t i;

	for (i = 0; i < 2; i++) {
		enum store_result result;

		ok(store_take_turn(f->user, SALE, turns[i], soon()));
		a = read_sale(f, SALE);
		database_end_sessions(f->dir);
		ok(buy(other, SALE, "bob"));
		result = put_for(f->user, &a, "alice");
		assert_true(result == STORE_CONFLICT || result == STORE_MOVED);
		now = read_sale(f, SALE);
		assert_int_equal(now.version, a.version + 1);
	}
	assert_true(tally(f->user, SALE).in_turn);
	store_close(other);
}

/* Nor can one who has found that out by a look, and is connected again. */
static void
test_lost_turn_was_noticed(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE), now;

	ok(store_take_turn(f->user, SALE, STORE_TURN_ROW, soon()));
	a = read_sale(f, SALE);
	database_end_sessions(f->dir);
	assert_int_not_equal(store_read(f->user, SALE, &now), STORE_OK);
	assert_int_equal(put_for(f->user, &a, "alice"), STORE_CONFLICT);
	assert_int_equal(read_sale(f, SALE).version, 0);
	ok(buy(f->user, SALE, "alice"));
}

/* -------------------------------------------------------------- decisions --
 */

static struct store_line
wish(const struct store_state *state, int64_t quantity)
{
	struct store_line line = sold(state, "alice");

	line.quantity = quantity;
	line.seat = line.remaining = line.capacity =
	    -1; /* the store's to say */
	return line;
}

/* Whatever was read: seats go from what remains. */
static void
test_take(void **state)
{
	struct vault *f = *state;
	const struct store_settings s = settings(SALE, 10);
	struct store_state old, now;
	struct store_line lines[2];
	struct seen seen = {0};

	ok(store_create(f->user, &s, soon(), &old));
	ok(buy(f->user, SALE, "bob"));
	lines[0] = wish(&old, 3);
	lines[1] = wish(&old, 2);
	ok(store_take(f->user, &old, lines, 2, soon()));
	assert_int_equal(lines[0].seat, 2);
	assert_int_equal(lines[0].remaining, 6);
	assert_int_equal(lines[1].seat, 5);
	assert_int_equal(lines[1].remaining, 4);
	assert_int_equal(lines[1].capacity, 10);
	assert_int_equal(lines[1].base, 1);
	assert_int_equal(lines[1].version, 3);
	now = read_sale(f, SALE);
	assert_int_equal(now.remaining, 4);
	assert_int_equal(now.highest, 6);
	walk(f, &now, 1, &seen);
	assert_int_equal(seen.count, 2);
	assert_same_line(&seen.kept[0].line, &lines[0]);
	assert_same_line(&seen.kept[1].line, &lines[1]);
	lines[0] = wish(&old, 5);
	assert_int_equal(
	    store_take(f->user, &old, lines, 1, soon()), STORE_CONFLICT);
	lines[0] = wish(&old, 4);
	lines[0].key = "k";
	ok(store_take(f->user, &old, lines, 1, soon()));
	assert_int_equal(read_sale(f, SALE).remaining, 0);
	assert_int_equal(
	    store_take(f->user, &old, lines, 1, soon()), STORE_CONFLICT);
	assert_true(tally(f->user, SALE).whole);
}

static void
test_take_refused(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE), now = a;
	const struct store_change change = change_of(&a);
	struct store_line line = wish(&a, 1);

	line.key = "k";
	ok(store_take(f->user, &a, &line, 1, soon()));
	line = wish(&a, 1);
	line.key = "k";
	assert_int_equal(
	    store_take(f->user, &a, &line, 1, soon()), STORE_DUPLICATE);
	now = read_sale(f, SALE);
	ok(store_configure(f->user, &now, &change, soon()));
	line = wish(&a, 1);
	assert_int_equal(
	    store_take(f->user, &a, &line, 1, soon()), STORE_MOVED);
	ok(store_remove(f->user, &now, soon()));
	assert_int_equal(store_take(f->user, &a, &line, 1, soon()), STORE_GONE);
}

/* ---------------------------------------------------------------- answers --
 */

/* Every session ended while nobody asked: nobody notices. */
static void
test_sessions_end(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	database_end_sessions(f->dir);
	assert_int_equal(read_sale(f, SALE).version, 1);
	database_end_sessions(f->dir);
	ok(put_for(f->user, &a, "bob"));
	database_end_sessions(f->dir);
	assert_int_equal(times_listed(f, SALE), 1);
	assert_true(tally(f->user, SALE).whole);
	assert_true(read_sale(f, SALE).epoch == a.epoch);
}

/* It was done: its buyer is told so, with the version that it got. */
static void
test_lost_answer(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);
	struct store_line line = sold(&a, "bob");
	struct store_state now;

	arm(RECEIVE, FAIL, ECONNRESET, 0);
	ok(put(f->user, &a, &line));
	assert_false(disarm(RECEIVE));
	assert_int_equal(line.version, 2);
	now = read_sale(f, SALE);
	assert_int_equal(now.version, 2);
	assert_true(now.epoch != a.epoch);
	line = wish(&now, 2);
	arm(RECEIVE, FAIL, ECONNRESET, 0);
	ok(store_take(f->user, &now, &line, 1, soon()));
	assert_int_equal(line.seat, 3);
	assert_int_equal(line.version, 3);
	assert_true(tally(f->user, SALE).whole);
}

/* It was not, and never will be: it is decided anew. */
static void
test_lost_request(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(SEND, FAIL, ECONNRESET, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_MOVED);
	assert_false(disarm(SEND));
	assert_int_equal(read_sale(f, SALE).version, 1);
	ok(buy(f->user, SALE, "bob"));
	assert_true(tally(f->user, SALE).whole);
}

/*
 * It is on its way for so long that nobody waits for it any more.  When it
 * comes it is refused, as whoever settled it has seen to.
 */
static void
test_late_request(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(SEND, HOLD, 0, 0);
	arm(RECEIVE, FAIL, ECONNRESET, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_MOVED);
	disk_deliver();
	assert_int_equal(read_sale(f, SALE).version, 1);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	ok(buy(f->user, SALE, "bob"));
	assert_true(tally(f->user, SALE).whole);
}

/* ----------------------------------------------------------------- starts --
 */

static void
test_hosts(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct store_line line = sold(&a, "alice");

	ok(put(f->user, &a, &line));
	assert_int_equal(line.host, 1);
	restart(f);
	a = read_sale(f, SALE);
	ok(put(f->user, &a, &line));
	assert_int_equal(line.host, 1);
}

static void
test_other_format(void **state)
{
	struct vault *f = *state;

	database_execute(f->dir, "UPDATE turnstile SET format = 7");
	assert_refused(f, "format 7");
	database_execute(f->dir, "UPDATE turnstile SET format = 1");
	stop(f);
	start(f);
}

static void
test_other_tables(void **state)
{
	struct vault *f = *state;

	database_execute(f->dir, "DROP TABLE turnstile");
	assert_refused(f, "not turnstile's");
	database_execute(f->dir, "DROP TABLE sale, ledger, gone, host");
	stop(f);
	start(f);
	create(f, SALE);
}

static void
assert_refused_at(struct vault *f, const char *database, const char *word)
{
	stop(f);
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	store_set_database(f->store, database);
	assert_false(prepare(f));
	if (strstr(f->said, word) == NULL || strchr(f->said, '\n') != NULL)
		fail_msg("not one line with \"%s\": %s", word, f->said);
	stop(f);
	start(f);
}

static void
test_wrong_databases(void **state)
{
	struct vault *f = *state;
	const char *database = getenv("TEST_DATABASE");
	char text[1024];

	assert_refused_at(f, NULL, "--database");
	assert_refused_at(f, "hots=nowhere", "hots");
	assert_refused_at(f, "host=/nowhere", "/nowhere");
	snprintf(text, sizeof(text), "%s dbname=missing", database);
	assert_refused_at(f, text, "missing");
	snprintf(text, sizeof(text), "%s user=nobody", database);
	assert_refused_at(f, text, "nobody");
	snprintf(text, sizeof(text), "%s options='-c search_path=nowhere'",
	    database);
	assert_refused_at(f, text, "search_path");
	snprintf(text, sizeof(text),
	    "%s options='-c default_transaction_read_only=on'", database);
	assert_refused_at(f, text, "read-only");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest decisions[] = {
	    VAULT_TEST(test_take),
	    VAULT_TEST(test_take_refused),
	};
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_turns),
	    VAULT_TEST(test_turn_reads),
	    VAULT_TEST(test_lost_turn),
	    VAULT_TEST(test_lost_turn_was_noticed),
	    VAULT_TEST(test_sessions_end),
	    VAULT_TEST(test_lost_answer),
	    VAULT_TEST(test_lost_request),
	    VAULT_TEST(test_late_request),
	    VAULT_TEST(test_hosts),
	    VAULT_TEST(test_other_format),
	    VAULT_TEST(test_other_tables),
	    VAULT_TEST(test_wrong_databases),
	};
	const char *kind;
	int failed = 0;
	size_t i;

	for (i = 0; (kind = store_at(i)) != NULL; i++)
		if (store_gives(kind, STORE_TURN_ATOMIC))
			failed += vault_run(argc, argv, kind, decisions,
			    sizeof(decisions) / sizeof(decisions[0]));
	return failed + vault_run(argc, argv, "postgres", tests,
			    sizeof(tests) / sizeof(tests[0]));
}
