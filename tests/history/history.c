/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader.  It is strict where a mistake of a recorder would change the
 * verdict (who asks while he waits, time that goes back, an answer to nothing)
 * and does not look at members it does not know.
 */
#include "tests/history/history.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/history/texts.h"

/* Whom a process waits for. */
struct process {
	bool waits, is_gone;
	size_t partition, op;
};

struct reader {
	struct history *history;
	struct texts *processes;
	struct process *process; /* by its text's number */
	size_t process_room;
	struct texts *sales;
	size_t line;
	int64_t time;
	char *error;
	size_t error_size;
};

static const char *const kinds[] = {[OP_START] = "start",
    [OP_LOOK] = "look",
    [OP_AUDIT] = "audit",
    [OP_BUY] = "buy",
    [OP_PATCH] = "patch",
    [OP_CREATE] = "create",
    [OP_DELETE] = "delete"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char *const refusals[] = {[ANSWER_SOLD_OUT] = "sold-out",
    [ANSWER_NOT_ENOUGH] = "not-enough",
    [ANSWER_CHANGED] = "changed",
    [ANSWER_KEY_REUSED] = "key-reused",
    [ANSWER_NO_SALE] = "no-sale",
    [ANSWER_SALE_EXISTS] = "sale-exists",
    [ANSWER_HAS_RECEIPTS] = "has-receipts",
    [ANSWER_BAD_VALUE] = "bad-value"};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

__attribute__((format(printf, 2, 3))) static bool
fail(struct reader *r, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(r->error, r->error_size, "line %zu: ", r->line);
	va_start(args, format);
	vsnprintf(r->error + n, r->error_size - (size_t)n, format, args);
	va_end(args);
	return false;
}

static bool
no_memory(struct reader *r)
{
	return fail(r, "out of memory");
}

/* ------------------------------------------------------------- members -- */

/* A text's number; 0 if it is not there. */
static bool
get_text(struct reader *r, const json_t *object, const char *name, int *number)
{
	const json_t *value = json_object_get(object, name);

	*number = 0;
	if (value == NULL || json_is_null(value))
		return true;
	if (!json_is_string(value))
		return fail(r, "\"%s\" must be a text", name);
	*number = texts_number(r->history->names, json_string_value(value));
	return *number != 0 || no_memory(r);
}

/* A whole number; NOT_TOLD if it is not there. */
static bool
get_number(
    struct reader *r, const json_t *object, const char *name, int64_t *number)
{
	const json_t *value = json_object_get(object, name);

	*number = NOT_TOLD;
	if (value == NULL || json_is_null(value))
		return true;
	if (!json_is_integer(value))
		return fail(r, "\"%s\" must be a whole number", name);
	*number = json_integer_value(value);
	return true;
}

/* One that was asked for: at least 1, or it is not there. */
static bool
get_wish_number(
    struct reader *r, const json_t *object, const char *name, int64_t *number)
{
	return get_number(r, object, name, number) &&
	       (*number == NOT_TOLD || *number >= 1 ||
		   fail(r, "\"%s\" must be 1 or more", name));
}

static bool
get_match(struct reader *r, const json_t *value, struct op *op)
{
	const json_t *match = json_object_get(value, "if_match");

	if (match == NULL || json_is_null(match))
		return true;
	if (!get_text(r, match, "epoch", &op->match_epoch) ||
	    !get_number(r, match, "version", &op->match_version))
		return false;
	return (op->match_epoch != 0 && op->match_version != NOT_TOLD) ||
	       fail(r, "\"if_match\" must have an epoch and a version");
}

static bool
get_wish(struct reader *r, const json_t *value, struct op *op)
{
	op->force = json_is_true(json_object_get(value, "force"));
	return get_text(r, value, "buyer", &op->buyer) &&
	       get_text(r, value, "key", &op->key) &&
	       get_wish_number(r, value, "quantity", &op->quantity) &&
	       get_wish_number(r, value, "capacity", &op->wish_capacity) &&
	       get_text(r, value, "lock", &op->wish_lock) &&
	       get_match(r, value, op) &&
	       (op->kind != OP_CREATE || op->wish_capacity != NOT_TOLD ||
		   fail(r, "a create needs a \"capacity\""));
}

/* Seats are numbered in a row; others are no receipt at all. */
static bool
get_seats(struct reader *r, const json_t *value, struct op *op)
{
	const json_t *list = json_object_get(value, "seats");
	size_t i;

	op->seat = op->seats = NOT_TOLD;
	if (list == NULL)
		return true;
	op->seats = (int64_t)json_array_size(list);
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *seat = json_array_get(list, i);

		if (!json_is_integer(seat))
			return fail(r, "\"seats\" must be a list of numbers");
		if (i == 0)
			op->seat = json_integer_value(seat);
		else if (json_integer_value(seat) != op->seat + (int64_t)i)
			op->answer = ANSWER_ODD;
	}
	return json_array_size(list) > 0 ||
	       fail(r, "\"seats\" must be a list of numbers");
}

static bool
get_answer(struct reader *r, const json_t *value, struct op *op)
{
	const json_t *refused = json_object_get(value, "refused");
	size_t i;

	op->answer = ANSWER_DONE;
	if (refused == NULL || json_is_null(refused))
		return true;
	if (!json_is_string(refused))
		return fail(r, "\"refused\" must be a text");
	op->answer = ANSWER_ODD;
	for (i = ANSWER_SOLD_OUT; i < REFUSALS; i++)
		if (strcmp(refusals[i], json_string_value(refused)) == 0)
			op->answer = (enum answer)i;
	return get_text(r, value, "refused", &op->odd);
}

static bool
get_told(struct reader *r, const json_t *value, struct op *op)
{
	return get_answer(r, value, op) && get_seats(r, value, op) &&
	       get_number(r, value, "capacity", &op->capacity) &&
	       get_number(r, value, "remaining", &op->remaining) &&
	       get_number(r, value, "version", &op->version) &&
	       get_number(r, value, "receipts", &op->receipts) &&
	       get_number(r, value, "tickets", &op->tickets) &&
	       get_text(r, value, "lock", &op->lock) &&
	       get_text(r, value, "epoch", &op->epoch) &&
	       get_text(r, value, "order", &op->order);
}

/* --------------------------------------------------------------- events -- */

/* What must be told, or there is nothing to check. */
static bool
is_told(struct reader *r, const struct op *op)
{
	const bool knows_sale =
	    op->remaining != NOT_TOLD && op->version != NOT_TOLD &&
	    (op->kind != OP_START || op->capacity != NOT_TOLD);

	if (op->answer != ANSWER_DONE)
		return true;
	if (op->kind == OP_BUY)
		return (op->seats != NOT_TOLD && op->remaining != NOT_TOLD &&
			   op->version != NOT_TOLD) ||
		       fail(r, "a receipt has seats, remaining and version");
	if (op->kind == OP_LOOK || op->kind == OP_AUDIT || op->kind == OP_START)
		return knows_sale ||
		       fail(r, "a sale has remaining and version, and at the "
			       "start a capacity");
	return true;
}

static struct partition *
partition_of(struct reader *r, const char *sale)
{
	struct history *h = r->history;
	const int before = texts_count(r->sales);
	const int number = texts_number(r->sales, sale);
	struct partition *more;

	if (number == 0)
		return NULL;
	if (number > before) {
		more = realloc(
		    h->partitions, (h->count + 1) * sizeof(*h->partitions));
		if (more == NULL)
			return NULL;
		h->partitions = more;
		more[h->count++] =
		    (struct partition){.sale = texts_number(h->names, sale)};
	}
	return &h->partitions[number - 1];
}

static struct op *
add_op(struct partition *p)
{
	if (p->count == p->allocated) {
		const size_t wanted = p->allocated * 2 + 64;
		struct op *more = realloc(p->ops, wanted * sizeof(*more));

		if (more == NULL)
			return NULL;
		p->ops = more;
		p->allocated = wanted;
	}
	p->ops[p->count] = (struct op){.match_version = NOT_TOLD,
	    .seat = NOT_TOLD,
	    .seats = NOT_TOLD,
	    .capacity = NOT_TOLD,
	    .remaining = NOT_TOLD,
	    .version = NOT_TOLD,
	    .receipts = NOT_TOLD,
	    .tickets = NOT_TOLD};
	return &p->ops[p->count++];
}

static struct process *
process_of(struct reader *r, int64_t number)
{
	struct process *more;
	size_t wanted;
	char text[32];
	int i;

	snprintf(text, sizeof(text), "%" PRId64, number);
	i = texts_number(r->processes, text);
	if (i == 0)
		return NULL;
	if ((size_t)i > r->process_room) {
		wanted = (size_t)i * 2;
		more = realloc(r->process, wanted * sizeof(*more));
		if (more == NULL)
			return NULL;
		memset(more + r->process_room, 0,
		    (wanted - r->process_room) * sizeof(*more));
		r->process = more;
		r->process_room = wanted;
	}
	return &r->process[i - 1];
}

static bool
begin(struct reader *r, const json_t *event, const char *f, int64_t number,
    struct process *process)
{
	const char *sale = json_string_value(json_object_get(event, "sale"));
	struct partition *p;
	struct op *op;
	size_t kind;

	if (process->waits)
		return fail(r, "process %" PRId64 " still waits", number);
	if (process->is_gone)
		return fail(r,
		    "process %" PRId64 " has an answer outstanding (info), and "
		    "asks no more",
		    number);
	for (kind = 0; kind < KINDS; kind++)
		if (strcmp(kinds[kind], f) == 0)
			break;
	if (kind == KINDS)
		return fail(r, "there is no operation \"%s\"", f);
	if (sale == NULL)
		return fail(r, "\"sale\" is missing");
	p = partition_of(r, sale);
	op = p == NULL ? NULL : add_op(p);
	if (op == NULL)
		return no_memory(r);
	op->kind = (enum op_kind)kind;
	op->process = number;
	op->invoked = r->line;
	*process = (struct process){.waits = true,
	    .partition = (size_t)(p - r->history->partitions),
	    .op = p->count - 1};
	if (!get_wish(r, json_object_get(event, "value"), op))
		return false;
	if (op->quantity == NOT_TOLD)
		op->quantity = 1;
	return true;
}

static bool
end(struct reader *r, const json_t *event, const char *f, const char *type,
    struct process *process)
{
	struct op *op;

	if (!process->waits)
		return fail(r, "an answer to nothing");
	op = &r->history->partitions[process->partition].ops[process->op];
	if (strcmp(kinds[op->kind], f) != 0)
		return fail(r, "\"%s\" is answered, but \"%s\" was asked", f,
		    kinds[op->kind]);
	process->waits = false;
	if (strcmp(type, "info") == 0) {
		process->is_gone = true;
		return true;
	}
	op->returned = r->line;
	if (strcmp(type, "fail") == 0) {
		op->quantity = NOT_TOLD; /* a mark: see drop_failed() */
		return true;
	}
	return get_told(r, json_object_get(event, "value"), op) &&
	       is_told(r, op);
}

static bool
read_event(struct reader *r, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event, "type"));
	const char *f = json_string_value(json_object_get(event, "f"));
	const json_t *number = json_object_get(event, "process");
	const json_t *time = json_object_get(event, "time");
	struct process *process;

	if (type == NULL || f == NULL || !json_is_integer(number) ||
	    !json_is_integer(time))
		return fail(r,
		    "an event has type, f, process (a number) and time (ns)");
	if (json_integer_value(time) < r->time)
		return fail(r, "its time is before the last line's");
	r->time = json_integer_value(time);
	process = process_of(r, json_integer_value(number));
	if (process == NULL)
		return no_memory(r);
	if (strcmp(type, "invoke") == 0)
		return begin(r, event, f, json_integer_value(number), process);
	if (strcmp(type, "ok") == 0 || strcmp(type, "fail") == 0 ||
	    strcmp(type, "info") == 0)
		return end(r, event, f, type, process);
	return fail(r, "type must be invoke, ok, fail or info");
}

static bool
read_line(struct reader *r, const char *text, size_t length)
{
	json_error_t why;
	json_t *event;
	bool good;

	event = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
	if (event == NULL)
		return fail(r, "%s", why.text);
	good = read_event(r, event);
	json_decref(event);
	return good;
}

/* Those that certainly did not happen explain nothing. */
static void
drop_failed(struct partition *p)
{
	size_t i, kept = 0;

	for (i = 0; i < p->count; i++) {
		if (p->ops[i].quantity == NOT_TOLD)
			p->failed++;
		else
			p->ops[kept++] = p->ops[i];
	}
	p->count = kept;
}

/* What a sale was before stands before everything, or is no start. */
static bool
check_start(struct reader *r, const struct partition *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		r->line = p->ops[i].invoked;
		if (p->ops[i].kind == OP_START &&
		    (i > 0 || p->ops[i].answer != ANSWER_DONE ||
			(p->count > 1 &&
			    p->ops[1].invoked < p->ops[0].returned)))
			return fail(r,
			    "a start is a sale's first event, and answered "
			    "before any other");
	}
	return true;
}

static bool
read_all(struct reader *r, FILE *file)
{
	char *text = NULL;
	size_t size = 0, i;
	ssize_t length;
	bool good = true;

	while (good && (length = getline(&text, &size, file)) > 0) {
		r->line++;
		good = read_line(r, text, (size_t)length);
	}
	free(text);
	if (good && ferror(file))
		return fail(r, "%s", strerror(errno));
	if (good && r->line == 0)
		return fail(r, "there is nothing in it");
	for (i = 0; good && i < r->history->count; i++) {
		drop_failed(&r->history->partitions[i]);
		good = check_start(r, &r->history->partitions[i]);
	}
	return good;
}

struct history *
history_read(FILE *file, char *error, size_t error_size)
{
	struct reader r = {.history = calloc(1, sizeof(*r.history)),
	    .processes = texts_new(),
	    .sales = texts_new(),
	    .error = error,
	    .error_size = error_size};
	bool good = false;

	if (r.history != NULL)
		r.history->names = texts_new();
	if (r.history == NULL || r.history->names == NULL ||
	    r.processes == NULL || r.sales == NULL)
		no_memory(&r);
	else
		good = read_all(&r, file);
	free(r.process);
	texts_free(r.processes);
	texts_free(r.sales);
	if (!good) {
		history_free(r.history);
		return NULL;
	}
	r.history->texts = texts_count(r.history->names);
	return r.history;
}

void
history_free(struct history *history)
{
	size_t i;

	if (history == NULL)
		return;
	for (i = 0; i < history->count; i++)
		free(history->partitions[i].ops);
	free(history->partitions);
	texts_free(history->names);
	free(history);
}

const char *
history_text(const struct history *history, int text)
{
	return texts_at(history->names, text);
}

/* -------------------------------------------------------------- asking -- */

bool
history_tells_version(const struct op *op)
{
	return op->version != NOT_TOLD &&
	       (op->kind == OP_LOOK || op->kind == OP_AUDIT ||
		   (op->kind == OP_PATCH && op->answer == ANSWER_DONE) ||
		   (op->kind == OP_BUY && op->answer != ANSWER_DONE));
}

bool
history_is_write(const struct op *op)
{
	return op->kind != OP_LOOK && op->kind != OP_AUDIT &&
	       (op->answer == ANSWER_DONE || op->answer == ANSWER_NONE);
}

bool
history_lives_once(const struct partition *p)
{
	size_t i, lives = 0;

	for (i = 0; i < p->count; i++)
		lives += p->ops[i].kind == OP_START ||
			 (p->ops[i].kind == OP_CREATE &&
			     history_is_write(&p->ops[i]));
	return lives <= 1;
}

/* ---------------------------------------------------------------- words -- */

static void
print_wish(const struct history *h, const struct op *op, FILE *out)
{
	fprintf(out, "%s", kinds[op->kind]);
	if (op->kind == OP_BUY)
		fprintf(out, " %" PRId64, op->quantity);
	if (op->buyer != 0)
		fprintf(out, " by %s", history_text(h, op->buyer));
	if (op->key != 0)
		fprintf(out, " (key %s)", history_text(h, op->key));
	if (op->match_epoch != 0)
		fprintf(out, " if at version %" PRId64 " of %s",
		    op->match_version, history_text(h, op->match_epoch));
	if (op->wish_capacity != NOT_TOLD)
		fprintf(out, " capacity %" PRId64, op->wish_capacity);
	if (op->wish_lock != 0)
		fprintf(out, " lock %s", history_text(h, op->wish_lock));
	if (op->force)
		fprintf(out, " by force");
}

static void
print_numbers(const struct history *h, const struct op *op, FILE *out)
{
	const char *comma = "";

	if (op->seats > 1)
		fprintf(out, " seats %" PRId64 "-%" PRId64, op->seat,
		    op->seat + op->seats - 1);
	else if (op->seats == 1)
		fprintf(out, " seat %" PRId64, op->seat);
	if (op->seats > 0)
		comma = ",";
	if (op->remaining != NOT_TOLD && op->capacity != NOT_TOLD)
		fprintf(out, "%s %" PRId64 " of %" PRId64 " left", comma,
		    op->remaining, op->capacity);
	else if (op->remaining != NOT_TOLD)
		fprintf(out, "%s %" PRId64 " left", comma, op->remaining);
	if (op->remaining != NOT_TOLD)
		comma = ",";
	if (op->version != NOT_TOLD)
		fprintf(out, "%s version %" PRId64, comma, op->version);
	if (op->lock != 0)
		fprintf(out, ", %s", history_text(h, op->lock));
	if (op->epoch != 0)
		fprintf(out, ", epoch %s", history_text(h, op->epoch));
	if (op->tickets != NOT_TOLD)
		fprintf(out, ", %" PRId64 " sold", op->tickets);
}

void
history_print_op(const struct history *h, const struct op *op, FILE *out)
{
	print_wish(h, op, out);
	switch (op->answer) {
	case ANSWER_NONE:
		fprintf(out, ": not known");
		return;
	case ANSWER_DONE:
		fprintf(out, ":");
		break;
	case ANSWER_ODD:
		if (op->odd == 0)
			fprintf(out, ": seats that are not in a row;");
		else
			fprintf(out, ": answered oddly, \"%s\";",
			    history_text(h, op->odd));
		break;
	case ANSWER_SOLD_OUT:
	case ANSWER_NOT_ENOUGH:
	case ANSWER_CHANGED:
	case ANSWER_KEY_REUSED:
	case ANSWER_NO_SALE:
	case ANSWER_SALE_EXISTS:
	case ANSWER_HAS_RECEIPTS:
	case ANSWER_BAD_VALUE:
		fprintf(out, ": refused, %s;", refusals[op->answer]);
		break;
	}
	print_numbers(h, op, out);
}
