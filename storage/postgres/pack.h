/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays as PostgreSQL takes them in binary: of bigint and of text.  They lie
 * one behind the other in one piece of memory, which moves as it grows, so
 * that a pointer is had when all are packed.
 */
#ifndef POSTGRES_PACK_H
#define POSTGRES_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
	char *bytes;
	size_t size, used;
	bool no_memory; /* since pack_begin() */
};

/* Forget what was packed, and keep the memory. */
void pack_begin(struct pack *pack);
void pack_free(struct pack *pack);

/* An array of so many elements follows.  Where it begins. */
size_t pack_numbers(struct pack *pack, size_t count);
size_t pack_texts(struct pack *pack, size_t count);

/* An element; NULL is null. */
void pack_number(struct pack *pack, int64_t number);
void pack_text(struct pack *pack, const char *text);

#endif
