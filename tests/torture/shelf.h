/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shelf: a data directory of which each trial takes a copy.
 *
 *     demo  some sold of many, with keys, under the strategy of the trial
 *     odd   under none, its counter wrong: a change to a lock recounts
 *     gone  sold out, so that it can be deleted
 *
 * The buyers are b1, b2 …, their keys k1, k2 …
 */
#ifndef SHELF_H
#define SHELF_H

#include <stdbool.h>
#include <stddef.h>

#define SHELF_ORDER "00000001-0000-7000-8000-000000000000" /* demo's first */

/* `orders` of demo.  False: `error` says why. */
bool shelf_make(const char *store, const char *dir, const char *lock,
    unsigned orders, char *error, size_t error_size);

#endif
