/* SPDX-License-Identifier: BSD-2-Clause */
/* The guide through the museum of wrong fixes: --museum. */
#ifndef GUIDE_H
#define GUIDE_H

#include <signal.h>

#include "tests/lab/flags.h"

/* Each exhibit with its census.  Exit status. */
int guide(
    const struct flags *flags, const volatile sig_atomic_t *stop, FILE *out);

#endif
