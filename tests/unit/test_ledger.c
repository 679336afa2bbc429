/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the json store is made of: ledger lines as text, the table that an
 * index is, moments as text.
 */
#include "storage/json/ledger.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "locks/timestamp.h"
#include "storage/json/table.h"

/* --------------------------------------------------------------- ledger -- */

/* The format as it is on people's disks: it may not change by accident. */
static const char golden[] =
    "{\"v\":1,\"kind\":\"sold\",\"version\":7,\"base\":6,\"nth\":2,"
    "\"seats\":[7,8],\"remaining\":92,\"capacity\":100,\"lock\":\"mutex\","
    "\"order\":\"4f0c9d0000000000000000000000000a\",\"buyer\":\"alice\","
    "\"key\":\"k1\",\"worker\":1,\"clerk\":2,"
    "\"sold_at\":\"2026-11-21T05:00:00.123Z\","
    "\"trail\":[{\"at_ns\":1,\"step\":\"read\"}],\"crc\":\"644bab36\"}\n";

static const struct store_line example = {
    .kind = STORE_SOLD,
    .version = 7,
    .base = 6,
    .nth = 2,
    .seat = 7,
    .quantity = 2,
    .remaining = 92,
    .capacity = 100,
    .order = "4f0c9d0000000000000000000000000a",
    .buyer = "alice",
    .key = "k1",
    .lock = "mutex",
    .worker = 1,
    .clerk = 2,
    .sold_at_ms = INT64_C(1795237200123),
    .trail = "[{\"at_ns\":1,\"step\":\"read\"}]",
};

/* The caller frees. */
static char *
encode(const struct store_line *line, size_t *length)
{
	char *text = ledger_encode(line, 1, length);

	assert_non_null(text);
	return text;
}

/* CRC-32C, a bit at a time: not as the code under test does it. */
static uint32_t
plain_crc(const char *text, size_t length)
{
	uint32_t crc = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < length; i++) {
		crc ^= (unsigned char)text[i];
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* `body` as somebody would seal it who knows the checksum; caller frees. */
static char *
seal(const char *body, size_t body_length, size_t *length)
{
	char *text = malloc(body_length + 32);

	assert_non_null(text);
	memcpy(text, body, body_length);
	*length = body_length + (size_t)snprintf(text + body_length, 32,
				    ",\"crc\":\"%08" PRIx32 "\"}\n",
				    plain_crc(body, body_length));
	return text;
}

static bool
expect_line(const struct store_line *line, void *arg)
{
	const struct store_line *wanted = arg;

	assert_int_equal(line->kind, wanted->kind);
	assert_int_equal(line->version, wanted->version);
	assert_int_equal(line->base, wanted->base);
	assert_int_equal(line->nth, wanted->nth);
	assert_int_equal(line->seat, wanted->seat);
	assert_int_equal(line->quantity, wanted->quantity);
	assert_int_equal(line->remaining, wanted->remaining);
	assert_int_equal(line->capacity, wanted->capacity);
	assert_string_equal(line->order, wanted->order);
	assert_string_equal(line->buyer, wanted->buyer);
	if (wanted->key == NULL)
		assert_null(line->key);
	else
		assert_string_equal(line->key, wanted->key);
	assert_string_equal(line->lock, wanted->lock);
	assert_int_equal(line->worker, wanted->worker);
	assert_int_equal(line->clerk, wanted->clerk);
	assert_int_equal(line->sold_at_ms, wanted->sold_at_ms);
	assert_string_equal(line->trail, wanted->trail);
	return false;
}

static bool
refuse_to_visit(const struct store_line *line, void *arg)
{
	(void)line;
	(void)arg;
	fail();
	return true;
}

static void
assert_round_trip(const struct store_line *line)
{
	struct store_line wanted = *line;
	const char *why = "?";
	bool go_on = true;
	size_t length;
	char *text;

	text = encode(line, &length);
	assert_ptr_equal(strchr(text, '\n'), text + length - 1);
	assert_true(
	    ledger_decode(text, length, expect_line, &wanted, &go_on, &why));
	assert_false(go_on);
	assert_null(why);
	free(text);
}

static void
assert_no_line(const char *text, size_t length)
{
	const char *why = NULL;
	/* Of its own size, so that a sanitizer sees who reads beyond. */
	char *copy = malloc(length + (length == 0));

	assert_non_null(copy);
	memcpy(copy, text, length);
	assert_false(
	    ledger_decode(copy, length, refuse_to_visit, NULL, NULL, &why));
	assert_non_null(why);
	assert_null(strchr(why, '\n'));
	free(copy);
}

static void
test_golden(void **state)
{
	const size_t body = (size_t)(strstr(golden, ",\"crc\"") - golden);
	size_t length, sealed_length;
	char *text, *sealed;

	(void)state;
	assert_int_equal(plain_crc("123456789", 9), 0xe3069283);
	text = encode(&example, &length);
	sealed = seal(golden, body, &sealed_length);
	assert_int_equal(length, sealed_length);
	assert_string_equal(text, golden);
	assert_memory_equal(text, sealed, length);
	free(text);
	free(sealed);
}

static void
test_kinds(void **state)
{
	struct store_line line = example;

	(void)state;
	assert_round_trip(&line);
	line.key = NULL;
	assert_round_trip(&line);
	line.seat = line.quantity = 0;
	line.order[0] = '\0';
	line.buyer = "";
	line.kind = STORE_RECOUNTED;
	assert_round_trip(&line);
	line.kind = STORE_RAISED;
	assert_round_trip(&line);
}

static void
test_extremes(void **state)
{
	struct store_line line = example;

	(void)state;
	line.version = INT64_C(1) << 39;
	line.base = line.version - 1;
	line.nth = 4096;
	line.seat = 1;
	line.quantity = 5000;
	line.remaining = 0;
	line.capacity = STORE_CAPACITY_MAX;
	line.sold_at_ms = 0;
	line.trail = "[]";
	assert_round_trip(&line);
}

/* What could be taken for the line's own syntax. */
static const char *const strange_texts[] = {
    "",
    "\"",
    "\\",
    "\\\\\"",
    "a\",\"key\":\"b",
    "\",\"order\":\"0\",\"trail\":[],\"crc\":\"00000000\"}\n",
    "\n\r\t\x01\x7f",
    "M\xc3\xbcller \xe5\xb0\x91\xe5\x8d\x96 \xf0\x9f\x8e\xab",
    "\\u0041 %s %n",
};
#define STRANGE_TEXTS (sizeof(strange_texts) / sizeof(strange_texts[0]))

static void
test_strange_texts(void **state)
{
	struct store_line line = example;
	size_t i;

	(void)state;
	for (i = 0; i < STRANGE_TEXTS; i++) {
		line.buyer = strange_texts[i];
		line.key = strange_texts[STRANGE_TEXTS - 1 - i];
		assert_round_trip(&line);
	}
}

static void
test_cut_short(void **state)
{
	size_t length, size;
	char *text;

	(void)state;
	text = encode(&example, &length);
	for (size = 0; size < length; size++)
		assert_no_line(text, size);
	free(text);
}

static void
test_flipped_bits(void **state)
{
	size_t length, i;
	char *text;
	int bit;

	(void)state;
	text = encode(&example, &length);
	for (i = 0; i < length; i++)
		for (bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ 1 << bit);
			assert_no_line(text, length);
			text[i] = (char)(text[i] ^ 1 << bit);
		}
	free(text);
}

/* Sealed well, and yet no ledger line. */
static void
test_sealed_nonsense(void **state)
{
	static const char *const bodies[] = {
	    "",
	    "{",
	    "nonsense",
	    "nonsense,\"trail\":[]",
	    "{\"v\":1,\"trail\":[]",
	    ",\"trail\":",
	};
	size_t i, length;
	char *text;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		text = seal(bodies[i], strlen(bodies[i]), &length);
		assert_no_line(text, length);
		free(text);
	}
}

/* The golden line, but for one member. */
static void
assert_member_refused(const char *member, const char *other)
{
	const char *at = strstr(golden, member), *rest;
	char body[1024];
	size_t length;
	char *text;

	assert_non_null(at);
	rest = at + strlen(member);
	snprintf(body, sizeof(body), "%.*s%s%.*s", (int)(at - golden), golden,
	    other, (int)(strstr(rest, ",\"crc\"") - rest), rest);
	text = seal(body, strlen(body), &length);
	assert_no_line(text, length);
	free(text);
}

static void
test_sealed_members(void **state)
{
	(void)state;
	assert_member_refused("\"v\":1,", "\"v\":2,");
	assert_member_refused("\"kind\":\"sold\",", "\"kind\":\"given\",");
	assert_member_refused("\"version\":7,", "\"version\":\"7\",");
	assert_member_refused("\"base\":6,", "");
	assert_member_refused("\"buyer\":\"alice\",", "\"buyer\":1,");
	assert_member_refused("\"order\":\"4f", "\"order\":\"4f00");
}

static void
test_sealed_nul(void **state)
{
	char body[sizeof(golden)];
	const size_t body_length =
	    (size_t)(strstr(golden, ",\"crc\"") - golden);
	size_t length;
	char *text;

	(void)state;
	memcpy(body, golden, body_length);
	body[3] = '\0';
	text = seal(body, body_length, &length);
	assert_no_line(text, length);
	free(text);
}

static void
assert_member(
    const struct store_line *line, const char *name, const char *quoted)
{
	const char *value;
	size_t length, size = 0;
	char *text;

	text = encode(line, &length);
	value = ledger_member(text, length, name, &size);
	if (quoted == NULL) {
		assert_null(value);
	} else {
		assert_non_null(value);
		assert_int_equal(size, strlen(quoted) - 2);
		assert_memory_equal(value, quoted + 1, size);
	}
	free(text);
}

static void
test_members(void **state)
{
	struct store_line line = example;
	size_t i;
	char *quoted;

	(void)state;
	assert_member(&line, "order", "\"4f0c9d0000000000000000000000000a\"");
	assert_member(&line, "key", "\"k1\"");
	assert_member(&line, "nosuch", NULL);
	for (i = 0; i < STRANGE_TEXTS; i++) {
		line.buyer = strange_texts[STRANGE_TEXTS - 1 - i];
		line.key = strange_texts[i];
		quoted = ledger_quote(strange_texts[i]);
		assert_non_null(quoted);
		assert_member(&line, "key", quoted);
		free(quoted);
		line.key = NULL;
		assert_member(&line, "key", NULL);
	}
}

static void
test_quote(void **state)
{
	char *quoted;

	(void)state;
	quoted = ledger_quote("a\"b\\c\n");
	assert_string_equal(quoted, "\"a\\\"b\\\\c\\n\"");
	free(quoted);
}

/* ---------------------------------------------------------------- table -- */

static void
test_hash(void **state)
{
	(void)state;
	/* FNV-1a's own test vectors. */
	assert_true(table_hash("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(table_hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(table_hash("foobar", 6) == UINT64_C(0x85944171f73967e8));
	assert_true(table_hash("foobarX", 6) == table_hash("foobar", 6));
}

static void
test_empty_table(void **state)
{
	struct table table = {0};
	size_t at = SIZE_MAX;

	(void)state;
	assert_int_equal(table_next(&table, 1, &at), 0);
	table_clear(&table);
}

static void
test_many_entries(void **state)
{
	struct table table = {0};
	int64_t i;
	size_t at;

	(void)state;
	for (i = 1; i <= 10000; i++)
		assert_true(table_add(
		    &table, table_hash((const char *)&i, sizeof(i)), i));
	assert_int_equal(table.used, 10000);
	assert_true(table.size >= 2 * table.used);
	for (i = 1; i <= 10000; i++) {
		const uint64_t hash = table_hash((const char *)&i, sizeof(i));

		at = SIZE_MAX;
		assert_int_equal(table_next(&table, hash, &at), i);
		assert_int_equal(table_next(&table, hash, &at), 0);
		at = SIZE_MAX;
		assert_int_equal(table_next(&table, hash + 1, &at), 0);
	}
	table_clear(&table);
	assert_int_equal(table.size, 0);
}

/* All of one hash, among others of the same place; round the table's end. */
static void
test_collisions(void **state)
{
	const uint64_t place = UINT64_MAX;
	struct table table = {0};
	bool found[101] = {false};
	size_t at = SIZE_MAX;
	int64_t version;
	int i;

	(void)state;
	for (i = 1; i <= 100; i++) {
		assert_true(table_add(&table, place, i));
		assert_true(table_add(&table, place >> 1, 1000 + i));
	}
	for (i = 1; i <= 100; i++) {
		version = table_next(&table, place, &at);
		assert_in_range(version, 1, 100);
		assert_false(found[version]);
		found[version] = true;
	}
	assert_int_equal(table_next(&table, place, &at), 0);
	table_clear(&table);
}

/* ------------------------------------------------------------ timestamp -- */

static const struct {
	int64_t ms;
	const char *text;
} moments[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {999, "1970-01-01T00:00:00.999Z"},
    {INT64_C(951782399001), "2000-02-28T23:59:59.001Z"},
    {INT64_C(1709251199999), "2024-02-29T23:59:59.999Z"},
    {INT64_C(1795237200123), "2026-11-21T05:00:00.123Z"},
    {INT64_C(4102444800050), "2100-01-01T00:00:00.050Z"},
};

static void
test_timestamps(void **state)
{
	char text[TIMESTAMP_SIZE];
	size_t i;

	(void)state;
	/* Nobody's own time has a say. */
	setenv("TZ", "XYZ-05:45", 1);
	tzset();
	for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		timestamp_print(moments[i].ms, text);
		assert_string_equal(text, moments[i].text);
		assert_int_equal(
		    timestamp_parse(moments[i].text), moments[i].ms);
	}
}

/* Each day to the year 2400, as the C library has it. */
static void
test_each_day(void **state)
{
	const int64_t step = INT64_C(86400000) - 13003;
	char text[TIMESTAMP_SIZE], wanted[TIMESTAMP_SIZE];
	struct tm tm;
	time_t seconds;
	int64_t ms;

	(void)state;
	for (ms = 0; ms < INT64_C(13569465600000); ms += step) {
		seconds = (time_t)(ms / 1000);
		gmtime_r(&seconds, &tm);
		strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S.", &tm);
		timestamp_print(ms, text);
		assert_memory_equal(text, wanted, 20);
		assert_int_equal(timestamp_parse(text), ms);
	}
}

static void
test_no_timestamps(void **state)
{
	(void)state;
	assert_int_equal(timestamp_parse(""), -1);
	assert_int_equal(timestamp_parse("yesterday"), -1);
	assert_int_equal(timestamp_parse("2026-11-21"), -1);
	assert_int_equal(timestamp_parse("2026-11-21T05:00:00"), -1);
	assert_int_equal(timestamp_parse("2026-13-21T05:00:00.000Z"), -1);
	assert_int_equal(timestamp_parse("2026-11-21T24:00:00.000Z"), -1);
	assert_int_equal(timestamp_parse("2026-11-00T05:00:00.000Z"), -1);
	assert_int_equal(timestamp_parse("2026-11-21T05:00:00.00Z"), -1);
	assert_int_equal(timestamp_parse("2026-11-21T05:00:00.000Z "), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_extremes),
	    cmocka_unit_test(test_strange_texts),
	    cmocka_unit_test(test_cut_short),
	    cmocka_unit_test(test_flipped_bits),
	    cmocka_unit_test(test_sealed_nonsense),
	    cmocka_unit_test(test_sealed_members),
	    cmocka_unit_test(test_sealed_nul),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_quote),
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_empty_table),
	    cmocka_unit_test(test_many_entries),
	    cmocka_unit_test(test_collisions),
	    cmocka_unit_test(test_timestamps),
	    cmocka_unit_test(test_each_day),
	    cmocka_unit_test(test_no_timestamps),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
