/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where sales are kept.  A store keeps, for each sale, its settings and its
 * ledger: one line for each receipt, numbered 1, 2, 3 … without gaps.
 *
 *     supervisor   store_new()      before any fork: what processes share
 *     a child      store_prepare()  checks, creates, recovers; then exits
 *     any thread   store_open()     after the fork, one for each thread
 *                  store_read() … store_put() or store_put_if()
 *                  store_close()
 *     supervisor   store_free()     when no worker is left
 *
 * Two writes on purpose.  store_put() trusts that its caller excluded the
 * others between read and write; store_put_if() trusts nobody and refuses when
 * the version is not the one that was read.  If both checked, every strategy
 * and none would look right.
 *
 * Every write runs under the store's *latch*, a short robust mutex between
 * processes that never spans a read and its write.  What it gives, under
 * every strategy and under none:
 *
 *   1. versions are the store's: last + 1, no gaps, whatever was read;
 *   2. a write that was decided under other settings is refused (epoch);
 *   3. a key is on one line of a sale at most;
 *   4. a line is durable before anybody but the latch's holder can see it;
 *   5. a line is whole or absent, also when its writer is killed, and so is
 *      a change; unless the supervisor dies as well, so is the whole write.
 *
 * What it does not give is that `remaining` is right: it is the number that
 * the last writer says it is.  That is the lock's part.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_ID_SIZE 65    /* a sale's id: 1 to 64 of a-z 0-9 - _, and NUL */
#define STORE_LOCK_SIZE 16  /* a strategy's name, and NUL */
#define STORE_ORDER_SIZE 37 /* an order's id, a UUID as text, and NUL */
#define STORE_SALES_MAX 4096
#define STORE_CAPACITY_MAX 10000000 /* tickets in one sale */

enum store_result {
	STORE_OK = 0,
	STORE_CONFLICT,  /* the version is not the one that was read */
	STORE_MOVED,     /* the settings are not those that were read */
	STORE_DUPLICATE, /* a line bears the key; or the sale exists already */
	STORE_GONE,      /* no such sale, or no such order */
	STORE_BUSY,      /* the deadline came first; nothing was written */
	STORE_FULL,      /* no space (or no slot); nothing was written */
	STORE_FAILED,    /* nothing was written; store_error() says why */
	STORE_UNKNOWN,   /* it may or may not be on disk: store is poisoned */
};

/* A sale's settings, as far as they are chosen. */
struct store_settings {
	char id[STORE_ID_SIZE];
	int64_t capacity;
	char lock[STORE_LOCK_SIZE]; /* the strategy; text to the store */
	int64_t delay_min_ms, delay_max_ms;
};

/* One sale at one moment; what a write is decided on. */
struct store_state {
	struct store_settings settings;
	uint64_t birth; /* random, new at create: tells namesakes apart */
	uint64_t epoch; /* random, new at create and at configure */
	unsigned slot;  /* the sale's number among at most STORE_SALES_MAX */
	int64_t remaining;
	int64_t version; /* of the last line, 0: none */
	int64_t highest; /* the highest seat that was sold, 0: none */
};

enum store_kind {
	STORE_SOLD = 0,
	STORE_RECOUNTED, /* remaining set to capacity - highest seat */
	STORE_RAISED,    /* capacity raised */
};

/*
 * One line of a ledger.  To a write the caller owns what it points to; in a
 * visit the store does, until the visit returns.
 */
struct store_line {
	enum store_kind kind;
	int64_t version; /* set by the write */
	int64_t base;    /* the version that was read; set by the write */
	unsigned nth;    /* 1, 2 … within its write; set by the write */
	int64_t seat;    /* the first seat; they are seat … seat+quantity-1 */
	int64_t quantity;
	int64_t remaining; /* after this line */
	int64_t capacity;  /* at this line */
	char order[STORE_ORDER_SIZE];
	const char *buyer;
	const char *key; /* NULL: none */
	const char *lock;
	unsigned host; /* set by the write; 0: the store has one host */
	unsigned worker, clerk; /* who wrote it, from 1 */
	int64_t sold_at_ms;     /* wall clock, since 1970 */
	const char *trail;      /* JSON text, a list */
};

/* False stops the walk.  A visit must not call the store. */
typedef bool store_visit_fn(const struct store_line *line, void *arg);
typedef bool store_sale_fn(const struct store_state *state, void *arg);

enum store_by { STORE_BY_ORDER, STORE_BY_KEY };

/* What store_configure() sets; start from the state's settings. */
struct store_change {
	struct store_settings settings; /* id ignored */
	bool recount;      /* set remaining to capacity - highest seat */
	bool same_version; /* CONFLICT if the ledger has grown, too */
	const char *trail; /* JSON text for the lines this makes */
	int64_t at_ms;     /* wall clock */
};

/*
 * A turn that a store gives, of its own; a strategy's name is the same.  ROW
 * and ADVISORY are a transaction from take_turn() on, which ends with the
 * write; ATOMIC is none: the write itself decides (store_take()).
 */
enum store_turn {
	STORE_TURN_NONE = 0,
	STORE_TURN_ROW,
	STORE_TURN_ADVISORY,
	STORE_TURN_ATOMIC,
};

struct store;      /* one data directory */
struct store_user; /* one thread's handles to it */

/* Is there a store of that kind? */
bool store_known(const char *kind);

/* The kinds there are: the i-th from 0, NULL behind the last. */
const char *store_at(size_t i);

/* Does a store of that kind (known, asserted) give such turns?  NONE: yes. */
bool store_gives(const char *kind, enum store_turn turn);

/* Do several hosts sell from it, each with locks of its own? */
bool store_has_hosts(const char *kind);

/* 1 to 64 of a-z 0-9 - _ ? */
bool store_id_is_valid(const char *id);

/*
 * Supervisor, before any fork: make what processes share.  `kind` is known
 * (asserted); `dir` is kept, not copied.  NULL with errno set.
 */
struct store *store_new(const char *kind, const char *dir);
void store_free(struct store *store);

/* Supervisor, before the prepare: where the database of a store with hosts
 * is.  Kept, not copied. */
void store_set_database(struct store *store, const char *database);
const char *store_kind(const struct store *store);
const char *store_kind_of(const struct store_user *user);

/*
 * Whose data directory it is: the kind of its store.  NULL with one line in
 * `error`: nobody's, or that of a store that there is not.
 */
const char *store_owner(const char *dir, char *error, size_t error_size);

/* In a data directory: who uses it has the flock(2) on this file.  No store
 * touches it. */
#define STORE_LOCK_FILE ".lock"

/*
 * In a child that then exits, while nobody else has the store open: check
 * what is there, create what is missing, settle what was half written.
 * Again after a poisoning, which it ends.  0, or -1 with one line in `error`.
 */
int store_prepare(struct store *store, char *error, size_t error_size);

/* A write's outcome is unknown; nothing more is written until a prepare. */
bool store_poisoned(const struct store *store);

/* A database cannot be reached, as whoever asked it last found out. */
bool store_is_down(const struct store *store);

/* As after such a write: nobody can open it.  Any process. */
void store_poison(struct store *store);

/* NULL with one line in `error`. */
struct store_user *store_open(
    struct store *store, char *error, size_t error_size);
void store_close(struct store_user *user);

/* The text to the last STORE_FAILED, STORE_FULL or STORE_UNKNOWN. */
const char *store_error(const struct store_user *user);

/*
 * Take the store's turn at a sale, ROW or ADVISORY; nobody else has it until
 * store_end_turn(), or until a write ended, however it did.  OK, GONE, BUSY,
 * FAILED.  A turn may be lost meanwhile: then the write says CONFLICT.
 */
enum store_result store_take_turn(struct store_user *user, const char *id,
    enum store_turn turn, int64_t deadline_ns);
void store_end_turn(struct store_user *user);

/* OK, GONE or FAILED. */
enum store_result store_read(
    struct store_user *user, const char *id, struct store_state *state);

/*
 * Append `count` lines, at least 1 (asserted), that were decided on `state`;
 * the counter becomes the last line's `remaining`.  On OK the lines bear their
 * versions, and
 * `*overwrote` says whether others had written since `state` was read.
 * OK, CONFLICT (put_if only), MOVED, DUPLICATE, GONE, BUSY, FULL, FAILED,
 * UNKNOWN.
 */
enum store_result store_put(struct store_user *user,
    const struct store_state *state, struct store_line *lines, size_t count,
    int64_t deadline_ns, bool *overwrote);
enum store_result store_put_if(struct store_user *user,
    const struct store_state *state, struct store_line *lines, size_t count,
    int64_t deadline_ns);

/*
 * ATOMIC: the write decides.  If as many tickets remain as the lines want, all
 * of them get seats, which are set, with `remaining` and `capacity`; else
 * CONFLICT, and none does.  Their base is the version that it decided on,
 * whatever was read.  The rest is as in store_put().
 */
enum store_result store_take(struct store_user *user,
    const struct store_state *state, struct store_line *lines, size_t count,
    int64_t deadline_ns);

/* The line that bears the order's id, or the key.  OK, GONE, FAILED. */
enum store_result store_find(struct store_user *user,
    const struct store_state *state, enum store_by by, const char *value,
    store_visit_fn *visit, void *arg);

/* The lines that bear one of the keys, in no order.  OK, also if there are
 * none; FAILED. */
enum store_result store_find_keys(struct store_user *user,
    const struct store_state *state, const char *const *keys, size_t count,
    store_visit_fn *visit, void *arg);

/*
 * The lines after version `after`, from 0 on, and up to that of `state`, which
 * is what makes it one snapshot; none if `after` is that version or above.
 * However long it is, no latch and no snapshot of the store's is kept for all
 * of it.  OK, GONE (perhaps after some lines), FAILED.
 */
enum store_result store_each(struct store_user *user,
    const struct store_state *state, int64_t after, store_visit_fn *visit,
    void *arg);

/*
 * Open a sale.  `*state` becomes that of the new one, whatever others do to it
 * before this returns.  OK, DUPLICATE, BUSY, FULL, FAILED, UNKNOWN.
 */
enum store_result store_create(struct store_user *user,
    const struct store_settings *settings, int64_t deadline_ns,
    struct store_state *state);

/*
 * Change settings that were read with `state`: a new epoch, and a line for
 * each change of the counter.  The capacity never falls (asserted).  From the
 * moment it returns nothing that was decided before can be written.  `*state`
 * becomes the new one.  OK, MOVED, CONFLICT (same_version only), GONE, BUSY,
 * FULL, FAILED, UNKNOWN.
 */
enum store_result store_configure(struct store_user *user,
    struct store_state *state, const struct store_change *change,
    int64_t deadline_ns);

/*
 * Delete the sale that was read with `state`, if neither its settings nor
 * its ledger changed since.  OK, MOVED, CONFLICT, GONE, BUSY, FAILED,
 * UNKNOWN.
 */
enum store_result store_remove(struct store_user *user,
    const struct store_state *state, int64_t deadline_ns);

/* All sales, in no order.  OK or FAILED. */
enum store_result store_list(
    struct store_user *user, store_sale_fn *visit, void *arg);

/* What can wait: views for people, checkpoints.  Cheap when idle. */
void store_tidy(struct store_user *user);

#endif
