/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log when nobody reads it.  Standard error is a pipe, a socket, a terminal
 * or a file of the test's own; a log that waits is ended by the alarm.
 */
#include "service/log.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct log_dropped dropped;
static struct log lines = {.dropped = &dropped};

static int kept = -1; /* what standard error was */

/* Standard error becomes `fd`, which is closed. */
static void
become(int fd)
{
	kept = dup(STDERR_FILENO);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static int
begin(void **state)
{
	(void)state;
	dropped = (struct log_dropped){0};
	lines.json = false;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	if (kept != -1) {
		dup2(kept, STDERR_FILENO);
		close(kept);
		kept = -1;
	}
	return 0;
}

static void
say(const char *text)
{
	LOG_EVENT(&lines, "said", LOG_TEXT("text", text));
}

/* Write through a description of its own until it is full; how much it took.
 */
static size_t
fill(int fd)
{
	const int flags = fcntl(fd, F_GETFL);
	size_t all = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while ((n = write(fd, "xxxxxxxx\n", 9)) > 0)
		all += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	fcntl(fd, F_SETFL, flags);
	return all;
}

static void
read_past(int fd, size_t size)
{
	char byte[4096];
	ssize_t n;

	for (; size > 0; size -= (size_t)n) {
		n = read(fd, byte, size < sizeof(byte) ? size : sizeof(byte));
		assert_true(n > 0);
	}
}

/* What stands in it, NUL behind it; what a reader would wait for is not read.
 */
static char *
rest(int fd)
{
	static char text[3 * PIPE_BUF];
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

/* Nobody reads: three lines are lost; then one does, and is told so. */
static void
three_are_lost(int in, int out, size_t full)
{
	char *text;
	int i;

	alarm(10);
	for (i = 0; i < 3; i++)
		say("lost");
	alarm(0);
	assert_int_equal(dropped.lines, 3);
	read_past(in, full);
	say("seen");
	text = rest(in);
	assert_null(strstr(text, "lost"));
	assert_non_null(strstr(text, "Z log-lines-dropped count=3\n"));
	text = strchr(text, '\n') + 1;
	assert_non_null(strstr(text, "Z said text=\"seen\"\n"));
	assert_int_equal(dropped.lines, 3);
	assert_int_equal(dropped.untold, 0);
	assert_int_equal(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
}

static void
test_pipe(void **state)
{
	int fds[2], shell;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	shell = dup(fds[1]); /* whoever started us has it, too */
	become(fds[1]);
	log_open();
	three_are_lost(fds[0], shell, fill(shell));
	close(shell);
	close(fds[0]);
}

/* As where it cannot be opened again. */
static void
test_pipe_of_another(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	become(fds[1]);
	three_are_lost(fds[0], STDERR_FILENO, fill(STDERR_FILENO));
	close(fds[0]);
}

static void
unread_socket(int type)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, type, 0, fds), 0);
	become(fds[1]);
	log_open();
	three_are_lost(fds[0], STDERR_FILENO, fill(STDERR_FILENO));
	close(fds[0]);
}

static void
test_stream(void **state)
{
	(void)state;
	unread_socket(SOCK_STREAM);
}

/* Other functions than the log's do not wait either. */
static void
test_all_of_stderr(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	become(fds[1]);
	log_open();
	fill(STDERR_FILENO);
	alarm(10);
	fprintf(stderr, "nobody reads this\n");
	alarm(0);
	close(fds[0]);
}

static void
test_terminal(void **state)
{
	const int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];
	int i;

	(void)state;
	assert_true(
	    master != -1 && grantpt(master) == 0 && unlockpt(master) == 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	become(open(name, O_RDWR | O_NOCTTY));
	log_open();
	alarm(10);
	for (i = 0; i < 10000 && dropped.lines < 3; i++)
		say("to a terminal that nobody looks at");
	alarm(0);
	assert_int_equal(dropped.lines, 3);
	close(master);
}

static void
test_closed(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	become(fds[1]);
	close(fds[0]);
	log_open();
	say("to nobody");
	assert_int_equal(dropped.lines, 1);
}

/* On a full disk a line is cut in its middle; what follows is a line again. */
static void
test_torn(void **state)
{
	struct rlimit limit, small;
	const int fd = memfd_create("log", 0);
	char *text;

	(void)state;
	become(dup(fd));
	getrlimit(RLIMIT_FSIZE, &limit);
	small = (struct rlimit){.rlim_cur = 10, .rlim_max = limit.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small);
	say("torn");
	say("lost");
	setrlimit(RLIMIT_FSIZE, &limit);
	say("seen");
	lseek(fd, 0, SEEK_SET);
	text = rest(fd);
	assert_int_equal(strcspn(text, "\n"), 10);
	assert_null(strstr(text, "torn"));
	assert_non_null(strstr(text, "Z log-lines-dropped count=2\n"));
	assert_non_null(strstr(text, "Z said text=\"seen\"\n"));
	assert_int_equal(dropped.lines, 2);
	close(fd);
}

/* Whatever is in it: one line, of one write, and it can be parsed. */
static void
test_long(void **state)
{
	static char text[3 * PIPE_BUF];
	const struct log_field fields[] = {LOG_NUMBER("a", INT64_MIN),
	    LOG_TEXT("b", text), LOG_TEXT("c", "\xff"), LOG_TEXT("d", text + 9),
	    LOG_TEXT("e", "\xc3\xa9\n\"\\"), {NULL, NULL, 0}};
	json_t *object;
	size_t i;
	int fds[2];
	char *line;

	(void)state;
	lines.json = true;
	assert_int_equal(pipe(fds), 0);
	become(fds[1]);
	for (i = 0; i < sizeof(text) - 1; i += i < PIPE_BUF - 200 ? 1 : 97) {
		memset(text, 'x', i);
		text[i] = '\0';
		log_event(&lines, "said", fields);
		line = rest(fds[0]);
		assert_in_range(strlen(line), 50, PIPE_BUF);
		assert_string_equal(strchr(line, '\n'), "\n");
		object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(object);
		assert_string_equal("said",
		    json_string_value(json_object_get(object, "event")));
		assert_string_equal(
		    "?", json_string_value(json_object_get(object, "c")));
		json_decref(object);
	}
	close(fds[0]);
}

/* Two processes that share a pipe: each line is whole. */
static void
test_together(void **state)
{
	static const char word[] = "0123456789012345678901234567890123456789";
	char text[128];
	int fds[2], i;
	FILE *in;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	become(fds[1]);
	log_open();
	pid = fork();
	for (i = 0; i < 500; i++)
		say(word);
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	in = fdopen(fds[0], "r");
	for (i = 0; fgets(text, sizeof(text), in) != NULL; i++) {
		assert_string_equal(strchr(text, ' '),
		    " said text=\"0123456789012345678901234567890123456789\""
		    "\n");
	}
	assert_in_range(i, 500, 1000);
	fclose(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_pipe, begin, end),
	    cmocka_unit_test_setup_teardown(test_pipe_of_another, begin, end),
	    cmocka_unit_test_setup_teardown(test_stream, begin, end),
	    cmocka_unit_test_setup_teardown(test_all_of_stderr, begin, end),
	    cmocka_unit_test_setup_teardown(test_terminal, begin, end),
	    cmocka_unit_test_setup_teardown(test_closed, begin, end),
	    cmocka_unit_test_setup_teardown(test_torn, begin, end),
	    cmocka_unit_test_setup_teardown(test_long, begin, end),
	    cmocka_unit_test_setup_teardown(test_together, begin, end),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
