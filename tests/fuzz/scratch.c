/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/scratch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tree.h"

#define SOLD_MAX 200
#define DIRS_MAX 4

static char dirs[DIRS_MAX][128];
static size_t dir_count;

static void
remove_all(void)
{
	size_t i;

	for (i = 0; i < dir_count; i++)
		tree_remove(dirs[i]);
}

const char *
scratch_new(void)
{
	const char *root = getenv("FUZZ_SCRATCH");
	char *dir = dirs[dir_count];

	claim(dir_count < DIRS_MAX);
	if (root == NULL)
		root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".";
	snprintf(dir, sizeof(dirs[0]), "%s/turnstile-fuzz.XXXXXX", root);
	claim(mkdtemp(dir) != NULL);
	if (dir_count++ == 0)
		atexit(remove_all);
	return dir;
}

struct store *
scratch_store(const char *dir)
{
	struct store *store = store_new("json", dir);
	char error[256];

	claim(store != NULL);
	claim(store_prepare(store, error, sizeof(error)) == 0);
	return store;
}

struct store_user *
scratch_user(struct store *store)
{
	char error[256];
	struct store_user *user = store_open(store, error, sizeof(error));

	claim(user != NULL);
	return user;
}

static int64_t
soon(void)
{
	return clock_now_ns() + 10 * NS_PER_SEC;
}

struct store_state
scratch_demo(struct store_user *user, int64_t capacity)
{
	const struct store_settings settings = {
	    .id = "demo", .capacity = capacity, .lock = "mutex"};
	struct store_state state;

	if (store_read(user, "demo", &state) == STORE_OK) {
		if (state.version < SOLD_MAX &&
		    strcmp(state.settings.lock, "mutex") == 0 &&
		    state.settings.delay_max_ms == 0)
			return state;
		claim(store_remove(user, &state, soon()) == STORE_OK);
	}
	claim(store_create(user, &settings, soon(), &state) == STORE_OK);
	return state;
}
