/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two sales: one in which most clients buy while the first client changes its
 * settings; and one that a few clients open and delete again and again.
 * When an answer to that is lost, nobody can know any more whether there is a
 * sale, so they go on with another name.
 */
#include "tests/history/client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/history/talk.h"

#define ANSWER_WITHIN_MS 8000
#define LIFE_CLIENTS 3     /* the last ones */
#define SETTLE_ATTEMPTS 50 /* of an unknown order, when the scene is over */
#define AFTERMATH 1000000  /* process numbers before and behind the clients */

/* An order as it is sent, and sent again. */
struct order {
	long quantity;
	char buyer[16], key[32]; /* key "": none */
};

struct client {
	struct scene *scene;
	unsigned number;
	int process;
	pthread_t thread;
	struct talk *talk;
	struct journal journal;
	uint64_t random;
	unsigned long orders;
	struct order order, sold; /* the last one, and one that was sold */
	bool is_unknown;          /* the last one's answer was lost */
	char sale[32];
	char tag[64]; /* of the last look at the first sale */
	char epoch[32];
	long version, capacity;
};

static unsigned
dice(struct client *c, unsigned sides)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (unsigned)(c->random >> 33) % sides;
}

/* ------------------------------------------------------------- answers -- */

static void
copy_member(json_t *to, const json_t *from, const char *name)
{
	json_t *value = json_object_get(from, name);

	/* An audit's seats are a number, and no part of a history. */
	if (value != NULL &&
	    (strcmp(name, "seats") != 0 || json_is_array(value)))
		json_object_set(to, name, value);
}

/* "/problems/sold-out" is sold-out. */
static const char *
problem_of(const json_t *body)
{
	const char *type = json_string_value(json_object_get(body, "type"));
	const char *slash = type == NULL ? NULL : strrchr(type, '/');

	return slash == NULL ? "no-problem" : slash + 1;
}

/* What a history keeps of an answer. */
static json_t *
value_of(const struct reply *reply, bool with_epoch)
{
	static const char *const names[] = {"seats", "capacity", "remaining",
	    "version", "lock", "order", "receipts", "tickets", NULL};
	json_t *value = json_object();
	int i;

	for (i = 0; names[i] != NULL; i++)
		copy_member(value, reply->body, names[i]);
	if (reply->status >= 400)
		json_object_set_new(
		    value, "refused", json_string(problem_of(reply->body)));
	if (with_epoch && reply->epoch[0] != '\0')
		json_object_set_new(value, "epoch", json_string(reply->epoch));
	return value;
}

/*
 * 503 is "certainly not"; what never left was not either.  No answer, or 500
 * and its like, is unknown; what was asked may yet happen.
 */
static const char *
type_of(const struct reply *reply)
{
	if (!reply->was_sent || reply->status == 503)
		return "fail";
	if (reply->status == 0 || reply->status >= 500)
		return "info";
	return "ok";
}

/* Nobody is there, or has no time: who asked too soon asks too often. */
static void
wait_a_moment(void)
{
	const struct timespec moment = {.tv_nsec = 3000000};

	nanosleep(&moment, NULL);
}

/* Ask, and write both down; the caller frees the reply's body. */
static struct reply
ask(struct client *c, const char *f, const struct question *question,
    const char *sale, json_t *value)
{
	const bool tells_epoch = strcmp(f, "create") != 0;
	struct reply reply;
	const char *type;

	journal_ask(&c->journal, c->process, sale, f, value);
	reply = talk_ask(c->talk, question);
	type = type_of(&reply);
	journal_told(&c->journal, c->process, type, f,
	    strcmp(type, "ok") == 0 ? value_of(&reply, tells_epoch) : NULL);
	if (strcmp(type, "info") == 0)
		c->process += (int)c->scene->clients;
	if (strcmp(type, "fail") == 0)
		wait_a_moment();
	else
		atomic_fetch_add(&c->scene->answered, 1);
	return reply;
}

/* --------------------------------------------------------------- asking -- */

static int64_t
number_of(const struct reply *reply, const char *name)
{
	return json_integer_value(json_object_get(reply->body, name));
}

static void
look(struct client *c, const char *sale)
{
	char path[96];
	const struct question q = {.method = "GET", .path = path};
	struct reply reply;

	snprintf(path, sizeof(path), "/sales/%s", sale);
	reply = ask(c, "look", &q, sale, NULL);
	if (reply.status == 200 && strcmp(sale, c->scene->sale) == 0) {
		c->capacity = (long)number_of(&reply, "capacity");
		c->version = (long)reply.version;
		memcpy(c->epoch, reply.epoch, sizeof(c->epoch));
		snprintf(
		    c->tag, sizeof(c->tag), "\"%s-%ld\"", c->epoch, c->version);
	}
	json_decref(reply.body);
}

static void
audit(struct client *c)
{
	char path[96];
	const struct question q = {.method = "GET", .path = path};

	snprintf(path, sizeof(path), "/sales/%s/audit", c->scene->sale);
	json_decref(ask(c, "audit", &q, c->scene->sale, NULL).body);
}

static void
send_order(struct client *c, const char *sale, bool if_match)
{
	const struct order *order = &c->order;
	char path[96], form[96];
	const bool has_key = order->key[0] != '\0';
	const struct question q = {.method = "POST",
	    .path = path,
	    .form = form,
	    .key = has_key ? order->key : NULL,
	    .if_match = if_match ? c->tag : NULL};
	json_t *value;
	struct reply reply;

	snprintf(path, sizeof(path), "/sales/%s/buy", sale);
	snprintf(form, sizeof(form), "buyer=%s&quantity=%ld", order->buyer,
	    order->quantity);
	value = json_pack("{s:s, s:I, s:s*}", "buyer", order->buyer, "quantity",
	    (json_int_t)order->quantity, "key", q.key);
	if (if_match)
		json_object_set_new(value, "if_match",
		    json_pack("{s:s, s:I}", "epoch", c->epoch, "version",
			(json_int_t)c->version));
	reply = ask(c, "buy", &q, sale, value);
	c->is_unknown = has_key && strcmp(type_of(&reply), "info") == 0;
	if (has_key && reply.status == 201 && strcmp(sale, c->scene->sale) == 0)
		c->sold = *order;
	json_decref(reply.body);
}

static void
new_order(struct client *c, bool with_key)
{
	struct order *order = &c->order;

	order->quantity = 1 + dice(c, 4) / 2; /* 1, 1, 2, 2 */
	snprintf(order->buyer, sizeof(order->buyer), "b%u", c->number);
	order->key[0] = '\0';
	if (with_key)
		snprintf(order->key, sizeof(order->key), "k%u-%lu", c->number,
		    ++c->orders);
}

static void
buy(struct client *c)
{
	const unsigned how = dice(c, 20);
	const bool if_match = how < 2 && c->tag[0] != '\0';

	if (c->is_unknown) {
		/* The same once more. */
	} else if (how == 2 && c->sold.key[0] != '\0') {
		c->order = c->sold;
		if (dice(c, 3) == 0)
			c->order.quantity++; /* another order by that key */
	} else {
		new_order(c, !if_match && how < 16);
	}
	send_order(c, c->scene->sale, if_match && !c->is_unknown);
}

static void
patch(struct client *c)
{
	static const char *const delays[] = {"0", "0", "1ms", "0-2ms"};
	const unsigned what = dice(c, c->scene->raises ? 4 : 2);
	const char *lock =
	    c->scene->locks[dice(c, (unsigned)c->scene->lock_count)];
	char path[96], form[96] = "";
	const struct question q = {
	    .method = "PATCH", .path = path, .form = form};
	long capacity = c->capacity + (long)dice(c, 60) - 5;
	json_t *value = json_object();

	snprintf(path, sizeof(path), "/sales/%s", c->scene->sale);
	if (capacity < 1)
		capacity = 1;
	if (what == 0) {
		snprintf(form, sizeof(form), "delay=%s", delays[dice(c, 4)]);
	} else if (what != 3) {
		snprintf(form, sizeof(form), "lock=%s", lock);
		json_object_set_new(value, "lock", json_string(lock));
	}
	if (what >= 2) {
		snprintf(form + strlen(form), sizeof(form) - strlen(form),
		    "%scapacity=%ld", form[0] == '\0' ? "" : "&", capacity);
		json_object_set_new(value, "capacity", json_integer(capacity));
	}
	json_decref(ask(c, "patch", &q, c->scene->sale, value).body);
}

/* ---------------------------------------------------- the second sale -- */

static void
open_second(struct client *c)
{
	const char *lock = c->scene->locks[0];
	char form[128];
	const struct question q = {
	    .method = "POST", .path = "/sales", .form = form};
	const long capacity = 1 + (long)dice(c, 6);
	const int process = c->process;
	json_t *value = json_pack(
	    "{s:I, s:s}", "capacity", (json_int_t)capacity, "lock", lock);

	snprintf(form, sizeof(form), "id=%s&capacity=%ld&lock=%s&delay=0",
	    c->sale, capacity, lock);
	json_decref(ask(c, "create", &q, c->sale, value).body);
	if (c->process != process)
		atomic_fetch_add(&c->scene->life, 1);
}

static void
delete_second(struct client *c)
{
	const bool force = dice(c, 2) == 0;
	const int process = c->process;
	char path[64];
	const struct question q = {.method = "DELETE", .path = path};

	snprintf(path, sizeof(path), "/sales/%s%s", c->sale,
	    force ? "?force=1" : "");
	json_decref(ask(
	    c, "delete", &q, c->sale, json_pack("{s:b}", "force", (int)force))
			.body);
	if (c->process != process)
		atomic_fetch_add(&c->scene->life, 1);
}

static void
live(struct client *c)
{
	const unsigned what = dice(c, 10);

	snprintf(
	    c->sale, sizeof(c->sale), "life-%u", atomic_load(&c->scene->life));
	if (what < 1) {
		delete_second(c);
	} else if (what < 2) {
		open_second(c);
	} else if (what < 5) {
		look(c, c->sale);
	} else {
		new_order(c, dice(c, 2) == 0);
		send_order(c, c->sale, false);
		c->is_unknown = false; /* its sale may be gone */
	}
}

/* --------------------------------------------------------------- thread -- */

static void
act(struct client *c)
{
	const unsigned what = dice(c, 100);

	if (c->is_unknown || what >= 40)
		buy(c);
	else if (what < 2)
		audit(c);
	else if (what < 12 && c->number == 0 && c->scene->switches)
		patch(c);
	else
		look(c, c->scene->sale);
}

static void *
run(void *arg)
{
	struct client *c = arg;
	struct scene *scene = c->scene;
	const bool lives = c->number + LIFE_CLIENTS >= scene->clients;
	unsigned i;

	while (!atomic_load(&scene->is_over)) {
		if (lives)
			live(c);
		else
			act(c);
	}
	for (i = 0; c->is_unknown && i < SETTLE_ATTEMPTS; i++)
		send_order(c, c->scene->sale, false);
	return NULL;
}

struct client *
client_start(struct scene *scene, unsigned number)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->scene = scene;
	c->number = number;
	c->process = (int)number;
	c->random = (scene->seed + number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	c->capacity = scene->capacity;
	c->talk = talk_new(scene->address, ANSWER_WITHIN_MS);
	if (c->talk == NULL || pthread_create(&c->thread, NULL, run, c) != 0) {
		client_free(c);
		return NULL;
	}
	return c;
}

struct journal *
client_join(struct client *c)
{
	pthread_join(c->thread, NULL);
	return &c->journal;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	talk_free(c->talk);
	free(c);
}

/* -------------------------------------------------------- before, behind -- */

bool
client_open_sale(struct scene *scene, struct journal *journal)
{
	char form[128];
	const struct question q = {
	    .method = "POST", .path = "/sales", .form = form};
	struct client c = {.scene = scene, .process = AFTERMATH};
	struct reply reply;

	c.talk = talk_new(scene->address, ANSWER_WITHIN_MS);
	if (c.talk == NULL)
		return false;
	snprintf(form, sizeof(form), "id=%s&capacity=%ld&lock=%s&delay=0",
	    scene->sale, scene->capacity, scene->locks[0]);
	reply = ask(&c, "create", &q, scene->sale,
	    json_pack("{s:I, s:s}", "capacity", (json_int_t)scene->capacity,
		"lock", scene->locks[0]));
	json_decref(reply.body);
	talk_free(c.talk);
	*journal = c.journal;
	return reply.status == 201;
}

void
client_close_sale(struct scene *scene, struct journal *journal)
{
	struct client c = {.scene = scene, .process = AFTERMATH + 1};

	c.talk = talk_new(scene->address, ANSWER_WITHIN_MS);
	if (c.talk == NULL)
		return;
	look(&c, scene->sale);
	audit(&c);
	talk_free(c.talk);
	*journal = c.journal;
}
