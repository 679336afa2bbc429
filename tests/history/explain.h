/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a history that is not linearizable, in words. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "tests/history/history.h"
#include "tests/history/search.h"

/*
 * The first answer that no order explains, what it contradicts, and how far
 * an order comes.
 */
void explain(const struct history *history, const struct partition *partition,
    const struct search_options *options, FILE *out);

#endif
