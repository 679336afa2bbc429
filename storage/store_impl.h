/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For those who implement a store; callers include store.h, where each slot's
 * results stand beside its wrapper.
 */
#ifndef STORE_IMPL_H
#define STORE_IMPL_H

#include <stdatomic.h>
#include <stdio.h>

#include "storage/store.h"

struct store_impl;

/* What the supervisor makes and all processes share, besides `shared`. */
struct store {
	const struct store_impl *impl;
	const char *dir;
	void *shared; /* the implementation's, shared memory */
	void *local;  /* the implementation's, each process's own */
	_Atomic bool *is_poisoned; /* shared memory */
};

struct store_user {
	struct store *store;
	void *own; /* the implementation's */
	char error[256];
};

/* A write, trusting or checked. */
struct store_commit {
	const struct store_state *state;
	struct store_line *lines;
	size_t count;
	int64_t deadline_ns;
	bool checked;   /* refuse when the version is not state's */
	bool overwrote; /* set by the write: others wrote since the read */
};

/* Supervisor: `store->shared` and `->local`.  0, or -1 with errno set. */
typedef int store_share_fn(struct store *store);
typedef void store_unshare_fn(struct store *store);

/* Child.  A poisoned store is told by store_poisoned(). */
typedef int store_prepare_fn(
    struct store *store, char *error, size_t error_size);

/* Any thread: `user->own`.  0, or -1 with user->error set. */
typedef int store_open_fn(struct store_user *user);
typedef void store_close_fn(struct store_user *user);

typedef enum store_result store_read_fn(
    struct store_user *user, const char *id, struct store_state *state);
typedef void store_abandon_fn(
    struct store_user *user, const struct store_state *state);
typedef enum store_result store_write_fn(
    struct store_user *user, struct store_commit *commit);
typedef enum store_result store_find_fn(struct store_user *user,
    const struct store_state *state, enum store_by by, const char *value,
    store_visit_fn *visit, void *arg);
typedef enum store_result store_each_fn(struct store_user *user,
    const struct store_state *state, int64_t after, store_visit_fn *visit,
    void *arg);
typedef enum store_result store_create_fn(struct store_user *user,
    const struct store_settings *settings, int64_t deadline_ns);
typedef enum store_result store_configure_fn(struct store_user *user,
    struct store_state *state, const struct store_change *change,
    int64_t deadline_ns);
typedef enum store_result store_remove_fn(struct store_user *user,
    const struct store_state *state, int64_t deadline_ns);
typedef enum store_result store_list_fn(
    struct store_user *user, store_sale_fn *visit, void *arg);
typedef void store_tidy_fn(struct store_user *user);

struct store_impl {
	const char *name;
	store_share_fn *share;
	store_unshare_fn *unshare;
	store_prepare_fn *prepare;
	store_open_fn *open;
	store_close_fn *close;
	store_read_fn *read;
	store_abandon_fn *abandon;
	store_write_fn *write;
	store_find_fn *find;
	store_each_fn *each;
	store_create_fn *create;
	store_configure_fn *configure;
	store_remove_fn *remove;
	store_list_fn *list;
	store_tidy_fn *tidy;
};

extern const struct store_impl store_json;
extern const struct store_impl store_sqlite;

store_abandon_fn store_abandon_nothing;

/* Put a message in user->error and return `result`. */
enum store_result store_fail(struct store_user *user, enum store_result result,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Nothing is written any more until the next prepare; returns UNKNOWN. */
enum store_result store_poison(struct store_user *user, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* FAILED: poisoned, and nothing may be written. */
enum store_result store_refuse_poisoned(struct store_user *user);

/* A random number that is not 0: for births and epochs. */
uint64_t store_random(void);

/* What the next write leaves in the counter after a recount. */
int64_t store_highest_seat(
    struct store_user *user, const struct store_state *state);

/*
 * The ledger lines that a change makes, at most two, decided on `state`:
 * how many were put in `lines`.
 */
size_t store_change_lines(const struct store_state *state,
    const struct store_change *change, int64_t highest_seat,
    struct store_line lines[2]);

/*
 * Number `lines` behind `last`, the ledger's last version; true if others
 * wrote since `commit->state` was read.
 */
bool store_number(
    struct store_line *lines, size_t count, int64_t base, int64_t last);

/*
 * Replace `dir`/`name` by `text`, atomically and (if `durable`) for good.
 * 0, or -1 with errno set.
 */
int store_replace_file(
    const char *dir, const char *name, const char *text, bool durable);
int store_sync_dir(const char *dir);

#endif
