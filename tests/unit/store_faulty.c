/* SPDX-License-Identifier: BSD-2-Clause */
/* Each row is a copy of a real one but for the calls that can be planned. */
#include "tests/unit/store_faulty.h"

#include <assert.h>

#include "locks/clock.h"
#include "storage/store_impl.h"

#define ROWS_MAX 8

static struct row {
	struct store_impl impl; /* first: a store's impl is its row */
	const struct store_impl *real;
} rows[ROWS_MAX];
static size_t row_count;

static struct plan {
	_Atomic unsigned left; /* calls until it happens, 0: none planned */
	_Atomic enum store_result result;
	_Atomic int64_t delay_ns;
} plans[FAULTY_CALLS];

static const struct store_impl *
real_of(const struct store_user *user)
{
	return ((const struct row *)user->store->impl)->real;
}

/* True: this call is the one, and `*result` is what it returns. */
static bool
fails(struct store_user *user, enum faulty_call call, enum store_result *result)
{
	struct plan *plan = &plans[call];
	unsigned left = atomic_load(&plan->left);

	if (atomic_load(&plan->delay_ns) > 0)
		clock_sleep_until(
		    clock_now_ns() + atomic_load(&plan->delay_ns));
	do {
		if (left == 0)
			return false;
	} while (!atomic_compare_exchange_weak(&plan->left, &left, left - 1));
	if (left > 1)
		return false;
	*result = store_fail(user, atomic_load(&plan->result), "as planned");
	return true;
}

static enum store_result
faulty_read(struct store_user *user, const char *id, struct store_state *state)
{
	enum store_result result;

	if (fails(user, FAULTY_READ, &result))
		return result;
	return real_of(user)->read(user, id, state);
}

static enum store_result
faulty_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	enum store_result result;

	if (fails(user, FAULTY_FIND, &result))
		return result;
	return real_of(user)->find(user, state, by, value, visit, arg);
}

/* In steps, so that they can be planned. */
static enum store_result
faulty_put(struct store_user *user, const struct store_state *state,
    struct store_line *lines, size_t count, enum store_check check,
    int64_t deadline_ns, bool *overwrote)
{
	store_put_fn *put =
	    check == STORE_DECIDED ? real_of(user)->put : store_put_in_steps;

	return put(user, state, lines, count, check, deadline_ns, overwrote);
}

static enum store_result
faulty_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	enum store_result result;

	if (fails(user, FAULTY_EACH, &result))
		return result;
	return real_of(user)->each(user, state, after, visit, arg);
}

static enum store_result
faulty_begin(struct store_user *user, const struct store_state *state,
    int64_t deadline_ns, struct store_state *now)
{
	enum store_result result;

	if (fails(user, FAULTY_BEGIN, &result))
		return result;
	return real_of(user)->begin(user, state, deadline_ns, now);
}

static enum store_result
faulty_append(struct store_user *user, const struct store_state *after,
    const struct store_line *lines, size_t count)
{
	enum store_result result;

	if (fails(user, FAULTY_APPEND, &result))
		return result;
	return real_of(user)->append(user, after, lines, count);
}

static enum store_result
faulty_end(struct store_user *user, const struct store_state *state,
    enum store_result result)
{
	enum store_result said;

	result = real_of(user)->end(user, state, result);
	if (result == STORE_OK && fails(user, FAULTY_END, &said))
		return said;
	return result;
}

void
store_faulty_wrap(struct store *store)
{
	struct row *row = rows;

	while (row < rows + row_count && row->real != store->impl)
		row++;
	if (row == rows + row_count) {
		assert(row_count < ROWS_MAX);
		row_count++;
		row->real = store->impl;
		row->impl = *store->impl;
		row->impl.read = faulty_read;
		row->impl.find = faulty_find;
		row->impl.find_keys = store_find_each_key;
		row->impl.put = faulty_put;
		row->impl.each = faulty_each;
		row->impl.begin = faulty_begin;
		row->impl.append = faulty_append;
		row->impl.end = faulty_end;
	}
	store->impl = &row->impl;
}

void
store_faulty_plan(enum faulty_call call, unsigned nth, enum store_result result)
{
	atomic_store(&plans[call].result, result);
	atomic_store(&plans[call].left, nth);
}

void
store_faulty_delay(enum faulty_call call, int64_t delay_ns)
{
	atomic_store(&plans[call].delay_ns, delay_ns);
}

bool
store_faulty_happened(enum faulty_call call)
{
	return atomic_load(&plans[call].left) == 0;
}

void
store_faulty_reset(void)
{
	int call;

	for (call = 0; call < FAULTY_CALLS; call++) {
		atomic_store(&plans[call].left, 0);
		atomic_store(&plans[call].delay_ns, 0);
	}
}
