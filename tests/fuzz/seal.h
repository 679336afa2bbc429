/* SPDX-License-Identifier: BSD-2-Clause */
/* The seal of a ledger's line, made in another way than the ledger does it:
 * no fuzzer guesses a checksum. */
#ifndef SEAL_H
#define SEAL_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SEAL_SIZE 19 /* ,"crc":"01234567"} and a newline */

/* CRC-32C, a bit at a time. */
static inline uint32_t
seal_crc(const char *text, size_t size)
{
	uint32_t crc = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < size; i++) {
		crc ^= (unsigned char)text[i];
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Put it behind `size` bytes, with a NUL; their number with it. */
static inline size_t
seal(char *text, size_t size)
{
	return size + (size_t)snprintf(text + size, SEAL_SIZE + 1,
			  ",\"crc\":\"%08" PRIx32 "\"}\n",
			  seal_crc(text, size));
}

/* Does the line of `size` bytes end with its seal? */
static inline bool
seal_fits(const char *line, size_t size)
{
	char text[SEAL_SIZE + 1];

	if (size < SEAL_SIZE)
		return false;
	snprintf(text, sizeof(text), ",\"crc\":\"%08" PRIx32 "\"}\n",
	    seal_crc(line, size - SEAL_SIZE));
	return memcmp(line + size - SEAL_SIZE, text, SEAL_SIZE) == 0;
}

#endif
