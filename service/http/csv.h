/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comma-separated values (RFC 4180), to be opened with a spreadsheet: that
 * takes a field which begins with = + - @, or with a tab or a line's end, for
 * a formula and runs it, whoever wrote it.
 */
#ifndef CSV_H
#define CSV_H

#include <stdio.h>

#define CSV_TYPE "text/csv; charset=utf-8; header=present"

/*
 * Somebody's text as a field: in quotes, and with an apostrophe before it if
 * it could be a formula.  So that the text can be had back by taking one away,
 * what begins with an apostrophe gets another one.
 */
void csv_put_text(FILE *out, const char *text);

#endif
