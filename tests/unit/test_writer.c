/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written by hand is, byte by byte, what jansson would print. */
#include "service/writer.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/member.h"

#define TEXTS 2000
#define TEXT_SIZE 64

/* What was written since the last time, as jansson prints it. */
static void
assert_same(struct writer *writer, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_false(writer->failed);
	assert_string_equal(writer->text, text);
	assert_int_equal(writer->size, strlen(text));
	writer->size = 0;
	free(text);
	json_decref(value);
}

/* Characters of one to four bytes, those that need an escape among them. */
static void
invent_text(char text[TEXT_SIZE])
{
	static const char *const some[] = {"\"", "\\", "/", "\b", "\f", "\n",
	    "\r", "\t", "\x01", "\x1f", "\x7f", "a", "B", " ", "é", "票", "🎫"};
	const size_t count = sizeof(some) / sizeof(some[0]);
	size_t left = (size_t)rand() % (TEXT_SIZE - 4);

	for (*text = '\0'; left > 0; left--)
		if (strlen(text) + 5 < TEXT_SIZE)
			strcat(text, some[(size_t)rand() % count]);
}

static void
test_strings(void **state)
{
	struct writer writer = {0};
	char text[TEXT_SIZE];
	int i;

	(void)state;
	for (i = 0; i < TEXTS; i++) {
		invent_text(text);
		writer_put_string(&writer, "", text);
		assert_same(&writer, json_string(text));
	}
	free(writer.text);
}

static void
test_numbers(void **state)
{
	static const int64_t numbers[] = {
	    0, 1, -1, 9, 10, -10, 99, 100, INT64_MAX, INT64_MIN};
	struct writer writer = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		writer_put_number(&writer, "", numbers[i]);
		assert_same(&writer, json_integer(numbers[i]));
	}
	free(writer.text);
}

static void
test_thousandths(void **state)
{
	struct writer writer = {0};

	(void)state;
	writer_put_thousandths(&writer, "a=", 0);
	writer_put_thousandths(&writer, " b=", 7);
	writer_put_thousandths(&writer, " c=", 1045);
	writer_put_thousandths(&writer, " d=", 123450);
	writer_put_thousandths(&writer, " e=", INT64_MAX);
	assert_string_equal(writer.text,
	    "a=0.000 b=0.007 c=1.045 d=123.450 e=9223372036854775.807");
	free(writer.text);
}

/* Also a text that is longer than any room there was. */
static void
test_object(void **state)
{
	struct writer writer = {0};
	json_t *object = json_object();
	char *text = calloc(1, 100001);

	(void)state;
	memset(text, 'x', 100000);
	writer_put_string(&writer, "{\"text\":", text);
	writer_put_seats(&writer, ",\"seats\":", 7, 3);
	writer_put_time(&writer, ",\"at\":", INT64_C(1795242000123));
	writer_put_number(&writer, ",\"n\":", 3);
	writer_put_text(&writer, "}");
	member_text(object, "text", text);
	member_seats(object, 7, 3);
	member_time(object, "at", INT64_C(1795242000123));
	member_number(object, "n", 3);
	assert_same(&writer, object);
	writer_put_seats(&writer, "", 1, 0);
	assert_same(&writer, json_array());
	free(text);
	free(writer.text);
}

/* On a caller's memory: all that fits, and nothing behind it. */
static void
test_fixed(void **state)
{
	char text[] = "........";
	struct writer writer = writer_on(text, 5);

	(void)state;
	writer_put_text(&writer, "abcd");
	assert_false(writer.failed);
	writer_put_text(&writer, "e");
	assert_true(writer.failed);
	writer_put_text(&writer, "");
	assert_true(writer.failed);
	assert_memory_equal(text, "abcd\0...", sizeof(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_thousandths),
	    cmocka_unit_test(test_object),
	    cmocka_unit_test(test_fixed),
	};

	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
