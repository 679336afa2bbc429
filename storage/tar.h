/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of a tar file in POSIX.1-1988's form, ustar: a block for each
 * member, whose bytes follow, filled up to whole blocks.  Two blocks of zeros
 * end the file.
 */
#ifndef TAR_H
#define TAR_H

#include <stdint.h>

#define TAR_BLOCK 512
#define TAR_NAME_SIZE 101 /* and NUL */

struct tar_member {
	char name[TAR_NAME_SIZE];
	char type; /* '0': a file */
	int64_t size;
};

/*
 * The block of a file that only its owner may read, who is who calls this.
 * From 8 GiB on its size is in binary, as GNU's and others' tar have it.
 */
void tar_print(char block[TAR_BLOCK], const char *name, int64_t size,
    int64_t modified_at_s);

enum tar_block { TAR_MEMBER = 0, TAR_ZEROS, TAR_WRONG };

/* What a block is.  A name that is in two parts is not known: it is "". */
enum tar_block tar_parse(
    const char block[TAR_BLOCK], struct tar_member *member);

/* How many bytes fill `size` up to whole blocks. */
int64_t tar_padding(int64_t size);

#endif
