/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the page's files; service/page/page.mk makes page_data.h. */
#include "page.h"

#include <string.h>

#include "page_data.h" /* defines page_files[] */

const struct page_file *
page_find(const char *path)
{
	size_t i;

	for (i = 0; i < sizeof(page_files) / sizeof(page_files[0]); i++)
		if (strcmp(page_files[i].path, path) == 0)
			return &page_files[i];
	return NULL;
}
