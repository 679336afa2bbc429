/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole service, with its data directory made by itself: it is asked one
 * thing after the other while the tape runs, and what a look sees after each
 * is a promise.  Then the real service starts on some of the images.
 */
#include "tests/torture/powercut.h"

#include <sys/stat.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/images.h"
#include "tests/torture/service.h"
#include "tests/torture/tree.h"

#define START_WITHIN_MS 10000
#define WITHIN_MS 5000
#define IMAGES_AT_A_POINT 6
#define IMAGES_QUICK 8 /* in all */

static const struct request asked[] = {
    {"POST", "/sales/demo/buy", "buyer=a", NULL},
    {"POST", "/sales/demo/buy", "buyer=b", "b"},
    {"PATCH", "/sales/demo", "lock=flock&capacity=120", NULL},
    {"POST", "/sales", "id=gig&capacity=7&lock=none", NULL},
    {"POST", "/sales/gig/buy", "buyer=c", "c"},
    {"PATCH", "/sales/gig", "lock=mutex&delay=1ms", NULL},
    {"DELETE", "/sales/gig?force=1", NULL, NULL},
    {"POST", "/sales/demo/buy", "buyer=d", "d"},
};
#define ASKED (sizeof(asked) / sizeof(asked[0]))

struct film {
	const struct settings *settings;
	const char *store;
	struct tamper *tamper;
	char tamper_path[4096];
	char stage[4096], image[4096], data[4200], image_data[4200];
	struct service_options options;
	struct disk *disk;
	/* looks[0] after the start, looks[i] after the i-th request */
	char looks[ASKED + 1][LOOK_SIZE];
	size_t point, shown;
	/* What a start may show: looks[from] … looks[to]. */
	size_t from, to;
	uint64_t last_hash;
};

/* ---------------------------------------------------------- performance -- */

/* False: it was said why. */
static bool
perform(struct film *f)
{
	static struct answer answer;
	struct service_run run;
	bool good;
	size_t i;

	good =
	    service_start(&run, &f->options, START_WITHIN_MS) == SERVICE_RUNS &&
	    service_look(&run, WITHIN_MS, f->looks[0]);
	for (i = 0; i < ASKED && good; i++) {
		tape_mark(f->tamper, i, (int64_t)i + 1);
		service_insist(&run, &asked[i], WITHIN_MS, &answer);
		good = answer.status >= 200 && answer.status < 300 &&
		       service_look(&run, WITHIN_MS, f->looks[i + 1]);
		tape_mark(f->tamper, i + 1, (int64_t)i + 1);
	}
	if (!good)
		fprintf(stderr, "torture: the film: %d %s\n", answer.status,
		    answer.body);
	good = service_stop(&run, WITHIN_MS) && good;
	return good;
}

static bool
record(struct film *f)
{
	bool good;

	tree_remove(f->stage);
	if (mkdir(f->stage, 0755) != 0)
		return false;
	f->disk = disk_new(f->stage);
	f->options.data = f->data;
	snprintf(f->tamper->root, sizeof(f->tamper->root), "%.1000s", f->stage);
	f->tamper->skip_syncs = true;
	atomic_store(&f->tamper->recording, true);
	good = perform(f);
	atomic_store(&f->tamper->recording, false);
	return good;
}

/* --------------------------------------------------------------- images -- */

static void
judge(struct film *f, const struct image *image, const char *name)
{
	static char now[LOOK_SIZE];
	struct service_run run;
	size_t i;

	f->options.data = f->image_data;
	if (service_start(&run, &f->options, START_WITHIN_MS) != SERVICE_RUNS) {
		service_log(&run, now, sizeof(now));
		report_red(
		    name, "a start", "\"%s\" where %s", now, image->lost);
		return;
	}
	if (!service_look(&run, WITHIN_MS, now)) {
		report_red(name, "sales that can be seen", "%s where %s", now,
		    image->lost);
	} else {
		for (i = f->from; i <= f->to; i++)
			if (strcmp(now, f->looks[i]) == 0)
				break;
		if (i <= f->to)
			report_green(name);
		else
			report_red(name, "what was told", "%s where %s",
			    service_difference(now, f->looks[f->to]),
			    image->lost);
	}
	service_kill(&run);
}

static bool
visit(const struct image *image, void *arg)
{
	struct film *f = arg;
	char name[128];

	snprintf(name, sizeof(name), "powercut/%s/service/%zu/%" PRId64,
	    f->store, f->point, image->number);
	if (!report_wants(name) || image->hash == f->last_hash)
		return true;
	f->last_hash = image->hash;
	if (f->settings->quick && f->settings->only == NULL &&
	    (f->shown == IMAGES_QUICK || report_chance(name) % 5 != 0))
		return true;
	f->shown++;
	if (!images_build(image, f->image)) {
		perror(f->image);
		return false;
	}
	judge(f, image, name);
	return true;
}

static void
look_at_tape(struct film *f)
{
	const struct tape_record *r = NULL;
	char why[256], name[128];

	while ((r = tape_next(f->tamper, r)) != NULL) {
		if (r->kind == TAPE_MARK || r->kind == TAPE_SYNC) {
			f->point++;
			images_visit(f->disk, IMAGES_AT_A_POINT,
			    f->settings->seed + f->point, visit, f);
		}
		if (r->kind == TAPE_MARK) {
			f->from = (size_t)r->inode;
			f->to = (size_t)r->at;
		} else {
			disk_apply(f->disk, r);
		}
	}
	f->point++;
	images_visit(f->disk, IMAGES_AT_A_POINT, f->settings->seed, visit, f);
	snprintf(name, sizeof(name), "powercut/%s/service/tape", f->store);
	if (f->tamper->strange[0] != '\0')
		report_red(name, "calls that the tape has words for", "%s",
		    f->tamper->strange);
	else if (!disk_is_true(f->disk, why, sizeof(why)))
		report_red(name, "a tape that tells all", "another %s", why);
	else
		report_green(name);
}

void
powercut_service(const struct settings *settings, const char *store)
{
	static struct film f;
	char name[64];

	snprintf(name, sizeof(name), "powercut/%s/service", store);
	if (!report_enters(name))
		return;
	f = (struct film){.settings = settings, .store = store};
	f.tamper = tamper_new(settings->work, f.tamper_path);
	snprintf(f.stage, sizeof(f.stage), "%s/film", settings->work);
	snprintf(f.image, sizeof(f.image), "%s/frame", settings->work);
	snprintf(f.data, sizeof(f.data), "%s/data", f.stage);
	snprintf(f.image_data, sizeof(f.image_data), "%s/data", f.image);
	f.options = (struct service_options){.settings = settings,
	    .tamper = f.tamper_path,
	    .log = settings->work,
	    .store = store,
	    .workers = 2,
	    .clerks = 1};
	service_adopt_orphans();
	if (record(&f))
		look_at_tape(&f);
	else
		report_red(name, "a service", "none");
	disk_free(f.disk);
	tamper_free(f.tamper, f.tamper_path);
}
