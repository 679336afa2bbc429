/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the hand; the test includes tamper.h. */
#ifndef TAMPER_IMPL_H
#define TAMPER_IMPL_H

#include <sys/syscall.h>

#include "tests/torture/tamper.h"

/* Where these calls are not, there is no filter either: see tamper_works(). */
#ifndef SYS_open
enum {
	SYS_open = -30,
	SYS_creat,
	SYS_rename,
	SYS_unlink,
	SYS_rmdir,
	SYS_mkdir,
	SYS_link,
	SYS_symlink,
	SYS_mknod,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_epoll_wait,
	SYS_poll
};
#endif

#define CALL_ERRORS 5

enum call_flag {
	CALL_CHANGES = 1, /* files or locks: before and after differ */
	CALL_SHORT = 2,   /* can do half of what it is asked */
	CALL_PATH = 4,    /* argument 0 is a path; 8: argument 1 is */
	CALL_PATH_AT = 8,
	CALL_FD = 16,      /* argument 0 is a descriptor */
	CALL_STRANGE = 32, /* the tape has no word for it */
	CALL_SYNCS = 64,
};

struct call {
	long number; /* -1: no system call, but a function */
	const char *name;
	unsigned class, flags;
	int errors[CALL_ERRORS]; /* up to a 0 */
};

extern const struct call calls[];
extern const size_t calls_count;

/* Rows of the functions. */
enum call_function {
	CALL_MUTEX_LOCK,
	CALL_MUTEX_UNLOCK,
	CALL_SEM_WAIT,
	CALL_SEM_POST,
	CALL_FORK,
	CALL_THREAD,
	CALL_ALLOCATE,
	CALL_FUNCTIONS,
};

/* This process's; NULL before tamper_begin(). */
extern struct tamper *tamper_mine;

/* Around a call: what is to happen to it. */
enum verdict_kind { GO_ON, FAIL_IT, SHORTEN_IT, DIE_AFTER };
struct fate {
	enum verdict_kind kind;
	int error;
};

/* Count it if it counts.  May kill, and then does not return. */
struct fate tamper_fate(size_t row, const long *arguments);
_Noreturn void tamper_die(void);

/* One of the functions above: 0, or the error it has to fail with. */
int tamper_function(enum call_function function, bool *die_after);

/* Make the call, and write down what it did. */
long tape_call(struct tamper *tamper, size_t row, const long *arguments);

/* Write down that a sync failed; nothing was synced. */
void tape_failed_sync(struct tamper *tamper, const long *arguments, int error);

#endif
