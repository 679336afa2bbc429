/* SPDX-License-Identifier: BSD-2-Clause */
/* lab: a census, or one schedule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/catalogue.h"
#include "tests/lab/census.h"
#include "tests/lab/guide.h"
#include "tests/lab/tell.h"
#include "tests/signalled.h"

static bool
write_markdown(const struct census *census, const char *path)
{
	FILE *out = fopen(path, "we");
	bool good;

	if (out != NULL)
		census_print_markdown(census, out);
	good = out != NULL && fclose(out) == 0;
	if (!good)
		fprintf(stderr, "lab: %s: %s\n", path, strerror(errno));
	return good;
}

static int
take_census(const struct flags *flags)
{
	static struct census census;
	int status = EXIT_SUCCESS;

	if (!census_take(&census, flags, &signalled))
		return EXIT_USAGE;
	(flags->json ? census_print_json : census_print)(&census, stdout);
	if (flags->markdown != NULL &&
	    !write_markdown(&census, flags->markdown))
		status = EXIT_USAGE;
	else if (!census_is_good(&census))
		status = EXIT_FAILURE;
	census_free(&census);
	return status;
}

int
main(int argc, char **argv)
{
	const struct options_line line = {
	    .argc = argc, .argv = argv, .out = stdout, .err = stderr};
	struct flags flags;
	int status;

	switch (flags_parse(&flags, &line)) {
	case OPTIONS_OK:
		break;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	}
	signalled_catch();
	status = flags.museum      ? guide(&flags, &signalled, stdout)
		 : flags.catalogue ? catalogue(&flags, &signalled, stdout)
		 : flags.schedule != NULL ? tell(&flags, stdout)
					  : take_census(&flags);
	if (signalled != 0)
		return 128 + signalled;
	return status;
}
