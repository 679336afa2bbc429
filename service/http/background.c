/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread, one list. */
#include "service/http/background.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define JOBS_MAX 1024
#define TIDY_EVERY_NS (100 * NS_PER_MS)

struct background {
	const struct service *service;
	unsigned worker;
	void (*serve)(struct job *job, struct store_user *store);
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* All below under `mutex`. */
	struct jobs jobs;
	size_t length;
	bool closed;
};

/* The next job; NULL: time to tidy, or (`*closed`) to end. */
static struct job *
next_job(struct background *background, bool *closed)
{
	const struct timespec until =
	    clock_timespec(clock_now_ns() + TIDY_EVERY_NS);
	struct job *job;
	int error = 0;

	pthread_mutex_lock(&background->mutex);
	while ((job = STAILQ_FIRST(&background->jobs)) == NULL &&
	       !background->closed && error == 0)
		error = pthread_cond_timedwait(
		    &background->changed, &background->mutex, &until);
	if (job != NULL) {
		STAILQ_REMOVE_HEAD(&background->jobs, link);
		background->length--;
	}
	*closed = background->closed;
	pthread_mutex_unlock(&background->mutex);
	return job;
}

static void *
background_main(void *arg)
{
	struct background *background = arg;
	struct store_user *store;
	struct job *job;
	char error[256], name[16];
	int64_t tidied_ns = 0;
	bool closed = false;

	snprintf(name, sizeof(name), "background %u", background->worker + 1);
	pthread_setname_np(pthread_self(), name);
	store = store_open(background->service->store, error, sizeof(error));
	if (store == NULL) {
		LOG_EVENT(&background->service->log, "background-failed",
		    LOG_TEXT("error", error));
		_exit(1); /* the supervisor starts another worker */
	}
	while ((job = next_job(background, &closed)) != NULL || !closed) {
		if (job != NULL)
			background->serve(job, store);
		if (clock_now_ns() - tidied_ns < TIDY_EVERY_NS)
			continue;
		store_tidy(store);
		tidied_ns = clock_now_ns();
	}
	store_tidy(store);
	store_close(store);
	return NULL;
}

struct background *
background_start(const struct service *service, unsigned worker,
    void (*serve)(struct job *job, struct store_user *store))
{
	struct background *background;
	pthread_condattr_t attr;
	int error;

	background = calloc(1, sizeof(*background));
	if (background == NULL)
		return NULL;
	background->service = service;
	background->worker = worker;
	background->serve = serve;
	STAILQ_INIT(&background->jobs);
	pthread_mutex_init(&background->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&background->changed, &attr);
	pthread_condattr_destroy(&attr);
	error = pthread_create(
	    &background->thread, NULL, background_main, background);
	if (error != 0) {
		LOG_EVENT(&service->log, "background-failed",
		    LOG_TEXT("error", strerror(error)));
		free(background);
		return NULL;
	}
	return background;
}

bool
background_push(struct background *background, struct job *job)
{
	bool pushed = false;

	pthread_mutex_lock(&background->mutex);
	if (!background->closed && background->length < JOBS_MAX) {
		STAILQ_INSERT_TAIL(&background->jobs, job, link);
		background->length++;
		pushed = true;
		pthread_cond_signal(&background->changed);
	}
	pthread_mutex_unlock(&background->mutex);
	return pushed;
}

void
background_stop(struct background *background)
{
	pthread_mutex_lock(&background->mutex);
	background->closed = true;
	pthread_cond_signal(&background->changed);
	pthread_mutex_unlock(&background->mutex);
	pthread_join(background->thread, NULL);
	pthread_cond_destroy(&background->changed);
	pthread_mutex_destroy(&background->mutex);
	free(background);
}
