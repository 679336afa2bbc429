/* SPDX-License-Identifier: BSD-2-Clause */
/* All rows, and the ways to show them: one function, one file each. */
#ifndef RESULT_H
#define RESULT_H

#include "tests/stress/row.h"

#define RESULT_LABEL_SIZE 64

struct result {
	const struct flags *flags;
	struct row *rows;
	size_t count;
	double took_s;
	bool stopped; /* by a signal: rows are missing */
	const char *file_system;
};

/* ---- result.c: what several reports need ---- */

/* As it must be: every row good. */
bool result_is_good(const struct result *result);

/* Prices, relative to the best correct row; call once, before any report. */
void result_compare(struct result *result);

/* The strategy, and whatever else differs between the rows; cut to fit. */
void result_label(const struct result *result, const struct row *row,
    char label[RESULT_LABEL_SIZE]);

/* "OVERSOLD", "correct", "not shown", "no result". */
void result_verdict(const struct row *row, char verdict[24]);

/* One line on why; it, and the two below, are cut to `size` bytes. */
void result_reason(const struct row *row, char *text, size_t size);

/* Cores, kernel, file system, versions, build. */
void result_machine(const struct result *result, char *text, size_t size);

/* What the rows have in common: buyers, tickets, workers, delay. */
void result_setting(const struct result *result, char *text, size_t size);

/* ---- one file each ---- */

void report_text(const struct result *result, bool colour, FILE *out);
/* A new reference. */
json_t *report_json(const struct result *result);
void report_markdown(const struct result *result, FILE *out);
void report_plot(const struct result *result, FILE *out);

/* ---- expect.c ---- */

/* Is it "NAME OPERATOR VALUE" of something that is known? */
bool expect_is_valid(const char *text);

/* Does it hold for every row that has it?  What was found goes to `found`. */
bool expect_holds(
    const struct result *result, const char *text, char found[96]);

#endif
