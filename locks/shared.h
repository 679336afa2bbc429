/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that the supervisor and all workers see: anonymous, so that it has
 * no name to leave behind and is gone with the last process that maps it.
 * Made before the fork.  Zero-filled; NULL with errno set when there is none.
 */
#ifndef SHARED_H
#define SHARED_H

#include <sys/mman.h>

#include <stddef.h>

static inline void *
shared_new(size_t size)
{
	void *memory;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

/* Only when no other process uses it any more. */
static inline void
shared_free(void *memory, size_t size)
{
	if (memory != NULL)
		munmap(memory, size);
}

#endif
