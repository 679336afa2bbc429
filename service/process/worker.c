/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything a worker opens is opened here, after the fork. */
#include "service/process/worker.h"

#include <sys/prctl.h>

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/http/background.h"
#include "service/http/loop.h"
#include "service/process/clerk.h"
#include "service/sale/queue.h"

#define LARGE_BYTES (1024 * 1024) /* what is given back when it is freed */

/* The supervisor alone hears signals: Ctrl-C goes to the whole group. */
static void
set_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGTERM, &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What an open shop has. */
struct shop {
	const struct service *service;
	unsigned number; /* the worker's, from 0 */
	struct store_user *store;
	struct queue *queue;
	struct background *background;
	struct clerk *clerks[LOCK_CLERKS_MAX];
	unsigned started; /* clerks */
};

static bool
start_clerk(struct shop *shop)
{
	const struct clerk_config config = {.service = shop->service,
	    .worker = shop->number,
	    .clerk = shop->started,
	    .queue = shop->queue,
	    .answer = loop_answered};
	struct clerk *clerk = clerk_start(&config);

	if (clerk != NULL)
		shop->clerks[shop->started++] = clerk;
	return clerk != NULL;
}

/*
 * --clerks are at one sale; when all of them are busy there, the buyers of
 * another sale get a clerk of their own.
 */
static void
need_clerk(void *arg)
{
	struct shop *shop = arg;

	if (shop->started < LOCK_CLERKS_MAX && !start_clerk(shop))
		LOG_EVENT(&shop->service->log, "clerk-failed",
		    LOG_TEXT("error", strerror(errno))); /* later, perhaps */
}

static bool
say_why(const struct service *service, const char *why)
{
	trouble_set(&service->board->trouble, why);
	return false;
}

/* On failure everything is left to the end of the process, and the board says
 * why. */
static bool
open_shop(struct shop *shop)
{
	const struct service *service = shop->service;
	const unsigned clerks = service->options->clerks;
	char error[TROUBLE_SIZE];
	unsigned i;

	shop->store = store_open(service->store, error, sizeof(error));
	if (shop->store == NULL)
		return say_why(service, error);
	shop->queue = queue_new(service->options->queue, clerks);
	if (shop->queue == NULL)
		return say_why(service, "no memory for the queue");
	shop->background = background_start(service, shop->number, loop_serve);
	if (shop->background == NULL)
		return say_why(service, "no background thread");
	while (shop->started < clerks)
		if (!start_clerk(shop)) {
			snprintf(error, sizeof(error),
			    "no thread for a clerk: %s", strerror(errno));
			return say_why(service, error);
		}
	background_wait(shop->background);
	for (i = 0; i < clerks; i++)
		clerk_wait(shop->clerks[i]);
	return true;
}

static void
close_shop(struct shop *shop)
{
	unsigned i;

	queue_close(shop->queue);
	for (i = 0; i < shop->started; i++)
		clerk_join(shop->clerks[i]);
	background_stop(shop->background);
	queue_free(shop->queue);
	store_close(shop->store);
}

/*
 * Say that the store may be open from here on, and look again: the recovery
 * waits for those who said so.
 */
static bool
may_open(const struct service *service, unsigned number)
{
	_Atomic bool *open = &service->board->open[number];

	atomic_store(open, true);
	if (!store_poisoned(service->store))
		return true;
	atomic_store(open, false);
	return false;
}

static int
serve(const struct service *service, unsigned number, struct loop *loop,
    int stop_fd)
{
	enum loop_end end = LOOP_OPENED;
	struct shop shop = {.service = service, .number = number};

	while (end == LOOP_OPENED && !may_open(service, number))
		end = loop_run(loop, stop_fd);
	if (end != LOOP_OPENED)
		return EXIT_SUCCESS; /* stopped before it opened */
	if (!open_shop(&shop))
		return SERVICE_CANNOT_OPEN;
	loop_open(loop, &(struct loop_shop){.store = shop.store,
			    .queue = shop.queue,
			    .background = shop.background,
			    .need_clerk = need_clerk,
			    .arg = &shop});
	atomic_store(&service->board->ready[number], true);
	atomic_store(&service->board->served, true);
	end = loop_run(loop, stop_fd);
	if (end == LOOP_GAVE_UP)
		return EXIT_FAILURE;
	close_shop(&shop);
	loop_free(loop);
	return end == LOOP_POISONED ? WORKER_POISONED : EXIT_SUCCESS;
}

int
worker_run(const struct service *service, unsigned number, int stop_fd)
{
	struct loop *loop;
	char name[16], why[64];

	snprintf(name, sizeof(name), "worker %u", number + 1);
	prctl(PR_SET_NAME, name);
	set_signals();
	/* Left alone it rises with what is freed: the lists of an audit would
	 * then be copied when they grow, and be kept when it is over. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	loop = loop_new(service, number);
	if (loop == NULL) {
		snprintf(why, sizeof(why), "no HTTP: %s", strerror(errno));
		say_why(service, why);
		return EXIT_FAILURE;
	}
	return serve(service, number, loop, stop_fd);
}
