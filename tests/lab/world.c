/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that take turns by semaphores in the memory that they share. */
#include "tests/lab/world.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/shared.h"
#include "service/audit/audit.h"
#include "service/sale/sell.h"
#include "service/splitmix.h"
#include "tests/lab/museum/museum.h"
#include "tests/tree.h"

#define KEPT_MAX 64 /* sales, with the slots of the dead */
#define BEFORE_TIME (-INT64_C(1000000) * NS_PER_SEC) /* when a world begins */
#define ORDERS_TIME (INT64_C(1000) * NS_PER_SEC)     /* until a deadline */
#define TICK_NS NS_PER_MS /* what a look at the clock takes */
#define LEASE_TIME (10 * NS_PER_SEC)
#define WALL_MS INT64_C(1795237200000)
#define HUNG_S 10 /* a letter takes microseconds */

/* One process that is told to go, and says when it has. */
struct hand {
	sem_t go, back;
	pid_t pid;
};

struct buyer {
	struct hand hand;
	struct order order;
	enum step last; /* it did, or is doing */
	enum step next; /* where it stands */
	bool holds;
	bool blocked; /* its last letter was none */
	bool die;     /* in this letter */
	bool done, dead;
	const char *did, *thing; /* as in struct standing; literals */
	unsigned whom;
	uint64_t chance;
};

enum task { TASK_OPEN, TASK_PATCH, TASK_JUDGE, TASK_CLOSE, TASK_CLEAR };

/* Who opens sales and judges them, and says what it found. */
struct judge {
	struct hand hand;
	enum task task;
	struct store_state state; /* of the sale */
	struct store_state kept[KEPT_MAX];
	unsigned kept_count;
	struct end end;
	char error[256]; /* "": it could */
};

/* Seen by all processes. */
struct scene {
	_Atomic int64_t now_ns;
	struct setting setting;
	struct lock_strategy strategy;
	struct counting counting;
	struct inside inside;
	struct buyer buyers[LAB_BUYERS_MAX];
	struct judge judge;
};

struct world {
	char dir[64];
	struct store *store;
	struct locks *locks;
	struct scene *scene;
};

/* --------------------------------------------------------------- turns -- */

static void
hand_init(struct hand *hand)
{
	sem_init(&hand->go, 1, 0);
	sem_init(&hand->back, 1, 0);
}

static void
wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

/* By the process itself: give the turn back, and wait for the next. */
static void
yield_turn(struct hand *hand)
{
	sem_post(&hand->back);
	wait_for(&hand->go);
}

/* By the controller: give it the turn, until it comes back. */
static void
give_turn(struct hand *hand)
{
	const int64_t until_ns = clock_now_ns() + HUNG_S * NS_PER_SEC;
	const struct timespec until = clock_timespec(until_ns);

	sem_post(&hand->go);
	while (sem_clockwait(&hand->back, CLOCK_MONOTONIC, &until) != 0) {
		if (errno == EINTR)
			continue;
		fprintf(stderr, "lab: a process hangs, or has died\n");
		abort();
	}
}

/* One processor for all: who wakes another one sleeps next anyway. */
static void
pin(void)
{
	const int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)(cpu < 0 ? 0 : cpu), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* ------------------------------------------------------- a buyer's process */

/* What sell() sees. */
struct self {
	struct scene *scene;
	struct buyer *buyer;
	struct sell_env env;
	struct desk desk;
};

static int64_t
env_now_ns(void *arg)
{
	struct self *self = arg;

	return atomic_fetch_add(&self->scene->now_ns, TICK_NS);
}

static int64_t
env_wall_ms(void *arg)
{
	struct self *self = arg;

	return WALL_MS +
	       (atomic_load(&self->scene->now_ns) - BEFORE_TIME) / NS_PER_MS;
}

static void
env_pause_ns(void *arg, int64_t ns)
{
	struct self *self = arg;

	atomic_fetch_add(&self->scene->now_ns, ns);
}

/* Numbers without a pattern, other ones for each buyer. */
static uint64_t
env_random(void *arg)
{
	struct self *self = arg;

	return splitmix_next(&self->buyer->chance);
}

static size_t
env_gather(void *arg, const struct order *lead, bool only_share,
    struct order **orders, size_t most)
{
	(void)arg;
	(void)lead;
	(void)only_share;
	(void)orders;
	(void)most;
	return 0; /* a batch is one order */
}

static void
env_claim(void *arg, bool alone)
{
	(void)arg;
	(void)alone;
}

static void
env_give_back(void *arg, struct order **orders, size_t count)
{
	(void)arg;
	(void)orders;
	(void)count;
}

/* The read rides with the lock, and all that follows a write with it. */
static bool
begins_letter(const struct self *self, enum step step)
{
	const enum step last = self->buyer->last;

	if (self->scene->setting.every_step || step == STEP_WAIT ||
	    step == STEP_WRITE)
		return true;
	return step == STEP_READ && last != STEP_LOCK && last != STEP_RECOVER;
}

/* It dies where its letter would end, or its write is done. */
static void
die_if_told(struct buyer *buyer)
{
	if (!buyer->die || buyer->blocked)
		return;
	sem_post(&buyer->hand.back);
	raise(SIGKILL);
}

/* Before each step: what the one before it was is known now. */
static void
env_step(void *arg, enum step step)
{
	struct self *self = arg;
	struct buyer *buyer = self->buyer;

	buyer->blocked = step == STEP_WAIT && buyer->last == STEP_WAIT;
	if (step == STEP_LOCK || step == STEP_RECOVER)
		buyer->holds = true;
	if (begins_letter(self, step) || step == STEP_COMMIT ||
	    step == STEP_CONFLICT || step == STEP_SWITCH || step == STEP_UNLOCK)
		die_if_told(buyer);
	if (buyer->blocked)
		buyer->order.trail.count--; /* that wait stands there already */
	if (begins_letter(self, step)) {
		buyer->next = step;
		yield_turn(&buyer->hand);
	}
	museum_before(
	    self->scene->strategy, self->scene->judge.state.slot, step);
	buyer->last = step;
	if (step == STEP_UNLOCK)
		buyer->holds = false;
}

/* The exhibits' words go to whose process this is. */
static struct self *me;

static void
letter_ends(const char *did)
{
	me->buyer->blocked = false;
	me->buyer->did = did;
	die_if_told(me->buyer);
	me->buyer->next = STEP_LOCK;
	yield_turn(&me->buyer->hand);
}

static void
is_blocked(const char *thing, uint32_t whom)
{
	me->buyer->blocked = true;
	me->buyer->thing = thing;
	me->buyer->whom = whom - 1;
	yield_turn(&me->buyer->hand);
}

static int64_t
now_ns(void)
{
	return atomic_load(&me->scene->now_ns);
}

static void
env_answer(void *arg, struct order *const *orders, size_t count)
{
	struct self *self = arg;

	(void)orders;
	(void)count;
	die_if_told(self->buyer);
	self->buyer->done = true;
}

__attribute__((noreturn)) static void
buyer_main(struct world *world, unsigned number)
{
	struct scene *scene = world->scene;
	struct buyer *buyer = &scene->buyers[number];
	struct self *self = calloc(1, sizeof(*self));
	char error[256];

	if (self == NULL)
		abort();
	self->scene = scene;
	self->buyer = buyer;
	self->env = (struct sell_env){.arg = self,
	    .now_ns = env_now_ns,
	    .wall_ms = env_wall_ms,
	    .pause_ns = env_pause_ns,
	    .random = env_random,
	    .step = env_step,
	    .gather = env_gather,
	    .claim = env_claim,
	    .give_back = env_give_back,
	    .answer = env_answer};
	self->desk.env = &self->env;
	self->desk.worker = number + 1;
	self->desk.clerk = 1;
	self->desk.batch_most = 1;
	self->desk.counting = &scene->counting;
	self->desk.inside = &scene->inside;
	self->desk.locks = locks_attach(world->locks, number, 0);
	self->desk.store = store_open(world->store, error, sizeof(error));
	if (self->desk.locks == NULL || self->desk.store == NULL)
		abort();
	me = self;
	museum_letter = letter_ends;
	museum_blocked = is_blocked;
	museum_now_ns = now_ns;
	for (;;) {
		yield_turn(&buyer->hand);
		sell(&self->desk, &buyer->order);
	}
}

/* ------------------------------------------------------ the judge's process */

static int64_t
soon_ns(void)
{
	return clock_now_ns() + HUNG_S * NS_PER_SEC;
}

static bool
find_lines(const struct store_line *line, void *arg)
{
	struct end *end = arg;
	struct bought *bought;

	if (line->kind != STORE_SOLD)
		return true;
	bought = &end->bought[line->worker - 1];
	bought->sold = true;
	bought->version = line->version;
	bought->base = line->base;
	bought->seat = line->seat;
	end->tickets += line->quantity;
	return true;
}

static enum store_result
judge(struct scene *scene, struct store_user *user)
{
	struct store_state *state = &scene->judge.state;
	struct end *end = &scene->judge.end;
	struct audit *audit = audit_new(0);
	struct audit_report report;
	enum store_result result;

	result = store_read(user, state->settings.id, state);
	if (result == STORE_OK)
		result = store_each(user, state, 0, find_lines, end);
	if (result == STORE_OK)
		result = store_each(user, state, 0, audit_add, audit);
	if (audit_finish(audit, state->settings.capacity, state->remaining,
		&report) != AUDIT_OK)
		return STORE_FAILED;
	end->remaining = state->remaining;
	end->oversold = report.oversold > 0;
	end->double_booked = report.seats_twice > 0;
	end->stranded = report.stranded > 0;
	return result;
}

static enum store_result
close_sale(struct scene *scene, struct store_user *user)
{
	return store_remove(user, &scene->judge.state, soon_ns());
}

static enum store_result
clear_kept(struct scene *scene, struct store_user *user)
{
	struct judge *self = &scene->judge;
	enum store_result result = STORE_OK;

	while (result == STORE_OK && self->kept_count > 0)
		result = store_remove(
		    user, &self->kept[--self->kept_count], soon_ns());
	return result;
}

static enum store_result
open_sale(struct scene *scene, struct store_user *user)
{
	struct store_settings settings = {.capacity = scene->setting.tickets};

	snprintf(
	    settings.id, STORE_ID_SIZE, "sale-%u", scene->judge.kept_count);
	memcpy(settings.lock, scene->setting.lock, STORE_LOCK_SIZE);
	return store_create(user, &settings, soon_ns(), &scene->judge.state);
}

static enum store_result
patch_sale(struct scene *scene, struct store_user *user)
{
	struct store_state *state = &scene->judge.state;
	struct store_change change = {.trail = "[]"};
	enum store_result result = store_read(user, state->settings.id, state);

	if (result != STORE_OK)
		return result;
	change.settings = state->settings;
	memcpy(change.settings.lock, scene->setting.lock, STORE_LOCK_SIZE);
	return store_configure(user, state, &change, soon_ns());
}

__attribute__((noreturn)) static void
judge_main(struct world *world)
{
	static enum store_result (*const tasks[])(struct scene * scene,
	    struct store_user * user) = {[TASK_OPEN] = open_sale,
	    [TASK_PATCH] = patch_sale,
	    [TASK_JUDGE] = judge,
	    [TASK_CLOSE] = close_sale,
	    [TASK_CLEAR] = clear_kept};
	struct scene *scene = world->scene;
	struct judge *self = &scene->judge;
	struct store_user *user;

	user = store_open(world->store, self->error, sizeof(self->error));
	if (user == NULL)
		abort();
	for (;;) {
		yield_turn(&self->hand);
		self->error[0] = '\0';
		if (tasks[self->task](scene, user) != STORE_OK)
			snprintf(self->error, sizeof(self->error), "%s",
			    store_error(user));
	}
}

/* ------------------------------------------------------- the controller -- */

static void
ask_judge(struct world *world, enum task task)
{
	struct judge *judge = &world->scene->judge;

	judge->task = task;
	give_turn(&judge->hand);
	if (judge->error[0] == '\0')
		return;
	fprintf(stderr, "lab: the store: %s\n", judge->error);
	abort();
}

/* Fork one; it is ready when it has given its turn back. */
static void
start(struct world *world, struct hand *hand, unsigned number, bool is_judge)
{
	const pid_t parent = getpid();
	pid_t pid;

	hand_init(hand);
	fflush(NULL);
	pid = fork(); /* not hand->pid: that is the child's, too */
	if (pid == -1) {
		perror("lab: fork");
		abort();
	}
	if (pid == 0) {
		signal(SIGINT, SIG_IGN);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
		    getppid() != parent)
			_exit(EXIT_FAILURE);
		if (is_judge)
			judge_main(world);
		buyer_main(world, number);
	}
	hand->pid = pid;
	wait_for(&hand->back);
}

static void
end_process(struct hand *hand)
{
	if (hand->pid <= 0)
		return;
	kill(hand->pid, SIGKILL);
	waitpid(hand->pid, NULL, 0);
	hand->pid = 0;
}

/* In a child: nobody else may have it open. */
static bool
prepare_store(struct world *world, char *error, size_t error_size)
{
	char *shared = shared_new(error_size);
	int status = -1;
	pid_t pid;

	if (shared == NULL)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(store_prepare(world->store, shared, error_size) == 0
			  ? EXIT_SUCCESS
			  : EXIT_FAILURE);
	if (pid != -1)
		waitpid(pid, &status, 0);
	memcpy(error, shared, error_size);
	shared_free(shared, error_size);
	return pid != -1 && status == 0;
}

/* In memory, where there is such a place: nothing here has to last. */
static bool
make_dir(char dir[64])
{
	static const char *const places[] = {"/dev/shm", "/tmp", "."};
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(dir, 64, "%s/turnstile-lab-%ld-XXXXXX", places[i],
		    (long)getpid());
		if (mkdtemp(dir) != NULL)
			return true;
	}
	dir[0] = '\0';
	return false;
}

/* Those who are forked behind it have them. */
static bool
make_locks(struct world *world)
{
	const struct lock_config config = {
	    .dir = world->dir, .workers = LAB_BUYERS_MAX, .clerks = 1};

	world->locks = locks_prepare(&config);
	return world->locks != NULL;
}

static bool
set_up(struct world *world, const char *kind, char *error, size_t error_size)
{
	unsigned i;

	world->scene = shared_new(sizeof(*world->scene));
	if (world->scene == NULL || !make_dir(world->dir))
		return false;
	world->store = store_new(kind, world->dir);
	if (world->store == NULL || !prepare_store(world, error, error_size))
		return false;
	if (!make_locks(world))
		return false;
	start(world, &world->scene->judge.hand, 0, true);
	for (i = 0; i < LAB_BUYERS_MAX; i++)
		start(world, &world->scene->buyers[i].hand, i, false);
	return true;
}

struct world *
world_new(const char *kind, char *error, size_t error_size)
{
	struct world *world = calloc(1, sizeof(*world));

	error[0] = '\0';
	pin();
	if (world != NULL && set_up(world, kind, error, error_size))
		return world;
	if (error[0] == '\0')
		snprintf(error, error_size, "%s", strerror(errno));
	world_free(world);
	return NULL;
}

void
world_free(struct world *world)
{
	unsigned i;

	if (world == NULL)
		return;
	for (i = 0; world->scene != NULL && i < LAB_BUYERS_MAX; i++)
		end_process(&world->scene->buyers[i].hand);
	if (world->scene != NULL)
		end_process(&world->scene->judge.hand);
	locks_free(world->locks);
	store_free(world->store);
	if (world->dir[0] != '\0')
		tree_remove(world->dir);
	shared_free(world->scene, sizeof(*world->scene));
	free(world);
}

/* ---------------------------------------------------------- a schedule -- */

static void
give_order(struct scene *scene, unsigned number)
{
	struct buyer *buyer = &scene->buyers[number];
	struct order *order = &buyer->order;

	*order = (struct order){.quantity = scene->setting.quantities[number],
	    .deadline_ns = BEFORE_TIME + ORDERS_TIME};
	memcpy(order->sale, scene->judge.state.settings.id, STORE_ID_SIZE);
	order->buyer[0] = (char)('A' + number);
	trail_add(&order->trail, STEP_QUEUED, BEFORE_TIME);
	buyer->last = buyer->next = STEP_QUEUED;
	buyer->holds = buyer->blocked = buyer->die = false;
	buyer->done = buyer->dead = false;
	buyer->did = buyer->thing = NULL;
	buyer->chance = (uint64_t)(number + 1) << 32;
}

void
world_begin(struct world *world, const struct setting *setting)
{
	struct scene *scene = world->scene;
	unsigned i;

	scene->setting = *setting;
	atomic_store(&scene->now_ns, BEFORE_TIME);
	if (!lock_parse(setting->lock, &scene->strategy))
		abort();
	ask_judge(world, TASK_OPEN);
	for (i = 0; i < setting->buyers; i++) {
		if (scene->buyers[i].hand.pid == 0)
			start(world, &scene->buyers[i].hand, i, false);
		give_order(scene, i);
		give_turn(&scene->buyers[i].hand); /* to its first letter */
	}
}

bool
world_go(struct world *world, unsigned number)
{
	struct buyer *buyer = &world->scene->buyers[number];

	buyer->did = buyer->thing = NULL;
	give_turn(&buyer->hand);
	return !buyer->blocked;
}

/* Reaped at once; what it held is another's turn. */
static void
bury(struct buyer *buyer)
{
	waitpid(buyer->hand.pid, NULL, 0);
	buyer->hand.pid = 0;
	buyer->dead = true;
}

bool
world_kill(struct world *world, unsigned number)
{
	struct buyer *buyer = &world->scene->buyers[number];

	buyer->die = true;
	give_turn(&buyer->hand);
	buyer->die = false;
	if (!buyer->blocked)
		bury(buyer);
	return !buyer->blocked;
}

bool
world_supervise(struct world *world)
{
	bool held = false;
	unsigned i;

	for (i = 0; i < world->scene->setting.buyers; i++) {
		struct buyer *buyer = &world->scene->buyers[i];

		if (!buyer->dead)
			continue;
		held |= buyer->holds;
		buyer->holds = false;
		locks_force_release(world->locks, i);
	}
	return held;
}

void
world_patch(struct world *world, const char *lock)
{
	snprintf(world->scene->setting.lock, STORE_LOCK_SIZE, "%s", lock);
	ask_judge(world, TASK_PATCH);
}

void
world_pass_time(struct world *world)
{
	atomic_fetch_add(&world->scene->now_ns, LEASE_TIME);
}

struct standing
world_standing(const struct world *world, unsigned number)
{
	const struct buyer *buyer = &world->scene->buyers[number];

	return (struct standing){.done = buyer->done,
	    .dead = buyer->dead,
	    .holds = buyer->holds,
	    .next = buyer->next,
	    .did = buyer->did,
	    .thing = buyer->thing,
	    .whom = buyer->whom};
}

bool
world_is_over(const struct world *world, unsigned number)
{
	const struct buyer *buyer = &world->scene->buyers[number];

	return buyer->done || buyer->dead;
}

bool
world_all_over(const struct world *world)
{
	unsigned i;

	for (i = 0; i < world->scene->setting.buyers; i++)
		if (!world_is_over(world, i))
			return false;
	return true;
}

enum stop
world_stop(const struct world *world)
{
	unsigned i, living = 0;

	if (world_all_over(world))
		return STOP_DONE;
	for (i = 0; i < world->scene->setting.buyers; i++) {
		const struct buyer *buyer = &world->scene->buyers[i];

		living += !world_is_over(world, i);
		if (buyer->dead && buyer->holds)
			return STOP_STUCK;
	}
	return living == 1 ? STOP_STUCK : STOP_DEADLOCK;
}

const struct order *
world_order(const struct world *world, unsigned number)
{
	return &world->scene->buyers[number].order;
}

/* What it was told, if it was. */
static void
fill_told(const struct buyer *buyer, struct bought *bought, struct end *end)
{
	const struct order *order = &buyer->order;

	if (!buyer->done) {
		end->untold |= bought->sold;
		return;
	}
	bought->outcome = order->outcome;
	if (!bought->sold) {
		bought->version = order->state.version;
		bought->base = order->state.version;
	}
}

/* All locks are new, and so are the processes that have them. */
static void
renew(struct world *world)
{
	unsigned i;

	for (i = 0; i < LAB_BUYERS_MAX; i++)
		end_process(&world->scene->buyers[i].hand);
	locks_free(world->locks);
	if (make_locks(world))
		return;
	perror("lab: locks");
	abort();
}

/*
 * What the dead hold, of whichever lock, is no business of the next schedule:
 * the sale keeps its slot, and the next one has another, until there are many.
 */
static void
keep_slot(struct world *world)
{
	struct judge *judge = &world->scene->judge;
	unsigned i;

	for (i = 0; i < world->scene->setting.buyers; i++)
		locks_force_release(world->locks, i);
	judge->kept[judge->kept_count++] = judge->state;
	if (judge->kept_count < KEPT_MAX)
		return;
	ask_judge(world, TASK_CLEAR);
	renew(world);
}

void
world_end(struct world *world, struct end *end)
{
	struct scene *scene = world->scene;
	bool all_done = true;
	unsigned i;

	scene->judge.end = (struct end){.remaining = 0};
	for (i = 0; i < scene->setting.buyers; i++) {
		struct buyer *buyer = &scene->buyers[i];

		all_done &= buyer->done;
		if (!buyer->done)
			end_process(&buyer->hand);
	}
	ask_judge(world, TASK_JUDGE);
	*end = scene->judge.end;
	for (i = 0; i < scene->setting.buyers; i++)
		fill_told(&scene->buyers[i], &end->bought[i], end);
	if (all_done)
		ask_judge(world, TASK_CLOSE);
	else
		keep_slot(world);
}
