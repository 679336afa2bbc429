/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's way of a call: the number in RAX, the fourth in R10. */
#include "tests/torture/raw.h"

#include <sys/syscall.h>

#include <stdio.h>
#include <unistd.h>

#ifdef __x86_64__
__asm__(".text\n"
	".globl raw_call\n"
	".hidden raw_call\n"
	".type raw_call, @function\n"
	"raw_call:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	syscall\n"
	".globl raw_call_end\n"
	".hidden raw_call_end\n"
	"raw_call_end:\n"
	"	ret\n"
	".size raw_call, . - raw_call\n");
#else
long
raw_call(long number, long a, long b, long c, long d, long e, long f)
{
	return syscall(number, a, b, c, d, e, f);
}

const char raw_call_end[1];
#endif

long
raw_3(long number, long a, long b, long c)
{
	return raw_call(number, a, b, c, 0, 0, 0);
}

void
raw_path_of(int fd, char *path, size_t size)
{
	char link[32];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = raw_3(SYS_readlink, (long)link, (long)path, (long)size - 1);
	path[n > 0 ? n : 0] = '\0';
}
