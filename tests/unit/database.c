/* SPDX-License-Identifier: BSD-2-Clause */
/* Without libpq there is no store that would ask. */
#include "tests/unit/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBPQ
#include <libpq-fe.h>

bool
database_is_there(void)
{
	return getenv("TEST_DATABASE") != NULL;
}

/* The schema has the name of the directory's last part. */
static const char *
name_of(const char *dir)
{
	const char *slash = strrchr(dir, '/');

	return slash == NULL ? dir : slash + 1;
}

static void
execute(const char *format, const char *name, const char *text)
{
	char command[1024];
	PGconn *conn = PQconnectdb(getenv("TEST_DATABASE"));
	PGresult *result;

	snprintf(command, sizeof(command), format, name, text);
	PQclear(PQexec(conn, "SET client_min_messages = error"));
	result = PQexec(conn, command);
	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    PQresultStatus(result) != PGRES_TUPLES_OK) {
		fprintf(stderr, "%s: %s\n", command, PQerrorMessage(conn));
		abort();
	}
	PQclear(result);
	PQfinish(conn);
}

const char *
database_of(const char *dir)
{
	static char text[1024];

	execute("CREATE SCHEMA IF NOT EXISTS \"%s\"%s", name_of(dir), "");
	snprintf(text, sizeof(text),
	    "%s application_name=%s options='-c search_path=\"%s\"'",
	    getenv("TEST_DATABASE"), name_of(dir), name_of(dir));
	return text;
}

void
database_drop(const char *dir)
{
	execute("DROP SCHEMA IF EXISTS \"%s\" CASCADE%s", name_of(dir), "");
}

void
database_execute(const char *dir, const char *text)
{
	execute("SET search_path = \"%s\"; %s", name_of(dir), text);
}

void
database_end_sessions(const char *dir)
{
	execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
		"WHERE application_name = '%s'%s",
	    name_of(dir), "");
}

void
database_hold_row(const char *dir, const char *id, void (*meanwhile)(void))
{
	PGconn *conn = PQconnectdb(getenv("TEST_DATABASE"));
	char command[256];

	snprintf(command, sizeof(command),
	    "SET search_path = \"%s\"; BEGIN; SELECT 1 FROM sale WHERE id = "
	    "'%s' "
	    "FOR UPDATE",
	    name_of(dir), id);
	PQclear(PQexec(conn, command));
	if (PQtransactionStatus(conn) != PQTRANS_INTRANS)
		abort();
	meanwhile();
	PQclear(PQexec(conn, "COMMIT"));
	PQfinish(conn);
}
#else
bool
database_is_there(void)
{
	return false;
}

const char *
database_of(const char *dir)
{
	(void)dir;
	return NULL;
}

void
database_drop(const char *dir)
{
	(void)dir;
}

void
database_execute(const char *dir, const char *text)
{
	(void)dir;
	(void)text;
}

void
database_end_sessions(const char *dir)
{
	(void)dir;
}

void
database_hold_row(const char *dir, const char *id, void (*meanwhile)(void))
{
	(void)dir;
	(void)id;
	(void)meanwhile;
}
#endif
