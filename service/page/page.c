/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the page's files; page.mk makes page_files.c. */
#include "service/page/page.h"

#include <string.h>

const struct page_file *
page_find(const char *path)
{
	size_t i;

	for (i = 0; i < page_files_count; i++)
		if (strcmp(page_files[i].path, path) == 0)
			return &page_files[i];
	return NULL;
}
