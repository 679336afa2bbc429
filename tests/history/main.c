/* SPDX-License-Identifier: BSD-2-Clause */
/* history-check FILE: is what these clients were told possible? */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/history/explain.h"
#include "tests/history/history.h"
#include "tests/history/search.h"

/* Exit statuses. */
enum {
	STATUS_GOOD = 0,
	STATUS_BAD = 1,
	STATUS_UNREADABLE = 2,
	STATUS_OPEN = 3
};

#define MOST_DEFAULT 5000000 /* configurations: about 400 MB, a minute */

static void
print_help(FILE *out)
{
	fprintf(out,
	    "history-check: can these answers be explained by one order?\n\n"
	    "usage: history-check [flags] FILE     (- for standard input)\n\n"
	    "  --plain    use nothing but the specification, and be slow\n"
	    "  --most N   give up after N configurations of a sale "
	    "(5000000)\n"
	    "  --quiet    print nothing but the last line\n"
	    "  --help     print this\n\n"
	    "Exit status: 0 linearizable; 1 not; 2 the file cannot be read; "
	    "3 undecided.\n");
}

struct settings {
	struct search_options search;
	bool quiet;
	const char *file;
};

/* -1: go on; else the exit status. */
static int
parse(int argc, char *argv[], struct settings *settings)
{
	static const struct option options[] = {{"plain", 0, NULL, 'p'},
	    {"most", 1, NULL, 'm'}, {"quiet", 0, NULL, 'q'},
	    {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char *rest;
	int c;

	settings->search.most = MOST_DEFAULT;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			settings->search.plain = true;
			break;
		case 'm':
			settings->search.most = strtoull(optarg, &rest, 10);
			if (*rest == '\0' && settings->search.most > 0)
				break;
			fprintf(stderr,
			    "history-check: --most %s: must be a number\n",
			    optarg);
			return STATUS_UNREADABLE;
		case 'q':
			settings->quiet = true;
			break;
		case 'h':
			print_help(stdout);
			return 0;
		default:
			return STATUS_UNREADABLE;
		}
	}
	if (optind + 1 != argc) {
		print_help(stderr);
		return STATUS_UNREADABLE;
	}
	settings->file = argv[optind];
	return -1;
}

static struct history *
read_file(const char *name)
{
	const bool is_stdin = strcmp(name, "-") == 0;
	struct history *history;
	char error[256];
	FILE *file;

	file = is_stdin ? stdin : fopen(name, "re");
	if (file == NULL) {
		fprintf(stderr, "history-check: ");
		perror(name);
		return NULL;
	}
	history = history_read(file, error, sizeof(error));
	if (!is_stdin)
		fclose(file);
	if (history == NULL)
		fprintf(stderr, "history-check: %s: %s\n", name, error);
	return history;
}

static void
print_verdict(const struct history *history, const struct partition *p,
    const struct settings *settings, const struct search_result *result)
{
	const char *sale = history_text(history, p->sale);

	switch (result->verdict) {
	case LINEARIZABLE:
		printf("sale %s: linearizable: %zu operations (%zu failed); "
		       "outcome unknown: %zu, of which %zu happened\n",
		    sale, p->count + p->failed, p->failed, result->unknown,
		    result->happened);
		break;
	case NOT_LINEARIZABLE:
		printf("sale %s: NOT LINEARIZABLE: no order of its %zu "
		       "operations explains the answers\n",
		    sale, p->count);
		explain(history, p, &settings->search, stdout);
		break;
	case UNDECIDED:
		printf("sale %s: undecided after %" PRIu64
		       " configurations; --most allows more\n",
		    sale, result->configurations);
		break;
	}
}

static enum verdict
check(const struct history *history, const struct partition *p,
    const struct settings *settings)
{
	struct search_result result =
	    search(p, history->texts, &settings->search);

	if (!settings->quiet)
		print_verdict(history, p, settings, &result);
	free(result.order);
	return result.verdict;
}

/* The worst of all sales. */
static enum verdict
check_all(const struct history *history, const struct settings *settings)
{
	enum verdict worst = LINEARIZABLE, one;
	size_t i;

	for (i = 0; i < history->count; i++) {
		one = check(history, &history->partitions[i], settings);
		if (worst == LINEARIZABLE || one == NOT_LINEARIZABLE)
			worst = one;
	}
	return worst;
}

int
main(int argc, char *argv[])
{
	static const struct {
		int status;
		const char *words;
	} ends[] = {[LINEARIZABLE] = {STATUS_GOOD, "linearizable"},
	    [NOT_LINEARIZABLE] = {STATUS_BAD, "not linearizable"},
	    [UNDECIDED] = {STATUS_OPEN, "undecided"}};
	struct settings settings = {0};
	struct history *history;
	enum verdict verdict;
	size_t i, operations = 0;
	int done;

	done = parse(argc, argv, &settings);
	if (done != -1)
		return done;
	history = read_file(settings.file);
	if (history == NULL)
		return STATUS_UNREADABLE;
	verdict = check_all(history, &settings);
	for (i = 0; i < history->count; i++)
		operations += history->partitions[i].count +
			      history->partitions[i].failed;
	printf("%s: %zu operations, %zu sale%s\n", ends[verdict].words,
	    operations, history->count, history->count == 1 ? "" : "s");
	history_free(history);
	return ends[verdict].status;
}
