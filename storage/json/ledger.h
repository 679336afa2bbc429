/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger line as text: one JSON object and a newline, sealed by a checksum.
 *
 *   {"v":1,"kind":"sold","version":7,"base":6,"nth":1,"seats":[7],
 *    "remaining":93,"capacity":100,"lock":"mutex","order":"4f0c…",
 *    "buyer":"alice","key":"k1","worker":1,"clerk":2,
 *    "sold_at":"2026-11-21T05:00:00.000Z","trail":[…],"crc":"0a1b2c3d"}
 *
 * (on one line).  `key` is there if the order had one.  The crc is CRC-32C
 * (Castagnoli, as in RFC 3720) of all that stands before `,"crc"`.  The order
 * of the members is part of the format: it lets an index find order and key
 * without parsing the rest.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "storage/store.h"

/* `count` lines as text; the caller frees.  NULL: no memory. */
char *ledger_encode(const struct store_line *lines, size_t count, size_t *size);

/*
 * Parse `length` bytes, newline included, and hand the line to `visit`, whose
 * answer goes to `*go_on`.  False if they are no sealed
 * line; `*why` then says what is wrong.
 */
bool ledger_decode(const char *text, size_t length, store_visit_fn *visit,
    void *arg, bool *go_on, const char **why);

/*
 * The JSON text of a member's string value, quotes excluded, in a line that
 * this program wrote and sealed.  NULL: the line has no such member.
 */
const char *ledger_member(
    const char *text, size_t length, const char *name, size_t *value_length);

/* The text of `value` as a JSON string, quotes included; the caller frees. */
char *ledger_quote(const char *value);

#endif
