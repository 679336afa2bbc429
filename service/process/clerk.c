/* SPDX-License-Identifier: BSD-2-Clause */
/* The real environment of sell(): clocks, chance, a queue. */
#include "service/process/clerk.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/chance.h"
#include "service/process/jitter.h"
#include "service/sale/sell.h"

struct clerk {
	struct clerk_config config;
	pthread_t thread;
	sem_t opened;
	struct desk desk;
	struct sell_env env;
	struct jitter jitter;
	struct chance chance;
};

static int64_t
env_now_ns(void *arg)
{
	(void)arg;
	return clock_now_ns();
}

static int64_t
env_wall_ms(void *arg)
{
	(void)arg;
	return clock_read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

static void
env_pause_ns(void *arg, int64_t ns)
{
	(void)arg;
	clock_sleep_until(clock_now_ns() + ns);
}

static uint64_t
env_random(void *arg)
{
	struct clerk *clerk = arg;
	uint64_t number;

	if (!chance_draw(&clerk->chance, &number))
		abort(); /* cannot be, after boot */
	return number;
}

/* Drills only: stop here, holding what is held, if somebody asked for it. */
static void
env_step(void *arg, enum step step)
{
	struct clerk *clerk = arg;
	const struct service *service = clerk->config.service;
	char byte;

	if (service->jitter != 0)
		jitter_step(&clerk->jitter, step);
	if (service->drill_order == -1 || step != STEP_WRITE ||
	    read(service->drill_order, &byte, 1) != 1)
		return;
	dprintf(service->drill_report, "%d %u %u\n", getpid(),
	    clerk->desk.worker, clerk->desk.clerk);
	raise(SIGSTOP); /* to this thread: kill() may return before it stops */
}

static size_t
env_gather(void *arg, const struct order *lead, bool only_share,
    struct order **orders, size_t most)
{
	struct clerk *clerk = arg;

	return queue_take(clerk->config.queue, lead->sale,
	    only_share ? clerk->config.service->options->clerks : 0, orders,
	    most);
}

static void
env_claim(void *arg, bool alone)
{
	struct clerk *clerk = arg;

	queue_claim(clerk->config.queue, clerk->config.clerk, alone);
}

static void
env_give_back(void *arg, struct order **orders, size_t count)
{
	struct clerk *clerk = arg;

	queue_give_back(clerk->config.queue, orders, count);
}

static void
env_answer(void *arg, struct order *const *orders, size_t count)
{
	struct clerk *clerk = arg;

	if (clerk->config.service->jitter != 0)
		jitter_rest(&clerk->jitter);
	clerk->config.answer(orders, count);
}

/* False: the board says why. */
static bool
attach(struct clerk *clerk)
{
	const struct service *service = clerk->config.service;
	char error[TROUBLE_SIZE];

	clerk->desk.locks = locks_attach(
	    service->locks, clerk->config.worker, clerk->config.clerk);
	if (clerk->desk.locks == NULL)
		snprintf(error, sizeof(error), "locks: %s", strerror(errno));
	else
		clerk->desk.store =
		    store_open(service->store, error, sizeof(error));
	if (clerk->desk.store != NULL)
		return true;
	trouble_set(&service->board->trouble, error);
	return false;
}

/*
 * Handles are opened by the thread that uses them; a lock may even need that
 * (flock's timer is the thread's own).
 */
static void *
clerk_main(void *arg)
{
	struct clerk *clerk = arg;
	struct order *order;
	char name[16];

	snprintf(name, sizeof(name), "clerk %u.%u", clerk->config.worker + 1,
	    clerk->config.clerk + 1);
	pthread_setname_np(pthread_self(), name);
	if (!attach(clerk))
		_exit(SERVICE_CANNOT_OPEN);
	sem_post(&clerk->opened);
	jitter_begin(&clerk->jitter, clerk->config.service->jitter);
	while ((order = queue_pop(clerk->config.queue, clerk->config.clerk)) !=
	       NULL)
		sell(&clerk->desk, order);
	locks_detach(clerk->desk.locks);
	store_close(clerk->desk.store);
	return NULL;
}

struct clerk *
clerk_start(const struct clerk_config *config)
{
	struct clerk *clerk;
	int error;

	clerk = calloc(1, sizeof(*clerk));
	if (clerk == NULL)
		return NULL;
	sem_init(&clerk->opened, 0, 0);
	clerk->config = *config;
	clerk->env = (struct sell_env){.arg = clerk,
	    .now_ns = env_now_ns,
	    .wall_ms = env_wall_ms,
	    .pause_ns = env_pause_ns,
	    .random = env_random,
	    .step = env_step,
	    .gather = env_gather,
	    .claim = env_claim,
	    .give_back = env_give_back,
	    .answer = env_answer};
	clerk->desk.env = &clerk->env;
	clerk->desk.worker = config->worker + 1;
	clerk->desk.clerk = config->clerk + 1;
	clerk->jitter = (struct jitter){.worker = config->worker + 1,
	    .clerk = config->clerk + 1,
	    .deep = config->service->jitter_deep};
	clerk->desk.counting =
	    &config->service->board->tally[config->worker].sale;
	clerk->desk.inside = &config->service->board->inside;
	clerk->desk.batch_most = config->service->options->batch;
	error = pthread_create(&clerk->thread, NULL, clerk_main, clerk);
	if (error != 0) {
		free(clerk);
		errno = error;
		return NULL;
	}
	return clerk;
}

void
clerk_wait(struct clerk *clerk)
{
	while (sem_wait(&clerk->opened) != 0)
		;
}

void
clerk_join(struct clerk *clerk)
{
	pthread_join(clerk->thread, NULL);
	free(clerk);
}
