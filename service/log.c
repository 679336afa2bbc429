/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines are made in a buffer of a pipe's size; jansson knows how to quote. */
#include "service/log.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/timestamp.h"

#define END_SIZE 2 /* of "}\n" */

struct line {
	char text[PIPE_BUF];
	size_t length; /* at most PIPE_BUF - END_SIZE until it is ended */
};

/* ------------------------------------------------------------ the line -- */

static bool put(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* False: there is no room, and nothing was put. */
static bool
put(struct line *line, const char *format, ...)
{
	const size_t room = sizeof(line->text) - END_SIZE - line->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->length, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		return false;
	line->length += (size_t)n;
	return true;
}

/* False: it is not UTF-8, there is no memory, or no room. */
static bool
put_quoted(struct line *line, const char *text)
{
	const size_t room = sizeof(line->text) - END_SIZE - line->length;
	json_t *string = json_string(text);
	size_t n;

	n = json_dumpb(string, line->text + line->length, room,
	    JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	json_decref(string);
	if (n == 0 || n > room)
		return false;
	line->length += n;
	return true;
}

/* A field that has no room is left out. */
static void
put_field(struct line *line, const struct log_field *field, bool json)
{
	const size_t begin = line->length;
	bool whole;

	whole = put(line, json ? ",\"%s\":" : " %s=", field->name);
	if (whole && field->text == NULL)
		whole = put(line, "%" PRId64, field->number);
	else if (whole)
		whole = put_quoted(line, field->text) || put(line, "\"?\"");
	if (!whole)
		line->length = begin;
}

static void
make_line(struct line *line, bool json, const char *event,
    const struct log_field *fields)
{
	char now[TIMESTAMP_SIZE];

	timestamp_print(clock_read_ns(CLOCK_REALTIME) / NS_PER_MS, now);
	line->length = 0;
	put(line, json ? "{\"time\":\"%s\",\"event\":\"%s\"" : "%s %s", now,
	    event);
	for (; fields->name != NULL; fields++)
		put_field(line, fields, json);
	if (json)
		line->text[line->length++] = '}';
	line->text[line->length++] = '\n';
}

/* --------------------------------------------------------- writing it -- */

/*
 * O_NONBLOCK is a flag of the open file, and the one that we were given is
 * also the shell's and that of whoever else writes there: open another.  What
 * is neither a pipe nor a terminal has no need: files keep nobody waiting, and
 * sockets are asked each time.
 */
void
log_open(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) != 0 ||
	    (!S_ISFIFO(st.st_mode) && !isatty(STDERR_FILENO)))
		return;
	fd = open("/proc/self/fd/2",
	    O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* How much of it was written, at once; -1: nothing. */
static ssize_t
write_now(const char *text, size_t size)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n;

	n = send(STDERR_FILENO, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && errno == ENOTSOCK && poll(&fd, 1, 0) == 1)
		n = write(STDERR_FILENO, text, size);
	return n;
}

/* Behind a part of a line (a full disk, a slow terminal) a new line begins. */
static bool
write_line(const struct log *log, const struct line *line)
{
	struct log_dropped *dropped = log->dropped;
	ssize_t n;

	if (dropped != NULL && atomic_load(&dropped->torn)) {
		if (write_now("\n", 1) != 1)
			return false;
		atomic_store(&dropped->torn, false);
	}
	n = write_now(line->text, line->length);
	if (dropped != NULL && n > 0 && n < (ssize_t)line->length)
		atomic_store(&dropped->torn, true);
	return n == (ssize_t)line->length;
}

/* False: not even that could be written. */
static bool
tell_dropped(const struct log *log)
{
	struct log_dropped *dropped = log->dropped;
	const uint64_t untold =
	    dropped == NULL ? 0 : atomic_exchange(&dropped->untold, 0);
	const struct log_field fields[] = {
	    LOG_NUMBER("count", (int64_t)untold), {NULL, NULL, 0}};
	struct line line;

	if (untold == 0)
		return true;
	make_line(&line, log->json, "log-lines-dropped", fields);
	if (write_line(log, &line))
		return true;
	atomic_fetch_add(&dropped->untold, untold);
	return false;
}

void
log_event(
    const struct log *log, const char *event, const struct log_field *fields)
{
	struct line line;

	make_line(&line, log->json, event, fields);
	if ((tell_dropped(log) && write_line(log, &line)) ||
	    log->dropped == NULL)
		return;
	atomic_fetch_add(&log->dropped->lines, 1);
	atomic_fetch_add(&log->dropped->untold, 1);
}
