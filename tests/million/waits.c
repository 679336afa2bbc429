/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long who asks waits, until standard input ends:
 *
 *     million-waits PORT SALE BUYERS
 *
 * Each buyer has a connection and buys in SALE, by a new key each time; another
 * client asks /livez.  Between two calls each sleeps a little, and how much
 * longer than that is what the machine adds to a wait, whoever serves.
 */
#include <sys/socket.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "tests/dial.h"

#define CLIENTS_MOST 64
#define PAUSE_NS (5 * NS_PER_MS)

static atomic_bool is_over;

struct client {
	pthread_t thread;
	unsigned port;
	const char *sale; /* NULL: /livez */
	int number, wanted, fd;
	long answers, refused;
	int64_t worst_ns, stalled_ns;
};

static int
print_request(const struct client *c, char *text, size_t size)
{
	char body[32];

	if (c->sale == NULL)
		return snprintf(text, size,
		    "GET /livez HTTP/1.1\r\nHost: localhost:%u\r\n\r\n",
		    c->port);
	snprintf(body, sizeof(body), "buyer=b%d", c->number);
	return snprintf(text, size,
	    "POST /sales/%s/buy HTTP/1.1\r\nHost: localhost:%u\r\n"
	    "Idempotency-Key: b%d-%ld\r\nContent-Length: %zu\r\n"
	    "Content-Type: application/x-www-form-urlencoded\r\n\r\n%s",
	    c->sale, c->port, c->number, c->answers, strlen(body), body);
}

/* Is the whole answer there, which ends with its body? */
static bool
is_whole(const char *text, size_t size)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strcasestr(text, "\r\nContent-Length:");

	return end != NULL && length != NULL &&
	       size >=
		   (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
}

/* The answer's status. */
static int
ask(const struct client *c)
{
	char text[16384];
	size_t size = (size_t)print_request(c, text, sizeof(text));
	ssize_t got;

	must(send(c->fd, text, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
	size = 0;
	text[0] = '\0';
	while (!is_whole(text, size)) {
		got = recv(c->fd, text + size, sizeof(text) - 1 - size, 0);
		must(got > 0, "recv");
		size += (size_t)got;
		text[size] = '\0';
	}
	return atoi(text + strlen("HTTP/1.1 "));
}

static void
note(int64_t *worst_ns, int64_t ns)
{
	if (ns > *worst_ns)
		*worst_ns = ns;
}

static void *
client_main(void *arg)
{
	struct client *c = arg;
	int64_t begun_ns;

	c->fd = dial(c->port);
	while (!atomic_load(&is_over)) {
		begun_ns = clock_now_ns();
		if (ask(c) != c->wanted)
			c->refused++;
		note(&c->worst_ns, clock_now_ns() - begun_ns);
		c->answers++;
		begun_ns = clock_now_ns();
		clock_sleep_until(begun_ns + PAUSE_NS);
		note(&c->stalled_ns, clock_now_ns() - begun_ns - PAUSE_NS);
	}
	close(c->fd);
	return NULL;
}

/* "buyers 8120 0 35.2": answers, those that were another, the worst in ms. */
static void
print(const char *name, const struct client *clients, int from, int to)
{
	long answers = 0, refused = 0;
	int64_t worst_ns = 0;
	int i;

	for (i = from; i < to; i++) {
		answers += clients[i].answers;
		refused += clients[i].refused;
		note(&worst_ns, clients[i].worst_ns);
	}
	printf("%s %ld %ld %.1f\n", name, answers, refused,
	    (double)worst_ns / NS_PER_MS);
}

int
main(int argc, char **argv)
{
	static struct client clients[CLIENTS_MOST + 1];
	const int buyers = argc == 4 ? atoi(argv[3]) : 0;
	int64_t stalled_ns = 0;
	int i;

	if (buyers < 1 || buyers > CLIENTS_MOST) {
		fputs("usage: million-waits PORT SALE BUYERS\n", stderr);
		return 2;
	}
	for (i = 0; i <= buyers; i++) {
		clients[i] = (struct client){
		    .port = (unsigned)strtoul(argv[1], NULL, 10),
		    .sale = i < buyers ? argv[2] : NULL,
		    .number = i,
		    .wanted = i < buyers ? 201 : 200};
		must(pthread_create(&clients[i].thread, NULL, client_main,
			 &clients[i]) == 0,
		    "pthread_create");
	}
	while (getchar() != EOF)
		;
	atomic_store(&is_over, true);
	for (i = 0; i <= buyers; i++) {
		pthread_join(clients[i].thread, NULL);
		note(&stalled_ns, clients[i].stalled_ns);
	}
	print("buyers", clients, 0, buyers);
	print("livez", clients, buyers, buyers + 1);
	printf("machine %.1f\n", (double)stalled_ns / NS_PER_MS);
	return 0;
}
