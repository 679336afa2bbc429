/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vault: a store in a directory of the test's own, with children that
 * open, write, stop and die beside it.  For the tests of stores; their disk is
 * disk.h's.
 */
#ifndef VAULT_H
#define VAULT_H

#include "storage/store.h"
#include "tests/unit/disk.h"
#include "tests/unit/fixture.h"

#define SALE "demo" /* the sale that most tests have */
#define CAPACITY 1000
#define CHILDREN 4
#define ERROR_SIZE 512

struct vault {
	const char *kind;
	char dir[64];
	struct store *store;
	struct store_user *user; /* closed while a child is made */
	char *said;            /* shared memory: what a child's prepare said */
	pid_t child[CHILDREN]; /* 0: none */
	struct store_state before; /* what an op was decided on */
	bool restarted;            /* since then: no such decision lives */
	int64_t bought;       /* lines of buyer "parent", all acknowledged */
	const char *sweeping; /* NULL: nothing */
	unsigned nth;
};

typedef void child_fn(struct vault *f, void *arg);

/* In a child a failed cmocka assertion would go on with the parent's tests. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			give_up(__FILE__, __LINE__, #condition);               \
	} while (0)

void give_up(const char *file, int line, const char *condition);
bool is_json(const struct vault *f);

/* How soon buyers must be served after a holder's death. */
int64_t soon(void);
/* In a child: `run`, then the end.  The test's own user must be closed. */
pid_t spawn(struct vault *f, child_fn *run, void *arg);

/* The child's status once it ended; -1: it runs on (`options` WNOHANG). */
int reap(struct vault *f, pid_t pid, int options);

/* False: it refused, and said why. */
bool prepare(struct vault *f);
void open_user(struct vault *f);
void close_user(struct vault *f);

/* End the store, as when the supervisor ends too. */
void stop(struct vault *f);
void start(struct vault *f);
void restart(struct vault *f);

/* Recovery, as the supervisor does it after a poisoning. */
void recover(struct vault *f);

/* The store does not start, and its one line of reason has `word`. */
void assert_refused(struct vault *f, const char *word);
/* For each test: `*state` is a store's kind, and then the vault. */
int vault_setup(void **state);
int vault_teardown(void **state);
/* ------------------------------------------------------ sales and lines -- */

struct store_settings settings(const char *id, int64_t capacity);
enum store_result try_create(struct store_user *user, const char *id);
struct store_state read_sale(struct vault *f, const char *id);
struct store_state create(struct vault *f, const char *id);

/* A line as sell() would decide it on `state`. */
struct store_line sold(const struct store_state *state, const char *buyer);
enum store_result put(struct store_user *user, const struct store_state *state,
    struct store_line *line);
enum store_result put_if(struct store_user *user,
    const struct store_state *state, struct store_line *line);
enum store_result put_for(struct store_user *user,
    const struct store_state *state, const char *buyer);
enum store_result buy(
    struct store_user *user, const char *id, const char *buyer);
enum store_result put_key(
    struct vault *f, const struct store_state *state, const char *key);

/* As what the service changes: everything else as it was. */
struct store_change change_of(const struct store_state *state);

/* Nothing can come of it, but it enters the latch. */
enum store_result poke(
    struct store_user *user, const struct store_state *state);
void assert_same_settings(
    const struct store_settings *a, const struct store_settings *b);
void assert_same_state(
    const struct store_state *a, const struct store_state *b);

/* SALE is so, and after a restart it still is. */
void assert_lasts(struct vault *f, const struct store_state *state);

/* ----------------------------------------------------- what was visited -- */

#define SEEN_MAX 8

struct seen {
	struct kept {
		struct store_line line; /* its texts are these */
		char buyer[96], key[96], lock[STORE_LOCK_SIZE], trail[128];
	} kept[SEEN_MAX];
	size_t count;
	size_t stop_at; /* 0: never */
};

/* A store_visit_fn: the line goes to the `struct seen`. */
bool keep(const struct store_line *line, void *arg);
void walk(struct vault *f, const struct store_state *state, int64_t after,
    struct seen *seen);

/* The last line of the sale as it is now. */
const struct store_line *last_line(
    struct vault *f, const char *id, struct seen *seen);
enum store_result find(struct vault *f, const struct store_state *state,
    enum store_by by, const char *value, struct seen *seen);
void assert_same_line(const struct store_line *a, const struct store_line *b);

struct tally {
	bool whole;   /* versions 1, 2, 3 …, the last makes the counter */
	bool in_turn; /* line n sold seat n */
	int64_t lines;
	int64_t parents; /* lines of the buyer "parent" */
	int64_t victims; /* of "victim" */
	int64_t raised;
	struct store_line last;
};

/* Asserts nothing, so that children can use it. */
struct tally tally(struct store_user *user, const char *id);

struct ids {
	char id[SEEN_MAX][STORE_ID_SIZE];
	size_t count, stop_at;
};

/* A store_sale_fn: the id goes to the `struct ids`. */
bool note_id(const struct store_state *state, void *arg);
size_t times_listed(struct vault *f, const char *id);
/* In a child: f->user. */
void child_opens(struct vault *f);

/* A process that holds the latch of SALE, inside its fdatasync(). */
pid_t spawn_holder(struct vault *f);

/* SQLite syncs its log's header once; a line before gets that done. */
struct store_state create_and_buy(struct vault *f);

#define DATABASE "turnstile.db" /* SQLite's */

/* What others do to it: `arg` is SQL. */
child_fn child_executes;

/* --------------------------------------------------------------- files -- */

/* All names are those of files in the vault's directory. */
void touch(struct vault *f, const char *name, const char *mode);

struct text {
	char bytes[64 * 1024];
	size_t size;
};

void path_of(const struct vault *f, const char *name, char path[128]);
bool slurp(const struct vault *f, const char *name, struct text *text);
bool spill(
    const struct vault *f, const char *name, const char *bytes, size_t size);

#define VAULT_TEST(function)                                                   \
	{                                                                      \
#function, function, vault_setup, vault_teardown, NULL         \
	}

/* For main(): over each store that is files of one machine. */
int vault_run_local(
    int argc, char **argv, const struct CMUnitTest *tests, size_t count);

/* For main(): run_over_stores(). */
int vault_run(int argc, char **argv, const char *only,
    const struct CMUnitTest *tests, size_t count);

#endif
