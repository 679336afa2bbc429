/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/tree.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* nftw() has no argument of one's own. */
static const char *copy_from, *copy_to;

static int
copy_file(const char *from, const char *to, mode_t mode)
{
	const int in = open(from, O_RDONLY | O_CLOEXEC);
	const int out =
	    open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	char bytes[65536];
	ssize_t n = -1;

	while (
	    in != -1 && out != -1 && (n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			break;
	if (in != -1)
		close(in);
	if (out != -1)
		close(out);
	return n == 0 ? 0 : -1;
}

static int
copy_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	char to[4096];

	(void)ftw;
	snprintf(to, sizeof(to), "%s%s", copy_to, path + strlen(copy_from));
	if (what == FTW_D)
		return mkdir(to, st->st_mode & 07777);
	return copy_file(path, to, st->st_mode & 07777);
}

bool
tree_copy(const char *from, const char *to)
{
	tree_remove(to);
	copy_from = from;
	copy_to = to;
	return nftw(from, copy_one, 16, FTW_PHYS) == 0;
}
