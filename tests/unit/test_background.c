/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lanes of the background: who waits for whom, and who never does.  Jobs
 * take as long as the test says.
 */
#include "service/http/background.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "tests/unit/fixture.h"

#define ALARM_S 60
#define WAITING_MAX 32 /* walks in a lane, as background.c has it */
#define SHORT_MAX 1024

/* The threads wait until they are woken, however long, and say so first. */
static _Atomic bool for_ever;
static sem_t waiting;

/* In place of libc's. */
int
pthread_cond_timedwait(
    pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	if (!atomic_load(&for_ever))
		return pthread_cond_clockwait(
		    cond, mutex, CLOCK_MONOTONIC, until);
	sem_post(&waiting);
	return pthread_cond_wait(cond, mutex);
}

struct deed {
	struct job job;
	sem_t started, may_end;
};

struct scene {
	struct fixture f;
	struct service service;
	struct background *background;
	struct deed deeds[SHORT_MAX + 2];
	size_t count;
};

static void
serve(struct job *job, struct store_user *store)
{
	struct deed *deed = job->owner;

	assert_non_null(store);
	sem_post(&deed->started);
	while (sem_wait(&deed->may_end) != 0)
		;
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	fixture_start(&s->f, "json");
	s->service.store = s->f.store;
	s->background = background_start(&s->service, 0, serve);
	assert_non_null(s->background);
	*state = s;
	return 0;
}

static void
let_end(struct deed *deed)
{
	sem_post(&deed->may_end);
}

/* What waits is served, and the threads end. */
static int
teardown(void **state)
{
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < s->count; i++)
		let_end(&s->deeds[i]);
	background_stop(s->background);
	fixture_stop(&s->f);
	free(s);
	return 0;
}

/* NULL: it was refused. */
static struct deed *
push(struct scene *s, enum lane lane)
{
	struct deed *deed = &s->deeds[s->count];

	deed->job.owner = deed;
	sem_init(&deed->started, 0, 0);
	sem_init(&deed->may_end, 0, 0);
	if (!background_push(s->background, &deed->job, lane))
		return NULL;
	s->count++;
	return deed;
}

static void
assert_starts(struct deed *deed)
{
	assert_non_null(deed);
	while (sem_wait(&deed->started) != 0) /* else the alarm */
		;
}

static bool
has_started(struct deed *deed)
{
	return sem_trywait(&deed->started) == 0;
}

/* Both walkers walk, and what is short is served. */
static void
test_short_beside_walks(void **state)
{
	struct scene *s = *state;
	struct deed *first, *second;

	assert_starts(push(s, LANE_WALK));
	assert_starts(push(s, LANE_ADMIN_WALK));
	first = push(s, LANE_SHORT);
	assert_starts(first);
	second = push(s, LANE_SHORT);
	let_end(first);
	assert_starts(second);
}

/* However many others walk or want to: an admin's walk begins. */
static void
test_admin_beside_others(void **state)
{
	struct scene *s = *state;
	struct deed *walk, *waits, *admins;

	walk = push(s, LANE_WALK);
	assert_starts(walk);
	waits = push(s, LANE_WALK);
	while (push(s, LANE_WALK) != NULL)
		;
	admins = push(s, LANE_ADMIN_WALK);
	assert_starts(admins);
	/* Others wait for each other, also when an admin's walker is free. */
	let_end(admins);
	assert_starts(push(s, LANE_ADMIN_WALK));
	assert_false(has_started(waits));
	let_end(walk);
	assert_starts(waits);
}

/* Where all are admins, there are two walkers. */
static void
test_two_admins(void **state)
{
	struct scene *s = *state;
	struct deed *waits;

	assert_starts(push(s, LANE_ADMIN_WALK));
	assert_starts(push(s, LANE_ADMIN_WALK));
	waits = push(s, LANE_ADMIN_WALK);
	assert_starts(push(s, LANE_SHORT)); /* time has passed */
	assert_false(has_started(waits));
	let_end(&s->deeds[0]);
	assert_starts(waits);
}

static size_t
fill(struct scene *s, enum lane lane)
{
	size_t n = 0;

	while (push(s, lane) != NULL)
		n++;
	return n;
}

static void
test_limits(void **state)
{
	struct scene *s = *state;

	assert_starts(push(s, LANE_WALK));
	assert_int_equal(fill(s, LANE_WALK), WAITING_MAX);
	assert_starts(push(s, LANE_ADMIN_WALK));
	assert_int_equal(fill(s, LANE_ADMIN_WALK), WAITING_MAX);
}

static void
test_short_limit(void **state)
{
	struct scene *s = *state;

	assert_starts(push(s, LANE_SHORT));
	assert_int_equal(fill(s, LANE_SHORT), SHORT_MAX);
}

/* In the order of their coming. */
static void
test_order(void **state)
{
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < 10; i++)
		assert_non_null(push(s, LANE_WALK));
	for (i = 0; i < 10; i++) {
		assert_starts(&s->deeds[i]);
		assert_true(i == 9 || !has_started(&s->deeds[i + 1]));
		let_end(&s->deeds[i]);
	}
}

static void
await_waiting(int threads)
{
	for (; threads > 0; threads--)
		while (sem_wait(&waiting) != 0) /* else the alarm */
			;
}

/*
 * All threads wait, and none of them looks by itself: whoever can do it is
 * woken, also if it was another one's turn.
 */
static void
test_all_are_woken(void **state)
{
	struct scene *s = *state;
	struct deed *deed;
	int i;

	background_wait(s->background);
	sem_init(&waiting, 0, 0);
	atomic_store(&for_ever, true);
	await_waiting(3);
	for (i = 0; i < 10; i++) {
		deed = push(s, i % 2 == 0 ? LANE_SHORT : LANE_WALK);
		assert_starts(deed);
		let_end(deed);
		await_waiting(3); /* two who found nothing, and that one */
	}
	atomic_store(&for_ever, false);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_short_beside_walks),
	    ROW(test_admin_beside_others),
	    ROW(test_two_admins),
	    ROW(test_limits),
	    ROW(test_short_limit),
	    ROW(test_order),
	    ROW(test_all_are_woken),
	};

	alarm(ALARM_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
