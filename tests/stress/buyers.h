/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crowd: buyers who ask over HTTP, all from one barrier.
 *
 * Each buyer has one connection, opened before the start, and asks one thing
 * at a time: a look at the sale, then a buy, then the next order.  Answers
 * are only written down; reading them is for later (told.h), so that the
 * client is never what is measured.
 *
 * An order that got no answer, or "outcome unknown", is asked for again by
 * its key, until it is known or RETRY_FOR_NS is over.
 *
 * One thread has a crowd.  libcurl's types stay in crowd.c and web.c.
 */
#ifndef CROWD_H
#define CROWD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/stress/buffer.h"

#define CROWD_NAME_SIZE 48
#define CROWD_KEY_SIZE 48

enum ask { ASK_LOOK, ASK_BUY };

/* One question, and the last answer to it. */
struct answer {
	enum ask ask;
	unsigned buyer;    /* from 0 */
	unsigned attempts; /* 1: answered at once */
	bool was_unknown;  /* an attempt before the last had no answer */
	uint16_t status;   /* HTTP; 0: none came */
	uint32_t body_size, timing_size; /* on the tape, timing first */
	size_t at;
	uint64_t order;           /* whose key it bore; of a buy */
	int64_t sent_ns, done_ns; /* the first attempt's, the last one's */
};

struct crowd;

struct crowd_plan {
	const char *sale;
	uint64_t seed;   /* of keys and names */
	uint64_t orders; /* 0: as many as `duration_ns` allows */
	int64_t duration_ns;
	unsigned quantity;
	bool looks;   /* each order is preceded by a query */
	bool trails;  /* receipts with trails */
	bool patient; /* 503: wait as told and ask again */
	/* The first of the keys' numbers; else two runs share keys. */
	uint64_t first_order;
	/*
	 * Called in the loop, at least every 2 ms, with the receipts so far;
	 * NULL: not wanted.
	 */
	void (*watch)(void *arg, uint64_t sold);
	void *watch_arg;
};

/* What was written down. */
struct crowd_log {
	struct answer *answers;
	size_t count;
	struct tape tape;
	int64_t start_ns, end_ns; /* the barrier; the last answer */
};

/* `url` without a path: "http://127.0.0.1:8080".  NULL: out of memory. */
struct crowd *crowd_new(const char *url, unsigned buyers);
void crowd_free(struct crowd *crowd);

/*
 * Open all connections, wait until all are open, start.  False: nobody could
 * connect, or `*stop` was set.
 */
bool crowd_run(struct crowd *crowd, const struct crowd_plan *plan,
    struct crowd_log *log, const volatile sig_atomic_t *stop);
void crowd_log_free(struct crowd_log *log);

/* The throughput of the client itself: GET `path`, over and over. */
bool crowd_flood(struct crowd *crowd, const char *path, int64_t duration_ns,
    struct crowd_log *log, const volatile sig_atomic_t *stop);

/* Buyer `i`'s name, and the key of order `n`; both differ from all others. */
void crowd_name(unsigned i, char name[CROWD_NAME_SIZE]);
void crowd_key(uint64_t seed, uint64_t n, char key[CROWD_KEY_SIZE]);

#endif
