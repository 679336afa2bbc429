/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store that fails by plan: what is planned happens, once, at the call
 * that was named, and everything else is the real store's.
 */
#include "tests/unit/store_faulty.h"

#include "tests/unit/vault.h"

static int
setup(void **state)
{
	struct vault *f;

	assert_int_equal(vault_setup(state), 0);
	f = *state;
	close_user(f);
	store_faulty_wrap(f->store);
	open_user(f);
	return 0;
}

static int
teardown(void **state)
{
	store_faulty_reset();
	return vault_teardown(state);
}

/* A call of that kind. */
static enum store_result
call(struct vault *f, enum faulty_call which)
{
	struct store_state state;
	struct seen seen = {0};

	if (which == FAULTY_READ)
		return store_read(f->user, SALE, &state);
	state = read_sale(f, SALE);
	if (which == FAULTY_FIND)
		return find(f, &state, STORE_BY_KEY, "k", &seen);
	if (which == FAULTY_EACH)
		return store_each(f->user, &state, 0, keep, &seen);
	return put_for(f->user, &state, "parent");
}

static void
test_nothing_planned(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	const struct store_change change = change_of(&a);
	struct seen seen = {0};

	assert_string_equal(store_kind(f->store), f->kind);
	ok(put_key(f, &a, "k"));
	ok(find(f, &a, STORE_BY_KEY, "k", &seen));
	assert_int_equal(put_key(f, &a, "k"), STORE_DUPLICATE);
	assert_int_equal(poke(f->user, &a), STORE_CONFLICT);
	ok(store_configure(f->user, &a, &change, soon()));
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(times_listed(f, SALE), 0);
}

/* The second call from here, and neither the first nor the third. */
static void
assert_second_fails(
    struct vault *f, enum faulty_call which, enum store_result result)
{
	int64_t version;

	store_faulty_plan(which, 2, result);
	ok(call(f, which));
	assert_false(store_faulty_happened(which));
	assert_int_equal(call(f, which), result);
	assert_true(store_faulty_happened(which));
	assert_string_equal(store_error(f->user), "as planned");
	version = read_sale(f, SALE).version;
	assert_int_equal(version, tally(f->user, SALE).lines);
	ok(call(f, which));
	assert_in_range(read_sale(f, SALE).version - version, 0, 1);
}

static void
test_each_call_each_result(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	enum faulty_call which;
	enum store_result result;

	ok(put_key(f, &a, "k"));
	for (which = FAULTY_READ; which < FAULTY_END; which++)
		for (result = STORE_CONFLICT; result < STORE_UNKNOWN; result++)
			assert_second_fails(f, which, result);
	assert_false(store_poisoned(f->store));
}

static void
test_append_fails_and_nothing_is_written(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);

	store_faulty_plan(FAULTY_APPEND, 1, STORE_FULL);
	assert_int_equal(put_for(f->user, &a, "alice"), STORE_FULL);
	assert_int_equal(tally(f->user, SALE).lines, 0);
	ok(put_for(f->user, &a, "bob"));
	assert_true(tally(f->user, SALE).whole);
}

/* The line is there, but nobody was told. */
static void
test_outcome_unknown(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);

	store_faulty_plan(FAULTY_END, 1, STORE_UNKNOWN);
	assert_int_equal(put_for(f->user, &a, "alice"), STORE_UNKNOWN);
	assert_true(store_poisoned(f->store));
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FAILED);
	recover(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	ok(buy(f->user, SALE, "carol"));
}

static void
test_delay(void **state)
{
	struct vault *f = *state;
	int64_t began;

	create(f, SALE);
	store_faulty_delay(FAULTY_READ, 30 * NS_PER_MS);
	began = clock_now_ns();
	read_sale(f, SALE);
	assert_true(clock_now_ns() - began >= 30 * NS_PER_MS);
	store_faulty_delay(FAULTY_READ, 0);
	store_faulty_delay(FAULTY_BEGIN, 30 * NS_PER_MS);
	began = clock_now_ns();
	ok(buy(f->user, SALE, "alice"));
	assert_true(clock_now_ns() - began >= 30 * NS_PER_MS);
}

#define TEST(function)                                                         \
	{                                                                      \
#function, function, setup, teardown, NULL                     \
	}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_nothing_planned),
	    TEST(test_each_call_each_result),
	    TEST(test_append_fails_and_nothing_is_written),
	    TEST(test_delay),
	};
	/* A database is not poisoned by it. */
	static const struct CMUnitTest local[] = {
	    TEST(test_outcome_unknown),
	};

	return vault_run(
		   argc, argv, NULL, tests, sizeof(tests) / sizeof(tests[0])) +
	       vault_run_local(
		   argc, argv, local, sizeof(local) / sizeof(local[0]));
}
