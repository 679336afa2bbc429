/* SPDX-License-Identifier: BSD-2-Clause */
/* jansson's setter, with its errors looked at in one place. */
#include "service/member.h"

#include <stdlib.h>

#include "locks/timestamp.h"

void
member_json(json_t *object, const char *name, json_t *value)
{
	if (value != NULL && json_object_set_new(object, name, value) != 0)
		abort(); /* out of memory */
}

void
member_text(json_t *object, const char *name, const char *text)
{
	member_json(object, name, json_string(text));
}

void
member_number(json_t *object, const char *name, int64_t number)
{
	member_json(object, name, json_integer(number));
}

void
member_flag(json_t *object, const char *name, bool flag)
{
	member_json(object, name, json_boolean(flag));
}

void
member_time(json_t *object, const char *name, int64_t ms)
{
	char text[TIMESTAMP_SIZE];

	timestamp_print(ms, text);
	member_json(object, name, json_string(text));
}

void
member_seats(json_t *object, int64_t seat, int64_t quantity)
{
	json_t *list = json_array();
	int64_t i;

	for (i = 0; i < quantity; i++)
		json_array_append_new(list, json_integer(seat + i));
	member_json(object, "seats", list);
}
