/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the torture; each begins and ends a report.  0: all green. */
#ifndef PARTS_H
#define PARTS_H

#include "tests/torture/report.h"

int part_powercut(const struct settings *settings);
int part_crash(const struct settings *settings);
int part_fault(const struct settings *settings);
int part_memory(const struct settings *settings);

#endif
