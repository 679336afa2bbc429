/* SPDX-License-Identifier: BSD-2-Clause */
/* turnstile: parse the options, run the supervisor or a command. */
#include <stdlib.h>

#include "service/process/command.h"
#include "service/process/flags.h"
#include "service/process/supervisor.h"

#define EXIT_USAGE 2

int
main(int argc, char *argv[])
{
	struct options options;

	if (argc > 1 && command_known(argv[1]))
		return command_run(argc - 1, argv + 1);
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
