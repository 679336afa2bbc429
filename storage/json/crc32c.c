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
#include <wmmintrin.h>
#define EIGHT(crc, bytes) ((uint32_t)_mm_crc32_u64((crc), (bytes)))
#define ONE(crc, byte) _mm_crc32_u8((crc), (byte))
#define TARGET __attribute__((target("sse4.2,pclmul")))
#define HAS_INSTRUCTION                                                        \
	(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
#define LANE 56             /* bytes: a line is three rounds of it, and a bit */
#define OVER_ONE 0x1c291d04 /* lane */
#define OVER_TWO 0x47db8317
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
TARGET static inline uint32_t
eight(uint32_t crc, const char *text)
{
	uint64_t bytes;

	memcpy(&bytes, text, sizeof(bytes));
	return EIGHT(crc, bytes);
}

#ifdef LANE
/*
 * What `crc` becomes over zeros.  `over` is x^(8 n - 33) modulo the polynomial
 * for n of them, its bits reversed; the instruction does the rest of that
 * modulo.
 */
TARGET static inline uint32_t
move(uint32_t crc, uint32_t over)
{
	const __m128i product = _mm_clmulepi64_si128(
	    _mm_cvtsi32_si128((int)crc), _mm_cvtsi32_si128((int)over), 0);

	return EIGHT(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/*
 * An instruction waits three cycles for the one before it, unless that is in
 * another lane.
 */
TARGET static inline uint32_t
three_lanes(uint32_t crc, const char *text)
{
	uint32_t second = 0, third = 0;
	int i;

	for (i = 0; i < LANE; i += 8) {
		crc = eight(crc, text + i);
		second = eight(second, text + LANE + i);
		third = eight(third, text + 2 * LANE + i);
	}
	return move(crc, OVER_TWO) ^ move(second, OVER_ONE) ^ third;
}
#endif

TARGET static uint32_t
by_instruction(const char *text, size_t length)
{
	uint32_t crc = 0xffffffff;

#ifdef LANE
	for (; length >= 3 * LANE; length -= 3 * LANE) {
		crc = three_lanes(crc, text);
		text += 3 * LANE;
	}
#endif
	for (; length >= 8; length -= 8) {
		crc = eight(crc, text);
		text += 8;
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
