/* SPDX-License-Identifier: BSD-2-Clause */
/* The table. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct target targets[] = {
    {"duration", target_duration},
    {"flags", target_flags},
    {"stress", target_stress},
    {"body", target_body},
    {"headers", target_headers},
    {"request", target_request},
    {"http", target_http},
    {"line", target_line},
    {"ledger", target_ledger},
};

const size_t targets_count = sizeof(targets) / sizeof(targets[0]);

const struct target *
targets_find(const char *name)
{
	size_t i;

	for (i = 0; i < targets_count; i++)
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	return NULL;
}

void
targets_run(const struct target *target, const void *data, size_t size)
{
	char *copy = malloc(size + 1); /* as long as it is: overruns show */

	claim(copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	target->run(copy, size);
	free(copy);
}
