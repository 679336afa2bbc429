/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A schema for each test, in the database that TEST_DATABASE names:
 * tests/cluster sets it.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include <stdbool.h>

/* Is there one? */
bool database_is_there(void);

/* Where the store of the directory `dir` is: a schema, made if it is missing.
 * Not owned, and valid until the next one of another `dir`. */
const char *database_of(const char *dir);

/* Forget it, with all that is in it. */
void database_drop(const char *dir);

/* End all sessions there are with it. */
void database_end_sessions(const char *dir);

/* Run statements there. */
void database_execute(const char *dir, const char *text);

/* Hold the row of a sale while `meanwhile` runs. */
void database_hold_row(
    const char *dir, const char *id, void (*meanwhile)(void));

#endif
