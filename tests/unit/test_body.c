/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies as JSON and as forms: what is understood is the same, and what is
 * not gets a problem that names it.
 */
#include "service/http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

#define MIN 1
#define MAX INT64_C(1000000)

static const char *const members[] = {"buyer", "quantity", NULL};

struct scene {
	struct request request;
	struct reply reply;
	struct body body;
	bool parsed;
};

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct scene));
	assert_non_null(*state);
	return 0;
}

static void
clear(struct scene *scene)
{
	body_free(&scene->body);
	reply_free(&scene->reply);
	memset(scene, 0, sizeof(*scene));
}

static int
teardown(void **state)
{
	clear(*state);
	free(*state);
	return 0;
}

/* Parse `size` bytes that came with a Content-Type, or (NULL) without. */
static bool
parse_bytes(
    struct scene *scene, const char *type, const char *bytes, size_t size)
{
	clear(scene);
	assert_true(size <= REQUEST_BODY_MAX);
	memcpy(scene->request.body, bytes, size);
	scene->request.body_size = size;
	scene->request.headers[HEADER_CONTENT_TYPE] = (char *)(uintptr_t)type;
	scene->parsed =
	    body_parse(&scene->body, &scene->request, &scene->reply);
	assert_true(scene->parsed == (scene->reply.status == 0));
	return scene->parsed;
}

static bool
parse(struct scene *scene, const char *type, const char *text)
{
	return parse_bytes(scene, type, text, strlen(text));
}

/* Refused: the status, and a word of the problem. */
static void
assert_problem(const struct scene *scene, int status, const char *word)
{
	assert_int_equal(scene->reply.status, status);
	assert_string_equal(scene->reply.type, "application/problem+json");
	if (strstr(scene->reply.body, word) == NULL)
		fail_msg("no \"%s\" in: %s", word, scene->reply.body);
}

static void
assert_refused(
    struct scene *scene, const char *type, const char *text, const char *word)
{
	if (parse(scene, type, text))
		fail_msg("taken: %s", text);
	assert_problem(scene, 400, word);
	assert_non_null(strstr(scene->reply.body, "bad-body"));
}

static void
assert_text(struct scene *scene, const char *name, const char *expected)
{
	const char *value = NULL;

	assert_true(scene->parsed);
	assert_non_null(json_object_get(scene->body.members, name));
	assert_true(body_text(&scene->body, name, &value));
	assert_string_equal(value, expected);
}

static void
assert_buyer(
    struct scene *scene, const char *type, const char *text, const char *buyer)
{
	if (!parse(scene, type, text))
		fail_msg("refused: %s: %s", text, scene->reply.body);
	assert_text(scene, "buyer", buyer);
}

/* -------------------------------------------------------- which is which -- */

static void
test_empty(void **state)
{
	static const char *const types[] = {NULL, JSON, FORM, "text/plain"};
	struct scene *scene = *state;
	const char *text = "as it was";
	int64_t number = 42;
	size_t i;

	for (i = 0; i < 4; i++) {
		assert_true(parse(scene, types[i], ""));
		assert_int_equal(json_object_size(scene->body.members), 0);
		assert_null(json_object_get(scene->body.members, "buyer"));
		assert_true(body_allows(&scene->body, members));
		assert_true(body_text(&scene->body, "buyer", &text));
		assert_string_equal(text, "as it was");
		assert_true(
		    body_number(&scene->body, "quantity", MIN, MAX, &number));
		assert_int_equal(number, 42);
	}
}

static void
test_json(void **state)
{
	struct scene *scene = *state;
	int64_t number = 0;

	assert_buyer(
	    scene, JSON, "{\"buyer\":\"alice\",\"quantity\":2}", "alice");
	assert_false(scene->body.is_form);
	assert_true(body_number(&scene->body, "quantity", MIN, MAX, &number));
	assert_int_equal(number, 2);
	assert_buyer(scene, "application/json; charset=utf-8",
	    " \r\n\t{ \"buyer\" : \"a\\u00e9\\n\" } \n", "aé\n");
	assert_buyer(scene, "Application/JSON", "{\"buyer\":\"\"}", "");
}

static void
test_form(void **state)
{
	struct scene *scene = *state;
	int64_t number = 0;

	assert_buyer(scene, FORM, "buyer=alice&quantity=2", "alice");
	assert_true(scene->body.is_form);
	assert_true(body_number(&scene->body, "quantity", MIN, MAX, &number));
	assert_int_equal(number, 2);
	assert_buyer(scene, FORM "; charset=utf-8", "buyer=bob", "bob");
	assert_buyer(scene, NULL, "buyer=carol", "carol");
	assert_buyer(scene, FORM, "&&buyer=dave&", "dave");
	assert_buyer(scene, FORM, "buyer=", "");
	assert_buyer(scene, FORM, "buyer=a=b=", "a=b=");
}

/* curl -d '{…}' says that it is a form; nobody means that. */
static void
test_json_in_disguise(void **state)
{
	struct scene *scene = *state;

	assert_buyer(scene, FORM, "{\"buyer\":\"alice\"}", "alice");
	assert_false(scene->body.is_form);
	assert_buyer(scene, NULL, " \n{\"buyer\":\"alice\"}", "alice");
	/* But what says that it is JSON is. */
	assert_refused(scene, JSON, "buyer=alice", "JSON");
	assert_refused(scene, FORM, "{buyer=alice}", "JSON");
}

static void
test_media_types(void **state)
{
	static const char *const types[] = {"text/plain", "application/xml",
	    "multipart/form-data; boundary=x", "application/jsonx",
	    "application/json-seq", "text/json", "", "*/*"};
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_false(parse(scene, types[i], "{}"));
		assert_problem(scene, 415, "media-type");
	}
}

static void
test_sizes(void **state)
{
	struct scene *scene = *state;
	char text[REQUEST_BODY_MAX + 1];

	memset(text, 'a', REQUEST_BODY_MAX);
	memcpy(text, "buyer=", 6);
	text[REQUEST_BODY_MAX] = '\0';
	assert_buyer(scene, FORM, text, text + 6);
	clear(scene);
	scene->request.body_size = REQUEST_BODY_MAX + 1;
	assert_false(body_parse(&scene->body, &scene->request, &scene->reply));
	assert_problem(scene, 413, "4096");
}

/* ------------------------------------------------------------ broken ones --
 */

static void
test_broken_json(void **state)
{
	static const char *const texts[] = {"{", "}", "{\"buyer\"}",
	    "{\"buyer\":}", "{\"buyer\":\"alice\"", "{\"buyer\":\"alice\"}}",
	    "{\"buyer\":\"alice\"} x", "{'buyer':'alice'}",
	    "{\"buyer\":\"alice\",}", "{buyer:\"alice\"}", "nothing",
	    "{\"buyer\":\"a\\u0000b\"}", "{\"buyer\":\"\x01\"}",
	    "{\"buyer\":\"\xff\"}", "{\"buyer\":\"\xc0\xaf\"}",
	    "{\"buyer\":\"\xed\xa0\x80\"}", "{\"b\xffyer\":1}",
	    "{\"quantity\":01}", "{\"quantity\":+1}", "{\"quantity\":0x1}",
	    "{\"quantity\":.5}", "{\"quantity\":1.}", "{\"quantity\":NaN}",
	    "{\"quantity\":9223372036854775808}",
	    "{\"quantity\":-9223372036854775809}"};
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(scene, JSON, texts[i], "broken at line 1");
	assert_refused(scene, JSON, "{\n\n  oops", "line 3");
	assert_false(parse_bytes(scene, JSON, "{\"buyer\":\"a\0b\"}", 15));
	assert_problem(scene, 400, "broken");
}

/* Deeper than any order, and than the stack should have to bear. */
static void
test_deep_json(void **state)
{
	struct scene *scene = *state;
	char text[REQUEST_BODY_MAX + 1] = "{\"buyer\":";

	memset(text + strlen(text), '[', REQUEST_BODY_MAX - strlen(text));
	assert_refused(scene, JSON, text, "broken");
}

static void
test_not_an_object(void **state)
{
	static const char *const texts[] = {"[]", "[{\"buyer\":\"alice\"}]"};
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(scene, JSON, texts[i], "not an object");
}

static void
test_duplicates(void **state)
{
	struct scene *scene = *state;

	assert_refused(scene, JSON, "{\"buyer\":\"a\",\"buyer\":\"a\"}",
	    "names \\\"buyer\\\" twice");
	assert_refused(
	    scene, JSON, "{\"buyer\":\"a\",\"b\\u0075yer\":\"b\"}", "twice");
	assert_refused(
	    scene, FORM, "buyer=a&buyer=a", "names \\\"buyer\\\" twice");
	assert_refused(scene, FORM, "buyer=a&b%75yer=b", "twice");
}

static void
test_broken_form(void **state)
{
	static const char *const encodings[] = {"buyer=%", "buyer=%4",
	    "buyer=%4g", "buyer=%g4", "buyer=%-1", "buyer=% 41", "buyer=%%41",
	    "buyer=a%00b", "buyer=%00", "b%0yer=a", "buyer=a%"};
	static const char *const strange[] = {"buyer=\xff", "buyer=%ff",
	    "buyer=%c0%af", "buyer=%ed%a0%80", "%ff=1", "buyer=%e5%b1"};
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		assert_refused(scene, FORM, encodings[i], "percent-encoding");
	for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
		assert_refused(scene, FORM, strange[i], "UTF-8");
	assert_refused(scene, FORM, "buyer", "name=value");
	assert_refused(scene, FORM, "buyer=a&quantity", "name=value");
	assert_refused(scene, FORM, "  ", "name=value");
	assert_false(parse_bytes(scene, FORM, "buyer=a\0b", 9));
	assert_problem(scene, 400, "NUL");
	assert_false(parse_bytes(scene, FORM, "\0", 1));
	assert_problem(scene, 400, "NUL");
}

static void
test_encodings(void **state)
{
	struct scene *scene = *state;

	assert_buyer(scene, FORM, "buyer=a+b%20c%2Bd", "a b c+d");
	assert_buyer(scene, FORM, "buyer=%41%6a%6A%7e", "Ajj~");
	assert_buyer(scene, FORM, "buyer=%e5%b1%b1+%E7%94%B0", "山 田");
	assert_buyer(scene, FORM, "buyer=山田", "山田");
	assert_buyer(scene, FORM, "buyer=a%26quantity%3D5", "a&quantity=5");
	assert_buyer(scene, FORM, "b%75yer=alice", "alice");
	assert_buyer(scene, FORM, "buyer=%0a%25", "\n%");
}

/* --------------------------------------------------------------- members -- */

static void
test_unknown_members(void **state)
{
	struct scene *scene = *state;

	assert_true(parse(scene, JSON, "{\"quantity\":1,\"buyer\":\"a\"}"));
	assert_true(body_allows(&scene->body, members));
	assert_true(parse(scene, JSON, "{\"buyer\":\"a\",\"seat\":1}"));
	assert_false(body_allows(&scene->body, members));
	assert_problem(scene, 400, "unknown-member");
	assert_problem(scene, 400, "\"member\":\"seat\"");
	assert_problem(scene, 400, "buyer, quantity");
	assert_true(parse(scene, FORM, "Buyer=a"));
	assert_false(body_allows(&scene->body, members));
	assert_problem(scene, 400, "\"member\":\"Buyer\"");
	assert_true(parse(scene, FORM, "=a"));
	assert_false(body_allows(&scene->body, members));
	assert_problem(scene, 400, "\"member\":\"\"");
}

/* What a client sends comes back short, and can break nothing. */
static void
test_hostile_member(void **state)
{
	struct scene *scene = *state;
	char text[REQUEST_BODY_MAX + 1];
	json_t *problem;

	memset(text, 'a', REQUEST_BODY_MAX);
	text[REQUEST_BODY_MAX] = '\0';
	memcpy(text + REQUEST_BODY_MAX - 2, "=1", 2);
	memcpy(text, "%22%0a%e5%b1%b1[b]", 18);
	assert_true(parse(scene, FORM, text));
	assert_false(body_allows(&scene->body, members));
	assert_true(scene->reply.size < 400);
	problem = json_loads(scene->reply.body, 0, NULL);
	assert_non_null(problem);
	assert_string_equal(
	    json_string_value(json_object_get(problem, "member")),
	    "?????[b]aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	json_decref(problem);
}

static void
test_wrong_types(void **state)
{
	static const char *const values[] = {
	    "1", "true", "null", "[]", "{}", "1.5"};
	struct scene *scene = *state;
	char text[64];
	const char *value = NULL;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "{\"buyer\":%s}", values[i]);
		assert_true(parse(scene, JSON, text));
		assert_false(body_text(&scene->body, "buyer", &value));
		assert_null(value);
		assert_problem(scene, 400, "bad-value");
		assert_problem(scene, 400, "\"member\":\"buyer\"");
	}
}

/* A number as JSON or as a form; false: it is refused. */
static bool
number_of(struct scene *scene, const char *type, const char *text, int64_t min,
    int64_t *number)
{
	char body[128];

	snprintf(body, sizeof(body),
	    strcmp(type, JSON) == 0 ? "{\"quantity\":%s}" : "quantity=%s",
	    text);
	*number = -77;
	if (!parse(scene, type, body))
		return false;
	if (body_number(&scene->body, "quantity", min, MAX, number))
		return true;
	assert_int_equal(*number, -77);
	assert_problem(scene, 400, "\"member\":\"quantity\"");
	assert_problem(scene, 400, "whole number from");
	assert_problem(scene, 400, "to 1000000");
	return false;
}

static void
test_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
	} rows[] = {
	    {"1", 1}, {"1000000", 1000000}, {"0", 0}, {"-0", 0}, {"-5", -5}};
	struct scene *scene = *state;
	int64_t number;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(number_of(scene, JSON, rows[i].text, -5, &number));
		assert_int_equal(number, rows[i].number);
		assert_true(number_of(scene, FORM, rows[i].text, -5, &number));
		assert_int_equal(number, rows[i].number);
	}
	assert_true(number_of(scene, FORM, "0012", MIN, &number));
	assert_int_equal(number, 12);
}

/* In neither form; what JSON itself refuses is refused all the same. */
static void
test_wrong_numbers(void **state)
{
	static const char *const both[] = {"0", "-0", "-1", "1000001", "1.0",
	    "1.5", "1e2", "1E2", "0x1", "true", "null", "one",
	    "9223372036854775807", "9223372036854775808",
	    "18446744073709551617", "99999999999999999999999999"};
	static const char *const forms[] = {"", "+1", "%2B1", " 1", "%201",
	    "%091", "1 ", "1%20", "1%0a", "1,0", "--1", "- 1", "-", "1-",
	    "\"1\"", "１"};
	static const char *const jsons[] = {
	    "\"1\"", "\" 1\"", "\"\"", "[1]", "{}", "[]"};
	struct scene *scene = *state;
	int64_t number;
	size_t i;

	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		if (number_of(scene, JSON, both[i], MIN, &number))
			fail_msg("taken as JSON: %s", both[i]);
		if (number_of(scene, FORM, both[i], MIN, &number))
			fail_msg("taken as a form: %s", both[i]);
	}
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (number_of(scene, FORM, forms[i], -5, &number))
			fail_msg("taken as a form: \"%s\"", forms[i]);
	for (i = 0; i < sizeof(jsons) / sizeof(jsons[0]); i++)
		if (number_of(scene, JSON, jsons[i], -5, &number))
			fail_msg("taken as JSON: %s", jsons[i]);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_empty),
	    ROW(test_json),
	    ROW(test_form),
	    ROW(test_json_in_disguise),
	    ROW(test_media_types),
	    ROW(test_sizes),
	    ROW(test_broken_json),
	    ROW(test_deep_json),
	    ROW(test_not_an_object),
	    ROW(test_duplicates),
	    ROW(test_broken_form),
	    ROW(test_encodings),
	    ROW(test_unknown_members),
	    ROW(test_hostile_member),
	    ROW(test_wrong_types),
	    ROW(test_numbers),
	    ROW(test_wrong_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
