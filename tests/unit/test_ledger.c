/* SPDX-License-Identifier: BSD-2-Clause */
/* Ledger lines as text, their checksum, moments as text. */
#include "storage/json/ledger.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "locks/timestamp.h"
#include "storage/json/crc32c.h"

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
	line.version = INT64_MAX;
	line.base = 0;
	line.remaining = INT64_MIN;
	line.worker = UINT_MAX;
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
	assert_member_refused("\"order\":\"4f", "\"order\":\"4f00000");
	assert_member_refused("\"v\":1,", "\"v\": 1,");
	assert_member_refused("\"version\":7,", "\"version\":07,");
	assert_member_refused("\"version\":7,", "\"version\":7.0,");
	assert_member_refused(
	    "\"version\":7,", "\"version\":9223372036854775808,");
	assert_member_refused("\"nth\":2,", "\"nth\":4294967296,");
	assert_member_refused("\"nth\":2,", "\"nth\":-1,");
	assert_member_refused("[7,8]", "[7,9]");
	assert_member_refused("[7,8]", "[7,]");
	assert_member_refused("[7,8]", "[7");
	assert_member_refused("\"base\":6,\"nth\":2,", "\"nth\":2,\"base\":6,");
	assert_member_refused("\"trail\":", "\"tail\":");
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

/* ------------------------------------------------ as jansson has it -- */

/* The same numbers in every run. */
static uint32_t
random_number(uint32_t below)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(state >> 33) % below;
}

/* A text of at most 12 characters that has no NUL, as UTF-8. */
static void
random_text(char text[64])
{
	static const char *const others[] = {"\xc3\xbc", "\xe5\xb0\x91",
	    "\xf0\x9f\x8e\xab", "\x7f", "\\", "\"", "\",\"key\":\"", "/",
	    "\\u0041", ",\"crc\":\"00000000\"}", "\xef\xbf\xbf"};
	uint32_t count = random_number(13);
	size_t used = 0;

	while (count-- > 0 && used < 32) {
		const uint32_t kind = random_number(4);

		if (kind == 0) {
			strcpy(text + used,
			    others[random_number(
				sizeof(others) / sizeof(others[0]))]);
			used += strlen(text + used);
		} else if (kind == 1) {
			text[used++] = (char)(1 + random_number(31));
		} else {
			text[used++] = (char)(' ' + random_number(95));
		}
	}
	text[used] = '\0';
}

static int64_t
random_int64(void)
{
	const uint64_t bits = (uint64_t)random_number(UINT32_MAX >> 1) << 33 ^
			      (uint64_t)random_number(UINT32_MAX >> 1) << 2 ^
			      random_number(4);

	return (int64_t)(bits >> random_number(64));
}

struct texts {
	char buyer[64], key[64], trail[160];
};

static void
random_line(struct store_line *line, struct texts *texts)
{
	*line = example;
	line->kind = (enum store_kind)random_number(3);
	line->version = random_int64();
	line->base = random_int64();
	line->nth = random_number(1 << 16);
	line->seat = line->version >> 1;
	line->quantity = random_number(4);
	if (line->quantity == 0)
		line->seat = 0;
	line->remaining = random_int64();
	line->capacity = random_int64();
	snprintf(line->order, sizeof(line->order), "%032x", random_number(9));
	random_text(texts->buyer);
	line->buyer = texts->buyer;
	random_text(texts->key);
	line->key = random_number(2) == 0 ? NULL : texts->key;
	line->worker = random_number(1 << 16);
	line->clerk = random_number(1 << 16);
	line->sold_at_ms = random_number(UINT32_MAX >> 1) * INT64_C(1500);
	strcpy(texts->trail, "[]");
	if (random_number(2) == 0)
		strcpy(texts->trail, example.trail);
	line->trail = texts->trail;
}

/* The line as jansson writes it, but for the seal; the caller frees. */
static char *
dump(const struct store_line *line)
{
	static const char *const kinds[] = {"sold", "recounted", "raised"};
	json_t *seats = json_array(), *object;
	char sold_at[TIMESTAMP_SIZE], *text;
	int64_t i;

	for (i = 0; i < line->quantity; i++)
		json_array_append_new(seats, json_integer(line->seat + i));
	timestamp_print(line->sold_at_ms, sold_at);
	object = json_pack("{s:i, s:s, s:I, s:I, s:i, s:o, s:I, s:I, s:s, s:s,"
			   " s:s, s:s*, s:i, s:i, s:s, s:o}",
	    "v", 1, "kind", kinds[line->kind], "version",
	    (json_int_t)line->version, "base", (json_int_t)line->base, "nth",
	    (int)line->nth, "seats", seats, "remaining",
	    (json_int_t)line->remaining, "capacity", (json_int_t)line->capacity,
	    "lock", line->lock, "order", line->order, "buyer", line->buyer,
	    "key", line->key, "worker", (int)line->worker, "clerk",
	    (int)line->clerk, "sold_at", sold_at, "trail",
	    json_loads(line->trail, 0, NULL));
	assert_non_null(object);
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

/* Directories exist that jansson helped to write. */
static void
test_as_jansson(void **state)
{
	struct store_line line;
	struct texts texts;
	char *text, *wanted;
	size_t length;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		random_line(&line, &texts);
		text = encode(&line, &length);
		wanted = dump(&line);
		assert_memory_equal(text, wanted, strlen(wanted) - 1);
		assert_memory_equal(
		    text + strlen(wanted) - 1, ",\"crc\":\"", 8);
		free(text);
		free(wanted);
		assert_round_trip(&line);
	}
}

/* The golden line with `quoted`, all that stands between quotes, as buyer. */
static char *
seal_buyer(const char *quoted, size_t *length)
{
	static const char member[] = "\"buyer\":\"";
	const char *at = strstr(golden, member) + strlen(member);
	const char *rest = strchr(at, '"');
	char body[1024];

	snprintf(body, sizeof(body), "%.*s%s%.*s", (int)(at - golden), golden,
	    quoted, (int)(strstr(golden, ",\"crc\"") - rest), rest);
	return seal(body, strlen(body), length);
}

/* Texts as JSON, between quotes, and what they are; NULL: none. */
static const struct {
	const char *quoted, *text;
} escapes[] = {
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
    {"\\u0041\\u00e4\\u00C4", "A\xc3\xa4\xc3\x84"},
    {"\\u20ac\\uffff", "\xe2\x82\xac\xef\xbf\xbf"},
    {"x\\ud83C\\uDFABy", "x\xf0\x9f\x8e\xaby"},
    {"\\udbff\\udfff", "\xf4\x8f\xbf\xbf"},
    {"\\u0000", NULL},
    {"\\u12", NULL},
    {"\\u00g0", NULL},
    {"\\ud83c", NULL},
    {"\\ud83c\\u0041", NULL},
    {"\\ud83cx", NULL},
    {"\\udfab", NULL},
    {"\\x", NULL},
    {"\\", NULL},
    {"a\tb", NULL},
};

static bool
take_buyer(const struct store_line *line, void *arg)
{
	assert_string_equal(line->buyer, arg);
	return true;
}

static void
test_escapes(void **state)
{
	const char *why;
	size_t i, length;
	char *text;
	bool go_on;

	(void)state;
	for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		text = seal_buyer(escapes[i].quoted, &length);
		if (escapes[i].text == NULL)
			assert_no_line(text, length);
		else
			assert_true(ledger_decode(text, length, take_buyer,
			    (void *)(uintptr_t)escapes[i].text, &go_on, &why));
		free(text);
	}
}

/* ------------------------------------------------------------- checksum -- */

static void
test_crc(void **state)
{
	char text[600]; /* more than is taken at once, three times */
	size_t from, length;
	size_t i;

	(void)state;
	/* RFC 3720, B.4. */
	memset(text, 0, 32);
	assert_int_equal(crc32c(text, 32), 0x8a9136aa);
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)random_number(256);
	for (from = 0; from < 9; from++)
		for (length = 0; length < sizeof(text) - 9; length++) {
			const uint32_t crc = plain_crc(text + from, length);

			assert_int_equal(crc32c(text + from, length), crc);
			assert_int_equal(
			    crc32c_plain(text + from, length), crc);
		}
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
	assert_int_equal(timestamp_parse("2026-11-21 05:00:00.000Z"), -1);
	assert_int_equal(timestamp_parse("2026-11-21T05:00:00.0x0Z"), -1);
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
	    cmocka_unit_test(test_as_jansson),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_crc),
	    cmocka_unit_test(test_timestamps),
	    cmocka_unit_test(test_each_day),
	    cmocka_unit_test(test_no_timestamps),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
