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
 * of the members is part of the format, and so is that nothing stands between
 * them: what is written otherwise is no ledger line.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "storage/store.h"

/*
 * `count` lines as text; their own texts are UTF-8.  The caller frees.  NULL:
 * no memory.
 */
char *ledger_encode(const struct store_line *lines, size_t count, size_t *size);

/*
 * Parse `length` bytes, newline included, and hand the line to `visit`, whose
 * answer goes to `*go_on`.  The line's texts are made of `text`, which is
 * written to.  False if they are no sealed line; `*why` then says what is
 * wrong.  Allocates nothing.  That texts are UTF-8 is not checked again: who
 * can make a seal that fits can write anything.
 */
bool ledger_decode(char *text, size_t length, store_visit_fn *visit, void *arg,
    bool *go_on, const char **why);

#endif
