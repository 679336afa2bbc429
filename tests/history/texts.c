/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table with open addresses, at most half full. */
#include "tests/history/texts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct texts {
	char **text; /* by number - 1 */
	int count, allocated;
	int *slot; /* numbers, 0: free */
	size_t slots;
};

static size_t
hash_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (size_t)(hash ^ (hash >> 32));
}

struct texts *
texts_new(void)
{
	struct texts *texts = calloc(1, sizeof(*texts));

	if (texts == NULL)
		return NULL;
	texts->slots = 64;
	texts->slot = calloc(texts->slots, sizeof(*texts->slot));
	if (texts->slot == NULL) {
		free(texts);
		return NULL;
	}
	return texts;
}

void
texts_free(struct texts *texts)
{
	int i;

	if (texts == NULL)
		return;
	for (i = 0; i < texts->count; i++)
		free(texts->text[i]);
	free(texts->text);
	free(texts->slot);
	free(texts);
}

/* Where it is, or where it would be. */
static int *
find(const struct texts *texts, const char *text)
{
	size_t i = hash_of(text);

	for (;; i++) {
		int *slot = &texts->slot[i & (texts->slots - 1)];

		if (*slot == 0 || strcmp(texts->text[*slot - 1], text) == 0)
			return slot;
	}
}

static int
widen(struct texts *texts)
{
	int *old = texts->slot, i;

	texts->slot = calloc(texts->slots * 2, sizeof(*texts->slot));
	if (texts->slot == NULL) {
		texts->slot = old;
		return -1;
	}
	texts->slots *= 2;
	free(old);
	for (i = 0; i < texts->count; i++)
		*find(texts, texts->text[i]) = i + 1;
	return 0;
}

static int
make_room(struct texts *texts)
{
	const int wanted = texts->allocated * 2 + 64;
	char **more;

	if ((size_t)texts->count * 2 >= texts->slots && widen(texts) != 0)
		return -1;
	if (texts->count < texts->allocated)
		return 0;
	more = realloc(texts->text, (size_t)wanted * sizeof(*more));
	if (more == NULL)
		return -1;
	texts->text = more;
	texts->allocated = wanted;
	return 0;
}

int
texts_number(struct texts *texts, const char *text)
{
	int *slot = find(texts, text);

	if (*slot != 0)
		return *slot;
	if (make_room(texts) != 0)
		return 0;
	texts->text[texts->count] = strdup(text);
	if (texts->text[texts->count] == NULL)
		return 0;
	slot = find(texts, text);
	return *slot = ++texts->count;
}

const char *
texts_at(const struct texts *texts, int number)
{
	return number == 0 ? "" : texts->text[number - 1];
}

int
texts_count(const struct texts *texts)
{
	return texts->count;
}
