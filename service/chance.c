/* SPDX-License-Identifier: BSD-2-Clause */
/* The last one first. */
#include "service/chance.h"

#include <sys/random.h>

bool
chance_draw(struct chance *chance, uint64_t *number)
{
	if (chance->left == 0) {
		if (getrandom(chance->numbers, sizeof(chance->numbers),
			GRND_NONBLOCK) != sizeof(chance->numbers))
			return false;
		chance->left = CHANCE_NUMBERS;
	}
	*number = chance->numbers[--chance->left];
	return true;
}
