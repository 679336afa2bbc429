/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a run, bound one after the other. */
#ifndef POSTGRES_VALUES_H
#define POSTGRES_VALUES_H

#include "storage/postgres/session.h"

/* The texts of numbers lie here, and must live until the run is over. */
struct values {
	struct session_run *run;
	char texts[SESSION_VALUES_MAX][24];
};

void values_text(struct values *values, const char *text); /* NULL: null */
void values_number(struct values *values, int64_t number);
void values_binary(struct values *values, const char *bytes, size_t size);

/* As the first run of a transaction: how long it waits for a lock. */
extern const struct session_statement values_waiting;
void values_wait(struct values *values, int64_t deadline_ns);

#endif
