/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What turnstile does besides serving, in a process of its own: `turnstile
 * backup` and `turnstile restore`.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

bool command_known(const char *name);

/*
 * The command `argv[0]`, which is known, with its options.  The exit status: 0,
 * 1 after one line on standard error that says what failed, 2 for a wrong
 * option.
 */
int command_run(int argc, char *const argv[]);

#endif
