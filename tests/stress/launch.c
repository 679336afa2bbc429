/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork, become the service, and read its first line for the address.  The
 * service gets SIGTERM when the test dies, and its directory is the test's to
 * remove.
 */
#include "tests/stress/launch.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "tests/tree.h"

#define START_WITHIN_MS 10000
#define STOP_WITHIN_NS (10 * NS_PER_SEC)
#define HURRY_NS (50 * NS_PER_MS)

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

bool
launch_check(const struct flags *flags, char error[LAUNCH_ERROR_SIZE])
{
	const char *root = launch_data_root(flags->data);
	struct stat facts;
	char path[4096];

	errno = 0;
	if (stat(flags->service, &facts) != 0 ||
	    access(flags->service, X_OK) != 0 || S_ISDIR(facts.st_mode)) {
		snprintf(error, LAUNCH_ERROR_SIZE, "--service %s: %s",
		    flags->service, strerror(errno != 0 ? errno : EISDIR));
		return false;
	}
	snprintf(path, sizeof(path), "%s/stress-data.XXXXXX", root);
	if (mkdtemp(path) == NULL) {
		snprintf(error, LAUNCH_ERROR_SIZE, "--data %s: %s", root,
		    strerror(errno));
		return false;
	}
	rmdir(path);
	return true;
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

static void
remove_files(const struct launch_host *host)
{
	tree_remove(host->dir);
	unlink(host->log);
}

static bool
open_pipes(struct launch *launch, const struct flags *flags)
{
	return (flags->holders == 0 && flags->pause_ms == 0) ||
	       (pipe2(launch->order, O_CLOEXEC | O_NONBLOCK) == 0 &&
		   pipe2(launch->report, O_CLOEXEC | O_NONBLOCK) == 0);
}

/* For drills: the service keeps its ends of the pipes over exec. */
static void
hand_over_pipes(const struct launch *launch)
{
	char text[32];

	unsetenv("TURNSTILE_DRILL");
	if (launch->order[0] == -1)
		return;
	fcntl(launch->order[0], F_SETFD, 0);
	fcntl(launch->report[1], F_SETFD, 0);
	snprintf(
	    text, sizeof(text), "%d,%d", launch->order[0], launch->report[1]);
	setenv("TURNSTILE_DRILL", text, 1);
}

/* Its clerks dawdle, or do not. */
static void
hand_over_jitter(const struct setting *setting)
{
	char text[32];

	unsetenv("TURNSTILE_JITTER");
	if (setting->jitter == 0)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 ",%d", setting->jitter,
	    setting->jitter_deep);
	setenv("TURNSTILE_JITTER", text, 1);
}

/* In the child: become the service.  Only exec's own failure comes back. */
static void
become(const struct launch *launch, const struct launch_host *host,
    const struct flags *flags, const struct setting *setting, pid_t parent)
{
	char workers[16], clerks[16], batch[16], timeout[32];
	const char *args[] = {flags->service, "--listen", "127.0.0.1:0",
	    "--data", host->dir, "--store", setting->store, "--workers",
	    workers, "--clerks", clerks, "--batch", batch, "--timeout", timeout,
	    "--max-quantity", "1000", "--admin", "open", "--log", "text",
	    setting->database == NULL ? NULL : "--database", setting->database,
	    NULL};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0); /* Ctrl-C is the test's, which then stops us */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(workers, sizeof(workers), "%u", setting->workers);
	snprintf(clerks, sizeof(clerks), "%u", setting->clerks);
	snprintf(batch, sizeof(batch), "%u", setting->batch);
	snprintf(timeout, sizeof(timeout), "%" PRId64 "ms", flags->timeout_ms);
	hand_over_pipes(launch);
	hand_over_jitter(setting);
	dup2(host->out[1], STDOUT_FILENO);
	dup2(
	    open(host->log, O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
	execv(flags->service, (char *const *)args);
	fprintf(stderr, "%s: %s\n", flags->service, strerror(errno));
	_exit(127);
}

/* Is this one? */
static bool
has_ended(struct launch_host *host)
{
	if (host->pid > 0 && !host->ended)
		host->ended =
		    waitpid(host->pid, &host->status, WNOHANG) == host->pid;
	return host->ended;
}

bool
launch_has_ended(struct launch *launch, char text[LAUNCH_ERROR_SIZE])
{
	size_t i;

	for (i = 0; i < launch->count && !has_ended(&launch->hosts[i]); i++)
		;
	if (i == launch->count)
		return false;
	if (WIFSIGNALED(launch->hosts[i].status))
		snprintf(text, LAUNCH_ERROR_SIZE,
		    "the service died: killed by signal %d (SIG%s)",
		    WTERMSIG(launch->hosts[i].status),
		    sigabbrev_np(WTERMSIG(launch->hosts[i].status)));
	else
		snprintf(text, LAUNCH_ERROR_SIZE,
		    "the service ended by itself, with status %d",
		    WEXITSTATUS(launch->hosts[i].status));
	return true;
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
read_log(const struct launch_host *host, char error[LAUNCH_ERROR_SIZE])
{
	FILE *file = fopen(host->log, "re");

	snprintf(error, LAUNCH_ERROR_SIZE, "the service did not start");
	if (file == NULL)
		return;
	while (fgets(error, LAUNCH_ERROR_SIZE, file) != NULL)
		error[strcspn(error, "\n")] = '\0';
	fclose(file);
}

static bool
make_folder(struct launch_host *host, const struct flags *flags)
{
	snprintf(host->dir, sizeof(host->dir), "%s/stress-data.XXXXXX",
	    launch_data_root(flags->data));
	if (mkdtemp(host->dir) == NULL) {
		host->dir[0] = '\0';
		return false;
	}
	memcpy(host->log, host->dir, sizeof(host->dir));
	strcat(host->log, ".log");
	return true;
}

/* The next host.  False, with what there is to be stopped. */
static bool
start(struct launch *launch, const struct flags *flags,
    const struct setting *setting, char error[LAUNCH_ERROR_SIZE])
{
	struct launch_host *host = &launch->hosts[launch->count++];
	const pid_t self = getpid();

	*host = (struct launch_host){.out = {-1, -1}};
	if (!make_folder(host, flags) || pipe2(host->out, O_CLOEXEC) != 0 ||
	    (host->pid = fork()) == -1) {
		snprintf(error, LAUNCH_ERROR_SIZE, "%s: %s",
		    launch_data_root(flags->data), strerror(errno));
		return false;
	}
	if (host->pid == 0)
		become(launch, host, flags, setting, self);
	close(host->out[1]);
	host->out[1] = -1;
	if (read_url(host->out[0], host->url, sizeof(host->url)))
		return true;
	read_log(host, error);
	return false;
}

bool
launch_start(struct launch *launch, const struct flags *flags,
    const struct setting *setting, char error[LAUNCH_ERROR_SIZE])
{
	bool good;

	*launch = (struct launch){.order = {-1, -1}, .report = {-1, -1}};
	good = open_pipes(launch, flags);
	if (!good)
		snprintf(error, LAUNCH_ERROR_SIZE, "%s", strerror(errno));
	while (good && launch->count < flags->hosts)
		good = start(launch, flags, setting, error);
	if (!good)
		launch_stop(launch, true);
	return good;
}

/* Neither gone nor a zombie. */
static bool
is_alive(pid_t pid)
{
	char path[64], state;
	bool alive;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	alive = fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state != 'Z';
	fclose(file);
	return alive;
}

/* Of one host, behind those that are there already. */
static size_t
add_workers(const struct launch_host *host, pid_t *pids, size_t count)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", host->pid,
	    host->pid);
	file = fopen(path, "re");
	if (file == NULL)
		return count;
	while (
	    count < LAUNCH_WORKERS_MAX && fscanf(file, "%d", &pids[count]) == 1)
		count += is_alive(pids[count]);
	fclose(file);
	return count;
}

size_t
launch_workers(const struct launch *launch, pid_t pids[LAUNCH_WORKERS_MAX])
{
	size_t i, count = 0;

	for (i = 0; i < launch->count; i++)
		count = add_workers(&launch->hosts[i], pids, count);
	return count;
}

void
launch_threads(const struct launch *launch,
    void (*visit)(pid_t pid, int tid, void *arg), void *arg)
{
	pid_t pids[LAUNCH_WORKERS_MAX];
	size_t n = launch_workers(launch, pids);
	struct dirent *entry;
	char path[64];
	DIR *threads;

	while (n-- > 0) {
		snprintf(path, sizeof(path), "/proc/%d/task", pids[n]);
		threads = opendir(path);
		while (threads != NULL && (entry = readdir(threads)) != NULL)
			if (entry->d_name[0] != '.')
				visit(pids[n], atoi(entry->d_name), arg);
		if (threads != NULL)
			closedir(threads);
	}
}

/*
 * Its exit status; it is killed if it takes too long.  In a hurry it gets a
 * second signal, and a third: then it does not wait for its orders.
 */
static int
end(pid_t pid, bool hurry)
{
	const int64_t until_ns = clock_now_ns() + STOP_WITHIN_NS;
	int status = -1;

	kill(pid, SIGTERM);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now_ns() > until_ns)
			kill(pid, SIGKILL);
		else if (hurry)
			kill(pid, SIGTERM);
		clock_sleep_until(
		    clock_now_ns() + (hurry ? HURRY_NS : 2 * NS_PER_MS));
	}
	return status;
}

static bool
stop_host(struct launch_host *host, bool hurry)
{
	const int status = host->ended     ? host->status
			   : host->pid > 0 ? end(host->pid, hurry)
					   : -1;

	close(host->out[0]); /* of -1: nothing */
	close(host->out[1]);
	remove_files(host);
	host->pid = 0;
	host->ended = false;
	return status == 0;
}

bool
launch_stop(struct launch *launch, bool hurry)
{
	bool good = true;
	size_t i;

	for (i = 0; i < launch->count; i++)
		good &= stop_host(&launch->hosts[i], hurry);
	for (i = 0; i < 2; i++) {
		close(launch->order[i]);
		close(launch->report[i]);
	}
	launch->count = 0;
	return good;
}
