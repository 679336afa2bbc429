/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/stress/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"
#include "locks/timestamp.h"

#define PAGE 1000

/* -------------------------------------------------------- reading JSON -- */

static int64_t
number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* Seats one after the other: the first, and how many.  False: they are not. */
static bool
read_seats(const json_t *object, int64_t *seat, int64_t *quantity)
{
	const json_t *list = json_object_get(object, "seats"), *item;
	size_t i;

	*seat = json_integer_value(json_array_get(list, 0));
	*quantity = (int64_t)json_array_size(list);
	json_array_foreach(list, i, item) if (json_integer_value(item) !=
					      *seat + (int64_t)i) return false;
	return true;
}

/* "queue;dur=0.143, lock;dur=0.002, …": one of them, in ms. */
static double
read_timing(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? 0 : strtod(at + strlen(name), NULL);
}

/* ------------------------------------------------------------- answers -- */

static struct told *
add_told(struct evidence *evidence)
{
	evidence->told = list_grow(
	    evidence->told, evidence->told_count, sizeof(*evidence->told));
	evidence->told[evidence->told_count] = (struct told){0};
	return &evidence->told[evidence->told_count++];
}

static size_t
keep_trail(struct evidence *evidence, const json_t *trail)
{
	char *text;
	size_t at;

	if (trail == NULL)
		return 0;
	if (evidence->tape.size == 0)
		tape_add(&evidence->tape, "", 1);
	text = json_dumps(trail, JSON_COMPACT);
	if (text == NULL)
		return 0;
	at = tape_add(&evidence->tape, text, strlen(text) + 1);
	free(text);
	return at;
}

static void
read_receipt(struct evidence *evidence, struct told *told, const json_t *body)
{
	int64_t quantity;

	told->kind = TOLD_SOLD;
	if (!read_seats(body, &told->seat, &quantity) ||
	    quantity != told->quantity || text_of(body, "order")[0] == '\0' ||
	    told->version < 1)
		told->kind = TOLD_NONSENSE;
	snprintf(
	    told->order, sizeof(told->order), "%s", text_of(body, "order"));
	if (number_of(body, "worker") > 0) {
		told->worker = (unsigned)number_of(body, "worker");
		told->clerk = (unsigned)number_of(body, "clerk");
	}
	told->trail_at = keep_trail(evidence, json_object_get(body, "trail"));
}

/* What an answer to a buy, or to a query, means. */
static void
read_answer(struct evidence *evidence, struct told *told, enum ask ask,
    int status, const json_t *body)
{
	const char *type = text_of(body, "type");

	told->remaining = number_of(body, "remaining");
	told->version = number_of(body, "version");
	if (ask == ASK_LOOK)
		told->kind = status == 200 && told->remaining >= 0 ? TOLD_LEFT
			     : status == 0 || status == 503 ? TOLD_NOTHING
							    : TOLD_NONSENSE;
	else if (status == 201)
		read_receipt(evidence, told, body);
	else if (status == 409 && told->remaining >= 0 &&
		 (strcmp(type, "/problems/sold-out") == 0 ||
		     strcmp(type, "/problems/not-enough") == 0))
		told->kind = TOLD_REFUSED;
	else if (status == 503)
		told->kind = told->was_unknown ? TOLD_NOTHING : TOLD_LATER;
	else if (status == 0 || status == 500 || status == 502 || status == 504)
		told->kind = TOLD_NOTHING;
	else
		told->kind = TOLD_NONSENSE;
}

static void
add_answer(struct evidence *evidence, const struct crowd_plan *plan,
    const struct crowd_log *log, const struct answer *answer)
{
	struct told *told = add_told(evidence);
	const char *bytes = log->tape.bytes + answer->at;
	char timing[256];
	json_t *body;

	told->buyer = answer->buyer;
	told->look = answer->ask == ASK_LOOK;
	told->wish = answer->order;
	told->was_unknown = answer->was_unknown;
	told->sent_ns = answer->sent_ns;
	told->done_ns = answer->done_ns;
	told->quantity = plan->quantity;
	snprintf(
	    timing, sizeof(timing), "%.*s", (int)answer->timing_size, bytes);
	told->waited_ms = read_timing(timing, "queue;dur=") +
			  read_timing(timing, "lock;dur=");
	told->wrote_ms = read_timing(timing, "write;dur=");
	body = json_loadb(bytes + answer->timing_size, answer->body_size,
	    JSON_REJECT_DUPLICATES, NULL);
	read_answer(evidence, told, answer->ask, answer->status, body);
	json_decref(body);
}

void
evidence_add_log(struct evidence *evidence, const struct crowd_plan *plan,
    const struct crowd_log *log)
{
	size_t i;

	for (i = 0; i < log->count; i++)
		add_answer(evidence, plan, log, &log->answers[i]);
}

/* The same order, asked for once more: a new entry. */
static void
ask_again(struct evidence *evidence, struct web *web,
    const struct crowd_plan *plan, const struct told *first)
{
	char path[128], form[128], key[CROWD_KEY_SIZE], name[CROWD_NAME_SIZE];
	const struct web_request request = {"POST", path, form, key};
	struct told *told;
	json_t *body;
	int status;

	snprintf(path, sizeof(path), "/sales/%s/buy", evidence->sale);
	crowd_name(first->buyer, name);
	snprintf(form, sizeof(form), "buyer=%s&quantity=%" PRId64, name,
	    first->quantity);
	crowd_key(plan->seed, first->wish, key);
	told = add_told(evidence);
	told->again = true;
	told->sent_ns = clock_now_ns();
	status = web_ask(web, &request, &body);
	told->done_ns = clock_now_ns();
	told->quantity = plan->quantity;
	read_answer(evidence, told, ASK_BUY, status, body);
	json_decref(body);
}

void
evidence_ask_again(struct evidence *evidence, struct web *web,
    const struct crowd_plan *plan, size_t most)
{
	const size_t count = evidence->told_count;
	size_t i, sold = 0;

	for (i = 0; i < count; i++) {
		const struct told first = evidence->told[i];
		struct told *again;

		if (first.look || first.again)
			continue;
		if (first.kind != TOLD_NOTHING &&
		    (first.kind != TOLD_SOLD || sold++ >= most))
			continue;
		ask_again(evidence, web, plan, &first);
		again = &evidence->told[evidence->told_count - 1];
		again->buyer = first.buyer;
		again->wish = first.wish;
		if (first.kind != TOLD_NOTHING)
			continue;
		/* It was unknown, and now it is known. */
		again->again = false;
		again->was_unknown = true;
		again->sent_ns = first.sent_ns;
		evidence->told[i] = *again;
		evidence->told_count--;
	}
}

/* -------------------------------------------------------------- ledger -- */

static enum store_kind
kind_of(const char *kind)
{
	if (strcmp(kind, "recounted") == 0)
		return STORE_RECOUNTED;
	if (strcmp(kind, "raised") == 0)
		return STORE_RAISED;
	return STORE_SOLD;
}

static bool
add_line(struct evidence *evidence, const json_t *item)
{
	const json_t *trail = json_object_get(item, "trail");
	struct store_line *line;

	evidence->lines = list_grow(
	    evidence->lines, evidence->line_count, sizeof(*evidence->lines));
	line = &evidence->lines[evidence->line_count++];
	*line = (struct store_line){.kind = kind_of(text_of(item, "kind")),
	    .version = number_of(item, "version"),
	    .base = number_of(item, "base"),
	    .nth = (unsigned)number_of(item, "nth"),
	    .remaining = number_of(item, "remaining"),
	    .capacity = number_of(item, "capacity"),
	    .buyer = text_copy(text_of(item, "buyer")),
	    .lock = text_copy(text_of(item, "lock")),
	    .sold_at_ms = timestamp_parse(text_of(item, "sold_at")),
	    .trail = trail == NULL ? NULL : json_dumps(trail, JSON_COMPACT)};
	snprintf(
	    line->order, sizeof(line->order), "%s", text_of(item, "order"));
	if (number_of(item, "worker") > 0) {
		line->worker = (unsigned)number_of(item, "worker");
		line->clerk = (unsigned)number_of(item, "clerk");
	}
	/* One line for each version: the audit counts on it. */
	return read_seats(item, &line->seat, &line->quantity) &&
	       line->version == (int64_t)evidence->line_count &&
	       line->base >= 0 && line->base < line->version;
}

/* One page; the version to go on from, 0: it was the last, -1: unreadable. */
static int64_t
add_page(struct evidence *evidence, struct web *web, int64_t after, bool trail)
{
	char path[192];
	const json_t *item;
	json_t *body;
	size_t i;
	int64_t next;
	bool good;

	snprintf(path, sizeof(path),
	    "/sales/%s/ledger?after=%" PRId64 "&limit=%d%s", evidence->sale,
	    after, PAGE, trail ? "&trail" : "");
	good = web_get(web, path, &body) == 200;
	json_array_foreach(json_object_get(body, "lines"), i, item) good =
	    good && add_line(evidence, item);
	next = number_of(body, "next");
	json_decref(body);
	if (!good)
		return -1;
	return next < 0 ? 0 : next;
}

static bool
read_sale(struct web *web, const char *sale, int64_t *capacity,
    int64_t *remaining, int64_t *version)
{
	char path[96];
	json_t *body;
	bool good;

	snprintf(path, sizeof(path), "/sales/%s", sale);
	good = web_get(web, path, &body) == 200;
	*capacity = number_of(body, "capacity");
	*remaining = number_of(body, "remaining");
	*version = number_of(body, "version");
	json_decref(body);
	return good && *capacity > 0 && *remaining >= 0 && *version >= 0;
}

bool
evidence_begin(struct evidence *evidence, struct web *web, const char *sale)
{
	*evidence = (struct evidence){.alone = true};
	snprintf(evidence->sale, sizeof(evidence->sale), "%s", sale);
	return read_sale(web, sale, &evidence->capacity_before,
	    &evidence->remaining_before, &evidence->version_before);
}

bool
evidence_add_ledger(struct evidence *evidence, struct web *web, bool trails)
{
	struct told *told;
	int64_t next = 0;

	told = add_told(evidence);
	told->look = told->again = true;
	told->sent_ns = clock_now_ns();
	if (!read_sale(web, evidence->sale, &evidence->capacity,
		&evidence->remaining, &evidence->version))
		return false;
	told->done_ns = clock_now_ns();
	told->remaining = evidence->remaining;
	told->version = evidence->version;
	do
		next = add_page(evidence, web, next,
		    trails || evidence->version - next <= 2 * PAGE);
	while (next > 0);
	return next == 0;
}

void
evidence_free(struct evidence *evidence)
{
	size_t i;

	for (i = 0; i < evidence->line_count; i++) {
		free((void *)(uintptr_t)evidence->lines[i].buyer);
		free((void *)(uintptr_t)evidence->lines[i].lock);
		free((void *)(uintptr_t)evidence->lines[i].trail);
	}
	free(evidence->lines);
	free(evidence->told);
	tape_free(&evidence->tape);
	*evidence = (struct evidence){0};
}
