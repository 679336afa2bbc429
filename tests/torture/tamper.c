/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter lets one instruction through, that of raw_call(); every other
 * call of the table comes to on_call() as a signal, and what it puts in RAX is
 * what the caller gets.  Only raw calls and the shared memory are used there:
 * the caller may be anywhere, in malloc() for instance.
 */
#include "tests/torture/tamper_impl.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/torture/raw.h"

struct tamper *tamper_mine;

bool
tamper_works(const char **why)
{
#if !defined(__x86_64__)
	*why = "it is written for x86-64";
	return false;
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	*why = "a sanitizer has its own hand in system calls";
	return false;
#else
	*why = "the kernel allows no seccomp filter";
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#endif
}

/* ------------------------------------------------------------ the calls -- */

static long
raw(long number, const long *a)
{
	return raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

_Noreturn void
tamper_die(void)
{
	const pid_t self = (pid_t)raw_3(SYS_getpid, 0, 0, 0);
	const pid_t victim = tamper_mine->victim;
	const struct timespec wait = {.tv_nsec = 1000000};
	int i;

	raw_3(SYS_kill, victim != 0 ? victim : self, SIGKILL, 0);
	/* A child of the victim's dies with it: not one call more until then */
	for (i = 0; i < 5000; i++)
		raw_3(SYS_nanosleep, (long)&wait, 0, 0);
	raw_3(SYS_exit_group, 99, 0, 0);
	__builtin_unreachable();
}

/* "pwrite64 turnstile.db-wal", for the report. */
static void
note_what(size_t row, const long *arguments)
{
	const struct call *call = &calls[row];
	char *what = tamper_mine->what;
	char path[256] = "";
	const char *name = path, *root = tamper_mine->root;

	if (call->flags & CALL_PATH)
		name = (const char *)arguments[0];
	else if (call->flags & CALL_PATH_AT)
		name = (const char *)arguments[1];
	else if (call->flags & CALL_FD)
		raw_path_of((int)arguments[0], path, sizeof(path));
	if (root[0] != '\0' && strncmp(name, root, strlen(root)) == 0)
		name += strlen(root);
	snprintf(what, sizeof(tamper_mine->what), "%s %s", call->name, name);
}

/* Reading and closing is done to files and to sockets. */
static unsigned
class_of(size_t row, const long *arguments)
{
	const struct call *call = &calls[row];
	struct stat st;

	if (call->number == SYS_fcntl && arguments[1] != F_SETLK &&
	    arguments[1] != F_SETLKW && arguments[1] != F_OFD_SETLK &&
	    arguments[1] != F_OFD_SETLKW && arguments[1] != F_DUPFD_CLOEXEC)
		return 0;
	if (call->class != TAMPER_FILES || !(call->flags & CALL_FD))
		return call->class;
	if (raw_3(SYS_fstat, arguments[0], (long)&st, 0) == 0 &&
	    !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return TAMPER_NET;
	return TAMPER_FILES;
}

static bool
counts(const struct tamper_plan *plan, size_t row, const long *arguments)
{
	const pid_t pid = (pid_t)raw_3(SYS_getpid, 0, 0, 0);

	if ((plan->only != 0 && plan->only != pid) || plan->except == pid)
		return false;
	return (class_of(row, arguments) & plan->classes) != 0;
}

static unsigned
errors_of(const struct call *call)
{
	unsigned n = 0;

	while (n < CALL_ERRORS && call->errors[n] != 0)
		n++;
	return n;
}

/* A lock that cannot be let go stays, whatever a program does. */
static bool
lets_go(const struct call *call, const long *arguments)
{
	return call->number == SYS_fcntl &&
	       (arguments[1] == F_SETLK || arguments[1] == F_OFD_SETLK) &&
	       ((const struct flock *)arguments[2])->l_type == F_UNLCK;
}

static struct fate
fail(size_t row, const long *arguments, unsigned variant)
{
	const struct call *call = &calls[row];
	const unsigned errors = errors_of(call);

	if (variant < errors && !lets_go(call, arguments))
		return (struct fate){FAIL_IT, call->errors[variant]};
	if (variant == errors && (call->flags & CALL_SHORT))
		return (struct fate){SHORTEN_IT, 0};
	atomic_fetch_add(&tamper_mine->nothing, 1);
	return (struct fate){GO_ON, 0};
}

/* A fault that lasts; but what is said on stderr comes through. */
static bool
goes_on(const struct tamper *t, int64_t n, size_t row, const long *arguments)
{
	const struct tamper_plan *plan = &t->plan;

	return plan->lasting && plan->at != 0 && n > plan->at &&
	       t->trace[plan->at - 1] == row &&
	       !((calls[row].flags & CALL_FD) && arguments[0] == STDERR_FILENO);
}

/* Does the plan come true with this call?  Counted if it counts. */
static bool
is_hit(struct tamper *t, size_t row, const long *arguments)
{
	const struct tamper_plan *plan = &t->plan;
	int64_t n;

	if (!counts(plan, row, arguments))
		return false;
	n = atomic_fetch_add(&t->seen, 1) + 1;
	if (n <= TAMPER_TRACE)
		t->trace[n - 1] = (uint16_t)row;
	if (n != plan->at && !goes_on(t, n, row, arguments))
		return false;
	if (n == plan->at)
		note_what(row, arguments);
	t->victim = plan->victim;
	atomic_fetch_add(&t->hits, 1);
	return true;
}

struct fate
tamper_fate(size_t row, const long *arguments)
{
	const struct fate go_on = {GO_ON, 0};
	struct tamper *t = tamper_mine;
	struct tamper_plan plan;
	bool hit;

	if (t == NULL || !atomic_load(&t->armed))
		return go_on;
	atomic_fetch_add(&t->inside, 1);
	hit = atomic_load(&t->armed) && is_hit(t, row, arguments);
	plan = t->plan;
	atomic_fetch_sub(&t->inside, 1);
	if (!hit)
		return go_on;
	switch (plan.act) {
	case TAMPER_COUNT:
		break;
	case TAMPER_KILL_BEFORE:
		tamper_die();
	case TAMPER_KILL_AFTER:
		return (struct fate){DIE_AFTER, 0};
	case TAMPER_FAIL:
		return fail(row, arguments, plan.variant);
	}
	return go_on;
}

int
tamper_function(enum call_function function, bool *die_after)
{
	static const long none[6];
	const struct fate fate = tamper_fate(function, none);

	*die_after = fate.kind == DIE_AFTER;
	return fate.kind == FAIL_IT ? fate.error : 0;
}

/* Half of it, as a full disk or a signal does. */
static long
call_short(size_t row, const long *arguments)
{
	struct iovec piece;
	struct msghdr message;
	long a[6];

	memcpy(a, arguments, sizeof(a));
	switch (calls[row].number) {
	case SYS_writev:
		piece = *(const struct iovec *)a[1];
		piece.iov_len = (piece.iov_len + 1) / 2;
		a[1] = (long)&piece;
		a[2] = 1;
		break;
	case SYS_sendmsg:
		message = *(const struct msghdr *)a[1];
		piece = message.msg_iov[0];
		piece.iov_len = (piece.iov_len + 1) / 2;
		message.msg_iov = &piece;
		message.msg_iovlen = 1;
		a[1] = (long)&message;
		break;
	default:
		a[2] = (a[2] + 1) / 2;
	}
	return tape_call(tamper_mine, row, a);
}

static long
serve(size_t row, long *arguments)
{
	const struct fate fate = tamper_fate(row, arguments);
	long result;

	switch (fate.kind) {
	case FAIL_IT:
		if (calls[row].number == SYS_close) /* it is closed */
			raw(SYS_close, arguments);
		else if (calls[row].flags & CALL_SYNCS)
			tape_failed_sync(tamper_mine, arguments, fate.error);
		return -fate.error;
	case SHORTEN_IT:
		return call_short(row, arguments);
	case GO_ON:
	case DIE_AFTER:
		break;
	}
	result = tape_call(tamper_mine, row, arguments);
	if (fate.kind == DIE_AFTER)
		tamper_die();
	return result;
}

#ifdef __x86_64__
static void
on_call(int number, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	long arguments[] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10],
	    r[REG_R8], r[REG_R9]};
	size_t row;

	(void)number;
	for (row = 0; row < calls_count; row++)
		if (calls[row].number == info->si_syscall)
			break;
	r[REG_RAX] = row < calls_count ? serve(row, arguments) : -ENOSYS;
}

/* ----------------------------------------------------------- the filter -- */

#define LOAD(field)                                                            \
	(struct sock_filter) BPF_STMT(                                         \
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, yes, no)                                                     \
	(struct sock_filter)                                                   \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)
#define RETURN(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, value)

static bool
filter_calls(void)
{
	const uint64_t end = (uint64_t)(uintptr_t)raw_call_end;
	struct sock_filter f[256];
	struct sock_fprog program = {.filter = f};
	unsigned short n = 0;
	size_t i;

	f[n++] = LOAD(arch);
	f[n++] = IF(AUDIT_ARCH_X86_64, 1, 0);
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	f[n++] = LOAD(instruction_pointer);
	f[n++] = IF(end, 0, 3);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, instruction_pointer) + 4);
	f[n++] = IF(end >> 32, 0, 1);
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	f[n++] = LOAD(nr);
	for (i = 0; i < calls_count; i++)
		if (calls[i].number != -1) {
			f[n++] = IF(calls[i].number, 0, 1);
			f[n++] = RETURN(SECCOMP_RET_TRAP);
		}
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	program.len = n;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool
tamper_begin(struct tamper *tamper)
{
	struct sigaction action = {
	    .sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};

	tamper_mine = tamper;
	return sigaction(SIGSYS, &action, NULL) == 0 && filter_calls();
}
#else
bool
tamper_begin(struct tamper *tamper)
{
	(void)tamper;
	errno = ENOSYS;
	return false;
}
#endif

/* --------------------------------------------------------- for the test -- */

struct tamper *
tamper_new(const char *dir, char *path)
{
	const size_t size = sizeof(struct tamper) + TAMPER_TAPE_SIZE;
	struct tamper *tamper = NULL;
	int fd;

	snprintf(path, 4096, "%s/tamper-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd == -1)
		return NULL;
	if (ftruncate(fd, (off_t)size) == 0)
		tamper =
		    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (tamper == MAP_FAILED || tamper == NULL) {
		unlink(path);
		tamper = NULL;
	}
	close(fd);
	return tamper;
}

void
tamper_free(struct tamper *tamper, const char *path)
{
	munmap(tamper, sizeof(struct tamper) + TAMPER_TAPE_SIZE);
	unlink(path);
}

void
tamper_arm(struct tamper *tamper, const struct tamper_plan *plan)
{
	tamper_disarm(tamper);
	tamper->plan = *plan;
	tamper->what[0] = '\0';
	atomic_store(&tamper->seen, 0);
	atomic_store(&tamper->hits, 0);
	atomic_store(&tamper->nothing, 0);
	atomic_store(&tamper->armed, true);
}

void
tamper_disarm(struct tamper *tamper)
{
	const struct timespec wait = {.tv_nsec = 100000};
	int i;

	atomic_store(&tamper->armed, false);
	/* Who was killed from outside may be inside for ever. */
	for (i = 0; i < 1000 && atomic_load(&tamper->inside) > 0; i++)
		nanosleep(&wait, NULL);
	atomic_store(&tamper->inside, 0);
}

static const struct call *
call_traced(const struct tamper *tamper, int64_t n)
{
	return n < 1 || n > TAMPER_TRACE ? &calls[0]
					 : &calls[tamper->trace[n - 1]];
}

unsigned
tamper_variants(const struct tamper *tamper, int64_t n)
{
	const struct call *call = call_traced(tamper, n);

	return errors_of(call) + ((call->flags & CALL_SHORT) != 0);
}

int
tamper_variant(const struct tamper *tamper, int64_t n, unsigned variant)
{
	const struct call *call = call_traced(tamper, n);

	return variant < errors_of(call) ? call->errors[variant] : 0;
}

const char *
tamper_call_name(const struct tamper *tamper, int64_t n)
{
	return call_traced(tamper, n)->name;
}

bool
tamper_call_changes(const struct tamper *tamper, int64_t n)
{
	return (call_traced(tamper, n)->flags & CALL_CHANGES) != 0;
}
