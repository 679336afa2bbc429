/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service's options: what is taken is in range, and typed again in full it
 * is taken the same.
 */
#include "service/process/flags.h"

#include <inttypes.h>

#include "service/duration.h"
#include "service/http/cors.h"
#include "service/sale/sell.h"
#include "tests/fuzz/words.h"

extern char **environ;

static void
claim_in_range(const struct options *o)
{
	struct lock_strategy strategy;
	size_t i;

	claim(memchr(o->host, '\0', sizeof(o->host)) != NULL);
	claim(o->data[0] != '\0' && store_known(o->store));
	claim(lock_parse(o->lock, &strategy));
	claim(0 <= o->delay_min_ms && o->delay_min_ms <= o->delay_max_ms);
	claim(o->delay_max_ms <= DURATION_MAX_MS);
	claim(1 <= o->tickets && o->tickets <= STORE_CAPACITY_MAX);
	claim(1 <= o->workers && o->workers <= LOCK_WORKERS_MAX);
	claim(1 <= o->clerks && o->clerks <= LOCK_CLERKS_MAX);
	claim(1 <= o->batch && o->batch <= SELL_BATCH_MAX);
	claim(1 <= o->queue && o->queue <= 1000000);
	claim(1 <= o->timeout_ms && o->timeout_ms <= DURATION_MAX_MS);
	claim(
	    1 <= o->audit_timeout_ms && o->audit_timeout_ms <= DURATION_MAX_MS);
	claim(1 <= o->max_quantity && o->max_quantity <= 1000);
	claim(o->admin <= ADMIN_OFF);
	claim(o->origin_count <= SERVICE_ORIGINS_MAX);
	for (i = 0; i < o->origin_count; i++)
		claim(cors_is_list(o->origins[i]) &&
		      strpbrk(o->origins[i], " \n\"/") ==
			  strchr(o->origins[i], '/'));
}

static void
claim_same(const struct options *a, const struct options *b)
{
	size_t i;

	claim(strcmp(a->host, b->host) == 0 && a->port == b->port);
	claim(strcmp(a->data, b->data) == 0 && strcmp(a->store, b->store) == 0);
	claim(strcmp(a->lock, b->lock) == 0 && a->tickets == b->tickets);
	claim(a->delay_min_ms == b->delay_min_ms);
	claim(a->delay_max_ms == b->delay_max_ms);
	claim(a->workers == b->workers && a->clerks == b->clerks);
	claim(a->batch == b->batch && a->queue == b->queue);
	claim(a->timeout_ms == b->timeout_ms);
	claim(a->audit_timeout_ms == b->audit_timeout_ms);
	claim(a->max_quantity == b->max_quantity && a->admin == b->admin);
	claim(a->log_json == b->log_json);
	claim(a->origin_count == b->origin_count);
	for (i = 0; i < a->origin_count; i++)
		claim(strcmp(a->origins[i], b->origins[i]) == 0);
}

/* All of it as one would type it, without variables. */
static void
type_again(const struct options *o)
{
	static const char *const admins[] = {"open", "token", "off"};
	char delay[DURATION_RANGE_SIZE], *text = NULL;
	struct options again;
	struct words words;
	size_t i, size;
	FILE *out;

	clearenv();
	duration_range_print(o->delay_min_ms, o->delay_max_ms, delay);
	out = open_memstream(&text, &size);
	fprintf(out,
	    "--listen=[%s]:%u\n--data=%s\n--store=%s\n--lock=%s\n--delay=%s\n"
	    "--tickets=%" PRId64 "\n--workers=%u\n--clerks=%u\n--batch=%u\n"
	    "--queue=%u\n--timeout=%" PRId64 "ms\n--audit-timeout=%" PRId64
	    "ms\n--max-quantity=%" PRId64 "\n--admin=%s\n--log=%s",
	    o->host, o->port, o->data, o->store, o->lock, delay, o->tickets,
	    o->workers, o->clerks, o->batch, o->queue, o->timeout_ms,
	    o->audit_timeout_ms, o->max_quantity, admins[o->admin],
	    o->log_json ? "json" : "text");
	for (i = 0; i < o->origin_count; i++)
		fprintf(out, "\n--allow-origin=%s", o->origins[i]);
	fclose(out);
	if (o->host[0] == '\0') /* as text it is [], which is a name */
		memmove(strstr(text, "[]"), strstr(text, "[]") + 2,
		    strlen(strstr(text, "[]") + 2) + 1);
	words_open(&words, text, NULL);
	claim(flags_parse(&again, words.argc, words.argv, words.out,
		  words.err) == OPTIONS_OK);
	claim_same(o, &again);
	words_close(&words);
	free(text);
}

void
target_flags(const char *data, size_t size)
{
	enum options_result result;
	struct options options;
	struct words words;

	(void)size;
	clearenv();
	words_open(&words, data, "TURNSTILE_");
	result =
	    flags_parse(&options, words.argc, words.argv, words.out, words.err);
	words_claim_said(&words, result);
	if (result == OPTIONS_OK) {
		claim_in_range(&options);
		if (strchr(options.data, '\n') == NULL)
			type_again(&options);
	}
	words_close(&words);
	clearenv();
}
