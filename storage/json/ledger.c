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
#include "storage/json/crc32c.h"

#define SEAL ",\"crc\":\""
#define SEAL_END "\"}\n"
#define SEAL_SIZE (sizeof(SEAL) - 1 + 8 + sizeof(SEAL_END) - 1)
#define NUMBER_SIZE 21 /* any int64_t, and NUL */

static const char *const kinds[] = {
    [STORE_SOLD] = "sold",
    [STORE_RECOUNTED] = "recounted",
    [STORE_RAISED] = "raised",
};

static void
print_hex(char digits[8], uint32_t number)
{
	int i;

	for (i = 7; i >= 0; i--, number >>= 4)
		digits[i] = "0123456789abcdef"[number & 15];
}

/* -------------------------------------------------------------- writing -- */

/* Text that grows; once there was no memory, nothing is added any more. */
struct out {
	char *text;
	size_t used, size;
	bool failed;
};

/* Where `size` more bytes may be written; NULL: there is no memory. */
static char *
room(struct out *out, size_t size)
{
	if (!out->failed && out->size - out->used < size) {
		const size_t wanted = 2 * out->size + size + 1024;
		char *text = realloc(out->text, wanted);

		out->failed = text == NULL;
		if (text != NULL) {
			out->text = text;
			out->size = wanted;
		}
	}
	return out->failed ? NULL : out->text + out->used;
}

static void
put(struct out *out, const char *text, size_t size)
{
	char *at = room(out, size);

	if (at == NULL)
		return;
	memcpy(at, text, size);
	out->used += size;
}

static void
put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

static void
put_number(struct out *out, const char *before, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[NUMBER_SIZE], *at = digits + NUMBER_SIZE;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*--at = '-';
	put_text(out, before);
	put(out, at, (size_t)(digits + NUMBER_SIZE - at));
}

/* As a \u, in capitals, if there is nothing shorter: so it was always. */
static void
put_escape(struct out *out, unsigned char byte)
{
	static const char short_for[] = "\"\\\b\f\n\r\t", name[] = "\"\\bfnrt";
	const char *found = strchr(short_for, byte);
	char escape[7];

	if (found != NULL)
		snprintf(
		    escape, sizeof(escape), "\\%c", name[found - short_for]);
	else
		snprintf(escape, sizeof(escape), "\\u%04X", byte);
	put_text(out, escape);
}

static bool
is_plain(unsigned char byte)
{
	return byte >= ' ' && byte != '"' && byte != '\\';
}

static void
put_string(struct out *out, const char *before, const char *value)
{
	put_text(out, before);
	put(out, "\"", 1);
	while (*value != '\0') {
		const char *from = value;

		while (is_plain((unsigned char)*value))
			value++;
		put(out, from, (size_t)(value - from));
		if (*value != '\0')
			put_escape(out, (unsigned char)*value++);
		if (out->failed)
			return;
	}
	put(out, "\"", 1);
}

/* All that stands before the seal. */
static void
put_line(struct out *out, const struct store_line *line)
{
	char sold_at[TIMESTAMP_SIZE];
	int64_t i;

	put_string(out, "{\"v\":1,\"kind\":", kinds[line->kind]);
	put_number(out, ",\"version\":", line->version);
	put_number(out, ",\"base\":", line->base);
	put_number(out, ",\"nth\":", line->nth);
	put_text(out, ",\"seats\":[");
	for (i = 0; i < line->quantity && !out->failed; i++)
		put_number(out, i == 0 ? "" : ",", line->seat + i);
	put_number(out, "],\"remaining\":", line->remaining);
	put_number(out, ",\"capacity\":", line->capacity);
	put_string(out, ",\"lock\":", line->lock);
	put_string(out, ",\"order\":", line->order);
	put_string(out, ",\"buyer\":", line->buyer);
	if (line->key != NULL)
		put_string(out, ",\"key\":", line->key);
	put_number(out, ",\"worker\":", line->worker);
	put_number(out, ",\"clerk\":", line->clerk);
	timestamp_print(line->sold_at_ms, sold_at);
	put_string(out, ",\"sold_at\":", sold_at);
	put_text(out, ",\"trail\":");
	put_text(out, line->trail);
}

static void
put_seal(struct out *out, size_t from)
{
	char digits[8];

	if (out->failed)
		return;
	print_hex(digits, crc32c(out->text + from, out->used - from));
	put_text(out, SEAL);
	put(out, digits, sizeof(digits));
	put_text(out, SEAL_END);
}

char *
ledger_encode(const struct store_line *lines, size_t count, size_t *size)
{
	struct out out = {0};
	size_t i, from;

	for (i = 0; i < count && !out.failed; i++) {
		from = out.used;
		put_line(&out, &lines[i]);
		put_seal(&out, from);
	}
	put(&out, "", 1); /* a NUL, which is not counted */
	if (out.failed) {
		free(out.text);
		return NULL;
	}
	*size = out.used - 1;
	return out.text;
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
	print_hex(digits, crc32c(text, length - SEAL_SIZE));
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
