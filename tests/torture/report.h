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
	bool quick;          /* a few seconds a store */
	bool keep;           /* the data of the first red case */
	uint64_t seed;
	int64_t one_in;  /* of so many cases one is drawn by the seed */
	int64_t seconds; /* for a part, behind which no case begins; 0: none */
};

/* Before the first case; `part` is its name in the last line. */
void report_begin(const struct settings *settings, const char *part);

/*
 * Is any case to be looked for whose name begins so?  Also when time is over:
 * what is left out is counted, by report_wants().
 */
bool report_enters(const char *branch);

/* Is the case of that name to be run?  No: it is not asked for, not drawn, or
 * time is over. */
bool report_wants(const char *name);

/* A number below 2^31 for what a case leaves to chance: the same for the same
 * name and the same seed, whatever is in the files of this run. */
uint64_t report_chance(const char *name);

/* For those who can go on for ever. */
bool report_is_over(void);

/* Counted; nothing is printed. */
void report_green(const char *name);

/*
 * "RED NAME: expected …, got …", but of one kind (NAME without its numbers,
 * and `expected`) only the first two.  Returns true the first time of all.
 */
bool report_red(const char *name, const char *expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How many of each kind, and of those left out; "PART-STORE: N cases, M
 * failed"; 0 if none did. */
int report_end(void);

#endif
