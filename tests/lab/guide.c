/* SPDX-License-Identifier: BSD-2-Clause */
/* A census for each exhibit, and the words beside it. */
#include "tests/lab/guide.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tests/lab/census.h"
#include "tests/lab/museum/museum.h"

static void
print_counts(const struct row *row, const char *shortest, FILE *out)
{
	const unsigned long wrong = row->schedules - row->correct;

	if (wrong == 0)
		fprintf(
		    out, "    right in all of %lu schedules\n", row->schedules);
	else if (row->deadlocked == wrong)
		fprintf(out, "    %lu of %lu schedules end in a deadlock: %s\n",
		    wrong, row->schedules, shortest);
	else
		fprintf(out,
		    "    %lu of %lu schedules are wrong; the shortest: %s\n",
		    wrong, row->schedules, shortest);
}

static void
print_exhibit(const struct exhibit *exhibit, const struct row *row, FILE *out)
{
	char shortest[SCHEDULE_MAX + 1];

	schedule_print(&row->shortest, shortest);
	fprintf(out, "\n%s: %s\n    \"%s\"\n", row->lock, exhibit->impl.summary,
	    exhibit->says);
	print_counts(row, shortest, out);
	fprintf(out, "    %s\n", exhibit->why);
	if (exhibit->ends_by_itself && row->shortest.length > 0)
		fprintf(out, "    (T: ten seconds pass, once)\n");
	if (exhibit->cure[0] != '\0')
		fprintf(out, "    cure: %s\n", exhibit->cure);
	if (exhibit->met_in != NULL)
		fprintf(out, "    met in %s\n", exhibit->met_in);
	if (row->shortest.length > 0)
		fprintf(out, "    %s --lock %s --schedule %s\n",
		    program_invocation_name, row->lock, shortest);
}

int
guide(const struct flags *flags, const volatile sig_atomic_t *stop, FILE *out)
{
	static struct census census;
	struct flags two = *flags;
	size_t i;

	two.store_count = 1;
	two.lock_count = 0;
	for (i = 0; i < museum_count(); i++)
		two.locks[two.lock_count++] =
		    lock_at(lock_count() - museum_count() + i);
	if (!census_take(&census, &two, stop))
		return EXIT_USAGE;
	fprintf(out,
	    "The museum of wrong fixes: what people write who mean to cure the "
	    "race, and what\ncomes of it with %u buyers and %" PRId64
	    " ticket%s.\n",
	    flags->buyers, flags->tickets, flags->tickets == 1 ? "" : "s");
	for (i = 0; i < census.count; i++)
		print_exhibit(
		    museum_of(census.rows[i].strategy), &census.rows[i], out);
	census_free(&census);
	return EXIT_SUCCESS;
}
