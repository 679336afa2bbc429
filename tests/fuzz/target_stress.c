/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stress test's flags, which have lists, and some that do not go together.
 * Its functions are called like the service's: fuzz.mk renames them.
 */
#include "tests/stress/flags.h"

#include "service/duration.h"
#include "tests/fuzz/words.h"

static void
claim_in_range(const struct flags *f)
{
	size_t i;

	claim(1 <= f->lock_count && f->lock_count <= STRATEGIES_MAX);
	claim(1 <= f->store_count && f->store_count <= 2);
	claim(1 <= f->worker_count && f->worker_count <= FLAGS_LIST_MAX);
	claim(1 <= f->clerk_count && f->clerk_count <= FLAGS_LIST_MAX);
	claim(1 <= f->batch_count && f->batch_count <= FLAGS_LIST_MAX);
	claim(1 <= f->delay_count && f->delay_count <= FLAGS_LIST_MAX);
	claim(f->expect_count <= FLAGS_EXPECT_MAX);
	for (i = 0; i < f->delay_count; i++)
		claim(0 <= f->delays[i].min_ms &&
		      f->delays[i].min_ms <= f->delays[i].max_ms &&
		      f->delays[i].max_ms <= DURATION_MAX_MS);
	for (i = 0; i < f->store_count; i++)
		claim(f->stores[i] != NULL);
}

/* Each row of the matrix has its names whole. */
static void
claim_settings(const struct flags *f)
{
	const size_t count = flags_settings(f);
	struct lock_strategy strategy;
	struct setting s;
	size_t i;

	claim(count >= 1);
	for (i = 0; i < count; i += 1 + count / 8) {
		s = flags_setting(f, i);
		if (f->sale == NULL)
			claim(lock_parse(s.lock, &strategy));
		else /* until the sale is read */
			claim(strcmp(s.lock, "its own") == 0);
		claim(strcmp(s.store, f->stores[i * f->store_count / count]) ==
		      0);
		claim(f->url != NULL || (s.workers >= 1 && s.clerks >= 1));
		claim(f->url != NULL || s.batch >= 1);
	}
}

void
target_stress(const char *data, size_t size)
{
	enum options_result result;
	struct words words;
	struct flags flags;

	(void)size;
	words_open(&words, data, NULL);
	result =
	    flags_parse(&flags, words.argc, words.argv, words.out, words.err);
	words_claim_said(&words, result);
	if (result == OPTIONS_OK) {
		claim_in_range(&flags);
		claim_settings(&flags);
		flags_orders(&flags);
		flags_drill(&flags);
	}
	words_close(&words);
}
