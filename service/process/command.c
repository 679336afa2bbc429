/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands are rows, and share their options. */
#include "service/process/command.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/options.h"
#include "service/process/doors.h"
#include "service/version.h"
#include "storage/backup.h"
#include "storage/restore.h"
#include "storage/store.h"

#define EXIT_USAGE 2
#define ERROR_SIZE 4500 /* two paths */

struct choice {
	const char *data, *store, *file;
};

#define AT(member) OPTIONS_AT(struct choice, member)

/* clang-format off */
static const struct options_row backup_rows[] = {
	{ "data", "DIR", "./data", "where the sales are",
	  OPTIONS_TEXT, 1, 0, AT(data), .valid = "a directory" },
	{ "store", "", NULL, "how they are kept (the directory says it)",
	  OPTIONS_CHOICE, AT(store), .names = store_at },
};

static const struct options_row restore_rows[] = {
	{ "data", "DIR", "./data", "where to put them: empty, or not there",
	  OPTIONS_TEXT, 1, 0, AT(data), .valid = "a directory" },
	{ "store", "", "sqlite", "\nhow to keep them, however they were kept",
	  OPTIONS_CHOICE, AT(store), .names = store_at },
};
/* clang-format on */

static void
print_status(FILE *out)
{
	fprintf(out, "\nExit status: 0 if it is done and on disk, 1 if it "
		     "failed, 2 for a wrong option.\n");
}

static int
back_up(const struct choice *choice, struct backup_count *count, char *error)
{
	return backup_write(choice->store, choice->data, choice->file, count,
	    error, ERROR_SIZE);
}

static int
restore(const struct choice *choice, struct backup_count *count, char *error)
{
	return restore_from(choice->file, choice->store, choice->data, count,
	    error, ERROR_SIZE);
}

static const char *
file_of(const struct choice *choice)
{
	return choice->file;
}

static const char *
data_of(const struct choice *choice)
{
	return choice->data;
}

#define COMMAND(what)                                                          \
	.rows = what##_rows,                                                   \
	.count = sizeof(what##_rows) / sizeof(what##_rows[0]),                 \
	.program = "turnstile " #what,                                         \
	.version = "turnstile " TURNSTILE_VERSION, .noun = "option",           \
	.letters = ":h", .prefix = "TURNSTILE_", .before_value = ": \"",       \
	.after_value = "\" is not valid: use ", .operand = "FILE",             \
	.operand_at = offsetof(struct choice, file), .column = 23,             \
	.print_tail = print_status

static const struct command {
	const char *name;
	int (*run)(const struct choice *choice, struct backup_count *count,
	    char *error);
	const char *(*made)(const struct choice *choice);
	const char *stream; /* what "-" is taken for elsewhere */
	struct options_table table;
} commands[] = {
    {"backup", back_up, file_of, "output",
	{COMMAND(backup),
	    .head =
		"turnstile backup: all sales into FILE, while a service sells "
		"them or none runs\n\n"
		"usage: turnstile backup [options] FILE\n\n"
		"FILE is a tar of plain JSON, whatever the store.  What was "
		"acknowledged before is in it.\n\n"}},
    {"restore", restore, data_of, "input",
	{COMMAND(restore),
	    .head = "turnstile restore: a data directory from a backup\n\n"
		    "usage: turnstile restore [options] FILE\n\n"}},
};

static const struct command *
named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

bool
command_known(const char *name)
{
	return named(name) != NULL;
}

/* 0, or -1 after one line on standard error. */
static int
run(const struct command *command, const struct choice *choice)
{
	struct backup_count count;
	char error[ERROR_SIZE];

	if (doors_close() != 0) {
		perror("turnstile: the process cannot be closed to others");
		return -1;
	}
	signal(SIGXFSZ, SIG_IGN); /* write() then says EFBIG */
	if (command->run(choice, &count, error) != 0) {
		fprintf(stderr, "turnstile %s: %s\n", command->name, error);
		return -1;
	}
	printf("%s: %" PRId64 " sale%s, %" PRId64 " receipt%s\n",
	    command->made(choice), count.sales, count.sales == 1 ? "" : "s",
	    count.receipts, count.receipts == 1 ? "" : "s");
	return 0;
}

/* It is a pipe to others, so a file called "-" would be a surprise. */
static bool
is_file(const struct command *command, const struct choice *choice)
{
	if (strcmp(choice->file, "-") != 0)
		return true;
	fprintf(stderr,
	    "turnstile %s: \"-\": FILE is a file, never standard %s (./- is "
	    "one of that name); see --help\n",
	    command->name, command->stream);
	return false;
}

int
command_run(int argc, char *const argv[])
{
	const struct command *command = named(argv[0]);
	const struct options_line line = {argc, argv, stdout, stderr};
	struct choice choice = {0};

	options_set_usual(&command->table, &choice);
	switch (options_parse(&command->table, &choice, &line)) {
	case OPTIONS_OK:
		if (!is_file(command, &choice))
			break;
		return run(command, &choice) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		break;
	}
	return EXIT_USAGE;
}
