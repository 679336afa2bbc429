/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adding keeps of each line only what blame needs.  Finishing walks the lines
 * in the order of their versions and keeps for each seat which line sold it
 * last: a line that sells the seat again is a collision of these two, and
 * blame() finds the write that made it possible.
 */
#include "service/audit/audit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What blame needs of a line. */
struct row {
	int64_t base, seat, quantity;
	unsigned nth;
	enum store_kind kind;
	unsigned lock; /* index of the report's strategies */
};

/* What is known of a seat: rows are numbered by version. */
struct seat {
	int64_t last; /* the version that sold it last, 0: not sold */
	uint32_t times;
	uint64_t blamed; /* strategies that sold it again, a bit each */
};

static_assert(AUDIT_STRATEGIES_MAX <= 64, "a bit each");

struct audit {
	struct row *rows; /* version v is rows[v - 1] */
	size_t count, allocated;
	char locks[AUDIT_STRATEGIES_MAX][STORE_LOCK_SIZE];
	size_t lock_count;
	int64_t highest_seat;
	int64_t asked_seat; /* 0: any */
};

struct audit *
audit_new(void)
{
	return calloc(1, sizeof(struct audit));
}

void
audit_free(struct audit *audit)
{
	if (audit == NULL)
		return;
	free(audit->rows);
	free(audit);
}

static unsigned
lock_index(struct audit *audit, const char *lock)
{
	size_t i;

	for (i = 0; i < audit->lock_count; i++)
		if (strcmp(audit->locks[i], lock) == 0)
			return (unsigned)i;
	if (i == AUDIT_STRATEGIES_MAX) /* no: there are fewer strategies */
		return (unsigned)i - 1;
	snprintf(audit->locks[i], STORE_LOCK_SIZE, "%s", lock);
	audit->lock_count++;
	return (unsigned)i;
}

bool
audit_add(struct audit *audit, const struct store_line *line)
{
	if (audit->count == audit->allocated) {
		const size_t wanted = audit->allocated * 2 + 64;
		struct row *rows =
		    realloc(audit->rows, wanted * sizeof(*audit->rows));

		if (rows == NULL)
			return false;
		audit->rows = rows;
		audit->allocated = wanted;
	}
	audit->rows[audit->count++] = (struct row){.base = line->base,
	    .seat = line->seat,
	    .quantity = line->quantity,
	    .nth = line->nth,
	    .kind = line->kind,
	    .lock =
		line->kind == STORE_SOLD ? lock_index(audit, line->lock) : 0};
	if (line->kind == STORE_SOLD &&
	    line->seat + line->quantity - 1 > audit->highest_seat)
		audit->highest_seat = line->seat + line->quantity - 1;
	return true;
}

void
audit_ask(struct audit *audit, int64_t seat)
{
	audit->asked_seat = seat;
}

/* The first write after x that had not seen x, up to `base`; 0: none. */
static int64_t
find_culprit(const struct audit *audit, int64_t x, int64_t base)
{
	int64_t w;

	for (w = x + 1; w <= base; w++)
		if (audit->rows[w - 1].kind == STORE_SOLD &&
		    audit->rows[w - 1].base < x)
			return w;
	return 0;
}

/* The line of version y sells a seat that the line of version x has sold. */
static void
blame(const struct audit *audit, struct audit_report *report, struct seat *seat,
    int64_t number, int64_t x, int64_t y)
{
	const struct row *later = &audit->rows[y - 1];
	int64_t culprit = y;
	unsigned lock;

	if (later->base >= x)
		culprit = find_culprit(audit, x, later->base);
	lock = audit->rows[(culprit != 0 ? culprit : y) - 1].lock;
	if ((seat->blamed & UINT64_C(1) << lock) == 0)
		report->strategies[lock].seats_twice++;
	seat->blamed |= UINT64_C(1) << lock;
	if (report->collision.seat != 0 ||
	    (audit->asked_seat != 0 && audit->asked_seat != number))
		return;
	report->collision = (struct audit_collision){.seat = number,
	    .first = x,
	    .culprit = culprit == y ? 0 : culprit,
	    .second = y,
	    .explained = culprit != 0};
	snprintf(
	    report->collision.lock, STORE_LOCK_SIZE, "%s", audit->locks[lock]);
}

static void
count_seats(const struct audit *audit, struct audit_report *report,
    struct seat *seats, int64_t version)
{
	const struct row *row = &audit->rows[version - 1];
	int64_t number;

	for (number = row->seat; number < row->seat + row->quantity; number++) {
		struct seat *seat = &seats[number - 1];

		if (seat->times == 0)
			report->seats++;
		if (seat->times == 1)
			report->seats_twice++;
		if (seat->last != 0)
			blame(audit, report, seat, number, seat->last, version);
		seat->last = version;
		if (++seat->times > report->most_times) {
			report->most_times = seat->times;
			report->most_seat = number;
		}
	}
}

static void
count_line(
    const struct audit *audit, struct audit_report *report, int64_t version)
{
	const struct row *row = &audit->rows[version - 1];

	if (row->kind == STORE_RECOUNTED)
		report->recounts++;
	if (row->kind != STORE_SOLD)
		return;
	report->receipts++;
	report->tickets += row->quantity;
	report->strategies[row->lock].receipts++;
	/* Lines of one write stand together: its first follows its base. */
	if (row->nth == 1 && version != row->base + 1) {
		report->overwrites++;
		report->strategies[row->lock].overwrites++;
	}
}

/* Worst first: what a buyer would complain of. */
static enum verdict
judge(const struct audit_report *report)
{
	if (report->oversold > 0)
		return VERDICT_OVERSOLD;
	if (report->seats_twice > 0)
		return VERDICT_DOUBLE_BOOKED;
	if (report->stranded > 0)
		return VERDICT_STRANDED;
	return VERDICT_CORRECT;
}

static int64_t
above_zero(int64_t number)
{
	return number > 0 ? number : 0;
}

void
audit_finish(struct audit *audit, int64_t capacity, int64_t remaining,
    struct audit_report *report)
{
	struct seat *seats;
	size_t i;
	int64_t v;

	memset(report, 0, sizeof(*report));
	report->capacity = capacity;
	report->remaining = remaining;
	report->version = (int64_t)audit->count;
	report->strategy_count = audit->lock_count;
	for (i = 0; i < audit->lock_count; i++)
		memcpy(report->strategies[i].lock, audit->locks[i],
		    STORE_LOCK_SIZE);
	seats = calloc((size_t)audit->highest_seat + 1, sizeof(*seats));
	if (seats == NULL)
		abort();
	for (v = 1; v <= report->version; v++) {
		count_line(audit, report, v);
		count_seats(audit, report, seats, v);
	}
	if (report->collision.seat != 0)
		report->collision.times =
		    seats[report->collision.seat - 1].times;
	free(seats);
	report->oversold = above_zero(report->tickets - capacity);
	report->stranded = above_zero(capacity - report->seats - remaining);
	report->verdict = judge(report);
}

const char *
audit_verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
	    [VERDICT_CORRECT] = "correct",
	    [VERDICT_OVERSOLD] = "oversold",
	    [VERDICT_DOUBLE_BOOKED] = "double-booked",
	    [VERDICT_STRANDED] = "stranded",
	};

	return names[verdict];
}

void
audit_witness_fill(struct audit_witness *witness, const struct store_line *line)
{
	*witness = (struct audit_witness){.version = line->version,
	    .base = line->base,
	    .seat = line->seat,
	    .quantity = line->quantity,
	    .remaining = line->remaining,
	    .worker = line->worker,
	    .clerk = line->clerk,
	    .trail = json_loads(line->trail, 0, NULL)};
	memcpy(witness->order, line->order, sizeof(witness->order));
	snprintf(witness->buyer, sizeof(witness->buyer), "%s", line->buyer);
	snprintf(witness->lock, sizeof(witness->lock), "%s", line->lock);
}

void
audit_witness_free(struct audit_witness *witness)
{
	json_decref(witness->trail);
	witness->trail = NULL;
}
