/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histories made by hand, for the checker's tests.  Values are JSON with ' in
 * place of ", which C reads more easily.
 */
#ifndef MADE_H
#define MADE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/history/explain.h"
#include "tests/history/history.h"
#include "tests/history/search.h"

#define MADE_SIZE 8000000

struct made {
	char text[MADE_SIZE];
	size_t length;
	int64_t time;
	const char *sale;
	char words[8192]; /* of the last made_judge() */
};

__attribute__((format(printf, 5, 6))) static inline void
made_event(struct made *made, int process, const char *type, const char *f,
    const char *format, ...)
{
	char value[512];
	va_list args;
	size_t i;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	for (i = 0; value[i] != '\0'; i++)
		if (value[i] == '\'')
			value[i] = '"';
	made->length += (size_t)snprintf(made->text + made->length,
	    MADE_SIZE - made->length,
	    "{\"time\":%lld,\"process\":%d,\"type\":\"%s\",\"f\":\"%s\","
	    "\"sale\":\"%s\",\"value\":{%s}}\n",
	    (long long)made->time++, process, type, f, made->sale, value);
	assert_true(made->length < MADE_SIZE);
}

#define ask(made, process, f, ...)                                             \
	made_event(made, process, "invoke", f, __VA_ARGS__)
#define told(made, process, f, ...)                                            \
	made_event(made, process, "ok", f, __VA_ARGS__)
#define lose(made, process, f) made_event(made, process, "info", f, "%s", "")
#define failed(made, process, f) made_event(made, process, "fail", f, "%s", "")

static inline struct history *
made_read(const struct made *made)
{
	struct history *history;
	char error[256];
	FILE *file;

	file = fmemopen((void *)made->text, made->length, "r");
	assert_non_null(file);
	history = history_read(file, error, sizeof(error));
	fclose(file);
	if (history == NULL)
		fail_msg("%s in\n%s", error, made->text);
	return history;
}

static inline enum verdict
made_search(const struct history *history, bool plain)
{
	const struct search_options options = {.plain = plain, .most = 5000000};
	struct search_result result;
	enum verdict verdict = LINEARIZABLE;
	size_t i;

	for (i = 0; i < history->count && verdict == LINEARIZABLE; i++) {
		result =
		    search(&history->partitions[i], history->texts, &options);
		free(result.order);
		verdict = result.verdict;
	}
	return verdict;
}

/* Both ways must say the same; `words` is what is wrong, if it is. */
static inline enum verdict
made_judge(struct made *made)
{
	const struct search_options options = {0};
	struct history *history = made_read(made);
	const enum verdict plain = made_search(history, true);
	const enum verdict quick = made_search(history, false);
	FILE *out;

	if (plain != quick) {
		fputs(made->text, stderr); /* fail_msg() would cut it */
		fail_msg("plain says %d, but otherwise it is %d", plain, quick);
	}
	memset(made->words, 0, sizeof(made->words));
	out = fmemopen(made->words, sizeof(made->words) - 1, "w");
	if (plain == NOT_LINEARIZABLE)
		explain(history, &history->partitions[0], &options, out);
	fclose(out);
	history_free(history);
	return plain;
}

#endif
