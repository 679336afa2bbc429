/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A JSON object, made one member a line: each function adds one at the end.
 * What is NULL, and text that is not UTF-8, is left out: there is no such
 * member then.
 *
 * jansson answers NULL to what is not UTF-8 and to want of memory alike, so its
 * allocations are watched: whoever shows a value that was made asks
 * member_lost() first.
 */
#ifndef MEMBER_H
#define MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Once a process, before it has threads. */
void member_watch(void);

/*
 * Did jansson want memory in vain, on this thread, since it was asked last?
 * Then what was made since may lack something.
 */
bool member_lost(void);

void member_text(json_t *object, const char *name, const char *text);
void member_number(json_t *object, const char *name, int64_t number);
void member_flag(json_t *object, const char *name, bool flag);

/* Any value, whose reference is taken. */
void member_json(json_t *object, const char *name, json_t *value);

/* Wall clock, ms since 1970, as text: "2026-11-21T13:40:48.123Z" */
void member_time(json_t *object, const char *name, int64_t ms);

/* "seats": the list of seat … seat + quantity - 1 */
void member_seats(json_t *object, int64_t seat, int64_t quantity);

#endif
