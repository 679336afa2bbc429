/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search against itself: thousands of small histories by chance, from a
 * service played here, some of them with a fault.  With the optimisations and
 * without them the verdict must be the same, and a history without a fault
 * must be linearizable.  The player knows nothing of sale.c.
 */
#include "tests/history/made.h"

#define CLIENTS_MOST 64
#define KEYS_SHARED 3 /* by all, in small histories */
#define KEYS_MOST 16000

enum fault {
	FAULT_NONE,
	FAULT_STALE,   /* decided on what was there when it was asked */
	FAULT_GONE,    /* acknowledged, and not kept */
	FAULT_NO_KEY,  /* a key is forgotten */
	FAULT_REFUSED, /* sold out, without reason */
	FAULT_NUMBER,  /* a number of the answer is another one */
	FAULT_EPOCH,   /* a change that keeps the epoch */
	FAULTS,
};

struct receipt {
	int buyer, quantity, seat, remaining, version, order;
};

struct shop {
	bool exists;
	int capacity, remaining, version, lock, epoch, receipts;
};

enum stage { IDLE, ASKED, DECIDED };

struct client {
	enum stage stage;
	int process;
	const char *f;
	int quantity, key, buyer, capacity, lock;
	int match_epoch, match_version; /* 0: none */
	bool force;
	struct shop asked_at;
	bool again; /* its order was lost, and it knows the key */
	char answer[256];
};

struct play {
	struct made *made;
	uint64_t random;
	struct shop shop;
	struct client clients[CLIENTS_MOST];
	int client_count, next_process, next_epoch, next_order;
	int asked, ask_most;
	bool lives; /* it may be deleted and opened again … */
	bool large; /* as in earnest: its own key for each order, and more */
	int next_key;
	struct receipt keys[KEYS_MOST];
	enum fault fault;
	int fault_in; /* decisions */
};

static unsigned
dice(struct play *play, unsigned sides)
{
	play->random ^= play->random << 13;
	play->random ^= play->random >> 7;
	play->random ^= play->random << 17;
	return (unsigned)(play->random >> 33) % sides;
}

/* ------------------------------------------------------------- the shop -- */

__attribute__((format(printf, 2, 3))) static void
say(struct client *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->answer, sizeof(c->answer), format, args);
	va_end(args);
}

static void
say_receipt(struct client *c, const struct receipt *r)
{
	char seats[128] = "";
	int i;

	for (i = 0; i < r->quantity; i++)
		snprintf(seats + strlen(seats), sizeof(seats) - strlen(seats),
		    "%s%d", i == 0 ? "" : ",", r->seat + i);
	say(c, "'seats':[%s],'remaining':%d,'version':%d,'order':'o%d'", seats,
	    r->remaining, r->version, r->order);
}

static void
serve_buy(struct play *play, struct shop *s, struct client *c)
{
	struct receipt *known = &play->keys[c->key];
	struct receipt r;

	if (!s->exists) {
		say(c, "'refused':'no-sale'");
	} else if (c->key != 0 && known->quantity != 0) {
		if (known->buyer == c->buyer && known->quantity == c->quantity)
			say_receipt(c, known);
		else
			say(c, "'refused':'key-reused'");
	} else if (c->match_epoch != 0 && (c->match_epoch != s->epoch ||
					      c->match_version != s->version)) {
		say(c,
		    "'refused':'changed','remaining':%d,'version':%d,"
		    "'epoch':'e%d'",
		    s->remaining, s->version, s->epoch);
	} else if (s->remaining < c->quantity) {
		say(c, "'refused':'%s','remaining':%d,'version':%d",
		    s->remaining == 0 ? "sold-out" : "not-enough", s->remaining,
		    s->version);
	} else {
		r = (struct receipt){.buyer = c->buyer,
		    .quantity = c->quantity,
		    .seat = s->capacity - s->remaining + 1,
		    .remaining = s->remaining - c->quantity,
		    .version = s->version + 1,
		    .order = ++play->next_order};
		s->remaining = r.remaining;
		s->version = r.version;
		s->receipts++;
		if (c->key != 0)
			*known = r;
		say_receipt(c, &r);
	}
}

static void
serve_patch(struct play *play, struct shop *s, struct client *c)
{
	const int raise = c->capacity == 0 ? 0 : c->capacity - s->capacity;
	const bool changes = raise > 0 || (c->lock != 0 && c->lock != s->lock);

	if (!s->exists) {
		say(c, "'refused':'no-sale'");
	} else if (raise < 0) {
		say(c, "'refused':'bad-value'");
	} else {
		s->capacity += raise;
		s->remaining += raise;
		s->version += raise > 0;
		if (c->lock != 0)
			s->lock = c->lock;
		/* The delay is another one, or the same; nobody tells. */
		if (changes ? play->fault != FAULT_EPOCH : play->asked % 2 == 0)
			s->epoch = ++play->next_epoch;
		say(c,
		    "'capacity':%d,'remaining':%d,'version':%d,'lock':'l%d',"
		    "'epoch':'e%d'",
		    s->capacity, s->remaining, s->version, s->lock, s->epoch);
	}
}

static void
open_shop(struct play *play, struct shop *s, int capacity, int lock)
{
	memset(play->keys, 0, sizeof(play->keys));
	*s = (struct shop){.exists = true,
	    .capacity = capacity,
	    .remaining = capacity,
	    .lock = lock,
	    .epoch = ++play->next_epoch};
}

static void
serve_life(struct play *play, struct shop *s, struct client *c)
{
	if (strcmp(c->f, "create") == 0) {
		if (s->exists) {
			say(c, "'refused':'sale-exists'");
		} else {
			open_shop(play, s, c->capacity, c->lock);
			say(c, "%s", "");
		}
	} else if (!s->exists) {
		say(c, "'refused':'no-sale'");
	} else if (s->remaining < s->capacity && !c->force) {
		say(c, "'refused':'has-receipts','remaining':%d", s->remaining);
	} else {
		s->exists = false;
		say(c, "%s", "");
	}
}

static void
serve_look(const struct shop *s, struct client *c)
{
	if (!s->exists)
		say(c, "'refused':'no-sale'");
	else if (strcmp(c->f, "audit") == 0)
		say(c,
		    "'capacity':%d,'remaining':%d,'version':%d,'receipts':%d,"
		    "'tickets':%d",
		    s->capacity, s->remaining, s->version, s->receipts,
		    s->capacity - s->remaining);
	else
		say(c,
		    "'capacity':%d,'remaining':%d,'version':%d,'lock':'l%d',"
		    "'epoch':'e%d'",
		    s->capacity, s->remaining, s->version, s->lock, s->epoch);
}

static void
serve(struct play *play, struct shop *s, struct client *c)
{
	if (strcmp(c->f, "buy") == 0)
		serve_buy(play, s, c);
	else if (strcmp(c->f, "patch") == 0)
		serve_patch(play, s, c);
	else if (strcmp(c->f, "create") == 0 || strcmp(c->f, "delete") == 0)
		serve_life(play, s, c);
	else
		serve_look(s, c);
}

/* ------------------------------------------------------------- the fault -- */

/* Another digit somewhere in a number. */
static void
change_a_number(struct play *play, struct client *c)
{
	char *digits[64], *at;
	unsigned n = 0;

	for (at = c->answer; *at != '\0'; at++)
		if (*at >= '0' && *at <= '9' && n < 64)
			digits[n++] = at;
	if (n > 0) {
		at = digits[dice(play, n)];
		*at = *at == '0' ? '1' : (char)(*at - 1);
	}
}

static void
serve_wrongly(struct play *play, struct client *c)
{
	struct shop other = play->shop;

	switch (play->fault) {
	case FAULT_STALE:
		other = c->asked_at;
		serve(play, &other, c);
		play->shop = other;
		break;
	case FAULT_GONE:
		serve(play, &other, c);
		if (c->key != 0 || strstr(c->answer, "seats") == NULL)
			play->fault_in = 0; /* the next one, then */
		break;
	case FAULT_NO_KEY:
		memset(&play->keys[c->key], 0, sizeof(struct receipt));
		serve(play, &play->shop, c);
		break;
	case FAULT_REFUSED:
		if (strcmp(c->f, "buy") == 0)
			say(c, "'refused':'sold-out','remaining':0");
		else
			serve(play, &play->shop, c);
		break;
	case FAULT_NUMBER:
		serve(play, &play->shop, c);
		change_a_number(play, c);
		break;
	case FAULT_NONE:
	case FAULT_EPOCH:
	case FAULTS:
		serve(play, &play->shop, c);
		break;
	}
}

/* ----------------------------------------------------------- the clients -- */

static void
choose_buy(struct play *play, struct client *c)
{
	char more[160] = "";

	c->f = "buy";
	if (!c->again) {
		c->quantity = 1 + (int)(dice(play, 3) == 0);
		c->buyer = 1 + (int)(dice(play, 6) == 0);
		c->key = 0;
		if (dice(play, 2) == 0)
			c->key = play->large ? ++play->next_key
					     : 1 + (int)dice(play, KEYS_SHARED);
	}
	c->again = false;
	c->match_epoch = 0;
	if (c->key != 0)
		snprintf(more, sizeof(more), ",'key':'k%d'", c->key);
	if (dice(play, 5) == 0 && (c->key == 0 || !play->large)) {
		c->match_epoch = play->shop.epoch - (int)(dice(play, 4) == 0);
		c->match_version = play->shop.version;
		if (c->match_epoch > 0)
			snprintf(more + strlen(more),
			    sizeof(more) - strlen(more),
			    ",'if_match':{'epoch':'e%d','version':%d}",
			    c->match_epoch, c->match_version);
	}
	ask(play->made, c->process, "buy", "'quantity':%d,'buyer':'b%d'%s",
	    c->quantity, c->buyer, more);
}

static void
choose_patch(struct play *play, struct client *c)
{
	char capacity[32] = "";

	c->f = "patch";
	c->lock = 1 + (int)dice(play, 2);
	c->capacity = 0;
	if (dice(play, 2) == 0) {
		c->capacity = play->shop.capacity + (int)dice(play, 3) - 1;
		if (c->capacity < 1)
			c->capacity = 1;
		snprintf(
		    capacity, sizeof(capacity), ",'capacity':%d", c->capacity);
	}
	ask(play->made, c->process, "patch", "'lock':'l%d'%s", c->lock,
	    capacity);
}

static void
choose_life(struct play *play, struct client *c)
{
	if (dice(play, 2) == 0) {
		c->f = "create";
		c->capacity = 2 + (int)dice(play, 2);
		c->lock = 1;
		ask(play->made, c->process, "create",
		    "'capacity':%d,'lock':'l1'", c->capacity);
	} else {
		c->f = "delete";
		c->force = dice(play, 2) == 0;
		ask(play->made, c->process, "delete", "'force':%s",
		    c->force ? "true" : "false");
	}
}

static void
begin_one(struct play *play, struct client *c)
{
	const unsigned what = dice(play, 20);
	const bool rare = play->large && dice(play, 8) != 0;

	play->asked++;
	c->asked_at = play->shop;
	c->stage = ASKED;
	if (what < 11 || c->again) {
		choose_buy(play, c);
	} else if (what < 16 || rare) {
		c->f = what == 15 ? "audit" : "look";
		ask(play->made, c->process, c->f, "%s", "");
	} else if (what < 18 || !play->lives) {
		choose_patch(play, c);
	} else {
		choose_life(play, c);
	}
}

/* Nobody will hear: it asks on under another name. */
static void
lose_one(struct play *play, struct client *c)
{
	lose(play->made, c->process, c->f);
	/* In earnest it would take another name, and ask again by the key. */
	if (play->large &&
	    (strcmp(c->f, "create") == 0 || strcmp(c->f, "delete") == 0))
		play->lives = false;
	c->again = play->large && strcmp(c->f, "buy") == 0 && c->key != 0 &&
		   dice(play, 5) != 0;
	c->process = play->next_process++;
	c->stage = IDLE;
}

static void
step(struct play *play, struct client *c, unsigned lost_in)
{
	switch (c->stage) {
	case IDLE:
		if (play->asked < play->ask_most)
			begin_one(play, c);
		break;
	case ASKED:
		if (dice(play, lost_in) == 0) {
			lose_one(play, c);
			break;
		}
		if (play->fault != FAULT_NONE && play->fault_in-- == 0)
			serve_wrongly(play, c);
		else
			serve(play, &play->shop, c);
		c->stage = DECIDED;
		break;
	case DECIDED:
		if (dice(play, lost_in) == 0) {
			lose_one(play, c);
			break;
		}
		told(play->made, c->process, c->f, "%s", c->answer);
		c->stage = IDLE;
		break;
	}
}

static bool
is_over(const struct play *play)
{
	int i;

	for (i = 0; i < play->client_count; i++)
		if (play->clients[i].stage != IDLE)
			return false;
	return play->asked >= play->ask_most;
}

static void
perform(struct play *play, unsigned lost_in)
{
	int i;

	for (i = 0; i < play->client_count; i++)
		play->clients[i].process = ++play->next_process;
	play->next_process++;
	play->made->sale = "s";
	ask(play->made, 0, "create", "'capacity':%d,'lock':'l1'",
	    play->shop.capacity);
	open_shop(play, &play->shop, play->shop.capacity, 1);
	told(play->made, 0, "create", "%s", "");
	while (!is_over(play))
		step(play,
		    &play->clients[dice(play, (unsigned)play->client_count)],
		    lost_in);
}

/* ----------------------------------------------------------------- tests -- */

#define SMALL_HISTORIES 20000

static struct made made;
static struct play play;

static void
set_up(unsigned seed)
{
	made.length = 0;
	made.time = 0;
	memset(&play, 0, sizeof(play));
	play.made = &made;
	play.random = seed * UINT64_C(0x9e3779b97f4a7c15);
}

static void
both_ways_agree(void **state)
{
	unsigned i, wrong[FAULTS] = {0};

	(void)state;
	for (i = 0; i < SMALL_HISTORIES; i++) {
		enum verdict verdict;

		set_up(i + 1);
		play.shop.capacity = 2 + (int)dice(&play, 3);
		play.client_count = 2 + (int)dice(&play, 3);
		play.ask_most = 6 + (int)dice(&play, 9);
		play.lives = dice(&play, 2) == 0;
		play.fault = (enum fault)dice(&play, FAULTS);
		play.fault_in = (int)dice(&play, 6);
		perform(&play, 3 + dice(&play, 10));
		verdict = made_judge(&made);
		assert_int_not_equal(verdict, UNDECIDED);
		wrong[play.fault] += verdict == NOT_LINEARIZABLE;
		if (play.fault == FAULT_NONE && verdict != LINEARIZABLE)
			fail_msg("%s\n%s", made.words, made.text);
	}
	assert_int_equal(wrong[FAULT_NONE], 0);
	for (i = FAULT_NONE + 1; i < FAULTS; i++)
		assert_in_range(
		    wrong[i], SMALL_HISTORIES / FAULTS / 25, SMALL_HISTORIES);
}

static void
perform_large(unsigned seed, enum fault fault)
{
	set_up(seed);
	play.shop.capacity = 4000;
	play.large = true;
	play.lives = seed % 2 == 0;
	play.client_count = play.lives ? 12 : CLIENTS_MOST;
	play.ask_most = play.lives ? 2000 : 8000;
	play.fault = fault;
	play.fault_in = 500 + (int)dice(&play, 5000);
	perform(&play, 40);
}

/* Thousands of operations, hundreds of them unknown: it must not take ages. */
static void
large_ones_are_quick(void **state)
{
	const struct search_options options = {.most = 1000000};
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct search_result result;
		struct history *history;

		perform_large(seed, FAULT_NONE);
		history = made_read(&made);
		result =
		    search(&history->partitions[0], history->texts, &options);
		print_message("%zu operations, %zu unknown, %zu of them "
			      "happened: %llu configurations\n",
		    history->partitions[0].count, result.unknown,
		    result.happened, (unsigned long long)result.configurations);
		assert_int_equal(result.verdict, LINEARIZABLE);
		free(result.order);
		history_free(history);
	}
}

/* One seat sold twice among thousands: found, and said where. */
static void
large_ones_are_refuted(void **state)
{
	const struct search_options options = {.most = 1000000};
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 9; seed += 2) {
		struct history *history;
		FILE *out;

		perform_large(seed, FAULT_GONE);
		history = made_read(&made);
		memset(made.words, 0, sizeof(made.words));
		out = fmemopen(made.words, sizeof(made.words) - 1, "w");
		explain(history, &history->partitions[0], &options, out);
		fclose(out);
		print_message("%s", made.words);
		if (strstr(made.words, "it cannot:") == NULL)
			fail_msg("%s", made.words);
		history_free(history);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ways_agree),
	    cmocka_unit_test(large_ones_are_quick),
	    cmocka_unit_test(large_ones_are_refuted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
