/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers and lines about one receipt are put together as a claim; then each
 * rule of the header walks over claims, answers or lines and accuses.  It
 * shares no code with the service's audit, so that one may catch the other.
 */
#include "tests/stress/oracle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stress/buffer.h"

/* A receipt, from a buyer, from the ledger, or from both. */
struct claim {
	const char *order;
	const struct answer *answer;   /* the first; NULL: nobody has one */
	const struct store_line *line; /* NULL: not in the ledger */
};

struct trial {
	const struct evidence *evidence;
	struct judgement *judgement;
	struct claim *claims; /* a receipt each, by order id */
	size_t count;
	bool only_sales; /* no line of another kind */
};

const char *
oracle_wrong_name(enum wrong wrong)
{
	static const char *const names[WRONGS] = {
	    [WRONG_OVERSOLD] = "oversold",
	    [WRONG_DOUBLE_BOOKED] = "double-booked",
	    [WRONG_LOST] = "lost",
	    [WRONG_REPEATED] = "repeated",
	    [WRONG_UNCLAIMED] = "unclaimed",
	    [WRONG_STRANDED] = "stranded",
	    [WRONG_FALSE_SOLD_OUT] = "false-sold-out",
	    [WRONG_OUT_OF_ORDER] = "out-of-order",
	    [WRONG_TRESPASSED] = "trespassed",
	    [WRONG_NONSENSE] = "nonsense",
	};

	return names[wrong];
}

/* Something is wrong; the words are kept of the first of its kind. */
__attribute__((format(printf, 4, 5))) static void
accuse(struct trial *trial, enum wrong wrong, int64_t count, const char *format,
    ...)
{
	struct finding *finding = &trial->judgement->findings[wrong];
	va_list args;

	if (count <= 0)
		return;
	if (finding->count == 0) {
		va_start(args, format);
		vsnprintf(
		    finding->example, sizeof(finding->example), format, args);
		va_end(args);
	}
	finding->count += count;
	trial->judgement->wrong = true;
}

/* Stays valid until the next but one is asked for. */
static const char *
name_of(const struct answer *answer)
{
	static char names[2][BUYERS_NAME_SIZE];
	static unsigned next;
	char *name = names[next++ % 2];

	buyers_name(answer->buyer, name);
	return name;
}

/* ------------------------------------------------------------- answers -- */

/* By one of their numbers, as they came if it is the same. */
static int
by_number(const void *a, const void *b, void *at)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	const int64_t m = *(const int64_t *)(x + *(size_t *)at);
	const int64_t n = *(const int64_t *)(y + *(size_t *)at);

	if (m != n)
		return m < n ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool
is_of_order(const struct answer *answer)
{
	return !answer->look;
}

static bool
tells_counter(const struct answer *answer)
{
	return answer->kind <= ANSWER_REFUSED &&
	       !(answer->again && answer->kind == ANSWER_SOLD);
}

/* Those that are wanted, by the number that lies `at` there; to be freed. */
static const struct answer **
sort_answers(const struct evidence *e,
    bool (*wanted)(const struct answer *answer), size_t at, size_t *count)
{
	const struct answer **list = NULL;
	size_t i;

	*count = 0;
	for (i = 0; i < e->answer_count; i++) {
		if (!wanted(&e->answers[i]))
			continue;
		list = buffer_grow(list, *count, sizeof(*list));
		list[(*count)++] = &e->answers[i];
	}
	if (*count > 0)
		qsort_r(list, *count, sizeof(*list), by_number, &at);
	return list;
}

/* -------------------------------------------------------------- claims -- */

static int
by_order(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	const int order = strcmp(x->order, y->order);

	if (order != 0)
		return order;
	/* Lines last, and of two answers the earlier one first. */
	if ((x->line == NULL) != (y->line == NULL))
		return x->line == NULL ? -1 : 1;
	return x->answer < y->answer ? -1 : x->answer > y->answer;
}

static void
add_claim(struct trial *trial, const char *order, const struct answer *answer,
    const struct store_line *line)
{
	trial->claims =
	    buffer_grow(trial->claims, trial->count, sizeof(*trial->claims));
	trial->claims[trial->count++] = (struct claim){order, answer, line};
}

/* Answers and lines about the same receipt become one claim. */
static void
merge_claims(struct trial *trial)
{
	size_t i, n = 0;

	if (trial->count == 0)
		return;
	qsort(trial->claims, trial->count, sizeof(*trial->claims), by_order);
	for (i = 0; i < trial->count; i++) {
		const struct claim *c = &trial->claims[i];

		if (n > 0 &&
		    strcmp(trial->claims[n - 1].order, c->order) == 0) {
			if (c->line != NULL)
				trial->claims[n - 1].line = c->line;
		} else {
			trial->claims[n++] = *c;
		}
	}
	trial->count = n;
}

static void
collect_claims(struct trial *trial)
{
	const struct evidence *e = trial->evidence;
	size_t i;

	for (i = 0; i < e->answer_count; i++)
		if (e->answers[i].kind == ANSWER_SOLD)
			add_claim(
			    trial, e->answers[i].order, &e->answers[i], NULL);
	for (i = 0; i < e->line_count; i++)
		if (e->lines[i].kind == STORE_SOLD)
			add_claim(trial, e->lines[i].order, NULL, &e->lines[i]);
		else
			trial->only_sales = false;
	merge_claims(trial);
}

static int64_t
seat_of(const struct claim *c)
{
	return c->answer != NULL ? c->answer->seat : c->line->seat;
}

static int64_t
quantity_of(const struct claim *c)
{
	return c->answer != NULL ? c->answer->quantity : c->line->quantity;
}

/* ------------------------------------------------- receipts and ledger -- */

/* Take each of the seats once more; how many of them do not exist. */
static int64_t
take_seats(
    const struct evidence *e, uint32_t *times, int64_t seat, int64_t quantity)
{
	const int64_t end = seat + quantity;
	int64_t beyond = 0;

	for (; seat < end; seat++)
		if (seat < 1 || seat > e->capacity)
			beyond++;
		else
			times[seat]++;
	return beyond;
}

/* Zeroes, for each seat from 1 to the capacity; to be freed. */
static uint32_t *
count_none(const struct evidence *e)
{
	return buffer_must(calloc((size_t)e->capacity + 1, sizeof(uint32_t)));
}

/* 1 and 2: every seat once, and within the capacity. */
static void
judge_seats(struct trial *trial)
{
	const struct evidence *e = trial->evidence;
	struct judgement *j = trial->judgement;
	uint32_t *times = count_none(e);
	int64_t beyond = 0, twice = 0, seat;
	size_t i;

	for (i = 0; i < trial->count; i++) {
		const struct claim *c = &trial->claims[i];

		j->tickets += quantity_of(c);
		beyond += take_seats(e, times, seat_of(c), quantity_of(c));
	}
	for (seat = 1; seat <= e->capacity; seat++) {
		twice += times[seat] > 1;
		if (times[seat] > j->most_times) {
			j->most_times = times[seat];
			j->most_seat = seat;
		}
	}
	accuse(trial, WRONG_OVERSOLD, j->tickets - e->capacity,
	    "%" PRId64 " tickets sold, there %s %" PRId64, j->tickets,
	    e->capacity == 1 ? "is" : "are", e->capacity);
	accuse(trial, WRONG_OVERSOLD, beyond,
	    "a seat that does not exist was sold");
	accuse(trial, WRONG_DOUBLE_BOOKED, twice,
	    "seat %" PRId64 " was sold %" PRId64 " times", j->most_seat,
	    j->most_times);
	free(times);
}

static bool
same_receipt(const struct answer *answer, const struct store_line *line)
{
	char name[BUYERS_NAME_SIZE];

	buyers_name(answer->buyer, name);
	return answer->seat == line->seat &&
	       answer->quantity == line->quantity &&
	       answer->version == line->version &&
	       (line->buyer[0] == '\0' || strcmp(line->buyer, name) == 0);
}

/* 3: what a buyer holds is in the ledger. */
static void
judge_receipts(struct trial *trial)
{
	size_t i;

	for (i = 0; i < trial->count; i++) {
		const struct claim *c = &trial->claims[i];

		if (c->answer == NULL)
			continue;
		if (c->line == NULL)
			accuse(trial, WRONG_LOST, 1,
			    "%s's receipt for seat %" PRId64
			    " is not in the ledger",
			    name_of(c->answer), c->answer->seat);
		else if (!same_receipt(c->answer, c->line))
			accuse(trial, WRONG_LOST, 1,
			    "%s holds seat %" PRId64 " (version %" PRId64
			    "), the ledger says %" PRId64 " (%" PRId64 ")",
			    name_of(c->answer), c->answer->seat,
			    c->answer->version, c->line->seat,
			    c->line->version);
	}
}

/* 4: asked again by its key, an order has the same answer. */
static void
judge_repeats(struct trial *trial)
{
	const struct answer **list;
	size_t i, count;

	list = sort_answers(trial->evidence, is_of_order,
	    offsetof(struct answer, request), &count);
	for (i = 1; i < count; i++) {
		const struct answer *first = list[i - 1];
		const struct answer *second = list[i];

		if (first->request != second->request ||
		    first->kind != ANSWER_SOLD)
			continue;
		if (second->kind == ANSWER_REFUSED)
			accuse(trial, WRONG_REPEATED, 1,
			    "%s asked again for seat %" PRId64
			    " and was refused: the key was forgotten",
			    name_of(first), first->seat);
		else if (second->kind == ANSWER_SOLD &&
			 (strcmp(first->order, second->order) != 0 ||
			     first->seat != second->seat))
			accuse(trial, WRONG_REPEATED, 1,
			    "%s asked again for seat %" PRId64
			    " and got seat %" PRId64 " as well",
			    name_of(first), first->seat, second->seat);
	}
	free(list);
}

/* How many of a buyer's orders never got an answer. */
static int64_t
unknown_of(const struct evidence *e, const char *buyer)
{
	char name[BUYERS_NAME_SIZE];
	int64_t count = 0;
	size_t i;

	for (i = 0; i < e->answer_count; i++) {
		if (e->answers[i].look || e->answers[i].kind != ANSWER_NONE)
			continue;
		buyers_name(e->answers[i].buyer, name);
		count += buyer[0] == '\0' || strcmp(name, buyer) == 0;
	}
	return count;
}

/* 5: whose is a line that nobody was told of? */
static void
judge_lines(struct trial *trial)
{
	size_t i;

	if (!trial->evidence->alone)
		return;
	for (i = 0; i < trial->count; i++) {
		const struct claim *c = &trial->claims[i];

		if (c->answer == NULL &&
		    c->line->version > trial->evidence->version_before &&
		    unknown_of(trial->evidence, c->line->buyer) == 0)
			accuse(trial, WRONG_UNCLAIMED, 1,
			    "seat %" PRId64 " is sold to %s, who was not told",
			    c->line->seat, c->line->buyer);
	}
}

/* ---------------------------------------------------------- the counter -- */

/* The counter after version `version`, as the ledger has it; -1: not there. */
static int64_t
counter_at(const struct evidence *e, int64_t version)
{
	if (version > (int64_t)e->line_count)
		return -1;
	if (version > 0)
		return e->lines[version - 1].remaining;
	return e->version_before == 0 ? e->capacity_before : -1;
}

/* 6: nothing is between the ledger and the counter. */
static void
judge_counter(struct trial *trial)
{
	const struct evidence *e = trial->evidence;
	const int64_t last = counter_at(e, (int64_t)e->line_count);
	uint32_t *times = count_none(e);
	int64_t seats = 0, seat;
	size_t i;

	for (i = 0; i < e->line_count; i++)
		take_seats(e, times, e->lines[i].seat, e->lines[i].quantity);
	for (seat = 1; seat <= e->capacity; seat++)
		seats += times[seat] > 0;
	free(times);
	accuse(trial, WRONG_STRANDED, e->capacity - seats - e->remaining,
	    "%" PRId64 " seats sold and %" PRId64 " left make %" PRId64
	    " of %" PRId64,
	    seats, e->remaining, seats + e->remaining, e->capacity);
	if (e->alone && last != -1)
		accuse(trial, WRONG_NONSENSE, last != e->remaining,
		    "the counter says %" PRId64 " left, the ledger's last "
		    "line %" PRId64,
		    e->remaining, last);
	if (e->alone)
		accuse(trial, WRONG_NONSENSE,
		    e->version != (int64_t)e->line_count,
		    "the sale is at version %" PRId64
		    ", the ledger has %zu lines",
		    e->version, e->line_count);
}

/* 7, first part: a refusal against the ledger, and against the end. */
static void
judge_refusal(struct trial *trial, const struct answer *answer)
{
	const struct evidence *e = trial->evidence;
	const int64_t then = counter_at(e, answer->version);

	if (answer->remaining >= answer->quantity || then >= answer->quantity)
		accuse(trial, WRONG_FALSE_SOLD_OUT, 1,
		    "%s was refused %" PRId64 " at version %" PRId64
		    ", when %" PRId64 " were left",
		    name_of(answer), answer->quantity, answer->version,
		    then > answer->remaining ? then : answer->remaining);
	else if (trial->only_sales && e->remaining >= answer->quantity)
		accuse(trial, WRONG_FALSE_SOLD_OUT, 1,
		    "%s was refused %" PRId64 ", but %" PRId64
		    " are left in the end",
		    name_of(answer), answer->quantity, e->remaining);
}

/* What the counter was before the answer's own sale. */
static int64_t
counter_before(const struct answer *answer)
{
	return answer->remaining +
	       (answer->kind == ANSWER_SOLD ? answer->quantity : 0);
}

/* `earlier` was answered before `later` was asked for, and said less. */
static void
blame_order(struct trial *trial, const struct answer *earlier,
    const struct answer *later)
{
	if (earlier->kind == ANSWER_REFUSED && later->kind == ANSWER_SOLD &&
	    counter_before(later) >= earlier->quantity)
		accuse(trial, WRONG_FALSE_SOLD_OUT, 1,
		    "%s was refused at %" PRId64
		    " left; later %s bought one of %" PRId64,
		    name_of(earlier), earlier->remaining, name_of(later),
		    counter_before(later));
	else
		accuse(trial, WRONG_OUT_OF_ORDER, 1,
		    "%s was told %" PRId64 " left, and %s, who asked later, "
		    "%" PRId64,
		    name_of(earlier), earlier->remaining, name_of(later),
		    counter_before(later));
}

/* 7, second part, and 8: the counter never rises in real time. */
static void
judge_order(struct trial *trial)
{
	const struct evidence *e = trial->evidence;
	const struct answer **sent, **done, *least = NULL;
	size_t i, n, at = 0;

	sent = sort_answers(
	    e, tells_counter, offsetof(struct answer, sent_ns), &n);
	done = sort_answers(
	    e, tells_counter, offsetof(struct answer, done_ns), &n);
	for (i = 0; i < n; i++) {
		for (; at < n && done[at]->done_ns < sent[i]->sent_ns; at++)
			if (least == NULL ||
			    done[at]->remaining < least->remaining)
				least = done[at];
		if (least != NULL && counter_before(sent[i]) > least->remaining)
			blame_order(trial, least, sent[i]);
	}
	free(sent);
	free(done);
}

/* ------------------------------------------------------------ the whole -- */

static void
count_answer(struct trial *trial, const struct answer *answer)
{
	struct judgement *j = trial->judgement;

	if (answer->kind == ANSWER_NONSENSE)
		accuse(trial, WRONG_NONSENSE, 1,
		    "%s got an answer that the API "
		    "does not have",
		    name_of(answer));
	if (answer->again)
		return;
	j->recovered += answer->was_unknown && answer->kind != ANSWER_NONE;
	j->sold += answer->kind == ANSWER_SOLD;
	j->refused += answer->kind == ANSWER_REFUSED;
	j->later += answer->kind == ANSWER_LATER;
	j->unknown += answer->kind == ANSWER_NONE && !answer->look;
	if (answer->kind == ANSWER_REFUSED)
		judge_refusal(trial, answer);
	if (answer->kind != ANSWER_LEFT)
		return;
	j->looks_enough += answer->remaining >= answer->quantity;
	if (answer->remaining > j->looks_most)
		j->looks_most = answer->remaining;
}

/* The service's oracle on the same lines. */
static void
ask_audit(struct trial *trial)
{
	const struct evidence *e = trial->evidence;
	struct judgement *j = trial->judgement;
	struct audit *audit = buffer_must(audit_new(0));
	size_t i;

	for (i = 0; i < e->line_count; i++)
		if (!audit_add(&e->lines[i], audit))
			break;
	accuse(trial, WRONG_NONSENSE,
	    audit_finish(audit, e->capacity, e->remaining, &j->audit) !=
		AUDIT_OK,
	    "the audit cannot read the ledger");
	/* It sees the ledger only: what it finds we must find. */
	j->audit_agrees = j->audit.verdict == VERDICT_CORRECT || j->wrong;
	accuse(trial, WRONG_NONSENSE, !j->audit_agrees,
	    "the audit says %s, the oracle sees nothing wrong",
	    audit_verdict_name(j->audit.verdict));
}

void
oracle_judge(const struct evidence *evidence, struct judgement *judgement)
{
	struct trial trial = {
	    .evidence = evidence, .judgement = judgement, .only_sales = true};
	size_t i;

	*judgement = (struct judgement){0};
	collect_claims(&trial);
	judge_seats(&trial);
	judge_receipts(&trial);
	judge_repeats(&trial);
	judge_lines(&trial);
	judge_counter(&trial);
	for (i = 0; i < evidence->answer_count; i++)
		count_answer(&trial, &evidence->answers[i]);
	if (trial.only_sales)
		judge_order(&trial);
	accuse(&trial, WRONG_TRESPASSED, evidence->trespasses,
	    "two were inside at once, %" PRId64 " time%s", evidence->trespasses,
	    evidence->trespasses == 1 ? "" : "s");
	ask_audit(&trial);
	free(trial.claims);
}

enum wrong
oracle_worst(const struct judgement *judgement)
{
	int i;

	for (i = 0; i < WRONGS - 1; i++)
		if (judgement->findings[i].count > 0)
			break;
	return (enum wrong)i;
}

/* ----------------------------------------------------------- collision -- */

static void
call_witnesses(const struct evidence *e, const struct audit_collision *c,
    struct audit_witness witnesses[3])
{
	struct store_line line;
	size_t i;

	for (i = 0; i < c->count; i++) {
		line = e->lines[c->versions[i] - 1];
		if (line.trail == NULL)
			line.trail = "[]";
		audit_witness_fill(&line, &witnesses[i]);
	}
}

json_t *
oracle_collision(const struct evidence *evidence,
    const struct judgement *judgement, FILE *out)
{
	const struct audit_collision *c = &judgement->audit.collision;
	struct audit_witness witnesses[3];
	const struct audit_subject subject = {
	    .with_names = true, .witnesses = witnesses};
	json_t *whole, *collision;
	size_t i;

	call_witnesses(evidence, c, witnesses);
	audit_text_print_collision(&judgement->audit, &subject, out);
	whole = audit_data_json(&judgement->audit, &subject);
	collision = json_incref(json_object_get(whole, "collision"));
	json_decref(whole);
	for (i = 0; i < c->count; i++)
		audit_witness_free(&witnesses[i]);
	return collision;
}
