/* SPDX-License-Identifier: BSD-2-Clause */
/* initdb, then postgres; it is asked whether it is there by pg_isready. */
#include "tests/stress/cluster.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "tests/tree.h"

#define START_NS (10 * NS_PER_SEC)
#define AGAIN_NS (50 * NS_PER_MS)
#define USER "postgres"

struct cluster {
	char programs[256]; /* their folder */
	char folder[256];   /* the cluster's, and of its socket */
	char database[512];
	unsigned schemas;
	pid_t pid;        /* 0: it does not run */
	int64_t again_ns; /* when it may be started again */
};

/* The newest there is.  False: none. */
static bool
find_programs(char folder[256])
{
	glob_t found;
	size_t n;

	if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0)
		return false;
	n = found.gl_pathc;
	snprintf(folder, 256, "%.*s",
	    (int)(strlen(found.gl_pathv[n - 1]) - strlen("/initdb")),
	    found.gl_pathv[n - 1]);
	globfree(&found);
	return true;
}

/* In the child.  What it prints goes to the file `log`, there. */
static void
become(const struct cluster *cluster, char *const args[], pid_t parent)
{
	const struct passwd *user = getuid() == 0 ? getpwnam(USER) : NULL;
	char path[512];
	sigset_t none;
	int fd;

	if (user != NULL &&
	    (initgroups(USER, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
		setuid(user->pw_uid) != 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != parent || chdir(cluster->folder) != 0)
		_exit(127);
	setpgid(0, 0); /* Ctrl-C is the test's, which then stops us */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	snprintf(path, sizeof(path), "%s/%s", cluster->programs, args[0]);
	execv(path, args);
	_exit(127);
}

static pid_t
run(const struct cluster *cluster, char *const args[])
{
	const pid_t self = getpid(), pid = fork();

	if (pid == 0)
		become(cluster, args, self);
	return pid;
}

/* Its exit status, -1: it had none. */
static int
run_and_wait(const struct cluster *cluster, char *const args[])
{
	const pid_t pid = run(cluster, args);
	int status = -1;

	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
is_ready(const struct cluster *cluster)
{
	char host[300];
	char *const args[] = {"pg_isready", "-q", host, NULL};

	snprintf(host, sizeof(host), "--host=%s", cluster->folder);
	return run_and_wait(cluster, args) == 0;
}

static pid_t
run_server(const struct cluster *cluster)
{
	char *const args[] = {"postgres", "-D", "data", "-k",
	    (char *)(uintptr_t)cluster->folder, "-h", "", "-c",
	    "max_connections=400", "-c", "shared_buffers=64MB", NULL};

	return run(cluster, args);
}

/* True: it answers. */
static bool
start_server(struct cluster *cluster)
{
	const int64_t until_ns = clock_now_ns() + START_NS;

	cluster->pid = run_server(cluster);
	while (cluster->pid > 0 && clock_now_ns() < until_ns) {
		if (is_ready(cluster))
			return true;
		if (waitpid(cluster->pid, NULL, WNOHANG) == cluster->pid)
			cluster->pid = 0;
		clock_sleep_until(clock_now_ns() + 20 * NS_PER_MS);
	}
	return false;
}

static bool
make_folder(struct cluster *cluster, const char *root)
{
	const struct passwd *user = getuid() == 0 ? getpwnam(USER) : NULL;

	snprintf(cluster->folder, sizeof(cluster->folder),
	    "%s/stress-cluster.XXXXXX", root);
	return mkdtemp(cluster->folder) != NULL &&
	       (user == NULL ||
		   chown(cluster->folder, user->pw_uid, user->pw_gid) == 0);
}

/* The last line of what its programs printed. */
static void
say_why(const struct cluster *cluster, char *error, size_t error_size)
{
	char path[512], line[256];
	FILE *file;

	snprintf(error, error_size, "PostgreSQL did not start");
	snprintf(path, sizeof(path), "%s/log", cluster->folder);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0')
			snprintf(error, error_size,
			    "PostgreSQL did not start: %s", line);
	}
	fclose(file);
}

struct cluster *
cluster_start(const char *root, char *error, size_t error_size)
{
	char *const initdb[] = {"initdb", "-D", "data", "-U", "turnstile",
	    "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", NULL};
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (cluster == NULL)
		abort();
	if (!find_programs(cluster->programs)) {
		snprintf(error, error_size,
		    "there is no PostgreSQL here: install the package "
		    "postgresql, or name one by --database");
		free(cluster);
		return NULL;
	}
	if (!make_folder(cluster, root)) {
		snprintf(error, error_size, "%s: %s", cluster->folder,
		    strerror(errno));
		free(cluster);
		return NULL;
	}
	if (run_and_wait(cluster, initdb) == 0 && start_server(cluster))
		return cluster;
	say_why(cluster, error, error_size);
	cluster_stop(cluster);
	return NULL;
}

const char *
cluster_database(struct cluster *cluster)
{
	char host[300], command[64];
	char *const args[] = {"psql", "-X", "-q", host, "--username=turnstile",
	    "--dbname=postgres", "-c", command, NULL};

	snprintf(host, sizeof(host), "--host=%s", cluster->folder);
	snprintf(command, sizeof(command), "CREATE SCHEMA row%u",
	    ++cluster->schemas);
	run_and_wait(cluster, args);
	snprintf(cluster->database, sizeof(cluster->database),
	    "host=%s user=turnstile dbname=postgres "
	    "options='-c search_path=row%u'",
	    cluster->folder, cluster->schemas);
	return cluster->database;
}

void
cluster_kill(struct cluster *cluster)
{
	if (cluster->pid <= 0)
		return;
	kill(cluster->pid, SIGKILL);
	while (waitpid(cluster->pid, NULL, 0) == -1 && errno == EINTR)
		;
	cluster->pid = 0;
}

void
cluster_tend(struct cluster *cluster)
{
	const int64_t now_ns = clock_now_ns();

	if (cluster->pid > 0 &&
	    waitpid(cluster->pid, NULL, WNOHANG) == cluster->pid)
		cluster->pid = 0; /* killed, or too early: see below */
	if (cluster->pid > 0 || now_ns < cluster->again_ns)
		return;
	/* Those that it had forked hold its memory until they are gone. */
	cluster->again_ns = now_ns + AGAIN_NS;
	cluster->pid = run_server(cluster);
}

bool
cluster_await(struct cluster *cluster)
{
	const int64_t until_ns = clock_now_ns() + START_NS;

	while (!is_ready(cluster)) {
		if (clock_now_ns() > until_ns)
			return false;
		cluster_tend(cluster);
		clock_sleep_until(clock_now_ns() + 10 * NS_PER_MS);
	}
	return true;
}

void
cluster_stop(struct cluster *cluster)
{
	if (cluster == NULL)
		return;
	if (cluster->pid > 0) {
		kill(cluster->pid, SIGINT);
		while (waitpid(cluster->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	tree_remove(cluster->folder);
	free(cluster);
}
