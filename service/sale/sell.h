/* SPDX-License-Identifier: BSD-2-Clause */
/* The heart: how an order becomes a receipt. */
#ifndef SELL_H
#define SELL_H

#include "service/sale/desk.h"

/*
 * Decide `order`, and what is gathered with it, and answer them all.  The
 * desk's own thread; the desk is empty before and after.
 */
void sell(struct desk *desk, struct order *order);

#endif
