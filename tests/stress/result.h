/* SPDX-License-Identifier: BSD-2-Clause */
/* All rows, and the ways to show them: one function, one file each. */
#ifndef RESULT_H
#define RESULT_H

#include "tests/stress/compare.h"
#include "tests/stress/row.h"

#define RESULT_FOUND 256
#define RESULT_LATE 240

struct result {
	const struct flags *flags;
	struct row *rows;
	size_t count;
	double took_s;
	int stopped_by;       /* a signal, 0: none; then rows are missing … */
	char stopped_in[160]; /* … and this one was not finished */
	const char *file_system;
	json_t *old; /* to compare with; NULL: nothing */
	/* Set by result_finish(). */
	char setting[256]; /* what rows have in common: buyers, tickets, … */
	char machine[256]; /* cores, kernel, file system, versions, build */
	/* What was expected. */
	struct {
		bool holds;
		char found[RESULT_FOUND];
	} expects[FLAGS_EXPECT_MAX];
};

/* One more row, which is the result's from now on; its words are set. */
void result_add(struct result *result, struct row *row);

/* Its words once more, after another round of its price. */
void result_renew(const struct result *result, struct row *row);

/*
 * All rows are there: prices relative to the best correct row, words, and what
 * was expected.
 */
void result_finish(struct result *result);

/*
 * As it must be: every row good, and every expectation met.  The headline, the
 * JSON and the exit status say this and nothing else.
 */
bool result_is_good(const struct result *result);

void report_text(const struct result *result, FILE *out);
void report_json(const struct result *result, FILE *out);
void report_markdown(const struct result *result, FILE *out);
void report_plot(const struct result *result, FILE *out);

/* What was otherwise in --compare's report; false: nothing. */
bool result_unlike(const struct result *result, char text[COMPARE_UNLIKE]);

/*
 * Times are also the client's own, where it had to wait for a processor: a
 * sentence on that; false: it did not.
 */
bool result_late_client(const struct result *result, char text[RESULT_LATE]);

/*
 * Is it "NAME OPERATOR VALUE" of something that these flags let be known?
 * NULL: yes; else what it must be, or what it lacks.
 */
const char *expect_refuse(const struct flags *flags, const char *text);

/* Does it hold for every row that has it?  What was found goes to `found`. */
bool expect_holds(
    const struct result *result, const char *text, char found[RESULT_FOUND]);

#endif
