/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is different in the sqlite store (storage/store_sqlite.c): its durable
 * mark is not the store's own.  It is SQLite's wal-index, which lives as long
 * as somebody has the database open.  Who opens it when nobody else has makes
 * the index anew from what stands in the log: from the page cache, where a
 * writer that was killed inside COMMIT has left what was never synced.
 *
 * Two workers of one connection each, ORDERS orders, DEATHS kills at any
 * moments.  A frame counts when it is whole (SQLite's checksums see to that);
 * writing one makes all that stood behind it worthless.
 *
 * What must hold:
 *   1. nobody sees what is not on disk: it would be answered, by its key;
 *   2. what was acknowledged is in the log;
 *   3. nobody waits for ever.
 *
 * Each of these takes one line away, and must break it:
 *   NO_SYNC       COMMIT does not sync (synchronous=NORMAL)
 *   NO_OPEN_SYNC  who opens trusts the log as it is
 *   FIRST_SYNCS   only who has made the index anew syncs the log
 *   NOT_ROBUST    a latch that dies with its holder
 */
#ifndef ORDERS
#define ORDERS 3
#endif
#ifndef DEATHS
#define DEATHS 3
#endif
#define WORKERS 2

/* turnstile.db-wal */
byte frames;                        /* that are whole, in the page cache */
byte on_disk;                       /* so many of them */
byte frame[ORDERS + 1];             /* whose order: frame[1] … */

/* turnstile.db-shm */
byte index_end;                     /* mxFrame: how many count */

/* The store's shared memory. */
#define FREE 0
#define OWNER_DIED 255
byte latch;

bool open[WORKERS];                 /* has the database open */
bool killed[WORKERS];
byte orders;
byte newest_ack;                    /* its frame */

inline robust_lock(me) {
	if
	:: atomic { latch == FREE -> latch = me + 1 }
	:: atomic { latch == OWNER_DIED -> latch = me + 1 }
	fi
}

inline sync_log() {
	on_disk = frames
}

/*
 * sqlite_open(): SQLite recovers if nobody else is there; sync_log().  Not in
 * the latch: each syncs before it reads.
 */
inline open_database(me) {
	atomic {
		if
		:: !open[1 - me] -> index_end = frames; recovered = true
		:: else -> recovered = false
		fi;
		open[me] = true
	};
#ifdef FIRST_SYNCS
	if
	:: recovered -> sync_log()
	:: else
	fi
#elif !defined(NO_OPEN_SYNC)
	sync_log()
#endif
}

/* A look, or an order that is sent again with its key. */
inline answer_from_ledger() {
	atomic {
		assert(index_end <= on_disk);   /* 1 */
		assert(index_end >= newest_ack) /* 2 */
	}
}

inline sell(me) {
	robust_lock(me);
	end = index_end;                                   /* BEGIN, SELECT */
	atomic { frames = end; on_disk = (on_disk < end -> on_disk : end) };
	atomic { frames = end + 1; frame[frames] = line }; /* INSERT, COMMIT: */
#ifndef NO_SYNC
	sync_log();
#endif
	index_end = end + 1;
	latch = FREE;
	atomic {
		assert(on_disk > end && frame[end + 1] == line);
		newest_ack = (newest_ack > end -> newest_ack : end + 1)
	}
}

proctype worker(byte me) {
	byte line, end;
	bool recovered;

again:	{
		open_database(me);
		do
		:: atomic { orders < ORDERS -> orders++; line = orders };
			sell(me)
		:: answer_from_ledger()
		:: orders == ORDERS -> break
		od;
		answer_from_ledger();
end_idle:	false
	} unless { killed[me] };
	atomic {
		killed[me] = false;
		open[me] = false;
		if
#ifndef NOT_ROBUST
		:: latch == me + 1 -> latch = OWNER_DIED
#endif
		:: else
		fi;
		line = 0; end = 0; recovered = false;
		goto again
	}
}

proctype fate() {
	byte deaths;

	do
	:: atomic { deaths < DEATHS && !killed[0] -> killed[0] = true; deaths++ }
	:: atomic { deaths < DEATHS && !killed[1] -> killed[1] = true; deaths++ }
	:: break
	od
}

init {
	atomic { run worker(0); run worker(1); run fate() }
}
