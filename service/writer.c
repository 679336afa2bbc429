/* SPDX-License-Identifier: BSD-2-Clause */
/* Plain stretches of a text are copied whole. */
#include "service/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/timestamp.h"

#define ROOM_FIRST ((size_t)1024)
#define NUMBER_SIZE 21 /* any int64_t, and NUL */

/* Where `size` more bytes and a NUL may be written; NULL: no memory. */
static char *
make_room(struct writer *writer, size_t size)
{
	size_t room = writer->room == 0 ? ROOM_FIRST : writer->room;
	char *text;

	if (writer->failed)
		return NULL;
	while (room < writer->size + size + 1)
		room *= 2;
	if (room > writer->room) {
		text = writer->fixed ? NULL : realloc(writer->text, room);
		writer->failed = text == NULL;
		if (writer->failed)
			return NULL;
		writer->text = text;
		writer->room = room;
	}
	return writer->text + writer->size;
}

void
writer_put(struct writer *writer, const char *bytes, size_t size)
{
	char *at = make_room(writer, size);

	if (at == NULL)
		return;
	memcpy(at, bytes, size);
	at[size] = '\0';
	writer->size += size;
}

void
writer_put_text(struct writer *writer, const char *text)
{
	writer_put(writer, text, strlen(text));
}

void
writer_put_number(struct writer *writer, const char *before, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[NUMBER_SIZE], *at = digits + NUMBER_SIZE;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*--at = '-';
	writer_put_text(writer, before);
	writer_put(writer, at, (size_t)(digits + NUMBER_SIZE - at));
}

void
writer_put_thousandths(
    struct writer *writer, const char *before, int64_t number)
{
	const int64_t rest = number % 1000;
	const char places[] = {'.', (char)('0' + rest / 100),
	    (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};

	writer_put_number(writer, before, number / 1000);
	writer_put(writer, places, sizeof(places));
}

void
writer_put_hex(
    struct writer *writer, const char *before, int count, uint64_t number)
{
	char digits[16];

	assert(count <= 16);
	writer_hex(digits, count, number);
	writer_put_text(writer, before);
	writer_put(writer, digits, (size_t)count);
}

/* As a \u, in capitals, if there is nothing shorter: so it was always. */
static void
put_escape(struct writer *writer, unsigned char byte)
{
	static const char short_for[] = "\"\\\b\f\n\r\t", name[] = "\"\\bfnrt";
	const char *found = strchr(short_for, byte);
	char escape[7];

	if (found != NULL)
		snprintf(
		    escape, sizeof(escape), "\\%c", name[found - short_for]);
	else
		snprintf(escape, sizeof(escape), "\\u%04X", byte);
	writer_put_text(writer, escape);
}

static bool
is_plain(unsigned char byte)
{
	return byte >= ' ' && byte != '"' && byte != '\\';
}

void
writer_put_string(struct writer *writer, const char *before, const char *value)
{
	writer_put_text(writer, before);
	writer_put(writer, "\"", 1);
	while (*value != '\0' && !writer->failed) {
		const char *from = value;

		while (is_plain((unsigned char)*value))
			value++;
		writer_put(writer, from, (size_t)(value - from));
		if (*value != '\0')
			put_escape(writer, (unsigned char)*value++);
	}
	writer_put(writer, "\"", 1);
}

void
writer_put_seats(
    struct writer *writer, const char *before, int64_t seat, int64_t quantity)
{
	int64_t i;

	writer_put_text(writer, before);
	writer_put(writer, "[", 1);
	for (i = 0; i < quantity && !writer->failed; i++)
		writer_put_number(writer, i == 0 ? "" : ",", seat + i);
	writer_put(writer, "]", 1);
}

void
writer_put_time(struct writer *writer, const char *before, int64_t ms)
{
	char text[TIMESTAMP_SIZE];

	timestamp_print(ms, text);
	writer_put_string(writer, before, text);
}
