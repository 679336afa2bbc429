/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client as plain as can be: a connection for each call, closed behind it,
 * and a time after which it is called a hang.
 */
#include "tests/torture/service.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define ASK_AGAIN_NS (5 * NS_PER_MS)
#define CALLS_MOST 8
#define GONE_WITHIN_NS (10 * NS_PER_SEC)

/* -------------------------------------------------------- the processes -- */

void
service_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
}

static _Noreturn void
become_service(const struct service_options *o, int out, int err)
{
	char workers[16], clerks[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(workers, sizeof(workers), "%u", o->workers);
	snprintf(clerks, sizeof(clerks), "%u", o->clerks);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	setenv("LD_PRELOAD", o->settings->library, 1);
	setenv(TAMPER_VARIABLE, o->tamper, 1);
	execl(o->settings->program, o->settings->program, "--listen", "0",
	    "--data", o->data, "--store", o->store, "--workers", workers,
	    "--clerks", clerks, "--timeout", "1s", "--lock", "mutex", NULL);
	_exit(127);
}

/* The port out of its first line; 0: not yet. */
static unsigned
port_of(const char *text)
{
	const char *at = strstr(text, "http://127.0.0.1:");

	if (at == NULL || strchr(at, ' ') == NULL)
		return 0;
	return (unsigned)strtoul(at + strlen("http://127.0.0.1:"), NULL, 10);
}

static int
left_ms(int64_t until_ns)
{
	const int64_t left = (until_ns - clock_now_ns()) / NS_PER_MS;

	return left < 0 ? 0 : (int)left;
}

static enum service_state
hear_start(struct service_run *run, int64_t until_ns)
{
	struct pollfd fd = {.fd = run->out_fd, .events = POLLIN};
	char said[2048] = "";
	size_t used = 0;
	ssize_t n;

	while (poll(&fd, 1, left_ms(until_ns)) > 0) {
		n = read(run->out_fd, said + used, sizeof(said) - 1 - used);
		if (n <= 0)
			return SERVICE_ENDED;
		used += (size_t)n;
		said[used] = '\0';
		run->port = port_of(said);
		if (run->port != 0)
			return SERVICE_RUNS;
	}
	return SERVICE_HANGS;
}

enum service_state
service_start(struct service_run *run, const struct service_options *options,
    int within_ms)
{
	enum service_state state;
	int out[2], err;

	*run = (struct service_run){.options = options};
	snprintf(run->log, sizeof(run->log), "%.4000s/log", options->log);
	err = open(run->log,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0644);
	if (err == -1 || pipe2(out, O_CLOEXEC) != 0)
		abort();
	fflush(NULL);
	run->pid = fork();
	if (run->pid == 0)
		become_service(options, out[1], err);
	close(out[1]);
	close(err);
	run->out_fd = out[0];
	state = hear_start(run, clock_now_ns() + within_ms * NS_PER_MS);
	if (state == SERVICE_ENDED) {
		waitpid(run->pid, &run->status, 0);
		run->pid = 0;
	}
	if (state != SERVICE_RUNS)
		service_kill(run);
	return state;
}

/* Bury whoever is dead; true: nobody lives. */
static bool
bury(struct service_run *run)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == run->pid) {
			run->status = status;
			run->pid = 0;
		}
	return pid == -1;
}

static bool
wait_for_all(struct service_run *run, int64_t until_ns)
{
	while (!bury(run)) {
		if (clock_now_ns() > until_ns)
			return false;
		clock_sleep_until(clock_now_ns() + NS_PER_MS);
	}
	return true;
}

static void
close_out(struct service_run *run)
{
	if (run->out_fd > 0)
		close(run->out_fd);
	run->out_fd = -1;
}

void
service_kill(struct service_run *run)
{
	if (run->pid > 0)
		kill(run->pid, SIGKILL);
	wait_for_all(run, clock_now_ns() + GONE_WITHIN_NS);
	close_out(run);
}

bool
service_stop(struct service_run *run, int within_ms)
{
	if (run->pid > 0)
		kill(run->pid, SIGTERM);
	if (!wait_for_all(run, clock_now_ns() + within_ms * NS_PER_MS)) {
		service_kill(run);
		return false;
	}
	close_out(run);
	return WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0;
}

bool
service_has_ended(struct service_run *run)
{
	bury(run);
	return run->pid == 0;
}

void
service_log(const struct service_run *run, char *text, size_t size)
{
	FILE *file = fopen(run->log, "re");
	size_t n = 0;

	if (file != NULL) {
		n = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[n] = '\0';
}

int
service_crashes(const struct service_run *run, char *how)
{
	static const char words[] = "killed by signal ";
	char text[65536];
	const char *at = text;
	int count = 0;

	service_log(run, text, sizeof(text));
	while ((at = strstr(at, words)) != NULL) {
		at += sizeof(words) - 1;
		if (strtol(at, NULL, 10) == SIGKILL)
			continue;
		count++;
		if (how != NULL)
			snprintf(
			    how, 32, "signal %.*s", (int)strcspn(at, "\""), at);
	}
	return count;
}

/* ---------------------------------------------------------------- calls -- */

struct call {
	int fd; /* -1: it is over */
	char bytes[ANSWER_SIZE];
	size_t used;
	unsigned port;
	int64_t from_ns;
	const char *broke; /* where, if it did */
	int error;
};

static void
begin(struct call *call, const struct service_run *run,
    const struct request *request)
{
	const char *form = request->form == NULL ? "" : request->form;
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)run->port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	char text[2048];
	int n;

	call->used = 0;
	call->port = run->port;
	call->from_ns = clock_now_ns();
	n = snprintf(text, sizeof(text),
	    "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n%s%s%s\r\n%s",
	    request->method, request->path, strlen(form),
	    request->key == NULL ? "" : "Idempotency-Key: ",
	    request->key == NULL ? "" : request->key,
	    request->key == NULL ? "" : "\r\n", form);
	call->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	call->broke = NULL;
	if (call->fd == -1 || connect(call->fd, (struct sockaddr *)&address,
				  sizeof(address)) != 0)
		call->broke = "connect";
	else if (send(call->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		call->broke = "send";
	call->error = errno;
	if (call->broke != NULL && call->fd != -1) {
		close(call->fd);
		call->fd = -1;
	}
}

/* The port is another one each time. */
static void
forget_port(char *text, unsigned port)
{
	char name[32], *at = text;
	size_t length;

	length = (size_t)snprintf(name, sizeof(name), ":%u", port);
	while ((at = strstr(at, name)) != NULL)
		memmove(at, at + length, strlen(at + length) + 1);
}

static bool
has_header(const char *head, const char *body, const char *name)
{
	const char *at = strcasestr(head, name);

	return at != NULL && at < body;
}

/* All that the answer's reader is promised. */
static bool
has_headers(const char *head, const char *body, int status)
{
	return (body[0] == '\0' || has_header(head, body, "Content-Type: ")) &&
	       (status != 503 || has_header(head, body, "Retry-After: ")) &&
	       (status != 201 || has_header(head, body, "Location: "));
}

/* The status, if all of the answer is there; 0 if not. */
static int
parse(const struct call *call, struct answer *answer)
{
	const char *body, *length;
	int status = 0;

	if (sscanf(call->bytes, "HTTP/1.1 %d", &status) != 1)
		return 0;
	body = strstr(call->bytes, "\r\n\r\n");
	if (body == NULL)
		return 0;
	body += 4;
	length = strcasestr(call->bytes, "Content-Length: ");
	if (length != NULL && length < body &&
	    strtoul(length + 16, NULL, 10) >
		call->used - (size_t)(body - call->bytes))
		return 0;
	snprintf(answer->body, sizeof(answer->body), "%s", body);
	forget_port(answer->body, call->port);
	return has_headers(call->bytes, body, status) ? status : -status;
}

static void
end(struct call *call, struct answer *answer, bool hung)
{
	call->bytes[call->used] = '\0';
	if (call->fd != -1)
		close(call->fd);
	call->fd = -1;
	answer->body[0] = '\0';
	answer->hung = hung;
	answer->took_ms = (int)((clock_now_ns() - call->from_ns) / NS_PER_MS);
	answer->status = hung ? 0 : parse(call, answer);
	snprintf(answer->broke, sizeof(answer->broke), "%s %s",
	    call->broke == NULL ? "" : call->broke,
	    call->broke == NULL ? "" : strerror(call->error));
}

/* Some of the answer has come, or its end. */
static void
hear(struct call *call, struct answer *answer)
{
	const ssize_t n = recv(call->fd, call->bytes + call->used,
	    sizeof(call->bytes) - 1 - call->used, 0);

	if (n > 0)
		call->used += (size_t)n;
	if (n < 0) {
		call->broke = "recv";
		call->error = errno;
	}
	if (n <= 0 || call->used == sizeof(call->bytes) - 1)
		end(call, answer, false);
}

void
service_ask_all(const struct service_run *run, const struct request *requests,
    size_t count, int within_ms, struct answer *answers)
{
	static struct call calls[CALLS_MOST];
	const int64_t until_ns = clock_now_ns() + within_ms * NS_PER_MS;
	struct pollfd fds[CALLS_MOST];
	size_t i, open = 0;

	for (i = 0; i < count; i++) {
		begin(&calls[i], run, &requests[i]);
		if (calls[i].fd == -1)
			end(&calls[i], &answers[i], false);
		else
			open++;
	}
	while (open > 0) {
		for (i = 0; i < count; i++)
			fds[i] = (struct pollfd){
			    .fd = calls[i].fd, .events = POLLIN};
		if (poll(fds, count, left_ms(until_ns)) <= 0)
			break;
		for (open = 0, i = 0; i < count; i++) {
			if (fds[i].fd != -1 && fds[i].revents != 0)
				hear(&calls[i], &answers[i]);
			open += calls[i].fd != -1;
		}
	}
	for (i = 0; i < count; i++)
		if (calls[i].fd != -1)
			end(&calls[i], &answers[i], true);
}

void
service_ask(const struct service_run *run, const struct request *request,
    int within_ms, struct answer *answer)
{
	service_ask_all(run, request, 1, within_ms, answer);
}

void
service_insist(const struct service_run *run, const struct request *request,
    int within_ms, struct answer *answer)
{
	const int64_t from_ns = clock_now_ns();
	const int64_t until_ns = from_ns + within_ms * NS_PER_MS;

	for (;;) {
		service_ask(run, request, left_ms(until_ns), answer);
		if ((answer->status != 0 && answer->status != 503) ||
		    clock_now_ns() >= until_ns)
			break;
		clock_sleep_until(clock_now_ns() + ASK_AGAIN_NS);
	}
	answer->took_ms = (int)((clock_now_ns() - from_ns) / NS_PER_MS);
}

void
service_member(
    const struct answer *answer, const char *name, char *value, size_t size)
{
	json_t *object = json_loads(answer->body, 0, NULL);
	const char *text = json_string_value(json_object_get(object, name));

	snprintf(value, size, "%s", text == NULL ? "" : text);
	json_decref(object);
}

/* ---------------------------------------------------------------- looks -- */

struct look {
	const struct service_run *run;
	int64_t until_ns;
	char *text;
	size_t used;
};

static void put(struct look *look, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct look *look, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(
	    look->text + look->used, LOOK_SIZE - look->used, format, args);
	va_end(args);
	look->used += (size_t)n;
	if (look->used >= LOOK_SIZE)
		look->used = LOOK_SIZE - 1;
}

/* The JSON of a 200; else NULL, and the text says what there was. */
static json_t *
get(struct look *look, const char *path)
{
	const struct request request = {.method = "GET", .path = path};
	static struct answer answer;
	json_t *value = NULL;

	service_insist(look->run, &request, left_ms(look->until_ns), &answer);
	if (answer.status == 200)
		value = json_loads(answer.body, 0, NULL);
	if (value == NULL)
		snprintf(look->text, LOOK_SIZE, "GET %s: %d %s%s %.300s", path,
		    answer.status, answer.hung ? "no answer in time" : "",
		    answer.broke, answer.body);
	return value;
}

static int64_t
number(json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *
text_of(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "-" : text;
}

static void
put_lines(struct look *look, json_t *page)
{
	json_t *line, *seats;
	size_t i;

	json_array_foreach(json_object_get(page, "lines"), i, line)
	{
		seats = json_object_get(line, "seats");
		put(look,
		    "  %" PRId64 ": %s, base %" PRId64 ", nth %" PRId64
		    ", seats %" PRId64 "+%zu, remaining %" PRId64
		    ", capacity %" PRId64 ", buyer %s, lock %s\n",
		    number(line, "version"), text_of(line, "kind"),
		    number(line, "base"), number(line, "nth"),
		    (int64_t)json_integer_value(json_array_get(seats, 0)),
		    json_array_size(seats), number(line, "remaining"),
		    number(line, "capacity"), text_of(line, "buyer"),
		    text_of(line, "lock"));
	}
}

static bool
put_ledger(struct look *look, const char *id)
{
	int64_t after = 0;
	json_t *page, *next;
	char path[160];

	do {
		snprintf(path, sizeof(path),
		    "/sales/%.64s/ledger?limit=100&after=%" PRId64, id, after);
		page = get(look, path);
		if (page == NULL)
			return false;
		put_lines(look, page);
		next = json_object_get(page, "next");
		after = json_is_integer(next) ? json_integer_value(next) : 0;
		json_decref(page);
	} while (after != 0);
	return true;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(text_of(*(json_t *const *)a, "id"),
	    text_of(*(json_t *const *)b, "id"));
}

bool
service_look(const struct service_run *run, int within_ms, char text[LOOK_SIZE])
{
	struct look look = {.run = run,
	    .until_ns = clock_now_ns() + within_ms * NS_PER_MS,
	    .text = text};
	json_t *answer, *sales[64], *sale, *list;
	size_t i, count = 0;
	bool good = true;
	char *delay;

	text[0] = '\0';
	answer = get(&look, "/sales");
	list = json_object_get(answer, "sales");
	json_array_foreach(list, i, sale) if (count < 64) sales[count++] = sale;
	qsort(sales, count, sizeof(sales[0]), by_id);
	for (i = 0; i < count && good; i++) {
		delay = json_dumps(
		    json_object_get(sales[i], "delay_ms"), JSON_ENCODE_ANY);
		put(&look,
		    "%s: capacity %" PRId64 ", lock %s, delay %s, remaining "
		    "%" PRId64 ", version %" PRId64 "\n",
		    text_of(sales[i], "id"), number(sales[i], "capacity"),
		    text_of(sales[i], "lock"), delay,
		    number(sales[i], "remaining"), number(sales[i], "version"));
		free(delay);
		good = put_ledger(&look, text_of(sales[i], "id"));
	}
	good = good && answer != NULL;
	json_decref(answer);
	return good;
}

const char *
service_difference(const char *now, const char *was)
{
	static char text[800];
	size_t i, line = 0;

	for (i = 0; now[i] != '\0' && now[i] == was[i]; i++)
		if (now[i] == '\n')
			line = i + 1;
	snprintf(text, sizeof(text), "\"%.*s\" instead of \"%.*s\"",
	    (int)strcspn(now + line, "\n"), now + line,
	    (int)strcspn(was + line, "\n"), was + line);
	return text;
}
