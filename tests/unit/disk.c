/* SPDX-License-Identifier: BSD-2-Clause */
/* Every call goes straight to the kernel, unless a plan was made for it. */
#include "tests/unit/disk.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct disk disk;

static bool
dies_now(void)
{
	return disk.die_at > 0 && --disk.die_at == 0;
}

void
disk_pause(void)
{
	char byte = 0;

	syscall(SYS_write, disk.inside[1], &byte, 1);
	syscall(SYS_read, disk.go[0], &byte, 1);
}

static bool
changes(enum call call)
{
	return call != OPEN && call != SCAN;
}

static void
note(const char *name, const char *path)
{
	const size_t length = strlen(disk.notes);
	const char *at = disk.root == NULL ? NULL : strstr(path, disk.root);

	if (at == NULL)
		return;
	snprintf(disk.notes + length, sizeof(disk.notes) - length, "%s %s\n",
	    name, at + strlen(disk.root));
	if (disk.on_sync != NULL && strstr(name, "sync") != NULL)
		disk.on_sync(disk.notes + length);
}

static void
note_fd(const char *name, int fd)
{
	char link[32], path[512];
	ssize_t length;

	if (disk.root == NULL)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length < 0 ? 0 : length] = '\0';
	note(name, path);
}

static enum fault
fault_of(enum call call)
{
	struct plan *plan = &disk.plan[call];
	const enum fault fault = plan->fault;

	if (changes(call) && dies_now())
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
		disk_pause();
		break;
	case HOLD: /* not here */
		break;
	case DIE:
		if (call == WRITE || call == SEND)
			syscall(number, a, b, c / 2, d);
		kill(getpid(), SIGKILL);
	}
	rc = syscall(number, a, b, c, d, 0L, 0L);
	if (changes(call) && dies_now())
		kill(getpid(), SIGKILL);
	return rc;
}

int
fsync(int fd)
{
	note_fd("fsync", fd);
	return (int)disk_call(SYNC, SYS_fsync, fd, 0, 0, 0);
}

int
fdatasync(int fd)
{
	note_fd("fdatasync", fd);
	return (int)disk_call(SYNC, SYS_fdatasync, fd, 0, 0, 0);
}

ssize_t
write(int fd, const void *data, size_t size)
{
	note_fd("write", fd);
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
	note_fd("ftruncate", fd);
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
	note("rename", to);
	return (int)disk_call(
	    RENAME, SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to);
}

int
unlink(const char *path)
{
	note("unlink", path);
	return (int)disk_call(UNLINK, SYS_unlinkat, AT_FDCWD, (long)path, 0, 0);
}

int
syncfs(int fd)
{
	note_fd("syncfs", fd);
	return (int)disk_call(SYNC, SYS_syncfs, fd, 0, 0, 0);
}

static struct {
	int fd; /* a copy; 0: nothing is on its way */
	bool with_farewell;
	size_t size;
	char bytes[64 * 1024];
} held;

static ssize_t
hold(int fd, const void *data, size_t size)
{
	if (held.fd != 0) {
		held.with_farewell = true;
		return (ssize_t)size;
	}
	if (size > sizeof(held.bytes))
		abort();
	held.fd = dup(fd);
	held.size = size;
	memcpy(held.bytes, data, size);
	return (ssize_t)size;
}

void
disk_deliver(void)
{
	char answer[1024];

	if (held.fd == 0 || !held.with_farewell)
		abort();
	syscall(
	    SYS_sendto, held.fd, held.bytes, held.size, MSG_NOSIGNAL, 0L, 0L);
	syscall(SYS_recvfrom, held.fd, answer, sizeof(answer), 0, 0L, 0L);
	close(held.fd);
	held.fd = 0;
	held.with_farewell = false;
}

/* libpq's, without TLS.  Zero is the address: it is connected. */
ssize_t
send(int fd, const void *data, size_t size, int flags)
{
	struct plan *plan = &disk.plan[SEND];

	if (plan->fault == HOLD || (held.fd != 0 && !held.with_farewell)) {
		plan->fault = GO_ON;
		return hold(fd, data, size);
	}
	return disk_call(SEND, SYS_sendto, fd, (long)data, (long)size, flags);
}

ssize_t
recv(int fd, void *data, size_t size, int flags)
{
	return disk_call(
	    RECEIVE, SYS_recvfrom, fd, (long)data, (long)size, flags);
}

/* A test may have its own. */
__attribute__((weak)) int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return (int)disk_call(
	    OPEN, SYS_openat, AT_FDCWD, (long)path, flags, (long)mode);
}

/* Made of many calls: it fails, or is libc's. */
int
scandir(const char *dir, struct dirent ***entries,
    int (*filter)(const struct dirent *),
    int (*compare)(const struct dirent **, const struct dirent **))
{
	static int (*real)(const char *, struct dirent ***,
	    int (*)(const struct dirent *),
	    int (*)(const struct dirent **, const struct dirent **));

	if (fault_of(SCAN) == FAIL) {
		errno = disk.plan[SCAN].error;
		return -1;
	}
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "scandir");
	return real(dir, entries, filter, compare);
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
