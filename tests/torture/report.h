/* SPDX-License-Identifier: BSD-2-Clause */
/* Cases by name: which are wanted, how each ended, and the last line. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* What the command line says to all parts. */
struct settings {
	const char *program; /* the service */
	const char *library; /* libtamper.so */
	const char *work;    /* a folder for all data, on a real disk */
	const char *store;   /* NULL: both */
	const char *only;    /* cases whose name begins with it; NULL: all */
	const char *red;     /* a file for the names of red cases, or NULL */
	const char *known;   /* a file: what is red and known to be, or NULL */
	bool quick;          /* a few seconds a store */
	bool keep;           /* the data of the first red case */
	uint64_t seed;
	int64_t seconds; /* for a part, behind which no case begins; 0: none */
};

/* Before the first case; `part` is its name in the last line. */
void report_begin(const struct settings *settings, const char *part);

/*
 * Is a case of that name, or any whose name begins with it, to be run?
 * Thereby whole branches are skipped, and all, once time is over.
 */
bool report_wants(const char *name);

/* Counted; nothing is printed. */
void report_green(const char *name);

/*
 * "RED NAME: expected …, got …", but of one kind (NAME without its numbers,
 * and `expected`) only the first two.  Returns true the first time of all.
 * What fits a line of the file of what is known is counted, but not as failed.
 */
bool report_red(const char *name, const char *expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How many of each kind; "PART-STORE: N cases, M failed"; 0 if none did. */
int report_end(void);

#endif
