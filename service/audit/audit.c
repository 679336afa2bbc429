/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adding a line keeps for each seat which line sold it last: a line that sells
 * the seat again is a collision of these two, and blame() names the write that
 * made it possible.  For that each line knows who overwrote it first.
 */
#include "service/audit/audit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is kept of a line.  `other` is the version of the first write that
 * overwrote it.  As long as there is none, the line stands, and `other` is the
 * version of the last line before it that stands, 0 if none does: the one is
 * above the line's own version, the other below.
 */
struct row {
	uint32_t other;
	uint8_t lock; /* index of the report's strategies */
};

/* What is known of a seat. */
struct seat {
	uint64_t blamed; /* strategies that sold it again, a bit each */
	uint32_t last;   /* the version that sold it last, 0: not sold */
	uint32_t times;
};

static_assert(AUDIT_STRATEGIES_MAX <= 64, "a bit each");
static_assert(
    sizeof(struct row) == 8 && sizeof(struct seat) == 16, "what audit.h says");

struct audit {
	struct audit_report report; /* so far */
	enum audit_end end;
	struct row *rows; /* version v is rows[v - 1] */
	size_t rows_allocated;
	uint32_t standing;  /* the last line that stands, 0: none */
	struct seat *seats; /* seat n is seats[n - 1] */
	size_t seats_allocated;
	int64_t highest_seat;
	int64_t asked_seat; /* 0: any */
};

struct audit *
audit_new(int64_t seat)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (audit != NULL)
		audit->asked_seat = seat;
	return audit;
}

/* Room for `wanted` things of `size` bytes, and for some more. */
static bool
make_room(void **list, size_t *allocated, size_t wanted, size_t size)
{
	const size_t most = wanted + wanted / 2 + 64;
	void *larger;

	if (wanted <= *allocated)
		return true;
	larger = reallocarray(*list, most, size);
	if (larger == NULL)
		return false;
	*list = larger;
	*allocated = most;
	return true;
}

/* Seats up to this one are known; those that are new were never sold. */
static bool
make_seats(struct audit *audit, int64_t last)
{
	void *seats = audit->seats;

	if (last <= audit->highest_seat)
		return true;
	if (!make_room(&seats, &audit->seats_allocated, (size_t)last,
		sizeof(struct seat)))
		return false;
	audit->seats = seats;
	memset(&audit->seats[audit->highest_seat], 0,
	    (size_t)(last - audit->highest_seat) * sizeof(struct seat));
	audit->highest_seat = last;
	return true;
}

static struct row *
make_row(struct audit *audit)
{
	const int64_t version = audit->report.version;
	void *rows = audit->rows;
	struct row *row;

	if (version > UINT32_MAX || !make_room(&rows, &audit->rows_allocated,
					(size_t)version, sizeof(*row)))
		return NULL;
	audit->rows = rows;
	row = &audit->rows[version - 1];
	*row = (struct row){0};
	return row;
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

static void
count_receipt(
    struct audit_report *report, const struct store_line *line, unsigned lock)
{
	report->receipts++;
	report->tickets += line->quantity;
	report->strategies[lock].receipts++;
	/* Lines of one write stand together: its first follows its base. */
	if (line->nth == 1 && line->version != line->base + 1) {
		report->overwrites++;
		report->strategies[lock].overwrites++;
	}
}

/*
 * The write that begins with `version` had not seen what stands above `base`.
 * Each line falls once, so that all writes together take no longer than there
 * are lines.
 */
static void
overwrite(struct audit *audit, int64_t base, uint32_t version)
{
	while (audit->standing > base) {
		struct row *row = &audit->rows[audit->standing - 1];

		audit->standing = row->other;
		row->other = version;
	}
}

/* The line of version y sells a seat that the line of version x has sold. */
static void
blame(struct audit *audit, struct seat *seat, int64_t number, int64_t y,
    int64_t base)
{
	struct audit_report *report = &audit->report;
	const int64_t x = seat->last, other = audit->rows[x - 1].other;
	const bool third = base >= x && other > x && other <= base;
	const unsigned lock = audit->rows[(third ? other : y) - 1].lock;

	if ((seat->blamed & UINT64_C(1) << lock) == 0)
		report->strategies[lock].seats_twice++;
	seat->blamed |= UINT64_C(1) << lock;
	if (report->collision.count != 0 ||
	    (audit->asked_seat != 0 && audit->asked_seat != number))
		return;
	report->collision = (struct audit_collision){.count = third ? 3 : 2,
	    .versions = {x, third ? other : y, third ? y : 0},
	    .seat = number,
	    .explained = third || base < x};
	memcpy(report->collision.lock, report->strategies[lock].lock,
	    STORE_LOCK_SIZE);
}

static void
count_seats(struct audit *audit, const struct store_line *line)
{
	struct audit_report *report = &audit->report;
	int64_t number;

	for (number = line->seat; number < line->seat + line->quantity;
	     number++) {
		struct seat *seat = &audit->seats[number - 1];

		report->seats += seat->times == 0;
		report->seats_twice += seat->times == 1;
		if (seat->times > 0)
			blame(audit, seat, number, report->version, line->base);
		seat->last = (uint32_t)report->version;
		if (++seat->times > report->most_times) {
			report->most_times = seat->times;
			report->most_seat = number;
		}
	}
}

static void
add_receipt(struct audit *audit, const struct store_line *line, struct row *row)
{
	const uint32_t version = (uint32_t)audit->report.version;

	row->lock = (uint8_t)lock_index(&audit->report, line->lock);
	if (line->nth == 1)
		overwrite(audit, line->base, version);
	row->other = audit->standing;
	audit->standing = version;
	count_receipt(&audit->report, line, row->lock);
	count_seats(audit, line);
}

/* Its numbers are those of places in lists. */
static bool
is_sound(const struct store_line *line, int64_t version)
{
	return line->base >= 0 && line->base < version && line->seat >= 1 &&
	       line->seat <= STORE_CAPACITY_MAX && line->quantity >= 1 &&
	       line->quantity <= STORE_CAPACITY_MAX + 1 - line->seat;
}

bool
audit_add(const struct store_line *line, void *arg)
{
	struct audit *audit = arg;
	const int64_t version = ++audit->report.version;
	const bool sold = line->kind == STORE_SOLD;
	struct row *row = NULL;

	if (sold && !is_sound(line, version))
		audit->end = AUDIT_BAD_LINE;
	else if ((row = make_row(audit)) == NULL ||
		 (sold && !make_seats(audit, line->seat + line->quantity - 1)))
		audit->end = AUDIT_NO_MEMORY;
	if (audit->end != AUDIT_OK)
		return false;
	audit->report.recounts += line->kind == STORE_RECOUNTED;
	if (sold)
		add_receipt(audit, line, row);
	return true;
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

enum audit_end
audit_finish(struct audit *audit, int64_t capacity, int64_t remaining,
    struct audit_report *report)
{
	const enum audit_end end = audit->end;

	*report = audit->report;
	report->capacity = capacity;
	report->remaining = remaining;
	if (report->collision.count != 0)
		report->collision.times =
		    audit->seats[report->collision.seat - 1].times;
	report->oversold = above_zero(report->tickets - capacity);
	report->stranded = above_zero(capacity - report->seats - remaining);
	report->verdict = judge(report);
	free(audit->seats);
	free(audit->rows);
	free(audit);
	return end;
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
