/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking, and what it means that there was no answer, or another one. */
#include "storage/postgres/postgres.h"

#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

struct postgres_own *
postgres_own(const struct store_user *user)
{
	return user->own;
}

struct postgres_shared *
postgres_shared(const struct store_user *user)
{
	return user->store->shared;
}

const struct session_statement postgres_commit = {.text = "COMMIT"};

int64_t
postgres_number(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

int64_t
postgres_state(const PGresult *result, int row, struct store_state *state)
{
	struct store_settings *settings = &state->settings;

	memset(state, 0, sizeof(*state));
	snprintf(settings->id, STORE_ID_SIZE, "%s", PQgetvalue(result, row, 1));
	state->slot = (unsigned)postgres_number(result, row, 2);
	state->birth = (uint64_t)postgres_number(result, row, 3);
	state->epoch = (uint64_t)postgres_number(result, row, 4);
	settings->capacity = postgres_number(result, row, 5);
	state->remaining = postgres_number(result, row, 6);
	state->version = postgres_number(result, row, 7);
	snprintf(
	    settings->lock, STORE_LOCK_SIZE, "%s", PQgetvalue(result, row, 8));
	settings->delay_min_ms = postgres_number(result, row, 9);
	settings->delay_max_ms = postgres_number(result, row, 10);
	state->highest = postgres_number(result, row, 11);
	return postgres_number(result, row, 0);
}

/* ------------------------------------------------------------------ asks -- */

/* Whoever asks finds out for all whether the database is there. */
static void
note_reached(struct store_user *user, enum session_end end)
{
	atomic_store(user->store->is_down,
	    end == SESSION_UNREACHED || end == SESSION_LOST);
}

enum session_end
postgres_run(struct store_user *user, struct session_run *runs, size_t count,
    int64_t deadline_ns)
{
	struct session *session = postgres_own(user)->session;
	const bool alone = !session_in_transaction(session);
	enum session_end end;

	do
		end = session_run(session, runs, count, deadline_ns);
	while (alone && end == SESSION_AGAIN && clock_now_ns() < deadline_ns);
	note_reached(user, end);
	return end;
}

/* By what SQLSTATE says; nothing was done. */
static enum store_result
refusal_of(struct store_user *user)
{
	static const struct {
		const char *state;
		enum store_result result;
	} refusals[] = {
	    {"23505", STORE_DUPLICATE}, /* unique_violation */
	    {"55P03", STORE_BUSY},      /* lock_not_available */
	    {"57014", STORE_BUSY},      /* query_canceled */
	    {"40001", STORE_CONFLICT},  /* serialization_failure */
	    {"40P01", STORE_CONFLICT},  /* deadlock_detected */
	    {"53100", STORE_FULL},      /* disk_full */
	};
	struct session *session = postgres_own(user)->session;
	const char *state = session_state(session);
	size_t i;

	store_fail(user, STORE_FAILED, "the database refuses it: %s",
	    session_error(session));
	/* It became a standby: another one may be the primary now. */
	if (strcmp(state, "25006") == 0)
		session_drop(session);
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (strcmp(state, refusals[i].state) == 0)
			return refusals[i].result;
	return STORE_FAILED;
}

enum store_result
postgres_fail(struct store_user *user, enum session_end end)
{
	const char *error = session_error(postgres_own(user)->session);

	switch (end) {
	case SESSION_REFUSED:
		return refusal_of(user);
	case SESSION_AGAIN:
		return STORE_CONFLICT;
	default:
		return store_fail(user, STORE_FAILED,
		    "the database cannot be reached: %s", error);
	}
}

enum store_result
postgres_doubt(struct store_user *user)
{
	store_fail(user, STORE_FAILED, "the database did not answer: %s",
	    session_error(postgres_own(user)->session));
	return STORE_UNKNOWN;
}

enum store_result
postgres_read(struct store_user *user, struct session_run *runs, size_t count)
{
	const int64_t deadline_ns = clock_now_ns() + READ_NS;
	const bool alone = !session_in_transaction(postgres_own(user)->session);
	enum session_end end;

	do
		end = postgres_run(user, runs, count, deadline_ns);
	while (alone && end == SESSION_LOST && clock_now_ns() < deadline_ns);
	if (end == SESSION_DONE || end == SESSION_UNSYNCED)
		return STORE_OK;
	postgres_fail(user, end);
	return STORE_FAILED;
}
