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
	bool sold;
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
	struct audit_report report; /* what needs no other line, so far */
	struct row *rows;           /* version v is rows[v - 1] */
	size_t allocated;
	int64_t highest_seat;
	int64_t asked_seat; /* 0: any */
};

struct audit *
audit_new(int64_t seat)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (audit == NULL)
		abort();
	audit->asked_seat = seat;
	return audit;
}

static unsigned
lock_index(struct audit_report *report, const char *lock)
{
	size_t i;

	for (i = 0; i < report->strategy_count; i++)
		if (strcmp(report->strategies[i].lock, lock) == 0)
			return (unsigned)i;
	if (i == AUDIT_STRATEGIES_MAX) /* no: there are fewer strategies */
		return (unsigned)i - 1;
	snprintf(report->strategies[i].lock, STORE_LOCK_SIZE, "%s", lock);
	report->strategy_count++;
	return (unsigned)i;
}

static unsigned
count_receipt(struct audit_report *report, const struct store_line *line)
{
	const unsigned lock = lock_index(report, line->lock);

	report->receipts++;
	report->tickets += line->quantity;
	report->strategies[lock].receipts++;
	/* Lines of one write stand together: its first follows its base. */
	if (line->nth == 1 && line->version != line->base + 1) {
		report->overwrites++;
		report->strategies[lock].overwrites++;
	}
	return lock;
}

bool
audit_add(const struct store_line *line, void *arg)
{
	struct audit *audit = arg;
	const size_t n = (size_t)audit->report.version++;
	const int64_t last = line->seat + line->quantity - 1;

	if (n == audit->allocated) {
		audit->allocated = n * 2 + 64;
		audit->rows = reallocarray(
		    audit->rows, audit->allocated, sizeof(*audit->rows));
		if (audit->rows == NULL)
			abort();
	}
	audit->rows[n] = (struct row){.base = line->base,
	    .seat = line->seat,
	    .quantity = line->quantity,
	    .sold = line->kind == STORE_SOLD};
	audit->report.recounts += line->kind == STORE_RECOUNTED;
	if (line->kind != STORE_SOLD)
		return true;
	audit->rows[n].lock = count_receipt(&audit->report, line);
	if (last > audit->highest_seat)
		audit->highest_seat = last;
	return true;
}

/* The first write after x that had not seen x, up to `base`; 0: none. */
static int64_t
find_culprit(const struct audit *audit, int64_t x, int64_t base)
{
	int64_t w;

	for (w = x + 1; w <= base; w++)
		if (audit->rows[w - 1].sold && audit->rows[w - 1].base < x)
			return w;
	return 0;
}

/* The line of version y sells a seat that the line of version x has sold. */
static void
blame(struct audit *audit, struct seat *seat, int64_t number, int64_t x,
    int64_t y)
{
	struct audit_report *report = &audit->report;
	const int64_t base = audit->rows[y - 1].base;
	const int64_t culprit = base < x ? y : find_culprit(audit, x, base);
	const bool third = culprit != 0 && culprit != y;
	const unsigned lock = audit->rows[(third ? culprit : y) - 1].lock;

	if ((seat->blamed & UINT64_C(1) << lock) == 0)
		report->strategies[lock].seats_twice++;
	seat->blamed |= UINT64_C(1) << lock;
	if (report->collision.count != 0 ||
	    (audit->asked_seat != 0 && audit->asked_seat != number))
		return;
	report->collision = (struct audit_collision){.count = third ? 3 : 2,
	    .versions = {x, third ? culprit : y, third ? y : 0},
	    .seat = number,
	    .explained = culprit != 0};
	memcpy(report->collision.lock, report->strategies[lock].lock,
	    STORE_LOCK_SIZE);
}

static void
count_seats(struct audit *audit, struct seat *seats, int64_t version)
{
	struct audit_report *report = &audit->report;
	const struct row *row = &audit->rows[version - 1];
	int64_t number;

	for (number = row->seat; number < row->seat + row->quantity; number++) {
		struct seat *seat = &seats[number - 1];

		report->seats += seat->times == 0;
		report->seats_twice += seat->times == 1;
		if (seat->last != 0)
			blame(audit, seat, number, seat->last, version);
		seat->last = version;
		if (++seat->times > report->most_times) {
			report->most_times = seat->times;
			report->most_seat = number;
		}
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
	int64_t v;

	seats = calloc((size_t)audit->highest_seat + 1, sizeof(*seats));
	if (seats == NULL)
		abort();
	for (v = 1; v <= audit->report.version; v++)
		count_seats(audit, seats, v);
	*report = audit->report;
	report->capacity = capacity;
	report->remaining = remaining;
	if (report->collision.count != 0)
		report->collision.times =
		    seats[report->collision.seat - 1].times;
	report->oversold = above_zero(report->tickets - capacity);
	report->stranded = above_zero(capacity - report->seats - remaining);
	report->verdict = judge(report);
	free(seats);
	free(audit->rows);
	free(audit);
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

bool
audit_witness_fill(const struct store_line *line, void *arg)
{
	struct audit_witness *witness = arg;

	witness->line = *line;
	snprintf(witness->buyer, sizeof(witness->buyer), "%s", line->buyer);
	snprintf(witness->lock, sizeof(witness->lock), "%s", line->lock);
	witness->trail = json_loads(line->trail, 0, NULL);
	return false;
}

void
audit_witness_free(struct audit_witness *witness)
{
	json_decref(witness->trail);
	witness->trail = NULL;
}
