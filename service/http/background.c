/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread, one list. */
#include "service/http/background.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define ERRANDS_MAX 1024
#define TIDY_EVERY_NS (100 * NS_PER_MS)

STAILQ_HEAD(errands, errand);

struct office {
	const struct service *service;
	unsigned worker;
	void (*serve)(struct errand *errand, struct store_user *store);
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* All below under `mutex`. */
	struct errands errands;
	size_t length;
	bool closed;
};

/* The next errand; NULL: time to tidy, or (`*closed`) to end. */
static struct errand *
next_errand(struct office *office, bool *closed)
{
	const struct timespec until =
	    clock_timespec(clock_now_ns() + TIDY_EVERY_NS);
	struct errand *errand;
	int error = 0;

	pthread_mutex_lock(&office->mutex);
	while ((errand = STAILQ_FIRST(&office->errands)) == NULL &&
	       !office->closed && error == 0)
		error = pthread_cond_timedwait(
		    &office->changed, &office->mutex, &until);
	if (errand != NULL) {
		STAILQ_REMOVE_HEAD(&office->errands, link);
		office->length--;
	}
	*closed = office->closed;
	pthread_mutex_unlock(&office->mutex);
	return errand;
}

static void *
office_main(void *arg)
{
	struct office *office = arg;
	struct store_user *store;
	struct errand *errand;
	char error[256], name[16];
	int64_t tidied_ns = 0;
	bool closed = false;

	snprintf(name, sizeof(name), "office %u", office->worker + 1);
	pthread_setname_np(pthread_self(), name);
	store = store_open(office->service->store, error, sizeof(error));
	if (store == NULL) {
		LOG_EVENT(&office->service->log, "office-failed",
		    LOG_TEXT("error", error));
		_exit(1); /* the supervisor starts another worker */
	}
	while ((errand = next_errand(office, &closed)) != NULL || !closed) {
		if (errand != NULL)
			office->serve(errand, store);
		if (clock_now_ns() - tidied_ns < TIDY_EVERY_NS)
			continue;
		store_tidy(store);
		tidied_ns = clock_now_ns();
	}
	store_tidy(store);
	store_close(store);
	return NULL;
}

struct office *
office_start(const struct service *service, unsigned worker,
    void (*serve)(struct errand *errand, struct store_user *store))
{
	struct office *office;
	pthread_condattr_t attr;
	int error;

	office = calloc(1, sizeof(*office));
	if (office == NULL)
		return NULL;
	office->service = service;
	office->worker = worker;
	office->serve = serve;
	STAILQ_INIT(&office->errands);
	pthread_mutex_init(&office->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&office->changed, &attr);
	pthread_condattr_destroy(&attr);
	error = pthread_create(&office->thread, NULL, office_main, office);
	if (error != 0) {
		LOG_EVENT(&service->log, "office-failed",
		    LOG_TEXT("error", strerror(error)));
		free(office);
		return NULL;
	}
	return office;
}

bool
office_push(struct office *office, struct errand *errand)
{
	bool pushed = false;

	pthread_mutex_lock(&office->mutex);
	if (!office->closed && office->length < ERRANDS_MAX) {
		STAILQ_INSERT_TAIL(&office->errands, errand, link);
		office->length++;
		pushed = true;
		pthread_cond_signal(&office->changed);
	}
	pthread_mutex_unlock(&office->mutex);
	return pushed;
}

void
office_stop(struct office *office)
{
	pthread_mutex_lock(&office->mutex);
	office->closed = true;
	pthread_cond_signal(&office->changed);
	pthread_mutex_unlock(&office->mutex);
	pthread_join(office->thread, NULL);
	pthread_cond_destroy(&office->changed);
	pthread_mutex_destroy(&office->mutex);
	free(office);
}
