/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets: each takes any bytes, gives them to a part of turnstile, and claims
 * what must be so whatever they are.  A claim that is not so, like a
 * sanitizer's finding, aborts the program; the bytes are then the case.
 *
 * A target is a file, target_<name>.c, and a row in targets.c.  It is run by
 * libFuzzer (main.c) and over the cases that are kept (test_seeds.c).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* `data` has a NUL behind it, which `size` does not count. */
typedef void target_fn(const char *data, size_t size);

struct target {
	const char *name;
	target_fn *run;
};

extern const struct target targets[];
extern const size_t targets_count;

/* NULL: there is none of that name. */
const struct target *targets_find(const char *name);

/* Run the target on bytes that need not end with a NUL. */
void targets_run(const struct target *target, const void *data, size_t size);

target_fn target_duration, target_flags, target_stress, target_body;
target_fn target_headers, target_request, target_http, target_line;
target_fn target_ledger;

#define claim(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: claimed, and not so: %s\n",    \
			    __FILE__, __LINE__, #what);                        \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
