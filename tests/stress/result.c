/* SPDX-License-Identifier: BSD-2-Clause */
/* Words that more than one report says, so that they say the same. */
#include "tests/stress/result.h"

#include <sys/utsname.h>

#include <ctype.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "service/duration.h"
#include "service/version.h"
#include "tests/stress/buffer.h"

bool
result_is_good(const struct result *result)
{
	size_t i;

	for (i = 0; i < result->count; i++)
		if (!row_is_good(&result->rows[i]))
			return false;
	for (i = 0; i < result->flags->expect_count; i++)
		if (!result->expects[i].holds)
			return false;
	return result->stopped_by == 0 && result->count > 0;
}

__attribute__((format(printf, 3, 4))) static void
append(char *text, size_t size, const char *format, ...)
{
	const size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, size - n, format, args);
	va_end(args);
}

static void
set_label(const struct flags *flags, struct row *row)
{
	const struct setting *s = &row->setting;
	char *text = row->label, delay[DURATION_RANGE_SIZE];
	const size_t size = sizeof(row->label);

	append(text, size, "%s", s->lock);
	if (flags->worker_count > 1 || flags->clerk_count > 1)
		append(text, size, " %ux%u", s->workers, s->clerks);
	if (flags->batch_count > 1)
		append(text, size, " b%u", s->batch);
	duration_range_print(s->delay_min_ms, s->delay_max_ms, delay);
	if (flags->delay_count > 1)
		append(text, size, " %s", delay);
}

static void
set_verdict(const struct flags *flags, struct row *row)
{
	const char *name = !row->safe     ? "not shown"
			   : row->shipped ? "correct"
					  : "no race";
	char *at;

	if (row->promise == ROW_FAILED)
		name = "no result";
	else if (row->promise == ROW_HUNG)
		name = "HUNG";
	else if (row->promise == ROW_DIED)
		name = flags->url != NULL ? "GONE" : "DIED";
	else if (row->wrong_runs > 0)
		name = oracle_wrong_name(oracle_worst(&row->judgement));
	append(row->verdict, sizeof(row->verdict), "%s", name);
	if (row->promise < ROW_HUNG && row->wrong_runs > 0)
		for (at = row->verdict; *at != '\0'; at++)
			*at = (char)toupper((unsigned char)*at);
}

static void
reason_of_wrong(const struct row *row, char *text, size_t size)
{
	const struct judgement *j = &row->judgement;
	const enum wrong worst = oracle_worst(j);

	if (worst == WRONG_OVERSOLD && j->most_times > 1)
		append(text, size, "%" PRId64 " too many, a seat %" PRId64 "x",
		    j->findings[worst].count, j->most_times);
	else if (worst == WRONG_DOUBLE_BOOKED)
		append(text, size,
		    j->findings[worst].count == 1
			? "%" PRId64 " seat sold %" PRId64 "x"
			: "%" PRId64 " seats twice or more, one %" PRId64 "x",
		    j->findings[worst].count, j->most_times);
	else if (row->promise == PROMISE_BROKEN && worst != WRONG_TRESPASSED)
		append(text, size, "see below");
	else
		append(text, size, "%s", j->findings[worst].example);
	if (row->remaining > 0 && j->tickets + row->remaining > row->capacity)
		append(text, size,
		    "; %" PRId64 " left, as lost writes are not counted",
		    row->remaining);
}

/* The row's numbers are those of the first run that was wrong. */
static void
reason_of_wrong_runs(const struct row *row, char *text, size_t size)
{
	if (row->runs > 1)
		append(text, size, "wrong in %u of %u runs, ", row->wrong_runs,
		    row->runs);
	if (row->stop.wanted > 0)
		append(text, size, "stop %.2f s, ", row->stop.longest_s);
	if (row->runs > 1)
		append(text, size, "first: ");
	reason_of_wrong(row, text, size);
}

static void
set_reason(struct row *row)
{
	const struct judgement *j = &row->judgement;
	const size_t size = sizeof(row->reason);
	char *text = row->reason;

	if (row->promise >= ROW_HUNG)
		append(text, size, "%s", row->error);
	else if (row->wrong_runs > 0)
		reason_of_wrong_runs(row, text, size);
	else if (row->promise == CONTROL_NOT_SHOWN)
		append(text, size,
		    "no race showed in %u runs, though one had to", row->runs);
	else if (!row->safe)
		append(text, size, "no race showed, which is not \"safe\"");
	else if (!row->shipped)
		append(text, size, "no race in %u run%s", row->runs,
		    row->runs == 1 ? "" : "s");
	else if (row->runs > 1)
		append(text, size, "in each of %u runs", row->runs);
	else
		append(text, size, "%" PRId64 " refused", j->refused);
	if (row->promise < ROW_HUNG && row->wrong_runs == 0 &&
	    row->stop.wanted > 0)
		append(text, size, ", stop %.2f s", row->stop.longest_s);
}

void
result_renew(const struct result *result, struct row *row)
{
	row->label[0] = row->verdict[0] = row->reason[0] = '\0';
	set_label(result->flags, row);
	set_verdict(result->flags, row);
	set_reason(row);
}

void
result_add(struct result *result, struct row *row)
{
	result_renew(result, row);
	result->rows =
	    buffer_grow(result->rows, result->count, sizeof(*result->rows));
	result->rows[result->count++] = *row;
}

static void
compare_prices(struct result *result)
{
	double best = 0;
	size_t i;

	for (i = 0; i < result->count && result->flags->rate > 0; i++)
		result->rows[i].price.relative = -1;
	if (result->flags->rate > 0)
		return; /* all were given the same load */
	for (i = 0; i < result->count; i++)
		if (result->rows[i].price.known &&
		    result->rows[i].price.sold_per_s > best)
			best = result->rows[i].price.sold_per_s;
	for (i = 0; i < result->count; i++)
		if (result->rows[i].price.known)
			result->rows[i].price.relative =
			    best > 0 ? result->rows[i].price.sold_per_s / best
				     : 0;
}

static void
set_setting(struct result *result)
{
	const struct flags *f = result->flags;
	char *text = result->setting, delay[DURATION_RANGE_SIZE],
	     hosts[24] = "";
	const size_t size = sizeof(result->setting);

	if (f->hosts > 1)
		snprintf(hosts, sizeof(hosts), "%u hosts x ", f->hosts);
	append(text, size, "%u buyers", f->buyers);
	if (f->orders > 0)
		append(text, size, ", %" PRId64 " orders", f->orders);
	if (f->sale != NULL)
		append(text, size, ", sale %s", f->sale);
	else
		append(text, size, ", %" PRId64 " ticket%s", f->tickets,
		    f->tickets == 1 ? "" : "s");
	if (f->quantity > 1)
		append(text, size, ", %u an order", f->quantity);
	if (f->worker_count == 1 && f->clerk_count == 1 && f->url == NULL)
		append(text, size, ", %s%u x %u clerks", hosts, f->workers[0],
		    f->clerks[0]);
	if (f->delay_count == 1 && f->sale == NULL) {
		duration_range_print(
		    f->delays[0].min_ms, f->delays[0].max_ms, delay);
		append(text, size, ", delay %s", delay);
	}
	if (f->worker_count > 1 || f->clerk_count > 1)
		append(text, size, "; 2x4: workers x clerks");
	if (f->batch_count > 1)
		append(text, size, "; b64: orders a batch");
	if (f->delay_count > 1)
		append(text, size, "; the last is the delay");
}

#if defined(__SANITIZE_ADDRESS__)
#define BUILD " with ASan"
#elif defined(__SANITIZE_THREAD__)
#define BUILD " with TSan"
#elif defined(__OPTIMIZE__)
#define BUILD " optimised"
#else
#define BUILD " not optimised"
#endif

#ifdef __clang__
#define COMPILER "clang", __clang_major__, __clang_minor__
#else
#define COMPILER "gcc", __GNUC__, __GNUC_MINOR__
#endif

static void
set_machine(struct result *result)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct utsname name;

	uname(&name);
	name.release[strcspn(name.release, "-+")] = '\0';
	if (result->flags->url != NULL)
		append(result->machine, sizeof(result->machine),
		    "the client's machine: ");
	append(result->machine, sizeof(result->machine),
	    "%ld core%s, %s %s, %s; turnstile " TURNSTILE_VERSION
	    ", SQLite %s, %s %d.%d" BUILD,
	    cores, cores == 1 ? "" : "s", name.sysname, name.release,
	    result->file_system, sqlite3_libversion(), COMPILER);
}

bool
result_unlike(const struct result *result, char text[COMPARE_UNLIKE])
{
	const struct compare_with now = {
	    result->flags, result->machine, result->file_system};

	return compare_unlike(result->old, &now, text);
}

bool
result_late_client(const struct result *result, char text[RESULT_LATE])
{
	double most = 0;
	size_t i;

	for (i = 0; i < result->count; i++)
		if (result->rows[i].price.client_late_ms > most)
			most = result->rows[i].price.client_late_ms;
	if (most <= PRICE_LATE_MS)
		return false;
	snprintf(text, RESULT_LATE,
	    "The client itself was late by up to %.0f ms: it was stopped, or "
	    "the machine is busy.  The longest times are its own as well.",
	    most);
	return true;
}

void
result_finish(struct result *result)
{
	size_t i;

	compare_prices(result);
	for (i = 0; i < result->flags->expect_count; i++)
		result->expects[i].holds = expect_holds(result,
		    result->flags->expects[i], result->expects[i].found);
	set_setting(result);
	set_machine(result);
}
