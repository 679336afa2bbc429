/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the json store's lines are: tables of hashes, and the segments that
 * all processes share.
 */
#include "storage/json/segments.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <inttypes.h>

#include "locks/shared.h"
#include "storage/json/lines.h"
#include "storage/json/table.h"
#include "tests/unit/fixture.h"

#define LINES 20000 /* seven segments */

/* ---------------------------------------------------------------- table -- */

static const uint64_t seed[2] = {
    UINT64_C(0x1234567890abcdef), UINT64_C(0xfedcba0987654321)};

static void
test_hash(void **state)
{
	static const char *const texts[] = {"", "a", "b", "aa", "a\1",
	    "1234567", "12345678", "1234567\1", "12345678901234",
	    "123456789012345"};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	const uint64_t other[2] = {seed[0] + 1, seed[1]};
	size_t i, j;

	(void)state;
	for (i = 0; i < count; i++) {
		const uint64_t hash =
		    table_hash(seed, texts[i], strlen(texts[i]));

		for (j = 0; j < i; j++)
			assert_true(hash != table_hash(seed, texts[j],
						strlen(texts[j])));
		assert_true(i == 0 || hash != table_hash(other, texts[i],
						  strlen(texts[i])));
	}
	/* Zeros count, too. */
	assert_true(table_hash(seed, "\0", 1) != table_hash(seed, "\0\0", 2));
}

/* Keys as they are often chosen fill the table as random ones would. */
static void
test_hash_spreads(void **state)
{
	unsigned places[256] = {0}, tags[256] = {0};
	char key[32];
	int i;

	(void)state;
	for (i = 0; i < 256 * 100; i++) {
		const int length = snprintf(key, sizeof(key), "key-%d", i);
		const uint64_t hash = table_hash(seed, key, (size_t)length);

		places[hash >> 56]++;
		tags[hash & 255]++;
	}
	for (i = 0; i < 256; i++) { /* six standard deviations */
		assert_in_range(places[i], 40, 160);
		assert_in_range(tags[i], 40, 160);
	}
}

#define ENTRIES 96
#define LINE_BITS 9

static struct table
new_table(void)
{
	static _Atomic uint32_t entry[ENTRIES];
	size_t i;

	for (i = 0; i < ENTRIES; i++)
		entry[i] = 0;
	return (struct table){
	    .entry = entry, .size = ENTRIES, .line_bits = LINE_BITS};
}

/* How often `line` is among the candidates. */
static int
count(const struct table *table, uint64_t hash, uint32_t line)
{
	uint32_t at = table_place(table, hash), found;
	int times = 0;

	while ((found = table_next(table, hash, &at)) != 0)
		times += found == line;
	return times;
}

/* All of one hash and others of the same place, round the table's end. */
static void
test_collisions(void **state)
{
	const struct table table = new_table();
	const uint64_t last = UINT64_MAX;
	const uint64_t tag_only = last - 1;
	uint32_t line;

	(void)state;
	assert_int_equal(count(&table, last, 1), 0);
	assert_int_equal(table_place(&table, last), ENTRIES - 1);
	for (line = 1; line <= 20; line++) {
		table_add(&table, last, line);
		table_add(&table, tag_only, 100 + line);
	}
	for (line = 1; line <= 20; line++) {
		assert_int_equal(count(&table, last, line), 1);
		assert_int_equal(count(&table, tag_only, line), 0);
		assert_int_equal(count(&table, tag_only, 100 + line), 1);
	}
}

/* As if what is cut had never been there. */
static void
test_cut(void **state)
{
	const struct table table = new_table();
	uint32_t before[ENTRIES], line;
	size_t i;

	(void)state;
	for (line = 1; line <= 16; line++)
		table_add(&table, (uint64_t)line * line << 56, line);
	for (i = 0; i < ENTRIES; i++)
		before[i] = table.entry[i];
	for (; line <= 32; line++)
		table_add(&table, (uint64_t)line * line << 56, line);
	table_cut(&table, 16);
	for (i = 0; i < ENTRIES; i++)
		assert_int_equal(table.entry[i], before[i]);
	table_cut(&table, 0);
	for (i = 0; i < ENTRIES; i++)
		assert_int_equal(table.entry[i], 0);
}

/* ------------------------------------------------------------- segments -- */

struct shared {
	_Atomic int64_t published;
	_Atomic bool ends;
};

struct texts {
	char key[32];
	struct store_line line;
};

/* Line n of the sale `birth`. */
static void
make_line(struct texts *t, uint64_t birth, int64_t n)
{
	snprintf(t->key, sizeof(t->key), "k%" PRIu64 "-%" PRId64, birth, n);
	t->line = (struct store_line){.version = n, .key = t->key};
	snprintf(t->line.order, sizeof(t->line.order), "o%" PRIu64 "-%" PRId64,
	    birth, n);
}

/* A line that was reserved. */
static void
put_in(struct segments *s, const struct store_line *line, int64_t offset)
{
	const struct segments_line kept = segments_line(s, 0, line, offset);

	segments_add(s, 0, &kept);
}

static void
add(struct segments *s, uint64_t birth, int64_t n)
{
	const struct store_state now = {.birth = birth, .version = n - 1};
	struct texts t = {0};

	assert_true(segments_reserve(s, &now, 1));
	make_line(&t, birth, n);
	put_in(s, &t.line, n * 100);
}

/* How often version `n` is a candidate for its key and its order; -1: the
 * one as often as never, the other not. */
static int
times_found(const struct segments *s, uint64_t birth, int64_t n, int64_t last)
{
	const struct store_state state = {.birth = birth, .version = last};
	struct search search;
	struct texts t = {0};
	int keys = 0, orders = 0;
	int64_t version;

	make_line(&t, birth, n);
	search = segments_search(s, &state, STORE_BY_KEY, t.key);
	while ((version = segments_next(&search)) != 0)
		keys += version == n;
	search = segments_search(s, &state, STORE_BY_ORDER, t.line.order);
	while ((version = segments_next(&search)) != 0)
		orders += version == n;
	return keys == orders ? keys : -1;
}

/* Segments end at 256, 768, 1792 … */
static void
test_borders(void **state)
{
	struct segments *s = segments_new();
	int64_t n;

	(void)state;
	assert_non_null(s);
	for (n = 1; n <= LINES; n++)
		add(s, 7, n);
	for (n = 1; n <= LINES; n++) {
		const int64_t first = segments_first(n);

		assert_in_range(n - first, 0, SEGMENTS_BLOCK - 1);
		assert_int_equal(segments_offset(s, 0, n), first * 100);
		assert_int_equal(times_found(s, 7, n, LINES), 1);
		/* Not before a head shows it. */
		assert_int_equal(times_found(s, 7, n, n - 1), 0);
	}
	assert_int_equal(times_found(s, 7, LINES + 1, LINES), 0);
	assert_int_equal(times_found(s, 8, 1, LINES), 0);
	segments_free(s);
}

/* A batch over several borders. */
static void
test_large_batch(void **state)
{
	struct segments *s = segments_new();
	const struct store_state now = {.birth = 7};
	struct texts t = {0};
	int64_t n;

	(void)state;
	assert_true(segments_reserve(s, &now, LINES));
	for (n = 1; n <= LINES; n++) {
		make_line(&t, 7, n);
		put_in(s, &t.line, n);
	}
	for (n = 1; n <= LINES; n++)
		assert_int_equal(times_found(s, 7, n, LINES), 1);
	segments_free(s);
}

/* Lines that nobody may look for still have their place. */
static void
test_neither_order_nor_key(void **state)
{
	const struct store_line line = {.version = 1};
	const struct store_state now = {.birth = 7, .version = 0};
	struct segments *s = segments_new();
	struct store_state seen = now;
	struct search search;

	(void)state;
	assert_true(segments_reserve(s, &now, 1));
	put_in(s, &line, 0);
	seen.version = 1;
	search = segments_search(s, &seen, STORE_BY_ORDER, "");
	assert_int_equal(segments_next(&search), 0);
	search = segments_search(s, &seen, STORE_BY_KEY, "");
	assert_int_equal(segments_next(&search), 0);
	segments_free(s);
}

/* In a child: whatever is published is found, while the parent adds. */
static void
look_on(const struct segments *s, struct shared *shared)
{
	int64_t last = 0, n, looks = 0;

	while (!atomic_load(&shared->ends) || looks < LINES) {
		last = atomic_load(&shared->published);
		n = last == 0 ? 0 : looks % 7 == 0 ? last : looks % last + 1;
		if (n != 0 && times_found(s, 7, n, last) != 1)
			_exit(1);
		looks += last != 0;
	}
	_exit(times_found(s, 7, LINES, LINES) == 1 ? 0 : 2);
}

static void
test_many_processes(void **state)
{
	struct shared *shared = shared_new(sizeof(*shared));
	struct segments *s = segments_new();
	pid_t child[3];
	int64_t n;
	int i, status;

	(void)state;
	for (i = 0; i < 3; i++) {
		child[i] = fork();
		assert_int_not_equal(child[i], -1);
		if (child[i] == 0)
			look_on(s, shared);
	}
	for (n = 1; n <= LINES; n++) {
		add(s, 7, n);
		atomic_store(&shared->published, n);
	}
	atomic_store(&shared->ends, true);
	for (i = 0; i < 3; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	segments_free(s);
	shared_free(shared, sizeof(*shared));
}

/*
 * Writers that add a batch and are killed before its head is published, a
 * thousand of them: nothing of it stays, and there is room.
 */
static void
test_killed_writers(void **state)
{
	const struct store_state now = {.birth = 7, .version = 300};
	struct segments *s = segments_new();
	struct texts t = {0};
	int64_t n;
	int death;

	(void)state;
	for (n = 1; n <= now.version; n++)
		add(s, 7, n);
	for (death = 0; death < 1000; death++) {
		assert_true(segments_reserve(s, &now, 1000));
		for (n = 301; n <= 301 + death; n++) {
			make_line(&t, 1000 + (uint64_t)death, n);
			put_in(s, &t.line, 1);
		}
	}
	for (n = 301; n <= LINES; n++)
		add(s, 7, n);
	for (n = 1; n <= LINES; n++)
		assert_int_equal(times_found(s, 7, n, LINES), 1);
	for (n = 301; n <= 1300; n++)
		assert_int_equal(times_found(s, 1999, n, LINES), 0);
	segments_free(s);
}

/* Kilobytes that the mapping at `s` takes of this process. */
static int64_t
resident_kb(const struct segments *s)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512], start[32];
	bool inside = false;
	long kb = -1;

	assert_non_null(file);
	snprintf(start, sizeof(start), "%" PRIxPTR "-", (uintptr_t)s);
	while (kb == -1 && fgets(line, sizeof(line), file) != NULL) {
		inside = inside || strncmp(line, start, strlen(start)) == 0;
		if (inside && strncmp(line, "Rss:", 4) == 0)
			kb = strtol(line + 4, NULL, 10);
	}
	fclose(file);
	assert_int_not_equal(kb, -1);
	return kb;
}

/* The slot's next sale finds nothing of the last, in memory given back. */
static void
test_another_sale(void **state)
{
	struct segments *s = segments_new();
	const int64_t at_first = resident_kb(s);
	int64_t full, n;
	bool drop;

	(void)state;
	for (n = 1; n <= LINES; n++)
		add(s, 7, n);
	full = resident_kb(s);
	assert_true(full - at_first > LINES * 12 / 1024);
	for (drop = false;; drop = true) {
		if (drop) /* else a DELETE that was killed on the way */
			segments_drop(s, 0);
		add(s, 8 + drop, 1);
		assert_true(resident_kb(s) - at_first < 64);
		assert_int_equal(times_found(s, 7, 1, 1), 0);
		assert_int_equal(times_found(s, 8 + drop, 1, 1), 1);
		for (n = 2; n <= LINES; n++)
			add(s, 8 + drop, n);
		for (n = 1; n <= LINES; n++) {
			assert_int_equal(times_found(s, 7, n, LINES), 0);
			assert_int_equal(times_found(s, 8 + drop, n, LINES), 1);
		}
		if (drop)
			break;
	}
	segments_free(s);
}

/* Recovery reads the same sale again, from its first line. */
static void
test_from_the_start_again(void **state)
{
	struct segments *s = segments_new();
	int64_t n;
	int turn;

	(void)state;
	for (turn = 0; turn < 2; turn++)
		for (n = 1; n <= 1000; n++)
			add(s, 7, n);
	for (n = 1; n <= 1000; n++)
		assert_int_equal(times_found(s, 7, n, 1000), 1);
	segments_free(s);
}

/* --------------------------------------------------------------- memory -- */

static bool no_memory; /* there is none for segments any more */
static size_t largest; /* bytes that were had at once */

int
madvise(void *at, size_t size, int advice)
{
	if (advice == MADV_POPULATE_WRITE && no_memory) {
		errno = ENOMEM;
		return -1;
	}
	if (advice == MADV_POPULATE_WRITE && size > largest)
		largest = size;
	return (int)syscall(SYS_madvise, at, size, advice);
}

static void
test_no_memory(void **state)
{
	struct segments *s = segments_new();
	struct store_state now = {.birth = 7};
	int64_t n;

	(void)state;
	for (n = 1; n <= LINES; n++) {
		now.version = n - 1;
		no_memory = true;
		/* Until a segment's memory was had, none of it is used. */
		(void)segments_reserve(s, &now, 1);
		no_memory = false;
		add(s, 7, n);
	}
	now.version = LINES;
	no_memory = true;
	assert_true(segments_reserve(s, &now, 1));
	assert_false(segments_reserve(s, &now, LINES));
	no_memory = false;
	assert_true(segments_reserve(s, &now, LINES));
	for (n = 1; n <= LINES; n++)
		assert_int_equal(times_found(s, 7, n, LINES), 1);
	/* What is given back must be had anew. */
	segments_drop(s, 0);
	now = (struct store_state){.birth = 8};
	no_memory = true;
	assert_false(segments_reserve(s, &now, 1));
	no_memory = false;
	add(s, 8, 1);
	segments_free(s);
}

/* No writer has to make all of a large segment. */
static void
test_ahead(void **state)
{
	struct segments *s = segments_new();
	struct store_state now = {.birth = 7};
	struct texts t = {0};
	int64_t n;

	(void)state;
	largest = 0;
	for (n = 1; n <= 50 * LINES; n++) {
		now.version = n - 1;
		assert_true(segments_reserve(s, &now, 1));
		make_line(&t, 7, n);
		t.line.key = NULL;
		put_in(s, &t.line, n);
	}
	assert_in_range(largest, 256 * 1024, 512 * 1024);
	segments_free(s);
}

/* This process's addresses, in bytes. */
static rlim_t
mapped(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[256] = "";

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	return strtoull(line, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Where addresses are limited, there are fewer, and then none. */
static void
test_few_addresses(void **state)
{
	const rlim_t few = mapped() + ((rlim_t)400 << 20);
	const struct store_state now = {.birth = 7};
	struct segments *s;
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		setrlimit(RLIMIT_AS, &(struct rlimit){few, RLIM_INFINITY});
		s = segments_new();
		if (s == NULL)
			_exit(1);
		if (!segments_reserve(s, &now, 1000 * 1000))
			_exit(2);
		_exit(segments_reserve(s, &now, 1000 * 1000 * 1000) ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---------------------------------------------------------------- lines -- */

#define LINE_SIZES 6

struct taken {
	size_t length[LINE_SIZES + 1];
	int count, stop_at;
};

static bool
take(char *text, size_t length, void *arg)
{
	struct taken *taken = arg;

	assert_true(taken->count <= LINE_SIZES);
	assert_true(text[0] == 'a' + taken->count);
	taken->length[taken->count++] = length;
	memset(text, '\n', length); /* it may be written to */
	return taken->count != taken->stop_at;
}

/* Lines that fill a buffer, and more than one. */
static void
test_lines(void **state)
{
	static const size_t sizes[LINE_SIZES] = {
	    1, 262143, 262144, 262145, 1000000, 2};
	struct taken taken = {0};
	FILE *file = tmpfile();
	int64_t size = 0;
	size_t i, j;

	(void)state;
	for (i = 0; i < LINE_SIZES; i++) {
		for (j = 0; j < sizes[i]; j++)
			putc('a' + (int)i, file);
		putc('\n', file);
		size += (int64_t)sizes[i] + 1;
	}
	fflush(file);
	assert_int_equal(
	    lines_walk(fileno(file), 0, size, take, &taken), LINES_OK);
	assert_int_equal(taken.count, LINE_SIZES);
	for (i = 0; i < LINE_SIZES; i++)
		assert_int_equal(taken.length[i], sizes[i] + 1);
	taken = (struct taken){0};
	assert_int_equal(
	    lines_walk(fileno(file), 0, INT64_MAX, take, &taken), LINES_SHORT);
	assert_int_equal(taken.count, LINE_SIZES);
	taken = (struct taken){.stop_at = 2};
	assert_int_equal(
	    lines_walk(fileno(file), 0, size, take, &taken), LINES_OK);
	assert_int_equal(taken.count, 2);
	taken = (struct taken){0};
	assert_int_equal(
	    lines_walk(fileno(file), 0, size - 2, take, &taken), LINES_OK);
	assert_int_equal(taken.length[LINE_SIZES - 1], 1); /* no newline */
	taken = (struct taken){0};
	assert_int_equal(lines_walk(-1, 0, size, take, &taken), LINES_FAILED);
	fclose(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_hash_spreads),
	    cmocka_unit_test(test_collisions),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_borders),
	    cmocka_unit_test(test_large_batch),
	    cmocka_unit_test(test_neither_order_nor_key),
	    cmocka_unit_test(test_many_processes),
	    cmocka_unit_test(test_killed_writers),
	    cmocka_unit_test(test_another_sale),
	    cmocka_unit_test(test_from_the_start_again),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_ahead),
	    cmocka_unit_test(test_few_addresses),
	    cmocka_unit_test(test_lines),
	};

	alarm(60);
	return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
