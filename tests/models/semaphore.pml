/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strategy `semaphore` (locks/lock_semaphore.c): name tags, clerks that
 * are killed, and a supervisor that hands back what they had.
 *
 * One gate, CLERKS clerks in two workers, DEATHS deaths of a worker at any
 * moments.  A step here is one access to shared memory there.  sem_t is
 * glibc 2.36's: a count, the number of those who wait, and the kernel's queue
 * of those who sleep; a clerk can be killed between the count and the wake.
 *
 * What must hold:
 *   1. never more clerks inside than PERMITS;
 *   2. no permit is lost: free tags <= permits in the semaphore + permits in
 *      a clerk's hand + posts that are still to come  (-DINVARIANT);
 *   3. nobody waits for ever behind nobody: no deadlock, and with -DPROGRESS
 *      no way to go on for ever without anybody getting in;
 *   4. the supervisor posts to a gate that exists.
 *
 * Each of these takes one line away, and must break it:
 *   NO_TAGS        a permit alone lets in
 *   NO_CAS         a tag is looked at, then written
 *   LATE_MARK      a clerk says where it is when it has its permit
 *   POST_FIRST     a release posts, then clears the tag
 *   EARLY_IDLE     a release says idle, then posts
 *   PUT_BACK       a permit without a tag is posted again, not swallowed
 *   NO_REAP        the supervisor does not wait until the dead are dead
 *   NO_CLEAR       … does not clear the tags of the dead
 *   NO_POST        … does not post
 *   NO_IDLE_CHECK  … does not look whether the dead was idle
 */
#ifndef CLERKS
#define CLERKS 3
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef PERMITS
#define PERMITS 1
#endif
#define WORKERS 2
#define WORKER(c) ((c) % WORKERS)
#define NAME(c) ((c) + 1)
#define GATE 1 /* 1 + its number */

/* struct gate */
byte value = PERMITS;  /* sem_t: the count … */
byte waiters;          /* … and how many are in sem_wait's slow part */
byte tag[PERMITS];     /* a clerk's name, 0: free */
byte at[CLERKS];       /* where each clerk waits or is inside, 0: idle */

/* The kernel. */
bool asleep[CLERKS];   /* in the futex's queue */
bool killed[CLERKS];   /* SIGKILL is on its way to this thread */
bool dead[CLERKS];
bool dying[WORKERS];   /* killed, and not replaced yet */

/* Only for what must hold. */
byte inside;
bool is_inside[CLERKS];
bool has_permit[CLERKS];  /* taken, not yet turned into a tag or swallowed */
bool owes_post[CLERKS];   /* has cleared its tag, and not yet posted */

/* ------------------------------------------------------------ glibc -- */

/* One sleeper, whichever the kernel likes. */
inline futex_wake() {
	atomic {
		if
		:: asleep[0] -> asleep[0] = false
		:: asleep[1] -> asleep[1] = false
#if CLERKS > 2
		:: asleep[2] -> asleep[2] = false
#endif
		:: else
		fi
	}
}

/* The count and the number of waiters are one word. */
inline sem_post(self) {
	atomic {
		value++;
		wake = waiters > 0;
		if
		:: self < CLERKS -> owes_post[self] = false
		:: else
		fi
	};
	if
	:: wake -> futex_wake()
	:: else
	fi
}

inline sem_trywait(c) {
	atomic {
		if
		:: value > 0 -> value--; has_permit[c] = true
		:: else
		fi
	}
}

inline sem_wait(c) {
	sem_trywait(c);
	if
	:: has_permit[c]
	:: else ->
		waiters++;
		do
		:: atomic { value > 0 ->
			value--; waiters--; has_permit[c] = true; break }
		:: atomic { value == 0 ->     /* the kernel compares */
			asleep[c] = true };
			if
			:: !asleep[c]
#ifdef TIMEOUTS
			:: atomic { asleep[c] -> /* the deadline */
				asleep[c] = false }; waiters--; break
#endif
			fi
		od
	fi
}

/* ------------------------------------------------------- the clerks -- */

/* change_tag(0, name): has_permit becomes a tag, or nothing. */
inline claim_tag(c) {
	i = 0;
	do
	:: i == PERMITS -> break
#ifdef NO_CAS
	:: i < PERMITS && tag[i] == 0 ->
		atomic {
#else
	:: atomic { i < PERMITS && tag[i] == 0 ->
#endif
			tag[i] = NAME(c);
			has_permit[c] = false;
			is_inside[c] = true;
			inside++;
			assert(inside <= PERMITS) /* 1 */
		};
		break
	:: i < PERMITS && tag[i] != 0 -> i++
	od
}

/* change_tag(name, 0): the end of being inside. */
inline clear_own_tag(c) {
	i = 0;
	do
	:: atomic { tag[i] == NAME(c) ->
		tag[i] = 0;
		is_inside[c] = false;
		inside--;
		owes_post[c] = true };
		break
	:: tag[i] != NAME(c) -> i++; assert(i < PERMITS)
	od
}

/* semaphore_acquire(), until there is a tag; again without one: swallowed. */
inline wait_for_tag(c) {
#ifdef NO_TAGS
	sem_wait(c);
	atomic {
		has_permit[c] = false;
		is_inside[c] = true;
		inside++;
		assert(inside <= PERMITS) /* 1 */
	}
#else
	do
	:: is_inside[c] -> break
	:: else ->
		sem_wait(c);
#ifdef LATE_MARK
		at[c] = GATE;
#endif
		if
		:: has_permit[c] ->
			claim_tag(c);
			if
			:: is_inside[c]
			:: else -> has_permit[c] = false
#ifdef PUT_BACK
				; sem_post(CLERKS)
#endif
			fi
		:: else -> break /* timed out */
		fi
	od
#endif
}

inline acquire(c) {
#ifndef LATE_MARK
	at[c] = GATE;
#endif
	wait_for_tag(c);
	if
	:: is_inside[c]
	:: else -> at[c] = 0
	fi
}

/* semaphore_release() */
inline release(c) {
#ifdef NO_TAGS
	atomic { is_inside[c] = false; inside--; owes_post[c] = true };
	sem_post(c);
	at[c] = 0
#elif defined(POST_FIRST)
	sem_post(c);
	clear_own_tag(c);
	at[c] = 0
#elif defined(EARLY_IDLE)
	clear_own_tag(c);
	at[c] = 0;
	sem_post(c)
#else
	clear_own_tag(c);
	sem_post(c);
	at[c] = 0
#endif
}

proctype clerk(byte c) {
	byte i;
	bool wake;

again:	{
		do
		:: acquire(c);
			if
			:: is_inside[c] ->
progress_inside:		release(c)
			:: else
			fi
		od
	} unless { killed[c] };
	atomic { /* what the kernel takes from it, and what is not its any more */
		asleep[c] = false;
		if
		:: is_inside[c] -> is_inside[c] = false; inside--
		:: else
		fi;
		has_permit[c] = false;
		owes_post[c] = false;
		i = 0;
		wake = false;
		dead[c] = true
	};
end:	atomic { !dead[c] -> goto again } /* the supervisor's next fork */
}

/* --------------------------------------------------- the supervisor -- */

/* SIGKILL to a worker.  Its threads do not all end in one instant. */
proctype fate() {
	byte deaths, c, w;

	do
	:: deaths < DEATHS ->
		atomic {
			if
			:: !dying[0] -> w = 0
			:: !dying[1] -> w = 1
			fi;
			dying[w] = true;
			deaths++;
			c = 0
		};
		do
		:: c == CLERKS -> break
		:: c < CLERKS ->
			atomic {
				if
				:: WORKER(c) == w -> killed[c] = true
				:: else
				fi;
				c++
			}
		od
	:: break /* no (more) deaths */
	od
}

/* All threads of the worker have ended. */
#if CLERKS > 2
#define ALL_DEAD(w) ((w) == 0 -> dead[0] && dead[2] : dead[1])
#else
#define ALL_DEAD(w) ((w) == 0 -> dead[0] : dead[1])
#endif

/* waitpid() */
#ifdef NO_REAP
#define REAPED(w) true
#else
#define REAPED(w) ALL_DEAD(w)
#endif

/* semaphore_force_release(), for one clerk */
inline hand_back(c) {
	if
#ifndef NO_IDLE_CHECK
	:: at[c] == 0
#endif
	:: else ->
		assert(at[c] == GATE); /* 4 */
#ifndef NO_CLEAR
		i = 0;
		do
		:: i == PERMITS -> break
		:: i < PERMITS ->
			if
			:: atomic { tag[i] == NAME(c) -> tag[i] = 0 }; break
			:: tag[i] != NAME(c) -> i++
			fi
		od;
#endif
#ifndef NO_POST
		sem_post(CLERKS);
#endif
		at[c] = 0
	fi
}

proctype supervisor() {
	byte c, w, i;
	bool wake;

end:	do
	:: atomic {
		if
		:: dying[0] && REAPED(0) -> w = 0
		:: dying[1] && REAPED(1) -> w = 1
		fi;
		c = w
		};
		do
		:: c >= CLERKS -> break
		:: c < CLERKS -> hand_back(c); c = c + WORKERS
		od;
		/* start_worker(); the model's dead may still be about to die */
		(ALL_DEAD(w));
		atomic {
			c = w;
			do
			:: c >= CLERKS -> break
			:: c < CLERKS ->
				killed[c] = false;
				dead[c] = false;
				c = c + WORKERS
			od;
			dying[w] = false;
			c = 0;
			w = 0;
			i = 0;
			wake = false
		}
	od
}

init {
	atomic {
		run clerk(0);
		run clerk(1);
#if CLERKS > 2
		run clerk(2);
#endif
		run supervisor();
		run fate()
	}
}

#ifdef INVARIANT
#define FREE(i) (tag[i] == 0)
#define LIVES(c) (!dead[c] && (has_permit[c] || owes_post[c]))
#define DIED(c) (dead[c] && at[c] != 0)
#define COMING(c) (LIVES(c) || DIED(c))
#if PERMITS > 1
#define FREE_TAGS (FREE(0) + FREE(1))
#else
#define FREE_TAGS FREE(0)
#endif
#if CLERKS > 2
#define PERMITS_COMING (value + COMING(0) + COMING(1) + COMING(2))
#else
#define PERMITS_COMING (value + COMING(0) + COMING(1))
#endif
#define NONE_IS_LOST (FREE_TAGS <= PERMITS_COMING)
ltl no_permit_is_lost { [] NONE_IS_LOST } /* 2 */
#endif
