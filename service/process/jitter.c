/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's trap flag raises SIGTRAP behind every instruction; whoever
 * is in its handler is between two instructions, and may pause there.  The
 * flag is set and cleared in what the handler returns to, so that no line of
 * a lock has to know.
 */
#include "service/process/jitter.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "locks/clock.h"
#include "locks/tsan.h"
#include "service/splitmix.h"

/* ThreadSanitizer's own code would be stepped through as well. */
#if defined(__x86_64__) && !TSAN_ON
#define STEPS_INSTRUCTIONS 1
#else
#define STEPS_INSTRUCTIONS 0
#endif

#define TRAP_FLAG 0x100
#define PAUSES 13          /* 1 us, 2 us, 4 us … 4 ms */
#define PAUSES_IN_STEPS 2  /* one step in so many */
#define PAUSES_IN_NEW 4    /* one new instruction in so many … */
#define PAUSES_IN_OLD 1000 /* … and one of those that come again */

static _Thread_local struct jitter *own;

static uint64_t
draw(struct jitter *jitter, uint64_t below)
{
	return splitmix_next(&jitter->state) % below;
}

/*
 * Now and then let others run, or sleep.  As many pauses are short as long: how
 * long it takes another clerk to get where two must not be depends on what else
 * the machine does.
 */
static void
dawdle(struct jitter *jitter, uint64_t one_in)
{
	if (draw(jitter, one_in) != 0)
		return;
	if (draw(jitter, 4) != 0)
		sched_yield();
	else
		clock_sleep_until(
		    clock_now_ns() + (NS_PER_US << draw(jitter, PAUSES)));
}

#if STEPS_INSTRUCTIONS
/*
 * Is it the program's own code?  That of the C library is as good as it is,
 * and long.
 */
static bool
is_own(uintptr_t at)
{
	extern const char __executable_start[], etext[]; /* the linker's */

	return (uintptr_t)__executable_start <= at && at < (uintptr_t)etext;
}

/*
 * Who waits in a loop passes its instructions a thousand times, and those
 * behind it once: mistakes are behind it.
 */
static bool
is_new(struct jitter *jitter, uintptr_t at)
{
	uintptr_t *seen = &jitter->seen[at % JITTER_SEEN];
	const bool is_new = *seen != at;

	*seen = at;
	return is_new;
}

/* Behind an instruction, or by raise(): from here on, behind each. */
static void
on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *where = context;
	greg_t *flags = &where->uc_mcontext.gregs[REG_EFL];
	uintptr_t at;

	(void)number;
	(void)info;
	if (own == NULL || !own->stepping) {
		*flags &= ~TRAP_FLAG;
		return;
	}
	*flags |= TRAP_FLAG;
	at = (uintptr_t)where->uc_mcontext.gregs[REG_RIP];
	if (is_own(at))
		dawdle(own, is_new(own, at) ? PAUSES_IN_NEW : PAUSES_IN_OLD);
}
#endif

void
jitter_prepare(void)
{
#if STEPS_INSTRUCTIONS
	const struct sigaction action = {
	    .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART};

	sigaction(SIGTRAP, &action, NULL);
#endif
}

void
jitter_begin(struct jitter *jitter, uint64_t seed)
{
	jitter->state = seed + ((uint64_t)jitter->worker << 48 |
				   (uint64_t)jitter->clerk << 32);
	own = jitter;
}

/*
 * Each second time: who is stepped through takes milliseconds to come in, and
 * then does not meet who is inside for less.
 */
static void
step_instructions(struct jitter *jitter)
{
	if (!STEPS_INSTRUCTIONS || !jitter->deep || draw(jitter, 2) != 0)
		return;
	memset(jitter->seen, 0, sizeof(jitter->seen));
	jitter->stepping = true;
	raise(SIGTRAP);
}

static void
say(const struct jitter *jitter, const char *what)
{
	char name[40];

	snprintf(name, sizeof(name), "clerk %u.%u%s", jitter->worker,
	    jitter->clerk, what);
	name[15] = '\0'; /* Linux has no room for more */
	pthread_setname_np(pthread_self(), name);
}

void
jitter_step(struct jitter *jitter, enum step step)
{
	jitter->stepping = false;
	switch (step) {
	case STEP_WAIT:
		say(jitter, " waits");
		dawdle(jitter, PAUSES_IN_STEPS);
		step_instructions(jitter);
		break;
	case STEP_LOCK:
	case STEP_RECOVER:
		say(jitter, " holds");
		dawdle(jitter, PAUSES_IN_STEPS);
		break;
	case STEP_QUEUED:
	case STEP_READ:
	case STEP_DELAY:
	case STEP_WRITE:
	case STEP_CONFLICT:
	case STEP_SWITCH:
	case STEP_COMMIT:
	case STEP_UNLOCK:
		dawdle(jitter, PAUSES_IN_STEPS);
		break;
	}
}

void
jitter_rest(struct jitter *jitter)
{
	jitter->stepping = false;
	say(jitter, "");
}
