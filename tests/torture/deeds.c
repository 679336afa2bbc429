/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/deeds.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/shared.h"
#include "storage/store.h"

/* clang-format off */
const struct deed deeds[] = {
	{ .name = "buy", .count = 1, .buys = true, .done = 201,
	  .sells = "demo",
	  .requests = { { "POST", "/sales/demo/buy", "buyer=c1", NULL } } },
	{ .name = "buy-key", .count = 1, .buys = true, .done = 201,
	  .was_done = 201, .sells = "demo",
	  .requests = { { "POST", "/sales/demo/buy", "buyer=c1", "c1" } } },
	{ .name = "crowd", .count = 3, .buys = true, .done = 201,
	  .was_done = 201, .sells = "demo",
	  .requests = { { "POST", "/sales/demo/buy", "buyer=c1", "c1" },
	    { "POST", "/sales/demo/buy", "buyer=c2", "c2" },
	    { "POST", "/sales/demo/buy", "buyer=c3", "c3" } } },
	{ .name = "patch", .count = 1, .done = 200, .was_done = 200,
	  .sells = "odd",
	  .requests = { { "PATCH", "/sales/odd",
	    "lock=mutex&capacity=30&delay=1ms", NULL } } },
	{ .name = "patch-lock", .count = 1, .done = 200, .was_done = 200,
	  .sells = "demo",
	  .requests = { { "PATCH", "/sales/demo", "lock=optimistic&delay=1ms",
	    NULL } } },
	{ .name = "create", .count = 1, .done = 201, .was_done = 409,
	  .sells = "new",
	  .requests = { { "POST", "/sales", "id=new&capacity=5&lock=flock",
	    NULL } } },
	{ .name = "delete", .count = 1, .done = 204, .was_done = 404,
	  .sells = "demo",
	  .requests = { { "DELETE", "/sales/gone", NULL, NULL } } },

	{ .name = "audit", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd/audit", NULL, NULL } } },
	{ .name = "audit-text", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd/audit.txt", NULL, NULL } } },
	{ .name = "ledger", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd/ledger?trail", NULL, NULL } } },
	{ .name = "order", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/demo/orders/" SHELF_ORDER, NULL,
	    NULL } } },
	{ .name = "sales", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales", NULL, NULL } } },
	{ .name = "sale", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd", NULL, NULL } } },
};
/* clang-format on */
const size_t deed_count = sizeof(deeds) / sizeof(deeds[0]);

const struct deed *
deed_named(const char *name)
{
	size_t i;

	for (i = 0; i < deed_count; i++)
		if (strcmp(deeds[i].name, name) == 0)
			return &deeds[i];
	return NULL;
}

/* ----------------------------------------------------------------- shelf -- */

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

	snprintf(settings.id, sizeof(settings.id), "%s", id);
	snprintf(settings.lock, sizeof(settings.lock), "%s", lock);
	must_be_ok(
	    shelf, "create", store_create(shelf->user, &settings, soon()));
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
	snprintf(line.order, sizeof(line.order), "%016u%016x", n,
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

/* ----------------------------------------------------------------- states --
 */

/* Is this line of a look a ticket for one of the deed's buyers?  Which? */
static size_t
buyer_of(const char *line, size_t length)
{
	static const char mark[] = ", buyer c";
	const char *at = memmem(line, length, mark, sizeof(mark) - 1);

	if (at == NULL)
		return SIZE_MAX;
	return (size_t)(at[sizeof(mark) - 1] - '1');
}

/* A sale's own line, without the counter that a buy moves. */
static size_t
fixed_length(const char *line, size_t length)
{
	const char *at = memmem(line, length, ", remaining", 11);

	return line[0] == ' ' || at == NULL ? length : (size_t)(at - line);
}

/*
 * Lines of `now` that are no ticket of the deed's must be those of `before`;
 * demo's own line may differ in its counter.
 */
static enum deed_state
buy_state(const struct deed *deed, const char *before, const char *now)
{
	size_t times[DEED_REQUESTS] = {0}, i, length, old, got = 0;
	bool is_demo = false;

	while (*now != '\0') {
		length = strcspn(now, "\n") + 1;
		old = strcspn(before, "\n") + 1;
		if (now[0] != ' ')
			is_demo = strncmp(now, "demo:", 5) == 0;
		i = now[0] == ' ' ? buyer_of(now, length) : SIZE_MAX;
		if (i < deed->count) {
			times[i]++;
			now += length;
			continue;
		}
		if (is_demo && now[0] != ' ') {
			if (fixed_length(now, length) !=
				fixed_length(before, old) ||
			    memcmp(now, before, fixed_length(now, length)) != 0)
				return DEED_WRONG;
		} else if (length != old || memcmp(now, before, length) != 0) {
			return DEED_WRONG;
		}
		now += length;
		before += old;
	}
	if (*before != '\0')
		return DEED_WRONG;
	for (i = 0; i < deed->count; i++) {
		if (times[i] > 1)
			return DEED_WRONG;
		got += times[i];
	}
	return got == 0             ? DEED_ABSENT
	       : got == deed->count ? DEED_DONE
				    : DEED_PARTLY;
}

enum deed_state
deed_state(const struct deed *deed, const char *before, const char *after,
    const char *now)
{
	if (deed->buys)
		return buy_state(deed, before, now);
	if (strcmp(now, before) == 0)
		return DEED_ABSENT;
	return strcmp(now, after) == 0 ? DEED_DONE : DEED_WRONG;
}
