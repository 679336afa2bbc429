/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls that are looked at, and the errors that each may have.  What
 * threads do while every signal is blocked (clone, rseq, madvise, munmap, the
 * end of a thread) cannot be here: the kernel would end the process.
 */
#include "tests/torture/tamper_impl.h"

#include <errno.h>

#define FILES TAMPER_FILES
#define NET TAMPER_NET
#define OTHER TAMPER_OTHER
#define CHANGES CALL_CHANGES
#define SHORT CALL_SHORT
#define PATH CALL_PATH
#define AT CALL_PATH_AT
#define FD CALL_FD
#define STRANGE CALL_STRANGE

/* clang-format off */
const struct call calls[] = {
	/* In the order of enum call_function. */
	{ -1, "pthread_mutex_lock", TAMPER_LOCKS, CHANGES, { 0 } },
	{ -1, "pthread_mutex_unlock", TAMPER_LOCKS, CHANGES, { 0 } },
	{ -1, "sem_wait", TAMPER_LOCKS, CHANGES, { 0 } },
	{ -1, "sem_post", TAMPER_LOCKS, CHANGES, { 0 } },
	{ -1, "fork", TAMPER_FORKS, 0, { EAGAIN, ENOMEM } },
	{ -1, "pthread_create", TAMPER_FORKS, 0, { EAGAIN } },
	{ -1, "malloc", TAMPER_ALLOC, 0, { ENOMEM } },

	{ SYS_open, "open", FILES, CHANGES | PATH,
	  { EIO, EMFILE, ENOSPC, ENOMEM, EINTR } },
	{ SYS_openat, "openat", FILES, CHANGES | AT,
	  { EIO, EMFILE, ENOSPC, ENOMEM, EINTR } },
	{ SYS_creat, "creat", FILES, CHANGES | PATH,
	  { EIO, EMFILE, ENOSPC, ENOMEM, EINTR } },
	{ SYS_read, "read", FILES, SHORT | FD, { EIO, EINTR } },
	{ SYS_pread64, "pread64", FILES, SHORT | FD, { EIO, EINTR } },
	{ SYS_readv, "readv", FILES, FD, { EIO, EINTR } },
	{ SYS_preadv, "preadv", FILES, FD, { EIO, EINTR } },
	{ SYS_write, "write", FILES, CHANGES | SHORT | FD,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_pwrite64, "pwrite64", FILES, CHANGES | SHORT | FD,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_writev, "writev", FILES, CHANGES | SHORT | FD,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_pwritev, "pwritev", FILES, CHANGES | FD | STRANGE,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_pwritev2, "pwritev2", FILES, CHANGES | FD | STRANGE,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_ftruncate, "ftruncate", FILES, CHANGES | FD,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_truncate, "truncate", FILES, CHANGES | PATH,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_fallocate, "fallocate", FILES, CHANGES | FD,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_fsync, "fsync", FILES, CHANGES | FD | CALL_SYNCS,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_fdatasync, "fdatasync", FILES, CHANGES | FD | CALL_SYNCS,
	  { EIO, ENOSPC, EINTR } },
	{ SYS_sync_file_range, "sync_file_range", FILES, FD | CALL_SYNCS,
	  { EIO } },
	{ SYS_syncfs, "syncfs", FILES, CHANGES | FD | CALL_SYNCS, { EIO } },
	{ SYS_sync, "sync", FILES, CHANGES | CALL_SYNCS, { 0 } },
	{ SYS_close, "close", FILES, CHANGES | FD, { EIO } },
	{ SYS_rename, "rename", FILES, CHANGES | PATH,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_renameat, "renameat", FILES, CHANGES | AT,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_renameat2, "renameat2", FILES, CHANGES | AT,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_unlink, "unlink", FILES, CHANGES | PATH, { EIO, ENOMEM } },
	{ SYS_unlinkat, "unlinkat", FILES, CHANGES | AT, { EIO, ENOMEM } },
	{ SYS_rmdir, "rmdir", FILES, CHANGES | PATH, { EIO, ENOMEM } },
	{ SYS_mkdir, "mkdir", FILES, CHANGES | PATH,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_mkdirat, "mkdirat", FILES, CHANGES | AT,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_link, "link", FILES, CHANGES | PATH, { EIO, ENOSPC, ENOMEM } },
	{ SYS_linkat, "linkat", FILES, CHANGES | AT,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_symlink, "symlink", FILES, CHANGES | PATH | STRANGE,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_symlinkat, "symlinkat", FILES, CHANGES | STRANGE,
	  { EIO, ENOSPC, ENOMEM } },
	{ SYS_mknod, "mknod", FILES, CHANGES | PATH | STRANGE, { EIO } },
	{ SYS_mknodat, "mknodat", FILES, CHANGES | AT | STRANGE, { EIO } },
	{ SYS_copy_file_range, "copy_file_range", FILES, CHANGES | STRANGE,
	  { EIO, ENOSPC } },
	{ SYS_sendfile, "sendfile", FILES, CHANGES | STRANGE, { EIO } },
	{ SYS_splice, "splice", FILES, CHANGES | STRANGE, { EIO } },
	{ SYS_io_uring_setup, "io_uring_setup", FILES, STRANGE, { ENOMEM } },
	{ SYS_stat, "stat", FILES, PATH, { EIO, ENOMEM } },
	{ SYS_lstat, "lstat", FILES, PATH, { EIO, ENOMEM } },
	{ SYS_fstat, "fstat", FILES, FD, { EIO, ENOMEM } },
	{ SYS_newfstatat, "newfstatat", FILES, AT, { EIO, ENOMEM } },
	{ SYS_statx, "statx", FILES, AT, { EIO, ENOMEM } },
	{ SYS_access, "access", FILES, PATH, { EIO, ENOMEM } },
	{ SYS_faccessat, "faccessat", FILES, AT, { EIO, ENOMEM } },
	{ SYS_faccessat2, "faccessat2", FILES, AT, { EIO, ENOMEM } },
	{ SYS_readlink, "readlink", FILES, PATH, { EIO, ENOMEM } },
	{ SYS_getdents64, "getdents64", FILES, FD, { EIO, ENOMEM } },
	{ SYS_lseek, "lseek", FILES, FD, { EIO } },
	{ SYS_fcntl, "fcntl", FILES, CHANGES | FD, { ENOLCK, EMFILE } },
	{ SYS_flock, "flock", FILES, CHANGES | FD, { EINTR, ENOMEM } },
	{ SYS_statfs, "statfs", FILES, PATH, { EIO, ENOMEM } },
	{ SYS_fstatfs, "fstatfs", FILES, FD, { EIO, ENOMEM } },
	{ SYS_fchmod, "fchmod", FILES, FD, { EIO } },
	{ SYS_fchown, "fchown", FILES, FD, { EIO } },
	{ SYS_chmod, "chmod", FILES, PATH, { EIO } },

	{ SYS_socket, "socket", NET, 0, { EMFILE, ENOMEM } },
	{ SYS_bind, "bind", NET, 0, { ENOMEM } },
	{ SYS_listen, "listen", NET, 0, { ENOMEM } },
	{ SYS_getsockname, "getsockname", NET, 0, { ENOMEM } },
	{ SYS_setsockopt, "setsockopt", NET, 0, { ENOMEM } },
	{ SYS_accept4, "accept4", NET, 0,
	  { EMFILE, ENOMEM, ECONNABORTED, EINTR } },
	{ SYS_recvfrom, "recvfrom", NET, SHORT, { ECONNRESET, ENOMEM, EINTR } },
	{ SYS_sendto, "sendto", NET, SHORT, { EPIPE, ENOMEM, EINTR } },
	{ SYS_sendmsg, "sendmsg", NET, SHORT, { EPIPE, ENOMEM, EINTR } },
	{ SYS_epoll_create1, "epoll_create1", NET, 0, { EMFILE, ENOMEM } },
	{ SYS_epoll_ctl, "epoll_ctl", NET, 0, { ENOMEM, ENOSPC } },
	{ SYS_epoll_wait, "epoll_wait", NET, 0, { EINTR } },
	{ SYS_poll, "poll", NET, 0, { EINTR, ENOMEM } },
	{ SYS_eventfd2, "eventfd2", NET, 0, { EMFILE, ENOMEM } },
	{ SYS_signalfd4, "signalfd4", NET, 0, { EMFILE, ENOMEM } },
	{ SYS_pipe2, "pipe2", NET, 0, { EMFILE, ENOMEM } },

	{ SYS_mmap, "mmap", OTHER, STRANGE, { ENOMEM } },
	{ SYS_timer_create, "timer_create", OTHER, 0, { EAGAIN, ENOMEM } },
	{ SYS_wait4, "wait4", OTHER, 0, { EINTR } },
};
/* clang-format on */

const size_t calls_count = sizeof(calls) / sizeof(calls[0]);
