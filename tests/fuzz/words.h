/* SPDX-License-Identifier: BSD-2-Clause */
/* A case as a command line: a word a line; "NAME=value" first are variables. */
#ifndef WORDS_H
#define WORDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/options.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 40

struct words {
	char *text;
	char *argv[WORDS_MAX + 2];
	int argc;
	/* What was printed. */
	char *out_text, *err_text;
	size_t out_size, err_size;
	FILE *out, *err;
};

static inline void
words_open(struct words *words, const char *data, const char *prefix)
{
	char *rest, *word, *value;

	*words = (struct words){.text = strdup(data), .argc = 1};
	words->argv[0] = "program";
	rest = words->text;
	while (
	    (word = strsep(&rest, "\n")) != NULL && words->argc <= WORDS_MAX) {
		value = strchr(word, '=');
		if (prefix != NULL && value != NULL && words->argc == 1 &&
		    strncmp(word, prefix, strlen(prefix)) == 0) {
			*value = '\0';
			setenv(word, value + 1, 1);
			*value = '=';
		} else {
			words->argv[words->argc++] = word;
		}
	}
	words->out = open_memstream(&words->out_text, &words->out_size);
	words->err = open_memstream(&words->err_text, &words->err_size);
	claim(words->out != NULL && words->err != NULL);
}

static inline void
words_close(struct words *words)
{
	fclose(words->out);
	fclose(words->err);
	free(words->out_text);
	free(words->err_text);
	free(words->text);
}

/* Help goes to one, a line of complaint to the other, and to no other end. */
static inline void
words_claim_said(struct words *words, enum options_result result)
{
	fflush(words->out);
	fflush(words->err);
	claim((result == OPTIONS_DONE) == (words->out_size > 0));
	claim((result == OPTIONS_WRONG) == (words->err_size > 0));
	if (result == OPTIONS_WRONG)
		claim(words->err_text[words->err_size - 1] == '\n');
}

#endif
