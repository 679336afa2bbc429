/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table that wraps each row of the real one.  A handle remembers its thread
 * and what it holds; those that hold something are in a list of their thread,
 * and nothing is shared but the count of handles, which destroy() looks at.
 */
#include "tests/unit/lock_checked.h"

#include "locks/lock_impl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The real table, under another name. */
#define lock_rows real_rows
#define lock_rows_count real_count
#include "locks/lock_rows.c" /* NOLINT(bugprone-suspicious-include) */
#undef lock_rows
#undef lock_rows_count

struct checked {
	const struct lock_impl *real;
	void *shared; /* the real one's */
	unsigned workers, clerks;
	atomic_uint attached; /* by threads of this process */
};

struct handle {
	struct checked *checked;
	void *own; /* the real one's */
	pid_t tid;
	bool held;
	unsigned slot, permits;
	struct handle *next; /* that this thread holds; if held */
};

static _Thread_local struct handle *held_here;

static void
check(bool holds, const struct lock_impl *real, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "lock_checked: %s: %s\n", real->name, what);
	abort();
}

static void
check_thread(const struct handle *handle)
{
	check(handle->tid == gettid(), handle->checked->real,
	    "a handle of another thread");
}

static void
check_lock(const struct lock_impl *real, unsigned slot, unsigned permits)
{
	check(slot < LOCK_SLOTS, real, "no such slot");
	check(permits >= 1 && permits <= real->permits_max, real,
	    "no such number of permits");
}

static int
prepare(const struct lock_impl *real, const struct lock_config *config,
    void **shared)
{
	struct checked *checked = calloc(1, sizeof(*checked));

	if (checked == NULL)
		return -1;
	if (real->prepare(config, &checked->shared) != 0) {
		free(checked);
		return -1;
	}
	checked->real = real;
	checked->workers = config->workers;
	checked->clerks = config->clerks;
	*shared = checked;
	return 0;
}

static void
checked_destroy(void *shared)
{
	struct checked *checked = shared;

	check(atomic_load(&checked->attached) == 0, checked->real,
	    "freed while a thread is attached");
	checked->real->destroy(checked->shared);
	free(checked);
}

static int
checked_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct checked *checked = shared;
	struct handle *handle;

	check(worker < checked->workers && clerk < checked->clerks,
	    checked->real, "attached a worker or clerk that there is not");
	handle = calloc(1, sizeof(*handle));
	if (handle == NULL)
		return -1;
	if (checked->real->attach(
		checked->shared, worker, clerk, &handle->own) != 0) {
		free(handle);
		return -1;
	}
	handle->checked = checked;
	handle->tid = gettid();
	atomic_fetch_add(&checked->attached, 1);
	*own = handle;
	return 0;
}

static void
checked_detach(void *own)
{
	struct handle *handle = own;

	check_thread(handle);
	check(!handle->held, handle->checked->real, "detached while it holds");
	handle->checked->real->detach(handle->own);
	atomic_fetch_sub(&handle->checked->attached, 1);
	free(handle);
}

static enum lock_result
checked_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct handle *handle = own;
	const struct lock_impl *real = handle->checked->real;
	enum lock_result result;

	check_thread(handle);
	check_lock(real, slot, permits);
	check(!handle->held, real, "acquired while it holds");
	result = real->acquire(handle->own, slot, permits, deadline_ns);
	if (result > LOCK_INHERITED)
		return result;
	handle->held = true;
	handle->slot = slot;
	handle->permits = permits;
	handle->next = held_here;
	held_here = handle;
	return result;
}

static void
checked_release(void *own, unsigned slot, unsigned permits)
{
	struct handle *handle = own, **at = &held_here;
	const struct lock_impl *real = handle->checked->real;

	check_thread(handle);
	check(handle->held, real, "released, and not held");
	check(slot == handle->slot && permits == handle->permits, real,
	    "released another lock than it holds");
	while (*at != handle)
		at = &(*at)->next;
	*at = handle->next;
	handle->held = false;
	real->release(handle->own, slot, permits);
}

static unsigned
checked_force_release(void *shared, unsigned worker)
{
	struct checked *checked = shared;

	check(worker < checked->workers, checked->real, "no such worker");
	return checked->real->force_release(checked->shared, worker);
}

bool
lock_checked_is_held(void)
{
	return held_here != NULL;
}

bool
lock_checked_holds_slot(unsigned slot)
{
	const struct handle *held = held_here;

	while (held != NULL && held->slot != slot)
		held = held->next;
	return held != NULL;
}

/* ---------------------------------------------------------- the table -- */

/* prepare() is not told for which row it is called, so each has its own. */
#define PREPARE(row)                                                           \
	static int prepare_##row(                                              \
	    const struct lock_config *config, void **shared)                   \
	{                                                                      \
		return prepare(&(row), config, shared);                        \
	}
ROWS(PREPARE)

#define NUMBER(row) number_##row,
enum { ROWS(NUMBER) };

static struct lock_impl rows[sizeof(real_rows) / sizeof(real_rows[0])];

static struct lock_impl
wrap(const struct lock_impl *real, lock_prepare_fn *prepare_row)
{
	struct lock_impl row = *real; /* its name, its words, its facts */

	row.prepare = prepare_row;
	row.destroy = checked_destroy;
	row.attach = checked_attach;
	row.detach = checked_detach;
	row.acquire = checked_acquire;
	row.release = checked_release;
	row.force_release = checked_force_release;
	return row;
}

/* Before main(): what a row of another file says is no constant in C. */
#define WRAP(row) rows[number_##row] = wrap(&(row), prepare_##row);
__attribute__((constructor)) static void
wrap_all(void)
{
	ROWS(WRAP)
}

#define ROW_OF(row) &rows[number_##row],
const struct lock_impl *const lock_rows[] = {ROWS(ROW_OF)};
const size_t lock_rows_count = sizeof(lock_rows) / sizeof(lock_rows[0]);
