/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may open, change and delete sales, and see buyers' names in ledgers and
 * audits: everybody (open), whoever has the token, nobody (off).
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "service/http/handle.h"

/* May the caller see names?  Any thread that has the call. */
bool admin_is(const struct call *call);

/* The same, but if not, it is refused and the reply is made. */
bool admin_may_name(struct call *call);

/*
 * May the caller change sales?  A page of another origin may not, whatever it
 * knows.  False: refused, and the reply is made.
 */
bool admin_may(struct call *call);

#endif
