/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buyers for Redis, over its own protocol: each of CONNECTIONS connections
 * calls a script that was loaded before, and when it has its answer, again.
 *
 *     redis_load PORT SHA CONNECTIONS SECONDS THREADS TAG
 *
 * Arguments of the script are a buyer and a key, which is another one each
 * time: TAG, the connection and a count.  It prints one line of JSON.  Redis's
 * own redis-benchmark has no keys that are unique, and no end by time.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
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

#define THREADS_MAX 64
#define EVENTS 256
#define SLOWEST_US (1000 * 1000) /* what took longer is counted there */

struct plan {
	unsigned port;
	const char *sha, *tag;
	int connections, threads;
	double seconds;
};

struct client {
	int fd, number;
	long asked;
	int64_t begun_ns;
	char answer[512];
	size_t size;
};

/* A thread and its clients; only it touches them until it is joined. */
struct crew {
	pthread_t thread;
	const struct plan *plan;
	struct client *clients;
	int count, epoll_fd;
	int64_t end_ns;
	long answers, errors;
	long us[SLOWEST_US + 1]; /* how many took so long */
};

static void
ask(const struct plan *plan, struct client *c)
{
	char key[64], text[256];
	int size;

	size = snprintf(
	    key, sizeof(key), "%s-%d-%ld", plan->tag, c->number, c->asked++);
	size = snprintf(text, sizeof(text),
	    "*5\r\n$7\r\nEVALSHA\r\n$40\r\n%s\r\n$1\r\n0\r\n$1\r\nb\r\n"
	    "$%d\r\n%s\r\n",
	    plan->sha, size, key);
	c->size = 0;
	c->begun_ns = clock_now_ns();
	must(send(c->fd, text, (size_t)size, MSG_NOSIGNAL) == size, "send");
}

/* Behind the reply that begins here; NULL: it is not whole yet. */
static const char *
reply_end(const char *text)
{
	const char *end = strstr(text, "\r\n");
	long left;

	if (end == NULL)
		return NULL;
	end += 2;
	left = atol(text + 1);
	if (*text == '$' && left >= 0)
		return strlen(end) >= (size_t)left + 2 ? end + left + 2 : NULL;
	for (; *text == '*' && left > 0 && end != NULL; left--)
		end = reply_end(end);
	return end;
}

/* False: the answer is not whole yet. */
static bool
hear(struct crew *crew, struct client *c)
{
	const ssize_t got = recv(
	    c->fd, c->answer + c->size, sizeof(c->answer) - 1 - c->size, 0);
	int64_t us;

	must(got > 0, "recv");
	c->size += (size_t)got;
	c->answer[c->size] = '\0';
	if (reply_end(c->answer) == NULL)
		return false;
	us = (clock_now_ns() - c->begun_ns) / NS_PER_US;
	crew->us[us < SLOWEST_US ? us : SLOWEST_US]++;
	crew->answers++;
	if (c->answer[0] != '*') /* a receipt is an array */
		crew->errors++;
	return true;
}

static void *
crew_main(void *arg)
{
	struct epoll_event events[EVENTS];
	struct crew *crew = arg;
	int count, i;

	for (i = 0; i < crew->count; i++)
		ask(crew->plan, &crew->clients[i]);
	while (clock_now_ns() < crew->end_ns) {
		count = epoll_wait(crew->epoll_fd, events, EVENTS, 100);
		for (i = 0; i < count; i++)
			if (hear(crew, events[i].data.ptr))
				ask(crew->plan, events[i].data.ptr);
	}
	return NULL;
}

static struct crew *
hire(const struct plan *plan, int number)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	int i;

	must(crew != NULL, "memory");
	crew->plan = plan;
	crew->count = plan->connections / plan->threads +
		      (number < plan->connections % plan->threads);
	crew->clients = calloc((size_t)crew->count, sizeof(struct client));
	crew->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	must(crew->clients != NULL && crew->epoll_fd != -1, "epoll");
	for (i = 0; i < crew->count; i++) {
		struct client *c = &crew->clients[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		c->fd = dial(plan->port);
		c->number = i * plan->threads + number;
		must(epoll_ctl(crew->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) ==
			 0,
		    "epoll_ctl");
	}
	return crew;
}

/* So many of all answers took no longer. */
static double
percentile_ms(struct crew **crews, int threads, long answers, double share)
{
	const double wanted = share * (double)answers;
	long seen = 0;
	int us, i;

	for (us = 0; us < SLOWEST_US; us++) {
		for (i = 0; i < threads; i++)
			seen += crews[i]->us[us];
		if ((double)seen >= wanted)
			break;
	}
	return us / 1e3;
}

static void
begin(struct crew **crews, int threads, int64_t end_ns)
{
	int i;

	for (i = 0; i < threads; i++) {
		crews[i]->end_ns = end_ns;
		must(pthread_create(
			 &crews[i]->thread, NULL, crew_main, crews[i]) == 0,
		    "pthread_create");
	}
}

static void
work(const struct plan *plan)
{
	const int threads = plan->threads;
	struct crew *crews[THREADS_MAX];
	long answers = 0, errors = 0;
	int64_t begun_ns;
	double seconds;
	int i;

	for (i = 0; i < threads; i++)
		crews[i] = hire(plan, i);
	begun_ns = clock_now_ns();
	begin(crews, threads, begun_ns + (int64_t)(plan->seconds * NS_PER_SEC));
	for (i = 0; i < threads; i++) {
		pthread_join(crews[i]->thread, NULL);
		answers += crews[i]->answers;
		errors += crews[i]->errors;
	}
	seconds = (double)(clock_now_ns() - begun_ns) / NS_PER_SEC;
	printf("{\"requests\":%ld,\"errors\":%ld,\"seconds\":%.6f,"
	       "\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
	    answers, errors, seconds,
	    percentile_ms(crews, threads, answers, 0.50),
	    percentile_ms(crews, threads, answers, 0.99));
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	struct plan plan;

	if (argc == 7)
		plan = (struct plan){.port = (unsigned)atoi(argv[1]),
		    .sha = argv[2],
		    .connections = atoi(argv[3]),
		    .seconds = atof(argv[4]),
		    .threads = atoi(argv[5]),
		    .tag = argv[6]};
	if (argc != 7 || plan.threads < 1 || plan.threads > THREADS_MAX ||
	    plan.connections < plan.threads || plan.seconds <= 0 ||
	    strlen(plan.sha) != 40 || strlen(plan.tag) > 32) {
		fputs("usage: redis_load PORT SHA CONNECTIONS SECONDS THREADS "
		      "TAG\n",
		    stderr);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	work(&plan);
	return 0;
}
