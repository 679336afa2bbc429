/* SPDX-License-Identifier: BSD-2-Clause */
/* The write, and the lines of one as values. */
#ifndef POSTGRES_WRITE_H
#define POSTGRES_WRITE_H

#include "storage/postgres/postgres.h"
#include "storage/postgres/values.h"

store_put_fn write_put;

/* Insert numbered lines of the sale `number`: a run, with `own->pack` for its
 * arrays.  False: no memory. */
bool write_insert(struct postgres_own *own, struct values *values,
    const struct store_line *lines, size_t count, int64_t number);

#endif
