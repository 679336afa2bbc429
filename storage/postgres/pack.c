/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The format is that of array_recv() and its elements' receive functions:
 * dimensions, whether nulls may occur, the elements' type, length and lower
 * bound, and then for each its size and its bytes; all in network order.
 */
#include "storage/postgres/pack.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define BIGINT 20 /* in pg_type; these two are fixed */
#define TEXT 25

void
pack_begin(struct pack *pack)
{
	pack->used = 0;
	pack->no_memory = false;
}

void
pack_free(struct pack *pack)
{
	free(pack->bytes);
	*pack = (struct pack){0};
}

static void
put(struct pack *pack, const void *bytes, size_t size)
{
	size_t wanted = pack->size;
	char *moved;

	while (wanted < pack->used + size)
		wanted = wanted == 0 ? 4096 : 2 * wanted;
	if (wanted > pack->size) {
		moved = realloc(pack->bytes, wanted);
		if (moved == NULL) {
			pack->no_memory = true;
			return;
		}
		pack->bytes = moved;
		pack->size = wanted;
	}
	memcpy(pack->bytes + pack->used, bytes, size);
	pack->used += size;
}

static void
put_32(struct pack *pack, uint32_t number)
{
	number = htonl(number);
	put(pack, &number, sizeof(number));
}

static size_t
begin_array(struct pack *pack, uint32_t type, size_t count)
{
	const size_t at = pack->used;

	put_32(pack, 1); /* dimension */
	put_32(pack, 1); /* there may be nulls */
	put_32(pack, type);
	put_32(pack, (uint32_t)count);
	put_32(pack, 1); /* the first one's index */
	return at;
}

size_t
pack_numbers(struct pack *pack, size_t count)
{
	return begin_array(pack, BIGINT, count);
}

size_t
pack_texts(struct pack *pack, size_t count)
{
	return begin_array(pack, TEXT, count);
}

void
pack_number(struct pack *pack, int64_t number)
{
	const uint64_t bytes = htobe64((uint64_t)number);

	put_32(pack, sizeof(bytes));
	put(pack, &bytes, sizeof(bytes));
}

void
pack_text(struct pack *pack, const char *text)
{
	const size_t length = text == NULL ? 0 : strlen(text);

	put_32(pack, text == NULL ? UINT32_MAX : (uint32_t)length);
	put(pack, text == NULL ? "" : text, length);
}
