/* SPDX-License-Identifier: BSD-2-Clause */
/* A character at a time; no lock that its holder could die with. */
#include "service/trouble.h"

#include <stddef.h>

void
trouble_set(struct trouble *trouble, const char *text)
{
	size_t i;

	for (i = 0; i < TROUBLE_SIZE - 1 && text[i] != '\0'; i++)
		atomic_store(&trouble->text[i], text[i]);
	atomic_store(&trouble->text[i], '\0');
}

void
trouble_get(const struct trouble *trouble, char text[TROUBLE_SIZE])
{
	size_t i = 0;

	do
		text[i] = atomic_load(&trouble->text[i]);
	while (text[i] != '\0' && ++i < TROUBLE_SIZE);
	text[TROUBLE_SIZE - 1] = '\0';
}
