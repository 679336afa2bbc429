/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread that never sleeps and never opens the store itself: what could
 * block or crash runs in a child.
 *
 * The one descriptor that children inherit on purpose is the flock on
 * DATA/.lock: it is free when the last process of a generation is gone, so
 * two generations never sell side by side.
 */
#include "supervisor.h"

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "service.h"
#include "shared.h"
#include "worker.h"

#define OWNER_WAIT_NS (2 * NS_PER_SEC)
#define BACKLOG 4096
#define DEATHS_KEPT 8
#define DEATHS_TOLERATED 3
#define DEATHS_WITHIN_NS (10 * NS_PER_SEC)
#define BACK_OFF_NS (100 * NS_PER_MS)
#define POISONED_GRACE_NS (2 * NS_PER_SEC)
#define RECOVER_AGAIN_NS NS_PER_SEC
#define TOKEN_FILE "admin-token"
#define BACK_OFF_MOST_NS NS_PER_SEC

/* What the child that prepares the store tells; in shared memory. */
struct prepared {
	bool done;
	char error[512];
	bool demo_existed;
	struct store_state demo;
};

struct slot {
	pid_t pid; /* 0: there is none now */
	int64_t started_ns, died_ns;
	int64_t restart_ns; /* when to fork the next one */
};

struct supervisor {
	struct service service;
	struct prepared *prepared;
	int owner_fd;     /* holds the flock on DATA/.lock */
	int stop_pipe[2]; /* workers read; hung up: stop */
	int signal_fd;
	pid_t pid;
	struct slot slots[LOCK_WORKERS_MAX];
	int64_t deaths_ns[DEATHS_KEPT]; /* the last ones, a ring */
	size_t deaths;
	bool stopping;
	int64_t kill_ns; /* stopping: when those that hang are killed */
	/* While the store is poisoned: */
	int64_t poisoned_ns; /* when that was seen, 0: it is not */
	pid_t recovery;      /* the child that prepares the store, 0: none */
	int64_t recover_ns;  /* when to try (again) */
};

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int
fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "turnstile: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	return -1;
}

/* ------------------------------------------------------------ start-up -- */

/* The data directory, and the right to use it alone. */
static int
own_data(struct supervisor *s)
{
	const char *dir = s->service.options->data;
	const int64_t until_ns = clock_now_ns() + OWNER_WAIT_NS;
	char path[4096], owner[16] = "";
	ssize_t n;

	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return fail("%s: %s", dir, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/.lock", dir) >= (int)sizeof(path))
		return fail("%s: the name is too long", dir);
	s->owner_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s->owner_fd == -1)
		return fail("%s: %s", path, strerror(errno));
	/* The last generation's workers may be on their way out. */
	while (flock(s->owner_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return fail("%s: %s", path, strerror(errno));
		if (clock_now_ns() > until_ns) {
			n = pread(s->owner_fd, owner, sizeof(owner) - 1, 0);
			owner[n > 0 ? n : 0] = '\0';
			owner[strcspn(owner, "\n")] = '\0';
			return fail("%s is in use by process %s: stop it, or "
				    "use another --data",
			    dir, owner);
		}
		clock_sleep_until(clock_now_ns() + 20 * NS_PER_MS);
	}
	if (ftruncate(s->owner_fd, 0) != 0 ||
	    dprintf(s->owner_fd, "%d\n", getpid()) < 0)
		return fail("%s: %s", path, strerror(errno));
	return 0;
}

/* "127.0.0.1:8080" of a bound socket, as people type it. */
static int
name_address(struct service *service)
{
	char host[INET6_ADDRSTRLEN + 16], port[8];
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(service->listen_fd, (struct sockaddr *)&address,
		&length) != 0 ||
	    getnameinfo((struct sockaddr *)&address, length, host, sizeof(host),
		port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return fail("the address is unknown: %s", strerror(errno));
	snprintf(service->address, sizeof(service->address),
	    address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

static int
bind_to(const struct addrinfo *info)
{
	const int on = 1;
	int fd, error;

	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
listen_on(struct service *service)
{
	const struct options *options = service->options;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const char *host = options->host[0] == '\0' ? "0.0.0.0" : options->host;
	struct addrinfo *found, *info;
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%u", options->port);
	error = getaddrinfo(host, port, &hints, &found);
	if (error != 0)
		return fail("--listen %s: %s", host, gai_strerror(error));
	service->listen_fd = -1;
	for (info = found; info != NULL && service->listen_fd == -1;
	     info = info->ai_next)
		service->listen_fd = bind_to(info);
	error = errno;
	freeaddrinfo(found);
	if (service->listen_fd != -1)
		return name_address(service);
	if (error == EADDRINUSE)
		return fail("port %u is in use: try --listen %s:%u, or port 0 "
			    "for any that is free",
		    options->port, host, options->port % 65535 + 1);
	return fail("--listen %s:%u: %s", host, options->port, strerror(error));
}

static int
share_memory(struct supervisor *s)
{
	struct service *service = &s->service;
	const struct options *options = service->options;
	const struct lock_config config = {.dir = options->data,
	    .workers = options->workers,
	    .clerks = options->clerks};

	service->board = shared_new(sizeof(*service->board));
	s->prepared = shared_new(sizeof(*s->prepared));
	service->store = store_new(options->store, options->data);
	service->locks = locks_prepare(&config);
	if (service->board == NULL || s->prepared == NULL ||
	    service->store == NULL || service->locks == NULL)
		return fail("%s: %s", options->data, strerror(errno));
	return 0;
}

/* The sale that is there without asking, so that a first curl works. */
static void
open_demo(struct supervisor *s, struct store_user *store)
{
	const struct options *options = s->service.options;
	struct prepared *prepared = s->prepared;
	struct store_settings demo = {.id = "demo",
	    .capacity = options->tickets,
	    .delay_min_ms = options->delay_min_ms,
	    .delay_max_ms = options->delay_max_ms};
	enum store_result result;

	memcpy(demo.lock, options->lock, sizeof(demo.lock));
	result = store_create(store, &demo, clock_now_ns() + NS_PER_SEC);
	prepared->demo_existed = result == STORE_DUPLICATE;
	if (result == STORE_OK || result == STORE_DUPLICATE)
		result = store_read(store, "demo", &prepared->demo);
	prepared->done = result == STORE_OK;
	if (!prepared->done)
		snprintf(prepared->error, sizeof(prepared->error), "%s",
		    store_error(store));
}

static void
die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before we asked */
		_exit(EXIT_FAILURE);
}

/* Check, create or recover the store; first also open the demo sale. */
static void
prepare_in_child(struct supervisor *s, bool first)
{
	struct prepared *prepared = s->prepared;
	struct store_user *store;

	die_with(s->pid);
	prctl(PR_SET_NAME, "prepare");
	if (!first) /* else those who wait for its end wait for ours */
		close(s->stop_pipe[1]);
	if (store_prepare(s->service.store, prepared->error,
		sizeof(prepared->error)) != 0)
		_exit(EXIT_FAILURE);
	if (!first)
		_exit(EXIT_SUCCESS);
	store = store_open(
	    s->service.store, prepared->error, sizeof(prepared->error));
	if (store != NULL)
		open_demo(s, store);
	store_close(store);
	_exit(prepared->done ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int
prepare(struct supervisor *s)
{
	pid_t pid;
	int status;

	pid = fork();
	if (pid == -1)
		return fail("fork: %s", strerror(errno));
	if (pid == 0)
		prepare_in_child(s, true);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (s->prepared->done)
		return 0;
	return fail("%s", s->prepared->error[0] != '\0'
			      ? s->prepared->error
			      : "the store could not be prepared");
}

/* ---------------------------------------------------------------- token -- */

static int
write_token(const char *path, char token[SERVICE_TOKEN_SIZE])
{
	unsigned char bytes[(SERVICE_TOKEN_SIZE - 1) / 2];
	size_t i;
	int fd;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -1;
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (dprintf(fd, "%s\n", token) != SERVICE_TOKEN_SIZE ||
	    fsync(fd) != 0) {
		close(fd);
		unlink(path);
		return -1;
	}
	return close(fd);
}

/* The admin token: that of the data directory, made when it is missing. */
static int
find_token(struct service *service)
{
	char path[4096], *token = service->token;
	FILE *file;

	if (service->options->admin != ADMIN_TOKEN)
		return 0;
	snprintf(path, sizeof(path), "%s/" TOKEN_FILE, service->options->data);
	file = fopen(path, "re");
	if (file == NULL && errno == ENOENT)
		return write_token(path, token) == 0
			   ? 0
			   : fail("%s: %s", path, strerror(errno));
	if (file == NULL)
		return fail("%s: %s", path, strerror(errno));
	if (fgets(token, SERVICE_TOKEN_SIZE, file) == NULL)
		token[0] = '\0';
	fclose(file);
	token[strcspn(token, "\n")] = '\0';
	if (strlen(token) < 16)
		return fail("%s holds no token of 16 characters or more: "
			    "remove it for a new one",
		    path);
	return 0;
}

/* ---------------------------------------------------------------- words -- */

static void
print_note_on_flags(const struct supervisor *s)
{
	const struct options *o = s->service.options;
	const struct store_settings *demo = &s->prepared->demo.settings;
	char delay[48], flags[64] = "";

	if (!s->prepared->demo_existed)
		return;
	if (o->tickets_given && o->tickets != demo->capacity)
		strcat(flags, " --tickets");
	if (o->lock_given && strcmp(o->lock, demo->lock) != 0)
		strcat(flags, " --lock");
	if (o->delay_given && (o->delay_min_ms != demo->delay_min_ms ||
				  o->delay_max_ms != demo->delay_max_ms))
		strcat(flags, " --delay");
	if (flags[0] == '\0')
		return;
	duration_range_print(demo->delay_min_ms, demo->delay_max_ms, delay);
	printf("the sale demo is there already, with %" PRId64
	       " tickets, lock %s, delay %s: ignored:%s\n"
	       "to start over, stop and remove %s, or use another --data\n",
	    demo->capacity, demo->lock, delay, flags, o->data);
}

static void
print_start(const struct supervisor *s)
{
	const struct service *service = &s->service;
	const struct options *o = service->options;
	const struct store_state *demo = &s->prepared->demo;

	printf("turnstile " TURNSTILE_VERSION
	       ": http://%s  store %s in %s  lock %s  %u worker%s x %u clerk%s"
	       "  sale demo: %" PRId64 " of %" PRId64 " left\n",
	    service->address, o->store, o->data, demo->settings.lock,
	    o->workers, o->workers == 1 ? "" : "s", o->clerks,
	    o->clerks == 1 ? "" : "s", demo->remaining,
	    demo->settings.capacity);
	print_note_on_flags(s);
	if (demo->settings.delay_max_ms * 2 >= o->timeout_ms)
		printf("the delay is half the orders' --timeout or more: under "
		       "a lock the third buyer at once will be refused\n");
	if (service->token[0] != '\0')
		printf("admin: http://%s/#token=%s\n", service->address,
		    service->token);
	if (isatty(STDOUT_FILENO))
		printf("try it: curl -d buyer=alice %s/sales/demo/buy\n",
		    service->address);
	fflush(stdout);
}

/* -------------------------------------------------------------- workers -- */

static void
run_worker(struct supervisor *s, unsigned number)
{
	die_with(s->pid);
	close(s->signal_fd);
	close(s->stop_pipe[1]);
	_exit(worker_run(&s->service, number, s->stop_pipe[0]));
}

static void
start_worker(struct supervisor *s, unsigned number)
{
	struct slot *slot = &s->slots[number];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_worker(s, number);
	if (pid == -1) {
		LOG_EVENT(&s->service.log, "fork-failed",
		    LOG_TEXT("error", strerror(errno)));
		slot->restart_ns = clock_now_ns() + BACK_OFF_MOST_NS;
		return;
	}
	slot->pid = pid;
	slot->started_ns = clock_now_ns();
	if (slot->died_ns != 0)
		LOG_EVENT(&s->service.log, "worker-replaced",
		    LOG_NUMBER("worker", number + 1), LOG_NUMBER("pid", pid),
		    LOG_NUMBER("after_ms",
			(slot->started_ns - slot->died_ns) / NS_PER_MS));
}

/* The first restarts are at once; who dies again and again waits. */
static int64_t
restart_after(struct supervisor *s, int64_t now_ns)
{
	int64_t wait_ns = 0;
	size_t i, recent = 0;

	s->deaths_ns[s->deaths++ % DEATHS_KEPT] = now_ns;
	for (i = 0; i < DEATHS_KEPT && i < s->deaths; i++)
		if (now_ns - s->deaths_ns[i] < DEATHS_WITHIN_NS)
			recent++;
	if (recent > DEATHS_TOLERATED)
		wait_ns = BACK_OFF_NS << (recent - DEATHS_TOLERATED - 1);
	return wait_ns < BACK_OFF_MOST_NS ? wait_ns : BACK_OFF_MOST_NS;
}

/* What killed it, and what it held. */
static void
write_obituary(
    const struct supervisor *s, unsigned number, int status, unsigned permits)
{
	const struct slot *slot = &s->slots[number];
	const struct metrics *metrics = &s->service.board->metrics[number];
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == WORKER_POISONED)
		snprintf(how, sizeof(how), "left the store to be recovered");
	else
		snprintf(
		    how, sizeof(how), "exited with %d", WEXITSTATUS(status));
	LOG_EVENT(&s->service.log, "worker-died",
	    LOG_NUMBER("worker", number + 1), LOG_NUMBER("pid", slot->pid),
	    LOG_TEXT("how", how),
	    LOG_NUMBER("locks_held", (int64_t)atomic_load(&metrics->holding)),
	    LOG_NUMBER("permits_handed_back", permits),
	    LOG_NUMBER(
		"lived_ms", (slot->died_ns - slot->started_ns) / NS_PER_MS));
}

/* Hand back what it held, and say when the next one is due. */
static void
bury(struct supervisor *s, unsigned number, int status)
{
	struct board *board = s->service.board;
	struct metrics *metrics = &board->metrics[number];
	struct slot *slot = &s->slots[number];
	unsigned permits;

	permits = locks_force_release(s->service.locks, number);
	atomic_fetch_add(&metrics->permits_handed_back, permits);
	slot->died_ns = clock_now_ns();
	if (!s->stopping || status != 0) {
		metrics_count(&metrics->deaths);
		slot->restart_ns =
		    slot->died_ns + restart_after(s, slot->died_ns);
		write_obituary(s, number, status, permits);
	}
	atomic_store(&board->ready[number], false);
	atomic_store(&board->open[number], false);
	atomic_store(&metrics->holding, 0);
	atomic_store(&metrics->queue_depth, 0);
	slot->pid = 0;
}

static void
end_recovery(struct supervisor *s, int status)
{
	s->recovery = 0;
	s->recover_ns = clock_now_ns() + RECOVER_AGAIN_NS;
	if (status == 0)
		LOG_EVENT(&s->service.log, "store-recovered",
		    LOG_NUMBER("after_ms",
			(clock_now_ns() - s->poisoned_ns) / NS_PER_MS));
	else
		LOG_EVENT(&s->service.log, "store-not-recovered",
		    LOG_TEXT("error", s->prepared->error));
}

static void
reap(struct supervisor *s)
{
	pid_t pid;
	unsigned i;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->recovery)
			end_recovery(s, status);
		for (i = 0; i < s->service.options->workers; i++)
			if (s->slots[i].pid == pid)
				bury(s, i, status);
	}
}

static bool
any_lives(const struct supervisor *s)
{
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++)
		if (s->slots[i].pid != 0)
			return true;
	return false;
}

/* Fork what is due; when the next one will be, in ms, -1 for none. */
static int
start_due_workers(struct supervisor *s)
{
	const int64_t now_ns = clock_now_ns();
	int64_t next_ns = INT64_MAX;
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->pid == 0 && slot->restart_ns <= now_ns)
			start_worker(s, i);
		if (slot->pid == 0 && slot->restart_ns < next_ns)
			next_ns = slot->restart_ns;
	}
	if (next_ns == INT64_MAX)
		return -1;
	return (int)((next_ns - now_ns) / NS_PER_MS) + 1;
}

/* Those that may have the store open, or all. */
static void
kill_workers(struct supervisor *s, bool only_open)
{
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++)
		if (s->slots[i].pid != 0 &&
		    (!only_open || atomic_load(&s->service.board->open[i])))
			kill(s->slots[i].pid, SIGKILL);
}

static bool
any_open(const struct supervisor *s)
{
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++)
		if (atomic_load(&s->service.board->open[i]))
			return true;
	return false;
}

/*
 * While the store is poisoned: wait until nobody has it open, then recover it
 * in a child, again and again until that works.  The workers that were forked
 * meanwhile refuse what needs the store, and open it by themselves.  Returns
 * when to look again, in ms, -1 for no need.
 */
static int
recover_if_poisoned(struct supervisor *s)
{
	const int64_t now_ns = clock_now_ns();

	if (!store_poisoned(s->service.store)) {
		s->poisoned_ns = 0;
		return -1;
	}
	if (s->poisoned_ns == 0) {
		s->poisoned_ns = s->recover_ns = now_ns;
		LOG_EVENT(&s->service.log, "store-poisoned",
		    LOG_TEXT("what",
			"a write's outcome is unknown; nothing is sold until "
			"the store is recovered"));
	}
	if (s->recovery != 0)
		return -1; /* its end is a signal */
	if (any_open(s)) {
		if (now_ns - s->poisoned_ns > POISONED_GRACE_NS)
			kill_workers(s, true);
		return 100;
	}
	if (now_ns < s->recover_ns)
		return (int)((s->recover_ns - now_ns) / NS_PER_MS) + 1;
	s->recovery = fork();
	if (s->recovery == 0)
		prepare_in_child(s, false);
	if (s->recovery == -1)
		s->recovery = 0;
	return 1000;
}

/* The first one drains; the second ends everything. */
static void
hear(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info) ||
	    info.ssi_signo == SIGCHLD)
		return;
	if (s->stopping) {
		kill_workers(s, false);
		_exit(EXIT_FAILURE);
	}
	s->stopping = true;
	s->kill_ns = clock_now_ns() +
		     2 * s->service.options->timeout_ms * NS_PER_MS +
		     NS_PER_SEC;
	atomic_store(&s->service.board->draining, true);
	close(s->stop_pipe[1]);
}

static int
sooner(int a_ms, int b_ms)
{
	if (a_ms == -1 || (b_ms != -1 && b_ms < a_ms))
		return b_ms;
	return a_ms;
}

/* Workers see a poisoning by themselves; their deaths wake us. */
static int
supervise(struct supervisor *s)
{
	struct pollfd fd = {.fd = s->signal_fd, .events = POLLIN};
	int wait_ms;

	while (!s->stopping || any_lives(s)) {
		wait_ms = 1000;
		if (!s->stopping) {
			wait_ms = sooner(
			    recover_if_poisoned(s), start_due_workers(s));
		} else if (clock_now_ns() > s->kill_ns) {
			kill_workers(s, false);
		}
		if (poll(&fd, 1, wait_ms) > 0)
			hear(s);
		reap(s);
	}
	return EXIT_SUCCESS;
}

static int
open_signals(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd == -1 || pipe2(s->stop_pipe, O_CLOEXEC) != 0)
		return fail("signals: %s", strerror(errno));
	return 0;
}

static void
raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files); /* else there are fewer */
}

static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* TURNSTILE_DRILL="C,R" names two inherited pipes; see service.h. */
static void
find_drill(struct service *service)
{
	const char *text = getenv("TURNSTILE_DRILL");
	int order, report;

	service->drill_order = service->drill_report = -1;
	if (text == NULL || sscanf(text, "%d,%d", &order, &report) != 2 ||
	    !is_pipe(order) || !is_pipe(report) ||
	    fcntl(order, F_SETFL, O_NONBLOCK) != 0)
		return;
	service->drill_order = order;
	service->drill_report = report;
}

int
supervisor_run(const struct options *options)
{
	struct supervisor *s;
	int status = EXIT_FAILURE;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return EXIT_FAILURE;
	s->pid = getpid();
	s->service.options = options;
	s->service.log.json = options->log_json;
	s->service.started_ns = clock_now_ns();
	raise_file_limit();
	find_drill(&s->service);
	if (own_data(s) == 0 && listen_on(&s->service) == 0 &&
	    share_memory(s) == 0 && prepare(s) == 0 &&
	    find_token(&s->service) == 0 && open_signals(s) == 0) {
		print_start(s);
		status = supervise(s);
	}
	locks_free(s->service.locks);
	store_free(s->service.store);
	free(s);
	return status;
}
