/* SPDX-License-Identifier: BSD-2-Clause */
/* One schedule, told step by step, or followed under each strategy. */
#ifndef TELL_H
#define TELL_H

#include "tests/lab/flags.h"

/*
 * What --schedule does.  Exit status; 2, with one line on standard error: the
 * schedule ends early, goes on, or cannot be read.
 */
int tell(const struct flags *flags, FILE *out);

#endif
