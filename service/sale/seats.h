/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only rule for seats: they are numbered from the counter that was read.
 * Two clerks who read the same counter sell the same seats, so an update that
 * was lost becomes a seat that was sold twice, which anybody can see.
 */
#ifndef SEATS_H
#define SEATS_H

#include <stdint.h>

/* The first seat of whoever buys while so many of `capacity` remain. */
static inline int64_t
seats_take(int64_t capacity, int64_t remaining)
{
	return capacity - remaining + 1;
}

#endif
