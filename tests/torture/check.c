/* SPDX-License-Identifier: BSD-2-Clause */
/* All in one process: nobody else has the store. */
#include "tests/torture/check.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITHIN_S 20

/* Start and look; the store stays open.  NULL: `error` says why. */
static struct store_user *
start(struct store *store, struct check_told *told, char dump[STAGE_DUMP])
{
	struct store_user *user;

	if (store == NULL ||
	    store_prepare(store, told->error, sizeof(told->error)) != 0)
		return NULL;
	told->prepared = true;
	user = store_open(store, told->error, sizeof(told->error));
	if (user != NULL &&
	    !stage_dump(user, dump, told->error, sizeof(told->error))) {
		store_close(user);
		user = NULL;
	}
	return user;
}

/* Another supervisor, and the same to see.  NULL: `error` says why not. */
static struct store_user *
start_again(const char *kind, const char *dir, struct check_told *told)
{
	static char again[STAGE_DUMP];
	struct store_user *user = start(store_new(kind, dir), told, again);

	if (user != NULL && strcmp(again, told->dump) != 0) {
		snprintf(told->error, sizeof(told->error),
		    "the second start shows something else:\n%.900s", again);
		return NULL;
	}
	return user;
}

static void
check(const char *kind, const char *dir, bool twice, struct check_told *told)
{
	struct store_user *user = start(store_new(kind, dir), told, told->dump);
	enum store_result result;

	if (user != NULL && twice) {
		store_close(user);
		user = start_again(kind, dir, told);
	}
	if (user == NULL)
		return;
	result = stage_probe(user);
	if (result != STORE_OK)
		snprintf(told->error, sizeof(told->error),
		    "a ticket is not sold: result %d, %.900s", (int)result,
		    store_error(user));
	told->done = result == STORE_OK;
	store_close(user);
}

bool
check_directory(const char *store, const char *dir, bool twice,
    struct tamper *tamper, struct check_told *told)
{
	int status = 0;
	pid_t pid;

	told->prepared = told->done = false;
	told->error[0] = told->dump[0] = '\0';
	tamper->skip_syncs = true;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(WITHIN_S);
		if (tamper_begin(tamper))
			check(store, dir, twice, told);
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1) {
		snprintf(told->error, sizeof(told->error), "no child");
		return false;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(told->error, sizeof(told->error), "it hangs");
	else if (status != 0)
		snprintf(told->error, sizeof(told->error),
		    "the process ended with status %x", status);
	return told->done && status == 0;
}
