/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one client writes down: its events, each a line of the history with the
 * time at which it happened.  A journal is one thread's; when all threads have
 * ended, they are written out together, in the order of time.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct entry {
	int64_t ns;
	bool is_question;
	char *text;
};

/* Zeroed it is empty. */
struct journal {
	struct entry *entries;
	size_t count, room;
};

/* `value` is the entry's from now on; NULL: there is none. */
void journal_ask(struct journal *journal, int process, const char *sale,
    const char *f, json_t *value);
/* `type` is ok, fail or info. */
void journal_told(struct journal *journal, int process, const char *type,
    const char *f, json_t *value);

/* All of them, and then they are empty.  False: it could not be written. */
bool journal_write(struct journal *const *journals, size_t count, FILE *out);

#endif
