/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How clerks take turns.  A *strategy* is one of the locks below, by name;
 * `semaphore:3` is a strategy with three permits.  A sale has a *slot*, and
 * its locks, one of each strategy, live in that slot: sales never share one.
 *
 *     supervisor   locks_prepare()  before any fork
 *     clerk        locks_attach()   after the fork, one for each thread
 *                  lock_acquire() … lock_release()
 *                  locks_detach()
 *     supervisor   locks_force_release()  after it has reaped a worker and
 *                  before it forks the next one in its place
 *     supervisor   locks_free()     when no worker is left
 *
 * Example.  The invariant "remaining + tickets sold == capacity" may be
 * broken between acquire and release, and nowhere else:
 *
 *     result = lock_acquire(user, strategy, slot, deadline_ns, &hold);
 *     if (result > LOCK_INHERITED)
 *             return result;
 *     remaining = read();
 *     write(remaining - 1);
 *     lock_release(&hold);
 *
 * A user holds one lock at a time.  It is illegal to acquire while it does, to
 * release what is not held, to use a lock_user on two threads, and to pass
 * what is beyond a limit below; but for the third, the wrappers assert it.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCK_SLOTS 4096     /* sales, at most */
#define LOCK_ROWS_MAX 32    /* strategies, at most; more do not compile */
#define LOCK_PERMITS_MAX 8  /* semaphore:8; lock_parse() refuses a ninth */
#define LOCK_NAME_SIZE 16   /* bytes that hold any strategy's name, with NUL */
#define LOCK_WORKERS_MAX 64 /* worker processes, at most */
#define LOCK_CLERKS_MAX 256 /* clerks in one worker, at most */

enum lock_result {
	LOCK_HELD = 0,
	LOCK_INHERITED, /* held, and the holder before us died holding it */
	LOCK_TIMED_OUT, /* not held */
	LOCK_FAILED,    /* not held; errno says why */
};

struct lock_impl;

/*
 * A turn that is not taken here but from the store, in which the sale is: in
 * its row, in a lock that the database has for programs, or by letting it
 * decide.  Nothing in locks/ knows a store: who sells asks it.
 */
enum lock_turn {
	LOCK_TURN_HERE = 0,
	LOCK_TURN_ROW,
	LOCK_TURN_ADVISORY,
	LOCK_TURN_ATOMIC,
};

/* How far a cure reaches: beyond that, buyers do not hear of each other. */
enum lock_reach {
	LOCK_REACH_NOBODY = 0,
	LOCK_REACH_THREADS, /* of one process */
	LOCK_REACH_HOST,    /* all processes of one machine */
	LOCK_REACH_HOSTS,   /* all machines on one store */
};

/* A lock, chosen.  Made by lock_parse(); copied freely. */
struct lock_strategy {
	const struct lock_impl *impl;
	unsigned permits; /* 1, or the N of semaphore:N */
};

/* What a strategy does, as data; lock_facts() tells. */
struct lock_facts {
	bool holds; /* something is held between acquire and release */
	bool excludes_threads;   /* two clerks of one worker */
	bool excludes_processes; /* two workers */
	bool excludes_hosts;     /* two machines */
	bool checks_write;       /* the write itself is checked: put_if */
	bool tells_death;        /* the next holder learns that one died */
	bool fair;               /* first come, first served */
	bool wrong_on_purpose;   /* oversells; a control or a lesson */
	enum lock_turn turn;     /* where it is taken */
};

struct lock_config {
	const char *dir;  /* the data directory, for locks that are files */
	unsigned workers; /* at most LOCK_WORKERS_MAX */
	unsigned clerks;  /* in each worker, at most LOCK_CLERKS_MAX */
};

struct locks;     /* every strategy, in every slot */
struct lock_user; /* one thread's handles to them */

struct lock_hold {
	struct lock_user *user; /* NULL: nothing is held */
	struct lock_strategy strategy;
	unsigned slot;
	bool is_head; /* of the line, until the release */
};

/* The strategies, 0 ≤ i < lock_count(), in the order to show them. */
size_t lock_count(void);
struct lock_strategy lock_at(size_t i);

/* The i of a strategy, whatever its permits. */
unsigned lock_row(struct lock_strategy strategy);

/*
 * What lists show beside strategy i, with more than one permit: semaphore:3.
 * False: it has no such variant, and `*variant` is not to be used.
 */
bool lock_variant(size_t i, struct lock_strategy *variant);

/* "mutex", "semaphore:3".  False: there is no such strategy. */
bool lock_parse(const char *name, struct lock_strategy *strategy);
void lock_print(struct lock_strategy strategy, char name[LOCK_NAME_SIZE]);

struct lock_facts lock_facts(struct lock_strategy strategy);

/* What it is, and what happens when its holder is killed; one line each. */
const char *lock_summary(struct lock_strategy strategy);
const char *lock_when_killed(struct lock_strategy strategy);

/* Between whom does a sale under this strategy never oversell? */
enum lock_reach lock_reach(struct lock_strategy strategy);

/* "nobody", "threads", "host", "hosts". */
const char *lock_reach_name(enum lock_reach reach);

/* Does it reach as far as that?  Several workers need LOCK_REACH_HOST. */
bool lock_is_safe(struct lock_strategy strategy, enum lock_reach needed);

/*
 * "none, mutex-private, …, semaphore:N (N from 2 to 8), …" for messages: every
 * name that lock_parse() takes.  Any thread may call; the text is not owned.
 */
const char *lock_names(void);

/* NULL with errno set: no memory, or `dir` cannot be written. */
struct locks *locks_prepare(const struct lock_config *config);
void locks_free(struct locks *locks);

/*
 * For the thread that is clerk `clerk` of worker `worker`; both from 0 and
 * below what the config said.  NULL with errno set: no memory, no timer.
 */
struct lock_user *locks_attach(
    struct locks *locks, unsigned worker, unsigned clerk);
void locks_detach(struct lock_user *user);

/*
 * Take the lock of the sale in `slot`, below LOCK_SLOTS, waiting until
 * `deadline_ns` at the latest.  A deadline that is past, 0 among them, is a
 * try that never sleeps.  A lock that is granted after its deadline is given
 * back: LOCK_TIMED_OUT.
 */
enum lock_result lock_acquire(struct lock_user *user,
    struct lock_strategy strategy, unsigned slot, int64_t deadline_ns,
    struct lock_hold *hold);
void lock_release(struct lock_hold *hold);

/*
 * What was to be written in this hold was refused: its thread's next turn is
 * ahead of all others, up to its release, so that nobody loses for ever.
 */
void lock_refused(const struct lock_hold *hold);

/*
 * Hand back what the dead worker's clerks held or waited for, where the
 * kernel does not.  Returns how many permits were handed back, which is how
 * many were held.
 */
unsigned locks_force_release(struct locks *locks, unsigned worker);

#endif
