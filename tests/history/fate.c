/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/history/fate.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#define DRILL_MS 1000
#define STOPPED_MS 150
#define STANDSTILL_MS 30000 /* without an answer: something hangs */

static void
wait_ms(long ms)
{
	const struct timespec time = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* Until there are so many answers.  False: they do not come. */
static bool
wait_for_answers(const struct scene *scene, unsigned long wanted)
{
	unsigned long before = 0, now;
	long waited_ms = 0;

	while ((now = atomic_load(&scene->answered)) < wanted) {
		waited_ms = now == before ? waited_ms + 2 : 0;
		before = now;
		if (waited_ms > STANDSTILL_MS) {
			fprintf(stderr, "history-record: no answer comes any "
					"more\n");
			return false;
		}
		wait_ms(2);
	}
	return true;
}

static bool
stop_worker(struct server *server, unsigned which)
{
	pid_t pid;

	if (!server_signal_worker(server, which, SIGSTOP, &pid))
		return false;
	wait_ms(STOPPED_MS);
	server_signal_child(server, pid, SIGCONT);
	return true;
}

/* One who stands before his write, with what he holds. */
static bool
strike_holder(struct server *server, bool kills)
{
	const pid_t pid = server_drill(server, DRILL_MS);

	if (pid == 0)
		return false;
	if (kills)
		return server_signal_child(server, pid, SIGKILL);
	wait_ms(STOPPED_MS);
	return server_signal_child(server, pid, SIGCONT);
}

/* Whoever dies meanwhile has nobody to bury him. */
static bool
stop_supervisor(struct server *server, unsigned which)
{
	pid_t pid;

	server_signal(server, SIGSTOP);
	server_signal_worker(server, which, SIGKILL, &pid);
	wait_ms(STOPPED_MS);
	server_signal(server, SIGCONT);
	return true;
}

/* False: the service is gone. */
static bool
strike(struct server *server, char letter, unsigned which, unsigned *struck)
{
	pid_t pid;

	switch (letter) {
	case 'k':
		*struck += server_signal_worker(server, which, SIGKILL, &pid);
		return true;
	case 's':
		*struck += stop_worker(server, which);
		return true;
	case 'h':
		*struck += strike_holder(server, true);
		return true;
	case 'H':
		*struck += strike_holder(server, false);
		return true;
	case 'x':
		server_crash(server);
		*struck += 1;
		return server_start(server);
	case 'X':
		*struck += stop_supervisor(server, which);
		return true;
	default:
		return true;
	}
}

unsigned
fate_strikes(const char *letters)
{
	unsigned strikes = 0;

	for (; *letters != '\0'; letters++)
		strikes += *letters != 'p';
	return strikes;
}

bool
fate_run(struct server *server, struct scene *scene, const char *letters,
    unsigned long every, unsigned *struck)
{
	unsigned long wanted = 0;
	unsigned which;

	*struck = 0;
	for (which = 0; letters[which] != '\0'; which++) {
		wanted += every;
		if (!wait_for_answers(scene, wanted) ||
		    !strike(server, letters[which], which, struck))
			return false;
	}
	return wait_for_answers(scene, wanted + every);
}
