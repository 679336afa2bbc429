/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For those who implement a store; callers include store.h.
 *
 * A store is one file with one `const struct store_impl` at its bottom, and a
 * row in store_rows.c.  It inherits the contract tests and the stress test.
 * Every slot of the table is filled.
 *
 * store.c does each change in the same steps, and each write whose `put` is
 * store_put_in_steps(), so that no such store decides what is refused or how
 * lines are numbered:
 *
 *     begin()      enter the latch; the sale as it is now
 *                  store.c compares birth, epoch, version and keys, and
 *                  numbers the lines
 *     append() or remove()
 *     end()        make it last, or undo it; leave the latch
 */
#ifndef STORE_IMPL_H
#define STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "storage/store.h"

struct store_impl;

/* What the supervisor makes and all processes have. */
struct store {
	const struct store_impl *impl;
	const char *dir;
	const char *database; /* NULL: none was set */
	void *shared;         /* the implementation's, shared memory */
	void *local;          /* the implementation's, each process's own */
	_Atomic bool *is_poisoned; /* shared memory */
	_Atomic bool *is_down;     /* shared memory */
};

/* One thread's. */
struct store_user {
	struct store *store;
	void *own;       /* the implementation's */
	char error[256]; /* see store_fail() */
};

/* Supervisor, before any fork: `store->local`.  0, or -1 with errno set. */
typedef int store_share_fn(struct store *store);
/* Supervisor, when no worker is left. */
typedef void store_unshare_fn(struct store *store);

/* Child, alone: see store_prepare().  The names in the directory are on disk.
 * Its latches are made here.  If store_poisoned(), others had the store open
 * before. */
typedef int store_prepare_fn(
    struct store *store, char *error, size_t error_size);

/* Any thread, after the fork: `user->own`.  0, or -1 with user->error set. */
typedef int store_open_fn(struct store_user *user);
typedef void store_close_fn(struct store_user *user);

/* Any thread, without a latch: as the wrappers in store.h. */
typedef enum store_result store_read_fn(
    struct store_user *user, const char *id, struct store_state *state);
typedef enum store_result store_list_fn(
    struct store_user *user, store_sale_fn *visit, void *arg);
typedef void store_tidy_fn(struct store_user *user);

/* As in store.h; also called between begin() and end(), with `*now`.  A
 * walk's `after` is at most the state's version. */
typedef enum store_result store_find_fn(struct store_user *user,
    const struct store_state *state, enum store_by by, const char *value,
    store_visit_fn *visit, void *arg);
typedef enum store_result store_find_keys_fn(struct store_user *user,
    const struct store_state *state, const char *const *keys, size_t count,
    store_visit_fn *visit, void *arg);
typedef enum store_result store_each_fn(struct store_user *user,
    const struct store_state *state, int64_t after, store_visit_fn *visit,
    void *arg);

/*
 * What store_copy() gives away.  False: it failed, and who gave the functions
 * knows why; behind a line that failed, `end` says so too.  What was begun and
 * not ended does not count: the sale is gone, or is begun anew.
 */
struct store_copy {
	bool (*begin)(const char *id, void *arg);
	store_visit_fn *line;
	bool (*end)(const struct store_state *state, void *arg);
	void *arg;
};

/* See store_copy().  OK, FAILED. */
typedef enum store_result store_copy_fn(
    struct store_user *user, const struct store_copy *copy);

/*
 * Enter the latch: `*now` is the sale as it is, or a namesake, which the
 * caller tells by its birth.  OK; else the latch was not entered: GONE, BUSY,
 * FULL, FAILED.
 */
typedef enum store_result store_begin_fn(struct store_user *user,
    const struct store_state *state, int64_t deadline_ns,
    struct store_state *now);

/*
 * In the latch: append the lines, numbered, that make the sale `after`, whose
 * counter, version, capacity and highest seat are as they leave it.  If its
 * epoch is new, the settings are too, and there may be no line; then either
 * all of it is done in the end or nothing.  OK, FULL, FAILED, UNKNOWN.
 */
typedef enum store_result store_append_fn(struct store_user *user,
    const struct store_state *after, const struct store_line *lines,
    size_t count);

/* In the latch: delete the sale and its ledger.  OK, FAILED, UNKNOWN. */
typedef enum store_result store_remove_fn(
    struct store_user *user, const struct store_state *now);

/*
 * Leave the latch that was entered with `state`.  If `result` is OK, what was
 * done since begin() is durable and visible on return, if it was not before.
 * Returns `result`, or FULL, FAILED or UNKNOWN if that failed.
 */
typedef enum store_result store_end_fn(struct store_user *user,
    const struct store_state *state, enum store_result result);

/* Open the sale `*state` and choose its slot; a latch is entered and left
 * inside.  OK, DUPLICATE, BUSY, FULL, FAILED, UNKNOWN. */
typedef enum store_result store_create_fn(
    struct store_user *user, struct store_state *state, int64_t deadline_ns);

/* Of what is a write's right to be made? */
enum store_check {
	STORE_TRUSTED, /* of its caller's: store_put() */
	STORE_CHECKED, /* of the version: store_put_if() */
	STORE_DECIDED, /* of what remains: store_take() */
};

/*
 * The write, as store.h says of the three; `*overwrote` is false.  Those whose
 * write is in steps have store_put_in_steps().
 */
typedef enum store_result store_put_fn(struct store_user *user,
    const struct store_state *state, struct store_line *lines, size_t count,
    enum store_check check, int64_t deadline_ns, bool *overwrote);

/* As in store.h; ROW or ADVISORY, and one that the store gives. */
typedef enum store_result store_take_turn_fn(struct store_user *user,
    const char *id, enum store_turn turn, int64_t deadline_ns);
typedef void store_end_turn_fn(struct store_user *user);

#define STORE_TURN_BIT(turn) (1u << (turn))

struct store_impl {
	const char *name;   /* at most 14 of a-z */
	bool many_hosts;    /* sell from it */
	unsigned turns;     /* bits of those that it gives */
	size_t shared_size; /* of what store->shared points to, zeroed */
	store_share_fn *share;
	store_unshare_fn *unshare;
	store_prepare_fn *prepare;
	store_open_fn *open;
	store_close_fn *close;
	store_read_fn *read;
	store_list_fn *list;
	store_tidy_fn *tidy;
	store_find_fn *find;
	store_find_keys_fn *find_keys;
	store_each_fn *each;
	store_copy_fn *copy;
	store_create_fn *create;
	store_put_fn *put;
	store_take_turn_fn *take_turn;
	store_end_turn_fn *end_turn;
	store_begin_fn *begin;
	store_append_fn *append;
	store_remove_fn *remove;
	store_end_fn *end;
};

/*
 * The table: store_rows.c's, or that of a file which a program links in its
 * place.
 */
extern const struct store_impl *const store_rows[];
extern const size_t store_rows_count;

/*
 * All that is in the data directory, beside a service that sells or without
 * one, by a process that has not prepared the store and writes nothing: of
 * each sale its lines, from the first on, and then the sale as the last one
 * leaves it.  That is one moment of each sale, after this was called.  OK,
 * FAILED.
 */
enum store_result store_copy(
    struct store_user *user, const struct store_copy *copy);

/* Shared no-ops, for stores that need nothing there. */
store_close_fn store_do_nothing;       /* also a tidy, and the end of no turn */
store_take_turn_fn store_take_no_turn; /* there is none: FAILED */

/* A put in the steps above; TRUSTED or CHECKED. */
store_put_fn store_put_in_steps;

/* By find, where that is no round trip. */
store_find_keys_fn store_find_each_key;

/* A copy by list and each, for stores whose lines do not change. */
store_copy_fn store_copy_walking;

/* Read the sale again: OK if it is no namesake; else GONE, FAILED. */
enum store_result store_read_same(
    struct store_user *user, const struct store_state *state);

/* That lines want, all together. */
int64_t store_count_seats(const struct store_line *lines, size_t count);

/* The store has decided, when `had` of `capacity` remained: lines get their
 * seats. */
void store_seat(
    struct store_line *lines, size_t count, int64_t had, int64_t capacity);

/* Lines were written behind version `last`, on `base`. */
void store_number(
    struct store_line *lines, size_t count, int64_t base, int64_t last);
store_share_fn store_share_nothing;
store_unshare_fn store_unshare_nothing;

/*
 * Put a message in user->error and return `result`.  UNKNOWN poisons the
 * store: nothing is written any more until the next prepare.
 */
enum store_result store_fail(struct store_user *user, enum store_result result,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with the texts that all stores share: FAILED, and FULL. */
enum store_result store_no_memory(struct store_user *user);
enum store_result store_no_slot(struct store_user *user);

/* In a latch whose last holder was killed: settle what it left. */
typedef enum store_result store_settle_fn(struct store_user *user, void *arg);

/*
 * Enter a latch, a mutex of robust.h in shared memory, which is settled first
 * if need be; NULL: there never is.  What cannot be settled poisons the store,
 * and nobody enters that latch again: recovery makes it anew.
 * OK; else it is not held: BUSY, or FAILED, as always while poisoned.
 */
enum store_result store_latch(struct store_user *user, pthread_mutex_t *latch,
    int64_t deadline_ns, store_settle_fn *settle, void *arg);

/* The sale becomes as the line, its next one, leaves it. */
void store_follow(struct store_state *state, const struct store_line *line);

/* A random number that is not 0: for births and epochs. */
uint64_t store_random(void);

/*
 * Replace the file `path` by `text`, atomically and (if `durable`) for good.
 * 0; else errno and `*call` say what failed.  -1: it is as it was; -2: it is
 * replaced, but that may not last.
 */
int store_replace_file(
    const char *path, const char *text, bool durable, const char **call);

/* fsync a directory: what was made or renamed in it lasts.  0, or -1 with
 * errno set. */
int store_sync_dir(const char *dir);

/* The same for the directory that `path`, which is cut, is in. */
int store_sync_dir_of(char *path);

/* Names the store that made a data directory; what has none is nobody's. */
#define STORE_OWNER_FILE ".store"

#endif
