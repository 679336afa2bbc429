/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: what HTTP alone costs.  libmicrohttpd in the loop that
 * service/http/loop.c has (its flags, its options, its way to wait), in as
 * many processes, and a handler that reads the body and answers a constant:
 * a receipt to POST, a sale to GET, as long as the service's.
 *
 *     floor WORKERS        it prints where it listens; SIGTERM ends it
 */
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/file_limit.h"
#include "tests/dial.h"

#define BACKLOG 4096
#define BODY_MAX 4096
#define CONNECTION_MEMORY ((size_t)8 * 1024)
#define CONNECTION_TIMEOUT_S 60u
#define CONNECTIONS_MAX 16384u
#define LOOP_WAIT_MS 100
#define WORKERS_MAX 1024

static const char receipt[] =
    "{\"order\":\"16900598a1996d34fded3774942628ee\",\"sale\":\"demo\","
    "\"buyer\":\"b\",\"seats\":[123456],\"remaining\":9876544,"
    "\"version\":123456,\"lock\":\"mutex\","
    "\"sold_at\":\"2026-11-21T23:19:23.573Z\"}\n";
static const char sale[] =
    "{\"id\":\"demo\",\"capacity\":10000000,\"remaining\":9876544,"
    "\"version\":123456,\"lock\":\"mutex\",\"delay_ms\":0,"
    "\"store\":\"sqlite\",\"safe\":true}\n";

struct answers {
	struct MHD_Response *receipt, *sale;
};

/* A request, while it is read. */
struct reading {
	char body[BODY_MAX];
	size_t size;
};

static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *upload, size_t *size,
    void **context)
{
	const struct answers *answers = arg;
	struct reading *reading = *context;

	(void)path;
	(void)version;
	if (reading == NULL) {
		*context = calloc(1, sizeof(*reading));
		return *context != NULL ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		if (*size > sizeof(reading->body) - reading->size)
			return MHD_NO;
		memcpy(reading->body + reading->size, upload, *size);
		reading->size += *size;
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "POST") == 0)
		return MHD_queue_response(connection, 201, answers->receipt);
	return MHD_queue_response(connection, 200, answers->sale);
}

static void
completed(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	(void)arg;
	(void)connection;
	(void)code;
	free(*context);
	*context = NULL;
}

static struct MHD_Response *
make_answer(const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
	    strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	must(response != NULL &&
		 MHD_add_response_header(
		     response, "Content-Type", "application/json") == MHD_YES,
	    "response");
	return response;
}

static size_t
unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return MHD_http_unescape(text);
}

__attribute__((format(printf, 2, 0))) static void
on_message(void *arg, const char *format, va_list args)
{
	(void)arg;
	(void)format;
	(void)args;
}

static struct MHD_Daemon *
start_daemon(int listen_fd, struct answers *answers)
{
	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    NULL, NULL, handle, answers, MHD_OPTION_EXTERNAL_LOGGER, on_message,
	    NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
	    CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
	    CONNECTION_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
	    MHD_OPTION_END);
}

static int
wait_ms(struct MHD_Daemon *daemon)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(daemon, &timeout) == MHD_YES &&
	    timeout < LOOP_WAIT_MS)
		return (int)timeout;
	return LOOP_WAIT_MS;
}

/* As the service waits: for the library, and for two more descriptors. */
__attribute__((noreturn)) static void
serve(int listen_fd)
{
	struct answers answers = {make_answer(receipt), make_answer(sale)};
	struct MHD_Daemon *daemon = start_daemon(listen_fd, &answers);
	struct pollfd fds[3] = {{.events = POLLIN},
	    {.fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN},
	    {.fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN}};

	must(daemon != NULL, "libmicrohttpd");
	fds[0].fd =
	    MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	for (;;) {
		poll(fds, 3, wait_ms(daemon));
		MHD_run(daemon);
	}
}

static int
listen_somewhere(unsigned *port)
{
	struct sockaddr_in here = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(here);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd != -1, "socket");
	must(bind(fd, (const struct sockaddr *)&here, size) == 0, "bind");
	must(listen(fd, BACKLOG) == 0, "listen");
	must(getsockname(fd, (struct sockaddr *)&here, &size) == 0, "the port");
	*port = ntohs(here.sin_port);
	return fd;
}

int
main(int argc, char **argv)
{
	const int workers = argc == 2 ? atoi(argv[1]) : 0;
	unsigned port;
	int listen_fd, i;
	pid_t pid;

	if (workers < 1 || workers > WORKERS_MAX) {
		fputs("usage: floor WORKERS\n", stderr);
		return 2;
	}
	file_limit_raise();
	listen_fd = listen_somewhere(&port);
	for (i = 0; i < workers; i++) {
		pid = fork();
		must(pid != -1, "fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(listen_fd);
		}
	}
	printf("floor: http://127.0.0.1:%u\n", port);
	fflush(stdout);
	wait(NULL); /* none ends by itself */
	return EXIT_FAILURE;
}
