/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of a ledger: the bytes as they are, the bytes with a seal behind them,
 * and a line made of numbers that are in them.  What is taken, jansson takes
 * with the same values; written again, it is read the same.
 */
#include "storage/json/ledger.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "locks/timestamp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seal.h"

#define TRAIL ",\"trail\":"

/* What a visit leaves: the line, and copies of its texts. */
struct taken {
	struct store_line line;
	char *buyer, *key, *lock, *trail;
};

static bool
take(const struct store_line *line, void *arg)
{
	struct taken *taken = arg;

	taken->line = *line;
	taken->line.buyer = taken->buyer = strdup(line->buyer);
	taken->key = line->key == NULL ? NULL : strdup(line->key);
	taken->line.key = taken->key;
	taken->line.lock = taken->lock = strdup(line->lock);
	taken->line.trail = taken->trail = strdup(line->trail);
	return true;
}

static void
taken_free(struct taken *taken)
{
	free(taken->buyer);
	free(taken->key);
	free(taken->lock);
	free(taken->trail);
}

static bool
decode(const char *text, size_t size, struct taken *taken)
{
	char *copy = malloc(size + 1); /* a decoder may write to it */
	const char *why = "";
	bool go_on = false, good;

	claim(copy != NULL);
	memcpy(copy, text, size);
	copy[size] = '\0';
	*taken = (struct taken){0};
	good = ledger_decode(copy, size, take, taken, &go_on, &why);
	free(copy);
	claim(good == (why == NULL) && go_on == good);
	claim(good == (taken->buyer != NULL));
	return good;
}

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool
same(const struct store_line *a, const struct store_line *b)
{
	return a->kind == b->kind && a->version == b->version &&
	       a->base == b->base && a->nth == b->nth && a->seat == b->seat &&
	       a->quantity == b->quantity && a->remaining == b->remaining &&
	       a->capacity == b->capacity && a->worker == b->worker &&
	       a->clerk == b->clerk && a->sold_at_ms == b->sold_at_ms &&
	       strcmp(a->order, b->order) == 0 &&
	       same_text(a->buyer, b->buyer) && same_text(a->key, b->key) &&
	       same_text(a->lock, b->lock) && same_text(a->trail, b->trail);
}

static void
write_and_read(const struct store_line *line)
{
	struct taken again;
	size_t size;
	char *text = ledger_encode(line, 1, &size);

	claim(text != NULL);
	claim(strchr(text, '\n') == text + size - 1);
	claim(decode(text, size, &again));
	claim(same(line, &again.line));
	taken_free(&again);
	free(text);
}

static void
claim_number(const json_t *object, const char *name, int64_t number)
{
	const json_t *value = json_object_get(object, name);

	claim(json_is_integer(value) && json_integer_value(value) == number);
}

static void
claim_text(const json_t *object, const char *name, const char *text)
{
	claim(
	    same_text(json_string_value(json_object_get(object, name)), text));
}

/* The trail stays text to the ledger, so jansson sees all but that. */
static void
compare_with_jansson(const char *text, size_t size, const struct taken *taken)
{
	const struct store_line *line = &taken->line;
	const char *trail = memmem(text, size, TRAIL, sizeof(TRAIL) - 1);
	char *copy = strndup(text, size);
	json_t *object, *seats;

	claim(trail != NULL);
	strcpy(copy + (trail - text), "}");
	object = json_loads(copy, 0, NULL);
	claim(json_is_object(object));
	claim_number(object, "version", line->version);
	claim_number(object, "base", line->base);
	claim_number(object, "nth", line->nth);
	claim_number(object, "remaining", line->remaining);
	claim_number(object, "capacity", line->capacity);
	claim_number(object, "worker", line->worker);
	claim_number(object, "clerk", line->clerk);
	claim_text(object, "order", line->order);
	claim_text(object, "buyer", line->buyer);
	claim_text(object, "key", line->key);
	claim_text(object, "lock", line->lock);
	seats = json_object_get(object, "seats");
	claim((int64_t)json_array_size(seats) == line->quantity);
	claim(line->quantity == 0 ||
	      json_integer_value(json_array_get(seats, 0)) == line->seat);
	json_decref(object);
	free(copy);
}

/* Writers have UTF-8 only; that it is, nobody is held to check again. */
static bool
is_utf8(const char *text, size_t size)
{
	json_t *string = json_stringn(text, size);

	json_decref(string);
	return string != NULL;
}

static void
try(const char *text, size_t size)
{
	const char *newline = memchr(text, '\n', size);
	struct taken taken;

	if (newline != NULL && newline < text + size - 1)
		return; /* more than a line, which nobody asks about */
	if (!decode(text, size, &taken))
		return;
	claim(seal_fits(text, size) && memchr(text, '\0', size) == NULL);
	if (is_utf8(text, size))
		compare_with_jansson(text, size, &taken);
	if (taken.line.sold_at_ms >= 0)
		write_and_read(&taken.line);
	taken_free(&taken);
}

/* Any line that a clerk might write. */
static void
try_numbers(const char *data, size_t size)
{
	struct store_line line = {.order = "00112233445566778899aabbccddeeff",
	    .buyer = data,
	    .lock = "mutex",
	    .trail = "[]"};
	uint32_t numbers[6];

	if (size < sizeof(numbers) || !is_utf8(data, strlen(data)))
		return;
	memcpy(numbers, data, sizeof(numbers));
	line.kind = numbers[0] % 3;
	line.version = numbers[1];
	line.base = numbers[2];
	line.nth = numbers[3] % 1000 + 1;
	line.seat = numbers[4] % STORE_CAPACITY_MAX;
	line.quantity = numbers[0] % 50;
	if (line.quantity == 0)
		line.seat = 0;
	line.remaining = -(int64_t)numbers[5];
	line.capacity = numbers[4] % STORE_CAPACITY_MAX + 1;
	line.worker = numbers[3] % 64 + 1;
	line.clerk = numbers[2] % 256 + 1;
	line.sold_at_ms = (int64_t)numbers[1] * 1000 + 7;
	if (numbers[5] % 2 == 0)
		line.key = data;
	write_and_read(&line);
}

void
target_line(const char *data, size_t size)
{
	char *sealed = malloc(size + SEAL_SIZE + 1);

	try(data, size);
	claim(sealed != NULL);
	memcpy(sealed, data, size);
	try(sealed, seal(sealed, size));
	free(sealed);
	try_numbers(data, size);
}
