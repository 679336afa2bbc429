/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sales come, change and go.  A directory is a sale while it has settings,
 * and no longer one when its name begins with a dot.
 */
#ifndef CATALOGUE_H
#define CATALOGUE_H

#include "storage/store_impl.h"

/* The slots create and remove of store_impl.h. */
store_create_fn catalogue_create;
store_remove_fn catalogue_remove;

#endif
