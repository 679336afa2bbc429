/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The json store's latch and its durable mark (storage/json): a ledger that is
 * appended to, a head in two copies that says how much of it counts, writers
 * that are killed anywhere, readers that take no lock.
 *
 * One sale, two clerks, ORDERS orders, a reader, DEATHS kills and FAULTS
 * failures of the disk at any moments.  A line is two halves, so that
 * it can be torn; a head is three words.  What is on disk is a prefix of what
 * is in the page cache.  After a failed fdatasync the cache shows what will
 * never be on disk, and the next fdatasync says that all is well.
 *
 * What must hold:
 *   1. nobody outside the latch sees what is not on disk;
 *   2. … nor half a line, nor anything that changes afterwards;
 *   3. no acknowledged line is cut, and whoever asks after it sees it;
 *   4. line v has version v: no gaps, none twice;
 *   5. a head is of one piece;
 *   6. nobody waits for ever.
 *
 * Each of these takes one line away, and must break it:
 *   NO_CUT        the next holder does not cut beyond the mark
 *   NO_SYNC       no fdatasync before the head is published
 *   LATE_SYNC     … only after
 *   EARLY_ACK     the buyer is told before the fdatasync
 *   RETRY_SYNC    a failed fdatasync is tried again  (FAULTS=1)
 *   NO_RECHECK    a reader does not look at `published` again
 *   ONE_COPY      a head is written where readers read it
 *   FILE_SIZE     readers go to the end of the file, not to the mark
 *   NO_LATCH      nobody waits
 *   NOT_ROBUST    a latch that dies with its holder
 * There are two cuts, and each alone is enough: NO_SETTLE_CUT and
 * NO_APPEND_CUT must not break it.
 */
#ifndef ORDERS
#define ORDERS 3
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef FAULTS
#define FAULTS 0
#endif
#define WRITERS 2
#define HALVES (2 * ORDERS + 2)

#ifdef NO_CUT
#define NO_SETTLE_CUT
#define NO_APPEND_CUT
#endif

/* ledger.jsonl: which line each half belongs to. */
byte file[HALVES];
byte size;                          /* in the page cache */
byte on_disk;                       /* the first so many halves of it */
byte lost = HALVES;                 /* from here on never to be on disk */
byte orders;                        /* begun; the n-th writes line n */

/* struct slot */
#define FREE 0
#define OWNER_DIED 255
byte latch;                         /* FREE, OWNER_DIED, 1 + its holder */
byte published;
byte copy_version[2], copy_mark[2], copy_last[2]; /* the words of a head */

bool poisoned;
bool open[WRITERS];                 /* service->board->open */
bool killed[WRITERS];
byte faults = FAULTS;

/* Only for what must hold. */
byte line_of[ORDERS + 1];           /* by version, once it is published */
byte newest_ack;

/* -------------------------------------------------------------- heads -- */

#ifdef NO_RECHECK
#define IS_SAME(n) true
#else
#define IS_SAME(n) (published == n)
#endif

/* heads_read(), without the latch */
inline head_read() {
	do
	:: n = published;
		version = copy_version[n % 2];
		mark = copy_mark[n % 2];
		last = copy_last[n % 2];
		if
		:: IS_SAME(n) -> break
		:: else
		fi
	od;
	n = 0
}

/* The same in the latch, where nobody else publishes. */
inline head_read_latched() {
	d_step {
		version = copy_version[published % 2];
		mark = copy_mark[published % 2];
		last = copy_last[published % 2]
	}
}

/* heads_publish() */
inline head_publish() {
#ifdef ONE_COPY
	n = published + 2;
#else
	n = published + 1;
#endif
	copy_version[n % 2] = version;
	copy_mark[n % 2] = mark;
	copy_last[n % 2] = last;
	atomic {
		published = n;
		n = 0;
		if
		:: version > 0 ->
			assert(line_of[version] == 0 ||
				line_of[version] == last);      /* 4 */
			line_of[version] = last
		:: else
		fi
	}
}

/* --------------------------------------------------------------- disk -- */

inline ftruncate_to_mark() {
	atomic {
		assert(mark >= 2 * newest_ack);                 /* 3 */
		do
		:: size > mark -> size--; file[size] = 0
		:: else -> break
		od;
		assert(size == mark);
		on_disk = (on_disk < size -> on_disk : size);
		lost = (lost < size -> lost : HALVES)
	}
}

inline fdatasync() {
	on_disk = (lost < size -> lost : size)
}

/* write(), O_APPEND: it can be cut short by a kill, or by a full disk. */
inline append_halves() {
	atomic { file[size] = line; size++ };
	if
	:: atomic { file[size] = line; size++ }
	:: atomic { faults > 0 -> faults--; ftruncate_to_mark(); failed = true }
	fi
}

inline make_durable() {
	if
#ifdef RETRY_SYNC
	:: fdatasync()
	:: atomic { faults > 0 -> faults--; lost = mark };
		fdatasync()
#else
	:: fdatasync()
	:: atomic { faults > 0 -> faults--; lost = mark };
		poisoned = true;
		failed = true;
		if
		:: ftruncate_to_mark()
		:: true             /* this can fail too */
		fi
#endif
	fi
}

/* ------------------------------------------------------------- writers -- */

inline acknowledge(v) {
	atomic {
		assert(file[2 * v - 2] == line && file[2 * v - 1] == line);
		assert(on_disk >= 2 * v);                       /* 3 */
		newest_ack = (newest_ack > v -> newest_ack : v)
	}
}

/* settle(): what a dead holder left */
inline settle() {
	head_read_latched();
#ifndef NO_SETTLE_CUT
	ftruncate_to_mark();
#endif
	head_publish() /* as it is */
}

/* store_latch() */
inline enter_latch(me) {
#ifndef NO_LATCH
	if
	:: atomic { latch == FREE -> latch = me + 1 }
	:: atomic { latch == OWNER_DIED -> latch = me + 1; inherited = true }
	fi;
#endif
	if
	:: poisoned -> failed = true /* meanwhile: recovery settles all */
	:: else ->
		if
		:: inherited -> settle()
		:: else
		fi
	fi;
	inherited = false
}

/* json_append(), write_text() */
inline append() {
	head_read_latched();
#ifndef NO_APPEND_CUT
	if
	:: size != mark -> ftruncate_to_mark()
	:: else
	fi;
#endif
	append_halves();
#ifdef EARLY_ACK
	acknowledge((version + 1));
#endif
#if !defined(NO_SYNC) && !defined(LATE_SYNC)
	if
	:: failed
	:: else -> make_durable()
	fi;
#endif
	if
	:: failed
	:: else ->
		atomic { version++; mark = mark + 2; last = line };
		head_publish()
#ifdef LATE_SYNC
		; make_durable()
#endif
	fi
}

/* put(): begin(), append(), end() */
inline order(me) {
	enter_latch(me);
	if
	:: failed
	:: else -> append()
	fi;
	latch = FREE;
#ifndef EARLY_ACK
	if
	:: failed
	:: else -> acknowledge(version)
	fi;
#endif
	atomic { version = 0; mark = 0; last = 0; line = 0; failed = false }
}

proctype writer(byte me) {
	byte n, version, mark, last, line;
	bool failed, inherited;

again:	{
		do
		:: atomic { orders == ORDERS && !poisoned -> break }
		:: atomic { orders < ORDERS && !poisoned ->
			orders++; line = orders };
			order(me)
		:: atomic { poisoned -> open[me] = false };
			atomic { !poisoned -> open[me] = true }
		od
	} unless { killed[me] };
	atomic {
		if
		:: killed[me] ->
			killed[me] = false;
			if /* the kernel, of a robust mutex */
#ifndef NOT_ROBUST
			:: latch == me + 1 -> latch = OWNER_DIED
#endif
			:: else
			fi;
			n = 0; version = 0; mark = 0; last = 0; line = 0;
			failed = false; inherited = false;
			goto again /* the supervisor's next fork */
		:: else -> open[me] = false
		fi
	}
}

/* ------------------------------------------------------------- readers -- */

/* What follows the index up to the mark, and what is made of the lines. */
inline check_ledger() {
	atomic {
		assert(mark == 2 * version);                    /* 5 */
		assert(version >= oldest);                      /* 3 */
#ifdef FILE_SIZE
		version = size / 2;
#endif
		assert(2 * version <= on_disk);                 /* 1 */
		assert(mark == 0 || file[mark - 1] == last);    /* 5 */
		n = 1;
		do
		:: n > version -> break
		:: n <= version ->
			assert(file[2 * n - 2] == file[2 * n - 1]); /* 2 */
			assert(file[2 * n - 2] == line_of[n]);      /* 2, 4 */
			n++
		od;
		n = 0; version = 0; mark = 0; last = 0; oldest = 0
	}
}

/* Any thread, no lock.  One look is enough: it can be at any moment. */
proctype reader() {
	byte n, version, mark, last, oldest;

	oldest = newest_ack;
	head_read();
	check_ledger()
}

/* -------------------------------------------------------- the supervisor -- */

proctype fate() {
	byte deaths;

	do
	:: atomic { deaths < DEATHS && !killed[0] -> killed[0] = true; deaths++ }
	:: atomic { deaths < DEATHS && !killed[1] -> killed[1] = true; deaths++ }
	:: break
	od
}

/* recover_if_poisoned(), and the child's settle_all() */
proctype supervisor() {
	byte n, version, mark, last;

end:	do
	:: atomic { poisoned && !open[0] && !open[1] -> latch = FREE };
		head_read_latched();
		ftruncate_to_mark();
		head_publish();
		atomic { version = 0; mark = 0; last = 0; poisoned = false }
	od
}

init {
	atomic {
		open[0] = true;
		open[1] = true;
		run writer(0);
		run writer(1);
		run reader();
		run supervisor();
		run fate()
	}
}
