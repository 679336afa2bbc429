/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be chosen at start: flags, else TURNSTILE_… in the environment,
 * else defaults.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "service/duration.h"
#include "storage/store.h"

#define TURNSTILE_VERSION "0.1"

enum admin { ADMIN_OPEN, ADMIN_TOKEN, ADMIN_OFF };

struct options {
	char host[256]; /* as given, without brackets; "" is every address */
	uint16_t port;  /* 0: pick one */
	const char *data;
	const char *store;
	char lock[STORE_LOCK_SIZE];
	int64_t delay_min_ms, delay_max_ms;
	int64_t tickets;
	unsigned workers, clerks, batch, queue;
	int64_t timeout_ms;
	int64_t max_quantity;
	enum admin admin;
	bool admin_given;
	bool log_json;
	/* Which of those that a sale keeps were given, for a warning. */
	bool lock_given, delay_given, tickets_given;
};

enum options_result {
	OPTIONS_OK = 0,
	OPTIONS_DONE,  /* help or version was printed to `out` */
	OPTIONS_WRONG, /* what is wrong, and what is valid, went to `err` */
};

/* Strings stay those of `argv` and the environment. */
enum options_result options_parse(struct options *options, int argc,
    char *const argv[], FILE *out, FILE *err);

/* Digits and nothing else, from `min` to `max`; false: it is not that. */
bool options_parse_number(
    const char *text, int64_t min, int64_t max, int64_t *number);

#endif
