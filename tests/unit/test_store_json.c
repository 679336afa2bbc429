/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only the json store has: files that tear and can be damaged line by
 * line, and a view.
 */
#include "tests/unit/vault.h"

#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "locks/tsan.h"
#include "storage/json/segments.h"
#include "storage/store_impl.h"

/* ------------------------------------------------- a holder in its write -- */

/* What cannot be read is not therefore deleted. */
static void
test_killed_holder_damaged_settings(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	char path[128];
	pid_t pid;
	FILE *file;

	pid = spawn_holder(f);
	kill(pid, SIGKILL);
	reap(f, pid, 0);
	snprintf(path, sizeof(path), "%s/" SALE "/sale.json", f->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(put_for(f->user, &a, "alice"), STORE_FAILED);
	assert_true(store_poisoned(f->store));
	ok(store_read(f->user, SALE, &a));
	assert_refused(f, "sale.json");
}

/* ---------------------------------------------------- faults, one by one -- */

/* The line stays in the page cache, whole; only the mark tells. */
static void
test_failed_sync_uncut(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(SYNC, FAIL, EIO, 0);
	arm(TRUNCATE, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_UNKNOWN);
	assert_false(disarm(TRUNCATE));
	recover(f);
	assert_int_equal(tally(f->user, SALE).lines, 1);
	ok(buy(f->user, SALE, "carol"));
	assert_true(tally(f->user, SALE).whole);
}

static void
test_short_write(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(WRITE, CUT_SHORT, 0, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FULL);
	assert_int_equal(read_sale(f, SALE).version, 1);
	ok(put_for(f->user, &a, "carol"));
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

static void
test_short_write_uncut(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(WRITE, CUT_SHORT, 0, 0);
	arm(TRUNCATE, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_UNKNOWN);
	recover(f);
	ok(buy(f->user, SALE, "carol"));
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

static void
test_failed_write(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create_and_buy(f);

	arm(WRITE, FAIL, EIO, 0);
	assert_int_equal(put_for(f->user, &a, "bob"), STORE_FAILED);
	assert_false(store_poisoned(f->store));
	ok(put_for(f->user, &a, "carol"));
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 2);
}

/* ---------------------------------------------------------------- damage -- */

#define LEDGER SALE "/ledger.jsonl"

/* Three lines, as text. */
static void
three_lines(struct vault *f, struct text *text)
{
	create_and_buy(f);
	ok(buy(f->user, SALE, "bob"));
	ok(buy(f->user, SALE, "carol"));
	assert_true(slurp(f, LEDGER, text));
}

/* The nth line, from 1. */
static char *
line_at(struct text *text, int nth)
{
	char *at = text->bytes;

	while (--nth > 0)
		at = strchr(at, '\n') + 1;
	return at;
}

static void
assert_ledger_refused(
    struct vault *f, const char *bytes, size_t size, const char *word)
{
	assert_true(spill(f, LEDGER, bytes, size));
	assert_refused(f, word);
	assert_non_null(strstr(f->said, LEDGER));
}

/* json's own memory only, so one child can open it again and again. */
static void
child_tears(struct vault *f, void *arg)
{
	const size_t step = TSAN_ON ? 16 : 1; /* it takes its time */
	struct text *text = arg;
	size_t size = (size_t)(line_at(text, 3) - text->bytes);
	char error[ERROR_SIZE];
	struct tally t;

	for (; size < text->size; size += step) {
		CHECK(spill(f, LEDGER, text->bytes, size));
		f->store = store_new(f->kind, f->dir);
		CHECK(f->store != NULL);
		CHECK(store_prepare(f->store, error, sizeof(error)) == 0);
		child_opens(f);
		t = tally(f->user, SALE);
		CHECK(t.whole && t.lines == 2);
		CHECK(buy(f->user, SALE, "dave") == STORE_OK);
		t = tally(f->user, SALE);
		CHECK(t.whole && t.lines == 3);
		stop(f);
	}
}

static void
test_torn_tail(void **state)
{
	struct vault *f = *state;
	struct text text;

	three_lines(f, &text);
	stop(f);
	assert_int_equal(reap(f, spawn(f, child_tears, &text), 0), 0);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	start(f);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

/* What a file system may leave of blocks that were never written. */
static void
test_tail_of_zeros(void **state)
{
	struct vault *f = *state;
	struct text text;

	three_lines(f, &text);
	memset(line_at(&text, 3), '\0', 100);
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	restart(f);
	assert_int_equal(tally(f->user, SALE).lines, 2);
	ok(buy(f->user, SALE, "dave"));
	restart(f);
	assert_true(tally(f->user, SALE).whole);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

static void
test_flipped_byte(void **state)
{
	struct vault *f = *state;
	struct text text;

	three_lines(f, &text);
	line_at(&text, 2)[40] ^= 1;
	assert_ledger_refused(f, text.bytes, text.size, "line 2");
	line_at(&text, 2)[40] ^= 1;
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	stop(f);
	start(f);
	assert_int_equal(tally(f->user, SALE).lines, 3);
}

/* While it is in use; a key that nobody has does not need the ledger. */
static void
test_lost_newline(void **state)
{
	struct vault *f = *state;
	struct seen seen = {0};
	struct store_state a;
	struct text text;

	three_lines(f, &text);
	restart(f);
	a = read_sale(f, SALE);
	text.bytes[text.size - 1] = ' ';
	assert_true(spill(f, LEDGER, text.bytes, text.size));
	assert_int_equal(store_each(f->user, &a, 0, keep, &seen), STORE_FAILED);
	assert_non_null(
	    strstr(store_error(f->user), LEDGER ", line 3: the line is cut"));
	assert_int_equal(seen.count, 2);
	seen.count = 0;
	assert_true(spill(
	    f, LEDGER, text.bytes, (size_t)(line_at(&text, 2) - text.bytes)));
	assert_int_equal(store_each(f->user, &a, 0, keep, &seen), STORE_FAILED);
	assert_non_null(strstr(store_error(f->user), LEDGER ": cut short"));
	assert_int_equal(find(f, &a, STORE_BY_KEY, "none", &seen), STORE_GONE);
}

static void
test_missing_line(void **state)
{
	struct vault *f = *state;
	struct text text;
	char *two, *three;

	three_lines(f, &text);
	two = line_at(&text, 2);
	three = line_at(&text, 3);
	text.size -= (size_t)(three - two);
	memmove(two, three, strlen(three) + 1);
	assert_ledger_refused(f, text.bytes, text.size, "line 2");
	assert_non_null(strstr(f->said, "version"));
	/* The first line missing is no less a gap. */
	assert_ledger_refused(f, two, strlen(two), "line 1");
}

/* Recovery holds some lines back before it indexes them. */
static void
test_each_length(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct seen seen = {0};
	char key[16];
	int n, i;

	for (n = 1; n <= 40; n++) {
		snprintf(key, sizeof(key), "k%d", n);
		ok(put_key(f, &a, key));
		if ((n + 1) % 16 > 3)
			continue;
		restart(f);
		a = read_sale(f, SALE);
		for (i = 1; i <= n; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			ok(find(f, &a, STORE_BY_KEY, key, &seen));
			assert_int_equal(seen.kept[0].line.version, i);
		}
		assert_int_equal(put_key(f, &a, key), STORE_DUPLICATE);
	}
}

/* As if its writer had been killed before it published a head. */
static void
add_to_index(struct vault *f, const struct store_state *state, const char *key)
{
	struct segments *segments = f->store->local;
	struct store_line line = sold(state, "nobody");
	struct segments_line kept;

	line.key = key;
	line.version = state->version + 1;
	assert_true(segments_reserve(segments, state, 1));
	kept = segments_line(segments, state->slot, &line, 0);
	segments_add(segments, state->slot, &kept);
}

static void
test_killed_before_publishing(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct seen seen = {0};
	int i;

	for (i = 0; i < 1000; i++)
		add_to_index(f, &a, "lost");
	assert_int_equal(find(f, &a, STORE_BY_KEY, "lost", &seen), STORE_GONE);
	ok(put_key(f, &a, "found"));
	assert_int_equal(find(f, &a, STORE_BY_KEY, "lost", &seen), STORE_GONE);
	ok(put_key(f, &a, "lost"));
	ok(find(f, &a, STORE_BY_KEY, "lost", &seen));
	assert_int_equal(seen.kept[0].line.version, 2);
}

/* What the index says is only a hint, and may name another's line. */
static void
test_candidates_are_compared(void **state)
{
	struct vault *f = *state;
	const struct store_state a = create(f, SALE);
	struct store_state b;
	struct seen seen = {0};

	ok(put_key(f, &a, "first"));
	add_to_index(f, &a, "ghost"); /* on the line that bears "first" */
	b = read_sale(f, SALE);
	assert_int_equal(find(f, &b, STORE_BY_KEY, "ghost", &seen), STORE_GONE);
	ok(put_key(f, &b, "ghost"));
	assert_int_equal(put_key(f, &b, "ghost"), STORE_DUPLICATE);
	ok(find(f, &b, STORE_BY_KEY, "ghost", &seen));
	assert_int_equal(seen.kept[0].line.version, 2);
}

/* A sale that is deleted while it is walked: to the end, or GONE, and no
 * namesake's lines. */
static bool
remove_and_go_on(const struct store_line *line, void *arg)
{
	struct vault *f = arg;
	struct store_state b;

	if (line->version == 1) {
		b = read_sale(f, SALE);
		ok(store_remove(f->user, &b, soon()));
		b = create(f, SALE);
		ok(put_key(f, &b, "of the namesake"));
	}
	assert_null(line->key);
	f->nth++;
	return true;
}

static void
test_removed_in_a_walk(void **state)
{
	struct vault *f = *state;
	struct store_state a = create(f, SALE);
	struct seen seen = {0};
	int i;

	for (i = 0; i < 50; i++)
		ok(put_for(f->user, &a, "alice"));
	a = read_sale(f, SALE);
	f->nth = 0;
	ok(store_each(f->user, &a, 0, remove_and_go_on, f));
	assert_int_equal(f->nth, 50);
	assert_int_equal(store_each(f->user, &a, 0, keep, &seen), STORE_GONE);
	assert_int_equal(
	    find(f, &a, STORE_BY_KEY, "of the namesake", &seen), STORE_GONE);
}

/* What happens right before a ledger is opened, once. */
static void (*before_open)(struct vault *f);
static struct vault *opening;

int
open(const char *path, int flags, ...)
{
	void (*const happens)(struct vault * f) = before_open;
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (happens != NULL && strstr(path, "ledger.jsonl") != NULL) {
		before_open = NULL;
		happens(opening);
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void
make_namesake(struct vault *f)
{
	struct store_state a = read_sale(f, SALE);

	ok(store_remove(f->user, &a, soon()));
	a = create(f, SALE);
	ok(put_key(f, &a, "key"));
}

static void
only_remove(struct vault *f)
{
	const struct store_state a = read_sale(f, SALE);

	ok(store_remove(f->user, &a, soon()));
}

/* Who was about to open the ledger of a sale does not read a namesake's. */
static void
test_namesake_before_open(void **state)
{
	static void (*const happenings[])(struct vault * f) = {
	    make_namesake, make_namesake, only_remove};
	struct vault *f = *state;
	struct seen seen = {0};
	size_t i;

	opening = f;
	for (i = 0; i < 3; i++) {
		struct store_state a = create(f, SALE);

		ok(put_key(f, &a, "key"));
		a = read_sale(f, SALE);
		before_open = happenings[i];
		if (i == 1)
			assert_int_equal(
			    store_each(f->user, &a, 0, keep, &seen),
			    STORE_GONE);
		else
			assert_int_equal(
			    find(f, &a, STORE_BY_KEY, "key", &seen),
			    STORE_GONE);
		assert_null(before_open);
		assert_int_equal(seen.count, 0);
		if (i < 2)
			only_remove(f);
	}
}

/* A read that fails is not the end of the file: nothing may be cut there. */
static void
test_unreadable_ledger(void **state)
{
	struct vault *f = *state;
	char path[128];

	create_and_buy(f);
	path_of(f, LEDGER, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/proc/self/mem", path), 0);
	assert_refused(f, "Input/output error");
}

static void
test_damaged_settings(void **state)
{
	struct vault *f = *state;

	create_and_buy(f);
	touch(f, SALE "/sale.json", "ae");
	assert_refused(f, SALE "/sale.json");
}

static void
write_settings(struct vault *f, const char *numbers)
{
	char path[128];
	FILE *file;

	path_of(f, SALE "/sale.json", path);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file,
	    "{\"v\": 1, \"id\": \"" SALE "\", \"lock\": \"mutex\""
	    ", \"epoch\": \"1\", %s}\n",
	    numbers);
	fclose(file);
}

#define NUMBERS(capacity, min, max, birth, version)                            \
	"\"capacity\": " #capacity ", \"delay_min_ms\": " #min                 \
	", \"delay_max_ms\": " #max ", \"birth\": \"" #birth                   \
	"\", \"version\": " #version

/* Numbers that no service writes are not sold by. */
static void
test_settings_out_of_range(void **state)
{
	static const char *const wrong[] = {NUMBERS(-5, 0, 0, 1, 0),
	    NUMBERS(0, 0, 0, 1, 0), NUMBERS(10000001, 0, 0, 1, 0),
	    NUMBERS(5, -1, 0, 1, 0), NUMBERS(5, 2, 1, 1, 0),
	    NUMBERS(5, 0, 0, 0, 0), NUMBERS(5, 0, 0, 1, -1)};
	struct vault *f = *state;
	size_t i;

	create(f, SALE);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_settings(f, wrong[i]);
		assert_refused(f, "sale.json is damaged");
	}
	write_settings(f, NUMBERS(5, 0, 1, 1, 0));
	restart(f);
	assert_int_equal(read_sale(f, SALE).settings.capacity, 5);
}

/* ------------------------------------------------------ removed for good -- */

static size_t
count_entries(const char *path)
{
	size_t count = 0;
	DIR *dir;

	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
test_removed_files(void **state)
{
	struct vault *f = *state;
	const size_t before = count_entries(f->dir);
	struct store_state a = create_and_buy(f);

	store_tidy(f->user);
	assert_int_equal(count_entries(f->dir), before + 1);
	ok(store_remove(f->user, &a, soon()));
	assert_int_equal(count_entries(f->dir), before);
}

/* ----------------------------------------------------------------- views -- */

static void
assert_view(struct vault *f, const char *member)
{
	struct text text;

	store_tidy(f->user);
	assert_true(slurp(f, SALE "/stock.json", &text));
	assert_non_null(strstr(text.bytes, member));
}

static void
test_view(void **state)
{
	struct vault *f = *state;

	create(f, SALE);
	assert_view(f, "\"remaining\": 1000,");
	ok(buy(f->user, SALE, "alice"));
	assert_view(f, "\"remaining\": 999,");
	assert_view(f, "\"version\": 1");
	restart(f);
	ok(buy(f->user, SALE, "bob"));
	assert_view(f, "\"remaining\": 998,");
	/* Never read back. */
	touch(f, SALE "/stock.json", "we");
	restart(f);
	assert_int_equal(read_sale(f, SALE).remaining, CAPACITY - 2);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    VAULT_TEST(test_killed_holder_damaged_settings),
	    VAULT_TEST(test_failed_sync_uncut),
	    VAULT_TEST(test_short_write),
	    VAULT_TEST(test_short_write_uncut),
	    VAULT_TEST(test_failed_write),
	    VAULT_TEST(test_torn_tail),
	    VAULT_TEST(test_tail_of_zeros),
	    VAULT_TEST(test_flipped_byte),
	    VAULT_TEST(test_lost_newline),
	    VAULT_TEST(test_missing_line),
	    VAULT_TEST(test_each_length),
	    VAULT_TEST(test_killed_before_publishing),
	    VAULT_TEST(test_candidates_are_compared),
	    VAULT_TEST(test_removed_in_a_walk),
	    VAULT_TEST(test_namesake_before_open),
	    VAULT_TEST(test_unreadable_ledger),
	    VAULT_TEST(test_damaged_settings),
	    VAULT_TEST(test_settings_out_of_range),
	    VAULT_TEST(test_removed_files),
	    VAULT_TEST(test_view),
	};

	return vault_run(
	    argc, argv, "json", tests, sizeof(tests) / sizeof(tests[0]));
}
