/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor and its workers are a generation.  All of them have the
 * descriptor that holds the flock on DATA/.lock, so it is free when the last
 * of them is gone: two generations never sell side by side.
 *
 * The port is taken at once, so that who cannot have it is told; but it does
 * not listen before the store is ready, which may take long: nobody waits in
 * a queue that is not served.
 */
#include "service/process/startup.h"

#include <sys/file.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/shared.h"
#include "service/duration.h"
#include "service/file_limit.h"
#include "service/network.h"
#include "service/process/doors.h"
#include "service/process/flags.h"
#include "service/process/jitter.h"
#include "service/sale/patience.h"
#include "service/sale/turn.h"
#include "service/version.h"

#define OWNER_WAIT_NS (2 * NS_PER_SEC)
#define BACKLOG 4096
#define TOKEN_FILE "admin-token"

/* What the child that prepares the store found; in shared memory. */
struct prepared {
	bool done;
	char error[512];
	bool demo_existed;
	struct store_state demo;
};

struct startup {
	struct service *service;
	struct prepared *prepared;
	pid_t pid;
	int owner_fd; /* holds the flock on DATA/.lock; never closed */
};

int
startup_fail(const struct service *service, const char *format, ...)
{
	char why[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (service->log.json)
		LOG_EVENT(
		    &service->log, "start-failed", LOG_TEXT("error", why));
	else
		fprintf(stderr, "turnstile: %s\n", why);
	return -1;
}

void
startup_die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before we asked */
		_exit(EXIT_FAILURE);
}

/* The last generation's workers may be on their way out: wait for a while. */
static int
lock_data(const struct service *service, int fd, const char *path)
{
	const char *dir = service->options->data;
	const int64_t until_ns = clock_now_ns() + OWNER_WAIT_NS;
	char owner[16] = "";
	ssize_t n;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return startup_fail(
			    service, "%s: %s", path, strerror(errno));
		if (clock_now_ns() > until_ns) {
			n = pread(fd, owner, sizeof(owner) - 1, 0);
			owner[n > 0 ? n : 0] = '\0';
			owner[strcspn(owner, "\n")] = '\0';
			return startup_fail(service,
			    "%s is in use by process %s: stop it, or "
			    "use another --data",
			    dir, owner);
		}
		clock_sleep_until(clock_now_ns() + 20 * NS_PER_MS);
	}
	return 0;
}

/* For lock_data()'s message; a full disk leaves it as it was. */
static void
write_owner(int fd)
{
	char text[16];
	const int size = snprintf(text, sizeof(text), "%d\n", getpid());

	if (pwrite(fd, text, (size_t)size, 0) == size)
		(void)!ftruncate(fd, size);
}

/* A directory that was made is on disk before anything in it is promised. */
static int
make_data(const struct service *service)
{
	const char *dir = service->options->data;
	char path[4096];
	int fd, rc;

	if (mkdir(dir, 0700) != 0)
		return errno == EEXIST ? 0
				       : startup_fail(service, "%s: %s", dir,
					     strerror(errno));
	if (snprintf(path, sizeof(path), "%s/..", dir) >= (int)sizeof(path))
		return startup_fail(service, "%s: the name is too long", dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd == -1 ? -1 : fsync(fd);
	if (rc != 0)
		rc = startup_fail(
		    service, "%s: fsync: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return rc;
}

/* With --existing: what is missing is not made. */
static int
find_data(const struct service *service)
{
	char error[4500];

	if (!service->options->existing ||
	    store_owner(service->options->data, error, sizeof(error)) != NULL)
		return 0;
	return startup_fail(
	    service, "%s: with --existing it does not make a new one", error);
}

/* The data directory, and the right to use it alone. */
static int
own_data(struct startup *s)
{
	const char *dir = s->service->options->data;
	char path[4096];

	if (find_data(s->service) != 0 || make_data(s->service) != 0)
		return -1;
	if (snprintf(path, sizeof(path), "%s/" STORE_LOCK_FILE, dir) >=
	    (int)sizeof(path))
		return startup_fail(
		    s->service, "%s: the name is too long", dir);
	s->owner_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->owner_fd == -1)
		return startup_fail(
		    s->service, "%s: %s", path, strerror(errno));
	if (lock_data(s->service, s->owner_fd, path) != 0)
		return -1;
	write_owner(s->owner_fd);
	return 0;
}

/* "127.0.0.1:8080" of a bound socket, as people type it. */
static int
name_address(struct service *service)
{
	char hosts[NETWORK_MOST][NETWORK_HOST_SIZE];
	char host[INET6_ADDRSTRLEN + 16], port[8];
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(service->listen_fd, (struct sockaddr *)&address,
		&length) != 0 ||
	    getnameinfo((struct sockaddr *)&address, length, host, sizeof(host),
		port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return startup_fail(
		    service, "the address is unknown: %s", strerror(errno));
	if (network_is_any(host)) /* one that can be typed */
		snprintf(service->address, sizeof(service->address), "%s:%s",
		    network_hosts(hosts) > 0 ? hosts[0] : "127.0.0.1", port);
	else
		snprintf(service->address, sizeof(service->address),
		    address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		    port);
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
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static const char *
host_of(const struct options *options)
{
	if (options->host[0] == '\0')
		return "0.0.0.0";
	if (strcmp(options->host, "localhost") == 0) /* RFC 6761: no look-up */
		return "127.0.0.1";
	return options->host;
}

static int
fail_address(const struct service *service, int error)
{
	const struct options *options = service->options;
	const char *host = host_of(options);

	if (error == EADDRINUSE)
		return startup_fail(service,
		    "port %u is in use: try --listen %s:%u, or port 0 "
		    "for any that is free",
		    options->port, host, options->port % 65535 + 1);
	return startup_fail(service, "--listen %s:%u: %s", host, options->port,
	    strerror(error));
}

/* Take the address. */
static int
take_address(struct service *service)
{
	const struct options *options = service->options;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const char *host = host_of(options);
	struct addrinfo *found, *info;
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%u", options->port);
	error = getaddrinfo(host, port, &hints, &found);
	if (error != 0)
		return startup_fail(
		    service, "--listen %s: %s", host, gai_strerror(error));
	service->listen_fd = -1;
	for (info = found; info != NULL && service->listen_fd == -1;
	     info = info->ai_next)
		service->listen_fd = bind_to(info);
	error = errno;
	freeaddrinfo(found);
	if (service->listen_fd != -1)
		return name_address(service);
	return fail_address(service, error);
}

/* Two that are not listening yet may have the same address: one of them is
 * told only here. */
static int
listen_there(const struct service *service)
{
	if (listen(service->listen_fd, BACKLOG) == 0)
		return 0;
	return fail_address(service, errno);
}

/* That of the directory, unless another one is asked for. */
static struct store *
new_store(const struct options *options)
{
	char error[4500]; /* which the store says itself, when it is prepared */
	const char *kind = NULL;

	if (options->store_given == NULL)
		kind = store_owner(options->data, error, sizeof(error));
	return store_new(kind == NULL ? options->store : kind, options->data);
}

static int
share_memory(struct startup *s)
{
	struct service *service = s->service;
	const struct options *options = service->options;
	const struct lock_config config = {.dir = options->data,
	    .workers = options->workers,
	    .clerks = options->clerks};

	service->board = shared_new(sizeof(*service->board));
	s->prepared = shared_new(sizeof(*s->prepared));
	service->store = new_store(options);
	if (service->store != NULL)
		store_set_database(service->store, options->database);
	service->locks = locks_prepare(&config);
	if (service->board == NULL || s->prepared == NULL ||
	    service->store == NULL || service->locks == NULL)
		return startup_fail(
		    service, "%s: %s", options->data, strerror(errno));
	service->log.dropped = &service->board->log;
	return 0;
}

/* The sale that is there without asking, so that a first curl works; without
 * it, if there is no space. */
static void
open_demo(struct startup *s, struct store_user *store)
{
	const struct options *options = s->service->options;
	struct prepared *prepared = s->prepared;
	struct store_settings demo = {.id = "demo",
	    .capacity = options->tickets,
	    .delay_min_ms = options->delay_min_ms,
	    .delay_max_ms = options->delay_max_ms};
	enum store_result result;

	memcpy(demo.lock, options->lock, sizeof(demo.lock));
	result = store_read(store, "demo", &prepared->demo);
	prepared->demo_existed = result == STORE_OK;
	if (result == STORE_GONE && demo.capacity == 0) {
		prepared->done = true;
		strcpy(prepared->error, "--tickets is 0");
		return;
	}
	if (result == STORE_GONE)
		result = store_create(
		    store, &demo, clock_now_ns() + NS_PER_SEC, &prepared->demo);
	prepared->done = result == STORE_OK || result == STORE_FULL;
	if (result != STORE_OK)
		snprintf(prepared->error, sizeof(prepared->error), "%s",
		    store_error(store));
}

/* The child's part of prepare(); its exit status. */
static int
prepare_in_child(struct startup *s)
{
	struct prepared *prepared = s->prepared;
	struct store_user *store;

	if (store_prepare(s->service->store, prepared->error,
		sizeof(prepared->error)) != 0)
		return EXIT_FAILURE;
	store = store_open(
	    s->service->store, prepared->error, sizeof(prepared->error));
	if (store != NULL)
		open_demo(s, store);
	store_close(store);
	return prepared->done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Check, create or recover the store, in a child; open the demo sale. */
static int
prepare(struct startup *s)
{
	pid_t pid;
	int status;

	pid = fork();
	if (pid == -1)
		return startup_fail(s->service, "fork: %s", strerror(errno));
	if (pid == 0) {
		startup_die_with(s->pid);
		_exit(prepare_in_child(s));
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (s->prepared->done)
		return 0;
	if (WIFSIGNALED(status))
		return startup_fail(s->service,
		    "the store could not be prepared: %s",
		    strsignal(WTERMSIG(status)));
	return startup_fail(s->service, "%s", s->prepared->error);
}

/* ----------------------------------------------------- the admin token -- */

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

/* That of the data directory, made when it is missing. */
static int
find_token(struct service *service)
{
	char path[4096], *token = service->token;
	FILE *file;

	if (service->options->admin != ADMIN_TOKEN)
		return 0;
	snprintf(path, sizeof(path), "%s/" TOKEN_FILE, service->options->data);
	file = fopen(path, "re");
	if (file == NULL && errno == ENOENT && write_token(path, token) == 0)
		return 0;
	if (file == NULL)
		return startup_fail(service, "%s: %s", path, strerror(errno));
	if (fgets(token, SERVICE_TOKEN_SIZE, file) == NULL)
		token[0] = '\0';
	fclose(file);
	token[strcspn(token, "\n")] = '\0';
	if (strlen(token) < 16)
		return startup_fail(service,
		    "%s holds no token of 16 characters or more: "
		    "remove it for a new one",
		    path);
	return 0;
}

/* Its file's whole name, if it can be had. */
static const char *
name_token(const struct service *service, char path[PATH_MAX])
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "%s/" TOKEN_FILE, service->options->data);
	if (realpath(text, path) == NULL)
		memcpy(path, text, sizeof(text));
	return path;
}

/* ------------------------------------------------------ what is printed -- */

/* What the operator should know: below the banner, or in the log. */
__attribute__((format(printf, 2, 3))) static void
note(const struct service *service, const char *format, ...)
{
	char what[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (service->log.json)
		LOG_EVENT(&service->log, "start-note", LOG_TEXT("what", what));
	else
		printf("%s\n", what);
}

/* Options that the sale demo, which was there before, does not obey. */
static void
note_flags(const struct service *service)
{
	const struct options *o = service->options;
	const struct store_settings *demo = &service->prepared->demo.settings;
	char delay[48], flags[64] = "";

	if (!service->prepared->demo_existed)
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
	note(service,
	    "the sale demo is there already, with %" PRId64
	    " tickets, lock %s, delay %s: ignored:%s\n"
	    "to start over, stop and remove %s, or use another --data",
	    demo->capacity, demo->lock, delay, flags, o->data);
}

/* Another program's, perhaps; or a setting that does nothing. */
static void
note_strays(const struct service *service)
{
	const char *stray;
	size_t at = 0;

	while ((stray = flags_stray(&at)) != NULL)
		note(service, "%.*s is no option of turnstile's: ignored",
		    (int)MIN(strcspn(stray, "="), (size_t)200), stray);
}

static void
print_who_sells(const struct options *o)
{
	const bool many = o->workers > 1, more = o->clerks > 1;

	printf("  sold by %u %s with %u %s%s\n", o->workers,
	    many ? "workers (processes)" : "worker (process)", o->clerks,
	    more ? "clerks (threads)" : "clerk (thread)", many ? " each" : "");
}

static void
log_started(const struct service *service)
{
	static const char *const admins[] = {[ADMIN_OPEN] = "open",
	    [ADMIN_TOKEN] = "token",
	    [ADMIN_OFF] = "off"};
	const struct options *o = service->options;
	char url[sizeof(service->address) + 8], token[PATH_MAX];
	struct log_field fields[] = {LOG_TEXT("version", TURNSTILE_VERSION),
	    LOG_NUMBER("pid", getpid()), LOG_TEXT("url", url),
	    LOG_TEXT("store", store_kind(service->store)),
	    LOG_TEXT("data", o->data), LOG_NUMBER("workers", o->workers),
	    LOG_NUMBER("clerks", o->clerks),
	    LOG_TEXT("admin", admins[o->admin]),
	    {NULL, NULL, 0}, /* where the token is, if there is one */
	    {NULL, NULL, 0}};

	snprintf(url, sizeof(url), "http://%s", service->address);
	if (service->token[0] != '\0')
		fields[8] = LOG_TEXT("token_file", name_token(service, token));
	log_event(&service->log, "started", fields);
}

static void
print_banner(const struct service *service)
{
	const struct options *o = service->options;
	const struct store_state *demo = &service->prepared->demo;
	const bool has_demo = demo->birth != 0;

	printf("turnstile " TURNSTILE_VERSION ": http://%s  lock %s",
	    service->address, has_demo ? demo->settings.lock : o->lock);
	if (has_demo)
		printf("  sale demo: %" PRId64 " of %" PRId64 " left\n",
		    demo->remaining, demo->settings.capacity);
	else
		printf("  no sale demo: %s\n", service->prepared->error);
	print_who_sells(o);
	printf("  kept in %s (%s)\n", o->data, store_kind(service->store));
}

/* The token itself is for people: what is no terminal is kept somewhere. */
static void
print_hints(const struct service *service)
{
	const bool is_seen = isatty(STDOUT_FILENO);
	char path[PATH_MAX];

	if (service->token[0] != '\0' && is_seen)
		printf("admin: http://%s/#token=%s\n", service->address,
		    service->token);
	else if (service->token[0] != '\0')
		printf("admin: the token stands in %s\n",
		    name_token(service, path));
	if (is_seen && service->prepared->demo.birth != 0)
		printf("try it: curl -d buyer=alice %s/sales/demo/buy\n",
		    service->address);
}

void
startup_announce(const struct service *service)
{
	const struct options *o = service->options;
	const struct store_state *demo = &service->prepared->demo;
	char warning[PATIENCE_SIZE], reach[TURN_WARNING_SIZE];

	/* On a terminal the banner says it. */
	if (service->log.json || !isatty(STDOUT_FILENO) ||
	    !isatty(STDERR_FILENO))
		log_started(service);
	if (!service->log.json)
		print_banner(service);
	else if (demo->birth == 0)
		note(service, "no sale demo: %s", service->prepared->error);
	note_flags(service);
	note_strays(service);
	if (doors_are_open(o->data))
		note(service,
		    "others than its owner may look into %s: chmod 700 it",
		    o->data);
	if (patience_warn(demo->settings.delay_max_ms, o->timeout_ms, warning))
		note(service, "%s", warning);
	if (turn_warn(demo->settings.lock, store_kind(service->store), reach))
		note(service, "sale demo: %s", reach);
	if (!service->log.json)
		print_hints(service);
	fflush(stdout);
}

/* --------------------------------------------------- limits and drills -- */

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

/* TURNSTILE_JITTER="SEED,DEEP"; see jitter.h. */
static void
find_jitter(struct service *service)
{
	const char *text = getenv("TURNSTILE_JITTER");
	unsigned deep;

	if (text == NULL ||
	    sscanf(text, "%" SCNu64 ",%u", &service->jitter, &deep) != 2)
		return;
	service->jitter_deep = deep != 0;
	jitter_prepare();
}

int
startup(struct service *service, pid_t pid)
{
	struct startup s = {.service = service, .pid = pid};

	log_open();
	file_limit_raise();
	signal(SIGXFSZ, SIG_IGN); /* write() then says EFBIG */
	signal(SIGPIPE, SIG_IGN);
	find_drill(service);
	find_jitter(service);
	if (own_data(&s) != 0 || take_address(service) != 0 ||
	    share_memory(&s) != 0 || prepare(&s) != 0 ||
	    find_token(service) != 0 || listen_there(service) != 0)
		return -1;
	service->prepared = s.prepared;
	return 0;
}
