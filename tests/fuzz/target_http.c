/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes to a whole worker, as it is forked by the supervisor, but in a thread:
 * through the library, the loop, clerks and the store.  Its port is a socket
 * without a name, since ports of TCP would run out.  Every answer is whole,
 * and nothing is sold that no answer tells of.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/shared.h"
#include "service/process/worker.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#define ANSWERS_MAX (8 * 1024 * 1024)
#define WAIT_S 10

static struct options options = {.host = "127.0.0.1",
    .store = "json",
    .lock = "mutex",
    .workers = 1,
    .clerks = 1,
    .batch = 8,
    .queue = 64,
    .timeout_ms = 5000,
    .audit_timeout_ms = 5000,
    .max_quantity = 10,
    .admin = ADMIN_OFF};

static struct service service = {.options = &options,
    .address = "127.0.0.1:8080",
    .drill_order = -1,
    .drill_report = -1};

static struct sockaddr_un address;
static socklen_t address_size = sizeof(address);
static struct store_user *user;
static int stop[2];

static void *
work(void *arg)
{
	(void)arg;
	worker_run(&service, 0, stop[0]);
	return NULL;
}

static void
listen_here(void)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};

	service.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	claim(service.listen_fd != -1);
	/* Linux picks an abstract name. */
	claim(bind(service.listen_fd, (const struct sockaddr *)&any,
		  sizeof(any.sun_family)) == 0);
	claim(listen(service.listen_fd, 64) == 0);
	claim(getsockname(service.listen_fd, (struct sockaddr *)&address,
		  &address_size) == 0);
}

static void
begin_once(void)
{
	const char *dir;
	struct lock_config config = {.workers = 1, .clerks = 2};
	pthread_t thread;

	if (user != NULL)
		return;
	dir = scratch_new();
	config.dir = options.data = dir;
	service.board = shared_new(sizeof(*service.board));
	service.store = scratch_store(dir);
	service.locks = locks_prepare(&config);
	user = scratch_user(service.store);
	listen_here();
	claim(pipe(stop) == 0);
	claim(pthread_create(&thread, NULL, work, NULL) == 0);
	pthread_detach(thread);
	while (!atomic_load(&service.board->ready[0]))
		clock_sleep_until(clock_now_ns() + NS_PER_MS);
	signal(SIGINT, SIG_DFL); /* a worker ignores it */
	signal(SIGTERM, SIG_DFL);
}

/* Of the body that the head announces. */
static size_t
body_size(const char *head)
{
	const char *length = strstr(head, "\r\nContent-Length: ");

	if (length == NULL || length > strstr(head, "\r\n\r\n"))
		return 0;
	return strtoul(length + 18, NULL, 10);
}

static int
connect_to_it(void)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	claim(connect(fd, (struct sockaddr *)&address, address_size) == 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

/* Ask something, and wait for all of the answer, which is short. */
static void
ask(int fd, const char *request)
{
	char text[4096];
	const char *end = NULL;
	size_t size = 0;
	ssize_t n;

	claim(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	while (end == NULL || size < (size_t)(end - text) + body_size(text)) {
		n = recv(fd, text + size, sizeof(text) - 1 - size, 0);
		if (n == -1 && errno == EINTR) /* libFuzzer's alarm */
			continue;
		claim(n > 0);
		size += (size_t)n;
		text[size] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end != NULL)
			end += 4;
	}
}

/*
 * By another connection: through the loop, the clerk and the background, one
 * of each, so that all that they were given before is done.
 */
static void
let_it_finish(void)
{
	static int fd = -1;

	if (fd == -1)
		fd = connect_to_it();
	ask(fd, "POST /sales/none/buy HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: 0\r\n\r\n");
	ask(fd, "GET /sales HTTP/1.1\r\nHost: x\r\n\r\n");
}

/* What one connection was answered. */
struct talk {
	int fd;
	size_t size;
	char text[ANSWERS_MAX + 1];
};

/* Take what there is.  False: nothing; the connection may be closed. */
static bool
hear(struct talk *talk)
{
	const ssize_t n = recv(talk->fd, talk->text + talk->size,
	    ANSWERS_MAX - talk->size, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	talk->size += (size_t)n;
	talk->text[talk->size] = '\0';
	claim(talk->size < ANSWERS_MAX);
	return true;
}

/*
 * Half a request is never answered, and after a whole one the connection stays
 * open: it was answered when others were, twice, and there came nothing.
 */
static void
say(struct talk *talk, const char *data, size_t size)
{
	unsigned silent = 0;

	talk->fd = connect_to_it();
	talk->size = 0;
	talk->text[0] = '\0';
	claim(send(talk->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size ||
	      errno == EPIPE || errno == ECONNRESET);
	while (silent < 2) {
		let_it_finish();
		silent = hear(talk) ? 0 : silent + 1;
	}
}

/* Where the next answer begins; NULL: this one is not whole yet. */
static const char *
next_answer(const char *at, const char *all_end)
{
	const char *end = strstr(at, "\r\n\r\n");

	if (end == NULL)
		return NULL;
	end += 4;
	/* Of the answer to HEAD there is no body. */
	if (end < all_end && strncmp(end, "HTTP/1.", 7) != 0)
		end += body_size(at);
	return end <= all_end ? end : NULL;
}

/* How many of the answers are receipts; -1: the last one is not whole. */
static int64_t
count_receipts(const struct talk *talk)
{
	const char *at = talk->text, *end = talk->text + talk->size;
	int64_t receipts = 0;

	while (at != NULL && at < end) {
		if (end - at < 15)
			return -1;
		claim(strncmp(at, "HTTP/1.1 ", 9) == 0 ||
		      strncmp(at, "HTTP/1.0 ", 9) == 0);
		claim('1' <= at[9] && at[9] <= '5');
		claim(isdigit((unsigned char)at[10]));
		claim(strncmp(at + 9, "500", 3) != 0);
		receipts += strncmp(at + 9, "201", 3) == 0;
		at = next_answer(at, end);
	}
	return at == NULL ? -1 : receipts;
}

void
target_http(const char *data, size_t size)
{
	static struct talk talk;
	const int64_t until_ns = clock_now_ns() + WAIT_S * NS_PER_SEC;
	struct store_state before, after;
	struct pollfd fd = {.events = POLLIN};

	begin_once();
	before = scratch_demo(user, 100000);
	say(&talk, data, size);
	claim(store_read(user, "demo", &after) == STORE_OK);
	fd.fd = talk.fd;
	/* On a busy machine twice may not have been enough. */
	while (count_receipts(&talk) < after.version - before.version) {
		claim(clock_now_ns() < until_ns);
		poll(&fd, 1, 1);
		hear(&talk);
	}
	close(talk.fd);
	claim(after.remaining <= before.remaining);
	claim(atomic_load(&service.board->ready[0]));
}
