/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork, become the service, and read its first line for the address.  The
 * service gets SIGTERM when the test dies, and its directory is the test's to
 * remove.
 */
#include "tests/stress/launch.h"

#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"

#define START_WITHIN_MS 10000
#define STOP_WITHIN_NS (10 * NS_PER_SEC)

/* ------------------------------------------------------------- places -- */

/* Of this program. */
static void
own_folder(char path[4096])
{
	const ssize_t n = readlink("/proc/self/exe", path, 4095);

	path[n > 0 ? n : 0] = '\0';
	dirname(path); /* in place */
}

bool
launch_find_program(char *path, size_t size)
{
	char folder[4096];

	own_folder(folder);
	snprintf(path, size, "%s/turnstile", folder);
	return access(path, X_OK) == 0;
}

const char *
launch_data_root(const char *chosen)
{
	static char folder[4096];
	const char *tmp = getenv("TMPDIR");

	if (chosen != NULL)
		return chosen;
	own_folder(folder);
	/* Beside the program, unless it is installed. */
	if (strcmp(basename(folder), "bin") != 0 && access(folder, W_OK) == 0)
		return folder;
	return tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp";
}

const char *
launch_file_system(const char *path)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} rows[] = {{0xef53, "ext4"}, {0x01021994, "tmpfs"},
	    {0x58465342, "xfs"}, {0x9123683e, "btrfs"}, {0x794c7630, "overlay"},
	    {0x6969, "nfs"}, {0x2fc12fc1, "zfs"}, {0xf2f52010, "f2fs"},
	    {0x858458f6, "tmpfs"}, {0x01021997, "9p"}, {0x65735546, "fuse"}};
	static char other[32];
	struct statfs fs;
	size_t i;

	if (statfs(path, &fs) != 0)
		return "an unknown file system";
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((unsigned long)fs.f_type == rows[i].magic)
			return rows[i].name;
	snprintf(
	    other, sizeof(other), "file system %lx", (unsigned long)fs.f_type);
	return other;
}

static int
remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	(void)st;
	(void)what;
	(void)ftw;
	return remove(path);
}

static void
remove_files(const struct launch *launch)
{
	if (launch->dir[0] != '\0')
		nftw(launch->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (launch->log[0] != '\0')
		unlink(launch->log);
}

/* --------------------------------------------------------------- start -- */

struct pipes {
	int out[2];   /* the service's standard output */
	int order[2]; /* drills */
	int report[2];
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_pipes(struct pipes *pipes)
{
	int i;

	for (i = 0; i < 2; i++) {
		close_fd(&pipes->out[i]);
		close_fd(&pipes->order[i]);
		close_fd(&pipes->report[i]);
	}
}

static bool
open_pipes(struct pipes *pipes, bool drills)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(pipes->out, O_CLOEXEC) == 0 &&
	    (!drills || (pipe2(pipes->order, O_CLOEXEC) == 0 &&
			    pipe2(pipes->report, O_CLOEXEC) == 0)))
		return true;
	close_pipes(pipes);
	return false;
}

/* Keep a descriptor over exec. */
static void
keep(int fd)
{
	if (fd != -1)
		fcntl(fd, F_SETFD, 0);
}

/* In the child: become the service.  Only exec's own failure comes back. */
static void
become(const struct launch_options *o, const struct launch *launch,
    const struct pipes *pipes, pid_t parent)
{
	char workers[16], clerks[16], batch[16], timeout[32], drill[32];
	const char *args[] = {o->program, "--listen", "127.0.0.1:0", "--data",
	    launch->dir, "--store", o->store, "--workers", workers, "--clerks",
	    clerks, "--batch", batch, "--timeout", timeout, "--max-quantity",
	    "1000", "--admin", "open", NULL};
	sigset_t none;
	int log;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0); /* Ctrl-C is the test's, which then stops us */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(workers, sizeof(workers), "%u", o->workers);
	snprintf(clerks, sizeof(clerks), "%u", o->clerks);
	snprintf(batch, sizeof(batch), "%u", o->batch);
	snprintf(timeout, sizeof(timeout), "%" PRId64 "ms", o->timeout_ms);
	unsetenv("TURNSTILE_DRILL");
	if (o->drills) {
		keep(pipes->order[0]);
		keep(pipes->report[1]);
		snprintf(drill, sizeof(drill), "%d,%d", pipes->order[0],
		    pipes->report[1]);
		setenv("TURNSTILE_DRILL", drill, 1);
	}
	log = open(launch->log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	dup2(pipes->out[1], STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execv(o->program, (char *const *)args);
	fprintf(stderr, "%s: %s\n", o->program, strerror(errno));
	_exit(127);
}

/* The line that says where it listens.  False: it ended, or took too long. */
static bool
read_url(int fd, char *url, size_t size)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char text[2048];
	const char *at;
	size_t length = 0;
	ssize_t n;

	while (length < sizeof(text) - 1 &&
	       poll(&poll_fd, 1, START_WITHIN_MS) == 1 &&
	       (n = read(fd, text + length, sizeof(text) - 1 - length)) > 0) {
		length += (size_t)n;
		text[length] = '\0';
		at = strstr(text, "http://");
		if (at == NULL || strpbrk(at, " \n") == NULL)
			continue;
		snprintf(url, size, "%.*s", (int)strcspn(at, " \n"), at);
		return true;
	}
	return false;
}

/* The service's last words. */
static void
read_log(const struct launch *launch, char *error, size_t size)
{
	FILE *file = fopen(launch->log, "re");

	snprintf(error, size, "the service did not start");
	if (file == NULL)
		return;
	while (fgets(error, (int)size, file) != NULL)
		error[strcspn(error, "\n")] = '\0';
	fclose(file);
}

static bool
make_places(struct launch *launch, const struct launch_options *options)
{
	snprintf(launch->dir, sizeof(launch->dir), "%s/stress-data.XXXXXX",
	    launch_data_root(options->data));
	if (mkdtemp(launch->dir) == NULL) {
		launch->dir[0] = '\0';
		return false;
	}
	snprintf(launch->log, sizeof(launch->log), "%s.log", launch->dir);
	return true;
}

bool
launch_start(struct launch *launch, const struct launch_options *options,
    char *error, size_t error_size)
{
	const pid_t self = getpid();
	struct pipes pipes;

	*launch =
	    (struct launch){.order_fd = -1, .unread_fd = -1, .report_fd = -1};
	if (!make_places(launch, options)) {
		snprintf(error, error_size, "%s: %s",
		    launch_data_root(options->data), strerror(errno));
		return false;
	}
	if (!open_pipes(&pipes, options->drills) ||
	    (launch->pid = fork()) == -1) {
		snprintf(error, error_size, "%s", strerror(errno));
		remove_files(launch);
		return false;
	}
	if (launch->pid == 0)
		become(options, launch, &pipes, self);
	close_fd(&pipes.out[1]);
	if (!read_url(pipes.out[0], launch->url, sizeof(launch->url))) {
		read_log(launch, error, error_size);
		close_pipes(&pipes);
		launch_stop(launch);
		return false;
	}
	launch->order_fd = pipes.order[1];
	launch->unread_fd = pipes.order[0];
	launch->report_fd = pipes.report[0];
	pipes.order[0] = pipes.order[1] = pipes.report[0] = -1;
	close_pipes(&pipes);
	if (options->drills) {
		fcntl(launch->report_fd, F_SETFL, O_NONBLOCK);
		fcntl(launch->unread_fd, F_SETFL, O_NONBLOCK);
	}
	return true;
}

/* ---------------------------------------------------------------- stop -- */

size_t
launch_workers(const struct launch *launch, pid_t *pids, size_t most)
{
	char path[64], text[4096];
	size_t count = 0;
	FILE *file;
	char *at = text, *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", launch->pid,
	    launch->pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	while (count < most) {
		const long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		pids[count++] = (pid_t)pid;
		at = end;
	}
	return count;
}

static bool
wait_for_end(pid_t pid, int *status, int64_t until_ns)
{
	while (waitpid(pid, status, WNOHANG) != pid) {
		if (clock_now_ns() > until_ns)
			return false;
		clock_sleep_until(clock_now_ns() + 2 * NS_PER_MS);
	}
	return true;
}

bool
launch_stop(struct launch *launch)
{
	bool good = false;
	int status = -1;

	if (launch->pid > 0) {
		kill(launch->pid, SIGTERM);
		good = wait_for_end(launch->pid, &status,
			   clock_now_ns() + STOP_WITHIN_NS) &&
		       WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (status == -1) {
			kill(launch->pid, SIGKILL);
			waitpid(launch->pid, &status, 0);
		}
	}
	close_fd(&launch->order_fd);
	close_fd(&launch->unread_fd);
	close_fd(&launch->report_fd);
	remove_files(launch);
	launch->pid = 0;
	return good;
}
