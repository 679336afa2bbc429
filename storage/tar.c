/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers are octal text; the checksum is of a block whose own is spaces. */
#include "storage/tar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where the fields begin, and how long they are. */
#define NAME_AT 0
#define NAME_LENGTH 100
#define MODE_AT 100
#define USER_AT 108
#define GROUP_AT 116
#define SIZE_AT 124
#define SIZE_LENGTH 12
#define TIME_AT 136
#define SUM_AT 148
#define SUM_LENGTH 8
#define TYPE_AT 156
#define MAGIC_AT 257
#define PREFIX_AT 345

#define OCTAL_MAX INT64_C(077777777777) /* eleven digits */
#define IS_BINARY '\x80'

static unsigned
sum_of(const char block[TAR_BLOCK])
{
	unsigned sum = 0;
	int i;

	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM_AT && i < SUM_AT + SUM_LENGTH
			   ? ' '
			   : (unsigned char)block[i];
	return sum;
}

static void
print_size(char *field, int64_t size)
{
	int i;

	if (size <= OCTAL_MAX) {
		snprintf(
		    field, SIZE_LENGTH, "%011llo", (unsigned long long)size);
		return;
	}
	for (i = SIZE_LENGTH - 1; i > 0; i--, size /= 256)
		field[i] = (char)(size % 256);
	field[0] = IS_BINARY;
}

void
tar_print(char block[TAR_BLOCK], const char *name, int64_t size,
    int64_t modified_at_s)
{
	memset(block, 0, TAR_BLOCK);
	snprintf(block + NAME_AT, NAME_LENGTH, "%s", name);
	snprintf(block + MODE_AT, 8, "%07o", 0600u);
	snprintf(block + USER_AT, 8, "%07o", geteuid() & 07777777);
	snprintf(block + GROUP_AT, 8, "%07o", getegid() & 07777777);
	print_size(block + SIZE_AT, size);
	snprintf(block + TIME_AT, 12, "%011llo",
	    (unsigned long long)(modified_at_s & OCTAL_MAX));
	block[TYPE_AT] = '0';
	memcpy(block + MAGIC_AT, "ustar\00000", 8);
	snprintf(block + SUM_AT, SUM_LENGTH, "%06o", sum_of(block));
	block[SUM_AT + SUM_LENGTH - 1] = ' ';
}

/* -1: it is none. */
static int64_t
parse_octal(const char *field, int length)
{
	int64_t number = 0;
	int i = 0, digits = 0;

	while (i < length && field[i] == ' ')
		i++;
	for (; i < length && field[i] >= '0' && field[i] <= '7'; i++, digits++)
		number = number * 8 + (field[i] - '0');
	if (digits == 0 || (i < length && field[i] != '\0' && field[i] != ' '))
		return -1;
	return number;
}

/* Of eight bytes: what is larger has no place on any disk. */
static int64_t
parse_size(const char *field)
{
	uint64_t size = 0;
	int i;

	if (field[0] != IS_BINARY)
		return parse_octal(field, SIZE_LENGTH);
	for (i = 1; i < SIZE_LENGTH; i++) {
		if (size >> 54 != 0)
			return -1;
		size = size * 256 + (unsigned char)field[i];
	}
	return (int64_t)size;
}

static bool
is_zeros(const char block[TAR_BLOCK])
{
	return block[0] == '\0' && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

enum tar_block
tar_parse(const char block[TAR_BLOCK], struct tar_member *member)
{
	if (is_zeros(block))
		return TAR_ZEROS;
	if (memcmp(block + MAGIC_AT, "ustar", 5) != 0 ||
	    parse_octal(block + SUM_AT, SUM_LENGTH) != (int64_t)sum_of(block))
		return TAR_WRONG;
	snprintf(member->name, sizeof(member->name), "%.*s", NAME_LENGTH,
	    block[PREFIX_AT] == '\0' ? block + NAME_AT : "");
	member->type = block[TYPE_AT] == '\0' ? '0' : block[TYPE_AT];
	member->size = parse_size(block + SIZE_AT);
	return member->size < 0 ? TAR_WRONG : TAR_MEMBER;
}

int64_t
tar_padding(int64_t size)
{
	return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}
