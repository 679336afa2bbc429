/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line. */
#include <sys/stat.h>

#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/torture/parts.h"
#include "tests/torture/tamper.h"
#include "tests/torture/tree.h"

static const struct {
	const char *name;
	int (*run)(const struct settings *settings);
	const char *what;
} parts[] = {
    {"powercut", powercut_run, "what a power cut may leave"},
    {"crash", crash_run, "killed at every call"},
    {"fault", fault_run, "every call fails"},
    {"memory", memory_run, "every allocation fails"},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const char usage[] =
    "usage: torture PART… [--store json|sqlite] [--case NAME] [--quick]\n"
    "               [--seed N] [--one-in N] [--red FILE] [--keep]\n"
    "               [--seconds N] [--work DIR]\n"
    "\n"
    "  --case NAME  only cases whose name begins with NAME\n"
    "  --quick      a few seconds for each store\n"
    "  --seed N     what is chosen by chance; it is printed\n"
    "  --one-in N   of so many cases one, by chance\n"
    "  --red FILE   append each red case to FILE\n"
    "  --seconds N  behind which no case of a part begins\n"
    "  --keep       keep the data of the first red case\n"
    "  --work DIR   where data is made (beside this program)\n"
    "\n"
    "Parts:\n";

static int
print_usage(FILE *out, int status)
{
	size_t i;

	fputs(usage, out);
	for (i = 0; i < PARTS; i++)
		fprintf(out, "  %-12s %s\n", parts[i].name, parts[i].what);
	return status;
}

/* Beside this program; an absolute path. */
static char *
beside(const char *name)
{
	static char folder[4096];
	const ssize_t n =
	    readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char *path = NULL;

	folder[n > 0 ? n : 0] = '\0';
	if (asprintf(&path, "%s/%s", dirname(folder), name) < 0)
		abort();
	return path;
}

/* Where an option's text goes; NULL: it is none of those. */
static const char **
text_of(struct settings *s, int option)
{
	switch (option) {
	case 's':
		return &s->store;
	case 'c':
		return &s->only;
	case 'f':
		return &s->red;
	case 'w':
		return &s->work;
	default:
		return NULL;
	}
}

static bool
parse(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
	    {"store", required_argument, NULL, 's'},
	    {"case", required_argument, NULL, 'c'},
	    {"quick", no_argument, NULL, 'q'},
	    {"seed", required_argument, NULL, 'r'},
	    {"red", required_argument, NULL, 'f'},
	    {"one-in", required_argument, NULL, 'o'},
	    {"seconds", required_argument, NULL, 't'},
	    {"keep", no_argument, NULL, 'k'},
	    {"work", required_argument, NULL, 'w'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (text_of(s, c) != NULL)
			*text_of(s, c) = optarg;
		else if (c == 'q')
			s->quick = true;
		else if (c == 'k')
			s->keep = true;
		else if (c == 'r')
			s->seed = strtoull(optarg, NULL, 10);
		else if (c == 'o')
			s->one_in = strtoll(optarg, NULL, 10);
		else if (c == 't')
			s->seconds = strtoll(optarg, NULL, 10);
		else
			return false;
	return optind < argc;
}

static bool
parts_are_known(char *const *names)
{
	size_t i;

	for (; *names != NULL; names++) {
		for (i = 0; i < PARTS; i++)
			if (strcmp(parts[i].name, *names) == 0)
				break;
		if (i == PARTS)
			return false;
	}
	return true;
}

static int
run_part(const char *name, const struct settings *s)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		if (strcmp(parts[i].name, name) == 0)
			return parts[i].run(s);
	return EXIT_FAILURE;
}

static int
skip(char *const *names, const struct settings *s, const char *why)
{
	printf("SKIP: %s\n", why);
	for (; *names != NULL; names++) {
		report_begin(s, *names);
		report_end();
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static struct settings s;
	static char *work;
	int status = EXIT_SUCCESS;
	const char *why;

	s.seed = (uint64_t)time(NULL);
	work = beside("torture-XXXXXX");
	s.program = beside("turnstile");
	s.library = beside("libtamper.so");
	if (!parse(argc, argv, &s) || !parts_are_known(argv + optind))
		return print_usage(stderr, 2);
	if (!tamper_works(&why))
		return skip(argv + optind, &s, why);
	if (s.work == NULL)
		s.work = mkdtemp(work);
	else
		mkdir(s.work, 0755);
	if (s.work == NULL) {
		perror(work);
		return 2;
	}
	printf("seed %" PRIu64 "\n", s.seed);
	for (; optind < argc; optind++)
		status |= run_part(argv[optind], &s);
	if (!s.keep)
		tree_remove(s.work);
	return status;
}
