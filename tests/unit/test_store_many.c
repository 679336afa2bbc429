/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many processes at one store: they write at once, look at each other,
 * and die holding the latch.
 */
#include "tests/unit/vault.h"

#include <pthread.h>

/* -------------------------------------------------------- many processes -- */

#define PROCESSES 4
#define THREADS 3
#define PUTS 17
#define ALL_PUTS (PROCESSES * THREADS * PUTS)

/* A buyer's read and write, once; what sell() does without its lock. */
typedef enum store_result attempt_fn(struct store_user *user,
    const struct store_state *state, struct store_line *line);

struct writer {
	struct vault *f;
	attempt_fn *attempt;
	pthread_t thread;
};

static bool
note_version(const struct store_line *line, void *arg)
{
	*(int64_t *)arg = line->version;
	return true;
}

/* One purchase; its line must be found as it was acknowledged. */
static void
write_line(struct store_user *user, attempt_fn *attempt)
{
	struct store_state state;
	struct store_line line;
	enum store_result result;
	int64_t version = 0;

	do {
		CHECK(store_read(user, SALE, &state) == STORE_OK);
		line = sold(&state, "child");
		line.key = line.order;
		result = attempt(user, &state, &line);
	} while (result == STORE_CONFLICT);
	CHECK(result == STORE_OK);
	CHECK(store_find(user, &state, STORE_BY_ORDER, line.order, note_version,
		  &version) == STORE_OK);
	CHECK(version == line.version);
	CHECK(attempt(user, &state, &line) != STORE_OK);
}

static void *
write_lines(void *arg)
{
	struct writer *writer = arg;
	char error[ERROR_SIZE];
	struct store_user *user;
	int i;

	user = store_open(writer->f->store, error, sizeof(error));
	CHECK(user != NULL);
	for (i = 0; i < PUTS; i++)
		write_line(user, writer->attempt);
	store_close(user);
	return NULL;
}

static void
child_writes(struct vault *f, void *arg)
{
	struct writer writers[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		writers[i].f = f;
		writers[i].attempt = *(attempt_fn **)arg;
		CHECK(pthread_create(&writers[i].thread, NULL, write_lines,
			  &writers[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(writers[i].thread, NULL);
}

/* Whoever looks meanwhile sees a whole ledger. */
static struct tally
tally_of_writers(struct vault *f, attempt_fn *attempt)
{
	pid_t pid[PROCESSES];
	int i, status;

	create(f, SALE);
	close_user(f);
	for (i = 0; i < PROCESSES; i++)
		pid[i] = spawn(f, child_writes, &attempt);
	open_user(f);
	for (i = 0; i < PROCESSES; i++) {
		while ((status = reap(f, pid[i], WNOHANG)) == -1)
			assert_true(tally(f->user, SALE).whole);
		assert_int_equal(status, 0);
	}
	return tally(f->user, SALE);
}

static void
test_trusting_writers(void **state)
{
	const struct tally t = tally_of_writers(*state, put);

	assert_true(t.whole);
	assert_int_equal(t.lines, ALL_PUTS);
}

static void
test_checked_writers(void **state)
{
	struct vault *f = *state;
	const struct tally t = tally_of_writers(f, put_if);

	assert_true(t.whole);
	assert_true(t.in_turn);
	assert_int_equal(t.lines, ALL_PUTS);
	assert_int_equal(t.last.remaining, CAPACITY - ALL_PUTS);
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, ALL_PUTS);
}

#define TURNS 25

/* Its own sale, and one that all want. */
static void
child_comes_and_goes(struct vault *f, void *arg)
{
	const char *own = arg;
	struct store_state state;
	int i;

	child_opens(f);
	for (i = 0; i < TURNS; i++) {
		CHECK(try_create(f->user, own) == STORE_OK);
		CHECK(buy(f->user, own, "child") == STORE_OK);
		(void)try_create(f->user, SALE);
		if (store_read(f->user, SALE, &state) == STORE_OK)
			(void)store_remove(f->user, &state, soon());
		CHECK(tally(f->user, own).lines == 1);
		CHECK(store_read(f->user, own, &state) == STORE_OK);
		CHECK(store_remove(f->user, &state, soon()) == STORE_OK);
	}
	close_user(f);
}

/* Slots and names are given out again at once. */
static void
test_sales_come_and_go(void **state)
{
	static char own[PROCESSES][8] = {"a", "b", "c", "d"};
	struct vault *f = *state;
	pid_t pid[PROCESSES];
	struct store_state left;
	int i;

	close_user(f);
	for (i = 0; i < PROCESSES; i++)
		pid[i] = spawn(f, child_comes_and_goes, own[i]);
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(reap(f, pid[i], 0), 0);
	open_user(f);
	if (store_read(f->user, SALE, &left) == STORE_GONE)
		left = create(f, SALE);
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(times_listed(f, own[i]), 0);
	assert_int_equal(times_listed(f, SALE), 1);
	assert_in_range(left.slot, 0, PROCESSES);
	restart(f);
	assert_int_equal(times_listed(f, SALE), 1);
	assert_true(tally(f->user, SALE).whole);
}

#define QUICK_PUTS 5000

/* As fast as it can, so that others look while a write is published. */
static void
child_hurries(struct vault *f, void *arg)
{
	int i;

	(void)arg;
	child_opens(f);
	arm(SYNC, ALWAYS_SKIP, 0, 0);
	for (i = 0; i < QUICK_PUTS; i++)
		CHECK(buy(f->user, SALE, "child") == STORE_OK);
	disarm(SYNC);
	close_user(f);
}

/* What is read is one moment, not half of it the next. */
static void
test_reads_are_whole(void **state)
{
	struct vault *f = *state;
	const struct store_settings s = settings(SALE, QUICK_PUTS);
	struct store_state a;
	int64_t version = 0;
	int status;
	pid_t pid;

	ok(store_create(f->user, &s, soon(), &a));
	close_user(f);
	pid = spawn(f, child_hurries, NULL);
	open_user(f);
	while ((status = reap(f, pid, WNOHANG)) == -1) {
		a = read_sale(f, SALE);
		assert_int_equal(a.remaining, QUICK_PUTS - a.version);
		assert_true(a.version >= version);
		version = a.version;
	}
	assert_int_equal(status, 0);
	assert_int_equal(read_sale(f, SALE).remaining, 0);
}

/* ------------------------------------------------- a holder in its write -- */

static void
assert_all_busy(struct vault *f, struct store_state *a)
{
	struct store_change change = change_of(a);
	struct store_line line = sold(a, "alice");
	const int64_t began = clock_now_ns();
	bool overwrote;

	assert_int_equal(
	    store_put(f->user, a, &line, 1, in_ms(100), &overwrote),
	    STORE_BUSY);
	assert_in_range(clock_now_ns() - began, 100 * NS_PER_MS, NS_PER_SEC);
	assert_int_equal(
	    store_put(f->user, a, &line, 1, 0, &overwrote), STORE_BUSY);
	assert_int_equal(
	    store_put_if(f->user, a, &line, 1, in_ms(10)), STORE_BUSY);
	assert_int_equal(
	    store_configure(f->user, a, &change, in_ms(10)), STORE_BUSY);
	assert_int_equal(store_remove(f->user, a, in_ms(10)), STORE_BUSY);
}

static void
test_held_latch(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE), now;
	struct seen seen = {0};
	pid_t pid;

	pid = spawn_holder(f);
	assert_all_busy(f, &a);
	/* What is not durable yet, nobody sees. */
	now = read_sale(f, SALE);
	assert_same_state(&a, &now);
	assert_int_equal(find(f, &a, STORE_BY_KEY, "child", &seen), STORE_GONE);
	assert_int_equal(write(disk.go[1], "", 1), 1);
	assert_int_equal(reap(f, pid, 0), 0);
	ok(find(f, &a, STORE_BY_KEY, "child", &seen));
	assert_int_equal(put_key(f, &a, "child"), STORE_DUPLICATE);
	ok(put_key(f, &a, "parent"));
	assert_int_equal(read_sale(f, SALE).version, 2);
	assert_true(tally(f->user, SALE).whole);
}

static void
test_killed_holder(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	struct seen seen = {0};
	struct tally t;
	pid_t pid;

	pid = spawn_holder(f);
	kill(pid, SIGKILL);
	assert_true(WIFSIGNALED(reap(f, pid, 0)));
	ok(put_key(f, &a, "parent"));
	t = tally(f->user, SALE);
	assert_true(t.whole);
	if (is_json(f)) {
		assert_int_equal(t.lines, 1);
		assert_int_equal(
		    find(f, &a, STORE_BY_KEY, "child", &seen), STORE_GONE);
	}
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, t.lines);
	ok(find(f, &a, STORE_BY_KEY, "parent", &seen));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_trusting_writers),
	    VAULT_TEST(test_checked_writers),
	    VAULT_TEST(test_sales_come_and_go),
	    VAULT_TEST(test_reads_are_whole),
	    VAULT_TEST(test_held_latch),
	    VAULT_TEST(test_killed_holder),
	};

	return vault_run(
	    argc, argv, NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
