/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one process knows of the ledgers: where each line is, and which lines
 * bear an order's id or a key.  An index follows its ledger when it is asked,
 * never beyond the head's mark.
 */
#ifndef INDEX_H
#define INDEX_H

#include "storage/store_impl.h"

struct index_set; /* one for each slot; a process's own, for all its threads */

/* NULL: no memory. */
struct index_set *index_new(void);
void index_free(struct index_set *set);

/* The slots find and each of store_impl.h. */
store_find_fn index_find;
store_each_fn index_each;

/*
 * The latch's holder: the ledger, open to append.  It stays open as long as
 * the latch is held, since the sale cannot go.
 */
enum store_result index_ledger(
    struct store_user *user, const struct store_state *state, int *fd);

#endif
