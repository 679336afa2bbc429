/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A data directory with a large sale, made as the service makes one, but a
 * thousand orders at a time: to see what grows with a ledger.  There are
 * tickets left.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/store.h"

#define BATCH 1024

/* What a service writes of an order that met nobody. */
static const char trail[] =
    "[{\"at_ns\":12024012730497,\"step\":\"queued\"},"
    "{\"at_ns\":12024012861548,\"step\":\"wait\"},"
    "{\"at_ns\":12024012874127,\"step\":\"lock\"},"
    "{\"at_ns\":12024012876711,\"step\":\"read\",\"remaining\":100,"
    "\"version\":0},"
    "{\"at_ns\":12024012909130,\"step\":\"write\",\"remaining\":99,"
    "\"version\":0}]";

struct batch {
	struct store_line line[BATCH];
	char buyer[BATCH][32], key[BATCH][32];
};

/* Order n took seat n: its id ends in n, in hex, its key is "key-n". */
static void
fill(struct batch *batch, const struct store_state *state, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct store_line *line = &batch->line[i];
		const int64_t n = state->version + 1 + (int64_t)i;

		*line = (struct store_line){.seat = n,
		    .quantity = 1,
		    .remaining = state->settings.capacity - n,
		    .capacity = state->settings.capacity,
		    .buyer = batch->buyer[i],
		    .key = batch->key[i],
		    .lock = state->settings.lock,
		    .worker = 1,
		    .clerk = 1,
		    .sold_at_ms = INT64_C(1795237200000) + n,
		    .trail = trail};
		snprintf(line->order, sizeof(line->order),
		    "00000000-0000-7000-8000-%012" PRIx64, n);
		snprintf(batch->buyer[i], 32, "buyer-%" PRId64, n);
		snprintf(batch->key[i], 32, "key-%" PRId64, n);
	}
}

static enum store_result
sell(struct store_user *user, const char *sale, int64_t orders)
{
	static struct batch batch;
	struct store_settings settings = {
	    .capacity = STORE_CAPACITY_MAX, .lock = "mutex"};
	enum store_result result;
	struct store_state state;
	bool overwrote;
	int64_t count;

	snprintf(settings.id, sizeof(settings.id), "%s", sale);
	result = store_create(user, &settings, INT64_MAX, &state);
	while (result == STORE_OK) {
		result = store_read(user, sale, &state);
		count = orders - state.version;
		if (result != STORE_OK || count <= 0)
			break;
		count = count < BATCH ? count : BATCH;
		fill(&batch, &state, (size_t)count);
		result = store_put(user, &state, batch.line, (size_t)count,
		    INT64_MAX, &overwrote);
	}
	return result;
}

/* As the supervisor does it: in a child, since SQLite may not cross a fork. */
static bool
prepare(struct store *store)
{
	char error[512];
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		if (store_prepare(store, error, sizeof(error)) == 0)
			_exit(0);
		fprintf(stderr, "million: %s\n", error);
		_exit(1);
	}
	return pid != -1 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int
make(struct store *store, const char *sale, int64_t orders)
{
	struct store_user *user;
	enum store_result result;
	char error[512];

	if (!prepare(store))
		return 1;
	user = store_open(store, error, sizeof(error));
	if (user == NULL) {
		fprintf(stderr, "million: %s\n", error);
		return 1;
	}
	result = sell(user, sale, orders);
	if (result != STORE_OK)
		fprintf(stderr, "million: result %d, %s\n", (int)result,
		    store_error(user));
	store_close(user);
	return result == STORE_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const char *sale = argc > 4 ? argv[4] : "demo";
	const int64_t orders =
	    argc > 3 ? strtoll(argv[3], NULL, 10) : 1000 * 1000;
	struct store *store;
	int status;

	if (argc < 3 || !store_known(argv[1]) || orders < 0 ||
	    orders > STORE_CAPACITY_MAX || strlen(sale) >= STORE_ID_SIZE) {
		fprintf(stderr, "usage: million json|sqlite DIR [ORDERS "
				"(1000000)] [SALE (demo)]\n");
		return 2;
	}
	if (access(argv[2], F_OK) != 0) {
		fprintf(
		    stderr, "million: %s: make the directory first\n", argv[2]);
		return 2;
	}
	store = store_new(argv[1], argv[2]);
	if (store == NULL) {
		perror("million");
		return 1;
	}
	status = make(store, sale, orders);
	store_free(store);
	return status;
}
