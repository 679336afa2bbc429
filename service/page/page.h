/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The browser's page: the files of this folder, and openapi.yaml, inside the
 * binary.  Constant: any thread, any time.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

struct page_file {
	const char *path;  /* "index.html", without a folder */
	const char *type;  /* Content-Type */
	const char *bytes; /* no NUL behind them */
	size_t size;
	const char *etag; /* a hash of the bytes, in double quotes */
};

/* All of them; made by page.mk. */
extern const struct page_file page_files[];
extern const size_t page_files_count;

/* `path` as in struct page_file.  NULL: there is no such file. */
const struct page_file *page_find(const char *path);

#endif
