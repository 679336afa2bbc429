/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power cuts.  Each play is performed once with the tape running; then the
 * power is cut before every sync and every promise on the tape, each image
 * that may be left is built, and a service starts on it: it must not refuse,
 * and must show what had been told, or what was about to be.
 *
 * Then the plays again with accidents: a worker killed at each of its calls,
 * a sync that fails.  And for some images the start itself is performed with
 * the tape running, and the power is cut again.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/shared.h"
#include "tests/torture/check.h"
#include "tests/torture/images.h"
#include "tests/torture/parts.h"
#include "tests/torture/powercut.h"
#include "tests/torture/stage.h"
#include "tests/torture/tree.h"

#define LEVELS 2 /* power cuts, one after the other */
#define ALLOWED_MOST 40

/* Images at one point of the tape, at most. */
struct effort {
	int64_t images[LEVELS];
	int64_t after_accident;
	uint64_t again_every;   /* of so many images one is started twice */
	int64_t accidents_most; /* of each kind in a step */
	size_t steps_every;     /* of so many steps one has accidents */
	size_t steps_behind;    /* to look at behind an accident's */
};
static const struct effort full = {{300, 24}, 24, 16, 24, 1, 2};
static const struct effort heavy = {{24, 0}, 6, UINT64_MAX, 3, 1, 1};
static const struct effort quick = {{6, 2}, 3, 200, 1, 7, 1};

/* What a start on an image showed; images come again and again. */
struct shown {
	uint64_t hash;
	bool prepared, done;
	char *text; /* the dump, or the error */
};

struct hunt {
	const struct settings *settings;
	struct effort effort;
	const char *store;
	struct tamper *tapes[LEVELS], *checker;
	struct stage_told *told[LEVELS], *good;
	struct check_told *check;
	struct shown *shown; /* a hash table, half full at most */
	size_t shown_size, shown_count;
};

/* One performance. */
struct cut {
	struct hunt *hunt;
	int level;
	char name[256];
	char stage[4096], image[4096]; /* folders */
	const struct play *play;
	const struct accident *accident;
	const struct stage_told *told, *good;
	struct disk *disk;
	size_t point;
	/* What a start may show now. */
	char *allowed[ALLOWED_MOST];
	size_t allowed_count;
	/* Hashes of what was judged since that changed. */
	uint64_t *judged;
	size_t judged_size, judged_count;
};

static void perform(struct cut *cut);

/* --------------------------------------------------------------- tables -- */

static bool
was_judged(struct cut *cut, uint64_t hash)
{
	size_t i, n;

	if (cut->judged_count * 2 >= cut->judged_size) {
		const size_t old = cut->judged_size;
		uint64_t *was = cut->judged;

		cut->judged_size = old == 0 ? 1024 : old * 2;
		cut->judged = calloc(cut->judged_size, sizeof(*cut->judged));
		cut->judged_count = 0;
		for (n = 0; n < old; n++)
			if (was[n] != 0)
				was_judged(cut, was[n]);
		free(was);
	}
	hash |= 1;
	for (i = hash % cut->judged_size; cut->judged[i] != 0;
	     i = (i + 1) % cut->judged_size)
		if (cut->judged[i] == hash)
			return true;
	cut->judged[i] = hash;
	cut->judged_count++;
	return false;
}

static struct shown *
shown_at(struct hunt *hunt, uint64_t hash)
{
	size_t i = hash % hunt->shown_size;

	while (hunt->shown[i].text != NULL && hunt->shown[i].hash != hash)
		i = (i + 1) % hunt->shown_size;
	return &hunt->shown[i];
}

static void
forget_shown(struct hunt *hunt)
{
	size_t i;

	for (i = 0; i < hunt->shown_size; i++)
		free(hunt->shown[i].text);
	memset(hunt->shown, 0, hunt->shown_size * sizeof(*hunt->shown));
	hunt->shown_count = 0;
}

/* ------------------------------------------------------ what is allowed -- */

static void
allow_nothing(struct cut *cut)
{
	while (cut->allowed_count > 0)
		free(cut->allowed[--cut->allowed_count]);
	memset(cut->judged, 0, cut->judged_size * sizeof(*cut->judged));
	cut->judged_count = 0;
}

static bool
is_allowed(const struct cut *cut, const char *dump)
{
	size_t i;

	for (i = 0; i < cut->allowed_count; i++)
		if (strcmp(cut->allowed[i], dump) == 0)
			return true;
	return false;
}

static void
allow(struct cut *cut, const char *dump)
{
	if (!is_allowed(cut, dump) && cut->allowed_count < ALLOWED_MOST)
		cut->allowed[cut->allowed_count++] = strdup(dump);
}

/* The step may take place from here on. */
static void
allow_step(struct cut *cut, size_t number)
{
	const struct step *step = &cut->play->steps[number];
	const struct stage_told *good =
	    cut->good != NULL ? cut->good : cut->told;
	char text[STAGE_DUMP];
	size_t i;

	if (number >= good->steps && cut->good == NULL)
		return;
	allow(cut, good->dumps[number]);
	/* A line is whole or absent; so is not the whole write. */
	for (i = 1; step->kind == STEP_SELL && i < step->lines; i++)
		if (stage_cut_dump(
			good->dumps[number], step->sale, step->lines, i, text))
			allow(cut, text);
	memset(cut->judged, 0, cut->judged_size * sizeof(*cut->judged));
	cut->judged_count = 0;
}

static void
hear_mark(struct cut *cut, const struct tape_record *mark)
{
	const struct stage_told *good =
	    cut->good != NULL ? cut->good : cut->told;
	const size_t number = (size_t)mark->at;

	switch ((enum stage_mark)mark->inode) {
	case MARK_BEGIN:
		allow_step(cut, number);
		break;
	case MARK_DONE:
		allow_nothing(cut);
		allow(cut, good->dumps[number]);
		break;
	case MARK_OPEN:
		break;
	case MARK_PART:
		allow_nothing(cut);
		allow(cut, cut->told->dumps[number]);
		break;
	case MARK_UNDONE:
		allow_nothing(cut);
		allow(cut, number == 0 ? "" : good->dumps[number - 1]);
		break;
	}
}

/* --------------------------------------------------------------- images -- */

/* What is in SQLite's shared memory after a power cut: anything. */
static void
put_junk(const char *image)
{
	char path[4200], junk[32768];
	FILE *file;

	snprintf(path, sizeof(path), "%s/turnstile.db-wal", image);
	if (access(path, F_OK) != 0)
		return;
	snprintf(path, sizeof(path), "%s/turnstile.db-shm", image);
	memset(junk, 0x5a, sizeof(junk));
	file = fopen(path, "we");
	if (file == NULL)
		return;
	fwrite(junk, sizeof(junk), 1, file);
	fclose(file);
}

static bool
build(const struct cut *cut, const struct image *image, const char *name)
{
	if (!images_build(image, cut->image)) {
		perror(cut->image);
		return false;
	}
	if (report_chance(name) % 7 == 0)
		put_junk(cut->image);
	return true;
}

/* Start a service on the image, if none was. */
static const struct shown *
show(struct cut *cut, const struct image *image, const char *name)
{
	struct hunt *hunt = cut->hunt;
	struct shown *shown = shown_at(hunt, image->hash);
	bool good;

	if (shown->text != NULL)
		return shown;
	if (hunt->shown_count * 2 >= hunt->shown_size) {
		forget_shown(hunt);
		shown = shown_at(hunt, image->hash);
	}
	if (!build(cut, image, name))
		return NULL;
	good = check_directory(hunt->store, cut->image,
	    report_chance(name) % 4 == 0, hunt->checker, hunt->check);
	*shown = (struct shown){.hash = image->hash,
	    .prepared = hunt->check->prepared,
	    .done = good,
	    .text = strdup(good ? hunt->check->dump : hunt->check->error)};
	hunt->shown_count++;
	return shown;
}

/* The next power cut: while a service starts on this image. */
static void
cut_again(struct cut *cut, const struct image *image, const char *name,
    const char *dump)
{
	struct step steps[2] = {{.kind = STEP_START},
	    {.kind = STEP_CREATE, .capacity = 3, .lock = "none"}};
	const struct play play = {.name = "again", .steps = steps, .count = 2};
	struct cut next = {
	    .hunt = cut->hunt, .level = cut->level + 1, .play = &play};
	size_t i;

	if (!build(cut, image, name))
		return;
	/* A name that may have been another sale's. */
	steps[1].sale = strstr(dump, "demo: ") == NULL ? "demo" : "gig";
	if (strstr(dump, "gig: ") != NULL)
		steps[1] = (struct step){.kind = STEP_SELL, .sale = "gig"};

	snprintf(next.name, sizeof(next.name), "%.230s/again", name);
	snprintf(next.stage, sizeof(next.stage), "%s", cut->image);
	snprintf(next.image, sizeof(next.image), "%s/image%d",
	    cut->hunt->settings->work, next.level);
	for (i = 0; i < cut->allowed_count; i++)
		allow(&next, cut->allowed[i]);
	perform(&next);
}

static void
keep_red(struct cut *cut, const struct image *image)
{
	char path[4200];

	if (!cut->hunt->settings->keep)
		return;
	snprintf(path, sizeof(path), "%s/red", cut->hunt->settings->work);
	if (images_build(image, path))
		printf("    its image is in %s\n", path);
}

/* How many bytes of whole lines two dumps have in common. */
static size_t
same_lines(const char *a, const char *b)
{
	size_t i, same = 0;

	for (i = 0; a[i] != '\0' && a[i] == b[i]; i++)
		if (a[i] == '\n')
			same = i + 1;
	return same;
}

static int
first_line(const char *text)
{
	return (int)strcspn(text, "\n");
}

/* The case's verdict.  True: green. */
static bool
judge(struct cut *cut, const struct image *image, const char *name,
    const struct shown *shown)
{
	const char *names = image->lenient ? " (names in any order)" : "";
	char expected[100];
	bool first;

	if (shown->done && is_allowed(cut, shown->text)) {
		report_green(name);
		return true;
	}
	if (!shown->prepared) {
		snprintf(expected, sizeof(expected), "a start%s", names);
		first = report_red(name, expected, "\"%s\" where %s",
		    shown->text, image->lost);
	} else if (!shown->done) {
		snprintf(expected, sizeof(expected), "a service that goes on%s",
		    names);
		first = report_red(name, expected, "\"%s\" where %s",
		    shown->text, image->lost);
	} else {
		snprintf(expected, sizeof(expected), "what was told%s", names);
		const char *told = cut->allowed[cut->allowed_count - 1];
		const size_t same = same_lines(shown->text, told);

		first = report_red(name, expected,
		    "\"%.*s\" instead of \"%.*s\" where %s",
		    first_line(shown->text + same), shown->text + same,
		    first_line(told + same), told + same, image->lost);
	}
	if (first)
		keep_red(cut, image);
	return false;
}

/* Some by chance, which is not that of the bytes: births and salts are random
 * in each run.  And those where removed files are gone in disorder. */
static bool
is_cut_again(const struct cut *cut, const struct image *image, const char *name)
{
	if (cut->level + 1 == LEVELS)
		return false;
	return (report_chance(name) >> 8) % cut->hunt->effort.again_every ==
		   0 ||
	       (image->lenient && strstr(image->lost, ": remove ") != NULL);
}

static bool
visit(const struct image *image, void *arg)
{
	struct cut *cut = arg;
	const struct shown *shown;
	char name[300];

	snprintf(name, sizeof(name), "%s/%zu/%" PRId64, cut->name, cut->point,
	    image->number);
	if (!report_wants(name) || was_judged(cut, image->hash))
		return true;
	shown = show(cut, image, name);
	if (shown == NULL)
		return false;
	if (judge(cut, image, name, shown) && is_cut_again(cut, image, name))
		cut_again(cut, image, name, shown->text);
	return true;
}

/* --------------------------------------------------------- performances -- */

/* Not before the accident: that was looked at without one. */
static bool
is_looked_at(const struct cut *cut, size_t step)
{
	return cut->accident == NULL || step >= cut->accident->step;
}

static void
look_at_point(struct cut *cut, size_t step)
{
	struct hunt *hunt = cut->hunt;
	const int64_t most = cut->accident != NULL
				 ? hunt->effort.after_accident
				 : hunt->effort.images[cut->level];

	cut->point++;
	if (is_looked_at(cut, step))
		images_visit(cut->disk, most, hunt->settings->seed + cut->point,
		    visit, cut);
}

static void
look_at_tape(struct cut *cut)
{
	struct tamper *tape = cut->hunt->tapes[cut->level];
	const struct tape_record *r = NULL;
	size_t step = 0;

	while ((r = tape_next(tape, r)) != NULL) {
		if (r->kind == TAPE_MARK || r->kind == TAPE_SYNC ||
		    r->kind == TAPE_SYNC_ALL)
			look_at_point(cut, step);
		if (r->kind == TAPE_MARK) {
			hear_mark(cut, r);
			step = (size_t)r->at;
		} else {
			disk_apply(cut->disk, r);
		}
	}
	look_at_point(cut, step);
}

/* What the tape says must be what happened. */
static void
check_tape(struct cut *cut)
{
	const struct tamper *tape = cut->hunt->tapes[cut->level];
	char name[300], why[256];

	snprintf(name, sizeof(name), "%s/tape", cut->name);
	if (!report_enters(name))
		return;
	if (tape->strange[0] != '\0')
		report_red(name, "calls that the tape has words for", "%s",
		    tape->strange);
	else if (atomic_load(&tape->tape_full))
		report_red(name, "a tape that is long enough", "its end");
	else if (!disk_is_true(cut->disk, why, sizeof(why)))
		report_red(name, "a tape that tells all", "another %s", why);
	else
		report_green(name);
}

static bool
record_play(struct cut *cut)
{
	struct hunt *hunt = cut->hunt;
	struct tamper *tape = hunt->tapes[cut->level];
	const struct stage stage = {.store = hunt->store,
	    .dir = cut->stage,
	    .tamper = tape,
	    .told = hunt->told[cut->level]};
	char name[300];

	tape->skip_syncs = true;
	tape->tape_used = 0;
	tape->strange[0] = '\0';
	snprintf(tape->root, sizeof(tape->root), "%.1000s", cut->stage);
	atomic_store(&tape->recording, true);
	stage_run(&stage, cut->play, cut->accident, cut->good);
	atomic_store(&tape->recording, false);
	snprintf(name, sizeof(name), "%s/play", cut->name);
	cut->told = stage.told;
	if (stage.told->end == STAGE_DONE)
		report_green(name);
	else if (report_enters(name))
		report_red(name,
		    stage.told->end == STAGE_REFUSED ? "a start"
						     : "a play that goes on",
		    "after %s: %s", tape->what, stage.told->error);
	return stage.told->end == STAGE_DONE;
}

/* Record it, and cut the power everywhere.  The stage is there. */
static void
perform(struct cut *cut)
{
	cut->disk = disk_new(cut->stage);
	if (cut->disk == NULL) {
		perror(cut->stage);
		exit(EXIT_FAILURE);
	}
	if (cut->allowed_count == 0)
		allow(cut, "");
	if (record_play(cut)) {
		look_at_tape(cut);
		check_tape(cut);
	}
	allow_nothing(cut);
	disk_free(cut->disk);
	free(cut->judged);
}

static void
begin(struct cut *cut, struct hunt *hunt, const struct play *play)
{
	*cut = (struct cut){.hunt = hunt, .play = play};
	snprintf(
	    cut->stage, sizeof(cut->stage), "%s/stage", hunt->settings->work);
	snprintf(
	    cut->image, sizeof(cut->image), "%s/image0", hunt->settings->work);
	tree_remove(cut->stage);
	mkdir(cut->stage, 0755);
}

/* ------------------------------------------------------------ accidents -- */

/* One accident: the play goes on for a few steps, then it is over. */
static void
perform_accident(struct hunt *hunt, const struct play *play,
    const struct accident *accident, const char *name)
{
	struct play shorter = *play;
	struct cut cut;

	if (shorter.count > accident->step + 1 + hunt->effort.steps_behind)
		shorter.count = accident->step + 1 + hunt->effort.steps_behind;
	begin(&cut, hunt, &shorter);
	cut.accident = accident;
	cut.good = hunt->good;
	snprintf(cut.name, sizeof(cut.name), "%s", name);
	perform(&cut);
}

/* The calls of one step: how many; the tape's trace says which. */
static int64_t
count_calls(struct hunt *hunt, const struct play *play, size_t step)
{
	const struct accident none = {.step = step,
	    .plan = {.classes = TAMPER_FILES, .act = TAMPER_COUNT}};
	struct play shorter = *play;
	struct cut cut;
	const struct stage stage = {.store = hunt->store,
	    .dir = cut.stage,
	    .tamper = hunt->tapes[0],
	    .told = hunt->told[0]};

	shorter.count = step + 1;
	begin(&cut, hunt, &shorter);
	hunt->tapes[0]->skip_syncs = true;
	stage_run(&stage, &shorter, &none, hunt->good);
	return atomic_load(&hunt->tapes[0]->seen);
}

static const struct accident_kind {
	const char *name;
	enum tamper_act act;
	bool all;
} kinds[] = {{"killed-before", TAMPER_KILL_BEFORE, false},
    {"killed-after", TAMPER_KILL_AFTER, false},
    {"all-killed-before", TAMPER_KILL_BEFORE, true},
    {"all-killed-after", TAMPER_KILL_AFTER, true},
    {"unsynced", TAMPER_FAIL, false}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Can that happen to the n-th call?  A start has nobody else to kill. */
static bool
can_happen(const struct accident_kind *kind, const struct step *step,
    const struct tamper *traced, int64_t n)
{
	if (kind->all && step->kind == STEP_START)
		return false;
	switch (kind->act) {
	case TAMPER_KILL_AFTER:
		return tamper_call_changes(traced, n);
	case TAMPER_FAIL:
		return strstr(tamper_call_name(traced, n), "sync") != NULL;
	default:
		return true;
	}
}

/* Its images are cases, if it is played; else it is one that was left out. */
static bool
is_begun(const char *name)
{
	return report_is_over() ? report_wants(name) : report_enters(name);
}

static void
perform_accidents_at(struct hunt *hunt, const struct play *play, size_t step)
{
	static uint16_t trace[TAMPER_TRACE];
	struct tamper *tape = hunt->tapes[0];
	int64_t count, every, n;
	char name[256];
	size_t kind;

	snprintf(name, sizeof(name), "powercut/%s/%s/step-%zu", hunt->store,
	    play->name, step);
	if (!report_enters(name))
		return;
	count = count_calls(hunt, play, step);
	memcpy(trace, tape->trace, sizeof(trace));
	every = hunt->settings->only != NULL
		    ? 1
		    : count / hunt->effort.accidents_most + 1;
	for (n = 1; n <= count; n++)
		for (kind = 0; kind < KINDS; kind++) {
			const struct accident accident = {.step = step,
			    .all = kinds[kind].all,
			    .plan = {.classes = TAMPER_FILES,
				.act = kinds[kind].act,
				.at = n}};

			/* Accidents leave traces of their own. */
			memcpy(tape->trace, trace, sizeof(trace));
			snprintf(name, sizeof(name),
			    "powercut/%s/%s/step-%zu/%s-%" PRId64, hunt->store,
			    play->name, step, kinds[kind].name, n);
			if (is_begun(name) &&
			    ((uint64_t)n + kind + hunt->settings->seed) %
				    (uint64_t)every ==
				0 &&
			    can_happen(
				&kinds[kind], &play->steps[step], tape, n))
				perform_accident(hunt, play, &accident, name);
		}
}

/* The play as it should be, then with accidents. */
static void
hunt_in_play(struct hunt *hunt, const struct play *play)
{
	struct cut cut;
	size_t step;

	begin(&cut, hunt, play);
	snprintf(cut.name, sizeof(cut.name), "powercut/%s/%s", hunt->store,
	    play->name);
	if (!report_enters(cut.name))
		return;
	perform(&cut);
	if (hunt->told[0]->end != STAGE_DONE)
		return;
	memcpy(hunt->good, hunt->told[0], sizeof(*hunt->good));
	for (step = play->accidents_from; step < play->count; step++)
		if (hunt->settings->only != NULL ||
		    (step + hunt->settings->seed) % hunt->effort.steps_every ==
			0)
			perform_accidents_at(hunt, play, step);
}

/* ----------------------------------------------------------------- part -- */

static void
hunt_in_store(struct hunt *hunt, const char *store)
{
	size_t i;

	hunt->store = store;
	forget_shown(hunt);
	for (i = 0; i < plays_count; i++) {
		if ((plays[i].store != NULL &&
			strcmp(plays[i].store, store) != 0) ||
		    (plays[i].heavy && hunt->settings->quick))
			continue;
		hunt->effort = hunt->settings->quick ? quick
			       : plays[i].heavy      ? heavy
						     : full;
		hunt_in_play(hunt, &plays[i]);
	}
	powercut_service(hunt->settings, store);
}

int
powercut_run(const struct settings *settings)
{
	static const char *const stores[] = {"json", "sqlite"};
	struct hunt hunt = {.settings = settings, .shown_size = 1 << 18};
	char paths[LEVELS + 1][4096];
	size_t i;

	report_begin(settings, "powercut");
	for (i = 0; i < LEVELS; i++) {
		hunt.tapes[i] = tamper_new(settings->work, paths[i]);
		hunt.told[i] = shared_new(sizeof(struct stage_told));
	}
	hunt.checker = tamper_new(settings->work, paths[LEVELS]);
	hunt.check = shared_new(sizeof(struct check_told));
	hunt.good = calloc(1, sizeof(*hunt.good));
	hunt.shown = calloc(hunt.shown_size, sizeof(*hunt.shown));
	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (settings->store == NULL ||
		    strcmp(settings->store, stores[i]) == 0)
			hunt_in_store(&hunt, stores[i]);
	for (i = 0; i < LEVELS; i++)
		tamper_free(hunt.tapes[i], paths[i]);
	tamper_free(hunt.checker, paths[LEVELS]);
	forget_shown(&hunt);
	free(hunt.shown);
	free(hunt.good);
	return report_end();
}
