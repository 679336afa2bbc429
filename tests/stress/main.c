/* SPDX-License-Identifier: BSD-2-Clause */
/* stress: rows from the axes, one after the other, and the reports. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/file_limit.h"
#include "tests/signalled.h"
#include "tests/stress/cluster.h"
#include "tests/stress/result.h"

#define EXIT_USAGE 2
#define BAR 20

/* On standard error: a bar on a terminal, else a line for each row. */
struct progress {
	enum { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_LINES } how;
	size_t done, count;
	struct setting setting;
};

static void
show_bar(void *arg, const char *what)
{
	static const char full[] = "####################";
	const struct progress *p = arg;
	int n;

	if (p->how != PROGRESS_BAR)
		return;
	n = (int)(p->done * BAR / p->count);
	fprintf(stderr, "\r\033[K[%.*s%*s] %zu/%zu  %s %s: %s", n, full,
	    BAR - n, "", p->done + 1, p->count, p->setting.store,
	    p->setting.lock, what);
}

/* A signal came: where it was, and what is known of that row. */
static void
note_stop(
    struct result *result, const struct progress *p, const struct row *row)
{
	result->stopped_by = signalled;
	snprintf(result->stopped_in, sizeof(result->stopped_in),
	    "row %zu of %zu: %s, %s; %u race%s of it judged, %u wrong",
	    p->done + 1, p->count, p->setting.lock, p->setting.store, row->runs,
	    row->runs == 1 ? "" : "s", row->wrong_runs);
}

/* The price's other rounds, over all rows in turn, until a signal comes. */
static void
run_rounds(struct result *result, struct progress *p, const struct stage *stage)
{
	unsigned round;

	for (round = 1; round < result->flags->rounds; round++)
		for (p->done = 0; p->done < result->count; p->done++) {
			struct row *row = &result->rows[p->done];

			p->setting = row->setting;
			show_bar(p, "price again");
			if (!row_price(row, (unsigned)p->done, round, stage)) {
				note_stop(result, p, row);
				return;
			}
			result_renew(result, row);
		}
}

static void
run_rows(struct result *result, struct trace *trace, struct events *events)
{
	struct progress progress = {.count = flags_settings(result->flags),
	    .how = result->flags->json          ? PROGRESS_NONE
		   : isatty(STDERR_FILENO) != 0 ? PROGRESS_BAR
						: PROGRESS_LINES};
	const struct stage stage = {.flags = result->flags,
	    .stop = &signalled,
	    .trace = trace,
	    .events = events,
	    .doing = show_bar,
	    .arg = &progress};
	struct row row;

	for (; progress.done < progress.count; progress.done++) {
		progress.setting = flags_setting(result->flags, progress.done);
		show_bar(&progress, "starts");
		if (!row_run(&row, &progress.setting, (unsigned)progress.done,
			&stage)) {
			note_stop(result, &progress, &row);
			row_free(&row);
			break;
		}
		result_add(result, &row);
		if (progress.how == PROGRESS_LINES)
			fprintf(stderr, "%zu/%zu  %s %s: %s\n",
			    progress.done + 1, progress.count,
			    row.setting.store, row.setting.lock, row.verdict);
		if (progress.done == 0 && row.promise == ROW_FAILED)
			break; /* and so would all others */
	}
	if (result->stopped_by == 0)
		run_rounds(result, &progress, &stage);
	if (progress.how == PROGRESS_BAR)
		fprintf(stderr, "\r\033[K");
}

/* What comes out beside the report; each open before the first row. */
struct outputs {
	struct trace *trace;
	struct events *events;
	FILE *markdown, *plot;
};

static bool
cannot(const char *path)
{
	fprintf(stderr, "stress: %s: %s\n", path, strerror(errno));
	return false;
}

static bool
open_file(const char *path, FILE **file)
{
	if (path == NULL)
		return true;
	*file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	return *file != NULL || cannot(path);
}

/* False: why was said. */
static bool
open_outputs(const struct flags *flags, struct outputs *outputs)
{
	if (!open_file(flags->markdown, &outputs->markdown) ||
	    !open_file(flags->plot, &outputs->plot))
		return false;
	if (flags->trace != NULL &&
	    (outputs->trace = trace_new(flags->trace)) == NULL)
		return cannot(flags->trace);
	if (flags->history != NULL &&
	    (outputs->events = events_new(flags->history)) == NULL)
		return cannot(flags->history);
	return true;
}

/* It is all in the file.  False: why was said. */
static bool
close_file(const char *path, FILE *file)
{
	if (file == NULL)
		return true;
	if (fflush(file) != 0 || ferror(file) ||
	    (file != stdout && fclose(file) != 0))
		return cannot(path);
	return true;
}

static bool
close_outputs(const struct flags *flags, struct outputs *outputs)
{
	bool good = close_file(flags->markdown, outputs->markdown);

	good = close_file(flags->plot, outputs->plot) && good;
	if (outputs->trace != NULL && !trace_close(outputs->trace))
		good = cannot(flags->trace);
	if (outputs->events != NULL && !events_close(outputs->events))
		good = cannot(flags->history);
	return close_file("standard output", stdout) && good;
}

/* Everything that was asked for. */
static void
report(const struct result *result, const struct outputs *outputs)
{
	if (result->flags->json)
		report_json(result, stdout);
	else
		report_text(result, stdout);
	if (outputs->markdown != NULL)
		report_markdown(result, outputs->markdown);
	if (outputs->plot != NULL)
		report_plot(result, outputs->plot);
}

/* No row has a result: there was no service. */
static bool
nothing_ran(const struct result *result)
{
	size_t i;

	for (i = 0; i < result->count; i++)
		if (result->rows[i].promise != ROW_FAILED)
			return false;
	return true;
}

static int
exit_status(const struct result *result)
{
	if (result->stopped_by != 0)
		return 128 + result->stopped_by;
	if (nothing_ran(result)) {
		if (result->count > 0)
			fprintf(stderr, "stress: %s\n", result->rows[0].error);
		return EXIT_USAGE;
	}
	return result_is_good(result) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Is anybody there, or can one be started, before anything else is done? False:
 * why was said. */
static bool
find_service(const struct flags *flags)
{
	char error[LAUNCH_ERROR_SIZE];
	struct web *web;
	bool good;

	if (flags->url == NULL) {
		good = launch_check(flags, error);
		if (!good)
			fprintf(stderr, "stress: %s\n", error);
		return good;
	}
	web = web_new(flags->url, flags->token, &signalled);
	good = web_get(web, "/livez", NULL) != 0;
	if (!good)
		fprintf(stderr, "stress: %s\n", web_error(web));
	web_free(web);
	return good;
}

/* All that can be known to be wrong before the first row. */
static bool
prepare(struct result *result, struct outputs *outputs)
{
	const struct flags *flags = result->flags;
	char error[LAUNCH_ERROR_SIZE];

	if (flags->compare != NULL) {
		result->old = compare_load(flags->compare, error);
		if (result->old == NULL) {
			fprintf(stderr, "stress: --compare %s\n", error);
			return false;
		}
	}
	return open_outputs(flags, outputs) && find_service(flags);
}

static int
run(const struct flags *flags)
{
	struct result result = {.flags = flags};
	struct outputs outputs = {0};
	const int64_t start_ns = clock_now_ns();
	size_t i;
	int status;

	if (!prepare(&result, &outputs))
		return signalled != 0 ? 128 + signalled : EXIT_USAGE;
	result.file_system =
	    flags->url != NULL
		? "a service that ran already"
		: launch_file_system(launch_data_root(flags->data));
	run_rows(&result, outputs.trace, outputs.events);
	result.took_s = (double)(clock_now_ns() - start_ns) / 1e9;
	result_finish(&result);
	status = exit_status(&result);
	if (status != EXIT_USAGE)
		report(&result, &outputs);
	if (!close_outputs(flags, &outputs) && status == EXIT_SUCCESS)
		status = EXIT_FAILURE;
	for (i = 0; i < result.count; i++)
		row_free(&result.rows[i]);
	free(result.rows);
	json_decref(result.old);
	return status;
}

static bool
check_expects(const struct flags *flags)
{
	size_t i;

	for (i = 0; i < flags->expect_count; i++) {
		const char *why = expect_refuse(flags, flags->expects[i]);

		if (why == NULL)
			continue;
		fprintf(stderr, "stress: --expect %s: %s\n", flags->expects[i],
		    why);
		return false;
	}
	return true;
}

/* A database of our own, if one is wanted; `*status` is what comes of it. */
static struct cluster *
begin_cluster(struct flags *flags, int *status)
{
	struct cluster *cluster = NULL;
	char error[512];
	size_t i;

	*status = EXIT_SUCCESS;
	for (i = 0; i < flags->store_count && flags->url == NULL; i++)
		if (store_has_hosts(flags->stores[i]))
			break;
	if (flags->url != NULL || i == flags->store_count ||
	    flags->database != NULL)
		return NULL;
	cluster = cluster_start(flags->data != NULL ? flags->data : "/var/tmp",
	    error, sizeof(error));
	if (cluster == NULL) {
		fprintf(stderr, "stress: %s\n", error);
		*status = EXIT_USAGE;
		return NULL;
	}
	flags->cluster = cluster;
	return cluster;
}

int
main(int argc, char *argv[])
{
	static char program[4096 + 16];
	enum options_result parsed;
	struct cluster *cluster;
	struct flags flags;
	int status;

	parsed = flags_parse(&flags, argc, argv, stdout, stderr);
	if (parsed != OPTIONS_OK)
		return parsed == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
	if (!check_expects(&flags))
		return EXIT_USAGE;
	if (flags.service == NULL && flags.url == NULL) {
		if (!launch_find_program(program, sizeof(program))) {
			fprintf(stderr,
			    "stress: %s: there is no service; "
			    "make builds it, --service names it\n",
			    program);
			return EXIT_USAGE;
		}
		flags.service = program;
	}
	signalled_catch();
	signal(SIGPIPE, SIG_IGN);
	file_limit_raise();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	cluster = begin_cluster(&flags, &status);
	if (status != EXIT_SUCCESS)
		;
	else if (flags.flood == NULL)
		status = run(&flags);
	else
		status =
		    row_flood(&flags, &signalled) ? EXIT_SUCCESS : EXIT_USAGE;
	cluster_stop(cluster);
	curl_global_cleanup();
	return status;
}
