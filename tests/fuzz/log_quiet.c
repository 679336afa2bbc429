/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of the log: thousands of lines a second help nobody. */
#include "service/log.h"

void
log_open(void)
{
}

void
log_event(
    const struct log *log, const char *event, const struct log_field *fields)
{
	(void)log;
	(void)event;
	(void)fields;
}
