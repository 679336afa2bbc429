/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done before anybody opens the store: each ledger is read whole and
 * what a killed writer left at its end is cut; damage is told, not mended.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include "storage/store_impl.h"

/* The slot prepare of store_impl.h.  Sales get their slots anew. */
store_prepare_fn recovery_prepare;

#endif
