/* SPDX-License-Identifier: BSD-2-Clause */
/* A ledger's lines, read from its file one after the other. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Take a line with its newline, which only the file's last may lack.  The text
 * may be written to; it is gone on return.  False ends the walk.
 */
typedef bool lines_take_fn(char *text, size_t length, void *arg);

enum lines_result {
	LINES_OK = 0, /* all of them, or the walk was ended */
	LINES_SHORT,  /* the file ends before `to` */
	LINES_FAILED, /* errno says why */
};

/* The lines from byte `from`, which begins one, to byte `to`. */
enum lines_result lines_walk(
    int fd, int64_t from, int64_t to, lines_take_fn *take, void *arg);

#endif
