/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each reply is parsed once, after the run, into what it means; the ledger is
 * read a page at a time.  What is not as the API has it is nonsense, and kept:
 * the oracle shall see it.
 */
#include "tests/stress/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locks/clock.h"

#define PAGE 1000

/* As text, to be freed; NULL: there is none. */
static char *
trail_of(const json_t *object)
{
	return json_dumps(json_object_get(object, "trail"), JSON_COMPACT);
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

static struct answer *
add_answer(struct evidence *evidence)
{
	evidence->answers = buffer_grow(evidence->answers,
	    evidence->answer_count, sizeof(*evidence->answers));
	evidence->answers[evidence->answer_count] = (struct answer){0};
	return &evidence->answers[evidence->answer_count++];
}

static void
read_receipt(struct answer *answer, const json_t *body)
{
	int64_t quantity;

	answer->kind = ANSWER_SOLD;
	if (!read_seats(body, &answer->seat, &quantity) ||
	    quantity != answer->quantity ||
	    web_text(body, "order")[0] == '\0' || answer->version < 1)
		answer->kind = ANSWER_NONSENSE;
	snprintf(answer->order, sizeof(answer->order), "%s",
	    web_text(body, "order"));
	answer->trail = trail_of(body);
}

/* What an answer to a buy, or to a query, means. */
static void
read_answer(struct answer *answer, int status, const json_t *body)
{
	const char *type = web_text(body, "type");

	answer->remaining = web_number(body, "remaining");
	answer->version = web_number(body, "version");
	if (answer->look)
		answer->kind = status == 200 && answer->remaining >= 0
				   ? ANSWER_LEFT
			       : status == 0 || status == 503 ? ANSWER_NONE
							      : ANSWER_NONSENSE;
	else if (status == 201)
		read_receipt(answer, body);
	else if (status == 409 && answer->remaining >= 0 &&
		 (strcmp(type, "/problems/sold-out") == 0 ||
		     strcmp(type, "/problems/not-enough") == 0))
		answer->kind = ANSWER_REFUSED;
	else if (status == 503)
		answer->kind = answer->was_unknown ? ANSWER_NONE : ANSWER_LATER;
	else if (status == 0 || status == 500 || status == 502 || status == 504)
		answer->kind = ANSWER_NONE;
	else
		answer->kind = ANSWER_NONSENSE;
}

static void
add_reply(struct evidence *evidence, const struct buyers_plan *plan,
    const struct buyers_log *log, const struct reply *reply)
{
	struct answer *answer = add_answer(evidence);
	const char *timing = log->buffer.bytes + reply->at;
	json_t *body;

	answer->buyer = reply->buyer;
	answer->look = reply->look;
	answer->request = reply->order;
	answer->was_unknown = reply->was_unknown;
	answer->sent_ns = reply->sent_ns;
	answer->done_ns = reply->done_ns;
	answer->quantity = plan->quantity;
	answer->waited_ms = (double)reply->free_ns / 1e6 +
			    read_timing(timing, "queue;dur=") +
			    read_timing(timing, "lock;dur=");
	body = json_loadb(timing + reply->timing_size, reply->body_size,
	    JSON_REJECT_DUPLICATES, NULL);
	read_answer(answer, reply->status, body);
	json_decref(body);
}

void
evidence_add_log(struct evidence *evidence, const struct buyers_plan *plan,
    const struct buyers_log *log)
{
	size_t i;

	for (i = 0; i < log->count; i++)
		add_reply(evidence, plan, log, &log->replies[i]);
	evidence->start_ns = log->start_ns;
	evidence->end_ns = log->end_ns;
}

/*
 * The order of an answer, asked for once more: one more answer, or, if there
 * was none, that one at last.
 */
static void
ask_again(struct evidence *evidence, struct web *web,
    const struct buyers_plan *plan, size_t i)
{
	const struct answer first = evidence->answers[i];
	char path[128], form[128], key[BUYERS_KEY_SIZE], name[BUYERS_NAME_SIZE];
	const struct web_request request = {"POST", path, form, key};
	struct answer again = {.buyer = first.buyer,
	    .request = first.request,
	    .quantity = first.quantity,
	    .sent_ns = clock_now_ns()};
	json_t *body;
	int status;

	snprintf(path, sizeof(path), "%s/buy", evidence->path);
	buyers_name(first.buyer, name);
	snprintf(form, sizeof(form), "buyer=%s&quantity=%" PRId64, name,
	    first.quantity);
	buyers_key(plan->seed, first.request, key);
	status = web_ask(web, &request, &body);
	again.done_ns = clock_now_ns();
	read_answer(&again, status, body);
	json_decref(body);
	if (first.kind == ANSWER_NONE) {
		again.was_unknown = true;
		again.sent_ns = first.sent_ns;
		evidence->answers[i] = again;
	} else {
		again.again = true;
		*add_answer(evidence) = again;
	}
}

void
evidence_ask_again(
    struct evidence *evidence, struct web *web, const struct buyers_plan *plan)
{
	const size_t count = evidence->answer_count;
	size_t i, sold = 0;

	for (i = 0; i < count; i++) {
		const struct answer *first = &evidence->answers[i];

		if (first->look || first->again)
			continue;
		if (first->kind == ANSWER_NONE ||
		    (first->kind == ANSWER_SOLD && sold++ < EVIDENCE_AGAIN))
			ask_again(evidence, web, plan, i);
	}
}

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
	struct store_line *line;

	evidence->lines = buffer_grow(
	    evidence->lines, evidence->line_count, sizeof(*evidence->lines));
	line = &evidence->lines[evidence->line_count++];
	*line = (struct store_line){.kind = kind_of(web_text(item, "kind")),
	    .version = web_number(item, "version"),
	    .base = web_number(item, "base"),
	    .nth = (unsigned)web_number(item, "nth"),
	    .remaining = web_number(item, "remaining"),
	    .host = (unsigned)json_integer_value(json_object_get(item, "host")),
	    .worker =
		(unsigned)json_integer_value(json_object_get(item, "worker")),
	    .clerk =
		(unsigned)json_integer_value(json_object_get(item, "clerk")),
	    .buyer = buffer_must(strdup(web_text(item, "buyer"))),
	    .lock = buffer_must(strdup(web_text(item, "lock"))),
	    .trail = trail_of(item)};
	snprintf(
	    line->order, sizeof(line->order), "%s", web_text(item, "order"));
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

	snprintf(path, sizeof(path), "%s/ledger?after=%" PRId64 "&limit=%d%s",
	    evidence->path, after, PAGE, trail ? "&trail" : "");
	good = web_get(web, path, &body) == 200;
	json_array_foreach(json_object_get(body, "lines"), i, item) good =
	    good && add_line(evidence, item);
	next = web_number(body, "next");
	json_decref(body);
	if (!good)
		return -1;
	return next < 0 ? 0 : next;
}

/* The sale as it is now. */
static bool
read_sale(struct evidence *e, struct web *web)
{
	json_t *body;
	const bool good = web_get(web, e->path, &body) == 200;

	snprintf(e->store, sizeof(e->store), "%s", web_text(body, "store"));
	snprintf(e->lock, sizeof(e->lock), "%s", web_text(body, "lock"));
	e->capacity = web_number(body, "capacity");
	e->remaining = web_number(body, "remaining");
	e->version = web_number(body, "version");
	json_decref(body);
	return good && e->capacity > 0 && e->remaining >= 0 && e->version >= 0;
}

/* As counted by the service since it was started, under the sale's strategy. */
static int64_t
read_trespasses(const struct evidence *e, struct web *web)
{
	const double count =
	    web_get_metric(web, "turnstile_trespasses_total", e->lock);

	return count > 0 ? (int64_t)count : 0;
}

bool
evidence_begin(struct evidence *evidence, struct web *web, const char *path)
{
	bool good;

	*evidence = (struct evidence){.path = path, .alone = true};
	good = read_sale(evidence, web);
	evidence->capacity_before = evidence->capacity;
	evidence->remaining_before = evidence->remaining;
	evidence->version_before = evidence->version;
	if (good)
		evidence->trespasses_before = read_trespasses(evidence, web);
	return good;
}

bool
evidence_add_ledger(struct evidence *evidence, struct web *web, bool trails)
{
	struct answer *answer = add_answer(evidence);
	int64_t next = 0;

	answer->look = answer->again = true;
	answer->sent_ns = clock_now_ns();
	if (!read_sale(evidence, web))
		return false;
	answer->done_ns = clock_now_ns();
	answer->remaining = evidence->remaining;
	answer->version = evidence->version;
	evidence->trespasses =
	    read_trespasses(evidence, web) - evidence->trespasses_before;
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
	for (i = 0; i < evidence->answer_count; i++)
		free(evidence->answers[i].trail);
	free(evidence->lines);
	free(evidence->answers);
}
