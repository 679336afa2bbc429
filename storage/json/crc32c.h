/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CRC-32C (Castagnoli, as in RFC 3720), by the processor's own instruction
 * where it has one.  Any thread may call.
 */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const char *text, size_t length);

/* The same without the instruction; for tests, and for other processors. */
uint32_t crc32c_plain(const char *text, size_t length);

#endif
