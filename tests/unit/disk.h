/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program is also the disk, and the network: disk.c defines write(),
 * fdatasync(), send() and their like, so that a test can make one of them fail,
 * stop, or kill its process at exactly that call.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>

enum call {
	SYNC,
	WRITE,
	TRUNCATE,
	RENAME,
	UNLINK,
	SEND, /* these two are the network: a database's */
	RECEIVE,
	OPEN,
	SCAN,
	CALLS
};
enum fault { GO_ON, FAIL, CUT_SHORT, PAUSE, DIE, ALWAYS_SKIP, HOLD };

/* Each process has its own; set only while it has one thread. */
extern struct disk {
	struct plan {
		enum fault fault; /* once, but for ALWAYS_SKIP */
		int error;        /* FAIL's errno */
		unsigned skip;    /* calls of this kind that go well first */
	} plan[CALLS];
	/* Calls of any kind that changes something count twice, before and
	 * after. */
	unsigned die_at;
	int inside[2]; /* pipe: PAUSE writes a byte when it is there … */
	int go[2];     /* … and reads one before it goes on */
	/*
	 * If `root`, a directory, is set: what was called, a line each, with
	 * the path below it that was meant: "fsync /demo/sale.json.new".
	 */
	const char *root;
	char notes[4096];
	void (*on_sync)(const char *note); /* before it is done; or NULL */
} disk;

/*
 * A send that met HOLD is on its way, for as long as the test likes, and so is
 * the next one of that connection, its farewell: deliver the first, and wait
 * until the other side has answered.
 */
void disk_deliver(void);

/* Say that it is inside, and wait until it may go on. */
void disk_pause(void);

void arm(enum call call, enum fault fault, int error, unsigned skip);

/* True if the fault that was armed did not happen. */
bool disarm(enum call call);

#endif
