/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of a store: what store.h promises to one caller at a time,
 * over every store.
 */
#include "tests/unit/vault.h"

/* ----------------------------------------------------------------- sales -- */

static void
test_create_read_list(void **state)
{
	struct vault *f = *state;
	struct ids ids = {.stop_at = 2};
	struct store_state a, again;

	assert_int_equal(times_listed(f, "a"), 0);
	a = create(f, "a");
	assert_int_equal(a.remaining, CAPACITY);
	assert_int_equal(a.version, 0);
	create(f, "b");
	create(f, "c");
	assert_int_equal(times_listed(f, "a"), 1);
	assert_int_equal(times_listed(f, "b"), 1);
	assert_int_equal(times_listed(f, "c"), 1);
	again = read_sale(f, "a");
	assert_same_state(&a, &again);
	ok(store_list(f->user, note_id, &ids));
	assert_int_equal(ids.count, 2);
}

/* What is told of a new sale needs no look at it: others may have removed it.
 */
static void
test_create_tells(void **state)
{
	struct vault *f = *state;
	const struct store_settings second = settings("second", 7);
	struct store_state told, read;

	create(f, SALE);
	ok(store_create(f->user, &second, soon(), &told));
	read = read_sale(f, "second");
	assert_same_state(&told, &read);
}

static void
test_duplicate_create(void **state)
{
	struct vault *f = *state;
	const struct store_settings other = settings(SALE, 7);
	struct store_state a = create(f, SALE), b;

	assert_int_equal(
	    store_create(f->user, &other, soon(), &b), STORE_DUPLICATE);
	assert_lasts(f, &a);
}

static void
test_settings(void **state)
{
	struct vault *f = *state;
	struct store_settings s = settings("", STORE_CAPACITY_MAX);
	struct store_state a;

	memset(s.id, 'z', STORE_ID_SIZE - 1);
	memset(s.lock, 'l', STORE_LOCK_SIZE - 1);
	s.delay_min_ms = 250;
	s.delay_max_ms = 86400000;
	ok(store_create(f->user, &s, soon(), &a));
	a = read_sale(f, s.id);
	assert_same_settings(&a.settings, &s);
	assert_int_equal(a.remaining, STORE_CAPACITY_MAX);
	restart(f);
	a = read_sale(f, s.id);
	assert_same_settings(&a.settings, &s);
}

static void
test_births_and_epochs(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_state old = a;
	struct store_change change = change_of(&a);

	assert_true(a.birth != 0 && a.epoch != 0);
	assert_true(b.birth != 0 && b.epoch != 0);
	assert_true(a.birth != b.birth);
	assert_true(a.epoch != b.epoch);
	ok(store_configure(f->user, &a, &change, soon()));
	assert_true(a.birth == old.birth);
	assert_true(a.epoch != 0 && a.epoch != old.epoch);
}

static void
test_slots(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_state c = create(f, "c"), d;

	assert_int_not_equal(a.slot, b.slot);
	assert_int_not_equal(a.slot, c.slot);
	assert_int_not_equal(b.slot, c.slot);
	ok(store_remove(f->user, &b, soon()));
	d = create(f, "d");
	assert_int_equal(d.slot, b.slot);
	assert_true(d.slot < STORE_SALES_MAX && c.slot < STORE_SALES_MAX);
}

/* Every call that takes what was read. */
static void
assert_gone(struct vault *f, struct store_state *old)
{
	struct store_line line = sold(old, "alice");
	const struct store_change change = change_of(old);
	struct seen seen = {0};

	assert_int_equal(put(f->user, old, &line), STORE_GONE);
	assert_int_equal(put_if(f->user, old, &line), STORE_GONE);
	assert_int_equal(
	    store_configure(f->user, old, &change, soon()), STORE_GONE);
	assert_int_equal(store_remove(f->user, old, soon()), STORE_GONE);
	assert_int_equal(find(f, old, STORE_BY_KEY, "k", &seen), STORE_GONE);
	assert_int_equal(store_each(f->user, old, 0, keep, &seen), STORE_GONE);
	assert_int_equal(seen.count, 0);
}

static void
test_unknown_is_gone(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, "a"), none;

	assert_int_equal(store_read(f->user, "", &none), STORE_GONE);
	assert_int_equal(store_read(f->user, "aa", &none), STORE_GONE);
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(store_read(f->user, "a", &none), STORE_GONE);
	assert_int_equal(times_listed(f, "a"), 0);
	assert_gone(f, &a);
	restart(f);
	assert_int_equal(store_read(f->user, "a", &none), STORE_GONE);
	assert_gone(f, &a);
}

static void
test_namesake(void **state)
{
	struct vault *f = *state;
	struct store_state old = create(f, SALE), new;
	struct seen seen = {0};

	ok(put_key(f, &old, "k"));
	old = read_sale(f, SALE);
	ok(store_remove(f->user, &old, soon()));
	new = create(f, SALE);
	assert_true(new.birth != old.birth &&new.epoch != old.epoch);
	assert_int_equal(new.version, 0);
	assert_int_equal(new.remaining, CAPACITY);
	assert_gone(f, &old);
	assert_int_equal(find(f, &new, STORE_BY_KEY, "k", &seen), STORE_GONE);
	ok(put_key(f, &new, "k"));
	assert_true(tally(f->user, SALE).whole);
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	assert_gone(f, &old);
}

/* ---------------------------------------------------------------- writes -- */

static void
test_trusting_puts(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_line one = sold(&a, "alice"), two = sold(&a, "bob");
	struct store_state after;
	struct seen seen = {0};
	bool overwrote = true;

	two.remaining = 123; /* whatever the last writer says */
	ok(store_put(f->user, &a, &one, 1, soon(), &overwrote));
	assert_false(overwrote);
	ok(store_put(f->user, &a, &two, 1, soon(), &overwrote));
	assert_true(overwrote);
	assert_int_equal(one.version, 1);
	assert_int_equal(two.version, 2);
	assert_int_equal(two.base, 0);
	assert_int_equal(two.nth, 1);
	after = read_sale(f, SALE);
	assert_int_equal(after.version, 2);
	assert_int_equal(after.remaining, 123);
	assert_true(after.epoch == a.epoch);
	walk(f, &after, 0, &seen);
	assert_int_equal(seen.count, 2);
	assert_same_line(&seen.kept[0].line, &one);
	assert_same_line(&seen.kept[1].line, &two);
}

static void
test_checked_puts(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct store_line one = sold(&a, "alice"), two = sold(&a, "bob");
	struct store_line three;

	ok(put_if(f->user, &a, &one));
	assert_int_equal(put_if(f->user, &a, &two), STORE_CONFLICT);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	a = read_sale(f, SALE);
	assert_int_equal(a.remaining, CAPACITY - 1);
	three = sold(&a, "carol");
	ok(put_if(f->user, &a, &three));
	assert_int_equal(three.version, 2);
	assert_int_equal(three.base, 1);
	assert_true(tally(f->user, SALE).whole);
}

static void
test_moved(void **state)
{
	struct vault *f = *state;
	const struct store_state old = create(f, SALE);
	struct store_state now = old;
	const struct store_change change = change_of(&old);
	struct store_line line = sold(&old, "alice");

	ok(store_configure(f->user, &now, &change, soon()));
	assert_int_equal(put(f->user, &old, &line), STORE_MOVED);
	assert_int_equal(put_if(f->user, &old, &line), STORE_MOVED);
	assert_int_equal(read_sale(f, SALE).version, 0);
	ok(put_if(f->user, &now, &line));
	assert_int_equal(line.version, 1);
}

static void
test_batch(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_line lines[3];
	struct store_state now;
	struct seen seen = {0};
	unsigned i;

	ok(put_for(f->user, &a, "dave"));
	now = a;
	for (i = 0; i < 3; i++) {
		lines[i] = sold(&now, "alice");
		now.remaining--;
	}
	assert_int_equal(
	    store_put_if(f->user, &a, lines, 3, soon()), STORE_CONFLICT);
	ok(store_put(f->user, &a, lines, 3, soon(), &(bool){false}));
	now = read_sale(f, SALE);
	assert_int_equal(now.version, 4);
	assert_int_equal(now.remaining, lines[2].remaining);
	walk(f, &now, 1, &seen);
	assert_int_equal(seen.count, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(lines[i].version, 2 + i);
		assert_int_equal(lines[i].nth, 1 + i);
		assert_int_equal(lines[i].base, 0);
		assert_same_line(&seen.kept[i].line, &lines[i]);
	}
}

static void
test_keys(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_line batch[2] = {sold(&a, "alice"), sold(&a, "bob")};
	bool overwrote;

	ok(put_key(f, &a, "k"));
	assert_int_equal(put_key(f, &a, "k"), STORE_DUPLICATE);
	a = read_sale(f, "a");
	batch[1].key = "k";
	assert_int_equal(store_put(f->user, &a, batch, 2, soon(), &overwrote),
	    STORE_DUPLICATE);
	batch[0].key = "new";
	assert_int_equal(
	    store_put_if(f->user, &a, batch, 2, soon()), STORE_DUPLICATE);
	assert_int_equal(read_sale(f, "a").version, 1);
	ok(put_key(f, &a, "K"));
	ok(put_key(f, &a, "k "));
	ok(put_key(f, &b, "k"));
	assert_int_equal(tally(f->user, "a").lines, 3);
	restart(f);
	a = read_sale(f, "a");
	assert_int_equal(put_key(f, &a, "k"), STORE_DUPLICATE);
}

static void
test_find(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, "a"), b = create(f, "b");
	struct store_line one = sold(&a, "alice"), two = sold(&a, "bob");
	struct seen seen = {0};

	one.key = "k";
	ok(put(f->user, &a, &one));
	ok(put(f->user, &a, &two));
	/* Also for one who read before the line was written. */
	ok(find(f, &a, STORE_BY_KEY, "k", &seen));
	assert_same_line(&seen.kept[0].line, &one);
	ok(find(f, &a, STORE_BY_ORDER, one.order, &seen));
	assert_same_line(&seen.kept[0].line, &one);
	ok(find(f, &a, STORE_BY_ORDER, two.order, &seen));
	assert_same_line(&seen.kept[0].line, &two);
	assert_int_equal(seen.count, 1);
	assert_int_equal(
	    find(f, &a, STORE_BY_KEY, one.order, &seen), STORE_GONE);
	assert_int_equal(find(f, &a, STORE_BY_ORDER, "k", &seen), STORE_GONE);
	assert_int_equal(find(f, &a, STORE_BY_KEY, "", &seen), STORE_GONE);
	assert_int_equal(find(f, &b, STORE_BY_KEY, "k", &seen), STORE_GONE);
	assert_int_equal(
	    find(f, &b, STORE_BY_ORDER, one.order, &seen), STORE_GONE);
	assert_int_equal(seen.count, 0);
}

/* What could be taken for the file's own syntax, or for the end of it. */
static const char *const strange_texts[] = {
    "\"",
    "\\",
    "\\\"",
    "a\",\"key\":\"b",
    "\\u0041\n\t\x01",
    "M\xc3\xbcller \xe5\xb0\x91\xe5\x8d\x96 \xf0\x9f\x8e\xab",
    "'; DROP TABLE sale; --",
    "\",\"trail\":[],\"crc\":\"00000000\"}",
};

#define STRANGE_TEXTS (sizeof(strange_texts) / sizeof(strange_texts[0]))

static void
assert_strange_texts(struct vault *f, const char *orders)
{
	const struct store_state a = read_sale(f, SALE);
	struct seen seen = {0};
	size_t i;

	for (i = 0; i < STRANGE_TEXTS; i++) {
		const char *text = strange_texts[i];

		ok(find(f, &a, STORE_BY_KEY, text, &seen));
		assert_string_equal(seen.kept[0].line.key, text);
		assert_string_equal(seen.kept[0].line.buyer, text);
		assert_int_equal(seen.kept[0].line.version, i + 1);
		assert_int_equal(put_key(f, &a, text), STORE_DUPLICATE);
		ok(find(f, &a, STORE_BY_ORDER, orders + i * STORE_ORDER_SIZE,
		    &seen));
		assert_int_equal(seen.kept[0].line.version, i + 1);
	}
	assert_int_equal(find(f, &a, STORE_BY_KEY, "b", &seen), STORE_GONE);
}

static void
test_strange_texts(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	char orders[STRANGE_TEXTS][STORE_ORDER_SIZE];
	size_t i;

	for (i = 0; i < STRANGE_TEXTS; i++) {
		struct store_line line = sold(&a, strange_texts[i]);

		line.key = strange_texts[i];
		memcpy(orders[i], line.order, STORE_ORDER_SIZE);
		ok(put(f->user, &a, &line));
	}
	assert_strange_texts(f, orders[0]);
	restart(f);
	assert_strange_texts(f, orders[0]);
}

static void
test_snapshot(void **state)
{
	struct vault *f = *state;
	struct store_state a;
	struct seen seen = {0};
	int i;

	create(f, SALE);
	for (i = 0; i < 4; i++)
		ok(buy(f->user, SALE, "alice"));
	a = read_sale(f, SALE);
	ok(buy(f->user, SALE, "later"));
	walk(f, &a, 0, &seen);
	assert_int_equal(seen.count, 4);
	walk(f, &a, 3, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.kept[0].line.version, 4);
	walk(f, &a, 4, &seen);
	assert_int_equal(seen.count, 0);
	walk(f, &a, 99, &seen);
	assert_int_equal(seen.count, 0);
	walk(f, &a, INT64_C(1) << 40, &seen);
	assert_int_equal(seen.count, 0);
	walk(f, &a, INT64_MAX, &seen);
	assert_int_equal(seen.count, 0);
	seen.stop_at = 2;
	walk(f, &a, 1, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.kept[1].line.version, 3);
}

/* Nothing stands there, and least of all another sale's lines. */
static void
test_beyond(void **state)
{
	static const int64_t beyond[] = {2, 3, INT64_C(1) << 40,
	    (INT64_C(1) << 40) + 1, INT64_C(1) << 41, INT64_MAX};
	struct vault *f = *state;
	struct store_state a;
	struct seen seen = {0};
	size_t i;

	create(f, SALE);
	create(f, "other");
	for (i = 0; i < 2; i++) {
		ok(buy(f->user, SALE, "alice"));
		ok(buy(f->user, "other", "bob"));
	}
	a = read_sale(f, SALE);
	for (i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		walk(f, &a, beyond[i], &seen);
		assert_int_equal(seen.count, 0);
	}
	ok(store_remove(f->user, &a, in_ms(5000)));
	assert_int_equal(
	    store_each(f->user, &a, INT64_MAX, keep, &seen), STORE_GONE);
}

#define MANY 9000 /* lines: more than a store is asked for at once, twice */

static void
buy_many(struct vault *f)
{
	static struct store_line lines[MANY];
	const struct store_settings many = settings(SALE, MANY);
	struct store_state now;
	bool overwrote;
	int64_t i;

	ok(store_create(f->user, &many, in_ms(5000), &now));
	for (i = 0; i < MANY; i++) {
		lines[i] = sold(&now, "alice");
		now.remaining--;
	}
	now = read_sale(f, SALE);
	ok(store_put(f->user, &now, lines, MANY, in_ms(20000), &overwrote));
}

/* A walk, and what it does at a line. */
struct march {
	struct store_user *other; /* to delete the sale with; NULL: do not */
	struct store_state state;
	int64_t lines, at, last;
	bool in_turn;
};

static bool
march_on(const struct store_line *line, void *arg)
{
	struct march *march = arg;

	march->in_turn = march->in_turn && line->version == ++march->last;
	if (++march->lines != march->at)
		return true;
	if (march->other == NULL)
		return false;
	ok(store_remove(march->other, &march->state, in_ms(5000)));
	return true;
}

/* Each line once, in turn, and none behind the one that ends it. */
static void
test_long_walk(void **state)
{
	struct vault *f = *state;
	struct march march = {.in_turn = true};

	buy_many(f);
	march.state = read_sale(f, SALE);
	ok(store_each(f->user, &march.state, 0, march_on, &march));
	assert_int_equal(march.lines, MANY);
	assert_true(march.in_turn);
	march = (struct march){
	    .state = march.state, .last = 10, .at = 5000, .in_turn = true};
	ok(store_each(f->user, &march.state, 10, march_on, &march));
	assert_int_equal(march.lines, 5000);
	assert_true(march.in_turn);
}

/* Nothing of the store's is held for the whole of it: the sale can go. */
static void
test_walk_and_removal(void **state)
{
	struct vault *f = *state;
	struct march march = {.at = 10, .in_turn = true};
	char error[ERROR_SIZE];

	buy_many(f);
	march.state = read_sale(f, SALE);
	march.other = store_open(f->store, error, sizeof(error));
	assert_non_null(march.other);
	assert_int_equal(
	    store_each(f->user, &march.state, 0, march_on, &march), STORE_GONE);
	assert_in_range(march.lines, 10, MANY - 1);
	store_close(march.other);
}

static void
test_trail(void **state)
{
	static const char trail[] = "[ {\"at_ns\":1,\"step\":\"read\"},\t"
				    "{\"key\" : \",\\\"key\\\":\\\"\"} ]";
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_line line = sold(&a, "alice");
	struct seen seen = {0};

	line.trail = trail;
	ok(put(f->user, &a, &line));
	assert_string_equal(last_line(f, SALE, &seen)->trail, trail);
	restart(f);
	assert_string_equal(last_line(f, SALE, &seen)->trail, trail);
}

/* Lines longer than what a store reads at a time, and across its border. */
static void
test_long_lines(void **state)
{
	static const int64_t quantities[] = {30000, 30000, 30000, 70000, 1};
	struct vault *f = *state;
	const struct store_settings s = settings(SALE, 1000000);
	struct store_state a;
	struct seen seen = {0};
	size_t i;

	ok(store_create(f->user, &s, soon(), &a));
	for (i = 0; i < sizeof(quantities) / sizeof(quantities[0]); i++) {
		struct store_line line = sold(&a, "school");

		line.quantity = quantities[i];
		line.key = i == 4 ? "last" : NULL;
		ok(put(f->user, &a, &line));
	}
	restart(f);
	a = read_sale(f, SALE);
	ok(find(f, &a, STORE_BY_KEY, "last", &seen));
	assert_int_equal(seen.kept[0].line.version, 5);
	walk(f, &a, 3, &seen);
	assert_int_equal(seen.kept[0].line.quantity, 70000);
	assert_true(tally(f->user, SALE).whole);
}

/* ----------------------------------------------------- configure, remove -- */

static void
test_raise(void **state)
{
	struct vault *f = *state;
	const struct store_state old = create(f, SALE);
	struct store_state a = old, now;
	struct store_change change = change_of(&a);
	struct seen seen = {0};
	const struct store_line *line;

	ok(buy(f->user, SALE, "alice"));
	change.settings.capacity += 50;
	change.trail = "[\"why\"]";
	ok(store_configure(f->user, &a, &change, soon()));
	now = read_sale(f, SALE);
	assert_same_state(&a, &now);
	assert_int_equal(now.settings.capacity, CAPACITY + 50);
	assert_int_equal(now.remaining, CAPACITY + 49);
	assert_int_equal(now.version, 2);
	line = last_line(f, SALE, &seen);
	assert_int_equal(line->kind, STORE_RAISED);
	assert_int_equal(line->quantity, 0);
	assert_int_equal(line->capacity, CAPACITY + 50);
	assert_int_equal(line->remaining, CAPACITY + 49);
	assert_string_equal(line->trail, change.trail);
	assert_int_equal(line->sold_at_ms, change.at_ms);
	restart(f);
	a = read_sale(f, SALE);
	assert_same_settings(&a.settings, &now.settings);
	assert_true(tally(f->user, SALE).whole);
}

/* Two buyers of seat 1: one ticket is stranded until somebody recounts. */
static struct store_state
oversell(struct vault *f, const char *id)
{
	const struct store_state a = create(f, id);

	ok(put_for(f->user, &a, "alice"));
	ok(buy(f->user, id, "bob"));
	ok(put_for(f->user, &a, "carol"));
	return read_sale(f, id);
}

static void
test_recount(void **state)
{
	struct vault *f = *state;
	struct store_state a = oversell(f, SALE);
	struct store_change change = change_of(&a);
	struct seen seen = {0};
	const struct store_line *line;

	change.recount = true;
	assert_int_equal(a.remaining, CAPACITY - 1);
	ok(store_configure(f->user, &a, &change, soon()));
	assert_int_equal(a.remaining, CAPACITY - 2);
	assert_int_equal(a.version, 4);
	line = last_line(f, SALE, &seen);
	assert_int_equal(line->kind, STORE_RECOUNTED);
	assert_int_equal(line->remaining, CAPACITY - 2);
	assert_int_equal(line->quantity, 0);
	/* Right already: nothing to say. */
	ok(store_configure(f->user, &a, &change, soon()));
	assert_int_equal(a.version, 4);
}

static void
test_recount_and_raise(void **state)
{
	struct vault *f = *state;
	struct store_state a = oversell(f, SALE);
	struct store_change change = change_of(&a);
	struct seen seen = {0};

	change.recount = true;
	change.settings.capacity += 10;
	snprintf(change.settings.lock, STORE_LOCK_SIZE, "mutex");
	ok(store_configure(f->user, &a, &change, soon()));
	assert_int_equal(a.remaining, CAPACITY - 2 + 10);
	walk(f, &a, 3, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.kept[0].line.kind, STORE_RECOUNTED);
	assert_int_equal(seen.kept[1].line.kind, STORE_RAISED);
	assert_int_equal(seen.kept[1].line.nth, 2);
	assert_string_equal(seen.kept[1].line.lock, "mutex");
	assert_true(tally(f->user, SALE).whole);
	restart(f);
	a = read_sale(f, SALE);
	assert_int_equal(a.remaining, CAPACITY - 2 + 10);
	assert_string_equal(a.settings.lock, "mutex");
}

/* The highest seat is the last of several, and a start finds it again. */
static void
test_recount_of_several(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct store_line line = sold(&a, "alice");
	struct store_change change;
	unsigned i;

	line.quantity = 3;
	line.remaining = a.remaining - 3;
	ok(put(f->user, &a, &line));
	for (i = 0; i < 2; i++) {
		ok(put_for(f->user, &a, "bob")); /* one of them again */
		a = read_sale(f, SALE);
		assert_int_equal(a.remaining, CAPACITY - 1);
		change = change_of(&a);
		change.recount = true;
		restart(f);
		a = read_sale(f, SALE);
		ok(store_configure(f->user, &a, &change, soon()));
		assert_int_equal(a.remaining, CAPACITY - 3);
		a.remaining = CAPACITY;
	}
}

static void
test_quiet_change(void **state)
{
	struct vault *f = *state;
	struct store_state old = oversell(f, SALE), a = old;
	struct store_change change = change_of(&a);

	snprintf(change.settings.lock, STORE_LOCK_SIZE, "flock");
	change.settings.delay_min_ms = 5;
	change.settings.delay_max_ms = 9;
	ok(store_configure(f->user, &a, &change, soon()));
	assert_same_settings(&a.settings, &change.settings);
	assert_int_equal(a.version, old.version);
	assert_int_equal(a.remaining, old.remaining);
	assert_lasts(f, &a);
}

static void
test_stale_change(void **state)
{
	struct vault *f = *state;
	struct store_state old = create(f, SALE), now = old, a;
	struct store_change change = change_of(&old);

	ok(store_configure(f->user, &now, &change, soon()));
	change.settings.capacity += 50;
	assert_int_equal(
	    store_configure(f->user, &old, &change, soon()), STORE_MOVED);
	assert_int_equal(store_remove(f->user, &old, soon()), STORE_MOVED);
	a = read_sale(f, SALE);
	assert_same_state(&a, &now);
}

static void
test_remove(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);

	ok(buy(f->user, SALE, "alice"));
	assert_int_equal(store_remove(f->user, &a, soon()), STORE_CONFLICT);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	a = read_sale(f, SALE);
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(store_read(f->user, SALE, &a), STORE_GONE);
	assert_int_equal(store_remove(f->user, &a, soon()), STORE_GONE);
}

/* ---------------------------------------------------------------- reopen -- */

static void
test_reopen(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f), b = create(f, "b");
	struct store_state now;
	struct seen was = {0}, is = {0};

	last_line(f, SALE, &was);
	restart(f);
	now = read_sale(f, SALE);
	assert_true(now.birth == a.birth && now.epoch == a.epoch);
	assert_same_settings(&now.settings, &a.settings);
	assert_int_equal(now.version, a.version);
	assert_int_equal(now.remaining, a.remaining);
	assert_same_line(last_line(f, SALE, &is), &was.kept[0].line);
	now = read_sale(f, "b");
	assert_int_equal(now.remaining, b.remaining);
	ok(buy(f->user, SALE, "bob"));
	assert_true(tally(f->user, SALE).whole);
}

/* Damage is one thing, a sale that went wrong another. */
static void
test_reopen_oversold(void **state)
{
	struct vault *f = *state;
	const struct store_settings s = settings(SALE, 1);
	struct store_state a;
	struct seen seen = {0};

	ok(store_create(f->user, &s, soon(), &a));
	ok(put_for(f->user, &a, "alice"));
	ok(put_for(f->user, &a, "bob"));
	restart(f);
	a = read_sale(f, SALE);
	assert_int_equal(a.remaining, 0);
	assert_int_equal(a.version, 2);
	walk(f, &a, 0, &seen);
	assert_int_equal(seen.kept[0].line.seat, 1);
	assert_int_equal(seen.kept[1].line.seat, 1);
	assert_int_equal(seen.kept[1].line.base, 0);
}

static void
test_other_store(void **state)
{
	struct vault *f = *state;
	const char *kind = f->kind;

	create(f, SALE);
	f->kind = is_json(f) ? "sqlite" : "json";
	assert_refused(f, kind);
	f->kind = kind;
	stop(f);
	start(f);
	read_sale(f, SALE);
}

static void
test_strange_file(void **state)
{
	struct vault *f = *state;
	char owner[128];

	snprintf(owner, sizeof(owner), "%s/.store", f->dir);
	unlink(owner);
	touch(f, "thesis.tex", "we");
	assert_refused(f, "not turnstile's");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_create_read_list),
	    VAULT_TEST(test_create_tells),
	    VAULT_TEST(test_duplicate_create),
	    VAULT_TEST(test_settings),
	    VAULT_TEST(test_births_and_epochs),
	    VAULT_TEST(test_slots),
	    VAULT_TEST(test_unknown_is_gone),
	    VAULT_TEST(test_namesake),
	    VAULT_TEST(test_trusting_puts),
	    VAULT_TEST(test_checked_puts),
	    VAULT_TEST(test_moved),
	    VAULT_TEST(test_batch),
	    VAULT_TEST(test_keys),
	    VAULT_TEST(test_find),
	    VAULT_TEST(test_strange_texts),
	    VAULT_TEST(test_snapshot),
	    VAULT_TEST(test_beyond),
	    VAULT_TEST(test_long_walk),
	    VAULT_TEST(test_walk_and_removal),
	    VAULT_TEST(test_trail),
	    VAULT_TEST(test_long_lines),
	    VAULT_TEST(test_raise),
	    VAULT_TEST(test_recount),
	    VAULT_TEST(test_recount_and_raise),
	    VAULT_TEST(test_recount_of_several),
	    VAULT_TEST(test_quiet_change),
	    VAULT_TEST(test_stale_change),
	    VAULT_TEST(test_remove),
	    VAULT_TEST(test_reopen),
	    VAULT_TEST(test_reopen_oversold),
	    VAULT_TEST(test_other_store),
	    VAULT_TEST(test_strange_file),
	};

	return vault_run(
	    argc, argv, NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
