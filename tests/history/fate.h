/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Misfortune: workers and the supervisor are killed and stopped while clients
 * ask.  When, is counted in answers, so that a slow machine has as much of it
 * as a fast one.
 */
#ifndef FATE_H
#define FATE_H

#include "tests/history/client.h"
#include "tests/history/server.h"

/* Letters of a --strikes text. */
#define FATE_LETTERS "kshHxXp"
#define FATE_HELP                                                              \
	"k kills a worker, s stops one for a moment,\n"                        \
	"                 h kills one whose clerk is about to write, H stops " \
	"it,\n"                                                                \
	"                 x kills the supervisor (and it is started again), "  \
	"X "                                                                   \
	"stops it,\n"                                                          \
	"                 p lets it be"

/* How many strikes the letters are: one that lets it be is none. */
unsigned fate_strikes(const char *letters);

/*
 * Strike once for each letter, each after `every` more answers; then wait for
 * as many again.  False: the service did not come back.  `struck` counts those
 * that hit somebody.
 */
bool fate_run(struct server *server, struct scene *scene, const char *letters,
    unsigned long every, unsigned *struck);

#endif
