/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every case that is kept, through its target: what fuzzing once found stays
 * mended, and targets go on working where there is no fuzzer.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define CORPUS "tests/fuzz/corpus"
#define CASE_MAX (1024 * 1024)
#define SECONDS 120

static void
run_file(const struct target *target, const char *path)
{
	static char data[CASE_MAX];
	FILE *file = fopen(path, "re");

	claim(file != NULL);
	fprintf(stderr, "# %s\n", path); /* the last one said is at fault */
	targets_run(target, data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

static int
run_folder(const struct target *target)
{
	char folder[64], path[512];
	struct dirent **entries;
	int count, i, cases = 0;

	snprintf(folder, sizeof(folder), CORPUS "/%s", target->name);
	count = scandir(folder, &entries, NULL, alphasort);
	claim(count > 0);
	for (i = 0; i < count; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			run_file(target, path);
			cases++;
		}
		free(entries[i]);
	}
	free(entries);
	return cases;
}

int
main(void)
{
	size_t i;

	alarm(SECONDS);
	for (i = 0; i < targets_count; i++) {
		const int cases = run_folder(&targets[i]);

		targets_run(&targets[i], "", 0);
		printf("%s %zu - %s: %d cases\n", cases > 0 ? "ok" : "not ok",
		    i + 1, targets[i].name, cases);
		fflush(stdout);
	}
	printf("1..%zu\n", targets_count);
	return 0;
}
