/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An end: who was told what, at which version, decided on which base.  Ends
 * are kept as texts, in a set.
 *
 * They are a second oracle beside the audit: the serial ends are those of the
 * schedules in which nobody overlaps, and whatever a right strategy does comes
 * to one of them.
 */
#ifndef ENDS_H
#define ENDS_H

#include "tests/lab/explore.h"

#define ENDS_TEXT_SIZE 192

struct ends {
	char (*texts)[ENDS_TEXT_SIZE]; /* sorted; owned */
	size_t count, room;
};

void ends_print(const struct run *run, unsigned buyers, char *text);

/* False: it was there already. */
bool ends_add(struct ends *ends, const char *text);
bool ends_has(const struct ends *ends, const char *text);
void ends_free(struct ends *ends);

#endif
