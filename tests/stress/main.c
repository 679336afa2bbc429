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
#include "tests/stress/buffer.h"
#include "tests/stress/flags.h"
#include "tests/stress/launch.h"
#include "tests/stress/result.h"
#include "tests/stress/row.h"
#include "tests/stress/trace.h"

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

/* ------------------------------------------------------------- progress -- */

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
show_row(const struct progress *p, const struct row *row)
{
	char verdict[24];

	if (p->how != PROGRESS_LINES)
		return;
	result_verdict(row, verdict);
	fprintf(stderr, "%zu/%zu  %s %s: %s\n", p->done + 1, p->count,
	    row->setting.store, row->setting.lock, verdict);
}

/* ----------------------------------------------------------------- rows -- */

static size_t
count_settings(const struct flags *f)
{
	return f->store_count * f->lock_count * f->worker_count *
	       f->clerk_count * f->batch_count * f->delay_count;
}

/* The digits of `i`, each to the base of its axis. */
static struct setting
make_setting(const struct flags *f, size_t i)
{
	struct setting s = {0};

	s.delay_min_ms = f->delays[i % f->delay_count].min_ms;
	s.delay_max_ms = f->delays[i % f->delay_count].max_ms;
	i /= f->delay_count;
	s.batch = f->batches[i % f->batch_count];
	i /= f->batch_count;
	s.clerks = f->clerks[i % f->clerk_count];
	i /= f->clerk_count;
	s.workers = f->workers[i % f->worker_count];
	i /= f->worker_count;
	s.strategy = f->locks[i % f->lock_count];
	lock_print(s.strategy, s.lock);
	i /= f->lock_count;
	snprintf(s.store, sizeof(s.store), "%s", f->stores[i]);
	return s;
}

static void
run_rows(struct result *result, struct trace *trace)
{
	struct progress progress = {.count = count_settings(result->flags),
	    .how = result->flags->json          ? PROGRESS_NONE
		   : isatty(STDERR_FILENO) != 0 ? PROGRESS_BAR
						: PROGRESS_LINES};
	const struct stage stage = {.flags = result->flags,
	    .stop = &signalled,
	    .trace = trace,
	    .doing = show_bar,
	    .arg = &progress};
	struct row row;

	for (; progress.done < progress.count; progress.done++) {
		progress.setting = make_setting(result->flags, progress.done);
		show_bar(&progress, "starts");
		result->stopped = !row_run(
		    &row, &progress.setting, (unsigned)progress.done, &stage);
		if (result->stopped) {
			row_free(&row);
			break;
		}
		result->rows = buffer_grow(
		    result->rows, result->count, sizeof(*result->rows));
		result->rows[result->count++] = row;
		show_row(&progress, &row);
	}
	if (progress.how == PROGRESS_BAR)
		fprintf(stderr, "\r\033[K");
}

/* -------------------------------------------------------------- reports -- */

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

static void
print_json(const struct result *result)
{
	json_t *value = report_json(result);

	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	printf("\n");
	json_decref(value);
}

/* Everything that was asked for.  False: a file could not be written. */
static bool
report(const struct result *result)
{
	const struct flags *flags = result->flags;
	const bool colour =
	    isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL;
	bool good;

	if (flags->json)
		print_json(result);
	else
		report_text(result, colour, stdout);
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
run(const struct flags *flags)
{
	struct result result = {.flags = flags};
	const int64_t start_ns = clock_now_ns();
	struct trace *trace = NULL;
	size_t i;
	int status;

	if (flags->trace != NULL) {
		trace = trace_new(flags->trace);
		if (trace == NULL) {
			fprintf(stderr, "stress: %s: %s\n", flags->trace,
			    strerror(errno));
			return EXIT_USAGE;
		}
	}
	result.file_system =
	    flags->url != NULL
		? "a service that ran already"
		: launch_file_system(launch_data_root(flags->data));
	run_rows(&result, trace);
	result.took_s = (double)(clock_now_ns() - start_ns) / 1e9;
	result_compare(&result);
	status = exit_status(&result);
	if (status != EXIT_USAGE && !report(&result))
		status = EXIT_FAILURE;
	if (trace != NULL && !trace_close(trace))
		status = EXIT_FAILURE;
	for (i = 0; i < result.count; i++)
		row_free(&result.rows[i]);
	free(result.rows);
	return status;
}

/* ---------------------------------------------------------------- flood -- */

static void
print_flood(const struct flags *flags, const struct buyers_log *log)
{
	const double us = (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3;
	size_t i, good = 0;

	for (i = 0; i < log->count; i++)
		good += log->replies[i].status == 200;
	printf("%.0f requests/s by %u buyers, %zu of %zu with 200; "
	       "%.1f us of the client's own time each\n",
	    (double)log->count * 1e9 / (double)(log->end_ns - log->start_ns),
	    flags->buyers, good, log->count, us / (double)log->count);
}

/* The client against an answer that costs next to nothing. */
static int
flood(const struct flags *flags)
{
	const struct setting setting = make_setting(flags, 0);
	const struct buyers_plan plan = {.sale = "demo",
	    .flood = flags->flood,
	    .duration_ns = flags->duration_ms * NS_PER_MS};
	char error[ROW_ERROR_SIZE] = "buyers could not connect";
	const char *url = flags->url;
	struct buyers_log log = {0};
	struct launch launch = {0};
	struct buyers *buyers;
	bool ran;

	if (url == NULL && row_launch(flags, &setting, &launch, error))
		url = launch.url;
	buyers = url != NULL ? buyers_new(url, flags->buyers) : NULL;
	ran = buyers != NULL && buyers_run(buyers, &plan, &log, &signalled) &&
	      log.count > 0;
	if (ran)
		print_flood(flags, &log);
	else
		fprintf(stderr, "stress: %s\n", error);
	buyers_log_free(&log);
	buyers_free(buyers);
	if (launch.pid > 0)
		launch_stop(&launch);
	return ran ? EXIT_SUCCESS : EXIT_USAGE;
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
	struct flags flags;
	int status;

	switch (flags_parse(&flags, argc, argv, stdout, stderr)) {
	case OPTIONS_OK:
		break;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	}
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
	status = flags.flood != NULL ? flood(&flags) : run(&flags);
	curl_global_cleanup();
	return status;
}
