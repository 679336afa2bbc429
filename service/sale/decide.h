/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of each order at a desk, given the sale as it was read. */
#ifndef DECIDE_H
#define DECIDE_H

#include "service/sale/desk.h"

/*
 * Give the undecided orders at the desk an outcome, and those that are sold
 * their lines (desk->taken of them).  `seen` is what the store said of the
 * sale.  An order whose key another order of the batch bears stays undecided:
 * the next turn finds that one's line.
 */
void decide_batch(struct desk *desk, const struct store_state *seen);

/* Does an order that is sold insist on the version that it has seen? */
bool decide_wants_check(const struct desk *desk);

#endif
