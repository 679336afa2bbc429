/* SPDX-License-Identifier: BSD-2-Clause */
/* stress: rows from the axes, one after the other, and the reports. */
#include <sys/resource.h>

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "tests/stress/result.h"

#define EXIT_USAGE 2
#define BAR 20

static volatile sig_atomic_t signalled;

static void
on_signal(int number)
{
	(void)number;
	signalled = 1;
}

static void
catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A socket for each buyer. */
static void
raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files); /* else there are fewer */
}

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
		result->stopped = !row_run(
		    &row, &progress.setting, (unsigned)progress.done, &stage);
		if (result->stopped) {
			row_free(&row);
			break;
		}
		result_add(result, &row);
		if (progress.how == PROGRESS_LINES)
			fprintf(stderr, "%zu/%zu  %s %s: %s\n",
			    progress.done + 1, progress.count,
			    row.setting.store, row.setting.lock, row.verdict);
	}
	if (progress.how == PROGRESS_BAR)
		fprintf(stderr, "\r\033[K");
}

static bool
write_file(const char *path, const struct result *result,
    void (*report)(const struct result *result, FILE *out))
{
	FILE *file;
	bool good;

	if (path == NULL)
		return true;
	file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (file == NULL) {
		fprintf(stderr, "stress: %s: %s\n", path, strerror(errno));
		return false;
	}
	report(result, file);
	good = !ferror(file);
	if (file != stdout)
		good = fclose(file) == 0 && good;
	return good;
}

/* Everything that was asked for.  False: a file could not be written. */
static bool
report(const struct result *result)
{
	const struct flags *flags = result->flags;
	bool good;

	if (flags->json)
		report_json(result, stdout);
	else
		report_text(result, stdout);
	good = write_file(flags->markdown, result, report_markdown);
	return write_file(flags->plot, result, report_plot) && good;
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
	char found[96];
	size_t i;

	if (result->stopped)
		return EXIT_FAILURE;
	if (nothing_ran(result)) {
		if (result->count > 0)
			fprintf(stderr, "stress: %s\n", result->rows[0].error);
		return EXIT_USAGE;
	}
	for (i = 0; i < result->flags->expect_count; i++)
		if (!expect_holds(result, result->flags->expects[i], found))
			return EXIT_FAILURE;
	return result_is_good(result) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
cannot_write(const char *path)
{
	fprintf(stderr, "stress: %s: %s\n", path, strerror(errno));
	return EXIT_USAGE;
}

static int
run(const struct flags *flags)
{
	struct result result = {.flags = flags};
	const int64_t start_ns = clock_now_ns();
	struct trace *trace = NULL;
	struct events *events = NULL;
	size_t i;
	int status;

	if (flags->trace != NULL) {
		trace = trace_new(flags->trace);
		if (trace == NULL)
			return cannot_write(flags->trace);
	}
	if (flags->history != NULL) {
		events = events_new(flags->history);
		if (events == NULL)
			return cannot_write(flags->history);
	}
	result.file_system =
	    flags->url != NULL
		? "a service that ran already"
		: launch_file_system(launch_data_root(flags->data));
	run_rows(&result, trace, events);
	result.took_s = (double)(clock_now_ns() - start_ns) / 1e9;
	result_finish(&result);
	status = exit_status(&result);
	if (status != EXIT_USAGE && !report(&result))
		status = EXIT_FAILURE;
	if (trace != NULL && !trace_close(trace))
		status = EXIT_FAILURE;
	if (events != NULL && !events_close(events))
		status = EXIT_FAILURE;
	for (i = 0; i < result.count; i++)
		row_free(&result.rows[i]);
	free(result.rows);
	return status;
}

static bool
check_expects(const struct flags *flags)
{
	size_t i;

	for (i = 0; i < flags->expect_count; i++) {
		if (expect_is_valid(flags->expects[i]))
			continue;
		fprintf(stderr,
		    "stress: --expect %s: must be wrong, unknown, stop, "
		    "sold/s, refused/s, p50, p95, p99 or\nmax, then == != < "
		    "<= > or >=, then a number: p99<50ms\n",
		    flags->expects[i]);
		return false;
	}
	return true;
}

int
main(int argc, char *argv[])
{
	static char program[4096 + 16];
	enum options_result parsed;
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
	catch_signals();
	raise_file_limit();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (flags.flood == NULL)
		status = run(&flags);
	else
		status =
		    row_flood(&flags, &signalled) ? EXIT_SUCCESS : EXIT_USAGE;
	curl_global_cleanup();
	return status;
}
