/* SPDX-License-Identifier: BSD-2-Clause */
/* Eight bytes at a time where the processor knows how, else four bits. */
#include "storage/json/crc32c.h"

#include <string.h>

uint32_t
crc32c_plain(const char *text, size_t length)
{
	static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede,
	    0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4,
	    0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	uint32_t crc = 0xffffffff;
	size_t i;

	for (i = 0; i < length; i++) {
		crc ^= (unsigned char)text[i];
		crc = nibble[crc & 15] ^ (crc >> 4);
		crc = nibble[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define EIGHT(crc, bytes) ((uint32_t)_mm_crc32_u64((crc), (bytes)))
#define ONE(crc, byte) _mm_crc32_u8((crc), (byte))
#define TARGET __attribute__((target("sse4.2")))
#define HAS_INSTRUCTION (__builtin_cpu_supports("sse4.2") != 0)
#elif defined(__aarch64__)
#include <sys/auxv.h>

#include <arm_acle.h>
#include <asm/hwcap.h>
#define EIGHT(crc, bytes) __crc32cd((crc), (bytes))
#define ONE(crc, byte) __crc32cb((crc), (byte))
#define TARGET __attribute__((target("+crc")))
#define HAS_INSTRUCTION ((getauxval(AT_HWCAP) & HWCAP_CRC32) != 0)
#endif

#ifdef TARGET
TARGET static uint32_t
by_instruction(const char *text, size_t length)
{
	uint32_t crc = 0xffffffff;
	uint64_t bytes;

	for (; length >= sizeof(bytes); length -= sizeof(bytes)) {
		memcpy(&bytes, text, sizeof(bytes));
		crc = EIGHT(crc, bytes);
		text += sizeof(bytes);
	}
	for (; length > 0; length--)
		crc = ONE(crc, (unsigned char)*text++);
	return ~crc;
}

uint32_t
crc32c(const char *text, size_t length)
{
	return HAS_INSTRUCTION ? by_instruction(text, length)
			       : crc32c_plain(text, length);
}
#else
uint32_t
crc32c(const char *text, size_t length)
{
	return crc32c_plain(text, length);
}
#endif
