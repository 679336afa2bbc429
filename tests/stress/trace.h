/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace: what every clerk did, a lane each, in the Chrome trace format;
 * for ui.perfetto.dev or chrome://tracing.
 */
#ifndef TRACE_H
#define TRACE_H

#include "tests/stress/evidence.h"

struct trace;

/* Writes to `path`, from now on; NULL with errno set. */
struct trace *trace_new(const char *path);

/* The trails of a race, under the heading `name`. */
void trace_add(
    struct trace *trace, const char *name, const struct evidence *evidence);

/* The end, and `trace` is gone; false: it could not be written. */
bool trace_close(struct trace *trace);

#endif
