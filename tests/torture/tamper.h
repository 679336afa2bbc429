/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hand inside the process.  It sees every system call of a program that
 * has to do with files, sockets, locks or processes before the kernel does
 * (a seccomp filter turns them into SIGSYS, whose handler makes the call), so
 * also those that libc, SQLite and libmicrohttpd make.  It can
 *
 *     count them, and kill, fail or shorten the n-th;
 *     write down what they do to files, in order, on a *tape*;
 *     leave out syncs, where nobody is going to cut the power for real.
 *
 * What it does is said in memory that the test and all processes share; the
 * test may change its mind at any time.  Two ways in: a forked child calls
 * tamper_begin(); a program started with LD_PRELOAD=libtamper.so and the
 * variable TAMPER_VARIABLE, which names the shared memory's file, has it from
 * its first instruction, and there allocations and robust mutexes count too.
 *
 * x86-64 only; tamper_works() says so elsewhere.
 */
#ifndef TAMPER_H
#define TAMPER_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAMPER_VARIABLE "TURNSTILE_TAMPER"
#define TAMPER_TAPE_SIZE ((size_t)192 << 20) /* of a file with holes */
#define TAMPER_TRACE 4096

/* What counts; a plan names one or more. */
enum tamper_class {
	TAMPER_FILES = 1,  /* what changes or reads files, and flock */
	TAMPER_NET = 2,    /* sockets, epoll, eventfd, pipes */
	TAMPER_LOCKS = 4,  /* robust mutexes and semaphores; preloaded only */
	TAMPER_FORKS = 8,  /* fork and pthread_create; preloaded only */
	TAMPER_ALLOC = 16, /* malloc and its family; preloaded only */
	TAMPER_OTHER = 32, /* memory maps, timers, waiting for children */
};

enum tamper_act {
	TAMPER_COUNT = 0,
	TAMPER_KILL_BEFORE, /* the caller, or `victim` */
	TAMPER_KILL_AFTER,  /* the call was made, nothing behind it was */
	TAMPER_FAIL,        /* with the call's error number `variant` */
};

/* Written while not armed. */
struct tamper_plan {
	unsigned classes;
	pid_t only, except; /* processes; 0: any, none */
	enum tamper_act act;
	int64_t at;       /* the first is 1; 0: none */
	bool lasting;     /* fail: all later ones of its kind as well */
	unsigned variant; /* fail: which of the call's errors */
	pid_t victim;     /* kill: 0 is the caller */
};

struct tamper {
	struct tamper_plan plan;
	_Atomic bool armed;
	_Atomic int inside;   /* threads that decide by the plan just now */
	_Atomic int64_t seen; /* calls that counted since it was armed */
	_Atomic int hits;     /* how often the plan came true */
	_Atomic int nothing;  /* it came, but that call has no such error */
	pid_t victim;         /* the plan's, once it came true */
	char what[256];       /* the first hit: "pwrite64 turnstile.db-wal" */
	bool skip_syncs;
	uint16_t trace[TAMPER_TRACE]; /* rows of the calls that counted */
	/* The tape. */
	_Atomic bool recording;
	char root[1024]; /* only what is below it is recorded */
	_Atomic int tape_holder;
	_Atomic size_t tape_used;
	_Atomic bool tape_full;
	char strange[128]; /* a call that the tape has no word for */
	_Alignas(16) unsigned char tape[]; /* TAMPER_TAPE_SIZE */
};

/* Can it work here?  If not, why. */
bool tamper_works(const char **why);

/*
 * New shared memory; its file is made in `dir`, and its name put in
 * `path` (4096 bytes).  NULL with errno set.
 */
struct tamper *tamper_new(const char *dir, char *path);
void tamper_free(struct tamper *tamper, const char *path);

/* In a forked child, once; it cannot be undone.  False: errno says why. */
bool tamper_begin(struct tamper *tamper);

/* Count from one, by this plan; until disarmed. */
void tamper_arm(struct tamper *tamper, const struct tamper_plan *plan);
/* When it returns, `seen` and `hits` are final. */
void tamper_disarm(struct tamper *tamper);

/* How many errors the call of trace[n - 1] can have; and their names. */
unsigned tamper_variants(const struct tamper *tamper, int64_t n);
/* The error's number; 0: it is a short read or write. */
int tamper_variant(const struct tamper *tamper, int64_t n, unsigned variant);
const char *tamper_call_name(const struct tamper *tamper, int64_t n);
/* Does it change something, so that before and after differ? */
bool tamper_call_changes(const struct tamper *tamper, int64_t n);

/* ------------------------------------------------------------- the tape -- */

enum tape_kind {
	TAPE_CREATE = 1, /* path: a new file `inode` */
	TAPE_MKDIR,      /* path: a new directory `inode` */
	TAPE_UNLINK,     /* path: a file or a directory */
	TAPE_RENAME,     /* path, NUL, path */
	TAPE_LINK,       /* path, NUL, path */
	TAPE_WRITE,      /* bytes at `at` of `inode` */
	TAPE_TRUNCATE,   /* `inode` has now `at` bytes */
	TAPE_SYNC,       /* of `inode`; `result` is 0 or the error */
	TAPE_SYNC_ALL,
	TAPE_MARK, /* the test's own: `inode` and `at` are its numbers */
};

struct tape_record {
	uint32_t size; /* this and what follows, a multiple of 16 */
	uint16_t kind;
	int16_t result;
	uint32_t length; /* of what follows: paths or bytes */
	int32_t pid;
	uint64_t inode;
	int64_t at;
};

/* Put a mark on the tape, from any process that shares it. */
void tape_mark(struct tamper *tamper, uint64_t number, int64_t at);

/* The record behind `record`, the first for NULL; NULL: no more. */
const struct tape_record *tape_next(
    const struct tamper *tamper, const struct tape_record *record);

#endif
