/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz TARGET [ARGUMENT OF LIBFUZZER…] */
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <string.h>

/* libFuzzer's, of clang's runtime. */
int LLVMFuzzerRunDriver(
    int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

static const struct target *target;

static int
run(const uint8_t *data, size_t size)
{
	targets_run(target, data, size);
	return 0;
}

int
main(int argc, char *argv[])
{
	size_t i;

	target = argc < 2 ? NULL : targets_find(argv[1]);
	if (target == NULL) {
		fprintf(stderr, "usage: %s TARGET …, which is one of", argv[0]);
		for (i = 0; i < targets_count; i++)
			fprintf(stderr, " %s", targets[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	memmove(argv + 1, argv + 2, (size_t)(argc - 1) * sizeof(*argv));
	argc--;
	return LLVMFuzzerRunDriver(&argc, &argv, run);
}
