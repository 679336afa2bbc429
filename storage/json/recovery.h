/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done before anybody opens the store. */
#ifndef RECOVERY_H
#define RECOVERY_H

#include "storage/store_impl.h"

/*
 * Slots are given out anew.  While poisoned, the old heads are still wanted
 * for their marks: nobody reads them now, and each is replaced in turn.
 */
int recovery_prepare(struct store *store, char *error, size_t error_size);

#endif
