/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread that never sleeps and never opens the store itself: what could
 * block or crash runs in a child.
 */
#include "service/process/supervisor.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/clock.h"
#include "service/process/doors.h"
#include "service/process/startup.h"
#include "service/process/watch.h"
#include "service/process/worker.h"
#include "service/service.h"

/*
 * A worker that dies is replaced at once, unless more than DEATHS_TOLERATED
 * workers died within DEATHS_WITHIN_NS: then after BACK_OFF_NS, doubled for
 * each further death, BACK_OFF_MOST_NS at most.
 */
#define DEATHS_KEPT 8
#define DEATHS_TOLERATED 3
#define DEATHS_WITHIN_NS (10 * NS_PER_SEC)
#define BACK_OFF_NS (100 * NS_PER_MS)
#define BACK_OFF_MOST_NS NS_PER_SEC

/* Workers that have a poisoned store open for longer are killed. */
#define POISONED_GRACE_NS (2 * NS_PER_SEC)
/* After one that failed or did not help; doubled for each further one. */
#define RECOVER_AGAIN_NS NS_PER_SEC
#define RECOVER_AGAIN_MOST_NS (8 * NS_PER_SEC)

#define ANNOUNCE_MS 5 /* how often it looks whether a worker serves */

/* The place of one worker, and of those that replace it. */
struct slot {
	pid_t pid; /* 0: there is none now */
	int64_t started_ns, died_ns;
	int64_t restart_ns; /* when to fork the next one */
	struct watch watch;
	bool killed; /* since it was stuck */
};

struct supervisor {
	struct service service;
	int stop_pipe[2]; /* nothing is written; workers stop when it closes */
	int signal_fd;
	pid_t pid; /* the supervisor's own */
	struct slot slots[LOCK_WORKERS_MAX];
	int64_t deaths_ns[DEATHS_KEPT]; /* when the last ones were, a ring */
	size_t deaths;                  /* all of them */
	bool stopping;
	int64_t stopped_ns; /* when it was told to */
	struct signalfd_siginfo stopped_by;
	int64_t kill_ns; /* while stopping: when workers that hang are killed */
	int64_t
	    poisoned_ns;    /* when the store was seen poisoned; 0: it is not */
	pid_t recovery;     /* the child that recovers it; 0: there is none */
	int64_t recover_ns; /* when to start (another) one */
	bool cannot_open;   /* it is poisoned because no worker could open it */
	unsigned in_vain;   /* recoveries since a worker was last ready */
	bool announced;     /* it was told that it serves */
	bool hopeless;      /* none has ever served, and one has given up */
};

static void
run_worker(struct supervisor *s, unsigned number)
{
	startup_die_with(s->pid);
	close(s->signal_fd);
	close(s->stop_pipe[1]);
	_exit(worker_run(&s->service, number, s->stop_pipe[0]));
}

static void
start_worker(struct supervisor *s, unsigned number)
{
	struct slot *slot = &s->slots[number];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_worker(s, number);
	if (pid == -1) {
		LOG_EVENT(&s->service.log, "fork-failed",
		    LOG_TEXT("error", strerror(errno)));
		slot->restart_ns = clock_now_ns() + BACK_OFF_MOST_NS;
		return;
	}
	slot->pid = pid;
	slot->watch = (struct watch){0};
	slot->killed = false;
	slot->started_ns = clock_now_ns();
	if (slot->died_ns != 0)
		LOG_EVENT(&s->service.log, "worker-replaced",
		    LOG_NUMBER("worker", number + 1), LOG_NUMBER("pid", pid),
		    LOG_NUMBER("after_ms",
			(slot->started_ns - slot->died_ns) / NS_PER_MS));
}

/* Note a death; how long to wait before the replacement is forked. */
static int64_t
back_off_ns(struct supervisor *s, int64_t now_ns)
{
	int64_t wait_ns = 0;
	size_t i, recent = 0;

	s->deaths_ns[s->deaths++ % DEATHS_KEPT] = now_ns;
	for (i = 0; i < DEATHS_KEPT && i < s->deaths; i++)
		if (now_ns - s->deaths_ns[i] < DEATHS_WITHIN_NS)
			recent++;
	if (recent > DEATHS_TOLERATED)
		wait_ns = BACK_OFF_NS << (recent - DEATHS_TOLERATED - 1);
	return wait_ns < BACK_OFF_MOST_NS ? wait_ns : BACK_OFF_MOST_NS;
}

/* What killed it, and what it held. */
static void
write_obituary(
    const struct supervisor *s, unsigned number, int status, unsigned permits)
{
	const struct slot *slot = &s->slots[number];
	const struct tally *tally = &s->service.board->tally[number];
	char how[TROUBLE_SIZE];

	if (slot->killed)
		snprintf(how, sizeof(how),
		    "killed by the supervisor: it had been stuck for %" PRId64
		    " ms",
		    slot->watch.silent_ns / NS_PER_MS);
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == WORKER_POISONED)
		snprintf(how, sizeof(how), "left the store to be recovered");
	else if (WEXITSTATUS(status) == SERVICE_CANNOT_OPEN)
		trouble_get(&s->service.board->trouble, how);
	else
		snprintf(
		    how, sizeof(how), "exited with %d", WEXITSTATUS(status));
	LOG_EVENT(&s->service.log, "worker-died",
	    LOG_NUMBER("worker", number + 1), LOG_NUMBER("pid", slot->pid),
	    LOG_TEXT("how", how),
	    LOG_NUMBER(
		"locks_held", (int64_t)atomic_load(&tally->sale.holding)),
	    LOG_NUMBER("permits_handed_back", permits),
	    LOG_NUMBER(
		"lived_ms", (slot->died_ns - slot->started_ns) / NS_PER_MS));
}

/* Has any worker said so? */
static bool
any(const struct supervisor *s, const _Atomic bool *said)
{
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++)
		if (atomic_load(&said[i]))
			return true;
	return false;
}

/*
 * A worker ended by itself: so would the next.  If none has served since the
 * start, the service ends.  If none can open the store any more, it is
 * poisoned, so that the next ones refuse what needs it, and say why.
 */
static void
think_of_next(struct supervisor *s, int status)
{
	if (WIFSIGNALED(status) || WEXITSTATUS(status) == WORKER_POISONED)
		return;
	if (!atomic_load(&s->service.board->served))
		s->hopeless = true;
	else if (WEXITSTATUS(status) == SERVICE_CANNOT_OPEN &&
		 !any(s, s->service.board->ready)) {
		s->cannot_open = true;
		store_poison(s->service.store);
	}
}

/*
 * A worker has ended: hand back what it held, clear what it said of itself,
 * and say when its replacement is due.  In a stop, ending well is no death.
 */
static void
reap_worker(struct supervisor *s, unsigned number, int status)
{
	struct board *board = s->service.board;
	struct tally *tally = &board->tally[number];
	struct slot *slot = &s->slots[number];
	unsigned permits;

	permits = locks_force_release(s->service.locks, number);
	counting_add(&tally->permits_handed_back, permits);
	slot->died_ns = clock_now_ns();
	atomic_store(&board->ready[number], false);
	if (!s->stopping)
		think_of_next(s, status);
	if (!s->hopeless && (!s->stopping || status != 0)) {
		counting_add(&tally->deaths, 1);
		slot->restart_ns =
		    slot->died_ns + back_off_ns(s, slot->died_ns);
		write_obituary(s, number, status, permits);
	}
	atomic_store(&board->open[number], false);
	atomic_store(&tally->sale.holding, 0);
	atomic_store(&tally->queue_depth, 0);
	slot->pid = 0;
}

static int64_t
recover_again_ns(const struct supervisor *s)
{
	int64_t wait_ns = s->in_vain > 0 ? RECOVER_AGAIN_NS : 0;
	unsigned i;

	for (i = 1; i < s->in_vain && wait_ns < RECOVER_AGAIN_MOST_NS; i++)
		wait_ns *= 2;
	return wait_ns;
}

static void
end_recovery(struct supervisor *s, int status)
{
	s->recovery = 0;
	s->in_vain++;
	s->recover_ns = clock_now_ns() + recover_again_ns(s);
	if (status == 0)
		LOG_EVENT(&s->service.log, "store-recovered",
		    LOG_NUMBER("after_ms",
			(clock_now_ns() - s->poisoned_ns) / NS_PER_MS));
}

static void
reap_children(struct supervisor *s)
{
	pid_t pid;
	unsigned i;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->recovery)
			end_recovery(s, status);
		for (i = 0; i < s->service.options->workers; i++)
			if (s->slots[i].pid == pid)
				reap_worker(s, i, status);
	}
}

static bool
any_lives(const struct supervisor *s)
{
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++)
		if (s->slots[i].pid != 0)
			return true;
	return false;
}

/* Fork what is due.  In how many ms the next one will be, -1: none will. */
static int
start_due_workers(struct supervisor *s)
{
	const int64_t now_ns = clock_now_ns();
	int64_t next_ns = INT64_MAX;
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->pid == 0 && slot->restart_ns <= now_ns)
			start_worker(s, i);
		if (slot->pid == 0 && slot->restart_ns < next_ns)
			next_ns = slot->restart_ns;
	}
	if (next_ns == INT64_MAX)
		return -1;
	return (int)((next_ns - now_ns) / NS_PER_MS) + 1;
}

/* All workers, or only those that may have the store open. */
static void
kill_workers(struct supervisor *s, bool only_open)
{
	unsigned i;

	for (i = 0; i < s->service.options->workers; i++)
		if (s->slots[i].pid != 0 &&
		    (!only_open || atomic_load(&s->service.board->open[i])))
			kill(s->slots[i].pid, SIGKILL);
}

/* ------------------------------------------------------ stuck workers -- */

static void
log_stuck(const struct supervisor *s, unsigned number, int64_t kill_ns)
{
	const struct slot *slot = &s->slots[number];

	LOG_EVENT(&s->service.log, "worker-stuck",
	    LOG_NUMBER("worker", number + 1), LOG_NUMBER("pid", slot->pid),
	    LOG_TEXT("what",
		"it is stopped, or does not get to run: its clients wait"),
	    LOG_NUMBER(
		"killed_in_ms", (kill_ns - slot->watch.silent_ns) / NS_PER_MS));
}

static void
kill_stuck(struct slot *slot)
{
	if (slot->killed || watch_is_traced(slot->pid))
		return;
	slot->killed = true;
	kill(slot->pid, SIGKILL);
}

/* One that serves; one that opens its shop may take its time. */
static void
watch_worker(struct supervisor *s, unsigned number)
{
	const int64_t kill_ns = watch_kill_ns(s->service.options->timeout_ms);
	struct board *board = s->service.board;
	struct slot *slot = &s->slots[number];

	switch (
	    watch_look(&slot->watch, atomic_load(&board->tally[number].turns),
		clock_now_ns(), kill_ns)) {
	case WATCH_NOTHING:
		break;
	case WATCH_STUCK:
		atomic_store(&board->ready[number], false);
		log_stuck(s, number, kill_ns);
		break;
	case WATCH_GOES_ON:
		atomic_store(&board->ready[number], true);
		LOG_EVENT(&s->service.log, "worker-goes-on",
		    LOG_NUMBER("worker", number + 1),
		    LOG_NUMBER("pid", slot->pid));
		break;
	case WATCH_KILL:
		kill_stuck(slot);
		break;
	}
}

/* Not in a stop, which has a limit of its own, as has a poisoned store. */
static void
watch_workers(struct supervisor *s)
{
	unsigned i;

	if (s->stopping || store_poisoned(s->service.store))
		return;
	for (i = 0; i < s->service.options->workers; i++)
		if (s->slots[i].pid != 0 &&
		    (s->slots[i].watch.stuck ||
			atomic_load(&s->service.board->ready[i])))
			watch_worker(s, i);
}

/* ---------------------------------------------------- a poisoned store -- */

static void
recover_in_child(struct supervisor *s)
{
	char error[TROUBLE_SIZE];

	startup_die_with(s->pid);
	prctl(PR_SET_NAME, "recovery");
	close(s->stop_pipe[1]); /* or it would not close for the workers */
	if (store_prepare(s->service.store, error, sizeof(error)) == 0)
		_exit(EXIT_SUCCESS);
	trouble_set(&s->service.board->trouble, error);
	LOG_EVENT(
	    &s->service.log, "store-not-recovered", LOG_TEXT("error", error));
	_exit(EXIT_FAILURE);
}

static void
begin_poisoned(struct supervisor *s, int64_t now_ns)
{
	s->poisoned_ns = now_ns;
	s->recover_ns = now_ns + recover_again_ns(s);
	if (!s->cannot_open) /* an older trouble */
		trouble_set(&s->service.board->trouble, "");
	LOG_EVENT(&s->service.log, "store-poisoned",
	    LOG_TEXT("what",
		s->cannot_open
		    ? "no worker can open it; nothing is sold until one can"
		    : "a write's outcome is unknown; nothing is sold until "
		      "the store is recovered"));
	s->cannot_open = false;
}

/*
 * While the store is poisoned: wait until nobody has it open, then recover it
 * in a child, again and again until that works.  The workers that were forked
 * meanwhile refuse what needs the store, and open it by themselves.  Returns
 * when to look again, in ms, -1 for no need.
 */
static int
recover_if_poisoned(struct supervisor *s)
{
	const int64_t now_ns = clock_now_ns();

	if (!store_poisoned(s->service.store)) {
		s->poisoned_ns = 0;
		if (any(s, s->service.board->ready))
			s->in_vain = 0;
		return -1;
	}
	if (s->poisoned_ns == 0)
		begin_poisoned(s, now_ns);
	if (s->recovery != 0)
		return -1; /* its end is a signal */
	if (any(s, s->service.board->open)) {
		if (now_ns - s->poisoned_ns > POISONED_GRACE_NS)
			kill_workers(s, true);
		return 100;
	}
	if (now_ns < s->recover_ns)
		return (int)((s->recover_ns - now_ns) / NS_PER_MS) + 1;
	s->recovery = fork();
	if (s->recovery == 0)
		recover_in_child(s);
	if (s->recovery == -1)
		s->recovery = 0;
	return 1000;
}

/* Who sent it: a service that was stopped by nobody knows whom is a riddle. */
static void
log_signal(const struct supervisor *s, const char *event,
    const struct signalfd_siginfo *info, const char *what)
{
	const char *name = sigabbrev_np((int)info->ssi_signo);

	LOG_EVENT(&s->service.log, event, LOG_TEXT("signal", name),
	    LOG_NUMBER("from_pid", info->ssi_pid),
	    LOG_NUMBER("from_uid", info->ssi_uid), LOG_TEXT("what", what));
}

/*
 * The same once more, from the same process and at once: timeout(1) tells the
 * process and then its group, of which it is one.  A terminal has no number.
 */
static bool
is_repeated(const struct supervisor *s, const struct signalfd_siginfo *info)
{
	return info->ssi_signo == s->stopped_by.ssi_signo &&
	       info->ssi_pid == s->stopped_by.ssi_pid && info->ssi_pid != 0 &&
	       clock_now_ns() - s->stopped_ns < NS_PER_SEC;
}

/* The first one drains, the second ends everything. */
static void
stop(struct supervisor *s, const struct signalfd_siginfo *info)
{
	if (s->stopping) {
		log_signal(s, "stopped", info,
		    "a second signal: what waited was not answered");
		kill_workers(s, false);
		_exit(EXIT_FAILURE);
	}
	log_signal(s, "stopping", info,
	    "new orders are refused, and those that wait are answered");
	s->stopping = true;
	s->stopped_by = *info;
	s->stopped_ns = clock_now_ns();
	s->kill_ns = s->stopped_ns +
		     2 * s->service.options->timeout_ms * NS_PER_MS +
		     NS_PER_SEC;
	atomic_store(&s->service.board->draining, true);
	/* As long as it is open here, connections wait that nobody accepts. */
	close(s->service.listen_fd);
	close(s->stop_pipe[1]);
}

/* What others send that a service might know, and closed terminals. */
static void
on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info) ||
	    info.ssi_signo == SIGCHLD)
		return; /* children are reaped whatever woke us */
	if (info.ssi_signo == SIGHUP)
		log_signal(s, "signal-ignored", &info,
		    "the log goes to standard error, so there is no file to "
		    "open again; SIGTERM stops the service");
	else if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT)
		log_signal(s, "signal-ignored", &info,
		    "it means nothing here; SIGTERM stops the service");
	else if (s->stopping && is_repeated(s, &info))
		log_signal(s, "signal-ignored", &info,
		    "the same once more, at once: it counts as one");
	else
		stop(s, &info);
}

/* The shorter of two waits, of which -1 is for ever. */
static int
sooner(int a_ms, int b_ms)
{
	if (a_ms == -1 || (b_ms != -1 && b_ms < a_ms))
		return b_ms;
	return a_ms;
}

/* No worker has ever served: say why, and end those that there are. */
static int
give_up(struct supervisor *s)
{
	char why[TROUBLE_SIZE];

	trouble_get(&s->service.board->trouble, why);
	startup_fail(&s->service, "no worker can serve: %s", why);
	kill_workers(s, false);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	return EXIT_FAILURE;
}

/* Tell that it serves, once it does.  False: it does not yet. */
static bool
announce(struct supervisor *s)
{
	if (!s->announced && atomic_load(&s->service.board->served)) {
		startup_announce(&s->service);
		s->announced = true;
	}
	return s->announced;
}

/*
 * Until all workers are gone after a stop.  Nobody tells the supervisor that
 * the store is poisoned: workers see it and end, and that wakes it.
 */
static int
supervise(struct supervisor *s)
{
	struct pollfd fd = {.fd = s->signal_fd, .events = POLLIN};
	int wait_ms;

	while (!s->hopeless && (!s->stopping || any_lives(s))) {
		wait_ms = announce(s) ? 1000 : ANNOUNCE_MS;
		if (!s->stopping) {
			wait_ms = sooner(wait_ms, sooner(recover_if_poisoned(s),
						      start_due_workers(s)));
		} else if (clock_now_ns() > s->kill_ns) {
			kill_workers(s, false);
		}
		if (poll(&fd, 1, wait_ms) > 0)
			on_signal(s);
		reap_children(s);
		watch_workers(s);
	}
	if (s->hopeless)
		return give_up(s);
	LOG_EVENT(&s->service.log, "stopped",
	    LOG_NUMBER(
		"after_ms", (clock_now_ns() - s->stopped_ns) / NS_PER_MS));
	return EXIT_SUCCESS;
}

/* Those that change nothing. */
static const int ignored[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};
#define IGNORED (sizeof(ignored) / sizeof(ignored[0]))

static void
fill_ignored(sigset_t *set)
{
	size_t i;

	sigemptyset(set);
	for (i = 0; i < IGNORED; i++)
		sigaddset(set, ignored[i]);
}

static void
fill_signals(sigset_t *set)
{
	fill_ignored(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGCHLD);
}

/*
 * From the first moment on they end nobody: children inherit that they are
 * ignored, and what is blocked here as well waits until somebody reads it.
 */
static void
outlive_ignored(void)
{
	sigset_t set;
	size_t i;

	fill_ignored(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < IGNORED; i++)
		signal(ignored[i], SIG_IGN);
}

/* First of all: what is opened later is not to be standard output. */
static int
close_doors(const struct supervisor *s)
{
	if (doors_close() == 0)
		return 0;
	return startup_fail(&s->service,
	    "the process cannot be closed to others: %s", strerror(errno));
}

/* Before the start is told, since this may fail. */
static int
open_signals(struct supervisor *s)
{
	sigset_t set;

	fill_signals(&set);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd == -1 || pipe2(s->stop_pipe, O_CLOEXEC) != 0)
		return startup_fail(
		    &s->service, "signals: %s", strerror(errno));
	return 0;
}

static void
block_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int
supervisor_run(const struct options *options)
{
	struct supervisor *s;
	int status = EXIT_FAILURE;

	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		perror("turnstile");
		return EXIT_FAILURE;
	}
	s->pid = getpid();
	s->service.options = options;
	s->service.log.json = options->log_json;
	outlive_ignored();
	if (close_doors(s) == 0 && open_signals(s) == 0 &&
	    startup(&s->service, s->pid) == 0) {
		block_signals(); /* until here Ctrl-C ends it */
		status = supervise(s);
	}
	locks_free(s->service.locks);
	store_free(s->service.store);
	free(s);
	return status;
}
