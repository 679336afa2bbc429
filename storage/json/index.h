/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a ledger, looked for and walked over. */
#ifndef INDEX_H
#define INDEX_H

#include "storage/store_impl.h"

/* The slots find and each of store_impl.h. */
store_find_fn index_find;
store_each_fn index_each;

#endif
