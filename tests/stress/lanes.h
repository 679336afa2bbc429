/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What clerks did in a race, turn by turn: the orders that one turn served
 * together are one.
 *
 * A step's stamp is taken just before it.  A write is begun at its stamp, and
 * is seen by all some time after: that is told as the latest time that fits
 * what is known, so that it never contradicts the versions.
 *   - its clerk's next stamp is later;
 *   - so is that of every clerk who read this version, or a higher one;
 *   - and a higher version was seen later.
 */
#ifndef LANES_H
#define LANES_H

#include <jansson.h>

#include "tests/stress/evidence.h"

struct lane {
	const struct store_line *line; /* the first of the turn's */
	json_t *trail;                 /* the longest of its orders' */
	unsigned batch;                /* how many orders they are */
	int64_t last_version;          /* of their lines */
	size_t read, write;   /* the trail's steps that counted in the end */
	int64_t read_version; /* what that read saw: a store that decides
				 has a base of its own */
	int64_t read_ns;      /* stamp of that read, */
	int64_t read_by_ns;   /* and of what its clerk did next */
	int64_t begun_ns;     /* stamp of the write */
	int64_t seen_ns;      /* when all could see it */
};

/* By worker, clerk and time; how many is in `*count`. */
struct lane *lanes_new(const struct evidence *evidence, size_t *count);
void lanes_free(struct lane *lanes, size_t count);

#endif
