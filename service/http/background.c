/* SPDX-License-Identifier: BSD-2-Clause */
/* A few threads, a list for each lane; who serves which is a table. */
#include "service/http/background.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "locks/clock.h"

#define TIDY_EVERY_NS (100 * NS_PER_MS)

/* How many jobs may wait in a lane. */
static const size_t most[LANES] = {
    [LANE_SHORT] = 1024, [LANE_WALK] = 32, [LANE_ADMIN_WALK] = 32};

#define SERVES(lane) (1u << (lane))

/* A thread; of the lanes it serves, the last one first. */
static const struct role {
	const char *name;
	unsigned serves;
	bool tidies;
} roles[] = {
    {"background %u", SERVES(LANE_SHORT), true},
    {"walker %u.1", SERVES(LANE_WALK) | SERVES(LANE_ADMIN_WALK), false},
    {"walker %u.2", SERVES(LANE_ADMIN_WALK), false},
};
#define THREADS (sizeof(roles) / sizeof(roles[0]))

struct thread {
	struct background *background;
	const struct role *role;
	pthread_t id;
};

struct background {
	const struct service *service;
	unsigned worker;
	void (*serve)(struct job *job, struct store_user *store);
	struct thread threads[THREADS];
	sem_t opened; /* posted by each thread that has the store */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* All below under `mutex`. */
	struct jobs jobs[LANES];
	size_t length[LANES];
	bool closed;
};

/* Under the mutex: the next job of these lanes; NULL: none. */
static struct job *
take(struct background *background, unsigned serves)
{
	struct job *job;
	int lane;

	for (lane = LANES - 1; lane >= 0; lane--) {
		job = STAILQ_FIRST(&background->jobs[lane]);
		if (job == NULL || (serves & SERVES(lane)) == 0)
			continue;
		STAILQ_REMOVE_HEAD(&background->jobs[lane], link);
		background->length[lane]--;
		return job;
	}
	return NULL;
}

/* The next job; NULL: time to tidy, or (`*closed`) to end. */
static struct job *
next_job(struct background *background, unsigned serves, bool *closed)
{
	const struct timespec until =
	    clock_timespec(clock_now_ns() + TIDY_EVERY_NS);
	struct job *job;
	int error = 0;

	pthread_mutex_lock(&background->mutex);
	while ((job = take(background, serves)) == NULL &&
	       !background->closed && error == 0)
		error = pthread_cond_timedwait(
		    &background->changed, &background->mutex, &until);
	*closed = background->closed;
	pthread_mutex_unlock(&background->mutex);
	return job;
}

/* The thread's own handles; without them it cannot go on. */
static struct store_user *
open_store(const struct background *background)
{
	const struct service *service = background->service;
	struct store_user *store;
	char error[256];

	store = store_open(service->store, error, sizeof(error));
	if (store != NULL)
		return store;
	trouble_set(&service->board->trouble, error);
	_exit(SERVICE_CANNOT_OPEN);
}

static void *
thread_main(void *arg)
{
	const struct thread *thread = arg;
	struct background *background = thread->background;
	const struct role *role = thread->role;
	struct store_user *store;
	struct job *job;
	char name[16];
	int64_t tidied_ns = 0;
	bool closed = false;

	snprintf(name, sizeof(name), role->name, background->worker + 1);
	pthread_setname_np(pthread_self(), name);
	store = open_store(background);
	sem_post(&background->opened);
	while ((job = next_job(background, role->serves, &closed)) != NULL ||
	       !closed) {
		if (job != NULL)
			background->serve(job, store);
		if (!role->tidies || clock_now_ns() - tidied_ns < TIDY_EVERY_NS)
			continue;
		store_tidy(store);
		tidied_ns = clock_now_ns();
	}
	if (role->tidies)
		store_tidy(store);
	store_close(store);
	return NULL;
}

static bool
start_threads(struct background *background)
{
	size_t i;

	for (i = 0; i < THREADS; i++) {
		struct thread *thread = &background->threads[i];

		thread->background = background;
		thread->role = &roles[i];
		if (pthread_create(&thread->id, NULL, thread_main, thread) != 0)
			return false;
	}
	return true;
}

struct background *
background_start(const struct service *service, unsigned worker,
    void (*serve)(struct job *job, struct store_user *store))
{
	struct background *background;
	pthread_condattr_t attr;
	int lane;

	background = calloc(1, sizeof(*background));
	if (background == NULL)
		return NULL;
	background->service = service;
	background->worker = worker;
	background->serve = serve;
	for (lane = 0; lane < LANES; lane++)
		STAILQ_INIT(&background->jobs[lane]);
	sem_init(&background->opened, 0, 0);
	pthread_mutex_init(&background->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&background->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Threads that did start have it: it is not freed. */
	return start_threads(background) ? background : NULL;
}

void
background_wait(struct background *background)
{
	size_t i;

	for (i = 0; i < THREADS; i++)
		while (sem_wait(&background->opened) != 0)
			;
}

bool
background_push(struct background *background, struct job *job, enum lane lane)
{
	bool pushed = false;

	pthread_mutex_lock(&background->mutex);
	if (!background->closed && background->length[lane] < most[lane]) {
		STAILQ_INSERT_TAIL(&background->jobs[lane], job, link);
		background->length[lane]++;
		pushed = true;
		/* All: one that does not serve the lane might be woken. */
		pthread_cond_broadcast(&background->changed);
	}
	pthread_mutex_unlock(&background->mutex);
	return pushed;
}

void
background_stop(struct background *background)
{
	size_t i;

	pthread_mutex_lock(&background->mutex);
	background->closed = true;
	pthread_cond_broadcast(&background->changed);
	pthread_mutex_unlock(&background->mutex);
	for (i = 0; i < THREADS; i++)
		pthread_join(background->threads[i].id, NULL);
	pthread_cond_destroy(&background->changed);
	pthread_mutex_destroy(&background->mutex);
	free(background);
}
