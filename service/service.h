/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every process of the service has: made by the supervisor before the
 * fork, never changed after it.  Only the board is shared memory.
 *
 * It stands between the rooms: http and process see it; sale, audit and page,
 * which know nothing of a service, do not.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <sys/types.h>

#include <assert.h>

#include "locks/lock.h"
#include "service/flood.h"
#include "service/log.h"
#include "service/sale/inside.h"
#include "service/trouble.h"
#include "storage/store.h"

#define SERVICE_TOKEN_SIZE 65

/* A worker's exit status if it cannot open its shop: the board says why. */
#define SERVICE_CANNOT_OPEN 4

#define SERVICE_ROUTES_MAX 32 /* the last one counts what is no route */
#define SERVICE_STATUSES 600
#define SERVICE_ORIGINS_MAX 16 /* times that --allow-origin is given */

enum admin { ADMIN_OPEN, ADMIN_TOKEN, ADMIN_OFF };

/* What was chosen at start. */
struct options {
	char host[256]; /* as given, without brackets; "" is every address */
	uint16_t port;  /* 0: pick one */
	const char *data;
	bool existing;        /* refuse a directory that would be a new one */
	const char *store;    /* not given: of a new data directory */
	const char *database; /* of a store with hosts; NULL: not given */
	char lock[STORE_LOCK_SIZE];
	int64_t delay_min_ms, delay_max_ms;
	int64_t tickets; /* of the sale demo; 0: it is not opened */
	unsigned workers, clerks, batch, queue;
	int64_t timeout_ms, audit_timeout_ms;
	int64_t max_quantity;
	enum admin admin;
	bool log_json;
	/* Pages of which origins may look and buy: lists, with commas. */
	const char *origins[SERVICE_ORIGINS_MAX];
	size_t origin_count;
	/* NULL: not given, so that admin follows from the host, … */
	const char *admin_given;
	/* … the store from the directory, … */
	const char *store_given;
	/* … and nobody is warned that the sale has other settings. */
	const char *lock_given, *delay_given, *tickets_given;
};

/* What one worker counts; see counting.h for who adds it up. */
struct tally {
	struct counting sale;
	counter http[SERVICE_ROUTES_MAX][SERVICE_STATUSES];
	struct histogram http_time[SERVICE_ROUTES_MAX];
	counter queue_depth; /* gauge */
	counter connections; /* gauge */
	counter turns;       /* of the HTTP loop, ten a second at least */
	/* By the supervisor. */
	counter deaths;
	counter permits_handed_back;
};

/* Shared memory; each field is atomic and written by whom it says. */
struct board {
	/*
	 * By the worker: it may have the store open; it serves.  While it is
	 * stuck the supervisor takes that back.
	 */
	_Atomic bool open[LOCK_WORKERS_MAX];
	_Atomic bool ready[LOCK_WORKERS_MAX];
	struct log_dropped log; /* by whoever logs */
	_Atomic bool served;    /* by a worker: since the start, some has */
	_Atomic bool draining;  /* by the supervisor */
	struct flood failed[OUTCOMES]; /* orders; by whoever answers them */
	struct flood full; /* workers that take no more connections */
	/* Why the store cannot be opened: by workers and the recovery. */
	struct trouble trouble;
	struct inside inside; /* by who is inside */
	struct tally tally[LOCK_WORKERS_MAX];
};

/* A sale's slot in the store is its slot among the locks. */
static_assert(STORE_SALES_MAX <= LOCK_SLOTS, "each sale has a lock");

struct prepared;

struct service {
	const struct options *options;
	const struct prepared *prepared; /* what startup.c tells of */
	struct locks *locks;
	struct store *store;
	struct board *board;
	struct log log;
	int listen_fd;
	char address[320]; /* "127.0.0.1:8080", as people type it */
	char token[SERVICE_TOKEN_SIZE]; /* "": admin has none */
	/*
	 * For drills: pipes inherited from the stress test, -1 without one.  A
	 * clerk that is about to write and finds a byte in `drill_order` says
	 * so in `drill_report` and stops its process there.
	 */
	int drill_order, drill_report;
	/* For the stress test: how clerks dawdle (jitter.h); 0: they do not. */
	uint64_t jitter;
	bool jitter_deep;
};

#endif
