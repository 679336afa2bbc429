/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a latch's holder left when it was killed, or when it could not know
 * what it had done, is brought to an end here before anybody else writes:
 *
 *   lines of a sale   cut: nobody was told of them
 *   a change          done if sale.json was replaced, else undone
 *   a new sale        undone: nobody was told of it
 *   a removal         done if the directory was renamed
 */
#ifndef SETTLE_H
#define SETTLE_H

#include "storage/json/heads.h"

/* Enter a sale's latch, which is settled: as store_latch(). */
enum store_result settle_latch(
    struct store_user *user, struct slot *slot, int64_t deadline_ns);

/* Settle what the dead left in any latch.  OK, or as store_latch(). */
enum store_result settle_dead(struct store_user *user);

/*
 * In the sale's latch, its directory renamed: make that last, and forget the
 * sale.  Nobody is told before it is on disk, so that no power cut brings a
 * sale back that somebody saw gone.  OK, UNKNOWN.
 */
enum store_result settle_removed(
    struct store_user *user, const struct store_state *gone);

/* The slot open of store_impl.h: who replaces a dead worker settles. */
store_open_fn settle_open;

/*
 * Nobody else has the store open, and it may be poisoned: settle all slots
 * that need it, make all latches usable.  It reads no ledgers but what stands
 * beyond a mark.  OK, FULL, FAILED, UNKNOWN.
 */
enum store_result settle_all(struct store_user *user);

#endif
