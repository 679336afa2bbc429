/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Races of which the truth is known: when each clerk really read, and when its
 * write was really seen by all.  The audit gets only what a ledger has, stamps
 * that were taken before and versions; what it tells must fit the truth.
 */
#include "service/audit/audit.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORLDS 3000
#define WRITERS 10
#define LINES_MAX (2 * WRITERS)
#define CAPACITY 60
#define US 1000 /* ns */

/* One clerk's turn, with the true times, in us; no two are the same. */
struct writer {
	int64_t lock_us; /* the stamp; -1: it takes none */
	int64_t read_us, seen_us;
	int64_t read_stamp_us, write_stamp_us;
	unsigned lines; /* that it writes at once */
	int64_t quantity;
	int64_t base, left;   /* what it read */
	int64_t last, leaves; /* the version that it makes last, its number */
};

struct world {
	struct writer writers[WRITERS];
	struct store_line lines[LINES_MAX];
	const struct writer *authors[LINES_MAX];
	char trails[LINES_MAX][512], buyers[LINES_MAX][16];
	size_t count;
	int64_t skew_us[WRITERS]; /* of each clerk's clock */
	struct audit_report report;
	struct audit_witness witnesses[3];
	struct audit_subject subject;
	struct audit_told told;
	char *text;
};

static uint64_t seed;

static int64_t
below(int64_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int64_t)(seed % (uint64_t)limit);
}

/* ---------------------------------------------------------- what happens -- */

/* Writer i's moments are i modulo 2 * WRITERS, or that and WRITERS. */
static void
plan(struct writer *w, int64_t i)
{
	const int64_t unit = (int64_t)2 * WRITERS;

	w->read_us = (100 + below(400)) * unit + i;
	w->read_stamp_us = w->read_us - below(80) * unit / 4;
	w->lock_us =
	    below(2) == 0 ? -1 : w->read_stamp_us - 1 - below(90) * unit / 4;
	w->write_stamp_us = w->read_us + 1 + below(100) * unit / 2;
	w->seen_us =
	    (w->write_stamp_us / unit + 1 + below(300)) * unit + i + WRITERS;
	w->lines = 1 + (unsigned)below(2);
	w->quantity = 1 + below(3);
}

static int
by_seen(const void *a, const void *b)
{
	const struct writer *x = a, *y = b;

	return x->seen_us < y->seen_us ? -1 : x->seen_us > y->seen_us;
}

static int64_t
skew_of(const struct world *world, const struct writer *w)
{
	return world->skew_us[w - world->writers] * US;
}

static void
leave_trail(struct world *world, const struct writer *w, char text[512])
{
	const int64_t skew = skew_of(world, w);
	int n = 0;

	if (w->lock_us >= 0)
		n = snprintf(text, 512,
		    "{\"at_ns\":%" PRId64 ",\"step\":\"lock\"},",
		    w->lock_us * US + skew);
	memmove(text + 1, text, (size_t)n);
	text[0] = '[';
	snprintf(text + n + 1, 511 - (size_t)n,
	    "{\"at_ns\":%" PRId64 ",\"step\":\"read\",\"remaining\":%" PRId64
	    ",\"version\":%" PRId64 "},{\"at_ns\":%" PRId64
	    ",\"step\":\"write\",\"remaining\":%" PRId64 ",\"version\":%" PRId64
	    "}]",
	    w->read_stamp_us * US + skew, w->left, w->base,
	    w->write_stamp_us * US + skew, w->left - w->quantity, w->base);
}

static void
write_lines(struct world *world, struct writer *w)
{
	unsigned nth;

	w->leaves = w->left;
	for (nth = 1; nth <= w->lines; nth++) {
		const size_t i = world->count++;
		struct store_line *line = &world->lines[i];

		snprintf(world->buyers[i], 16, "b%zu", i + 1);
		leave_trail(world, w, world->trails[i]);
		*line = (struct store_line){.version = (int64_t)i + 1,
		    .base = w->base,
		    .nth = nth,
		    .seat = CAPACITY - w->leaves + 1,
		    .quantity = w->quantity,
		    .remaining = w->leaves - w->quantity,
		    .capacity = CAPACITY,
		    .buyer = world->buyers[i],
		    .lock = "none",
		    .worker = 1,
		    .clerk = (unsigned)(w - world->writers) + 1,
		    .trail = world->trails[i]};
		w->leaves -= w->quantity;
		world->authors[i] = w;
		w->last = line->version;
	}
}

/* In the order in which writes are seen; each read sees the last before it. */
static void
happen(struct world *world)
{
	size_t i, j;

	for (i = 0; i < WRITERS; i++)
		plan(&world->writers[i], (int64_t)i);
	qsort(world->writers, WRITERS, sizeof(*world->writers), by_seen);
	for (i = 0; i < WRITERS; i++) {
		struct writer *w = &world->writers[i];

		w->left = CAPACITY;
		for (j = 0; j < i; j++)
			if (world->writers[j].seen_us < w->read_us) {
				w->base = world->writers[j].last;
				w->left = world->writers[j].leaves;
			}
		write_lines(world, w);
	}
}

/* ----------------------------------------------------------- what is told --
 */

static void
ask(struct world *world, int64_t seat)
{
	struct audit *audit = audit_new(seat);
	struct audit_report *report = &world->report;
	size_t i, size;
	FILE *out;

	for (i = 0; i < world->count; i++)
		assert_true(audit_add(&world->lines[i], audit));
	assert_int_equal(audit_finish(audit, CAPACITY,
			     world->lines[world->count - 1].remaining, report),
	    AUDIT_OK);
	world->subject = (struct audit_subject){
	    .with_names = true, .witnesses = world->witnesses};
	for (i = 0; i < report->collision.count; i++)
		audit_witness_fill(
		    &world->lines[report->collision.versions[i] - 1],
		    &world->witnesses[i]);
	if (report->collision.count > 0)
		audit_told(report, &world->subject, &world->told);
	out = open_memstream(&world->text, &size);
	assert_non_null(out);
	audit_text_print_collision(report, &world->subject, out);
	fclose(out);
}

static void
forget(struct world *world)
{
	size_t i;

	for (i = 0; i < world->report.collision.count; i++)
		audit_witness_free(&world->witnesses[i]);
	memset(world->witnesses, 0, sizeof(world->witnesses));
	free(world->text);
}

static const struct writer *
author_of(const struct world *world, const struct audit_step *step)
{
	return world
	    ->authors[world->report.collision.versions[step->column] - 1];
}

/* When it really happened; of a lock only its stamp is known. */
static int64_t
truth_us(const struct world *world, const struct audit_step *step)
{
	const struct writer *w = author_of(world, step);

	switch (step->act) {
	case AUDIT_LOCKS:
		return w->lock_us;
	case AUDIT_READS:
		return w->read_us;
	case AUDIT_WRITES:
		break;
	}
	return w->seen_us;
}

/* A time is no sooner than its stamp, no later than the truth, and no row's is
 * sooner than that above it. */
static void
assert_times(const struct world *world)
{
	const struct audit_told *told = &world->told;
	size_t i;

	assert_true(told->has_times);
	for (i = 0; i < told->step_count; i++) {
		const struct audit_step *step = &told->steps[i];

		assert_true(step->at_ns >= step->stamp_ns);
		assert_true(step->at_ns <= truth_us(world, step) * US);
		assert_true(i == 0 || step[-1].at_ns <= step->at_ns);
	}
}

/* A write stands above those who saw it, and below those who did not; so a
 * number that is read is the last one above it, or somebody else's since. */
static void
assert_numbers(const struct world *world)
{
	const struct audit_told *told = &world->told;
	size_t i, j;

	for (i = 0; i < told->step_count; i++)
		for (j = 0; j < i; j++) {
			const struct audit_step *a = &told->steps[j];
			const struct audit_step *b = &told->steps[i];

			if (a->act == AUDIT_WRITES && b->act != AUDIT_LOCKS)
				assert_true(a->version <= b->version);
			if (a->act == AUDIT_READS && b->act == AUDIT_WRITES)
				assert_true(a->version < b->version);
			if (a->act == AUDIT_WRITES && b->act == AUDIT_READS &&
			    author_of(world, a)->last == b->version)
				assert_int_equal(
				    author_of(world, a)->leaves, b->remaining);
		}
}

/* Both had really read when it went wrong, and neither write was seen. */
static void
assert_wrong(const struct world *world)
{
	const struct audit_told *told = &world->told;
	const struct audit_step *wrong = &told->steps[told->wrong_step - 1];
	const struct writer *x =
	    world->authors[world->report.collision.versions[0] - 1];
	char words[64];
	size_t i, reads = 0;

	for (i = 0; i < told->wrong_step; i++)
		reads += told->steps[i].act == AUDIT_READS;
	assert_true(reads >= 2); /* each has, or the third has not yet */
	assert_in_range(told->wrong_step, 1, told->step_count);
	snprintf(words, sizeof(words), "%s %s ", told->names[wrong->column],
	    world->report.collision.count == 2 ? "read" : "wrote back");
	assert_ptr_equal(strstr(told->wrong, words), told->wrong);
	for (i = 0; i < world->report.collision.count; i++) {
		snprintf(words, sizeof(words), "%s", told->names[i]);
		assert_non_null(strstr(told->why, words));
		if (world->report.collision.count == 3)
			continue;
		assert_non_null(strstr(told->wrong, words));
		assert_true(
		    world->authors[world->report.collision.versions[i] - 1]
			->read_us < x->seen_us);
	}
}

/* The text has the same rows, times and sentences. */
static void
assert_text(const struct world *world)
{
	const struct audit_told *told = &world->told;
	const char *at = world->text;
	double last = 0, now;
	size_t rows = 0;

	for (; *at != '\0'; at += strcspn(at, "\n") + 1) {
		if (sscanf(at, "%lf ms", &now) != 1)
			continue;
		assert_true(now >= last);
		last = now;
		rows++;
	}
	assert_int_equal(rows, told->step_count);
	assert_non_null(strstr(world->text, "^ here it went wrong\n"));
	assert_non_null(strstr(world->text, "\nIt went wrong at "));
	assert_non_null(strstr(world->text, "\nWhy: "));
}

static struct world *
new_world(uint64_t number)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	seed = UINT64_C(0x9e3779b97f4a7c15) * (number + 1);
	return world;
}

static void
test_truth(void **state)
{
	size_t told[4] = {0}, lifted = 0, late[2] = {0}, i;
	uint64_t number;
	int64_t seat;

	(void)state;
	for (number = 0; number < WORLDS; number++) {
		struct world *world = new_world(number);

		happen(world);
		for (seat = 1; seat <= 8; seat++) {
			ask(world, seat);
			told[world->report.collision.count]++;
			if (world->report.collision.count > 0) {
				assert_true(world->report.collision.explained);
				assert_times(world);
				assert_numbers(world);
				assert_wrong(world);
				assert_text(world);
				late[world->told
					 .steps[world->told.wrong_step - 1]
					 .column]++;
				for (i = 0; i < world->told.step_count; i++)
					lifted += world->told.steps[i].at_ns >
						  world->told.steps[i].stamp_ns;
			}
			forget(world);
		}
		free(world);
	}
	/* All kinds of stories were told. */
	assert_true(told[0] > 0 && told[2] > 1000 && told[3] > 10);
	assert_true(lifted > 1000 && late[0] > 1000 && late[1] > 1000);
}

static void
assert_shown(const struct world *world)
{
	if (world->told.has_times)
		assert_text(world);
	else
		assert_null(strstr(world->text, " ms"));
}

/* Clocks that differ: the order stays, and no time is told that falls. */
static void
test_clocks(void **state)
{
	uint64_t number, without = 0;
	int64_t seat;
	size_t i;

	(void)state;
	for (number = 0; number < WORLDS / 4; number++) {
		struct world *world = new_world(number);

		for (i = 0; i < WRITERS; i++)
			world->skew_us[i] = below(100000) - 50000;
		happen(world);
		for (seat = 1; seat <= 8; seat++) {
			ask(world, seat);
			if (world->report.collision.count > 0) {
				assert_numbers(world);
				assert_wrong(world);
				assert_shown(world);
				without += !world->told.has_times;
			}
			forget(world);
		}
		free(world);
	}
	/* Where a clock's lead could be slowness, times stay. */
	assert_true(without > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_truth),
	    cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
