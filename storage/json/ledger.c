/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines are written and read by hand, member by member, in the order that is
 * the format.  Reading, a text's quote becomes its NUL, and escapes, which are
 * longer than what they stand for, are undone in place.
 */
#include "storage/json/ledger.h"

#include <endian.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "locks/timestamp.h"
#include "service/writer.h"
#include "storage/json/crc32c.h"

#define SEAL ",\"crc\":\""
#define SEAL_END "\"}\n"
#define SEAL_SIZE (sizeof(SEAL) - 1 + 8 + sizeof(SEAL_END) - 1)

static const char *const kinds[] = {
    [STORE_SOLD] = "sold",
    [STORE_RECOUNTED] = "recounted",
    [STORE_RAISED] = "raised",
};

/* -------------------------------------------------------------- writing -- */

/* All that stands before the seal. */
static void
put_line(struct writer *w, const struct store_line *line)
{
	writer_put_string(w, "{\"v\":1,\"kind\":", kinds[line->kind]);
	writer_put_number(w, ",\"version\":", line->version);
	writer_put_number(w, ",\"base\":", line->base);
	writer_put_number(w, ",\"nth\":", line->nth);
	writer_put_seats(w, ",\"seats\":", line->seat, line->quantity);
	writer_put_number(w, ",\"remaining\":", line->remaining);
	writer_put_number(w, ",\"capacity\":", line->capacity);
	writer_put_string(w, ",\"lock\":", line->lock);
	writer_put_string(w, ",\"order\":", line->order);
	writer_put_string(w, ",\"buyer\":", line->buyer);
	if (line->key != NULL)
		writer_put_string(w, ",\"key\":", line->key);
	writer_put_number(w, ",\"worker\":", line->worker);
	writer_put_number(w, ",\"clerk\":", line->clerk);
	writer_put_time(w, ",\"sold_at\":", line->sold_at_ms);
	writer_put_text(w, ",\"trail\":");
	writer_put_text(w, line->trail);
}

static void
put_seal(struct writer *w, size_t from)
{
	if (w->failed)
		return;
	writer_put_hex(w, SEAL, 8, crc32c(w->text + from, w->size - from));
	writer_put_text(w, SEAL_END);
}

char *
ledger_encode(const struct store_line *lines, size_t count, size_t *size)
{
	struct writer w = {0};
	size_t i, from;

	for (i = 0; i < count && !w.failed; i++) {
		from = w.size;
		put_line(&w, &lines[i]);
		put_seal(&w, from);
	}
	if (w.failed) {
		free(w.text);
		return NULL;
	}
	*size = w.size;
	return w.text;
}

/* -------------------------------------------------------------- reading -- */

/*
 * What is left of a line; once something was wrong, all else is.  What takes
 * members is inline, so that these stay in registers: a start reads millions.
 */
struct in {
	char *at, *end; /* `end` begins the seal */
	size_t size;    /* of the last text, and NUL */
	bool good;
};

static const char *
check_seal(const char *text, size_t length)
{
	const char *seal;
	char digits[8];

	if (length < SEAL_SIZE || text[length - 1] != '\n')
		return "the line is cut short";
	seal = text + length - SEAL_SIZE;
	if (memchr(text, '\0', length) != NULL)
		return "it is not text";
	if (memcmp(seal, SEAL, sizeof(SEAL) - 1) != 0 ||
	    memcmp(seal + SEAL_SIZE - 3, SEAL_END, 3) != 0)
		return "there is no checksum";
	writer_hex(digits, sizeof(digits), crc32c(text, length - SEAL_SIZE));
	if (memcmp(seal + sizeof(SEAL) - 1, digits, sizeof(digits)) != 0)
		return "the checksum does not match";
	return NULL;
}

/* Does `text` stand there?  Then it is behind us. */
static inline bool
comes(struct in *in, const char *text, size_t size)
{
	if ((size_t)(in->end - in->at) < size ||
	    memcmp(in->at, text, size) != 0)
		return false;
	in->at += size;
	return true;
}
#define COMES(in, literal) comes(in, literal, sizeof(literal) - 1)
#define EXPECT(in, literal) ((in)->good &= COMES(in, literal))

/* Digits, without a zero before them. */
static inline uint64_t
take_digits(struct in *in)
{
	const char *first = in->at;
	uint64_t number = 0;

	while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
		number = number * 10 + (uint64_t)(*in->at++ - '0');
	if (in->at == first || in->at - first > 19 ||
	    (*first == '0' && in->at - first > 1))
		in->good = false;
	return number;
}

static inline int64_t
take_number(struct in *in)
{
	const bool negative = COMES(in, "-");
	const uint64_t number = take_digits(in);

	if (number > (uint64_t)INT64_MAX + negative)
		in->good = false;
	return (int64_t)(negative ? -number : number);
}

static inline unsigned
take_unsigned(struct in *in)
{
	const uint64_t number = take_digits(in);

	if (number > UINT_MAX)
		in->good = false;
	return (unsigned)number;
}

/* -1: it is none. */
static int
hex_value(char digit)
{
	const char small = (char)(digit | 32);

	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/* Four hex digits. */
static uint32_t
take_unit(struct in *in)
{
	uint32_t unit = 0;
	int i, value;

	if (in->end - in->at < 4)
		in->good = false;
	for (i = 0; i < 4 && in->good; i++) {
		value = hex_value(*in->at++);
		in->good = value >= 0;
		unit = unit * 16 + (uint32_t)value;
	}
	return unit;
}

static char *
print_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
		return to;
	}
	if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*to++ = (char)(0xe0 | code >> 12);
		} else {
			*to++ = (char)(0xf0 | code >> 18);
			*to++ = (char)(0x80 | (code >> 12 & 63));
		}
		*to++ = (char)(0x80 | (code >> 6 & 63));
	}
	*to++ = (char)(0x80 | (code & 63));
	return to;
}

/* What stands behind \u: one unit, or two that are one character. */
static char *
take_code(struct in *in, char *to)
{
	uint32_t code = take_unit(in), low;

	if (code >= 0xd800 && code < 0xdc00) {
		low = COMES(in, "\\u") ? take_unit(in) : 0;
		if (low < 0xdc00 || low >= 0xe000)
			in->good = false;
		code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
	} else if (code == 0 || (code >= 0xdc00 && code < 0xe000)) {
		in->good = false;
	}
	return in->good ? print_utf8(to, code) : to;
}

/* What stands behind a backslash goes to `to`, and its end is returned. */
static char *
take_escape(struct in *in, char *to)
{
	static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (COMES(in, "u"))
		return take_code(in, to);
	found = memchr(names, *in->at, sizeof(names) - 1);
	if (in->at == in->end || found == NULL) {
		in->good = false;
		return to;
	}
	in->at++;
	*to++ = means[found - names];
	return to;
}

/*
 * The high bits of some of the eight bytes in `text`: the first of them is
 * that of the first byte which is not plain, and 0: all are plain.  A byte
 * minus a larger one borrows; what follows it may be wrong, and is not asked.
 */
static inline uint64_t
odd_bytes(const char *text)
{
	const uint64_t ones = UINT64_MAX / 255, highs = ones * 128;
	uint64_t bytes, quote, backslash;

	memcpy(&bytes, text, sizeof(bytes));
	bytes = le64toh(bytes);
	quote = bytes ^ ones * '"';
	backslash = bytes ^ ones * '\\';
	return ((bytes - ones * ' ') & ~bytes & highs) |
	       ((quote - ones) & ~quote & highs) |
	       ((backslash - ones) & ~backslash & highs);
}

/* The first byte that is not plain, or the end.  Behind that is a seal. */
static inline char *
skip_plain(const struct in *in)
{
	char *at = in->at;
	uint64_t odd = 0;

	while (at < in->end && (odd = odd_bytes(at)) == 0)
		at += sizeof(odd);
	if (odd != 0)
		at += __builtin_ctzll(odd) / 8;
	return at < in->end ? at : in->end;
}

/* A text from its first escape to its quote goes to `to`; its end. */
static char *
take_escaped(struct in *in, char *to)
{
	while (in->good && in->at < in->end && *in->at != '"')
		if (COMES(in, "\\"))
			to = take_escape(in, to);
		else if ((unsigned char)*in->at >= ' ')
			*to++ = *in->at++;
		else
			in->good = false;
	return to;
}

/*
 * The text up to the quote, which is behind us afterwards.  Escapes are rare,
 * and see a copy of `*in`: so that stays in registers.
 */
static inline char *
take_string(struct in *in)
{
	char *value = in->at, *to = skip_plain(in);
	struct in copy;

	in->at = to;
	if (*to != '"') {
		copy = *in;
		to = take_escaped(&copy, to);
		*in = copy;
	}
	EXPECT(in, "\"");
	if (in->good)
		*to = '\0';
	in->size = (size_t)(to + 1 - value);
	return value;
}

static inline enum store_kind
take_kind(struct in *in)
{
	if (COMES(in, "sold\""))
		return STORE_SOLD;
	if (COMES(in, "recounted\""))
		return STORE_RECOUNTED;
	EXPECT(in, "raised\"");
	return STORE_RAISED;
}

/* One behind the other. */
static inline void
take_seats(struct in *in, struct store_line *line)
{
	line->seat = line->quantity = 0;
	if (COMES(in, "]"))
		return;
	line->seat = take_number(in);
	line->quantity = 1;
	while (in->good && COMES(in, ","))
		if ((uint64_t)take_number(in) !=
		    (uint64_t)line->seat + (uint64_t)line->quantity++)
			in->good = false;
	EXPECT(in, "]");
}

static inline void
take_order(struct in *in, struct store_line *line)
{
	const char *order = take_string(in);

	if (in->size > sizeof(line->order))
		in->good = false;
	else
		memcpy(line->order, order, in->size);
}

/* Everything that a line has. */
static inline void
take_line(struct in *in, struct store_line *line)
{
	const char *sold_at;

	EXPECT(in, "{\"v\":1,\"kind\":\"");
	line->kind = take_kind(in);
	EXPECT(in, ",\"version\":");
	line->version = take_number(in);
	EXPECT(in, ",\"base\":");
	line->base = take_number(in);
	EXPECT(in, ",\"nth\":");
	line->nth = take_unsigned(in);
	EXPECT(in, ",\"seats\":[");
	take_seats(in, line);
	EXPECT(in, ",\"remaining\":");
	line->remaining = take_number(in);
	EXPECT(in, ",\"capacity\":");
	line->capacity = take_number(in);
	EXPECT(in, ",\"lock\":\"");
	line->lock = take_string(in);
	EXPECT(in, ",\"order\":\"");
	take_order(in, line);
	EXPECT(in, ",\"buyer\":\"");
	line->buyer = take_string(in);
	line->key = COMES(in, ",\"key\":\"") ? take_string(in) : NULL;
	line->host = 0;
	EXPECT(in, ",\"worker\":");
	line->worker = take_unsigned(in);
	EXPECT(in, ",\"clerk\":");
	line->clerk = take_unsigned(in);
	EXPECT(in, ",\"sold_at\":\"");
	sold_at = take_string(in);
	EXPECT(in, ",\"trail\":");
	if (in->good)
		line->sold_at_ms = timestamp_parse(sold_at);
	line->trail = in->at;
	*in->end = '\0';
}

bool
ledger_decode(char *text, size_t length, store_visit_fn *visit, void *arg,
    bool *go_on, const char **why)
{
	struct in in = {.at = text, .good = true};
	struct store_line line;

	*why = check_seal(text, length);
	if (*why != NULL)
		return false;
	in.end = text + length - SEAL_SIZE;
	take_line(&in, &line);
	if (!in.good) {
		*why = "it is not a ledger line";
		return false;
	}
	*go_on = visit(&line, arg);
	return true;
}
