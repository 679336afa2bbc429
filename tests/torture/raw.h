/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that the filter lets through, from anywhere. */
#ifndef RAW_H
#define RAW_H

#include <stddef.h>

/* Negative: an error's number. */
long raw_call(long number, long a, long b, long c, long d, long e, long f);

/* Behind the one instruction that the filter lets through. */
extern const char raw_call_end[];

/* A call of at most three arguments. */
long raw_3(long number, long a, long b, long c);

/* The path of a descriptor; "" if it has none. */
void raw_path_of(int fd, char *path, size_t size);

#endif
