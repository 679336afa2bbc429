/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines are written by hand, in the order of members that is the format, and
 * read by jansson, except for the trail.
 */
#include "storage/json/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "locks/timestamp.h"

#define FORMAT_VERSION 1
#define TRAIL ",\"trail\":"
#define SEAL ",\"crc\":\""
#define SEAL_SIZE (sizeof(SEAL) - 1 + 8 + sizeof("\"}\n") - 1)

static const char *const kinds[] = {
    [STORE_SOLD] = "sold",
    [STORE_RECOUNTED] = "recounted",
    [STORE_RAISED] = "raised",
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* CRC-32C, four bits at a time. */
static uint32_t
crc32c(const char *text, size_t length)
{
	static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede,
	    0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4,
	    0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	uint32_t crc = 0xffffffff;
	size_t i;

	for (i = 0; i < length; i++) {
		crc ^= (unsigned char)text[i];
		crc = nibble[crc & 15] ^ (crc >> 4);
		crc = nibble[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

char *
ledger_quote(const char *value)
{
	json_t *string = json_string(value);
	char *text = NULL;

	if (string != NULL)
		text = json_dumps(string, JSON_ENCODE_ANY);
	json_decref(string);
	return text;
}

static void
put_string(FILE *out, const char *name, const char *value)
{
	char *text = ledger_quote(value);

	fprintf(out, ",\"%s\":%s", name, text != NULL ? text : "\"\"");
	free(text);
}

/* All that stands before the seal. */
static void
put_line(FILE *out, const struct store_line *line)
{
	char sold_at[TIMESTAMP_SIZE];
	int64_t i;

	fprintf(out,
	    "{\"v\":%d,\"kind\":\"%s\",\"version\":%" PRId64
	    ",\"base\":%" PRId64 ",\"nth\":%u,\"seats\":[",
	    FORMAT_VERSION, kinds[line->kind], line->version, line->base,
	    line->nth);
	for (i = 0; i < line->quantity; i++)
		fprintf(out, "%s%" PRId64, i == 0 ? "" : ",", line->seat + i);
	fprintf(out,
	    "],\"remaining\":%" PRId64 ",\"capacity\":%" PRId64
	    ",\"lock\":\"%s\",\"order\":\"%s\"",
	    line->remaining, line->capacity, line->lock, line->order);
	put_string(out, "buyer", line->buyer);
	if (line->key != NULL)
		put_string(out, "key", line->key);
	timestamp_print(line->sold_at_ms, sold_at);
	fprintf(out,
	    ",\"worker\":%u,\"clerk\":%u,\"sold_at\":\"%s\",\"trail\":%s",
	    line->worker, line->clerk, sold_at, line->trail);
}

char *
ledger_encode(const struct store_line *lines, size_t count, size_t *size)
{
	char *text = NULL;
	FILE *out;
	size_t i, from;

	out = open_memstream(&text, size);
	if (out == NULL)
		return NULL;
	for (i = 0; i < count; i++) {
		fflush(out); /* sets `text` and `*size` */
		from = *size;
		put_line(out, &lines[i]);
		fflush(out);
		fprintf(out, SEAL "%08" PRIx32 "\"}\n",
		    crc32c(text + from, *size - from));
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static const char *
check_seal(const char *text, size_t length)
{
	char wanted[SEAL_SIZE + 1];
	const char *seal;

	if (length < SEAL_SIZE || text[length - 1] != '\n')
		return "the line is cut short";
	if (memchr(text, '\0', length) != NULL)
		return "it is not text";
	seal = text + length - SEAL_SIZE;
	if (memcmp(seal, SEAL, sizeof(SEAL) - 1) != 0)
		return "there is no checksum";
	snprintf(wanted, sizeof(wanted), SEAL "%08" PRIx32 "\"}\n",
	    crc32c(text, length - SEAL_SIZE));
	if (memcmp(seal, wanted, SEAL_SIZE) != 0)
		return "the checksum does not match";
	return NULL;
}

static bool
parse_kind(const char *name, enum store_kind *kind)
{
	size_t i;

	for (i = 0; i < KINDS; i++)
		if (strcmp(kinds[i], name) == 0) {
			*kind = (enum store_kind)i;
			return true;
		}
	return false;
}

/* Everything but the trail; strings stay those of `object`. */
static bool
parse_line(json_t *object, struct store_line *line)
{
	const char *kind, *order, *sold_at;
	json_int_t v, version, base, nth, remaining, capacity, worker, clerk;
	json_t *seats;

	line->key = NULL;
	if (json_unpack(object,
		"{s:I, s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:s, s:s, s:s, s?s,"
		" s:I, s:I, s:s}",
		"v", &v, "kind", &kind, "version", &version, "base", &base,
		"nth", &nth, "seats", &seats, "remaining", &remaining,
		"capacity", &capacity, "lock", &line->lock, "order", &order,
		"buyer", &line->buyer, "key", &line->key, "worker", &worker,
		"clerk", &clerk, "sold_at", &sold_at) != 0)
		return false;
	if (v != FORMAT_VERSION || !parse_kind(kind, &line->kind) ||
	    strlen(order) >= STORE_ORDER_SIZE || nth != (unsigned)nth ||
	    worker != (unsigned)worker || clerk != (unsigned)clerk)
		return false;
	line->version = version;
	line->base = base;
	line->nth = (unsigned)nth;
	line->quantity = (int64_t)json_array_size(seats);
	line->seat = json_integer_value(json_array_get(seats, 0));
	line->remaining = remaining;
	line->capacity = capacity;
	line->worker = (unsigned)worker;
	line->clerk = (unsigned)clerk;
	line->sold_at_ms = timestamp_parse(sold_at);
	memcpy(line->order, order, strlen(order) + 1);
	return true;
}

bool
ledger_decode(const char *text, size_t length, store_visit_fn *visit, void *arg,
    bool *go_on, const char **why)
{
	const char *trail;
	struct store_line line;
	json_t *object;
	char *copy;
	size_t head;

	*why = check_seal(text, length);
	if (*why != NULL)
		return false;
	*why = "it is not a ledger line";
	trail = memmem(text, length, TRAIL, sizeof(TRAIL) - 1);
	if (trail == NULL)
		return false;
	copy = strndup(text, length - SEAL_SIZE);
	if (copy == NULL)
		abort();
	/* The trail is long and seldom wanted as JSON: it stays text. */
	head = (size_t)(trail - text);
	copy[head] = '}';
	line.trail = copy + head + sizeof(TRAIL) - 1;
	object = json_loadb(copy, head + 1, 0, NULL);
	if (object != NULL && parse_line(object, &line)) {
		*why = NULL;
		*go_on = visit(&line, arg);
	}
	json_decref(object);
	free(copy);
	return *why == NULL;
}

const char *
ledger_member(
    const char *text, size_t length, const char *name, size_t *value_length)
{
	const char *end = text + length, *value, *at;
	char pattern[32];

	snprintf(pattern, sizeof(pattern), ",\"%s\":\"", name);
	value = memmem(text, length, pattern, strlen(pattern));
	if (value == NULL)
		return NULL;
	value += strlen(pattern);
	for (at = value; at < end && *at != '"'; at++)
		if (*at == '\\')
			at++;
	*value_length = (size_t)(at - value);
	return value;
}
