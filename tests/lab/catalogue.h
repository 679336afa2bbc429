/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every schedule of `none`, and what the same order becomes under each
 * strategy, as JSON; the page is built with it.  For 2 buyers and 1 ticket:
 *
 *     {"buyers": 2, "tickets": 1, "locks": ["none", …],
 *      "runs": [["oversold", "A<1.0 B<1.0 B>0.1.1 A>0.2.1"], …],
 *      "orders": {"ABBA": [0, 0, 7, …], …}}
 *
 * An order has the number of a run for each lock.  A run is a verdict and what
 * happened, a word for each letter:
 *
 *     A<1.0     A looks: 1 left, in version 0
 *     A>0.2.1   A changes it to 0 left, which is version 2, and has seat 1
 *     A=0       A would change it to 0 left, and is refused
 *     A?B       A waits, B holds the lock; A? if nobody does
 *     A;        A was done before
 *
 * Before a look stands A! if the lock was taken with it.  Behind the order's
 * last letter stands what it left over.
 */
#ifndef CATALOGUE_H
#define CATALOGUE_H

#include <signal.h>

#include "tests/lab/flags.h"

/* Exit status; 2, with one line on standard error: it cannot be done. */
int catalogue(
    const struct flags *flags, const volatile sig_atomic_t *stop, FILE *out);

#endif
