/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the torture; each begins and ends a report.  0: all green. */
#ifndef PARTS_H
#define PARTS_H

#include "tests/torture/report.h"

int powercut_run(const struct settings *settings);
int crash_run(const struct settings *settings);
int fault_run(const struct settings *settings);
int memory_run(const struct settings *settings);

#endif
