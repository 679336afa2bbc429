/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder share; see README.md. */
#ifndef POSTGRES_H
#define POSTGRES_H

#include <inttypes.h>

#include "storage/postgres/pack.h"
#include "storage/postgres/session.h"
#include "storage/store_impl.h"

#define READ_NS (2 * INT64_C(1000000000)) /* a read waits no longer */

/* What the supervisor makes: store->shared.  Written by prepare alone. */
struct postgres_shared {
	unsigned host;     /* our number in the table host */
	bool has_advisory; /* its advisory locks do lock */
};

/* A thread's: user->own. */
struct postgres_own {
	struct session *session;
	struct pack pack;
	int64_t number;  /* of the sale that was read last */
	int64_t tidy_ns; /* not before */
	/* Since take_turn(), which is its transaction, until its end. */
	bool in_turn, has_seen;
	struct store_state seen; /* what it read then, until that is told */
};

struct postgres_own *postgres_own(const struct store_user *user);
struct postgres_shared *postgres_shared(const struct store_user *user);

/* ------------------------------------------------------------ statements -- */

#define SALE_COLUMNS                                                           \
	"number, id, slot, birth, epoch, capacity, remaining, version,"        \
	" lock, delay_min_ms, delay_max_ms, highest"

/* A number, as text. */
int64_t postgres_number(const PGresult *result, int row, int column);

/* The sale in a row of SALE_COLUMNS; its number is returned. */
int64_t postgres_state(
    const PGresult *result, int row, struct store_state *state);

/* Of the id and birth that are $1 and $2; none: it is gone. */
#define THE_NUMBER "(SELECT number FROM sale WHERE id = $1 AND birth = $2)"

/* ------------------------------------------------------------------ asks -- */

/*
 * Run these, of which nothing but the answer matters, once more if need be.
 * OK, or FAILED with user->error.  session_clear() is the caller's.
 */
enum store_result postgres_read(
    struct store_user *user, struct session_run *runs, size_t count);

extern const struct session_statement postgres_commit;

/*
 * Run these, as part of a write: once, but for what was not done and may go
 * well at once.  AGAIN is left within a transaction, which is lost.
 */
enum session_end postgres_run(struct store_user *user, struct session_run *runs,
    size_t count, int64_t deadline_ns);

/* What a run that was not done means for a write that did nothing. */
enum store_result postgres_fail(struct store_user *user, enum session_end end);

/* A write of which nobody knows whether it is done.  Others can go on. */
enum store_result postgres_doubt(struct store_user *user);

#endif
