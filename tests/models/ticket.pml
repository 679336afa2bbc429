/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strategy `ticket` (locks/lock_ticket.c): a stub for each ticket, clerks
 * that are killed, and a supervisor that crosses out what they had.
 *
 * One book with STUBS stubs, CLERKS clerks in two workers with ORDERS orders
 * each, DEATHS deaths of a worker at any moments.  A step here is one access
 * to shared memory there.  A look after LOOK_AGAIN_NS is taken only where
 * there is something to be seen: another one changes nothing.
 *
 * What must hold:
 *   1. never two clerks inside;
 *   2. tickets are served in the order in which they were drawn;
 *   3. nobody waits for ever.
 *
 * Each of these takes one line away, and must break it:
 *   NO_CAS         a stub is looked at, then written
 *   LATE_NAME      a ticket is drawn first, then the name is written
 *   NO_HELP        only who drew a ticket moves on to the next
 *   NO_LOOK_AGAIN  who waits trusts the bell
 *   NO_PASS        who crosses out does not see to who is next
 *   NO_CROSS       the supervisor does not cross out
 *   HOLDER_ONLY    … only what is served
 *   NO_REAP        … before they are dead
 *   KEEP_PLACE     who gives up does not cross out   (with TIMEOUTS: one may)
 *   NO_ROUND       a stub that is crossed out is free for whoever comes
 */
#ifndef CLERKS
#define CLERKS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef ORDERS
#define ORDERS 2
#endif
#ifndef STUBS
#define STUBS 2
#endif
#define WORKERS 2
#define WORKER(c) ((c) % WORKERS)
#define NAME(c) ((c) + 1)
#define S(t) ((t) % STUBS)
#define R(t) ((t) / STUBS)
#define NONE 255

/* struct book; a stub's round and name are one word */
byte next;
byte serving;
byte bell;
byte round[STUBS];
byte name[STUBS];

/* The kernel. */
bool asleep[CLERKS];   /* in the futex's queue */
byte mine[CLERKS];     /* the bit that it sleeps for, as it were */
bool killed[CLERKS];   /* SIGKILL is on its way to this thread */
bool dead[CLERKS];
bool dying[WORKERS];   /* killed, and not replaced yet */

/* Only for what must hold. */
byte orders[CLERKS] = ORDERS;
byte inside;
bool is_inside[CLERKS];
byte last = NONE;      /* the ticket that was served last */

inline move_on(number, t, moved) {
	atomic {
		moved = (number == t);
		if
		:: moved -> number++
		:: else
		fi
	}
}

inline wake(c, t) {
	if
	:: c < CLERKS && asleep[c] && mine[c] == t -> asleep[c] = false
	:: else
	fi
}

/* FUTEX_WAKE_BITSET */
inline ring(t) {
	bell++;
	if
	:: t < next ->
		atomic {
			wake(0, t);
			wake(1, t);
#if CLERKS > 2
			wake(2, t)
#endif
		}
	:: else
	fi
}

/*
 * serving(): in `s`.  The number and its stub are read in one step: a stub
 * that is not crossed out is that of the number still.
 */
inline look_who_is_served() {
	do
	:: atomic { round[S(serving)] <= R(serving) -> s = serving; break }
	:: atomic { round[S(serving)] > R(serving) -> s = serving };
		move_on(serving, s, moved);
		if
		:: moved -> ring(s + 1)
		:: else
		fi
	od;
	moved = false
}

/* draw(): in `t`, NONE if there is no stub; the number is that of the stub */
inline draw(c) {
	do
	:: atomic {
		t = next;
#ifdef LATE_NAME
		next++;
		got = true
	};
		name[S(t)] = NAME(c);
		break
#else
#ifdef NO_ROUND
		got = (name[S(t)] == 0);
#else
		got = (round[S(t)] == R(t) && name[S(t)] == 0);
#endif
		no_stub = (round[S(t)] < R(t));
#ifdef NO_CAS
		};
		atomic {
#endif
		if
		:: got -> name[S(t)] = NAME(c)
		:: else
		fi
	};
		if
		:: no_stub -> t = NONE; break
		:: !no_stub && got -> move_on(next, t, moved); break
		:: else ->
#ifdef NO_HELP
			(next != t)
#else
			move_on(next, t, moved)
#endif
		fi
#endif
	od;
	atomic { got = false; no_stub = false; moved = false }
}

inline cross_out(t) {
	atomic { round[S(t)] = R(t) + 1; name[S(t)] = 0 };
#ifndef NO_PASS
	look_who_is_served()
#endif
}

/* await_bell() */
inline sleep_until_rung(c) {
	b = bell;
	look_who_is_served();
	if
	:: s != t ->
		atomic {
			if
			:: bell == b -> asleep[c] = true; mine[c] = t
			:: else
			fi
		};
		if
		:: !asleep[c]
#ifndef NO_LOOK_AGAIN
		:: atomic { asleep[c] && (serving != s ||
				round[S(serving)] > R(serving)) ->
			asleep[c] = false }
#endif
#ifdef TIMEOUTS
		:: atomic { asleep[c] && c == 1 -> asleep[c] = false }; late = true
#endif
		fi;
		b = 0
	:: else -> b = 0
	fi
}

inline await_turn(c) {
	do
	:: look_who_is_served();
		if
		:: s == t ->
			atomic {
				is_inside[c] = true;
				inside++;
				assert(inside <= 1);             /* 1 */
				assert(last == NONE || last < t); /* 2 */
				last = t
			};
			break
		:: s != t && late -> break
		:: s != t && !late -> sleep_until_rung(c)
		fi
	od
}

proctype clerk(byte c) {
	byte t, s, b;
	bool got, no_stub, moved, late;

again:	{
		do
		:: orders[c] == 0 -> break
		:: orders[c] > 0 ->
			draw(c);
			if
			:: t == NONE -> /* naps, until there is one */
				(round[S(next)] >= R(next)); t = 0
			:: else ->
				await_turn(c);
				atomic {
					orders[c]--;
					if
					:: is_inside[c] ->
						is_inside[c] = false;
						inside--
					:: else
					fi
				};
#ifdef KEEP_PLACE
				if
				:: !late -> cross_out(t)
				:: else
				fi;
#else
				cross_out(t);
#endif
				atomic { late = false; t = 0; s = 0 }
			fi
		od
	} unless { killed[c] };
	atomic {
		asleep[c] = false;
		if
		:: is_inside[c] ->
			is_inside[c] = false;
			inside--;
			orders[c]--
		:: else
		fi;
		late = false;
		t = 0;
		s = 0;
		b = 0;
		got = false;
		no_stub = false;
		moved = false;
		if
		:: killed[c] -> dead[c] = true
		:: else
		fi
	};
end:	atomic {
		if
		:: dead[c] -> (!dead[c])
		:: !dead[c] && killed[c] -> dead[c] = true; (!dead[c])
		fi;
		goto again /* the supervisor's next fork */
	}
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

/* cross_out_all() */
inline cross_out_all(w) {
	look_who_is_served();
	t = s;
	last_stub = s + STUBS - 1;
#ifdef HOLDER_ONLY
	last_stub = s;
#endif
	do
	:: t > last_stub -> break
	:: t <= last_stub ->
		atomic {
			got = (round[S(t)] == R(t) && name[S(t)] != 0 &&
				WORKER(name[S(t)] - 1) == w)
		};
		if
#ifndef NO_CROSS
		:: got -> cross_out(t)
#endif
		:: else
		fi;
		t++
	od
}

proctype supervisor() {
	byte c, w, t, s, last_stub;
	bool got, moved;

end:	do
	:: atomic {
		if
		:: dying[0] && REAPED(0) -> w = 0
		:: dying[1] && REAPED(1) -> w = 1
		fi
		};
		cross_out_all(w);
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
			t = 0;
			s = 0;
			last_stub = 0
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
