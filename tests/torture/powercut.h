/* SPDX-License-Identifier: BSD-2-Clause */
/* The part's second half: a few power cuts of the whole service. */
#ifndef POWERCUT_H
#define POWERCUT_H

#include "tests/torture/report.h"

void powercut_service(const struct settings *settings, const char *store);

#endif
