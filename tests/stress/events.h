/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The history of each race, one JSON line an event, for history-check and for
 * other checkers: tests/history/README.md has the format.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "tests/stress/evidence.h"

struct events;

/* Writes to `path`, from now on; NULL with errno set. */
struct events *events_new(const char *path);

/* What the buyers of a race were told; `plan` is where their keys are from. */
void events_add(struct events *events, const struct evidence *evidence,
    const struct buyers_plan *plan);

/* The end, and `events` is gone; false: it could not be written. */
bool events_close(struct events *events);

#endif
