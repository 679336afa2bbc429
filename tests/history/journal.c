/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/history/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void *
must(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "history-record: out of memory\n");
		exit(2);
	}
	return memory;
}

/* The time is taken by the caller: it must be outside of the request. */
static void
add(struct journal *journal, int64_t ns, bool is_question, json_t *event)
{
	json_object_set_new(event, "time", json_integer(ns));
	if (journal->count == journal->room) {
		journal->room = journal->room * 2 + 256;
		journal->entries = must(realloc(journal->entries,
		    journal->room * sizeof(*journal->entries)));
	}
	journal->entries[journal->count++] = (struct entry){.ns = ns,
	    .is_question = is_question,
	    .text = must(json_dumps(event, JSON_COMPACT))};
	json_decref(event);
}

void
journal_ask(struct journal *journal, int process, const char *sale,
    const char *f, json_t *value)
{
	json_t *event = must(json_pack("{s:i, s:s, s:s, s:s, s:o*}", "process",
	    process, "type", "invoke", "f", f, "sale", sale, "value", value));

	add(journal, now_ns(), true, event);
}

void
journal_told(struct journal *journal, int process, const char *type,
    const char *f, json_t *value)
{
	const int64_t ns = now_ns();
	json_t *event = must(json_pack("{s:i, s:s, s:s, s:o*}", "process",
	    process, "type", type, "f", f, "value", value));

	add(journal, ns, false, event);
}

/* At one instant questions go first: then the two were at the same time. */
static int
by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return (int)y->is_question - (int)x->is_question;
}

static size_t
gather(struct journal *const *journals, size_t count, struct entry **all)
{
	size_t i, n = 0;

	for (i = 0; i < count; i++)
		n += journals[i]->count;
	*all = must(calloc(n + 1, sizeof(**all)));
	n = 0;
	for (i = 0; i < count; i++) {
		if (journals[i]->count > 0)
			memcpy(*all + n, journals[i]->entries,
			    journals[i]->count * sizeof(**all));
		n += journals[i]->count;
		free(journals[i]->entries);
		*journals[i] = (struct journal){0};
	}
	return n;
}

bool
journal_write(struct journal *const *journals, size_t count, FILE *out)
{
	struct entry *all;
	const size_t n = gather(journals, count, &all);
	size_t i;

	qsort(all, n, sizeof(*all), by_time);
	for (i = 0; i < n; i++) {
		fprintf(out, "%s\n", all[i].text);
		free(all[i].text);
	}
	free(all);
	return fflush(out) == 0 && !ferror(out);
}
