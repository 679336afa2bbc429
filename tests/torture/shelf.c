/* SPDX-License-Identifier: BSD-2-Clause */
/* Made with the store itself, in a child: nobody else has it open. */
#include "tests/torture/shelf.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <stdio.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/shared.h"
#include "storage/store.h"

struct shelf {
	struct store_user *user;
	char *error;
	size_t error_size;
	bool good;
};

static int64_t
soon(void)
{
	return clock_now_ns() + 5 * NS_PER_SEC;
}

static void
must_be_ok(struct shelf *shelf, const char *what, enum store_result result)
{
	if (result == STORE_OK || !shelf->good)
		return;
	shelf->good = false;
	snprintf(shelf->error, shelf->error_size, "%s: %d, %s", what,
	    (int)result, store_error(shelf->user));
}

static void
open_sale(
    struct shelf *shelf, const char *id, int64_t capacity, const char *lock)
{
	struct store_settings settings = {.capacity = capacity};
	struct store_state state;

	snprintf(settings.id, sizeof(settings.id), "%s", id);
	snprintf(settings.lock, sizeof(settings.lock), "%s", lock);
	must_be_ok(shelf, "create",
	    store_create(shelf->user, &settings, soon(), &state));
}

/* One ticket, decided on a counter that is `stale` sales old. */
static void
sell(struct shelf *shelf, const char *id, unsigned n, int64_t stale)
{
	char buyer[32], key[32];
	struct store_state state;
	struct store_line line = {.quantity = 1,
	    .buyer = buyer,
	    .key = key,
	    .worker = 1,
	    .clerk = 1,
	    .sold_at_ms = INT64_C(1700000000000) + n,
	    .trail = "[]"};
	bool overwrote;

	must_be_ok(shelf, "read", store_read(shelf->user, id, &state));
	snprintf(buyer, sizeof(buyer), "b%u", n);
	snprintf(key, sizeof(key), "k%u", n);
	snprintf(line.order, sizeof(line.order), "%08u-0000-7000-8000-%012x", n,
	    id[0] == 'd' ? 0 : (unsigned)id[0]);
	line.capacity = state.settings.capacity;
	line.remaining = state.remaining + stale - 1;
	line.seat = line.capacity - line.remaining;
	line.lock = state.settings.lock;
	must_be_ok(shelf, "put",
	    store_put(shelf->user, &state, &line, 1, soon(), &overwrote));
}

static void
fill(struct shelf *shelf, const char *lock, unsigned orders)
{
	unsigned i;

	open_sale(shelf, "demo", 100000, lock);
	for (i = 1; i <= orders; i++)
		sell(shelf, "demo", i, 0);
	open_sale(shelf, "odd", 10, "none");
	sell(shelf, "odd", 1, 0);
	sell(shelf, "odd", 2, 0);
	sell(shelf, "odd", 3, 2);
	open_sale(shelf, "gone", 1, "mutex");
	sell(shelf, "gone", 1, 0);
}

static bool
make_in_child(const char *kind, const char *dir, const char *lock,
    unsigned orders, char *error, size_t error_size)
{
	struct shelf shelf = {
	    .error = error, .error_size = error_size, .good = true};
	struct store *store;

	if (mkdir(dir, 0700) != 0)
		return false;
	store = store_new(kind, dir);
	if (store == NULL || store_prepare(store, error, error_size) != 0)
		return false;
	shelf.user = store_open(store, error, error_size);
	if (shelf.user == NULL)
		return false;
	fill(&shelf, lock, orders);
	store_close(shelf.user);
	return shelf.good;
}

bool
shelf_make(const char *store, const char *dir, const char *lock,
    unsigned orders, char *error, size_t error_size)
{
	char *said = shared_new(error_size);
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(
		    !make_in_child(store, dir, lock, orders, said, error_size));
	waitpid(pid, &status, 0);
	snprintf(error, error_size, "%s", said == NULL ? "" : said);
	shared_free(said, error_size);
	return status == 0;
}
