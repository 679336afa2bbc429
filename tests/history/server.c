/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/history/server.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START_MS 10000
#define STOP_MS 10000
#define WORKERS_MOST 64

/* --------------------------------------------------------------- start -- */

static void
keep_over_exec(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

/* In the child; comes back only to say why not. */
static void
become(const struct server *s, int out)
{
	char listen[32], workers[16], clerks[16], drill[32], log[4200];
	const char *args[] = {s->program, "--listen", listen, "--data", s->dir,
	    "--store", s->store, "--lock", s->lock, "--workers", workers,
	    "--clerks", clerks, "--timeout", "2s", "--tickets", "1", "--admin",
	    "open", "--log", "text", NULL};
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", s->port);
	snprintf(workers, sizeof(workers), "%u", s->workers);
	snprintf(clerks, sizeof(clerks), "%u", s->clerks);
	snprintf(drill, sizeof(drill), "%d,%d", s->order[0], s->report[1]);
	keep_over_exec(s->order[0]);
	keep_over_exec(s->report[1]);
	setenv("TURNSTILE_DRILL", drill, 1);
	snprintf(log, sizeof(log), "%s.log", s->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	dup2(out, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(s->program, (char *const *)args);
	fprintf(stderr, "%s: %s\n", s->program, strerror(errno));
	_exit(127);
}

/* The line that says where it listens. */
static bool
read_port(struct server *s, int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char text[1024];
	size_t length = 0;
	ssize_t n;

	while (length < sizeof(text) - 1 && poll(&poll_fd, 1, START_MS) > 0) {
		const char *at;

		n = read(fd, text + length, sizeof(text) - 1 - length);
		if (n <= 0)
			return false;
		length += (size_t)n;
		text[length] = '\0';
		at = strstr(text, "http://127.0.0.1:");
		if (at != NULL && strchr(at, '\n') != NULL)
			return sscanf(at, "http://127.0.0.1:%d", &s->port) == 1;
	}
	return false;
}

static bool
open_drill(struct server *s)
{
	if (s->order[1] > 0)
		return true; /* from the last start */
	return pipe2(s->order, O_CLOEXEC | O_NONBLOCK) == 0 &&
	       pipe2(s->report, O_CLOEXEC | O_NONBLOCK) == 0;
}

bool
server_start(struct server *s)
{
	int out[2];
	bool good;

	if (!open_drill(s) || pipe2(out, O_CLOEXEC) != 0) {
		perror("history-record: pipe");
		return false;
	}
	s->pid = fork();
	if (s->pid == 0)
		become(s, out[1]);
	close(out[1]);
	good = s->pid > 0 && read_port(s, out[0]);
	close(out[0]);
	if (good)
		return true;
	fprintf(stderr, "history-record: %s did not start; see %s.log\n",
	    s->program, s->dir);
	if (s->pid > 0)
		server_crash(s);
	return false;
}

/* ----------------------------------------------------------------- stop -- */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool
server_stop(struct server *s)
{
	const int64_t until_ms = now_ms() + STOP_MS;
	const struct timespec moment = {.tv_nsec = 5000000};
	int status;

	if (s->pid == 0)
		return true;
	kill(s->pid, SIGTERM);
	while (waitpid(s->pid, &status, WNOHANG) == 0) {
		if (now_ms() > until_ms) {
			fprintf(stderr,
			    "history-record: the service did not end\n");
			server_crash(s);
			return false;
		}
		nanosleep(&moment, NULL);
	}
	s->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	fprintf(stderr, "history-record: the service ended with %#x\n", status);
	return false;
}

void
server_crash(struct server *s)
{
	if (s->pid == 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

/* -------------------------------------------------------------- signals -- */

void
server_signal(const struct server *s, int signal)
{
	if (s->pid != 0)
		kill(s->pid, signal);
}

/* Its parent, 0 if there is no such process. */
static pid_t
parent_of(pid_t pid)
{
	char path[64], text[512];
	const char *behind;
	FILE *file;
	size_t n;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	behind = strrchr(text, ')');
	if (behind == NULL || sscanf(behind, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/* By a handle, so that no other process of that number can be meant. */
bool
server_signal_child(const struct server *s, pid_t pid, int signal)
{
	const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool done;

	if (fd == -1)
		return false;
	done = s->pid != 0 && parent_of(pid) == s->pid &&
	       syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
	close(fd);
	return done;
}

bool
server_signal_worker(
    const struct server *s, unsigned which, int signal, pid_t *pid)
{
	pid_t workers[WORKERS_MOST];
	char path[64];
	unsigned count = 0;
	FILE *file;
	int child;

	snprintf(
	    path, sizeof(path), "/proc/%d/task/%d/children", s->pid, s->pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (count < WORKERS_MOST && fscanf(file, "%d", &child) == 1)
		workers[count++] = child;
	fclose(file);
	if (count == 0)
		return false;
	*pid = workers[which % count];
	return server_signal_child(s, *pid, signal);
}

pid_t
server_drill(const struct server *s, int ms)
{
	struct pollfd poll_fd = {.fd = s->report[0], .events = POLLIN};
	char text[64] = "", byte;
	int pid = 0;

	while (read(s->report[0], text, sizeof(text)) > 0) /* of the dead */
		;
	if (write(s->order[1], "x", 1) != 1)
		return 0;
	if (poll(&poll_fd, 1, ms) > 0 &&
	    read(s->report[0], text, sizeof(text) - 1) > 0 &&
	    sscanf(text, "%d", &pid) == 1)
		return pid;
	(void)!read(s->order[0], &byte, 1); /* nobody shall stop later */
	return 0;
}
