/* SPDX-License-Identifier: BSD-2-Clause */
/* Every call goes straight to the kernel, unless a plan was made for it. */
#include "tests/unit/disk.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct disk disk;

static bool
dies_now(void)
{
	return disk.die_at > 0 && --disk.die_at == 0;
}

static void
pause_inside(void)
{
	char byte = 0;

	syscall(SYS_write, disk.inside[1], &byte, 1);
	syscall(SYS_read, disk.go[0], &byte, 1);
}

static enum fault
fault_of(enum call call)
{
	struct plan *plan = &disk.plan[call];
	const enum fault fault = plan->fault;

	if (dies_now())
		return DIE;
	if (fault != GO_ON && plan->skip > 0) {
		plan->skip--;
		return GO_ON;
	}
	if (fault != ALWAYS_SKIP)
		plan->fault = GO_ON;
	return fault;
}

/* `c` is a write's size.  Straight to the kernel: libc's name is ours. */
static long
disk_call(enum call call, long number, long a, long b, long c, long d)
{
	const int error = disk.plan[call].error;
	long rc;

	switch (fault_of(call)) {
	case GO_ON:
		break;
	case ALWAYS_SKIP:
		return 0;
	case FAIL:
		errno = error;
		return -1;
	case CUT_SHORT:
		c /= 2;
		break;
	case PAUSE:
		pause_inside();
		break;
	case DIE:
		if (call == WRITE)
			syscall(number, a, b, c / 2, d);
		kill(getpid(), SIGKILL);
	}
	rc = syscall(number, a, b, c, d, 0L);
	if (dies_now())
		kill(getpid(), SIGKILL);
	return rc;
}

int
fsync(int fd)
{
	return (int)disk_call(SYNC, SYS_fsync, fd, 0, 0, 0);
}

int
fdatasync(int fd)
{
	return (int)disk_call(SYNC, SYS_fdatasync, fd, 0, 0, 0);
}

ssize_t
write(int fd, const void *data, size_t size)
{
	return disk_call(WRITE, SYS_write, fd, (long)data, (long)size, 0);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return disk_call(WRITE, SYS_pwrite64, fd, (long)data, (long)size, at);
}

int
ftruncate(int fd, off_t size)
{
	return (int)disk_call(TRUNCATE, SYS_ftruncate, fd, size, 0, 0);
}

int
truncate(const char *path, off_t size)
{
	return (int)disk_call(TRUNCATE, SYS_truncate, (long)path, size, 0, 0);
}

int
rename(const char *from, const char *to)
{
	return (int)disk_call(
	    RENAME, SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to);
}

int
unlink(const char *path)
{
	return (int)disk_call(UNLINK, SYS_unlinkat, AT_FDCWD, (long)path, 0, 0);
}

void
arm(enum call call, enum fault fault, int error, unsigned skip)
{
	disk.plan[call] = (struct plan){fault, error, skip};
}

bool
disarm(enum call call)
{
	const bool armed = disk.plan[call].fault != GO_ON;

	disk.plan[call].fault = GO_ON;
	return armed;
}
