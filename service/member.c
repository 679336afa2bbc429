/* SPDX-License-Identifier: BSD-2-Clause */
/* jansson's setter, and an eye on its memory. */
#include "service/member.h"

#include <stdlib.h>

#include "locks/timestamp.h"

static _Thread_local bool lost;

static void *
watched_malloc(size_t size)
{
	void *memory = malloc(size);

	if (memory == NULL)
		lost = true;
	return memory;
}

void
member_watch(void)
{
	json_set_alloc_funcs(watched_malloc, free);
}

bool
member_lost(void)
{
	const bool was_lost = lost;

	lost = false;
	return was_lost;
}

void
member_json(json_t *object, const char *name, json_t *value)
{
	if (value != NULL)
		json_object_set_new(object, name, value);
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
