/* SPDX-License-Identifier: BSD-2-Clause */
/* turnstile: parse the options, run the supervisor. */
#include <stdlib.h>

#include "service/process/flags.h"
#include "service/process/supervisor.h"

#define EXIT_USAGE 2

int
main(int argc, char *argv[])
{
	struct options options;

	switch (flags_parse(&options, argc, argv, stdout, stderr)) {
	case OPTIONS_OK:
		return supervisor_run(&options);
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		break;
	}
	return EXIT_USAGE;
}
