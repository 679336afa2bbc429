/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one contract test for stores: what store.h promises, over every store
 * from a table.  This program is also the disk: it defines write(),
 * fdatasync() and their like itself, so that a test can make one of them
 * fail, stop, or kill its process at exactly that call.
 */
#include "storage/store.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "locks/clock.h"
#include "locks/shared.h"
#include "locks/tsan.h"

#define SALE "demo"
#define CAPACITY 1000
#define CHILDREN 4
#define ERROR_SIZE 512
#define ALARM_S 240 /* nothing may hang */

#if defined(__SANITIZE_ADDRESS__)
#define ASAN_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN_ON 1
#endif
#endif

#ifdef ASAN_ON
/* Hundreds of forks: what is kept to catch late uses is copied by each. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=4";
}

#define LEAVE(status) _exit(status) /* and leaks are sought by each */
#else
#define LEAVE(status) exit(status)
#endif

/* ------------------------------------------------------------- the disk -- */

enum call { SYNC, WRITE, TRUNCATE, RENAME, UNLINK, CALLS };
enum fault { GO_ON, FAIL, CUT_SHORT, PAUSE, DIE, ALWAYS_SKIP };

/* Each process has its own; set only while it has one thread. */
static struct disk {
	struct plan {
		enum fault fault; /* once, but for ALWAYS_SKIP */
		int error;        /* FAIL's errno */
		unsigned skip;    /* calls of this kind that go well first */
	} plan[CALLS];
	unsigned die_at; /* calls of any kind count twice, before and after */
	int inside[2];   /* pipe: PAUSE writes a byte when it is there … */
	int go[2];       /* … and reads one before it goes on */
} disk;

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

static void
arm(enum call call, enum fault fault, int error, unsigned skip)
{
	disk.plan[call] = (struct plan){fault, error, skip};
}

/* True if the fault that was armed did not happen. */
static bool
disarm(enum call call)
{
	const bool armed = disk.plan[call].fault != GO_ON;

	disk.plan[call].fault = GO_ON;
	return armed;
}

/* -------------------------------------------------------------- fixture -- */

struct fixture {
	const char *kind;
	char dir[64];
	struct store *store;
	struct store_user *user; /* closed while a child is made */
	char *said;            /* shared memory: what a child's prepare said */
	pid_t child[CHILDREN]; /* 0: none */
	struct store_state before; /* what an op was decided on */
	bool restarted;            /* since then: no such decision lives */
	int64_t bought;       /* lines of buyer "parent", all acknowledged */
	const char *sweeping; /* NULL: nothing */
	unsigned nth;
};

typedef void child_fn(struct fixture *f, void *arg);

#define ok(call) assert_int_equal((call), STORE_OK)

/* In a child a failed cmocka assertion would go on with the parent's tests. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			give_up(__LINE__, #condition);                         \
	} while (0)

static void
give_up(int line, const char *condition)
{
	fprintf(stderr, "child, line %d: not so: %s\n", line, condition);
	_exit(1);
}

static bool
is_json(const struct fixture *f)
{
	return strcmp(f->kind, "json") == 0;
}

static int64_t
in_ms(int64_t ms)
{
	return clock_now_ns() + ms * NS_PER_MS;
}

/* How soon buyers must be served after a holder's death. */
static int64_t
soon(void)
{
	return in_ms(2000);
}

/* cmocka would take a child's crash for the test's and run the next test. */
static void
crash_as_usual(void)
{
	static const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
}

static pid_t
spawn(struct fixture *f, child_fn *run, void *arg)
{
	pid_t pid;
	int i;

	assert_null(f->user); /* SQLite's may not be carried over a fork */
	for (i = 0; i < CHILDREN - 1 && f->child[i] != 0; i++)
		;
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		crash_as_usual();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(f, arg);
		LEAVE(0);
	}
	f->child[i] = pid;
	return pid;
}

/* The child's status once it ended; -1: it runs on (`options` WNOHANG). */
static int
reap(struct fixture *f, pid_t pid, int options)
{
	int status, i;

	if (waitpid(pid, &status, options) != pid)
		return -1;
	for (i = 0; i < CHILDREN; i++)
		if (f->child[i] == pid)
			f->child[i] = 0;
	return status;
}

static void
child_prepares(struct fixture *f, void *arg)
{
	(void)arg;
	if (store_prepare(f->store, f->said, ERROR_SIZE) != 0)
		LEAVE(2);
}

/* False: it refused, and said why. */
static bool
prepare(struct fixture *f)
{
	int status;

	f->said[0] = '\0';
	status = reap(f, spawn(f, child_prepares, NULL), 0);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || f->said[0] != '\0');
	return WEXITSTATUS(status) == 0;
}

static void
open_user(struct fixture *f)
{
	char error[ERROR_SIZE];

	assert_null(f->user);
	f->user = store_open(f->store, error, sizeof(error));
	assert_non_null(f->user);
}

static void
close_user(struct fixture *f)
{
	store_close(f->user);
	f->user = NULL;
}

/* End the store, as when the supervisor ends too. */
static void
stop(struct fixture *f)
{
	close_user(f);
	store_free(f->store);
	f->store = NULL;
}

static void
start(struct fixture *f)
{
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	if (!prepare(f))
		fail_msg("%s", f->said);
	open_user(f);
}

static void
restart(struct fixture *f)
{
	f->restarted = true;
	stop(f);
	start(f);
}

/* Recovery, as the supervisor does it after a poisoning. */
static void
recover(struct fixture *f)
{
	assert_true(store_poisoned(f->store));
	close_user(f);
	assert_true(prepare(f));
	assert_false(store_poisoned(f->store));
	open_user(f);
}

/* The store does not start, and its one line of reason has `word`. */
static void
assert_refused(struct fixture *f, const char *word)
{
	stop(f);
	f->store = store_new(f->kind, f->dir);
	assert_non_null(f->store);
	assert_false(prepare(f));
	if (strstr(f->said, word) == NULL || strchr(f->said, '\n') != NULL)
		fail_msg("not one line with \"%s\": %s", word, f->said);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
make_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->kind = *state;
	*state = f;
	f->said = shared_new(ERROR_SIZE);
	assert_non_null(f->said);
	/* Not /tmp, which may be a tmpfs, where a sync does nothing. */
	(void)mkdir("build", 0755);
	snprintf(f->dir, sizeof(f->dir), "build/stores-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	disk = (struct disk){0};
	make_pipe(disk.inside);
	make_pipe(disk.go);
	start(f);
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int i;

	if (f->sweeping != NULL)
		print_error(
		    "in the sweep over %s, fault %u\n", f->sweeping, f->nth);
	for (i = 0; i < CHILDREN; i++)
		if (f->child[i] != 0) {
			kill(f->child[i], SIGKILL);
			reap(f, f->child[i], 0);
		}
	for (i = 0; i < CALLS; i++)
		disarm((enum call)i);
	for (i = 0; i < 2; i++) {
		close(disk.inside[i]);
		close(disk.go[i]);
	}
	stop(f);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	shared_free(f->said, ERROR_SIZE);
	free(f);
	return 0;
}

/* ------------------------------------------------------ sales and lines -- */

static struct store_settings
settings(const char *id, int64_t capacity)
{
	struct store_settings s = {.capacity = capacity, .lock = "none"};

	snprintf(s.id, sizeof(s.id), "%s", id);
	return s;
}

static enum store_result
try_create(struct store_user *user, const char *id)
{
	const struct store_settings s = settings(id, CAPACITY);

	return store_create(user, &s, soon());
}

static struct store_state
state_of(struct fixture *f, const char *id)
{
	struct store_state state;

	ok(store_read(f->user, id, &state));
	return state;
}

static struct store_state
create(struct fixture *f, const char *id)
{
	ok(try_create(f->user, id));
	return state_of(f, id);
}

/* A line as sell() would decide it on `state`. */
static struct store_line
sold(const struct store_state *state, const char *buyer)
{
	static _Atomic unsigned orders;
	struct store_line line = {
	    .kind = STORE_SOLD,
	    .seat = state->settings.capacity - state->remaining + 1,
	    .quantity = 1,
	    .remaining = state->remaining - 1,
	    .capacity = state->settings.capacity,
	    .buyer = buyer,
	    .lock = "none",
	    .worker = 3,
	    .clerk = 4,
	    .sold_at_ms = INT64_C(1795237200123),
	    .trail = "[]",
	};

	snprintf(line.order, sizeof(line.order), "%016x%016x",
	    (unsigned)getpid(), atomic_fetch_add(&orders, 1));
	return line;
}

static enum store_result
put(struct store_user *user, const struct store_state *state,
    struct store_line *line)
{
	bool overwrote;

	return store_put(user, state, line, 1, soon(), &overwrote);
}

static enum store_result
put_if(struct store_user *user, const struct store_state *state,
    struct store_line *line)
{
	return store_put_if(user, state, line, 1, soon());
}

static enum store_result
put_for(
    struct store_user *user, const struct store_state *state, const char *buyer)
{
	struct store_line line = sold(state, buyer);

	return put(user, state, &line);
}

static enum store_result
buy(struct store_user *user, const char *id, const char *buyer)
{
	struct store_state state;
	enum store_result result;

	result = store_read(user, id, &state);
	return result == STORE_OK ? put_for(user, &state, buyer) : result;
}

static enum store_result
put_key(struct fixture *f, const struct store_state *state, const char *key)
{
	struct store_line line = sold(state, "alice");

	line.key = key;
	return put(f->user, state, &line);
}

/* As what the service changes: everything else as it was. */
static struct store_change
change_of(const struct store_state *state)
{
	return (struct store_change){.settings = state->settings,
	    .trail = "[]",
	    .at_ms = INT64_C(1795237200456)};
}

/* Nothing can come of it, but it enters the latch. */
static enum store_result
poke(struct store_user *user, const struct store_state *state)
{
	struct store_line line = sold(state, "nobody");
	struct store_state never = *state;

	never.version = -1;
	return put_if(user, &never, &line);
}

static void
assert_same_settings(
    const struct store_settings *a, const struct store_settings *b)
{
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->capacity, b->capacity);
	assert_string_equal(a->lock, b->lock);
	assert_int_equal(a->delay_min_ms, b->delay_min_ms);
	assert_int_equal(a->delay_max_ms, b->delay_max_ms);
}

static void
assert_same_state(const struct store_state *a, const struct store_state *b)
{
	assert_same_settings(&a->settings, &b->settings);
	assert_true(a->birth == b->birth);
	assert_true(a->epoch == b->epoch);
	assert_int_equal(a->slot, b->slot);
	assert_int_equal(a->remaining, b->remaining);
	assert_int_equal(a->version, b->version);
}

/* ------------------------------------------------------ what was visited -- */

#define SEEN_MAX 8

struct seen {
	struct kept {
		struct store_line line; /* its texts are these */
		char buyer[96], key[96], lock[STORE_LOCK_SIZE], trail[128];
	} kept[SEEN_MAX];
	size_t count;
	size_t stop_at; /* 0: never */
};

static bool
keep(const struct store_line *line, void *arg)
{
	struct seen *seen = arg;
	struct kept *kept = &seen->kept[seen->count++];

	kept->line = *line;
	snprintf(kept->buyer, sizeof(kept->buyer), "%s", line->buyer);
	snprintf(kept->lock, sizeof(kept->lock), "%s", line->lock);
	snprintf(kept->trail, sizeof(kept->trail), "%s", line->trail);
	kept->line.buyer = kept->buyer;
	kept->line.lock = kept->lock;
	kept->line.trail = kept->trail;
	if (line->key != NULL) {
		snprintf(kept->key, sizeof(kept->key), "%s", line->key);
		kept->line.key = kept->key;
	}
	return seen->count != seen->stop_at && seen->count != SEEN_MAX;
}

static void
walk(struct fixture *f, const struct store_state *state, int64_t after,
    struct seen *seen)
{
	seen->count = 0;
	ok(store_each(f->user, state, after, keep, seen));
}

/* The last line of the sale as it is now. */
static const struct store_line *
last_line(struct fixture *f, const char *id, struct seen *seen)
{
	const struct store_state state = state_of(f, id);

	walk(f, &state, state.version - 1, seen);
	assert_int_equal(seen->count, 1);
	return &seen->kept[0].line;
}

static enum store_result
find(struct fixture *f, const struct store_state *state, enum store_by by,
    const char *value, struct seen *seen)
{
	seen->count = 0;
	return store_find(f->user, state, by, value, keep, seen);
}

static void
assert_same_line(const struct store_line *a, const struct store_line *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->nth, b->nth);
	assert_int_equal(a->seat, b->seat);
	assert_int_equal(a->quantity, b->quantity);
	assert_int_equal(a->remaining, b->remaining);
	assert_int_equal(a->capacity, b->capacity);
	assert_string_equal(a->order, b->order);
	assert_string_equal(a->buyer, b->buyer);
	assert_true((a->key == NULL) == (b->key == NULL));
	if (a->key != NULL && b->key != NULL)
		assert_string_equal(a->key, b->key);
	assert_string_equal(a->lock, b->lock);
	assert_int_equal(a->worker, b->worker);
	assert_int_equal(a->clerk, b->clerk);
	assert_int_equal(a->sold_at_ms, b->sold_at_ms);
	assert_string_equal(a->trail, b->trail);
}

struct tally {
	bool whole;   /* versions 1, 2, 3 …, the last makes the counter */
	bool in_turn; /* line n sold seat n */
	int64_t lines;
	int64_t parents; /* lines of the buyer "parent" */
	int64_t victims; /* of "victim" */
	int64_t raised;
	struct store_line last;
};

static bool
count_line(const struct store_line *line, void *arg)
{
	struct tally *t = arg;

	t->lines++;
	t->whole = t->whole && line->version == t->lines;
	t->in_turn = t->in_turn && line->seat == t->lines;
	t->parents += strcmp(line->buyer, "parent") == 0;
	t->victims += strcmp(line->buyer, "victim") == 0;
	t->raised += line->kind == STORE_RAISED;
	t->last = *line;
	return true;
}

/* Asserts nothing, so that children can use it. */
static struct tally
tally(struct store_user *user, const char *id)
{
	struct tally t = {.whole = true, .in_turn = true};
	struct store_state state;

	if (store_read(user, id, &state) != STORE_OK ||
	    store_each(user, &state, 0, count_line, &t) != STORE_OK)
		return (struct tally){.whole = false};
	if (t.lines == 0)
		t.last =
		    (struct store_line){.remaining = state.settings.capacity,
			.capacity = state.settings.capacity};
	t.whole = t.whole && t.lines == state.version &&
		  t.last.remaining == state.remaining &&
		  t.last.capacity == state.settings.capacity;
	return t;
}

/* ---------------------------------------------------------------- sales -- */

struct ids {
	char id[SEEN_MAX][STORE_ID_SIZE];
	size_t count, stop_at;
};

static bool
note_id(const struct store_state *state, void *arg)
{
	struct ids *ids = arg;

	memcpy(ids->id[ids->count++], state->settings.id, STORE_ID_SIZE);
	return ids->count != ids->stop_at && ids->count != SEEN_MAX;
}

static size_t
times_listed(struct fixture *f, const char *id)
{
	struct ids ids = {0};
	size_t i, times = 0;

	ok(store_list(f->user, note_id, &ids));
	for (i = 0; i < ids.count; i++)
		times += strcmp(ids.id[i], id) == 0;
	return times;
}

static void
test_create_read_list(void **state)
{
	struct fixture *f = *state;
	struct ids ids = {.stop_at = 2};
	struct store_state a, again;

	assert_int_equal(times_listed(f, "a"), 0);
	a = create(f, "a");
	assert_int_equal(a.remaining, CAPACITY);
	assert_int_equal(a.version, 0);
	create(f, "b");
	create(f, "c");
	assert_int_equal(times_listed(f, "a"), 1);
	assert_int_equal(times_listed(f, "b"), 1);
	assert_int_equal(times_listed(f, "c"), 1);
	again = state_of(f, "a");
	assert_same_state(&a, &again);
	ok(store_list(f->user, note_id, &ids));
	assert_int_equal(ids.count, 2);
	store_abandon(f->user, &a);
}

static void
test_duplicate_create(void **state)
{
	struct fixture *f = *state;
	const struct store_settings other = settings(SALE, 7);
	struct store_state a = create(f, SALE), b;

	assert_int_equal(
	    store_create(f->user, &other, soon()), STORE_DUPLICATE);
	b = state_of(f, SALE);
	assert_same_state(&a, &b);
	restart(f);
	b = state_of(f, SALE);
	assert_same_state(&a, &b);
}

static void
test_settings(void **state)
{
	struct fixture *f = *state;
	struct store_settings s = settings("", STORE_CAPACITY_MAX);
	struct store_state a;

	memset(s.id, 'z', STORE_ID_SIZE - 1);
	memset(s.lock, 'l', STORE_LOCK_SIZE - 1);
	s.delay_min_ms = 250;
	s.delay_max_ms = 86400000;
	ok(store_create(f->user, &s, soon()));
	a = state_of(f, s.id);
	assert_same_settings(&a.settings, &s);
	assert_int_equal(a.remaining, STORE_CAPACITY_MAX);
	restart(f);
	a = state_of(f, s.id);
	assert_same_settings(&a.settings, &s);
}

static void
test_births_and_epochs(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_state old = a;
	struct store_change change = change_of(&a);

	assert_true(a.birth != 0 && a.epoch != 0);
	assert_true(b.birth != 0 && b.epoch != 0);
	assert_true(a.birth != b.birth);
	assert_true(a.epoch != b.epoch);
	ok(store_configure(f->user, &a, &change, soon()));
	assert_true(a.birth == old.birth);
	assert_true(a.epoch != 0 && a.epoch != old.epoch);
}

static void
test_slots(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_state c = create(f, "c"), d;

	assert_int_not_equal(a.slot, b.slot);
	assert_int_not_equal(a.slot, c.slot);
	assert_int_not_equal(b.slot, c.slot);
	ok(store_remove(f->user, &b, soon()));
	d = create(f, "d");
	assert_int_equal(d.slot, b.slot);
	assert_true(d.slot < STORE_SALES_MAX && c.slot < STORE_SALES_MAX);
}

/* Every call that takes what was read. */
static void
assert_gone(struct fixture *f, struct store_state *old)
{
	struct store_line line = sold(old, "alice");
	const struct store_change change = change_of(old);
	struct seen seen = {0};

	assert_int_equal(put(f->user, old, &line), STORE_GONE);
	assert_int_equal(put_if(f->user, old, &line), STORE_GONE);
	assert_int_equal(
	    store_configure(f->user, old, &change, soon()), STORE_GONE);
	assert_int_equal(store_remove(f->user, old, soon()), STORE_GONE);
	assert_int_equal(find(f, old, STORE_BY_KEY, "k", &seen), STORE_GONE);
	assert_int_equal(store_each(f->user, old, 0, keep, &seen), STORE_GONE);
	assert_int_equal(seen.count, 0);
}

static void
test_unknown_is_gone(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, "a"), none;

	assert_int_equal(store_read(f->user, "", &none), STORE_GONE);
	assert_int_equal(store_read(f->user, "aa", &none), STORE_GONE);
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(store_read(f->user, "a", &none), STORE_GONE);
	assert_int_equal(times_listed(f, "a"), 0);
	assert_gone(f, &a);
	restart(f);
	assert_int_equal(store_read(f->user, "a", &none), STORE_GONE);
	assert_gone(f, &a);
}

static void
test_namesake(void **state)
{
	struct fixture *f = *state;
	struct store_state old = create(f, SALE), new;
	struct seen seen = {0};

	ok(put_key(f, &old, "k"));
	old = state_of(f, SALE);
	ok(store_remove(f->user, &old, soon()));
	new = create(f, SALE);
	assert_true(new.birth != old.birth &&new.epoch != old.epoch);
	assert_int_equal(new.version, 0);
	assert_int_equal(new.remaining, CAPACITY);
	assert_gone(f, &old);
	assert_int_equal(find(f, &new, STORE_BY_KEY, "k", &seen), STORE_GONE);
	ok(put_key(f, &new, "k"));
	assert_true(tally(f->user, SALE).whole);
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	assert_gone(f, &old);
}

/* --------------------------------------------------------------- writes -- */

static void
test_trusting_puts(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_line one = sold(&a, "alice"), two = sold(&a, "bob");
	struct store_state after;
	struct seen seen = {0};
	bool overwrote = true;

	two.remaining = 123; /* whatever the last writer says */
	ok(store_put(f->user, &a, &one, 1, soon(), &overwrote));
	assert_false(overwrote);
	ok(store_put(f->user, &a, &two, 1, soon(), &overwrote));
	assert_true(overwrote);
	assert_int_equal(one.version, 1);
	assert_int_equal(two.version, 2);
	assert_int_equal(two.base, 0);
	assert_int_equal(two.nth, 1);
	after = state_of(f, SALE);
	assert_int_equal(after.version, 2);
	assert_int_equal(after.remaining, 123);
	assert_true(after.epoch == a.epoch);
	walk(f, &after, 0, &seen);
	assert_int_equal(seen.count, 2);
	assert_same_line(&seen.kept[0].line, &one);
	assert_same_line(&seen.kept[1].line, &two);
}

static void
test_checked_puts(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, SALE);
	struct store_line one = sold(&a, "alice"), two = sold(&a, "bob");
	struct store_line three;

	ok(put_if(f->user, &a, &one));
	assert_int_equal(put_if(f->user, &a, &two), STORE_CONFLICT);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	a = state_of(f, SALE);
	assert_int_equal(a.remaining, CAPACITY - 1);
	three = sold(&a, "carol");
	ok(put_if(f->user, &a, &three));
	assert_int_equal(three.version, 2);
	assert_int_equal(three.base, 1);
	assert_true(tally(f->user, SALE).whole);
}

static void
test_moved(void **state)
{
	struct fixture *f = *state;
	const struct store_state old = create(f, SALE);
	struct store_state now = old;
	const struct store_change change = change_of(&old);
	struct store_line line = sold(&old, "alice");

	ok(store_configure(f->user, &now, &change, soon()));
	assert_int_equal(put(f->user, &old, &line), STORE_MOVED);
	assert_int_equal(put_if(f->user, &old, &line), STORE_MOVED);
	assert_int_equal(state_of(f, SALE).version, 0);
	ok(put_if(f->user, &now, &line));
	assert_int_equal(line.version, 1);
}

static void
test_batch(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_line lines[3];
	struct store_state now;
	struct seen seen = {0};
	unsigned i;

	ok(put_for(f->user, &a, "dave"));
	now = a;
	for (i = 0; i < 3; i++) {
		lines[i] = sold(&now, "alice");
		now.remaining--;
	}
	assert_int_equal(
	    store_put_if(f->user, &a, lines, 3, soon()), STORE_CONFLICT);
	ok(store_put(f->user, &a, lines, 3, soon(), &(bool){false}));
	now = state_of(f, SALE);
	assert_int_equal(now.version, 4);
	assert_int_equal(now.remaining, lines[2].remaining);
	walk(f, &now, 1, &seen);
	assert_int_equal(seen.count, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(lines[i].version, 2 + i);
		assert_int_equal(lines[i].nth, 1 + i);
		assert_int_equal(lines[i].base, 0);
		assert_same_line(&seen.kept[i].line, &lines[i]);
	}
}

static void
test_keys(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_line batch[2] = {sold(&a, "alice"), sold(&a, "bob")};
	bool overwrote;

	ok(put_key(f, &a, "k"));
	assert_int_equal(put_key(f, &a, "k"), STORE_DUPLICATE);
	a = state_of(f, "a");
	batch[1].key = "k";
	assert_int_equal(store_put(f->user, &a, batch, 2, soon(), &overwrote),
	    STORE_DUPLICATE);
	assert_int_equal(
	    store_put_if(f->user, &a, batch, 2, soon()), STORE_DUPLICATE);
	assert_int_equal(state_of(f, "a").version, 1);
	ok(put_key(f, &a, "K"));
	ok(put_key(f, &a, "k "));
	ok(put_key(f, &b, "k"));
	assert_int_equal(tally(f->user, "a").lines, 3);
	restart(f);
	a = state_of(f, "a");
	assert_int_equal(put_key(f, &a, "k"), STORE_DUPLICATE);
}

static void
test_find(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_line one = sold(&a, "alice"), two = sold(&a, "bob");
	struct seen seen = {0};

	one.key = "k";
	ok(put(f->user, &a, &one));
	ok(put(f->user, &a, &two));
	/* Also for one who read before the line was written. */
	ok(find(f, &a, STORE_BY_KEY, "k", &seen));
	assert_same_line(&seen.kept[0].line, &one);
	ok(find(f, &a, STORE_BY_ORDER, one.order, &seen));
	assert_same_line(&seen.kept[0].line, &one);
	ok(find(f, &a, STORE_BY_ORDER, two.order, &seen));
	assert_same_line(&seen.kept[0].line, &two);
	assert_int_equal(seen.count, 1);
	assert_int_equal(
	    find(f, &a, STORE_BY_KEY, one.order, &seen), STORE_GONE);
	assert_int_equal(find(f, &a, STORE_BY_ORDER, "k", &seen), STORE_GONE);
	assert_int_equal(find(f, &a, STORE_BY_KEY, "", &seen), STORE_GONE);
	assert_int_equal(find(f, &b, STORE_BY_KEY, "k", &seen), STORE_GONE);
	assert_int_equal(
	    find(f, &b, STORE_BY_ORDER, one.order, &seen), STORE_GONE);
	assert_int_equal(seen.count, 0);
}

/* What could be taken for the file's own syntax, or for the end of it. */
static const char *const strange_texts[] = {
    "\"",
    "\\",
    "\\\"",
    "a\",\"key\":\"b",
    "\\u0041\n\t\x01",
    "M\xc3\xbcller \xe5\xb0\x91\xe5\x8d\x96 \xf0\x9f\x8e\xab",
    "'; DROP TABLE sale; --",
    "\",\"trail\":[],\"crc\":\"00000000\"}",
};
#define STRANGE_TEXTS (sizeof(strange_texts) / sizeof(strange_texts[0]))

static void
assert_strange_texts(struct fixture *f, const char *orders)
{
	const struct store_state a = state_of(f, SALE);
	struct seen seen = {0};
	size_t i;

	for (i = 0; i < STRANGE_TEXTS; i++) {
		const char *text = strange_texts[i];

		ok(find(f, &a, STORE_BY_KEY, text, &seen));
		assert_string_equal(seen.kept[0].line.key, text);
		assert_string_equal(seen.kept[0].line.buyer, text);
		assert_int_equal(seen.kept[0].line.version, i + 1);
		assert_int_equal(put_key(f, &a, text), STORE_DUPLICATE);
		ok(find(f, &a, STORE_BY_ORDER, orders + i * STORE_ORDER_SIZE,
		    &seen));
		assert_int_equal(seen.kept[0].line.version, i + 1);
	}
	assert_int_equal(find(f, &a, STORE_BY_KEY, "b", &seen), STORE_GONE);
}

static void
test_strange_texts(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create(f, SALE);
	char orders[STRANGE_TEXTS][STORE_ORDER_SIZE];
	size_t i;

	for (i = 0; i < STRANGE_TEXTS; i++) {
		struct store_line line = sold(&a, strange_texts[i]);

		line.key = strange_texts[i];
		memcpy(orders[i], line.order, STORE_ORDER_SIZE);
		ok(put(f->user, &a, &line));
	}
	assert_strange_texts(f, orders[0]);
	restart(f);
	assert_strange_texts(f, orders[0]);
}

static void
test_snapshot(void **state)
{
	struct fixture *f = *state;
	struct store_state a;
	struct seen seen = {0};
	int i;

	create(f, SALE);
	for (i = 0; i < 4; i++)
		ok(buy(f->user, SALE, "alice"));
	a = state_of(f, SALE);
	ok(buy(f->user, SALE, "later"));
	walk(f, &a, 0, &seen);
	assert_int_equal(seen.count, 4);
	walk(f, &a, 3, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kept[0].line.version, 4);
	walk(f, &a, 4, &seen);
	assert_int_equal(seen.count, 0);
	walk(f, &a, 99, &seen);
	assert_int_equal(seen.count, 0);
	seen.stop_at = 2;
	walk(f, &a, 1, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.kept[1].line.version, 3);
}

static void
test_trail(void **state)
{
	static const char trail[] = "[ {\"at_ns\":1,\"step\":\"read\"},\t"
				    "{\"key\" : \",\\\"key\\\":\\\"\"} ]";
	struct fixture *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_line line = sold(&a, "alice");
	struct seen seen = {0};

	line.trail = trail;
	ok(put(f->user, &a, &line));
	assert_string_equal(last_line(f, SALE, &seen)->trail, trail);
	restart(f);
	assert_string_equal(last_line(f, SALE, &seen)->trail, trail);
}

/* Lines longer than what a store reads at a time, and across its border. */
static void
test_long_lines(void **state)
{
	static const int64_t quantities[] = {30000, 30000, 30000, 70000, 1};
	struct fixture *f = *state;
	const struct store_settings s = settings(SALE, 1000000);
	struct store_state a;
	struct seen seen = {0};
	size_t i;

	ok(store_create(f->user, &s, soon()));
	a = state_of(f, SALE);
	for (i = 0; i < sizeof(quantities) / sizeof(quantities[0]); i++) {
		struct store_line line = sold(&a, "school");

		line.quantity = quantities[i];
		line.key = i == 4 ? "last" : NULL;
		ok(put(f->user, &a, &line));
	}
	restart(f);
	a = state_of(f, SALE);
	ok(find(f, &a, STORE_BY_KEY, "last", &seen));
	assert_int_equal(seen.kept[0].line.version, 5);
	walk(f, &a, 3, &seen);
	assert_int_equal(seen.kept[0].line.quantity, 70000);
	assert_true(tally(f->user, SALE).whole);
}

/* ------------------------------------------------------ configure, remove */

static void
test_raise(void **state)
{
	struct fixture *f = *state;
	const struct store_state old = create(f, SALE);
	struct store_state a = old, now;
	struct store_change change = change_of(&a);
	struct seen seen = {0};
	const struct store_line *line;

	ok(buy(f->user, SALE, "alice"));
	change.settings.capacity += 50;
	change.trail = "[\"why\"]";
	ok(store_configure(f->user, &a, &change, soon()));
	now = state_of(f, SALE);
	assert_same_state(&a, &now);
	assert_int_equal(now.settings.capacity, CAPACITY + 50);
	assert_int_equal(now.remaining, CAPACITY + 49);
	assert_int_equal(now.version, 2);
	line = last_line(f, SALE, &seen);
	assert_int_equal(line->kind, STORE_RAISED);
	assert_int_equal(line->quantity, 0);
	assert_int_equal(line->capacity, CAPACITY + 50);
	assert_int_equal(line->remaining, CAPACITY + 49);
	assert_string_equal(line->trail, change.trail);
	assert_int_equal(line->sold_at_ms, change.at_ms);
	restart(f);
	a = state_of(f, SALE);
	assert_same_settings(&a.settings, &now.settings);
	assert_true(tally(f->user, SALE).whole);
}

/* Two buyers of seat 1: one ticket is stranded until somebody recounts. */
static struct store_state
oversell(struct fixture *f, const char *id)
{
	const struct store_state a = create(f, id);

	ok(put_for(f->user, &a, "alice"));
	ok(buy(f->user, id, "bob"));
	ok(put_for(f->user, &a, "carol"));
	return state_of(f, id);
}

static void
test_recount(void **state)
{
	struct fixture *f = *state;
	struct store_state a = oversell(f, SALE);
	struct store_change change = change_of(&a);
	struct seen seen = {0};
	const struct store_line *line;

	change.recount = true;
	assert_int_equal(a.remaining, CAPACITY - 1);
	ok(store_configure(f->user, &a, &change, soon()));
	assert_int_equal(a.remaining, CAPACITY - 2);
	assert_int_equal(a.version, 4);
	line = last_line(f, SALE, &seen);
	assert_int_equal(line->kind, STORE_RECOUNTED);
	assert_int_equal(line->remaining, CAPACITY - 2);
	assert_int_equal(line->quantity, 0);
	/* Right already: nothing to say. */
	ok(store_configure(f->user, &a, &change, soon()));
	assert_int_equal(a.version, 4);
}

static void
test_recount_and_raise(void **state)
{
	struct fixture *f = *state;
	struct store_state a = oversell(f, SALE);
	struct store_change change = change_of(&a);
	struct seen seen = {0};

	change.recount = true;
	change.settings.capacity += 10;
	snprintf(change.settings.lock, STORE_LOCK_SIZE, "mutex");
	ok(store_configure(f->user, &a, &change, soon()));
	assert_int_equal(a.remaining, CAPACITY - 2 + 10);
	walk(f, &a, 3, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.kept[0].line.kind, STORE_RECOUNTED);
	assert_int_equal(seen.kept[1].line.kind, STORE_RAISED);
	assert_int_equal(seen.kept[1].line.nth, 2);
	assert_string_equal(seen.kept[1].line.lock, "mutex");
	assert_true(tally(f->user, SALE).whole);
	restart(f);
	a = state_of(f, SALE);
	assert_int_equal(a.remaining, CAPACITY - 2 + 10);
	assert_string_equal(a.settings.lock, "mutex");
}

static void
test_quiet_change(void **state)
{
	struct fixture *f = *state;
	struct store_state old = oversell(f, SALE), a = old, now;
	struct store_change change = change_of(&a);

	snprintf(change.settings.lock, STORE_LOCK_SIZE, "flock");
	change.settings.delay_min_ms = 5;
	change.settings.delay_max_ms = 9;
	ok(store_configure(f->user, &a, &change, soon()));
	assert_same_settings(&a.settings, &change.settings);
	assert_int_equal(a.version, old.version);
	assert_int_equal(a.remaining, old.remaining);
	now = state_of(f, SALE);
	assert_same_state(&now, &a);
	restart(f);
	now = state_of(f, SALE);
	assert_same_state(&now, &a);
}

static void
test_stale_change(void **state)
{
	struct fixture *f = *state;
	struct store_state old = create(f, SALE), now = old, a;
	struct store_change change = change_of(&old);

	ok(store_configure(f->user, &now, &change, soon()));
	change.settings.capacity += 50;
	assert_int_equal(
	    store_configure(f->user, &old, &change, soon()), STORE_MOVED);
	assert_int_equal(store_remove(f->user, &old, soon()), STORE_MOVED);
	a = state_of(f, SALE);
	assert_same_state(&a, &now);
}

static void
test_remove(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, SALE);

	ok(buy(f->user, SALE, "alice"));
	assert_int_equal(store_remove(f->user, &a, soon()), STORE_CONFLICT);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	a = state_of(f, SALE);
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(store_read(f->user, SALE, &a), STORE_GONE);
	assert_int_equal(store_remove(f->user, &a, soon()), STORE_GONE);
}

/* -------------------------------------------------------- many processes -- */

#define PROCESSES 4
#define THREADS 3
#define PUTS 17
#define ALL_PUTS (PROCESSES * THREADS * PUTS)

/* A buyer's read and write, once; what sell() does without its lock. */
typedef enum store_result attempt_fn(struct store_user *user,
    const struct store_state *state, struct store_line *line);

struct writer {
	struct fixture *f;
	attempt_fn *attempt;
	pthread_t thread;
};

static bool
note_version(const struct store_line *line, void *arg)
{
	*(int64_t *)arg = line->version;
	return true;
}

/* One purchase; its line must be found as it was acknowledged. */
static void
write_line(struct store_user *user, attempt_fn *attempt)
{
	struct store_state state;
	struct store_line line;
	enum store_result result;
	int64_t version = 0;

	do {
		CHECK(store_read(user, SALE, &state) == STORE_OK);
		line = sold(&state, "child");
		line.key = line.order;
		result = attempt(user, &state, &line);
	} while (result == STORE_CONFLICT);
	CHECK(result == STORE_OK);
	CHECK(store_find(user, &state, STORE_BY_ORDER, line.order, note_version,
		  &version) == STORE_OK);
	CHECK(version == line.version);
	CHECK(attempt(user, &state, &line) != STORE_OK);
}

static void *
write_lines(void *arg)
{
	struct writer *writer = arg;
	char error[ERROR_SIZE];
	struct store_user *user;
	int i;

	user = store_open(writer->f->store, error, sizeof(error));
	CHECK(user != NULL);
	for (i = 0; i < PUTS; i++)
		write_line(user, writer->attempt);
	store_close(user);
	return NULL;
}

static void
child_writes(struct fixture *f, void *arg)
{
	struct writer writers[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		writers[i].f = f;
		writers[i].attempt = *(attempt_fn **)arg;
		CHECK(pthread_create(&writers[i].thread, NULL, write_lines,
			  &writers[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(writers[i].thread, NULL);
}

/* Whoever looks meanwhile sees a whole ledger. */
static struct tally
tally_of_writers(struct fixture *f, attempt_fn *attempt)
{
	pid_t pid[PROCESSES];
	int i, status;

	create(f, SALE);
	close_user(f);
	for (i = 0; i < PROCESSES; i++)
		pid[i] = spawn(f, child_writes, &attempt);
	open_user(f);
	for (i = 0; i < PROCESSES; i++) {
		while ((status = reap(f, pid[i], WNOHANG)) == -1)
			assert_true(tally(f->user, SALE).whole);
		assert_int_equal(status, 0);
	}
	return tally(f->user, SALE);
}

static void
test_trusting_writers(void **state)
{
	const struct tally t = tally_of_writers(*state, put);

	assert_true(t.whole);
	assert_int_equal(t.lines, ALL_PUTS);
}

static void
test_checked_writers(void **state)
{
	struct fixture *f = *state;
	const struct tally t = tally_of_writers(f, put_if);

	assert_true(t.whole);
	assert_true(t.in_turn);
	assert_int_equal(t.lines, ALL_PUTS);
	assert_int_equal(t.last.remaining, CAPACITY - ALL_PUTS);
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, ALL_PUTS);
}

static void
child_opens(struct fixture *f)
{
	char error[ERROR_SIZE];

	f->user = store_open(f->store, error, sizeof(error));
	CHECK(f->user != NULL);
}

#define QUICK_PUTS 5000

/* As fast as it can, so that others look while a write is published. */
static void
child_hurries(struct fixture *f, void *arg)
{
	int i;

	(void)arg;
	child_opens(f);
	arm(SYNC, ALWAYS_SKIP, 0, 0);
	for (i = 0; i < QUICK_PUTS; i++)
		CHECK(buy(f->user, SALE, "child") == STORE_OK);
	disarm(SYNC);
	close_user(f);
}

/* What is read is one moment, not half of it the next. */
static void
test_reads_are_whole(void **state)
{
	struct fixture *f = *state;
	const struct store_settings s = settings(SALE, QUICK_PUTS);
	struct store_state a;
	int64_t version = 0;
	int status;
	pid_t pid;

	ok(store_create(f->user, &s, soon()));
	close_user(f);
	pid = spawn(f, child_hurries, NULL);
	open_user(f);
	while ((status = reap(f, pid, WNOHANG)) == -1) {
		a = state_of(f, SALE);
		assert_int_equal(a.remaining, QUICK_PUTS - a.version);
		assert_true(a.version >= version);
		version = a.version;
	}
	assert_int_equal(status, 0);
	assert_int_equal(state_of(f, SALE).remaining, 0);
}

/* ------------------------------------------------- a holder in its write -- */

static void
child_pauses(struct fixture *f, void *arg)
{
	struct store_state state;
	struct store_line line;

	(void)arg;
	child_opens(f);
	CHECK(store_read(f->user, SALE, &state) == STORE_OK);
	line = sold(&state, "child");
	line.key = "child";
	arm(SYNC, PAUSE, 0, 0);
	CHECK(put(f->user, &state, &line) == STORE_OK);
	close_user(f);
}

/* A process that holds the latch of SALE, inside its fdatasync(). */
static pid_t
spawn_holder(struct fixture *f)
{
	struct pollfd ready = {.fd = disk.inside[0], .events = POLLIN};
	pid_t pid;
	char byte;

	close_user(f);
	pid = spawn(f, child_pauses, NULL);
	assert_int_equal(poll(&ready, 1, 10000), 1);
	assert_int_equal(read(disk.inside[0], &byte, 1), 1);
	open_user(f);
	return pid;
}

static void
assert_all_busy(struct fixture *f, struct store_state *a)
{
	struct store_change change = change_of(a);
	struct store_line line = sold(a, "alice");
	const int64_t began = clock_now_ns();
	bool overwrote;

	assert_int_equal(
	    store_put(f->user, a, &line, 1, in_ms(100), &overwrote),
	    STORE_BUSY);
	assert_in_range(clock_now_ns() - began, 100 * NS_PER_MS, NS_PER_SEC);
	assert_int_equal(
	    store_put(f->user, a, &line, 1, 0, &overwrote), STORE_BUSY);
	assert_int_equal(
	    store_put_if(f->user, a, &line, 1, in_ms(10)), STORE_BUSY);
	assert_int_equal(
	    store_configure(f->user, a, &change, in_ms(10)), STORE_BUSY);
	assert_int_equal(store_remove(f->user, a, in_ms(10)), STORE_BUSY);
}

static void
test_held_latch(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, SALE), now;
	struct seen seen = {0};
	pid_t pid;

	pid = spawn_holder(f);
	assert_all_busy(f, &a);
	/* What is not durable yet, nobody sees. */
	now = state_of(f, SALE);
	assert_same_state(&a, &now);
	assert_int_equal(find(f, &a, STORE_BY_KEY, "child", &seen), STORE_GONE);
	assert_int_equal(write(disk.go[1], "", 1), 1);
	assert_int_equal(reap(f, pid, 0), 0);
	ok(find(f, &a, STORE_BY_KEY, "child", &seen));
	assert_int_equal(put_key(f, &a, "child"), STORE_DUPLICATE);
	ok(put_key(f, &a, "parent"));
	assert_int_equal(state_of(f, SALE).version, 2);
	assert_true(tally(f->user, SALE).whole);
}

static void
test_killed_holder(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create(f, SALE);
	struct seen seen = {0};
	struct tally t;
	pid_t pid;

	pid = spawn_holder(f);
	kill(pid, SIGKILL);
	assert_true(WIFSIGNALED(reap(f, pid, 0)));
	ok(put_key(f, &a, "parent"));
	t = tally(f->user, SALE);
	assert_true(t.whole);
	if (is_json(f)) {
		assert_int_equal(t.lines, 1);
		assert_int_equal(
		    find(f, &a, STORE_BY_KEY, "child", &seen), STORE_GONE);
	}
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, t.lines);
	ok(find(f, &a, STORE_BY_KEY, "parent", &seen));
}

/* What cannot be read is not therefore deleted. */
static void
test_killed_holder_damaged_settings(void **state)
{
	struct fixture *f = *state;
	struct store_state a = create(f, SALE);
	char path[128];
	pid_t pid;
	FILE *file;

	pid = spawn_holder(f);
	kill(pid, SIGKILL);
	reap(f, pid, 0);
	snprintf(path, sizeof(path), "%s/" SALE "/sale.json", f->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(put_for(f->user, &a, "alice"), STORE_FAILED);
	assert_true(store_poisoned(f->store));
	ok(store_read(f->user, SALE, &a));
	assert_refused(f, "sale.json");
}

/* ------------------------------------------------- faults, everywhere ---- */

/* Something that writes, and how to tell that it was done. */
struct op {
	const char *name;
	void (*begin)(struct fixture *f); /* sets f->before */
	enum store_result (*run)(
	    struct store_user *user, const struct store_state *before);
	bool (*done)(struct fixture *f);
};

static void
begin_put(struct fixture *f)
{
	f->before = state_of(f, SALE);
}

/* Three lines, so that half of what is written is one line and a half. */
#define BATCH 3

static enum store_result
run_put(struct store_user *user, const struct store_state *before)
{
	struct store_line lines[BATCH];
	bool overwrote;
	int i;

	for (i = 0; i < BATCH; i++)
		lines[i] = sold(before, "victim");
	return store_put(user, before, lines, BATCH, soon(), &overwrote);
}

static bool
done_put(struct fixture *f)
{
	return state_of(f, SALE).version > f->before.version;
}

static void
begin_create(struct fixture *f)
{
	struct store_state state;

	if (store_read(f->user, "new", &state) == STORE_OK)
		ok(store_remove(f->user, &state, soon()));
}

static enum store_result
run_create(struct store_user *user, const struct store_state *before)
{
	(void)before;
	return try_create(user, "new");
}

static bool
done_create(struct fixture *f)
{
	struct store_state state;

	if (store_read(f->user, "new", &state) == STORE_GONE) {
		assert_int_equal(times_listed(f, "new"), 0);
		return false;
	}
	assert_int_equal(times_listed(f, "new"), 1);
	assert_true(tally(f->user, "new").whole);
	return true;
}

/* Another lock, and one ticket more. */
static enum store_result
run_configure(struct store_user *user, const struct store_state *before)
{
	struct store_change change = change_of(before);
	struct store_state state = *before;

	snprintf(change.settings.lock, STORE_LOCK_SIZE, "%s",
	    strcmp(before->settings.lock, "mutex") == 0 ? "none" : "mutex");
	change.settings.capacity++;
	return store_configure(user, &state, &change, soon());
}

/*
 * What was decided before can be written only if nothing at all was done:
 * else it would overwrite the line that raised the capacity.
 */
static bool
done_configure(struct fixture *f)
{
	const enum store_result result = poke(f->user, &f->before);
	const struct store_state now = state_of(f, SALE);

	assert_int_equal(
	    tally(f->user, SALE).raised, now.settings.capacity - CAPACITY);
	if (result != STORE_MOVED) {
		assert_int_equal(result, STORE_CONFLICT);
		if (!f->restarted)
			assert_same_settings(
			    &now.settings, &f->before.settings);
	}
	return strcmp(now.settings.lock, f->before.settings.lock) != 0;
}

static void
begin_remove(struct fixture *f)
{
	if (store_read(f->user, "old", &f->before) == STORE_GONE)
		create(f, "old");
	f->before = state_of(f, "old");
}

static enum store_result
run_remove(struct store_user *user, const struct store_state *before)
{
	return store_remove(user, before, soon());
}

static bool
done_remove(struct fixture *f)
{
	const bool gone = poke(f->user, &f->before) == STORE_GONE;

	assert_int_equal(times_listed(f, "old"), gone ? 0 : 1);
	return gone;
}

static const struct op ops[] = {
    {"put", begin_put, run_put, done_put},
    {"create", begin_create, run_create, done_create},
    {"configure", begin_put, run_configure, done_configure},
    {"remove", begin_remove, run_remove, done_remove},
};
#define OPS (sizeof(ops) / sizeof(ops[0]))

/* All that was acknowledged is there, and the next buyer is served. */
static void
assert_in_order(struct fixture *f)
{
	const struct tally t = tally(f->user, SALE);

	assert_true(t.whole);
	assert_int_equal(t.parents, f->bought);
	ok(buy(f->user, SALE, "parent"));
	f->bought++;
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, t.lines + 1);
}

/*
 * What was seen before a restart is seen after it; only a create whose worker
 * died before it could answer may come to light.
 */
static void
assert_lasting(struct fixture *f, const struct op *op, bool done, bool died)
{
	assert_in_order(f);
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).parents, f->bought);
	if (op->run == run_put) /* done_put would count assert_in_order's */
		return;
	if (done || !died || op->run != run_create)
		assert_int_equal(op->done(f), done);
}

/* Run each op with each fault of a kind until none is left to happen. */
static void
sweep(
    struct fixture *f, bool (*with_fault)(struct fixture *, const struct op *))
{
	unsigned faults = 0;
	size_t i;

	create(f, SALE);
	for (i = 0; i < OPS; i++) {
		f->sweeping = ops[i].name;
		f->nth = 0;
		do {
			f->nth++;
			f->restarted = false;
			ops[i].begin(f);
		} while (with_fault(f, &ops[i]));
		faults += f->nth - 1;
	}
	assert_true(faults >= OPS);
	f->sweeping = NULL;
}

static void
child_dies(struct fixture *f, void *arg)
{
	const struct op *op = arg;

	child_opens(f);
	disk.die_at = f->nth;
	CHECK(op->run(f->user, &f->before) == STORE_OK);
	disk.die_at = 0;
	close_user(f);
}

/* False: the op has no such call any more, and was done. */
static bool
kill_at_nth_call(struct fixture *f, const struct op *op)
{
	struct op copy = *op;
	int status;

	close_user(f);
	status = reap(f, spawn(f, child_dies, &copy), 0);
	if (status == 0)
		return false;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	return true;
}

/* The others live on. */
static bool
with_worker_killed(struct fixture *f, const struct op *op)
{
	const bool died = kill_at_nth_call(f, op);
	bool done;

	open_user(f);
	done = op->done(f);
	assert_int_equal(tally(f->user, SALE).victims % BATCH, 0);
	/* json cuts what was not acknowledged; SQLite may keep it. */
	if (died && is_json(f) && op->run == run_put)
		assert_false(done);
	if (!died)
		assert_true(done);
	assert_lasting(f, op, done, died);
	return died;
}

/* Nobody does. */
static bool
with_all_killed(struct fixture *f, const struct op *op)
{
	const bool died = kill_at_nth_call(f, op);
	bool done;

	restart(f);
	done = op->done(f);
	if (!died)
		assert_true(done);
	assert_lasting(f, op, done, died);
	return died;
}

/* `call` fails once; what the result promises must hold. */
static bool
with_failed_call(
    struct fixture *f, const struct op *op, enum call call, int error)
{
	enum store_result result;
	bool happened, done;

	arm(call, FAIL, error, f->nth - 1);
	result = op->run(f->user, &f->before);
	happened = !disarm(call);
	if (result == STORE_UNKNOWN) {
		assert_int_equal(error, EIO); /* a full disk is certain */
		assert_true(strlen(store_error(f->user)) > 0);
		recover(f);
	}
	assert_false(store_poisoned(f->store));
	done = op->done(f);
	if (!happened || result == STORE_OK) {
		ok(result);
		assert_true(done);
	} else if (result != STORE_UNKNOWN) {
		assert_int_equal(
		    result, error == ENOSPC ? STORE_FULL : STORE_FAILED);
		assert_true(strlen(store_error(f->user)) > 0);
		assert_false(done);
	}
	assert_lasting(f, op, done, false);
	return happened;
}

static bool
with_failed_sync(struct fixture *f, const struct op *op)
{
	return with_failed_call(f, op, SYNC, EIO);
}

static bool
with_failed_write(struct fixture *f, const struct op *op)
{
	return with_failed_call(f, op, WRITE, EIO);
}

static bool
with_full_disk(struct fixture *f, const struct op *op)
{
	return with_failed_call(f, op, WRITE, ENOSPC);
}

static void
test_any_worker_killed(void **state)
{
	sweep(*state, with_worker_killed);
}

static void
test_all_killed(void **state)
{
	sweep(*state, with_all_killed);
}

static void
test_any_sync_fails(void **state)
{
	sweep(*state, with_failed_sync);
}

static void
test_any_write_fails(void **state)
{
	sweep(*state, with_failed_write);
}

static void
test_full_disk(void **state)
{
	sweep(*state, with_full_disk);
}

/* ------------------------------------------------ faults, one by one ----- */

/* SQLite syncs its log's header once; a line before gets that done. */
static struct store_state
create_and_buy(struct fixture *f)
{
	create(f, SALE);
	ok(buy(f->user, SALE, "alice"));
	return state_of(f, SALE);
}

static void
assert_refuses_writes(struct fixture *f, const struct store_state *a)
{
	struct store_state state = *a;
	const struct store_change change = change_of(a);

	assert_int_equal(put_for(f->user, a, "bob"), STORE_FAILED);
	assert_int_equal(poke(f->user, a), STORE_FAILED);
	assert_int_equal(try_create(f->user, "other"), STORE_FAILED);
	assert_int_equal(
	    store_configure(f->user, &state, &change, soon()), STORE_FAILED);
	assert_int_equal(store_remove(f->user, a, soon()), STORE_FAILED);
	store_tidy(f->user);
}

static void
test_failed_sync(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f);
	struct seen seen = {0};
	int64_t lines;

	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(put_key(f, &a, "lost"), STORE_UNKNOWN);
	assert_true(store_poisoned(f->store));
	assert_refuses_writes(f, &a);
	assert_int_equal(state_of(f, SALE).version, 1);
	recover(f);
	lines = tally(f->user, SALE).lines;
	assert_true(tally(f->user, SALE).whole);
	assert_in_range(lines, 1, is_json(f) ? 1 : 2);
	assert_int_equal(find(f, &a, STORE_BY_KEY, "lost", &seen),
	    lines == 1 ? STORE_GONE : STORE_OK);
	ok(buy(f->user, SALE, "bob"));
	assert_int_equal(state_of(f, SALE).version, lines + 1);
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, lines + 1);
}

/* The line stays in the page cache, whole; only the mark tells. */
static void
test_failed_sync_uncut(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(SYNC, FAIL, EIO, 0);
	arm(TRUNCATE, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_UNKNOWN);
	assert_false(disarm(TRUNCATE));
	recover(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	ok(buy(f->user, SALE, "carol"));
	assert_true(tally(f->user, SALE).whole);
}

static void
test_short_write(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(WRITE, CUT_SHORT, 0, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FULL);
	assert_int_equal(state_of(f, SALE).version, 1);
	ok(put_for(f->user, &a, "carol"));
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

static void
test_short_write_uncut(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(WRITE, CUT_SHORT, 0, 0);
	arm(TRUNCATE, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_UNKNOWN);
	recover(f);
	ok(buy(f->user, SALE, "carol"));
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

static void
test_failed_write(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(WRITE, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FAILED);
	assert_false(store_poisoned(f->store));
	ok(put_for(f->user, &a, "carol"));
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

/* A removal that nobody could announce, then a recovery. */
static void
test_recovery_after_removal(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f);
	struct store_state old;

	create(f, "old");
	f->sweeping = "remove";
	f->nth = 2; /* json: right after the directory is renamed */
	f->before = state_of(f, "old");
	assert_true(kill_at_nth_call(f, &ops[OPS - 1]));
	f->sweeping = NULL;
	open_user(f);
	arm(SYNC, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_UNKNOWN);
	recover(f);
	if (is_json(f)) {
		assert_int_equal(store_read(f->user, "old", &old), STORE_GONE);
		create(f, "old");
	}
	assert_int_equal(times_listed(f, "old"), 1);
	ok(buy(f->user, "old", "carol"));
}

/* --------------------------------------------------------------- reopen -- */

static void
test_reopen(void **state)
{
	struct fixture *f = *state;
	const struct store_state a = create_and_buy(f), b = create(f, "b");
	struct store_state now;
	struct seen was = {0}, is = {0};

	last_line(f, SALE, &was);
	restart(f);
	now = state_of(f, SALE);
	assert_true(now.birth == a.birth && now.epoch == a.epoch);
	assert_same_settings(&now.settings, &a.settings);
	assert_int_equal(now.version, a.version);
	assert_int_equal(now.remaining, a.remaining);
	assert_same_line(last_line(f, SALE, &is), &was.kept[0].line);
	now = state_of(f, "b");
	assert_int_equal(now.remaining, b.remaining);
	ok(buy(f->user, SALE, "bob"));
	assert_true(tally(f->user, SALE).whole);
}

/* Damage is one thing, a sale that went wrong another. */
static void
test_reopen_oversold(void **state)
{
	struct fixture *f = *state;
	const struct store_settings s = settings(SALE, 1);
	struct store_state a;
	struct seen seen = {0};

	ok(store_create(f->user, &s, soon()));
	a = state_of(f, SALE);
	ok(put_for(f->user, &a, "alice"));
	ok(put_for(f->user, &a, "bob"));
	restart(f);
	a = state_of(f, SALE);
	assert_int_equal(a.remaining, 0);
	assert_int_equal(a.version, 2);
	walk(f, &a, 0, &seen);
	assert_int_equal(seen.kept[0].line.seat, 1);
	assert_int_equal(seen.kept[1].line.seat, 1);
	assert_int_equal(seen.kept[1].line.base, 0);
}

static void
touch(struct fixture *f, const char *name, const char *mode)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, mode);
	assert_non_null(file);
	fputs("not turnstile's\n", file);
	fclose(file);
}

static void
test_other_store(void **state)
{
	struct fixture *f = *state;
	const char *kind = f->kind;

	create(f, SALE);
	f->kind = is_json(f) ? "sqlite" : "json";
	assert_refused(f, kind);
	f->kind = kind;
	stop(f);
	start(f);
	state_of(f, SALE);
}

static void
test_strange_file(void **state)
{
	struct fixture *f = *state;
	char owner[128];

	snprintf(owner, sizeof(owner), "%s/.store", f->dir);
	unlink(owner);
	touch(f, "thesis.tex", "we");
	assert_refused(f, "not turnstile's");
}

/* --------------------------------------------------------------- damage -- */

struct text {
	char bytes[64 * 1024];
	size_t size;
};

static void
path_of(const struct fixture *f, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", f->dir, name);
}

static bool
slurp(const struct fixture *f, const char *name, struct text *text)
{
	char path[128];
	FILE *file;

	path_of(f, name, path);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	text->size = fread(text->bytes, 1, sizeof(text->bytes) - 1, file);
	text->bytes[text->size] = '\0';
	fclose(file);
	return true;
}

static bool
spill(const struct fixture *f, const char *name, const char *bytes, size_t size)
{
	char path[128];
	bool whole;
	FILE *file;

	path_of(f, name, path);
	file = fopen(path, "we");
	if (file == NULL)
		return false;
	whole = fwrite(bytes, 1, size, file) == size;
	return fclose(file) == 0 && whole;
}

#define LEDGER SALE "/ledger.jsonl"

/* Three lines, as text. */
static void
three_lines(struct fixture *f, struct text *text)
{
	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	ok(buy(f->user, SALE, "carol"));
	assert_true(slurp(f, LEDGER, text));
}

/* The nth line, from 1. */
static char *
line_at(struct text *text, int nth)
{
	char *at = text->bytes;

	while (--nth > 0)
		at = strchr(at, '\n') + 1;
	return at;
}

static void
assert_ledger_refused(
    struct fixture *f, const char *bytes, size_t size, const char *word)
{
	assert_true(spill(f, LEDGER, bytes, size));
	assert_refused(f, word);
	assert_non_null(strstr(f->said, LEDGER));
}

/* json's own memory only, so one child can open it again and again. */
static void
child_tears(struct fixture *f, void *arg)
{
	const size_t step = TSAN_ON ? 16 : 1; /* it takes its time */
	struct text *text = arg;
	size_t size = (size_t)(line_at(text, 3) - text->bytes);
	char error[ERROR_SIZE];
	struct tally t;

	for (; size < text->size; size += step) {
		CHECK(spill(f, LEDGER, text->bytes, size));
		f->store = store_new(f->kind, f->dir);
		CHECK(f->store != NULL);
		CHECK(store_prepare(f->store, error, sizeof(error)) == 0);
		child_opens(f);
		t = tally(f->user, SALE);
		CHECK(t.whole && t.lines == 2);
		CHECK(buy(f->user, SALE, "dave") == STORE_OK);
		t = tally(f->user, SALE);
		CHECK(t.whole && t.lines == 3);
		stop(f);
	}
}

static void
test_torn_tail(void **state)
{
	struct fixture *f = *state;
	struct text text;

	three_lines(f, &text);
	stop(f);
	assert_int_equal(reap(f, spawn(f, child_tears, &text), 0), 0);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	start(f);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

/* What a file system may leave of blocks that were never written. */
static void
test_tail_of_zeros(void **state)
{
	struct fixture *f = *state;
	struct text text;

	three_lines(f, &text);
	memset(line_at(&text, 3), '\0', 100);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 2);
	ok(buy(f->user, SALE, "dave"));
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

static void
test_flipped_byte(void **state)
{
	struct fixture *f = *state;
	struct text text;

	three_lines(f, &text);
	line_at(&text, 2)[40] ^= 1;
	assert_ledger_refused(f, text.bytes, text.size, "line 2");
	line_at(&text, 2)[40] ^= 1;
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	stop(f);
	start(f);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

static void
test_missing_line(void **state)
{
	struct fixture *f = *state;
	struct text text;
	char *two, *three;

	three_lines(f, &text);
	two = line_at(&text, 2);
	three = line_at(&text, 3);
	text.size -= (size_t)(three - two);
	memmove(two, three, strlen(three) + 1);
	assert_ledger_refused(f, text.bytes, text.size, "line 2");
	assert_non_null(strstr(f->said, "version"));
	/* The first line missing is no less a gap. */
	assert_ledger_refused(f, two, strlen(two), "line 1");
}

static void
test_damaged_settings(void **state)
{
	struct fixture *f = *state;

	create_and_buy(f);
	touch(f, SALE "/sale.json", "ae");
	assert_refused(f, SALE "/sale.json");
}

#define DATABASE "turnstile.db"
#define PAGE 4096

/* Each page in turn; a checkpoint has brought all of them there. */
static void
test_damaged_page(void **state)
{
	struct fixture *f = *state;
	struct text *text = malloc(sizeof(*text));
	char saved[PAGE];
	size_t at;

	assert_non_null(text);
	create_and_buy(f);
	restart(f);
	assert_true(slurp(f, DATABASE, text));
	assert_true(text->size >= 4 * PAGE && text->size % PAGE == 0);
	for (at = 0; at < text->size; at += PAGE) {
		memcpy(saved, text->bytes + at, PAGE);
		memset(text->bytes + at, 0xa5, PAGE);
		assert_true(spill(f, DATABASE, text->bytes, text->size));
		assert_refused(f, DATABASE);
		memcpy(text->bytes + at, saved, PAGE);
	}
	assert_true(spill(f, DATABASE, text->bytes, text->size));
	stop(f);
	start(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	free(text);
}

static void
child_executes(struct fixture *f, void *arg)
{
	char path[128];
	sqlite3 *db;

	path_of(f, DATABASE, path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* A sound database whose content cannot be. */
static void
test_damaged_rows(void **state)
{
	static const char *const damages[] = {
	    "DELETE FROM ledger WHERE row & 255 = 2",
	    "DELETE FROM ledger WHERE row & 255 = 3",
	    "UPDATE sale SET remaining = remaining - 1",
	    "UPDATE sale SET version = version + 1",
	    "PRAGMA user_version = 99",
	    "PRAGMA application_id = 99",
	};
	struct fixture *f = *state;
	struct text *text = malloc(sizeof(*text));
	size_t i;

	assert_non_null(text);
	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	ok(buy(f->user, SALE, "carol"));
	restart(f);
	assert_true(slurp(f, DATABASE, text));
	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		stop(f);
		assert_int_equal(
		    reap(f,
			spawn(f, child_executes, (void *)(uintptr_t)damages[i]),
			0),
		    0);
		assert_refused(f, DATABASE);
		assert_true(spill(f, DATABASE, text->bytes, text->size));
	}
	free(text);
}

/* ------------------------------------------------------- removed for good --
 */

static size_t
count_entries(const char *path)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
test_removed_files(void **state)
{
	struct fixture *f = *state;
	const size_t before = count_entries(f->dir);
	struct store_state a = create_and_buy(f);

	store_tidy(f->user);
	assert_int_equal(count_entries(f->dir), before + 1);
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(count_entries(f->dir), before);
}

static int
note_count(void *arg, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	*(bool *)arg = strcmp(values[0], "0") != 0;
	return 0;
}

static void
child_finds_no_rows(struct fixture *f, void *arg)
{
	bool found = true;
	char path[128];
	sqlite3 *db;

	path_of(f, DATABASE, path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, arg, note_count, &found, NULL) == SQLITE_OK);
	CHECK(!found);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void
test_removed_rows(void **state)
{
	char count[] = "SELECT (SELECT count(*) FROM ledger) +"
		       " (SELECT count(*) FROM sale)";
	struct fixture *f = *state;
	struct store_state a = create_and_buy(f);

	ok(store_remove(f->user, &a, soon()));
	close_user(f);
	assert_int_equal(reap(f, spawn(f, child_finds_no_rows, count), 0), 0);
}

/* ---------------------------------------------------------------- views -- */

static void
assert_view(struct fixture *f, const char *member)
{
	struct text text;

	store_tidy(f->user);
	assert_true(slurp(f, SALE "/stock.json", &text));
	assert_non_null(strstr(text.bytes, member));
}

static void
test_view(void **state)
{
	struct fixture *f = *state;

	create(f, SALE);
	assert_view(f, "\"remaining\": 1000,");
	ok(buy(f->user, SALE, "alice"));
	assert_view(f, "\"remaining\": 999,");
	assert_view(f, "\"version\": 1");
	restart(f);
	ok(buy(f->user, SALE, "bob"));
	assert_view(f, "\"remaining\": 998,");
	/* Never read back. */
	touch(f, SALE "/stock.json", "we");
	restart(f);
	assert_int_equal(state_of(f, SALE).remaining, CAPACITY - 2);
}

/* ----------------------------------------------------------------- main -- */

enum scope { BOTH, JSON, SQLITE };

static const struct row {
	const char *name;
	CMUnitTestFunction run;
	enum scope scope;
} rows[] = {
    {"create, read, list", test_create_read_list, BOTH},
    {"duplicate create", test_duplicate_create, BOTH},
    {"settings", test_settings, BOTH},
    {"births and epochs", test_births_and_epochs, BOTH},
    {"slots", test_slots, BOTH},
    {"unknown is gone", test_unknown_is_gone, BOTH},
    {"namesake", test_namesake, BOTH},
    {"trusting puts", test_trusting_puts, BOTH},
    {"checked puts", test_checked_puts, BOTH},
    {"moved", test_moved, BOTH},
    {"batch", test_batch, BOTH},
    {"keys", test_keys, BOTH},
    {"find", test_find, BOTH},
    {"strange texts", test_strange_texts, BOTH},
    {"snapshot", test_snapshot, BOTH},
    {"trail", test_trail, BOTH},
    {"long lines", test_long_lines, BOTH},
    {"raise", test_raise, BOTH},
    {"recount", test_recount, BOTH},
    {"recount and raise", test_recount_and_raise, BOTH},
    {"quiet change", test_quiet_change, BOTH},
    {"stale change", test_stale_change, BOTH},
    {"remove", test_remove, BOTH},
    {"trusting writers", test_trusting_writers, BOTH},
    {"checked writers", test_checked_writers, BOTH},
    {"reads are whole", test_reads_are_whole, BOTH},
    {"held latch", test_held_latch, BOTH},
    {"killed holder", test_killed_holder, BOTH},
    {"killed holder, damaged settings", test_killed_holder_damaged_settings,
	JSON},
    {"any worker killed", test_any_worker_killed, BOTH},
    {"all killed", test_all_killed, BOTH},
    {"any sync fails", test_any_sync_fails, BOTH},
    {"any write fails", test_any_write_fails, BOTH},
    {"full disk", test_full_disk, BOTH},
    {"failed sync", test_failed_sync, BOTH},
    {"failed sync, uncut", test_failed_sync_uncut, JSON},
    {"short write", test_short_write, JSON},
    {"short write, uncut", test_short_write_uncut, JSON},
    {"failed write", test_failed_write, JSON},
    {"recovery after removal", test_recovery_after_removal, BOTH},
    {"reopen", test_reopen, BOTH},
    {"reopen oversold", test_reopen_oversold, BOTH},
    {"other store", test_other_store, BOTH},
    {"strange file", test_strange_file, BOTH},
    {"torn tail", test_torn_tail, JSON},
    {"tail of zeros", test_tail_of_zeros, JSON},
    {"flipped byte", test_flipped_byte, JSON},
    {"missing line", test_missing_line, JSON},
    {"damaged settings", test_damaged_settings, JSON},
    {"damaged page", test_damaged_page, SQLITE},
    {"damaged rows", test_damaged_rows, SQLITE},
    {"removed files", test_removed_files, JSON},
    {"removed rows", test_removed_rows, SQLITE},
    {"view", test_view, JSON},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int
run_over(char *kind, enum scope own)
{
	static char names[ROWS][64];
	struct CMUnitTest tests[ROWS] = {0};
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (rows[i].scope != BOTH && rows[i].scope != own)
			continue;
		snprintf(
		    names[i], sizeof(names[i]), "%s: %s", kind, rows[i].name);
		tests[i] = (struct CMUnitTest){
		    names[i], rows[i].run, setup, teardown, kind};
	}
	return cmocka_run_group_tests_name(kind, tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	static char json[] = "json", sqlite[] = "sqlite";
	int failed = 0;

	alarm(ALARM_S);
	if (argc > 1) /* only those whose name matches, * and ? allowed */
		cmocka_set_test_filter(argv[1]);
	failed += run_over(json, JSON);
	failed += run_over(sqlite, SQLITE);
	return failed;
}
