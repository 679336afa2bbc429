/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Core dumps and tracing are left as they are: who may read them is the user
 * who may read the token's file.
 */
#include "service/process/doors.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#define OTHERS (S_IRWXG | S_IRWXO)

/* Without them, what is printed would go into the first files opened. */
static int
open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

int
doors_close(void)
{
	umask(OTHERS);
	/* Where the kernel cannot (before 5.11): nothing here executes. */
	close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return open_standard_fds();
}

bool
doors_are_open(const char *dir)
{
	struct stat st;

	return stat(dir, &st) == 0 && (st.st_mode & OTHERS) != 0;
}
