/* SPDX-License-Identifier: BSD-2-Clause */
/* Never blocking: each wait is a poll() up to the deadline. */
#include "storage/postgres/session.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

/* After one try that failed; doubled for each further one. */
#define BACK_OFF_NS (50 * NS_PER_MS)
#define BACK_OFF_MOST_NS NS_PER_SEC

/* What the server answers with, if the deadline lets it. */
#define GRACE_NS (200 * NS_PER_MS)

struct session {
	const char *conninfo;
	PGconn *conn; /* NULL: there is none */
	/* Those that were run: the i-th has the name "t<i>", and the server
	 * may know it already. */
	const struct session_statement *known[SESSION_STATEMENTS_MAX + 1];
	bool prepared[SESSION_STATEMENTS_MAX];
	bool pooled; /* statements are sent as text */
	bool unsynced;
	int64_t back_off_ns, again_ns; /* not before */
	char error[256], state[6], constraint[64];
};

/*
 * How a session is.  What its role or database has been given must not undo
 * what the store promises: a statement_timeout cancels the wait for a standby,
 * and a transaction that sees an old snapshot would decide on it.
 */
static const char settings[] =
    "SELECT set_config(name, value, false) FROM (VALUES"
    " ('client_encoding', 'UTF8'),"
    " ('default_transaction_isolation', 'read committed'),"
    " ('statement_timeout', '0'),"
    " ('lock_timeout', '1s'),"
    " ('idle_in_transaction_session_timeout', '5s'),"
    " ('synchronous_commit', CASE current_setting('synchronous_commit')"
    "  WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END))"
    " AS s (name, value)";

struct session *
session_new(const char *conninfo)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session != NULL)
		session->conninfo = conninfo;
	return session;
}

void
session_drop(struct session *session)
{
	PQfinish(session->conn);
	session->conn = NULL;
	memset(session->prepared, 0, sizeof(session->prepared));
}

void
session_free(struct session *session)
{
	if (session == NULL)
		return;
	session_drop(session);
	free(session);
}

const char *
session_error(const struct session *session)
{
	return session->error;
}

const char *
session_state(const struct session *session)
{
	return session->state;
}

const char *
session_constraint(const struct session *session)
{
	return session->constraint;
}

/* One line of what libpq says in several. */
static void
note_error(struct session *session, const char *text)
{
	size_t i;

	snprintf(session->error, sizeof(session->error), "%s", text);
	for (i = strlen(session->error);
	     i > 0 && strchr("\n ", session->error[i - 1]) != NULL; i--)
		session->error[i - 1] = '\0';
	for (i = 0; session->error[i] != '\0'; i++)
		if (session->error[i] == '\n' || session->error[i] == '\t')
			session->error[i] = ' ';
}

static enum session_end
fail(struct session *session, enum session_end end, const char *text)
{
	note_error(session, text);
	session_drop(session);
	return end;
}

/* False: not before the deadline. */
static bool
wait_for(const struct session *session, short events, int64_t deadline_ns)
{
	struct pollfd fd = {.fd = PQsocket(session->conn), .events = events};
	int64_t left_ns;
	int rc;

	do {
		left_ns = deadline_ns - clock_now_ns();
		if (left_ns < 0)
			left_ns = 0;
		rc = poll(&fd, 1, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
	} while (rc == -1 && errno == EINTR);
	return rc > 0;
}

/* ------------------------------------------------------------ connecting -- */

/*
 * A commit that waits for a synchronous standby and is told to stop waiting is
 * done, and the server says so as if all were well, but for this warning: it
 * is on one machine only.
 */
static void
on_notice(void *arg, const PGresult *result)
{
	const char *source =
	    PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
	struct session *session = arg;

	if (source != NULL && strcmp(source, "SyncRepWaitForLSN") == 0)
		session->unsynced = true;
}

#define TOO_LATE "it does not answer in time"

/* NULL: it is there; or why it is not. */
static const char *
poll_connection(struct session *session, int64_t deadline_ns)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED)
			return PQerrorMessage(session->conn);
		if (!wait_for(session,
			status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
			deadline_ns))
			return TOO_LATE;
		status = PQconnectPoll(session->conn);
	}
	return NULL;
}

static enum session_end take_results(struct session *session,
    struct session_run *runs, size_t count, int64_t deadline_ns);

static enum session_end
set_up(struct session *session, int64_t deadline_ns)
{
	struct session_run run = {0};
	enum session_end end;

	if (PQsetnonblocking(session->conn, 1) != 0 ||
	    !PQenterPipelineMode(session->conn) ||
	    !PQsendQueryParams(
		session->conn, settings, 0, NULL, NULL, NULL, NULL, 0) ||
	    !PQpipelineSync(session->conn))
		return SESSION_LOST;
	end = take_results(session, &run, 1, deadline_ns);
	session_clear(&run, 1);
	return end;
}

static enum session_end
connect_now(struct session *session, int64_t deadline_ns)
{
	enum session_end end;
	const char *why;

	session->conn = PQconnectStart(session->conninfo);
	if (session->conn == NULL)
		return fail(session, SESSION_UNREACHED, "out of memory");
	why = PQstatus(session->conn) == CONNECTION_BAD
		  ? PQerrorMessage(session->conn)
		  : poll_connection(session, deadline_ns);
	if (why != NULL)
		return fail(session, SESSION_UNREACHED, why);
	PQsetNoticeReceiver(session->conn, on_notice, session);
	end = set_up(session, deadline_ns);
	if (end == SESSION_DONE)
		return end;
	if (session->conn != NULL)
		session_drop(session);
	return SESSION_UNREACHED;
}

/*
 * A server that went away said so, or closed the connection.  Nothing else
 * comes to one that waits for nothing, but what a reload of its settings says.
 */
static bool
is_alive(const struct session *session)
{
	return session->conn != NULL &&
	       PQstatus(session->conn) == CONNECTION_OK &&
	       (session_in_transaction(session) ||
		   !wait_for(session, POLLIN, 0));
}

static enum session_end
connect_if_due(struct session *session, int64_t deadline_ns)
{
	enum session_end end;

	if (is_alive(session))
		return SESSION_DONE;
	session_drop(session);
	if (clock_now_ns() < session->again_ns)
		return SESSION_UNREACHED; /* for the reason it was */
	end = connect_now(session, deadline_ns);
	if (end == SESSION_DONE) {
		session->back_off_ns = 0;
		return end;
	}
	session->back_off_ns =
	    session->back_off_ns == 0 ? BACK_OFF_NS : 2 * session->back_off_ns;
	if (session->back_off_ns > BACK_OFF_MOST_NS)
		session->back_off_ns = BACK_OFF_MOST_NS;
	session->again_ns = clock_now_ns() + session->back_off_ns;
	return end;
}

/* --------------------------------------------------------------- sending -- */

/* A statement's number; -1: it has none, and is sent as text. */
static int
number_of(struct session *session, const struct session_statement *statement)
{
	int i;

	if (statement == NULL || statement->once || session->pooled)
		return -1;
	for (i = 0; session->known[i] != statement; i++)
		if (session->known[i] == NULL) {
			session->known[i] = statement;
			break;
		}
	assert(i < SESSION_STATEMENTS_MAX);
	return i;
}

static bool
send_one(struct session *session, const struct session_run *run)
{
	const struct session_statement *statement = run->statement;
	const int number = number_of(session, statement);
	char name[16];

	if (number == -1)
		return PQsendQueryParams(session->conn, statement->text,
		    run->count, NULL, run->values, run->lengths, run->formats,
		    0);
	snprintf(name, sizeof(name), "t%d", number);
	if (!session->prepared[number] &&
	    !PQsendPrepare(session->conn, name, statement->text, 0, NULL))
		return false;
	return PQsendQueryPrepared(session->conn, name, run->count, run->values,
	    run->lengths, run->formats, 0);
}

/* The next result of the pipeline; NULL: the connection is gone, or the
 * deadline came. */
static PGresult *
next_result(struct session *session, int64_t deadline_ns)
{
	PGresult *result;

	for (;;) {
		while (PQisBusy(session->conn)) {
			const int rc = PQflush(session->conn);

			if (rc == -1 ||
			    !wait_for(session,
				rc == 1 ? POLLIN | POLLOUT : POLLIN,
				deadline_ns) ||
			    !PQconsumeInput(session->conn))
				return NULL;
		}
		result = PQgetResult(session->conn);
		if (result != NULL)
			return result;
		if (PQstatus(session->conn) != CONNECTION_OK)
			return NULL;
	}
}

static void
note_refusal(struct session *session, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *what = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *constraint =
	    PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	note_error(session, what != NULL ? what : PQresultErrorMessage(result));
	snprintf(session->state, sizeof(session->state), "%s",
	    state != NULL ? state : "");
	snprintf(session->constraint, sizeof(session->constraint), "%s",
	    constraint != NULL ? constraint : "");
}

/* Does the server end the session with it? */
static bool
is_fatal(const PGresult *result)
{
	const char *severity =
	    PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity != NULL && strcmp(severity, "ERROR") != 0;
}

static bool
is_error(const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		return false;
	default:
		return true;
	}
}

/* What follows from an error that the server sent. */
static enum session_end
end_after(struct session *session, const PGresult *result)
{
	note_refusal(session, result);
	/* It had waited too long within a transaction, which is undone. */
	if (strcmp(session->state, "25P03") == 0) {
		session_drop(session);
		return SESSION_AGAIN;
	}
	if (is_fatal(result)) {
		session_drop(session);
		return SESSION_LOST;
	}
	/* No such prepared statement, or there is one: a pooler's server. */
	if (strcmp(session->state, "26000") == 0 ||
	    strcmp(session->state, "42P05") == 0) {
		session->pooled = true;
		return SESSION_AGAIN;
	}
	return SESSION_REFUSED;
}

/* The results of one run, which may begin with that of its PREPARE. */
static enum session_end
take_one(struct session *session, struct session_run *run, int64_t deadline_ns)
{
	const int number = number_of(session, run->statement);
	bool preparing = number != -1 && !session->prepared[number];
	enum session_end end;
	PGresult *result;

	for (;;) {
		result = next_result(session, deadline_ns);
		if (result == NULL)
			return fail(session, SESSION_LOST,
			    PQstatus(session->conn) == CONNECTION_OK
				? TOO_LATE
				: PQerrorMessage(session->conn));
		if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
			PQclear(result);
			return SESSION_REFUSED; /* by an earlier one */
		}
		if (is_error(result)) {
			end = end_after(session, result);
			PQclear(result);
			return end;
		}
		if (!preparing)
			break;
		session->prepared[number] = true;
		preparing = false;
		PQclear(result);
	}
	run->result = result;
	return SESSION_DONE;
}

/* Up to the end of the round trip. */
static enum session_end
drain(struct session *session, int64_t deadline_ns)
{
	PGresult *result;
	bool is_sync;

	do {
		result = next_result(session, deadline_ns);
		if (result == NULL)
			return fail(session, SESSION_LOST, TOO_LATE);
		is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		PQclear(result);
	} while (!is_sync);
	return SESSION_DONE;
}

static enum session_end
take_results(struct session *session, struct session_run *runs, size_t count,
    int64_t deadline_ns)
{
	enum session_end end = SESSION_DONE, drained;
	size_t i;

	deadline_ns += GRACE_NS;
	for (i = 0; i < count && end == SESSION_DONE; i++)
		end = take_one(session, &runs[i], deadline_ns);
	if (session->conn == NULL)
		return end;
	drained = drain(session, deadline_ns);
	if (drained != SESSION_DONE)
		return drained;
	return end == SESSION_DONE && session->unsynced ? SESSION_UNSYNCED
							: end;
}

static enum session_end
run_once(struct session *session, struct session_run *runs, size_t count,
    int64_t deadline_ns)
{
	const bool was_in = session_in_transaction(session);
	enum session_end end;
	size_t i;

	/* What a lost connection had begun is undone, and cannot go on. */
	if (was_in && PQstatus(session->conn) != CONNECTION_OK)
		return fail(session, SESSION_AGAIN, "the connection was lost");
	end = connect_if_due(session, deadline_ns);
	if (end != SESSION_DONE)
		return end;
	session->unsynced = false;
	for (i = 0; i < count; i++)
		if (!send_one(session, &runs[i]))
			return fail(session, SESSION_LOST,
			    PQerrorMessage(session->conn));
	if (!PQpipelineSync(session->conn))
		return fail(
		    session, SESSION_LOST, PQerrorMessage(session->conn));
	return take_results(session, runs, count, deadline_ns);
}

enum session_end
session_run(struct session *session, struct session_run *runs, size_t count,
    int64_t deadline_ns)
{
	enum session_end end;

	end = run_once(session, runs, count, deadline_ns);
	if (end != SESSION_DONE && end != SESSION_UNSYNCED)
		session_clear(runs, count);
	return end;
}

void
session_clear(struct session_run *runs, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		PQclear(runs[i].result);
		runs[i].result = NULL;
	}
}

bool
session_in_transaction(const struct session *session)
{
	const PGTransactionStatusType status =
	    session->conn == NULL ? PQTRANS_IDLE
				  : PQtransactionStatus(session->conn);

	return status == PQTRANS_INTRANS || status == PQTRANS_INERROR ||
	       status == PQTRANS_ACTIVE;
}

void
session_roll_back(struct session *session, int64_t deadline_ns)
{
	static const struct session_statement rollback = {"ROLLBACK", true};
	struct session_run run = {.statement = &rollback};

	if (!session_in_transaction(session))
		return;
	if (session_run(session, &run, 1, deadline_ns) != SESSION_DONE)
		session_drop(session);
	session_clear(&run, 1);
}
