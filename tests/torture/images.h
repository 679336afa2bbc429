/* SPDX-License-Identifier: BSD-2-Clause */
/* What a power cut may leave of a disk, as folders. */
#ifndef IMAGES_H
#define IMAGES_H

#include "tests/torture/disk.h"

/* One image; what it points to is the disk's, until the visit returns. */
struct image {
	int64_t number;   /* in its order of visit, from 1 */
	uint64_t hash;    /* of names and contents */
	bool lenient;     /* only a lenient file system leaves it */
	const char *lost; /* in words: what is not as processes saw it */
	const struct image_tree *tree;
};

/* False stops it. */
typedef bool image_visit_fn(const struct image *image, void *arg);

/*
 * Visit what a power cut could leave now: all images if there are at most
 * `most`, else first those where all is lost, nothing is, or one thing is
 * chosen, and then others by chance (`seed`).  Two may be the same.
 */
void images_visit(struct disk *disk, int64_t most, uint64_t seed,
    image_visit_fn *visit, void *arg);

/* Build it in `path`, which is emptied, or made. */
bool images_build(const struct image *image, const char *path);

#endif
