/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done before anybody opens the store.  At a start each ledger is read
 * whole; what killed writers left is cut, and damage is told, not mended.
 * After a poisoning the processes' memory is better than the disk, and only
 * what was being written is settled.
 */
#ifndef PREPARE_H
#define PREPARE_H

#include "storage/store_impl.h"

/* The slot prepare of store_impl.h. */
store_prepare_fn prepare_store;

/*
 * Visit each directory that may be a sale's, by its name.  What is not OK ends
 * the walk.  That, or FAILED.
 */
typedef enum store_result prepare_name_fn(
    struct store_user *user, const char *name, void *arg);
enum store_result prepare_each_sale(
    struct store_user *user, prepare_name_fn *visit, void *arg);

#endif
