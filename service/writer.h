/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that grows, and JSON that is printed into it, for what is made often:
 * no tree and, mostly, one allocation.  What is made seldom is a jansson value
 * (member.h).
 *
 * Texts are taken to be UTF-8: who let them in has looked.  Once there was no
 * memory nothing is added any more, and `failed` says so.
 *
 * A writer begins as {0}, or on memory that is there; one thread at a time has
 * it.
 */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
	char *text; /* to free(), unless it is fixed; NUL behind it */
	size_t size;
	size_t room; /* of `text` */
	bool fixed;  /* it does not grow: what does not fit, fails */
	bool failed;
};

/* On `room` bytes at `text`, which stay whose they are. */
static inline struct writer
writer_on(char *text, size_t room)
{
	return (struct writer){.text = text, .room = room, .fixed = true};
}

void writer_put(struct writer *writer, const char *bytes, size_t size);
void writer_put_text(struct writer *writer, const char *text);

/* A JSON number, or string, behind `before`, such as ",\"name\":". */
void writer_put_number(
    struct writer *writer, const char *before, int64_t number);
void writer_put_string(
    struct writer *writer, const char *before, const char *value);

/* Thousandths, as 1.045 is 1045 of them, behind `before`; none are < 0. */
void writer_put_thousandths(
    struct writer *writer, const char *before, int64_t number);

/* The lowest `count` hex digits of a number; no NUL. */
static inline void
writer_hex(char *digits, int count, uint64_t number)
{
	for (; count > 0; number >>= 4)
		digits[--count] = "0123456789abcdef"[number & 15];
}

/* The same, behind `before`; 16 at most. */
void writer_put_hex(
    struct writer *writer, const char *before, int count, uint64_t number);

/* The list of seat … seat + quantity - 1, behind `before`. */
void writer_put_seats(
    struct writer *writer, const char *before, int64_t seat, int64_t quantity);

/* Wall clock, ms since 1970, as member_time() has it, behind `before`. */
void writer_put_time(struct writer *writer, const char *before, int64_t ms);

#endif
