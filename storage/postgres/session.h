/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread's session with PostgreSQL, by libpq.  It connects when it is
 * first needed, and again after it was lost; between two tries that failed it
 * waits a while (back-off) and says so at once.  Nothing here blocks beyond
 * its deadline, but for the look-up of a host's name.
 *
 * What is sent at once is one round trip (libpq's pipeline mode) and, without
 * a BEGIN of its own, one transaction: all of it or nothing.
 *
 * Statements are prepared by the server when they are first run.  A pooler
 * between transactions (PgBouncer) gives each of them another server, which
 * does not know them: then they are sent as text from there on.
 */
#ifndef POSTGRES_SESSION_H
#define POSTGRES_SESSION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_VALUES_MAX 32 /* of one statement */
#define SESSION_RUNS_MAX 4    /* statements in one round trip */

/* SQL with $1, $2 …  The server keeps those that are not run only once. */
struct session_statement {
	const char *text;
	bool once;
};

#define SESSION_STATEMENTS_MAX 32 /* that it keeps; others do not run */

/* A statement, by address, and its values; `lengths` are those of binary ones.
 */
struct session_run {
	const struct session_statement *statement;
	int count;
	const char *values[SESSION_VALUES_MAX]; /* NULL: null */
	int lengths[SESSION_VALUES_MAX];
	int formats[SESSION_VALUES_MAX]; /* 0: text, 1: binary */
	PGresult *result; /* set by session_run(), freed by session_clear() */
};

enum session_end {
	SESSION_DONE = 0,
	SESSION_UNSYNCED,  /* done, but no standby has confirmed it */
	SESSION_REFUSED,   /* by the server: nothing was done; see the state */
	SESSION_AGAIN,     /* nothing was done, and at once it may go well */
	SESSION_UNREACHED, /* nothing was sent */
	SESSION_LOST,      /* no answer: it may or may not be done */
};

struct session;

/* NULL: no memory.  `conninfo` is kept, not copied. */
struct session *session_new(const char *conninfo);
void session_free(struct session *session);

/*
 * Send these and wait for all of them.  Unless it is done, runs have no
 * results.  SESSION_LOST and SESSION_UNREACHED have closed the connection.
 */
enum session_end session_run(struct session *session, struct session_run *runs,
    size_t count, int64_t deadline_ns);

/* Let go of the results. */
void session_clear(struct session_run *runs, size_t count);

/* Is a transaction open?  One that failed is, too. */
bool session_in_transaction(const struct session *session);

/* End the transaction that is open, if one is: nothing of it was done. */
void session_roll_back(struct session *session, int64_t deadline_ns);

/* Forget the connection: what the server does with it is its own affair. */
void session_drop(struct session *session);

/* Why the last run was not done: one line. */
const char *session_error(const struct session *session);

/* The five characters of SQLSTATE of the last one that was REFUSED, and the
 * constraint that it broke, "" if none. */
const char *session_state(const struct session *session);
const char *session_constraint(const struct session *session);

#endif
