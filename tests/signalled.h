/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that ends itself on a signal, and cleans up: which one it was. */
#ifndef SIGNALLED_H
#define SIGNALLED_H

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t signalled; /* 0: none yet */

static inline void
signalled_note(int number)
{
	signalled = number;
}

static inline void
signalled_catch(void)
{
	const struct sigaction action = {.sa_handler = signalled_note};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGQUIT, &action, NULL);
}

#endif
