/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers without a pattern, the same for the same state: for what must be
 * repeated.  SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom
 * Number Generators", 2014.  Whose `state` it is may call.
 */
#ifndef SPLITMIX_H
#define SPLITMIX_H

#include <stdint.h>

#define SPLITMIX_STEP UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t
splitmix_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t
splitmix_next(uint64_t *state)
{
	return splitmix_mix(*state += SPLITMIX_STEP);
}

#endif
